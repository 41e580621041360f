-- Every event that made or changed an assessment, each once, however often it was sent.
--
-- Events have no identity of their own: two that say the same of the same time are one. Asked for one assessment, which
-- the key of the table begins with behind the tenant.

CREATE OR REPLACE VIEW assessment_history
(
    assessment_id String COMMENT 'Id of the assessment',
    changed_at DateTime64(9, 'UTC') COMMENT 'Time of the event',
    kind String COMMENT 'feedback or expectation',
    name String COMMENT 'What is judged',
    trace_id Nullable(String) COMMENT 'Trace as the event named it; NULL when it named none',
    span_id Nullable(String) COMMENT 'Span as the event named it; NULL when it named none',
    response_id Nullable(String) COMMENT 'Response of a model, named by those who do not know the span',
    session_id Nullable(String) COMMENT 'Session that is judged; NULL unless the event named one',
    experiment_id Nullable(String) COMMENT 'Experiment as said; NULL when not said',
    run_id Nullable(String) COMMENT 'Evaluation run that it was made in',
    source_type Nullable(String) COMMENT 'HUMAN, LLM_JUDGE or CODE',
    source_id Nullable(String) COMMENT 'Who or what judged',
    value Nullable(String) COMMENT 'Value as JSON: any type; NULL when there is only an error',
    score Nullable(Float64) COMMENT 'Value as a number; NULL when it is none',
    label Nullable(String) COMMENT 'Value as a word',
    rationale Nullable(String) COMMENT 'Why',
    error_code Nullable(String) COMMENT 'Why there is no judgement',
    error_message Nullable(String) COMMENT 'Message of that error',
    metadata Nullable(String) COMMENT 'JSON object',
    overrides Nullable(String) COMMENT 'Assessment that this one replaces'
)
AS SELECT
    c.assessment_id AS assessment_id,
    c.version AS changed_at,
    c.kind AS kind,
    c.name AS name,
    nullIf(c.trace_id, '') AS trace_id,
    nullIf(c.span_id, '') AS span_id,
    nullIf(c.response_id, '') AS response_id,
    nullIf(c.session_id, '') AS session_id,
    nullIf(c.experiment_id, '') AS experiment_id,
    nullIf(c.run_id, '') AS run_id,
    nullIf(c.source_type, '') AS source_type,
    nullIf(c.source_id, '') AS source_id,
    nullIf(c.value, '') AS value,
    c.score AS score,
    nullIf(c.label, '') AS label,
    nullIf(c.rationale, '') AS rationale,
    nullIf(c.error_code, '') AS error_code,
    nullIf(c.error_message, '') AS error_message,
    nullIf(c.metadata, '') AS metadata,
    nullIf(c.overrides, '') AS overrides
FROM (SELECT DISTINCT * FROM assessment_changes) AS c;
