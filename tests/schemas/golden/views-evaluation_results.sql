CREATE OR REPLACE VIEW evaluation_results ON CLUSTER 'book'
(
    run_id String COMMENT 'Evaluation run',
    trace_id String COMMENT 'Trace that the run made',
    experiment_id String COMMENT 'Experiment of the trace',
    record_id Nullable(String) COMMENT 'Dataset record that was tried, the tag `record_id` of the trace; NULL when not said',
    start_time DateTime64(9, 'UTC') COMMENT 'Start of the trace',
    duration_ms Float64 COMMENT 'Milliseconds that it took',
    status String COMMENT 'OK, ERROR or IN_PROGRESS',
    input Nullable(String) COMMENT 'First 300 characters of the input',
    output Nullable(String) COMMENT 'First 300 characters of the output',
    cost_usd Nullable(Float64) COMMENT 'US dollars; NULL when unknown',
    scores Map(String, Float64) COMMENT 'Feedback with a number, by name; the newest valid one of each',
    feedback Map(String, String) COMMENT 'Values of feedback as JSON, by name',
    expectations Map(String, String) COMMENT 'Values of expectations as JSON, by name',
    errors Map(String, String) COMMENT 'Error codes of judgements that failed, by name'
)
AS SELECT
    assumeNotNull(t.run_id) AS run_id,
    t.trace_id AS trace_id,
    t.experiment_id AS experiment_id,
    nullIf(t.tags['record_id'], '') AS record_id,
    t.start_time AS start_time,
    t.duration_ms AS duration_ms,
    t.status AS status,
    t.input AS input,
    t.output AS output,
    t.cost_usd AS cost_usd,
    j.scores AS scores,
    j.feedback AS feedback,
    j.expectations AS expectations,
    j.errors AS errors
FROM traces AS t
LEFT JOIN (
    SELECT
        n.trace_id AS trace_id,
        mapFromArrays(groupArrayIf(n.name, n.kind = 'feedback' AND n.score IS NOT NULL), groupArrayIf(assumeNotNull(n.score), n.kind = 'feedback' AND n.score IS NOT NULL)) AS scores,
        mapFromArrays(groupArrayIf(n.name, n.kind = 'feedback' AND n.value IS NOT NULL), groupArrayIf(assumeNotNull(n.value), n.kind = 'feedback' AND n.value IS NOT NULL)) AS feedback,
        mapFromArrays(groupArrayIf(n.name, n.kind = 'expectation' AND n.value IS NOT NULL), groupArrayIf(assumeNotNull(n.value), n.kind = 'expectation' AND n.value IS NOT NULL)) AS expectations,
        mapFromArrays(groupArrayIf(n.name, n.error_code IS NOT NULL), groupArrayIf(assumeNotNull(n.error_code), n.error_code IS NOT NULL)) AS errors
    FROM (
        SELECT a.trace_id AS trace_id, a.kind AS kind, a.name AS name, a.score AS score, a.value AS value, a.error_code AS error_code
        FROM assessments AS a
        WHERE a.valid AND a.trace_id IS NOT NULL
        ORDER BY a.created_at DESC
        LIMIT 1 BY a.trace_id, a.kind, a.name
    ) AS n
    GROUP BY n.trace_id
) AS j ON j.trace_id = t.trace_id
WHERE t.run_id IS NOT NULL
COMMENT 'Results of evaluation runs: a row for each trace that a run made, with what was thought of it.';
