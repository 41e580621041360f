CREATE OR REPLACE VIEW sessions ON CLUSTER 'book'
(
    session_id String COMMENT 'session.id, else gen_ai.conversation.id',
    experiment_id String COMMENT 'Experiment of its newest trace',
    user_id Nullable(String) COMMENT 'User of its newest trace that has one',
    start_time DateTime64(9, 'UTC') COMMENT 'Start of its first trace',
    last_time DateTime64(9, 'UTC') COMMENT 'Start of its newest trace',
    trace_count UInt64 COMMENT 'Traces',
    error_count UInt64 COMMENT 'Traces whose root failed',
    llm_call_count UInt64 COMMENT 'Requests to models',
    tool_call_count UInt64 COMMENT 'Tool calls',
    input_tokens Nullable(UInt64) COMMENT 'Tokens read by models; NULL when none were reported',
    output_tokens Nullable(UInt64) COMMENT 'Tokens written by models; NULL when none were reported',
    cost_usd Nullable(Float64) COMMENT 'US dollars of the traces whose cost is known; NULL when none is',
    first_input Nullable(String) COMMENT 'Input of its first trace, a preview',
    last_output Nullable(String) COMMENT 'Output of its newest trace, a preview'
)
AS SELECT
    t.session_id AS session_id,
    argMax(t.experiment_id, t.start_time) AS experiment_id,
    nullIf(argMaxIf(t.user_id, t.start_time, t.user_id != ''), '') AS user_id,
    min(t.start_time) AS start_time,
    max(t.start_time) AS last_time,
    count() AS trace_count,
    countIf(t.root_failed) AS error_count,
    sum(t.llm_call_count) AS llm_call_count,
    sum(t.tool_call_count) AS tool_call_count,
    sum(t.input_tokens) AS input_tokens,
    sum(t.output_tokens) AS output_tokens,
    sum(t.cost_usd) AS cost_usd,
    nullIf(argMin(t.input, t.start_time), '') AS first_input,
    nullIf(argMax(t.output, t.start_time), '') AS last_output
FROM trace_rows AS t FINAL
WHERE t.session_id != ''
GROUP BY t.tenant, t.session_id
COMMENT 'Sessions: conversations of several traces, put together from their traces.';
