CREATE TABLE IF NOT EXISTS span_content_local ON CLUSTER 'book'
(
    tenant LowCardinality(String) COMMENT 'Project of the API key' CODEC(ZSTD(1)),
    trace_id String COMMENT 'Trace that the content belongs to' CODEC(ZSTD(1)),
    span_id String COMMENT 'Span that the content belongs to' CODEC(ZSTD(1)),
    part LowCardinality(String) COMMENT 'input_messages, output_messages, system_instructions or tool_definitions' CODEC(ZSTD(1)),
    position DateTime64(9) COMMENT 'Time of a single message, zero when content is the whole part' CODEC(ZSTD(1)),
    digest UInt64 COMMENT 'Digest of a single message, zero when content is the whole part' CODEC(ZSTD(1)),
    content String COMMENT 'JSON: an array of messages, or one message' CODEC(ZSTD(3)),
    received_at DateTime64(3) COMMENT 'When the collector had the record' CODEC(Delta(8), ZSTD(1)),
    PartitionTime DateTime('UTC') COMMENT 'PartitionTime of the record: retention goes by it' CODEC(Delta(4), ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', received_at)
PARTITION BY toDate(PartitionTime)
ORDER BY (tenant, trace_id, span_id, part, position, digest)
SETTINGS ttl_only_drop_parts = 1, min_bytes_for_wide_part = '256Mi', replicated_deduplication_window = 10000
COMMENT 'Messages that came in log records';

CREATE TABLE IF NOT EXISTS span_content ON CLUSTER 'book' AS span_content_local
ENGINE = Distributed('book', currentDatabase(), span_content_local, cityHash64(trace_id));

CREATE MATERIALIZED VIEW IF NOT EXISTS span_content_mv ON CLUSTER 'book' TO span_content_local AS
WITH
    if(EventName != '', EventName, LogAttributes['event.name']) AS event,
    event = 'gen_ai.client.inference.operation.details' AS whole,
    if(JSONHas(Body, 'message'), JSONExtractRaw(Body, 'message'), Body) AS said,
    multiIf(JSONExtractString(said, 'role') != '', JSONExtractString(said, 'role'), event = 'gen_ai.choice', 'assistant', splitByChar('.', event)[2]) AS role,
    concat('{"role":', toJSONString(role), ',"parts":[',
        arrayStringConcat(arrayFilter(p -> p != '', [
            if(JSONHas(said, 'content'), concat('{"type":"text","content":', JSONExtractRaw(said, 'content'), '}'), ''),
            if(JSONHas(said, 'tool_calls'), concat('{"type":"tool_calls","tool_calls":', JSONExtractRaw(said, 'tool_calls'), '}'), '')
        ]), ','), ']',
        if(JSONHas(Body, 'finish_reason'), concat(',"finish_reason":', JSONExtractRaw(Body, 'finish_reason')), ''), '}') AS message,
    key -> if(LogAttributes[key] != '', LogAttributes[key], JSONExtractRaw(Body, key)) AS attribute
SELECT
    tenant,
    TraceId AS trace_id,
    SpanId AS span_id,
    piece.1 AS part,
    if(whole, toDateTime64(0, 9), Timestamp) AS position,
    if(whole, 0, cityHash64(piece.2)) AS digest,
    piece.2 AS content,
    received_at,
    PartitionTime
FROM otel_logs_local
ARRAY JOIN arrayFilter(p -> p.2 != '', if(whole,
    [('input_messages', attribute('gen_ai.input.messages')), ('output_messages', attribute('gen_ai.output.messages')),
     ('system_instructions', attribute('gen_ai.system_instructions')), ('tool_definitions', attribute('gen_ai.tool.definitions'))],
    [(if(event = 'gen_ai.choice', 'output_messages', 'input_messages'), message)])) AS piece
WHERE TraceId != '' AND SpanId != '' AND (whole
    OR event IN ('gen_ai.system.message', 'gen_ai.user.message', 'gen_ai.assistant.message', 'gen_ai.tool.message', 'gen_ai.choice'));
