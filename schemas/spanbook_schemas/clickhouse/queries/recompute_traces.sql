-- Computes dirty traces anew, from all their pieces, a share of them in each statement: the share bounds memory, and has to
-- be one block, since a trace cut in two by blocks would be two rows.
INSERT INTO retraced_spans
(
    version, stands, moved, tags, tenant, trace_id, span_id, parent_span_id, received_at, start_time, duration,
    experiment_id, experiment_name, model_id, model_name, run_id, session_id, user_id, name, service_name, span_type, failed, counts,
    provider, model, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, cost_reported,
    input, output
)
WITH
    delivery AS (
        SELECT
            trace_key, tenant, trace_id, span,
            -- The newest delivery of a span stands.
            row_number() OVER newest = 1 AS stands,
            (span.experiment_id, toStartOfFiveMinutes(span.start_time)) != first_value((span.experiment_id, toStartOfFiveMinutes(span.start_time))) OVER newest AS moved,
            span.input_tokens IS NOT NULL OR span.output_tokens IS NOT NULL AS has_usage,
            toUnixTimestamp64Nano(span.start_time) AS start_nano,
            start_nano + toInt64(span.duration) AS end_nano,
            span.counts AND (tenant, trace_id, span.span_id) NOT IN (SELECT tenant, trace_id, span_id FROM call_marks FINAL WHERE counts = 0) AS request
        FROM (
            SELECT trace_key, tenant, trace_id, inserted_at, arrayJoin(spans) AS span
            FROM trace_pieces
            WHERE inserted_at >= fromUnixTimestamp64Milli({oldest:Int64}, 'UTC') AND trace_key IN (
                SELECT trace_key FROM dirty_traces
                WHERE version = {version:UInt64} AND trace_key % {shares:UInt64} = {share:UInt64})
        )
        WINDOW newest AS (PARTITION BY trace_key, span.span_id ORDER BY span.received_at DESC, inserted_at DESC)
    )
SELECT
    {version:UInt64}, d.stands, d.moved, mapUpdate(d.span.tags, t.tags), d.tenant, d.trace_id, d.span.span_id, d.span.parent_span_id, d.span.received_at, d.span.start_time,
    d.span.duration, d.span.experiment_id, d.span.experiment_name, d.span.model_id, d.span.model_name, d.span.run_id, d.span.session_id, d.span.user_id,
    d.span.name, d.span.service_name, d.span.span_type, d.span.failed,
    -- Where requests report nothing, the outermost spans with usage count, by their times; of two that cover the same time
    -- the smaller id.
    d.request OR (d.has_usage AND has(a.reporting, (d.start_nano, d.end_nano, d.span.span_id)) AND NOT arrayExists(
        outer -> outer.1 <= d.start_nano AND outer.2 >= d.end_nano AND (outer.1 < d.start_nano OR outer.2 > d.end_nano OR outer.3 < d.span.span_id),
        a.reporting)),
    d.span.provider, d.span.model, d.span.input_tokens, d.span.output_tokens, d.span.cached_input_tokens, d.span.cache_write_tokens,
    d.span.reasoning_tokens, d.span.cost_reported, d.span.input, d.span.output
FROM delivery AS d
LEFT JOIN (
    SELECT trace_key, groupArrayIf(10000)((start_nano, end_nano, span.span_id), stands AND has_usage) AS reporting
    FROM delivery
    WHERE trace_key IN (SELECT trace_key FROM dirty_traces WHERE version = {version:UInt64} AND agents_report)
    GROUP BY trace_key
    HAVING countIf(stands AND request AND has_usage) = 0
) AS a ON a.trace_key = d.trace_key
LEFT JOIN (
    SELECT cityHash64(tenant, trace_id) AS trace_key, mapFromArrays(groupArray(key), groupArray(value)) AS tags
    FROM trace_tags FINAL
    WHERE (tenant, trace_id) IN (
        SELECT tenant, trace_id FROM trace_pieces
        WHERE inserted_at >= fromUnixTimestamp64Milli({oldest:Int64}, 'UTC') AND trace_key IN (SELECT trace_key FROM dirty_traces WHERE version = {version:UInt64} AND tagged))
    GROUP BY tenant, trace_id
) AS t ON t.trace_key = d.trace_key
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 100000000, min_insert_block_size_bytes = 10000000000, max_threads = 2, os_threads_nice_value_query = 5;
