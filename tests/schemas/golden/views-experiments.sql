CREATE OR REPLACE VIEW experiments ON CLUSTER 'book'
(
    experiment_id String COMMENT 'First 16 hex digits of SHA-256(tenant, 0x00, name), or as sent',
    name String COMMENT 'Display name',
    description Nullable(String) COMMENT 'Description; NULL when none was given',
    tags Map(String, String) COMMENT 'Tags',
    trace_count UInt64 COMMENT 'Traces that are held',
    first_trace_at Nullable(DateTime64(9, 'UTC')) COMMENT 'Start of the oldest trace that is held; NULL without traces',
    last_trace_at Nullable(DateTime64(9, 'UTC')) COMMENT 'Start of the newest trace; NULL without traces'
)
AS SELECT
    u.experiment_id AS experiment_id,
    if(max(u.told_name) != '', max(u.told_name), max(u.sent_name)) AS name,
    nullIf(max(u.description), '') AS description,
    maxMap(u.tags) AS tags,
    sum(u.traces) AS trace_count,
    minIf(u.first_at, u.traces > 0) AS first_trace_at,
    maxIf(u.last_at, u.traces > 0) AS last_trace_at
FROM (
    SELECT
        t.tenant AS tenant, t.experiment_id AS experiment_id, '' AS told_name, any(t.experiment_name) AS sent_name, '' AS description,
        CAST(map(), 'Map(String, String)') AS tags, count() AS traces, toNullable(min(t.start_time)) AS first_at, toNullable(max(t.start_time)) AS last_at
    FROM trace_rows AS t FINAL
    GROUP BY tenant, experiment_id
    UNION ALL
    SELECT
        e.tenant, e.id, anyIf(e.value, e.field = 'name'), '', anyIf(e.value, e.field = 'description'),
        mapFromArrays(groupArrayIf(substring(e.field, 5), startsWith(e.field, 'tag.') AND e.value != ''), groupArrayIf(e.value, startsWith(e.field, 'tag.') AND e.value != '')), 0, NULL, NULL
    FROM entity_values AS e FINAL
    WHERE e.entity = 'experiment'
    GROUP BY e.tenant, e.id
    HAVING anyIf(e.value, e.field = 'deleted') != 'true'
) AS u
GROUP BY u.tenant, u.experiment_id
COMMENT 'Experiments: those that events tell of, and those that traces belong to without a word.';
