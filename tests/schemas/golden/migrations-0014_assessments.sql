CREATE TABLE IF NOT EXISTS assessment_changes_local ON CLUSTER 'book'
(
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    assessment_id String COMMENT 'Id as sent, else a hash of target, name, source, time and value' CODEC(ZSTD(1)),
    version DateTime64(9, 'UTC') COMMENT 'Time of the event' CODEC(Delta(8), ZSTD(1)),
    kind LowCardinality(String) COMMENT 'feedback or expectation',
    name LowCardinality(String) COMMENT 'What is judged',
    trace_id String COMMENT 'Trace of the record, empty when it has none' CODEC(ZSTD(1)),
    span_id String COMMENT 'Span of the record, empty when it has none' CODEC(ZSTD(1)),
    response_id String COMMENT 'gen_ai.response.id, for those who do not know the span' CODEC(ZSTD(1)),
    session_id String COMMENT 'Session, for judgements of a whole conversation' CODEC(ZSTD(1)),
    experiment_id LowCardinality(String) COMMENT 'Experiment as sent, empty when not said',
    run_id LowCardinality(String) COMMENT 'Evaluation run, empty when none',
    source_type LowCardinality(String) COMMENT 'HUMAN, LLM_JUDGE, CODE or empty',
    source_id String COMMENT 'Who or what judged' CODEC(ZSTD(1)),
    value String COMMENT 'JSON; empty when there is none' CODEC(ZSTD(3)),
    score Nullable(Float64) COMMENT 'gen_ai.evaluation.score.value',
    label String COMMENT 'gen_ai.evaluation.score.label' CODEC(ZSTD(1)),
    rationale String COMMENT 'gen_ai.evaluation.explanation' CODEC(ZSTD(3)),
    error_code String COMMENT 'Why there is no judgement' CODEC(ZSTD(1)),
    error_message String COMMENT 'Message of that error' CODEC(ZSTD(3)),
    metadata String COMMENT 'JSON object' CODEC(ZSTD(3)),
    overrides String COMMENT 'Assessment that this one replaces' CODEC(ZSTD(1))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (tenant, assessment_id, version)
SETTINGS replicated_deduplication_window = 10000
COMMENT 'Every event that made or changed an assessment';

CREATE TABLE IF NOT EXISTS assessment_changes ON CLUSTER 'book' AS assessment_changes_local
ENGINE = Distributed('book', currentDatabase(), assessment_changes_local, cityHash64(trace_id));

CREATE TABLE IF NOT EXISTS assessment_rows ON CLUSTER 'book' AS assessment_changes
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}', version)
ORDER BY (tenant, assessment_id)
SETTINGS replicated_deduplication_window = 10000
COMMENT 'Assessments, the newest event of each';

CREATE MATERIALIZED VIEW IF NOT EXISTS assessment_changes_mv ON CLUSTER 'book' TO assessment_changes_local AS
SELECT
    e.tenant AS tenant,
    if(e.given_id != '', e.given_id, concat('a-', substring(lower(hex(SHA256(arrayStringConcat(
        [e.tenant, e.trace_id, e.span_id, e.response_id, e.session_id, e.kind, e.name, e.source_type, e.source_id, toString(toUnixTimestamp64Nano(e.version)), e.value], '\0')))), 1, 32))) AS assessment_id,
    e.* EXCEPT (tenant, given_id)
FROM (
    SELECT
        tenant,
        LogAttributes['spanbook.assessment.id'] AS given_id,
        Timestamp AS version,
        if(EventName = 'spanbook.expectation', 'expectation', 'feedback') AS kind,
        if(LogAttributes['gen_ai.evaluation.name'] != '', LogAttributes['gen_ai.evaluation.name'], LogAttributes['spanbook.assessment.name']) AS name,
        TraceId AS trace_id,
        SpanId AS span_id,
        LogAttributes['gen_ai.response.id'] AS response_id,
        if(LogAttributes['session.id'] != '', LogAttributes['session.id'], LogAttributes['gen_ai.conversation.id']) AS session_id,
        multiIf(
            LogAttributes['spanbook.experiment.id'] != '', LogAttributes['spanbook.experiment.id'],
            LogAttributes['spanbook.experiment.name'] != '', substring(lower(hex(SHA256(concat(tenant, '\0', LogAttributes['spanbook.experiment.name'])))), 1, 16),
            '') AS experiment_id,
        if(LogAttributes['spanbook.run.id'] != '', LogAttributes['spanbook.run.id'], ResourceAttributes['spanbook.run.id']) AS run_id,
        upper(LogAttributes['spanbook.assessment.source.type']) AS source_type,
        LogAttributes['spanbook.assessment.source.id'] AS source_id,
        toFloat64OrNull(LogAttributes['gen_ai.evaluation.score.value']) AS score,
        LogAttributes['gen_ai.evaluation.score.label'] AS label,
        multiIf(
            LogAttributes['spanbook.assessment.value'] != '', LogAttributes['spanbook.assessment.value'],
            score IS NOT NULL, LogAttributes['gen_ai.evaluation.score.value'],
            label != '', toJSONString(label),
            '') AS value,
        if(LogAttributes['gen_ai.evaluation.explanation'] != '', LogAttributes['gen_ai.evaluation.explanation'], LogAttributes['spanbook.assessment.rationale']) AS rationale,
        if(LogAttributes['spanbook.assessment.error.code'] != '', LogAttributes['spanbook.assessment.error.code'], LogAttributes['error.type']) AS error_code,
        LogAttributes['spanbook.assessment.error.message'] AS error_message,
        LogAttributes['spanbook.assessment.metadata'] AS metadata,
        LogAttributes['spanbook.assessment.overrides'] AS overrides
    FROM otel_logs_local
    WHERE EventName IN ('gen_ai.evaluation.result', 'spanbook.expectation')
) AS e;

CREATE MATERIALIZED VIEW IF NOT EXISTS assessment_rows_mv ON CLUSTER 'book' TO assessment_rows AS SELECT * FROM assessment_changes_local;
