CREATE OR REPLACE VIEW calls_with_word ON CLUSTER 'book'
AS SELECT
    c.trace_id AS trace_id,
    c.span_id AS span_id,
    c.parent_span_id AS parent_span_id,
    c.experiment_id AS experiment_id,
    c.model_id AS model_id,
    c.session_id AS session_id,
    c.start_time AS start_time,
    c.duration_ms AS duration_ms,
    c.time_to_first_token_ms AS time_to_first_token_ms,
    c.operation AS operation,
    c.provider AS provider,
    c.request_model AS request_model,
    c.response_model AS response_model,
    c.input_tokens AS input_tokens,
    c.output_tokens AS output_tokens,
    c.cached_input_tokens AS cached_input_tokens,
    c.reasoning_tokens AS reasoning_tokens,
    c.cost_usd AS cost_usd,
    c.cost_source AS cost_source,
    c.finish_reasons AS finish_reasons,
    c.input_messages AS input_messages,
    c.output_messages AS output_messages,
    c.system_instructions AS system_instructions,
    c.error_type AS error_type,
    c.status AS status
FROM llm_calls AS c
WHERE (c.trace_id, c.span_id) IN (
    SELECT i.TraceId, i.SpanId FROM otel_traces AS i WHERE hasToken(lower(i.input_messages), lower({word:String}))
    UNION ALL
    SELECT o.TraceId, o.SpanId FROM otel_traces AS o WHERE hasToken(lower(o.output_messages), lower({word:String}))
    UNION ALL
    SELECT m.trace_id, m.span_id FROM span_content AS m WHERE hasToken(lower(m.content), lower({word:String})))
COMMENT 'Requests to models with a word in what was said: SELECT * FROM calls_with_word(word = ''voucher'').';
