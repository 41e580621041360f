-- How many traces a recomputation has to do, and from how many spans.
SELECT count(), sum(span_count) FROM dirty_traces WHERE version = {version:UInt64};
