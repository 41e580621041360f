-- Writes down which traces of these inserts have to be computed anew, so that the statements after it need not ask again.
-- A trace that lay whole in one insert and came in no other has its row already.
INSERT INTO dirty_traces (version, trace_key, span_count, agents_report, tagged)
SELECT {version:UInt64}, trace_key, sum(span_count), max(agents_report), max(tagged)
FROM trace_pieces
WHERE trace_key IN (
    SELECT trace_key FROM trace_pieces
    WHERE inserted_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
        AND (_partition_id, _block_number) IN {blocks:Array(Tuple(String, UInt64))})
GROUP BY trace_key
HAVING count() > 1 OR NOT min(whole);
