CREATE OR REPLACE VIEW tool_calls ON CLUSTER 'book'
(
    trace_id String COMMENT 'Trace of the call',
    span_id String COMMENT 'Span of the call',
    parent_span_id Nullable(String) COMMENT 'Span that made the call; NULL for a root',
    experiment_id String COMMENT 'Experiment that the call belongs to',
    session_id Nullable(String) COMMENT 'session.id, else gen_ai.conversation.id; NULL when neither was set',
    agent_name Nullable(String) COMMENT 'Agent that called; NULL when not set',
    start_time DateTime64(9, 'UTC') COMMENT 'Start',
    duration_ms Float64 COMMENT 'Milliseconds from start to end',
    name String COMMENT 'gen_ai.tool.name, else the span''s name',
    call_id Nullable(String) COMMENT 'Id that the model gave the call; NULL when not set',
    type Nullable(String) COMMENT 'function, extension or datastore; NULL when not set',
    arguments Nullable(String) COMMENT 'Arguments, JSON; NULL when not captured',
    result Nullable(String) COMMENT 'Result, JSON; NULL when not captured',
    error_type Nullable(String) COMMENT 'error.type; NULL when not set',
    status String COMMENT 'OK or ERROR'
)
AS SELECT
    s.TraceId AS trace_id,
    s.SpanId AS span_id,
    nullIf(s.ParentSpanId, '') AS parent_span_id,
    s.experiment_id AS experiment_id,
    nullIf(if(s.session_id != '', s.session_id, s.conversation_id), '') AS session_id,
    nullIf(s.agent_name, '') AS agent_name,
    s.Timestamp AS start_time,
    s.Duration / 1e6 AS duration_ms,
    if(s.tool_name != '', s.tool_name, s.SpanName) AS name,
    nullIf(s.tool_call_id, '') AS call_id,
    nullIf(s.tool_type, '') AS type,
    nullIf(s.tool_arguments, '') AS arguments,
    nullIf(s.tool_result, '') AS result,
    nullIf(s.error_type, '') AS error_type,
    if(s.StatusCode = 'Error', 'ERROR', 'OK') AS status
FROM otel_traces AS s FINAL
WHERE s.span_type = 'tool'
COMMENT 'Calls of tools, with what went in and what came out.';
