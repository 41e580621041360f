CREATE OR REPLACE VIEW assessments ON CLUSTER 'book'
(
    assessment_id String COMMENT 'Id of the assessment',
    kind String COMMENT 'feedback or expectation',
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
    created_at DateTime64(9, 'UTC') COMMENT 'Time of the event',
    valid Bool COMMENT 'Whether no other assessment overrides it'
)
AS SELECT
    a.assessment_id AS assessment_id,
    a.kind AS kind,
    a.name AS name,
    nullIf(if(a.trace_id != '', a.trace_id, r.trace_id), '') AS trace_id,
    nullIf(if(a.trace_id != '', a.span_id, r.span_id), '') AS span_id,
    nullIf(a.session_id, '') AS session_id,
    nullIf(if(a.experiment_id != '', a.experiment_id, t.experiment_id), '') AS experiment_id,
    nullIf(a.run_id, '') AS run_id,
    nullIf(a.source_type, '') AS source_type,
    nullIf(a.source_id, '') AS source_id,
    nullIf(a.value, '') AS value,
    a.score AS score,
    nullIf(a.label, '') AS label,
    nullIf(a.rationale, '') AS rationale,
    nullIf(a.error_code, '') AS error_code,
    nullIf(a.error_message, '') AS error_message,
    nullIf(a.metadata, '') AS metadata,
    nullIf(a.overrides, '') AS overrides,
    a.version AS created_at,
    (a.tenant, a.assessment_id) NOT IN (SELECT tenant, overrides FROM assessment_rows FINAL WHERE overrides != '') AS valid
FROM (SELECT * FROM assessment_rows FINAL) AS a
LEFT JOIN response_ids AS r ON r.tenant = a.tenant AND r.response_id = if(a.trace_id = '', a.response_id, '')
LEFT JOIN (
    SELECT tenant, trace_id, any(experiment_id) AS experiment_id
    FROM trace_rows FINAL
    WHERE trace_id IN (SELECT trace_id FROM assessment_rows WHERE experiment_id = '')
        OR trace_id IN (SELECT trace_id FROM response_ids)
    GROUP BY tenant, trace_id
) AS t ON t.tenant = a.tenant AND t.trace_id = if(a.trace_id != '', a.trace_id, r.trace_id)
COMMENT 'What was judged of traces, spans and sessions: feedback and expectations, each id once, with the newest event.';
