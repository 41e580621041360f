CREATE OR REPLACE VIEW dataset_records ON CLUSTER 'book'
(
    record_id String COMMENT 'Id of the record',
    dataset_id Nullable(String) COMMENT 'Dataset that it belongs to',
    inputs Nullable(String) COMMENT 'Inputs, a JSON object',
    outputs Nullable(String) COMMENT 'Outputs, JSON',
    expectations Nullable(String) COMMENT 'Expectations, a JSON object',
    source_type Nullable(String) COMMENT 'TRACE, HUMAN, DOCUMENT or CODE',
    source_trace_id Nullable(String) COMMENT 'Trace that it was made from',
    tags Map(String, String) COMMENT 'Tags',
    created_at DateTime64(9, 'UTC') COMMENT 'Time of the oldest value that stands',
    updated_at DateTime64(9, 'UTC') COMMENT 'Time of the newest event'
)
AS SELECT
    e.id AS record_id,
    nullIf(anyIf(e.value, e.field = 'dataset.id'), '') AS dataset_id,
    nullIf(anyIf(e.value, e.field = 'inputs'), '') AS inputs,
    nullIf(anyIf(e.value, e.field = 'outputs'), '') AS outputs,
    nullIf(anyIf(e.value, e.field = 'expectations'), '') AS expectations,
    nullIf(anyIf(e.value, e.field = 'source.type'), '') AS source_type,
    nullIf(anyIf(e.value, e.field = 'source.trace_id'), '') AS source_trace_id,
    mapFromArrays(groupArrayIf(substring(e.field, 5), startsWith(e.field, 'tag.') AND e.value != ''), groupArrayIf(e.value, startsWith(e.field, 'tag.') AND e.value != '')) AS tags,
    min(e.version) AS created_at,
    max(e.version) AS updated_at
FROM entity_values AS e FINAL
WHERE e.entity = 'dataset.record'
GROUP BY e.tenant, e.id
HAVING anyIf(e.value, e.field = 'deleted') != 'true'
COMMENT 'Records of evaluation datasets, as their `spanbook.dataset.record` events tell them.';
