-- Sends the spans of these inserts, of block numbers from `first` to `last`, through the views that make rows and pieces of traces.
-- They have to be one block: a trace that is whole only in all of them has its row at once. A very large insert goes in shares of its
-- traces. What a try that failed has left does no harm, but the engine must not take the next for its repetition.
INSERT INTO traced_spans
SELECT * EXCEPT (bucket, part, partition, block)
FROM span_facts
WHERE part IN (
        SELECT name FROM system.parts
        WHERE database = currentDatabase() AND table = 'otel_traces' AND active
            AND max_block_number >= {first:UInt64} AND min_block_number <= {last:UInt64})
    AND (partition, block) IN {blocks:Array(Tuple(String, UInt64))}
    AND cityHash64(trace_id) % {shares:UInt64} = {share:UInt64}
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 100000000, min_insert_block_size_bytes = 10000000000, max_threads = 2, insert_deduplicate = 0;
