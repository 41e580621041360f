-- Requests to models, each once: the ground of llm_calls and of usage, not for readers.
--
-- The cost is the one expression that traced_mv holds too; a test compares them.

CREATE OR REPLACE VIEW model_calls
(
    tenant String COMMENT 'Project of the API key',
    trace_id String COMMENT 'Trace id, hex',
    span_id String COMMENT 'Span id, hex',
    parent_span_id String COMMENT 'Span that made the call, empty for a root',
    model_id String COMMENT 'Logged model',
    session_id String COMMENT 'Session, empty when unknown',
    start_time DateTime64(9, 'UTC') COMMENT 'Start',
    time_to_first_token_ms Nullable(Float64) COMMENT 'Milliseconds to the first streamed piece',
    request_model String COMMENT 'Model that was asked for',
    response_model String COMMENT 'Model that answered',
    finish_reasons Array(String) COMMENT 'Why the model stopped',
    input_messages String COMMENT 'Messages to the model as the span has them, JSON',
    output_messages String COMMENT 'Messages of the model as the span has them, JSON',
    system_instructions String COMMENT 'System instructions as the span has them, JSON',
    error_type String COMMENT 'error.type',
    bucket DateTime('UTC') COMMENT 'Five minutes that the span is stored in',
    experiment_id String COMMENT 'Experiment',
    service_name String COMMENT 'service.name',
    agent_name String COMMENT 'gen_ai.agent.name',
    provider String COMMENT 'gen_ai.provider.name',
    model String COMMENT 'Response model, else request model',
    operation String COMMENT 'gen_ai.operation.name',
    duration_ms Float64 COMMENT 'Milliseconds',
    failed Bool COMMENT 'Whether its status is an error',
    input_tokens Nullable(UInt64) COMMENT 'Tokens read, cached ones included',
    output_tokens Nullable(UInt64) COMMENT 'Tokens written, reasoning included',
    cached_input_tokens Nullable(UInt64) COMMENT 'Tokens read from the cache',
    cache_write_tokens Nullable(UInt64) COMMENT 'Tokens written to the cache',
    reasoning_tokens Nullable(UInt64) COMMENT 'Tokens spent on reasoning',
    cost_usd Nullable(Float64) COMMENT 'US dollars, NULL when unknown',
    cost_source Nullable(String) COMMENT 'reported, computed or NULL'
)
AS SELECT
    c.tenant AS tenant,
    c.trace_id AS trace_id,
    c.span_id AS span_id,
    c.parent_span_id AS parent_span_id,
    c.model_id AS model_id,
    c.session_id AS session_id,
    c.start_time AS start_time,
    c.time_to_first_token_ms AS time_to_first_token_ms,
    c.request_model AS request_model,
    c.response_model AS response_model,
    c.finish_reasons AS finish_reasons,
    c.input_messages AS input_messages,
    c.output_messages AS output_messages,
    c.system_instructions AS system_instructions,
    c.error_type AS error_type,
    c.bucket AS bucket,
    c.experiment_id AS experiment_id,
    c.service_name AS service_name,
    c.agent_name AS agent_name,
    c.provider AS provider,
    c.model AS model,
    c.operation AS operation,
    c.duration_ms AS duration_ms,
    c.failed AS failed,
    c.input_tokens AS input_tokens,
    c.output_tokens AS output_tokens,
    c.cached_input_tokens AS cached_input_tokens,
    c.cache_write_tokens AS cache_write_tokens,
    c.reasoning_tokens AS reasoning_tokens,
    c.cost_usd AS cost_usd,
    multiIf(c.cost_reported IS NOT NULL, 'reported', c.cost_usd IS NOT NULL, 'computed', NULL) AS cost_source
FROM (
    SELECT
        s.tenant AS tenant,
        s.TraceId AS trace_id,
        s.SpanId AS span_id,
        s.ParentSpanId AS parent_span_id,
        s.model_id AS model_id,
        if(s.session_id != '', s.session_id, s.conversation_id) AS session_id,
        s.Timestamp AS start_time,
        s.time_to_first_token_ms AS time_to_first_token_ms,
        s.request_model AS request_model,
        s.response_model AS response_model,
        s.finish_reasons AS finish_reasons,
        s.input_messages AS input_messages,
        s.output_messages AS output_messages,
        s.system_instructions AS system_instructions,
        s.error_type AS error_type,
        toStartOfFiveMinutes(s.PartitionTime) AS bucket,
        s.experiment_id AS experiment_id,
        s.ServiceName AS service_name,
        s.agent_name AS agent_name,
        s.provider AS provider,
        if(s.response_model != '', s.response_model, s.request_model) AS model,
        s.operation AS operation,
        s.Duration / 1e6 AS duration_ms,
        s.StatusCode = 'Error' AS failed,
        s.input_tokens AS input_tokens,
        s.output_tokens AS output_tokens,
        s.cached_input_tokens AS cached_input_tokens,
        s.cache_write_tokens AS cache_write_tokens,
        s.reasoning_tokens AS reasoning_tokens,
        s.cost_reported AS cost_reported,
        -- Input includes what was read from and written to the cache, output includes reasoning. The price in force is named by a
        -- lambda, since whatever a multiIf holds is computed for each of its branches.
        arrayMap(price -> multiIf(
            s.cost_reported IS NOT NULL, s.cost_reported,
            (s.input_tokens IS NULL AND s.output_tokens IS NULL) OR (price.input IS NULL AND price.output IS NULL), NULL,
            (greatest(toFloat64(ifNull(s.input_tokens, 0)) - ifNull(s.cached_input_tokens, 0) - ifNull(s.cache_write_tokens, 0), 0) * ifNull(price.input, 0)
                + ifNull(s.cached_input_tokens, 0) * coalesce(price.cache_read, price.input, 0)
                + ifNull(s.cache_write_tokens, 0) * coalesce(price.cache_write, price.input, 0)
                + greatest(toFloat64(ifNull(s.output_tokens, 0)) - ifNull(s.reasoning_tokens, 0), 0) * ifNull(price.output, 0)
                + ifNull(s.reasoning_tokens, 0) * coalesce(price.reasoning, price.output, 0)) / 1e6),
            [arrayLast(
                dated -> dated.effective_from <= s.Timestamp AND (dated.min_input_tokens = 0 OR dated.min_input_tokens < s.input_tokens),
                p.prices)])[1] AS cost_usd
    FROM otel_traces AS s FINAL
    LEFT JOIN priced_models AS p FINAL ON p.provider = s.provider AND p.model = if(s.response_model != '', s.response_model, s.request_model)
    -- Where there is no mark at all, which is known before a row is read, ids need not be.
    WHERE (s.span_type IN ('llm', 'embedding')
            AND ((SELECT count() = 0 FROM call_marks)
                OR (s.tenant, s.TraceId, s.SpanId) NOT IN (SELECT m.tenant, m.trace_id, m.span_id FROM call_marks AS m FINAL WHERE m.counts = 0)))
        OR ((SELECT count() > 0 FROM call_marks)
            AND (s.input_tokens IS NOT NULL OR s.output_tokens IS NOT NULL)
            AND (s.tenant, s.TraceId, s.SpanId) IN (SELECT m.tenant, m.trace_id, m.span_id FROM call_marks AS m FINAL WHERE m.counts = 1))
) AS c;
