-- Sends the spans of traces with such requests in this bucket through the views again, as if they had been delivered once
-- more: their rows are then computed anew.
INSERT INTO traced_spans
SELECT * EXCEPT (bucket, part, partition, block)
FROM span_facts
WHERE bucket BETWEEN toDateTime({bucket:UInt32}) - INTERVAL 1 DAY AND toDateTime({bucket:UInt32}) + INTERVAL 1 DAY
    AND (tenant, trace_id) IN (
        SELECT tenant, trace_id
        FROM model_calls
        WHERE bucket = toDateTime({bucket:UInt32}) AND (provider, model) IN {models:Array(Tuple(String, String))}
            AND cityHash64(trace_id) % {shares:UInt64} = {share:UInt64})
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 100000000, min_insert_block_size_bytes = 10000000000, max_threads = 2, os_threads_nice_value_query = 5;
