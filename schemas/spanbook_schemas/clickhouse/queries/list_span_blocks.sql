-- Inserts since {since}, or within {overlap}, that are in these parts: (partition, block number) names an insert for ever.
SELECT _part, _partition_id, _block_number, toUnixTimestamp64Milli(max(inserted_at)) AS newest, count() AS spans, toUnixTimestamp64Milli(now64(3)) AS seen
FROM otel_traces
WHERE _part IN {parts:Array(String)} AND inserted_at >= fromUnixTimestamp64Milli(least({since:Int64}, toUnixTimestamp64Milli(now64(3)) - {overlap:Int64}), 'UTC')
GROUP BY ALL
ORDER BY newest, _block_number;
