-- Log records and events.
--
-- A row of otel_logs is a log record as it was sent; records have no identity, so a client that sends one again in
-- another request has it twice. The columns up to EventName are those of the OpenTelemetry Collector's ClickHouse
-- exporter since v0.151; its materialized columns are ALIASes here, which cost nothing until they are read.

CREATE TABLE IF NOT EXISTS otel_logs
(
    Timestamp DateTime64(9) COMMENT 'Time of the event, else when it was observed' CODEC(Delta(8), ZSTD(1)),
    TraceId String COMMENT 'Trace id, 32 lower-case hex digits, empty when there is none' CODEC(ZSTD(1)),
    SpanId String COMMENT 'Span id, 16 lower-case hex digits, empty when there is none' CODEC(ZSTD(1)),
    TraceFlags UInt8 COMMENT 'W3C trace flags',
    SeverityText LowCardinality(String) COMMENT 'Severity as its source says it' CODEC(ZSTD(1)),
    SeverityNumber UInt8 COMMENT 'Severity from 1 (TRACE) to 24 (FATAL4), 0 when not said',
    ServiceName LowCardinality(String) COMMENT 'service.name of the resource' CODEC(ZSTD(1)),
    Body String COMMENT 'Body as text, JSON where it has structure' CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) COMMENT 'Schema URL of the resource' CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the resource, values as text' CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) COMMENT 'Schema URL of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeName String COMMENT 'Name of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) COMMENT 'Version of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the instrumentation scope' CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the record, values as text' CODEC(ZSTD(1)),
    EventName String COMMENT 'Name of the event, empty for a plain log record' CODEC(ZSTD(1)),
    `__otel_materialized_k8s.cluster.name` LowCardinality(String) ALIAS ResourceAttributes['k8s.cluster.name'] COMMENT 'k8s.cluster.name of the resource',
    `__otel_materialized_k8s.container.name` LowCardinality(String) ALIAS ResourceAttributes['k8s.container.name'] COMMENT 'k8s.container.name of the resource',
    `__otel_materialized_k8s.deployment.name` LowCardinality(String) ALIAS ResourceAttributes['k8s.deployment.name'] COMMENT 'k8s.deployment.name of the resource',
    `__otel_materialized_k8s.namespace.name` LowCardinality(String) ALIAS ResourceAttributes['k8s.namespace.name'] COMMENT 'k8s.namespace.name of the resource',
    `__otel_materialized_k8s.node.name` LowCardinality(String) ALIAS ResourceAttributes['k8s.node.name'] COMMENT 'k8s.node.name of the resource',
    `__otel_materialized_k8s.pod.name` LowCardinality(String) ALIAS ResourceAttributes['k8s.pod.name'] COMMENT 'k8s.pod.name of the resource',
    `__otel_materialized_k8s.pod.uid` LowCardinality(String) ALIAS ResourceAttributes['k8s.pod.uid'] COMMENT 'k8s.pod.uid of the resource',
    `__otel_materialized_deployment.environment.name` LowCardinality(String) ALIAS ResourceAttributes['deployment.environment.name'] COMMENT 'deployment.environment.name of the resource',
    -- Tools made for the exporter before v0.151 filter by it.
    TimestampTime DateTime ALIAS toDateTime(Timestamp) COMMENT 'Timestamp in seconds',

    -- ---- Spanbook's own
    tenant LowCardinality(String) DEFAULT '' COMMENT 'Project of the API key, empty for the default one; never taken from attributes' CODEC(ZSTD(1)),
    received_at DateTime64(3) DEFAULT now64(3) COMMENT 'When the collector had the whole request' CODEC(Delta(8), ZSTD(1)),
    _batch UInt64 DEFAULT 0 COMMENT 'First sequence number of the batch in the collector''s queue' CODEC(ZSTD(1)),
    PartitionTime DateTime('UTC') DEFAULT toDateTime(if(Timestamp = toDateTime64(0, 9), received_at, greatest(least(Timestamp, received_at + toIntervalDay(1)), received_at - toIntervalDay(90))), 'UTC') COMMENT 'Timestamp held between received_at - 90 days and received_at + 1 day: partitions, sort key and retention go by it' CODEC(Delta(4), ZSTD(1)),

    -- The log of a trace; a word in a message (built by merges, see otel_traces).
    INDEX idx_trace_id TraceId TYPE text(tokenizer = 'array'),
    INDEX idx_timestamp Timestamp TYPE minmax GRANULARITY 1,
    INDEX idx_body lower(Body) TYPE text(tokenizer = 'splitByNonAlpha', posting_list_codec = 'bitpacking')
)
ENGINE = MergeTree
-- Retention drops whole days.
PARTITION BY toDate(PartitionTime)
-- Readers ask for a stretch of time and a service.
ORDER BY (toStartOfFiveMinutes(PartitionTime), tenant, ServiceName, Timestamp)
SETTINGS index_granularity = 8192, index_granularity_bytes = '64Mi', min_bytes_for_wide_part = '256Mi', ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
COMMENT 'Log records and events as they were sent';

