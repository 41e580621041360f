CREATE TABLE IF NOT EXISTS entity_values ON CLUSTER 'book'
(
    entity LowCardinality(String) COMMENT 'experiment, logged_model, dataset, dataset.record, evaluation_run, scorer …',
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    id String COMMENT 'Id of the entity' CODEC(ZSTD(1)),
    field String COMMENT 'What it is: the attribute without the event''s name; other spanbook attributes without `spanbook.`' CODEC(ZSTD(1)),
    value String COMMENT 'Value as text, JSON where it has structure; empty clears it' CODEC(ZSTD(3)),
    version DateTime64(9, 'UTC') COMMENT 'Time of the event' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}', version)
ORDER BY (entity, tenant, id, field)
SETTINGS replicated_deduplication_window = 10000
COMMENT 'Fields of entities; the newest value of each stands';

CREATE MATERIALIZED VIEW IF NOT EXISTS entity_values_mv ON CLUSTER 'book' TO entity_values AS
SELECT
    substring(EventName, 10) AS entity,
    tenant,
    multiIf(
        attributes[concat(EventName, '.id')] != '', attributes[concat(EventName, '.id')],
        EventName = 'spanbook.logged_model', attributes['spanbook.model.id'],
        EventName = 'spanbook.evaluation_run', attributes['spanbook.run.id'],
        EventName = 'spanbook.experiment' AND attributes['spanbook.experiment.name'] != '',
            substring(lower(hex(SHA256(concat(tenant, '\0', attributes['spanbook.experiment.name'])))), 1, 16),
        '') AS id,
    field,
    value,
    Timestamp AS version
FROM (
    SELECT
        EventName, tenant, Timestamp,
        mapUpdate(
            mapFilter((key, value) -> key = 'spanbook.model.id'
                OR key IN ('spanbook.experiment.id', 'spanbook.experiment.name') AND LogAttributes['spanbook.experiment.id'] = '' AND LogAttributes['spanbook.experiment.name'] = '',
                ResourceAttributes),
            LogAttributes) AS attributes
    FROM otel_logs_local
    WHERE startsWith(EventName, 'spanbook.') AND EventName NOT IN ('spanbook.expectation', 'spanbook.trace.tag', 'spanbook.logged_model.metric')
)
ARRAY JOIN
    arrayMap(key -> if(startsWith(key, concat(EventName, '.')), substring(key, length(EventName) + 2), substring(key, 10)),
        arrayFilter(key -> startsWith(key, 'spanbook.') AND key != concat(EventName, '.id'), mapKeys(attributes))) AS field,
    arrayMap(key -> attributes[key],
        arrayFilter(key -> startsWith(key, 'spanbook.') AND key != concat(EventName, '.id'), mapKeys(attributes))) AS value
WHERE id != '';

CREATE TABLE IF NOT EXISTS logged_model_metrics ON CLUSTER 'book'
(
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    model_id String COMMENT 'Logged model' CODEC(ZSTD(1)),
    name LowCardinality(String) COMMENT 'Name of the metric',
    time DateTime64(9, 'UTC') COMMENT 'When it was measured' CODEC(Delta(8), ZSTD(1)),
    step Int64 COMMENT 'Step, 0 when not said',
    value Float64 COMMENT 'Value' CODEC(ZSTD(1)),
    dataset_id String COMMENT 'Dataset it was measured on, empty when not said',
    run_id String COMMENT 'Evaluation run it was measured in, empty when not said'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}')
ORDER BY (tenant, model_id, name, time, step)
SETTINGS replicated_deduplication_window = 1000
COMMENT 'Metrics of logged models, a row for each measurement';

CREATE MATERIALIZED VIEW IF NOT EXISTS logged_model_metrics_mv ON CLUSTER 'book' TO logged_model_metrics AS
SELECT
    tenant,
    if(LogAttributes['spanbook.logged_model.id'] != '', LogAttributes['spanbook.logged_model.id'], LogAttributes['spanbook.model.id']) AS model_id,
    LogAttributes['spanbook.logged_model.metric.name'] AS name,
    Timestamp AS time,
    toInt64OrZero(LogAttributes['spanbook.logged_model.metric.step']) AS step,
    toFloat64OrZero(LogAttributes['spanbook.logged_model.metric.value']) AS value,
    LogAttributes['spanbook.dataset.id'] AS dataset_id,
    if(LogAttributes['spanbook.run.id'] != '', LogAttributes['spanbook.run.id'], ResourceAttributes['spanbook.run.id']) AS run_id
FROM otel_logs_local
WHERE EventName = 'spanbook.logged_model.metric' AND model_id != '';

CREATE TABLE IF NOT EXISTS trace_tags_local ON CLUSTER 'book'
(
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    trace_id String COMMENT 'Trace id, hex' CODEC(ZSTD(1)),
    key String COMMENT 'Key of the tag',
    value String COMMENT 'Value; empty takes the tag away' CODEC(ZSTD(1)),
    version DateTime64(9, 'UTC') COMMENT 'Time of the event'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (tenant, trace_id, key)
SETTINGS index_granularity = 1024, replicated_deduplication_window = 10000
COMMENT 'Tags that events gave to traces, over those that spans carry; the newest value of each stands';

CREATE TABLE IF NOT EXISTS trace_tags ON CLUSTER 'book' AS trace_tags_local
ENGINE = Distributed('book', currentDatabase(), trace_tags_local, cityHash64(trace_id));

CREATE MATERIALIZED VIEW IF NOT EXISTS trace_tags_mv ON CLUSTER 'book' TO trace_tags_local AS
SELECT tenant, TraceId AS trace_id, substring(tag.1, 14) AS key, tag.2 AS value, Timestamp AS version
FROM otel_logs_local
ARRAY JOIN CAST(mapFilter((key, value) -> startsWith(key, 'spanbook.tag.'), LogAttributes), 'Array(Tuple(String, String))') AS tag
WHERE EventName = 'spanbook.trace.tag' AND TraceId != '';

CREATE MATERIALIZED VIEW IF NOT EXISTS trace_tags_touch_mv ON CLUSTER 'book' TO trace_pieces_local AS
SELECT DISTINCT cityHash64(tenant, TraceId) AS trace_key, now64(3, 'UTC') AS inserted_at, tenant, TraceId AS trace_id, false AS whole, 0 AS span_count, true AS tagged
FROM otel_logs_local
WHERE EventName = 'spanbook.trace.tag' AND TraceId != '';
