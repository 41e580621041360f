-- Inserts that may have touched traces since {since}; the derivation leaves out those it has done.
-- Asked every second: (partition, block number) names an insert for ever, also after merges, and `inserted_at` prunes.
SELECT
    _partition_id AS partition,
    _block_number AS block,
    toUnixTimestamp64Milli(max(inserted_at)) AS newest,
    count() AS traces,
    arrayMap(bucket -> toUnixTimestamp(bucket), groupUniqArrayArray(usage_buckets)) AS usage_buckets
FROM trace_pieces
WHERE inserted_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
GROUP BY partition, block
ORDER BY newest, block;
