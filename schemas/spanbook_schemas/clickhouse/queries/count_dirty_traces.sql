-- How many traces of these inserts have to be computed anew, and from how many spans.
-- A trace that lay whole in one insert and came in no other has its row already.
SELECT count() AS traces, sum(span_count) AS spans
FROM (
    SELECT trace_key, sum(span_count) AS span_count
    FROM trace_pieces
    WHERE trace_key IN (
        SELECT trace_key FROM trace_pieces
        WHERE inserted_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
            AND (_partition_id, _block_number) IN {blocks:Array(Tuple(String, UInt64))})
    GROUP BY trace_key
    HAVING count() > 1 OR NOT min(whole)
);
