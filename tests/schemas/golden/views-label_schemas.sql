CREATE OR REPLACE VIEW label_schemas ON CLUSTER 'book'
(
    schema_id String COMMENT 'Id of the question',
    name Nullable(String) COMMENT 'Name: what its assessments are named',
    experiment_id Nullable(String) COMMENT 'Experiment that it belongs to',
    kind Nullable(String) COMMENT 'feedback or expectation',
    title Nullable(String) COMMENT 'Question as it is shown',
    instruction Nullable(String) COMMENT 'What to look at',
    input Nullable(String) COMMENT 'How it is answered, JSON: pass_fail, categorical, numeric or text with its options',
    created_at DateTime64(9, 'UTC') COMMENT 'Time of the oldest value that stands',
    updated_at DateTime64(9, 'UTC') COMMENT 'Time of the newest event'
)
AS SELECT
    e.id AS schema_id,
    nullIf(anyIf(e.value, e.field = 'name'), '') AS name,
    nullIf(anyIf(e.value, e.field = 'experiment.id'), '') AS experiment_id,
    nullIf(anyIf(e.value, e.field = 'kind'), '') AS kind,
    nullIf(anyIf(e.value, e.field = 'title'), '') AS title,
    nullIf(anyIf(e.value, e.field = 'instruction'), '') AS instruction,
    nullIf(anyIf(e.value, e.field = 'input'), '') AS input,
    min(e.version) AS created_at,
    max(e.version) AS updated_at
FROM entity_values AS e FINAL
WHERE e.entity = 'label_schema'
GROUP BY e.tenant, e.id
HAVING anyIf(e.value, e.field = 'deleted') != 'true'
COMMENT 'Questions that people are asked about traces, as their `spanbook.label_schema` events tell them.';
