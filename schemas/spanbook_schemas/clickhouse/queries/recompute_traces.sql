-- Computes the dirty traces of these inserts anew, from all their pieces, a share of them in each statement: the share
-- bounds memory, and has to be one block, since a trace cut in two by blocks would be two rows.
INSERT INTO traced_spans
(
    version, stands, tags, tenant, trace_id, span_id, parent_span_id, received_at, start_time, duration,
    experiment_id, experiment_name, model_id, model_name, run_id, session_id, user_id, name, service_name, span_type, failed, counts,
    provider, model, response_id, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, cost_reported,
    input, output
)
SELECT
    {version:UInt64},
    -- The newest delivery of a span stands.
    row_number() OVER (PARTITION BY piece.tenant, piece.trace_id, piece.span.span_id ORDER BY piece.span.received_at DESC, piece.inserted_at DESC) = 1,
    piece.span.tags, piece.tenant, piece.trace_id, piece.span.span_id, piece.span.parent_span_id, piece.span.received_at, piece.span.start_time, piece.span.duration,
    piece.span.experiment_id, piece.span.experiment_name, piece.span.model_id, piece.span.model_name, piece.span.run_id, piece.span.session_id,
    piece.span.user_id, piece.span.name, piece.span.service_name, piece.span.span_type, piece.span.failed, piece.span.counts,
    piece.span.provider, piece.span.model, piece.span.response_id, piece.span.input_tokens, piece.span.output_tokens,
    piece.span.cached_input_tokens, piece.span.cache_write_tokens, piece.span.reasoning_tokens, piece.span.cost_reported,
    piece.span.input, piece.span.output
FROM (
    SELECT tenant, trace_id, inserted_at, arrayJoin(spans) AS span
    FROM trace_pieces
    WHERE trace_key IN (
        SELECT trace_key FROM trace_pieces
        WHERE trace_key IN (
            SELECT trace_key FROM trace_pieces
            WHERE inserted_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
                AND (_partition_id, _block_number) IN {blocks:Array(Tuple(String, UInt64))}
                AND trace_key % {shares:UInt64} = {share:UInt64})
        GROUP BY trace_key
        HAVING count() > 1 OR NOT min(whole))
) AS piece
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 100000000, min_insert_block_size_bytes = 10000000000, max_threads = 2;
