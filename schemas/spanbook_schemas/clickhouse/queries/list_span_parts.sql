-- Parts of the table of spans that were made since {since} and are not among those {read} before; never less than the last
-- {overlap} is looked at, for the clock may have gone back.
-- Asked every second, and answered from memory: to look into a part costs a millisecond, and one insert is one block is one part
-- until it is merged, or a delete makes it anew: of an old insert that is not done again, so such parts are looked into.
WITH now64(3) AS now
SELECT
    name, partition_id, min_block_number,
    toUnixTimestamp(modification_time) * 1000 + 999 AS newest,
    rows,
    toUnixTimestamp64Milli(now) AS seen,
    min_block_number = max_block_number AND data_version = min_block_number AS untouched
FROM system.parts
WHERE database = currentDatabase() AND table = 'otel_traces' AND active
    AND modification_time >= fromUnixTimestamp64Milli(least({since:Int64}, toUnixTimestamp64Milli(now) - {overlap:Int64})) - INTERVAL 1 SECOND
    AND name NOT IN {read:Array(String)}
ORDER BY newest, min_block_number;
