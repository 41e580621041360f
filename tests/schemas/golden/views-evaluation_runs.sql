CREATE OR REPLACE VIEW evaluation_runs ON CLUSTER 'book'
(
    run_id String COMMENT 'Id of the run: what spans carry as spanbook.run.id',
    name Nullable(String) COMMENT 'Name',
    experiment_id Nullable(String) COMMENT 'Experiment that it belongs to',
    status Nullable(String) COMMENT 'RUNNING, FINISHED or FAILED',
    model_id Nullable(String) COMMENT 'Logged model that was evaluated',
    dataset_id Nullable(String) COMMENT 'Dataset that was used',
    params Map(String, String) COMMENT 'Parameters',
    metrics Map(String, Float64) COMMENT 'Aggregated metrics, `name/mean` and so on',
    tags Map(String, String) COMMENT 'Tags',
    created_at DateTime64(9, 'UTC') COMMENT 'Time of the oldest value that stands',
    updated_at DateTime64(9, 'UTC') COMMENT 'Time of the newest event'
)
AS SELECT
    e.id AS run_id,
    nullIf(anyIf(e.value, e.field = 'name'), '') AS name,
    nullIf(anyIf(e.value, e.field = 'experiment.id'), '') AS experiment_id,
    nullIf(anyIf(e.value, e.field = 'status'), '') AS status,
    nullIf(anyIf(e.value, e.field = 'model.id'), '') AS model_id,
    nullIf(anyIf(e.value, e.field = 'dataset.id'), '') AS dataset_id,
    mapFromArrays(groupArrayIf(substring(e.field, 7), startsWith(e.field, 'param.') AND e.value != ''), groupArrayIf(e.value, startsWith(e.field, 'param.') AND e.value != '')) AS params,
    mapFromArrays(groupArrayIf(substring(e.field, 8), startsWith(e.field, 'metric.') AND e.value != ''), groupArrayIf(toFloat64OrZero(e.value), startsWith(e.field, 'metric.') AND e.value != '')) AS metrics,
    mapFromArrays(groupArrayIf(substring(e.field, 5), startsWith(e.field, 'tag.') AND e.value != ''), groupArrayIf(e.value, startsWith(e.field, 'tag.') AND e.value != '')) AS tags,
    min(e.version) AS created_at,
    max(e.version) AS updated_at
FROM entity_values AS e FINAL
WHERE e.entity = 'evaluation_run'
GROUP BY e.tenant, e.id
HAVING anyIf(e.value, e.field = 'deleted') != 'true'
COMMENT 'Evaluation runs, as their `spanbook.evaluation_run` events tell them.';
