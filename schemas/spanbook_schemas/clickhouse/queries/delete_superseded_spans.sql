-- Takes away raw rows that newer deliveries have replaced (list_superseded_spans). Rare, so a mutation will do.
DELETE FROM otel_traces
WHERE toUnixTimestamp(toStartOfFiveMinutes(PartitionTime)) IN {buckets:Array(UInt32)}
    AND (tenant, TraceId, SpanId, experiment_id, toUnixTimestamp(toStartOfFiveMinutes(PartitionTime)))
        IN {spans:Array(Tuple(String, String, String, String, UInt32))};
