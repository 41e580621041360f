CREATE OR REPLACE VIEW scorers ON CLUSTER 'book'
(
    scorer_id String COMMENT 'Id of the scorer',
    name Nullable(String) COMMENT 'Name: what its assessments are named',
    experiment_id Nullable(String) COMMENT 'Experiment that it belongs to',
    version Nullable(UInt64) COMMENT 'Version, counted from 1',
    kind Nullable(String) COMMENT 'code, judge or builtin',
    definition Nullable(String) COMMENT 'Definition, JSON',
    sample_rate Nullable(Float64) COMMENT 'Share of new traces that it judges; NULL when it only runs when asked',
    created_at DateTime64(9, 'UTC') COMMENT 'Time of the oldest value that stands',
    updated_at DateTime64(9, 'UTC') COMMENT 'Time of the newest event'
)
AS SELECT
    e.id AS scorer_id,
    nullIf(anyIf(e.value, e.field = 'name'), '') AS name,
    nullIf(anyIf(e.value, e.field = 'experiment.id'), '') AS experiment_id,
    toUInt64OrNull(anyIf(e.value, e.field = 'version')) AS version,
    nullIf(anyIf(e.value, e.field = 'kind'), '') AS kind,
    nullIf(anyIf(e.value, e.field = 'definition'), '') AS definition,
    toFloat64OrNull(anyIf(e.value, e.field = 'sample_rate')) AS sample_rate,
    min(e.version) AS created_at,
    max(e.version) AS updated_at
FROM entity_values AS e FINAL
WHERE e.entity = 'scorer'
GROUP BY e.tenant, e.id
HAVING anyIf(e.value, e.field = 'deleted') != 'true'
COMMENT 'Scorers that were registered, as their `spanbook.scorer` events tell them.';
