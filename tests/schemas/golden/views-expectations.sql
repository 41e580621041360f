CREATE OR REPLACE VIEW expectations ON CLUSTER 'book'
(
    assessment_id String COMMENT 'Id of the assessment',
    name String COMMENT 'What is judged',
    trace_id Nullable(String) COMMENT 'Trace that is judged, found by its response id where only that was said; NULL when unknown or ambiguous',
    span_id Nullable(String) COMMENT 'Span that is judged; NULL for the whole trace',
    session_id Nullable(String) COMMENT 'Session that is judged; NULL unless the event named one',
    experiment_id Nullable(String) COMMENT 'Experiment, as said, else that of the trace',
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
    overrides Nullable(String) COMMENT 'Assessment that this one replaces',
    created_at DateTime64(9, 'UTC') COMMENT 'Time of the event'
)
AS SELECT
    a.assessment_id AS assessment_id,
    a.name AS name,
    a.trace_id AS trace_id,
    a.span_id AS span_id,
    a.session_id AS session_id,
    a.experiment_id AS experiment_id,
    a.run_id AS run_id,
    a.source_type AS source_type,
    a.source_id AS source_id,
    a.value AS value,
    a.score AS score,
    a.label AS label,
    a.rationale AS rationale,
    a.error_code AS error_code,
    a.error_message AS error_message,
    a.metadata AS metadata,
    a.overrides AS overrides,
    a.created_at AS created_at
FROM assessments AS a
WHERE a.kind = 'expectation' AND a.valid
COMMENT 'Expectations: what answers should have been. Those that were overridden are left out.';
