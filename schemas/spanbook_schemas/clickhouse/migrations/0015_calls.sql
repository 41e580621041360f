-- Which spans are requests to a model whose tokens count, where their type alone does not say.
--
-- Two libraries may tell one request by a span each (same tenant, provider and response id, overlapping times, different
-- scopes): one counts, the other is marked 0. An agent may report usage while its model calls are no spans, or spans
-- without usage: it is marked 1. Both are rare, so the table is small.

CREATE TABLE IF NOT EXISTS call_marks
(
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    trace_id String COMMENT 'Trace id, hex' CODEC(ZSTD(1)),
    span_id String COMMENT 'Span id, hex' CODEC(ZSTD(1)),
    counts UInt8 COMMENT '0: another span tells this request; 1: a request although its type does not say so',
    version UInt64 COMMENT 'The newest stands',
    is_deleted UInt8 COMMENT '1: the mark was taken back',
    marked_at DateTime('UTC') DEFAULT now() COMMENT 'When'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
-- Retention drops whole days; a mark is never older than its span.
PARTITION BY toDate(marked_at)
ORDER BY (tenant, trace_id, span_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'Exceptions to which spans count as requests to models';

-- Recomputations find agents whose usage counts; all other spans with usage lose the mark.
CREATE MATERIALIZED VIEW IF NOT EXISTS call_marks_mv TO call_marks AS
SELECT tenant, trace_id, span_id, 1 AS counts, version, NOT counts_alone AS is_deleted
FROM (
    SELECT
        s.tenant AS tenant, s.trace_id AS trace_id, s.span_id AS span_id, s.version AS version, s.counts AS counts_alone
    FROM retraced_spans AS s
    WHERE s.stands AND s.span_type NOT IN ('llm', 'embedding') AND (s.input_tokens IS NOT NULL OR s.output_tokens IS NOT NULL)
);
