-- Pieces of traces that were written since {since}; the derivation leaves out those it has done.
-- Asked every second: (partition, block number) names what was written together for ever, also after merges, and `inserted_at`
-- prunes. Never less than the last {overlap} are looked at, for the clock may have gone back.
WITH (SELECT toUnixTimestamp64Milli(now64(3))) AS now
SELECT
    any(_part) AS part,
    _partition_id AS partition,
    _block_number AS block,
    toUnixTimestamp64Milli(max(inserted_at)) AS newest,
    count() AS pieces,
    now AS seen,
    arrayMap(bucket -> toUnixTimestamp(bucket), groupUniqArrayArray(usage_buckets)) AS usage_buckets
FROM trace_pieces
WHERE inserted_at >= fromUnixTimestamp64Milli(least({since:Int64}, assumeNotNull(now) - {overlap:Int64}), 'UTC')
GROUP BY partition, block
ORDER BY newest, block;
