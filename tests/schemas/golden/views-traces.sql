CREATE OR REPLACE VIEW traces ON CLUSTER 'book'
(
    trace_id String COMMENT 'Trace id, 32 hex digits',
    experiment_id String COMMENT 'Experiment that the trace belongs to',
    experiment_name String COMMENT 'Display name of the experiment',
    model_id Nullable(String) COMMENT 'Logged model: the version of the application that ran; NULL when none was set',
    model_name Nullable(String) COMMENT 'Name of the logged model; NULL when none was set',
    run_id Nullable(String) COMMENT 'Evaluation run that made the trace; NULL when none did',
    name String COMMENT 'Name of the root span, or of the first span while the root has not come',
    service_name String COMMENT 'service.name of that span',
    start_time DateTime64(9, 'UTC') COMMENT 'Start of the first span',
    duration_ms Float64 COMMENT 'Milliseconds from the first start to the last end',
    status String COMMENT 'OK, ERROR or IN_PROGRESS: the status of the root span',
    session_id Nullable(String) COMMENT 'session.id, else gen_ai.conversation.id; NULL when unknown',
    user_id Nullable(String) COMMENT 'user.id; NULL when unknown',
    input Nullable(String) COMMENT 'First 300 characters of the root''s input; NULL when none was captured',
    output Nullable(String) COMMENT 'First 300 characters of the root''s output; NULL when none was captured',
    span_count UInt32 COMMENT 'Spans in the trace',
    llm_call_count UInt32 COMMENT 'Requests to models, each counted once',
    tool_call_count UInt32 COMMENT 'Tool calls',
    error_count UInt32 COMMENT 'Spans whose status is an error',
    input_tokens Nullable(UInt64) COMMENT 'Tokens read by models, cached ones included; NULL when not reported',
    output_tokens Nullable(UInt64) COMMENT 'Tokens written by models, reasoning included; NULL when not reported',
    cost_usd Nullable(Float64) COMMENT 'US dollars for all requests to models; NULL when unknown for any of them',
    cost_source Nullable(String) COMMENT 'reported by the client, computed from model_prices, mixed, or NULL when unknown',
    tags Map(String, String) COMMENT 'Tags of the trace'
)
AS SELECT
    t.trace_id AS trace_id,
    t.experiment_id AS experiment_id,
    if(e.value != '', e.value, t.experiment_name) AS experiment_name,
    nullIf(t.model_id, '') AS model_id,
    nullIf(t.model_name, '') AS model_name,
    nullIf(t.run_id, '') AS run_id,
    t.name AS name,
    t.service_name AS service_name,
    t.start_time AS start_time,
    t.duration_ms AS duration_ms,
    multiIf(
        t.has_root, if(t.root_failed, 'ERROR', 'OK'),
        t.last_received_at > now64(3) - INTERVAL 1 HOUR, 'IN_PROGRESS',
        t.error_count > 0, 'ERROR', 'OK') AS status,
    nullIf(t.session_id, '') AS session_id,
    nullIf(t.user_id, '') AS user_id,
    nullIf(t.input, '') AS input,
    nullIf(t.output, '') AS output,
    t.span_count AS span_count,
    t.llm_call_count AS llm_call_count,
    t.tool_call_count AS tool_call_count,
    t.error_count AS error_count,
    t.input_tokens AS input_tokens,
    t.output_tokens AS output_tokens,
    t.cost_usd AS cost_usd,
    t.cost_source AS cost_source,
    mapFilter((key, value) -> value != '', t.tags) AS tags
FROM trace_rows AS t FINAL
LEFT JOIN (SELECT tenant, id, value FROM entity_values FINAL WHERE entity = 'experiment' AND field = 'name') AS e
    ON e.tenant = t.tenant AND e.id = t.experiment_id
COMMENT 'Traces, one row each: what most readers start from.';
