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
    operation String COMMENT 'chat, text_completion, generate_content or fetch_response',
    provider Nullable(String) COMMENT 'gen_ai.provider.name; NULL when not set',
    request_model Nullable(String) COMMENT 'Model that was asked for; NULL when not set',
    response_model Nullable(String) COMMENT 'Model that answered; NULL when not reported',
    input_tokens Nullable(UInt64) COMMENT 'Tokens read, cached ones included; NULL when not reported',
    output_tokens Nullable(UInt64) COMMENT 'Tokens written, reasoning included; NULL when not reported',
    cached_input_tokens Nullable(UInt64) COMMENT 'Tokens read from the provider''s cache; NULL when not reported',
    reasoning_tokens Nullable(UInt64) COMMENT 'Tokens spent on reasoning; NULL when not reported',
    finish_reasons Array(String) COMMENT 'Why the model stopped, one for each choice',
    input_messages Nullable(String) COMMENT 'What the model was told, JSON; NULL when not captured',
    output_messages Nullable(String) COMMENT 'What the model answered, JSON; NULL when not captured',
    system_instructions Nullable(String) COMMENT 'System instructions, JSON; NULL when not captured',
    error_type Nullable(String) COMMENT 'error.type; NULL when not set',
    status String COMMENT 'OK or ERROR'
)
AS SELECT
    s.TraceId AS trace_id,
    s.SpanId AS span_id,
    nullIf(s.ParentSpanId, '') AS parent_span_id,
    s.experiment_id AS experiment_id,
    nullIf(s.model_id, '') AS model_id,
    nullIf(if(s.session_id != '', s.session_id, s.conversation_id), '') AS session_id,
    s.Timestamp AS start_time,
    s.Duration / 1e6 AS duration_ms,
    s.time_to_first_token_ms AS time_to_first_token_ms,
    s.operation AS operation,
    nullIf(s.provider, '') AS provider,
    nullIf(s.request_model, '') AS request_model,
    nullIf(s.response_model, '') AS response_model,
    s.input_tokens AS input_tokens,
    s.output_tokens AS output_tokens,
    s.cached_input_tokens AS cached_input_tokens,
    s.reasoning_tokens AS reasoning_tokens,
    s.finish_reasons AS finish_reasons,
    nullIf(if(s.input_messages != '', s.input_messages, m.input_messages), '') AS input_messages,
    nullIf(if(s.output_messages != '', s.output_messages, m.output_messages), '') AS output_messages,
    nullIf(if(s.system_instructions != '', s.system_instructions, m.system_instructions), '') AS system_instructions,
    nullIf(s.error_type, '') AS error_type,
    if(s.StatusCode = 'Error', 'ERROR', 'OK') AS status
FROM otel_traces AS s FINAL
LEFT JOIN span_messages AS m ON m.trace_id = s.TraceId AND m.span_id = s.SpanId AND m.tenant = s.tenant
WHERE s.span_type = 'llm';
