-- Writes down which traces of these inserts have to be computed anew, so that the statements after it need not ask again.
-- A trace that lay whole in one insert and came in no other has its row already.
-- Partitions of trace_pieces are days of inserts: `oldest` says how far back a trace is looked for, and `first_before` leaves
-- only those that began before a moment.
INSERT INTO dirty_traces (version, trace_key, span_count, agents_report, tagged, oldest, usage_buckets)
SELECT {version:UInt64}, trace_key, sum(span_count), max(agents_report), max(tagged), min(inserted_at),
    -- What agents report counts or not with what else is there, so their buckets change with any piece.
    if(max(agents_report), groupUniqArrayArray(usage_buckets), [])
FROM trace_pieces
WHERE inserted_at >= fromUnixTimestamp64Milli({oldest:Int64}, 'UTC') AND trace_key IN (
    SELECT trace_key FROM trace_pieces
    WHERE inserted_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
        AND (_partition_id, _block_number) IN {blocks:Array(Tuple(String, UInt64))})
GROUP BY trace_key
HAVING (count() > 1 OR NOT min(whole)) AND min(inserted_at) < fromUnixTimestamp64Milli({first_before:Int64}, 'UTC')
SETTINGS os_threads_nice_value_query = 5;
