CREATE OR REPLACE VIEW labeling_sessions ON CLUSTER 'book'
(
    labeling_session_id String COMMENT 'Id of the labeling session',
    name Nullable(String) COMMENT 'Name',
    experiment_id Nullable(String) COMMENT 'Experiment that it belongs to',
    label_schemas Array(String) COMMENT 'Questions, by name',
    assignees Array(String) COMMENT 'Who is asked',
    reviews_per_item Nullable(UInt64) COMMENT 'How many people judge each item',
    instructions Nullable(String) COMMENT 'What to look at',
    tags Map(String, String) COMMENT 'Tags',
    created_at DateTime64(9, 'UTC') COMMENT 'Time of the oldest value that stands',
    updated_at DateTime64(9, 'UTC') COMMENT 'Time of the newest event'
)
AS SELECT
    e.id AS labeling_session_id,
    nullIf(anyIf(e.value, e.field = 'name'), '') AS name,
    nullIf(anyIf(e.value, e.field = 'experiment.id'), '') AS experiment_id,
    JSONExtract(anyIf(e.value, e.field = 'label_schemas'), 'Array(String)') AS label_schemas,
    JSONExtract(anyIf(e.value, e.field = 'assignees'), 'Array(String)') AS assignees,
    toUInt64OrNull(anyIf(e.value, e.field = 'reviews_per_item')) AS reviews_per_item,
    nullIf(anyIf(e.value, e.field = 'instructions'), '') AS instructions,
    mapFromArrays(groupArrayIf(substring(e.field, 5), startsWith(e.field, 'tag.') AND e.value != ''), groupArrayIf(e.value, startsWith(e.field, 'tag.') AND e.value != '')) AS tags,
    min(e.version) AS created_at,
    max(e.version) AS updated_at
FROM entity_values AS e FINAL
WHERE e.entity = 'labeling_session'
GROUP BY e.tenant, e.id
HAVING anyIf(e.value, e.field = 'deleted') != 'true'
COMMENT 'Labeling sessions: traces that people are asked to judge, as their `spanbook.labeling_session` events tell them.';
