-- Entities: what events named `spanbook.<entity>` say of experiments, logged models, datasets, evaluation runs and others.
--
-- A row is one field of one entity, with the time of the event that said it: the newest value of each field stands, in
-- whatever order events arrive. (CoalescingMergeTree would let the last to arrive stand.) Fields that are maps, as tags,
-- are fields `tag.<key>` of their own, so an event changes one of them and leaves the others. otel_logs is the history.

CREATE TABLE IF NOT EXISTS entity_values
(
    entity LowCardinality(String) COMMENT 'experiment, logged_model, dataset, dataset.record, evaluation_run, scorer …',
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    id String COMMENT 'Id of the entity' CODEC(ZSTD(1)),
    field String COMMENT 'What it is: the attribute without the event''s name; other spanbook attributes without `spanbook.`' CODEC(ZSTD(1)),
    value String COMMENT 'Value as text, JSON where it has structure; empty clears it' CODEC(ZSTD(3)),
    version DateTime64(9, 'UTC') COMMENT 'Time of the event' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
-- Views read all of an entity, or one id.
ORDER BY (entity, tenant, id, field)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Fields of entities; the newest value of each stands';

CREATE MATERIALIZED VIEW IF NOT EXISTS entity_values_mv TO entity_values AS
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
        -- The experiment and model of whoever speaks hold where the event does not say; an experiment's id and its name are said together or not at all.
        mapUpdate(
            mapFilter((key, value) -> key = 'spanbook.model.id'
                OR key IN ('spanbook.experiment.id', 'spanbook.experiment.name') AND LogAttributes['spanbook.experiment.id'] = '' AND LogAttributes['spanbook.experiment.name'] = '',
                ResourceAttributes),
            LogAttributes) AS attributes
    FROM otel_logs
    WHERE startsWith(EventName, 'spanbook.') AND EventName NOT IN ('spanbook.expectation', 'spanbook.trace.tag', 'spanbook.logged_model.metric')
)
ARRAY JOIN
    arrayMap(key -> if(startsWith(key, concat(EventName, '.')), substring(key, length(EventName) + 2), substring(key, 10)),
        arrayFilter(key -> startsWith(key, 'spanbook.') AND key != concat(EventName, '.id'), mapKeys(attributes))) AS field,
    arrayMap(key -> attributes[key],
        arrayFilter(key -> startsWith(key, 'spanbook.') AND key != concat(EventName, '.id'), mapKeys(attributes))) AS value
WHERE id != '';

CREATE TABLE IF NOT EXISTS logged_model_metrics
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
ENGINE = ReplacingMergeTree
-- A model's metrics; the same measurement sent twice is one.
ORDER BY (tenant, model_id, name, time, step)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Metrics of logged models, a row for each measurement';

CREATE MATERIALIZED VIEW IF NOT EXISTS logged_model_metrics_mv TO logged_model_metrics AS
SELECT
    tenant,
    if(LogAttributes['spanbook.logged_model.id'] != '', LogAttributes['spanbook.logged_model.id'], LogAttributes['spanbook.model.id']) AS model_id,
    LogAttributes['spanbook.logged_model.metric.name'] AS name,
    Timestamp AS time,
    toInt64OrZero(LogAttributes['spanbook.logged_model.metric.step']) AS step,
    toFloat64OrZero(LogAttributes['spanbook.logged_model.metric.value']) AS value,
    LogAttributes['spanbook.dataset.id'] AS dataset_id,
    if(LogAttributes['spanbook.run.id'] != '', LogAttributes['spanbook.run.id'], ResourceAttributes['spanbook.run.id']) AS run_id
FROM otel_logs
WHERE EventName = 'spanbook.logged_model.metric' AND model_id != '';

CREATE TABLE IF NOT EXISTS trace_tags
(
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    trace_id String COMMENT 'Trace id, hex' CODEC(ZSTD(1)),
    key String COMMENT 'Key of the tag',
    value String COMMENT 'Value; empty takes the tag away' CODEC(ZSTD(1)),
    version DateTime64(9, 'UTC') COMMENT 'Time of the event'
)
ENGINE = ReplacingMergeTree(version)
-- Recomputations ask for the tags of a few traces.
ORDER BY (tenant, trace_id, key)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000
COMMENT 'Tags that events gave to traces, over those that spans carry; the newest value of each stands';

CREATE MATERIALIZED VIEW IF NOT EXISTS trace_tags_mv TO trace_tags AS
SELECT tenant, TraceId AS trace_id, substring(tag.1, 14) AS key, tag.2 AS value, Timestamp AS version
FROM otel_logs
ARRAY JOIN CAST(mapFilter((key, value) -> startsWith(key, 'spanbook.tag.'), LogAttributes), 'Array(Tuple(String, String))') AS tag
WHERE EventName = 'spanbook.trace.tag' AND TraceId != '';

-- A tag touches its trace, which may not have come yet.
CREATE MATERIALIZED VIEW IF NOT EXISTS trace_tags_touch_mv TO trace_pieces AS
SELECT DISTINCT cityHash64(tenant, TraceId) AS trace_key, now64(3, 'UTC') AS inserted_at, tenant, TraceId AS trace_id, false AS whole, 0 AS span_count, true AS tagged
FROM otel_logs
WHERE EventName = 'spanbook.trace.tag' AND TraceId != '';
