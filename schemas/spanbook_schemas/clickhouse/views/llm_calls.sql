-- Requests to models, with their tokens and messages.
--
-- Messages may have come on the span or in log records (span_messages).

CREATE OR REPLACE VIEW llm_calls
(
    trace_id String COMMENT 'Trace of the call',
    span_id String COMMENT 'Span of the call',
    parent_span_id Nullable(String) COMMENT 'Span that made the call; NULL for a root',
    experiment_id String COMMENT 'Experiment that the call belongs to',
    model_id Nullable(String) COMMENT 'Logged model: the version of the application that ran; NULL when none was set',
    session_id Nullable(String) COMMENT 'session.id, else gen_ai.conversation.id; NULL when neither was set',
    start_time DateTime64(9, 'UTC') COMMENT 'Start',
    duration_ms Float64 COMMENT 'Milliseconds from request to the end of the answer',
    time_to_first_token_ms Nullable(Float64) COMMENT 'Milliseconds to the first streamed piece; NULL when not reported',
    operation String COMMENT 'chat, text_completion, generate_content, embeddings or fetch_response',
    provider Nullable(String) COMMENT 'gen_ai.provider.name; NULL when not set',
    request_model Nullable(String) COMMENT 'Model that was asked for; NULL when not set',
    response_model Nullable(String) COMMENT 'Model that answered; NULL when not reported',
    input_tokens Nullable(UInt64) COMMENT 'Tokens read, cached ones included; NULL when not reported',
    output_tokens Nullable(UInt64) COMMENT 'Tokens written, reasoning included; NULL when not reported',
    cached_input_tokens Nullable(UInt64) COMMENT 'Tokens read from the provider''s cache; NULL when not reported',
    reasoning_tokens Nullable(UInt64) COMMENT 'Tokens spent on reasoning; NULL when not reported',
    cost_usd Nullable(Float64) COMMENT 'US dollars, reported by the client or computed from model_prices; NULL when unknown',
    cost_source Nullable(String) COMMENT 'reported, computed, or NULL when the cost is unknown',
    finish_reasons Array(String) COMMENT 'Why the model stopped, one for each choice',
    input_messages Nullable(String) COMMENT 'What the model was told, JSON; NULL when not captured',
    output_messages Nullable(String) COMMENT 'What the model answered, JSON; NULL when not captured',
    system_instructions Nullable(String) COMMENT 'System instructions, JSON; NULL when not captured',
    error_type Nullable(String) COMMENT 'error.type; NULL when not set',
    status String COMMENT 'OK or ERROR'
)
AS SELECT
    c.trace_id AS trace_id,
    c.span_id AS span_id,
    nullIf(c.parent_span_id, '') AS parent_span_id,
    c.experiment_id AS experiment_id,
    nullIf(c.model_id, '') AS model_id,
    nullIf(c.session_id, '') AS session_id,
    c.start_time AS start_time,
    c.duration_ms AS duration_ms,
    c.time_to_first_token_ms AS time_to_first_token_ms,
    c.operation AS operation,
    nullIf(c.provider, '') AS provider,
    nullIf(c.request_model, '') AS request_model,
    nullIf(c.response_model, '') AS response_model,
    c.input_tokens AS input_tokens,
    c.output_tokens AS output_tokens,
    c.cached_input_tokens AS cached_input_tokens,
    c.reasoning_tokens AS reasoning_tokens,
    c.cost_usd AS cost_usd,
    c.cost_source AS cost_source,
    c.finish_reasons AS finish_reasons,
    nullIf(if(c.input_messages != '', c.input_messages, m.input_messages), '') AS input_messages,
    nullIf(if(c.output_messages != '', c.output_messages, m.output_messages), '') AS output_messages,
    nullIf(if(c.system_instructions != '', c.system_instructions, m.system_instructions), '') AS system_instructions,
    nullIf(c.error_type, '') AS error_type,
    if(c.failed, 'ERROR', 'OK') AS status
FROM model_calls AS c
-- Where no message ever came in a log record, nothing is looked up.
LEFT JOIN span_messages AS m ON m.trace_id = c.trace_id AND m.span_id = c.span_id AND m.tenant = c.tenant AND (SELECT count() > 0 FROM span_content);
