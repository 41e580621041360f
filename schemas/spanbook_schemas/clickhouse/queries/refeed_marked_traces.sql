-- Sends the spans of traces with calls that were just marked through the views again (refeed_traces).
INSERT INTO traced_spans
SELECT * EXCEPT (bucket, part, partition, block)
FROM span_facts
WHERE bucket BETWEEN toDateTime({oldest:UInt32}) - INTERVAL 1 DAY AND toDateTime({newest:UInt32}) + INTERVAL 1 DAY
    AND (tenant, trace_id) IN (SELECT tenant, trace_id FROM call_marks WHERE version = {version:UInt64})
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 100000000, min_insert_block_size_bytes = 10000000000, max_threads = 2, os_threads_nice_value_query = 5;
