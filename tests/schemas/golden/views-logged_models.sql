CREATE OR REPLACE VIEW logged_models ON CLUSTER 'book'
(
    model_id String COMMENT 'Id: what spans carry as spanbook.model.id',
    name Nullable(String) COMMENT 'Name; NULL when none was said',
    experiment_id Nullable(String) COMMENT 'Experiment that it belongs to',
    model_type Nullable(String) COMMENT 'Kind of model, as said',
    status Nullable(String) COMMENT 'PENDING, READY or FAILED, as said',
    params Map(String, String) COMMENT 'Parameters',
    tags Map(String, String) COMMENT 'Tags',
    metrics Map(String, Float64) COMMENT 'Newest value of each metric',
    trace_count UInt64 COMMENT 'Traces that are held',
    first_trace_at Nullable(DateTime64(9, 'UTC')) COMMENT 'Start of the oldest trace that is held; NULL without traces',
    last_trace_at Nullable(DateTime64(9, 'UTC')) COMMENT 'Start of the newest trace; NULL without traces'
)
AS SELECT
    u.model_id AS model_id,
    nullIf(if(max(u.told_name) != '', max(u.told_name), max(u.sent_name)), '') AS name,
    nullIf(if(max(u.told_experiment) != '', max(u.told_experiment), max(u.sent_experiment)), '') AS experiment_id,
    nullIf(max(u.model_type), '') AS model_type,
    nullIf(max(u.status), '') AS status,
    maxMap(u.params) AS params,
    maxMap(u.tags) AS tags,
    maxMap(u.metrics) AS metrics,
    sum(u.traces) AS trace_count,
    minIf(u.first_at, u.traces > 0) AS first_trace_at,
    maxIf(u.last_at, u.traces > 0) AS last_trace_at
FROM (
    SELECT
        t.tenant AS tenant, toString(t.model_id) AS model_id, '' AS told_name, any(t.model_name) AS sent_name, '' AS told_experiment, any(t.experiment_id) AS sent_experiment,
        '' AS model_type, '' AS status, CAST(map(), 'Map(String, String)') AS params, CAST(map(), 'Map(String, String)') AS tags, CAST(map(), 'Map(String, Float64)') AS metrics,
        count() AS traces, toNullable(min(t.start_time)) AS first_at, toNullable(max(t.start_time)) AS last_at
    FROM trace_rows AS t FINAL
    WHERE t.model_id != ''
    GROUP BY tenant, model_id
    UNION ALL
    SELECT
        e.tenant, e.id, anyIf(e.value, e.field IN ('name', 'model.name')), '',
        argMaxIf(if(e.field = 'experiment.id', e.value, substring(lower(hex(SHA256(concat(e.tenant, '\0', e.value)))), 1, 16)),
            (e.version, e.field = 'experiment.id'), e.field IN ('experiment.id', 'experiment.name') AND e.value != ''), '',
        anyIf(e.value, e.field = 'type'), anyIf(e.value, e.field = 'status'),
        mapFromArrays(groupArrayIf(substring(e.field, 7), startsWith(e.field, 'param.') AND e.value != ''), groupArrayIf(e.value, startsWith(e.field, 'param.') AND e.value != '')),
        mapFromArrays(groupArrayIf(substring(e.field, 5), startsWith(e.field, 'tag.') AND e.value != ''), groupArrayIf(e.value, startsWith(e.field, 'tag.') AND e.value != '')),
        CAST(map(), 'Map(String, Float64)'), 0, NULL, NULL
    FROM entity_values AS e FINAL
    WHERE e.entity = 'logged_model'
    GROUP BY e.tenant, e.id
    HAVING anyIf(e.value, e.field = 'deleted') != 'true'
    UNION ALL
    SELECT
        n.tenant, n.model_id, '', '', '', '', '', '', CAST(map(), 'Map(String, String)'), CAST(map(), 'Map(String, String)'),
        mapFromArrays(groupArray(toString(n.name)), groupArray(n.value)), 0, NULL, NULL
    FROM (
        SELECT m.tenant AS tenant, m.model_id AS model_id, m.name AS name, argMax(m.value, (m.time, m.step)) AS value
        FROM logged_model_metrics AS m FINAL
        GROUP BY tenant, model_id, name
    ) AS n
    GROUP BY n.tenant, n.model_id
) AS u
GROUP BY u.tenant, u.model_id
COMMENT 'Logged models, the versions of applications: those that events tell of, and those that spans carry without a word.';