-- A row of landing_logs is one ResourceLogs, decoded by ClickHouse from the bytes that the client sent (otlp.proto).
CREATE TABLE IF NOT EXISTS landing_logs
(
    resource Tuple(attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String))))) COMMENT 'Resource of the records',
    scope_logs Array(Tuple(
        scope Tuple(name String, version String, attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String))))),
        log_records Array(Tuple(
            time_unix_nano UInt64,
            severity_number Int32,
            severity_text String,
            body Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)),
            attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))),
            flags UInt32,
            trace_id String,
            span_id String,
            observed_time_unix_nano UInt64,
            event_name String)),
        schema_url String)) COMMENT 'Scopes with their records',
    schema_url String COMMENT 'Schema URL of the resource',
    tenant String COMMENT 'Stamped by the collector: project of the API key',
    received_at UInt64 COMMENT 'Stamped by the collector: nanoseconds since the epoch',
    batch UInt64 COMMENT 'Stamped by the collector: first sequence number of the batch'
)
ENGINE = Null
COMMENT 'OTLP log requests land here; nothing is stored';

CREATE MATERIALIZED VIEW IF NOT EXISTS landing_logs_mv TO otel_logs AS
WITH
    -- An element of an array as JSON; a value as text: strings as they are, arrays of scalars as JSON, bytes as base64.
    e -> coalesce(toJSONString(e.string_value), toString(e.int_value), toJSONString(e.double_value), toString(e.bool_value), 'null') AS json,
    v -> coalesce(v.string_value, toString(v.int_value), toString(v.double_value), toString(v.bool_value), base64Encode(v.bytes_value),
        if(empty(v.array_value.values), '', concat('[', arrayStringConcat(arrayMap(json, v.array_value.values), ','), ']'))) AS text,
    a -> mapFromArrays(a.key, arrayMap(text, a.value)) AS attribute_map,
    -- OTLP's nanoseconds are unsigned, the type's are signed.
    t -> fromUnixTimestamp64Nano(toInt64(least(t, 9223372036854775807))) AS time
SELECT
    time(if(record.time_unix_nano != 0, record.time_unix_nano, record.observed_time_unix_nano)) AS Timestamp,
    lower(hex(record.trace_id)) AS TraceId,
    lower(hex(record.span_id)) AS SpanId,
    toUInt8(bitAnd(record.flags, 255)) AS TraceFlags,
    record.severity_text AS SeverityText,
    toUInt8(greatest(least(record.severity_number, 255), 0)) AS SeverityNumber,
    resource_attributes['service.name'] AS ServiceName,
    text(record.body) AS Body,
    schema_url AS ResourceSchemaUrl,
    resource_attributes AS ResourceAttributes,
    scope_schema_url AS ScopeSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    attribute_map(record.attributes) AS LogAttributes,
    record.event_name AS EventName,
    tenant,
    if(received_ns = 0, now64(3), toDateTime64(time(received_ns), 3)) AS received_at,
    batch AS _batch
FROM (
    SELECT * EXCEPT (scope_log), scope_log.scope.name AS scope_name, scope_log.scope.version AS scope_version,
        attribute_map(scope_log.scope.attributes) AS scope_attributes, scope_log.schema_url AS scope_schema_url, arrayJoin(scope_log.log_records) AS record
    FROM (
        SELECT tenant, received_at AS received_ns, batch, schema_url, attribute_map(resource.attributes) AS resource_attributes, arrayJoin(scope_logs) AS scope_log
        FROM landing_logs
    )
);
