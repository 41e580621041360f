-- Inserts since {since} that are in these merged parts: (partition, block number) names an insert for ever.
SELECT _part, _partition_id, _block_number, toUnixTimestamp64Milli(max(inserted_at)) AS newest, count() AS spans, toUnixTimestamp64Milli(now64(3)) AS seen
FROM otel_traces
WHERE _part IN {parts:Array(String)} AND inserted_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
GROUP BY ALL
ORDER BY newest, _block_number;
