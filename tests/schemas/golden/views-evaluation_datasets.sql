CREATE OR REPLACE VIEW evaluation_datasets ON CLUSTER 'book'
(
    dataset_id String COMMENT 'Id of the dataset',
    name Nullable(String) COMMENT 'Name',
    experiment_id Nullable(String) COMMENT 'Experiment that it belongs to',
    description Nullable(String) COMMENT 'Description',
    source Nullable(String) COMMENT 'Where its records are from',
    created_by Nullable(String) COMMENT 'Who made it',
    tags Map(String, String) COMMENT 'Tags',
    created_at DateTime64(9, 'UTC') COMMENT 'Time of the oldest value that stands',
    updated_at DateTime64(9, 'UTC') COMMENT 'Time of the newest event'
)
AS SELECT
    e.id AS dataset_id,
    nullIf(anyIf(e.value, e.field = 'name'), '') AS name,
    nullIf(anyIf(e.value, e.field = 'experiment.id'), '') AS experiment_id,
    nullIf(anyIf(e.value, e.field = 'description'), '') AS description,
    nullIf(anyIf(e.value, e.field = 'source'), '') AS source,
    nullIf(anyIf(e.value, e.field = 'created_by'), '') AS created_by,
    mapFromArrays(groupArrayIf(substring(e.field, 5), startsWith(e.field, 'tag.') AND e.value != ''), groupArrayIf(e.value, startsWith(e.field, 'tag.') AND e.value != '')) AS tags,
    min(e.version) AS created_at,
    max(e.version) AS updated_at
FROM entity_values AS e FINAL
WHERE e.entity = 'dataset'
GROUP BY e.tenant, e.id
HAVING anyIf(e.value, e.field = 'deleted') != 'true'
COMMENT 'Evaluation datasets, as their `spanbook.dataset` events tell them.';
