-- Deliveries of a span that a newer one, with another start or experiment, has replaced: raw rows that the merges of
-- otel_traces cannot see to be the same span. Asked for the traces of these inserts.
SELECT
    tenant, trace_id, span_id, experiment_id, toUnixTimestamp(bucket) AS bucket, toUnixTimestamp64Milli(received_at) AS received_at
FROM (
    SELECT
        tenant, trace_id, span.span_id AS span_id, span.experiment_id AS experiment_id,
        toStartOfFiveMinutes(span.start_time) AS bucket, span.received_at AS received_at,
        first_value((span.experiment_id, toStartOfFiveMinutes(span.start_time))) OVER (PARTITION BY tenant, trace_id, span.span_id ORDER BY span.received_at DESC, inserted_at DESC) AS standing
    FROM (
        SELECT tenant, trace_id, inserted_at, arrayJoin(spans) AS span
        FROM trace_pieces
        WHERE trace_key IN (
            SELECT trace_key FROM trace_pieces
            WHERE inserted_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
                AND (_partition_id, _block_number) IN {blocks:Array(Tuple(String, UInt64))})
    )
)
WHERE (experiment_id, bucket) != standing;
