-- Requests that two spans tell, and whose marks are not yet so: the one with usage and content counts, then the earlier.
-- Asked for the buckets whose usage is computed, and those beside each. Nearly always one library tells all requests to a
-- provider, so that is asked first; messages are read of traces alone in which a request is told twice.
WITH
    told AS (  -- every delivery of a request
        SELECT tenant, provider, TraceId, ScopeName, cityHash64(tenant, provider, response_id) AS request
        FROM otel_traces
        WHERE toStartOfFiveMinutes(PartitionTime) IN {buckets:Array(UInt32)} AND span_type IN ('llm', 'embedding') AND response_id != ''
    ),
    retold AS (
        SELECT request
        FROM told
        WHERE (tenant, provider) IN (SELECT tenant, provider FROM told GROUP BY tenant, provider HAVING min(ScopeName) != max(ScopeName))
        GROUP BY request
        HAVING min(ScopeName) != max(ScopeName)
    )
SELECT marked.1 AS tenant, marked.2 AS trace_id, marked.3 AS span_id, marked.4 AS repeats
FROM (
    SELECT
        arraySort(call -> (NOT call.6, NOT call.7, call.4, call.3), groupArray((
            s.tenant, s.TraceId, s.SpanId, toUnixTimestamp64Nano(s.Timestamp), toUnixTimestamp64Nano(s.Timestamp) + toInt64(s.Duration),
            s.input_tokens IS NOT NULL OR s.output_tokens IS NOT NULL, s.input_messages != '', s.ScopeName))) AS calls,
        arrayJoin(arrayMap(call -> (
            toString(call.1), call.2, call.3,
            call.8 != calls[1].8 AND call.4 <= calls[1].5 AND call.5 >= calls[1].4), calls)) AS marked
    FROM otel_traces AS s FINAL
    PREWHERE s.TraceId IN (SELECT TraceId FROM told WHERE request IN (SELECT request FROM retold))
    WHERE toStartOfFiveMinutes(s.PartitionTime) IN {buckets:Array(UInt32)}
        AND s.span_type IN ('llm', 'embedding') AND s.response_id != ''
    GROUP BY s.tenant, s.provider, s.response_id
    HAVING count() > 1 AND uniqExact(s.ScopeName) > 1
)
WHERE repeats != ((tenant, trace_id, span_id) IN (SELECT tenant, trace_id, span_id FROM call_marks FINAL WHERE counts = 0))
-- By request there may be millions in a busy quarter of an hour.
SETTINGS max_bytes_before_external_group_by = 100000000, max_bytes_ratio_before_external_group_by = 0, os_threads_nice_value_query = 5;
