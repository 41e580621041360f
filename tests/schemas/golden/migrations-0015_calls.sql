CREATE TABLE IF NOT EXISTS call_marks_local ON CLUSTER 'book'
(
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    trace_id String COMMENT 'Trace id, hex' CODEC(ZSTD(1)),
    span_id String COMMENT 'Span id, hex' CODEC(ZSTD(1)),
    counts UInt8 COMMENT '0: another span tells this request; 1: a request although its type does not say so',
    version UInt64 COMMENT 'The newest stands',
    is_deleted UInt8 COMMENT '1: the mark was taken back',
    marked_at DateTime('UTC') DEFAULT now() COMMENT 'When'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version, is_deleted)
PARTITION BY toDate(marked_at)
ORDER BY (tenant, trace_id, span_id)
SETTINGS replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'Exceptions to which spans count as requests to models';

CREATE TABLE IF NOT EXISTS call_marks ON CLUSTER 'book' AS call_marks_local
ENGINE = Distributed('book', currentDatabase(), call_marks_local, cityHash64(trace_id));

CREATE MATERIALIZED VIEW IF NOT EXISTS call_marks_mv ON CLUSTER 'book' TO call_marks_local AS
SELECT tenant, trace_id, span_id, 1 AS counts, version, NOT counts_alone AS is_deleted
FROM (
    SELECT
        s.tenant AS tenant, s.trace_id AS trace_id, s.span_id AS span_id, s.version AS version, s.counts AS counts_alone
    FROM retraced_spans AS s
    WHERE s.stands AND s.span_type NOT IN ('llm', 'embedding') AND (s.input_tokens IS NOT NULL OR s.output_tokens IS NOT NULL)
);
