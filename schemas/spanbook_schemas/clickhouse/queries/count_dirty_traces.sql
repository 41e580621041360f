-- How many traces a recomputation has to do, from how many spans, how far back their pieces go, and whose usage changes.
SELECT
    uniqExact(trace_key), sum(span_count), toUnixTimestamp64Milli(min(oldest)),
    arrayMap(bucket -> toUnixTimestamp(bucket), groupUniqArrayArray(usage_buckets))
FROM dirty_traces
WHERE version = {version:UInt64};
