CREATE TABLE IF NOT EXISTS otel_metrics_gauge_local ON CLUSTER 'book'
(
    ResourceAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the resource, values as text' CODEC(ZSTD(1)),
    ResourceSchemaUrl String COMMENT 'Schema URL of the resource' CODEC(ZSTD(1)),
    ScopeName String COMMENT 'Name of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeVersion String COMMENT 'Version of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 COMMENT 'Scope attributes that the sender dropped' CODEC(ZSTD(1)),
    ScopeSchemaUrl String COMMENT 'Schema URL of the instrumentation scope' CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) COMMENT 'service.name of the resource' CODEC(ZSTD(1)),
    MetricName String COMMENT 'Name of the metric' CODEC(ZSTD(1)),
    MetricDescription String COMMENT 'What the metric says' CODEC(ZSTD(1)),
    MetricUnit String COMMENT 'Unit of the metric (UCUM)' CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) COMMENT 'Attributes of the point, values as text' CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) COMMENT 'Start of the stretch of time that the point covers' CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) COMMENT 'Time of the point' CODEC(Delta(8), ZSTD(1)),
    Value Float64 COMMENT 'Value of the point' CODEC(ZSTD(1)),
    Flags UInt32 COMMENT 'Flags of the point: 1 is "no recorded value"' CODEC(ZSTD(1)),
    `Exemplars.FilteredAttributes` Array(Map(LowCardinality(String), String)) COMMENT 'Attributes of the exemplars that the point leaves out' CODEC(ZSTD(1)),
    `Exemplars.TimeUnix` Array(DateTime64(9)) COMMENT 'Times of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.Value` Array(Float64) COMMENT 'Values of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.SpanId` Array(String) COMMENT 'Span ids of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.TraceId` Array(String) COMMENT 'Trace ids of the exemplars' CODEC(ZSTD(1)),
    tenant LowCardinality(String) DEFAULT '' COMMENT 'Project of the API key, empty for the default one; never taken from attributes' CODEC(ZSTD(1)),
    received_at DateTime64(3) DEFAULT now64(3) COMMENT 'When the collector had the whole request' CODEC(Delta(8), ZSTD(1)),
    _batch UInt64 DEFAULT 0 COMMENT 'First sequence number of the batch in the collector''s queue' CODEC(ZSTD(1)),
    PartitionTime DateTime('UTC') DEFAULT toDateTime(if(TimeUnix = toDateTime64(0, 9), received_at, greatest(least(TimeUnix, received_at + toIntervalDay(1)), received_at - toIntervalDay(90))), 'UTC') COMMENT 'TimeUnix held between received_at - 90 days and received_at + 1 day: partitions, sort key and retention go by it' CODEC(Delta(4), ZSTD(1)),
    INDEX idx_time TimeUnix TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(PartitionTime)
ORDER BY (tenant, ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
SETTINGS index_granularity = 8192, min_bytes_for_wide_part = '256Mi', ttl_only_drop_parts = 1, replicated_deduplication_window = 10000
COMMENT 'Values that were last seen, a row for each point';

CREATE TABLE IF NOT EXISTS otel_metrics_gauge ON CLUSTER 'book' AS otel_metrics_gauge_local
ENGINE = Distributed('book', currentDatabase(), otel_metrics_gauge_local, cityHash64(ServiceName, MetricName));

CREATE TABLE IF NOT EXISTS otel_metrics_sum_local ON CLUSTER 'book'
(
    ResourceAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the resource, values as text' CODEC(ZSTD(1)),
    ResourceSchemaUrl String COMMENT 'Schema URL of the resource' CODEC(ZSTD(1)),
    ScopeName String COMMENT 'Name of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeVersion String COMMENT 'Version of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 COMMENT 'Scope attributes that the sender dropped' CODEC(ZSTD(1)),
    ScopeSchemaUrl String COMMENT 'Schema URL of the instrumentation scope' CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) COMMENT 'service.name of the resource' CODEC(ZSTD(1)),
    MetricName String COMMENT 'Name of the metric' CODEC(ZSTD(1)),
    MetricDescription String COMMENT 'What the metric says' CODEC(ZSTD(1)),
    MetricUnit String COMMENT 'Unit of the metric (UCUM)' CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) COMMENT 'Attributes of the point, values as text' CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) COMMENT 'Start of the stretch of time that the point covers' CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) COMMENT 'Time of the point' CODEC(Delta(8), ZSTD(1)),
    Value Float64 COMMENT 'Value of the point' CODEC(ZSTD(1)),
    Flags UInt32 COMMENT 'Flags of the point: 1 is "no recorded value"' CODEC(ZSTD(1)),
    `Exemplars.FilteredAttributes` Array(Map(LowCardinality(String), String)) COMMENT 'Attributes of the exemplars that the point leaves out' CODEC(ZSTD(1)),
    `Exemplars.TimeUnix` Array(DateTime64(9)) COMMENT 'Times of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.Value` Array(Float64) COMMENT 'Values of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.SpanId` Array(String) COMMENT 'Span ids of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.TraceId` Array(String) COMMENT 'Trace ids of the exemplars' CODEC(ZSTD(1)),
    AggregationTemporality Int32 COMMENT '1 delta, 2 cumulative' CODEC(ZSTD(1)),
    IsMonotonic Bool COMMENT 'Whether the sum only grows' CODEC(ZSTD(1)),
    tenant LowCardinality(String) DEFAULT '' COMMENT 'Project of the API key, empty for the default one; never taken from attributes' CODEC(ZSTD(1)),
    received_at DateTime64(3) DEFAULT now64(3) COMMENT 'When the collector had the whole request' CODEC(Delta(8), ZSTD(1)),
    _batch UInt64 DEFAULT 0 COMMENT 'First sequence number of the batch in the collector''s queue' CODEC(ZSTD(1)),
    PartitionTime DateTime('UTC') DEFAULT toDateTime(if(TimeUnix = toDateTime64(0, 9), received_at, greatest(least(TimeUnix, received_at + toIntervalDay(1)), received_at - toIntervalDay(90))), 'UTC') COMMENT 'TimeUnix held between received_at - 90 days and received_at + 1 day: partitions, sort key and retention go by it' CODEC(Delta(4), ZSTD(1)),
    INDEX idx_time TimeUnix TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(PartitionTime)
ORDER BY (tenant, ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
SETTINGS index_granularity = 8192, min_bytes_for_wide_part = '256Mi', ttl_only_drop_parts = 1, replicated_deduplication_window = 10000
COMMENT 'Sums: counters and up-down counters, a row for each point';

CREATE TABLE IF NOT EXISTS otel_metrics_sum ON CLUSTER 'book' AS otel_metrics_sum_local
ENGINE = Distributed('book', currentDatabase(), otel_metrics_sum_local, cityHash64(ServiceName, MetricName));

CREATE TABLE IF NOT EXISTS otel_metrics_histogram_local ON CLUSTER 'book'
(
    ResourceAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the resource, values as text' CODEC(ZSTD(1)),
    ResourceSchemaUrl String COMMENT 'Schema URL of the resource' CODEC(ZSTD(1)),
    ScopeName String COMMENT 'Name of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeVersion String COMMENT 'Version of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 COMMENT 'Scope attributes that the sender dropped' CODEC(ZSTD(1)),
    ScopeSchemaUrl String COMMENT 'Schema URL of the instrumentation scope' CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) COMMENT 'service.name of the resource' CODEC(ZSTD(1)),
    MetricName String COMMENT 'Name of the metric' CODEC(ZSTD(1)),
    MetricDescription String COMMENT 'What the metric says' CODEC(ZSTD(1)),
    MetricUnit String COMMENT 'Unit of the metric (UCUM)' CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) COMMENT 'Attributes of the point, values as text' CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) COMMENT 'Start of the stretch of time that the point covers' CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) COMMENT 'Time of the point' CODEC(Delta(8), ZSTD(1)),
    Count UInt64 COMMENT 'Number of measurements' CODEC(Delta(8), ZSTD(1)),
    Sum Float64 COMMENT 'Sum of the measurements, 0 when not sent' CODEC(ZSTD(1)),
    BucketCounts Array(UInt64) COMMENT 'Measurements in each bucket' CODEC(ZSTD(1)),
    ExplicitBounds Array(Float64) COMMENT 'Upper bounds of the buckets but the last' CODEC(ZSTD(1)),
    `Exemplars.FilteredAttributes` Array(Map(LowCardinality(String), String)) COMMENT 'Attributes of the exemplars that the point leaves out' CODEC(ZSTD(1)),
    `Exemplars.TimeUnix` Array(DateTime64(9)) COMMENT 'Times of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.Value` Array(Float64) COMMENT 'Values of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.SpanId` Array(String) COMMENT 'Span ids of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.TraceId` Array(String) COMMENT 'Trace ids of the exemplars' CODEC(ZSTD(1)),
    Flags UInt32 COMMENT 'Flags of the point: 1 is "no recorded value"' CODEC(ZSTD(1)),
    Min Float64 COMMENT 'Least measurement, 0 when not sent' CODEC(ZSTD(1)),
    Max Float64 COMMENT 'Greatest measurement, 0 when not sent' CODEC(ZSTD(1)),
    AggregationTemporality Int32 COMMENT '1 delta, 2 cumulative' CODEC(ZSTD(1)),
    tenant LowCardinality(String) DEFAULT '' COMMENT 'Project of the API key, empty for the default one; never taken from attributes' CODEC(ZSTD(1)),
    received_at DateTime64(3) DEFAULT now64(3) COMMENT 'When the collector had the whole request' CODEC(Delta(8), ZSTD(1)),
    _batch UInt64 DEFAULT 0 COMMENT 'First sequence number of the batch in the collector''s queue' CODEC(ZSTD(1)),
    PartitionTime DateTime('UTC') DEFAULT toDateTime(if(TimeUnix = toDateTime64(0, 9), received_at, greatest(least(TimeUnix, received_at + toIntervalDay(1)), received_at - toIntervalDay(90))), 'UTC') COMMENT 'TimeUnix held between received_at - 90 days and received_at + 1 day: partitions, sort key and retention go by it' CODEC(Delta(4), ZSTD(1)),
    INDEX idx_time TimeUnix TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(PartitionTime)
ORDER BY (tenant, ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
SETTINGS index_granularity = 8192, min_bytes_for_wide_part = '256Mi', ttl_only_drop_parts = 1, replicated_deduplication_window = 10000
COMMENT 'Histograms with explicit bounds, a row for each point';

CREATE TABLE IF NOT EXISTS otel_metrics_histogram ON CLUSTER 'book' AS otel_metrics_histogram_local
ENGINE = Distributed('book', currentDatabase(), otel_metrics_histogram_local, cityHash64(ServiceName, MetricName));

CREATE TABLE IF NOT EXISTS otel_metrics_exponential_histogram_local ON CLUSTER 'book'
(
    ResourceAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the resource, values as text' CODEC(ZSTD(1)),
    ResourceSchemaUrl String COMMENT 'Schema URL of the resource' CODEC(ZSTD(1)),
    ScopeName String COMMENT 'Name of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeVersion String COMMENT 'Version of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 COMMENT 'Scope attributes that the sender dropped' CODEC(ZSTD(1)),
    ScopeSchemaUrl String COMMENT 'Schema URL of the instrumentation scope' CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) COMMENT 'service.name of the resource' CODEC(ZSTD(1)),
    MetricName String COMMENT 'Name of the metric' CODEC(ZSTD(1)),
    MetricDescription String COMMENT 'What the metric says' CODEC(ZSTD(1)),
    MetricUnit String COMMENT 'Unit of the metric (UCUM)' CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) COMMENT 'Attributes of the point, values as text' CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) COMMENT 'Start of the stretch of time that the point covers' CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) COMMENT 'Time of the point' CODEC(Delta(8), ZSTD(1)),
    Count UInt64 COMMENT 'Number of measurements' CODEC(Delta(8), ZSTD(1)),
    Sum Float64 COMMENT 'Sum of the measurements, 0 when not sent' CODEC(ZSTD(1)),
    Scale Int32 COMMENT 'Resolution: bases are 2 to the power of 2 to the power of -Scale' CODEC(ZSTD(1)),
    ZeroCount UInt64 COMMENT 'Measurements that count as zero' CODEC(ZSTD(1)),
    PositiveOffset Int32 COMMENT 'Index of the first positive bucket' CODEC(ZSTD(1)),
    PositiveBucketCounts Array(UInt64) COMMENT 'Measurements in the positive buckets' CODEC(ZSTD(1)),
    NegativeOffset Int32 COMMENT 'Index of the first negative bucket' CODEC(ZSTD(1)),
    NegativeBucketCounts Array(UInt64) COMMENT 'Measurements in the negative buckets' CODEC(ZSTD(1)),
    `Exemplars.FilteredAttributes` Array(Map(LowCardinality(String), String)) COMMENT 'Attributes of the exemplars that the point leaves out' CODEC(ZSTD(1)),
    `Exemplars.TimeUnix` Array(DateTime64(9)) COMMENT 'Times of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.Value` Array(Float64) COMMENT 'Values of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.SpanId` Array(String) COMMENT 'Span ids of the exemplars' CODEC(ZSTD(1)),
    `Exemplars.TraceId` Array(String) COMMENT 'Trace ids of the exemplars' CODEC(ZSTD(1)),
    Flags UInt32 COMMENT 'Flags of the point: 1 is "no recorded value"' CODEC(ZSTD(1)),
    Min Float64 COMMENT 'Least measurement, 0 when not sent' CODEC(ZSTD(1)),
    Max Float64 COMMENT 'Greatest measurement, 0 when not sent' CODEC(ZSTD(1)),
    AggregationTemporality Int32 COMMENT '1 delta, 2 cumulative' CODEC(ZSTD(1)),
    tenant LowCardinality(String) DEFAULT '' COMMENT 'Project of the API key, empty for the default one; never taken from attributes' CODEC(ZSTD(1)),
    received_at DateTime64(3) DEFAULT now64(3) COMMENT 'When the collector had the whole request' CODEC(Delta(8), ZSTD(1)),
    _batch UInt64 DEFAULT 0 COMMENT 'First sequence number of the batch in the collector''s queue' CODEC(ZSTD(1)),
    PartitionTime DateTime('UTC') DEFAULT toDateTime(if(TimeUnix = toDateTime64(0, 9), received_at, greatest(least(TimeUnix, received_at + toIntervalDay(1)), received_at - toIntervalDay(90))), 'UTC') COMMENT 'TimeUnix held between received_at - 90 days and received_at + 1 day: partitions, sort key and retention go by it' CODEC(Delta(4), ZSTD(1)),
    INDEX idx_time TimeUnix TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(PartitionTime)
ORDER BY (tenant, ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
SETTINGS index_granularity = 8192, min_bytes_for_wide_part = '256Mi', ttl_only_drop_parts = 1, replicated_deduplication_window = 10000
COMMENT 'Histograms with exponential bounds, a row for each point';

CREATE TABLE IF NOT EXISTS otel_metrics_exponential_histogram ON CLUSTER 'book' AS otel_metrics_exponential_histogram_local
ENGINE = Distributed('book', currentDatabase(), otel_metrics_exponential_histogram_local, cityHash64(ServiceName, MetricName));

CREATE TABLE IF NOT EXISTS otel_metrics_summary_local ON CLUSTER 'book'
(
    ResourceAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the resource, values as text' CODEC(ZSTD(1)),
    ResourceSchemaUrl String COMMENT 'Schema URL of the resource' CODEC(ZSTD(1)),
    ScopeName String COMMENT 'Name of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeVersion String COMMENT 'Version of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 COMMENT 'Scope attributes that the sender dropped' CODEC(ZSTD(1)),
    ScopeSchemaUrl String COMMENT 'Schema URL of the instrumentation scope' CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) COMMENT 'service.name of the resource' CODEC(ZSTD(1)),
    MetricName String COMMENT 'Name of the metric' CODEC(ZSTD(1)),
    MetricDescription String COMMENT 'What the metric says' CODEC(ZSTD(1)),
    MetricUnit String COMMENT 'Unit of the metric (UCUM)' CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) COMMENT 'Attributes of the point, values as text' CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) COMMENT 'Start of the stretch of time that the point covers' CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) COMMENT 'Time of the point' CODEC(Delta(8), ZSTD(1)),
    Count UInt64 COMMENT 'Number of measurements' CODEC(Delta(8), ZSTD(1)),
    Sum Float64 COMMENT 'Sum of the measurements, 0 when not sent' CODEC(ZSTD(1)),
    `ValueAtQuantiles.Quantile` Array(Float64) COMMENT 'Quantiles from 0 to 1' CODEC(ZSTD(1)),
    `ValueAtQuantiles.Value` Array(Float64) COMMENT 'Values at the quantiles' CODEC(ZSTD(1)),
    Flags UInt32 COMMENT 'Flags of the point: 1 is "no recorded value"' CODEC(ZSTD(1)),
    tenant LowCardinality(String) DEFAULT '' COMMENT 'Project of the API key, empty for the default one; never taken from attributes' CODEC(ZSTD(1)),
    received_at DateTime64(3) DEFAULT now64(3) COMMENT 'When the collector had the whole request' CODEC(Delta(8), ZSTD(1)),
    _batch UInt64 DEFAULT 0 COMMENT 'First sequence number of the batch in the collector''s queue' CODEC(ZSTD(1)),
    PartitionTime DateTime('UTC') DEFAULT toDateTime(if(TimeUnix = toDateTime64(0, 9), received_at, greatest(least(TimeUnix, received_at + toIntervalDay(1)), received_at - toIntervalDay(90))), 'UTC') COMMENT 'TimeUnix held between received_at - 90 days and received_at + 1 day: partitions, sort key and retention go by it' CODEC(Delta(4), ZSTD(1)),
    INDEX idx_time TimeUnix TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(PartitionTime)
ORDER BY (tenant, ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
SETTINGS index_granularity = 8192, min_bytes_for_wide_part = '256Mi', ttl_only_drop_parts = 1, replicated_deduplication_window = 10000
COMMENT 'Summaries: quantiles made by the client, a row for each point';

CREATE TABLE IF NOT EXISTS otel_metrics_summary ON CLUSTER 'book' AS otel_metrics_summary_local
ENGINE = Distributed('book', currentDatabase(), otel_metrics_summary_local, cityHash64(ServiceName, MetricName));

CREATE TABLE IF NOT EXISTS landing_metrics ON CLUSTER 'book'
(
    resource Tuple(attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String))))) COMMENT 'Resource of the metrics',
    scope_metrics Array(Tuple(
        scope Tuple(name String, version String, attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))), dropped_attributes_count UInt32),
        metrics Array(Tuple(
            name String,
            description String,
            unit String,
            gauge Tuple(data_points Array(Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), flags UInt32, attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))), exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), span_id String, trace_id String, filtered_attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String))))))))),
            sum Tuple(data_points Array(Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), flags UInt32, attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))), exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), span_id String, trace_id String, filtered_attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))))))), aggregation_temporality Int32, is_monotonic Bool),
            histogram Tuple(data_points Array(Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Float64, bucket_counts Array(UInt64), explicit_bounds Array(Float64), flags UInt32, min Float64, max Float64, attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))), exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), span_id String, trace_id String, filtered_attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))))))), aggregation_temporality Int32),
            exponential_histogram Tuple(data_points Array(Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Float64, scale Int32, zero_count UInt64, positive Tuple(offset Int32, bucket_counts Array(UInt64)), negative Tuple(offset Int32, bucket_counts Array(UInt64)), flags UInt32, min Float64, max Float64, attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))), exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), span_id String, trace_id String, filtered_attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))))))), aggregation_temporality Int32),
            summary Tuple(data_points Array(Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Float64, quantile_values Array(Tuple(quantile Float64, value Float64)), flags UInt32, attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String))))))))),
        schema_url String)) COMMENT 'Scopes with their metrics',
    schema_url String COMMENT 'Schema URL of the resource',
    tenant String COMMENT 'Stamped by the collector: project of the API key',
    received_at UInt64 COMMENT 'Stamped by the collector: nanoseconds since the epoch',
    batch UInt64 COMMENT 'Stamped by the collector: first sequence number of the batch'
)
ENGINE = Null
COMMENT 'OTLP metric requests land here; nothing is stored';

CREATE MATERIALIZED VIEW IF NOT EXISTS landing_metrics_gauge_mv ON CLUSTER 'book' TO otel_metrics_gauge AS
WITH
    e -> coalesce(toJSONString(e.string_value), toString(e.int_value), toJSONString(e.double_value), toString(e.bool_value), 'null') AS json,
    v -> coalesce(v.string_value, toString(v.int_value), toString(v.double_value), toString(v.bool_value), base64Encode(v.bytes_value),
        if(empty(v.array_value.values), '', concat('[', arrayStringConcat(arrayMap(json, v.array_value.values), ','), ']'))) AS text,
    a -> mapFromArrays(a.key, arrayMap(text, a.value)) AS attribute_map,
    t -> fromUnixTimestamp64Nano(toInt64(least(t, 9223372036854775807))) AS time
SELECT
    resource_attributes AS ResourceAttributes,
    schema_url AS ResourceSchemaUrl,
    scope.name AS ScopeName,
    scope.version AS ScopeVersion,
    attribute_map(scope.attributes) AS ScopeAttributes,
    scope.dropped_attributes_count AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_attributes['service.name'] AS ServiceName,
    metric.name AS MetricName,
    metric.description AS MetricDescription,
    metric.unit AS MetricUnit,
    attribute_map(point.attributes) AS Attributes,
    time(point.start_time_unix_nano) AS StartTimeUnix,
    time(point.time_unix_nano) AS TimeUnix,
    coalesce(point.as_double, toFloat64(point.as_int), 0) AS Value,
    point.flags AS Flags,
    arrayMap(exemplar -> attribute_map(exemplar.filtered_attributes), point.exemplars) AS `Exemplars.FilteredAttributes`,
    arrayMap(exemplar -> time(exemplar.time_unix_nano), point.exemplars) AS `Exemplars.TimeUnix`,
    arrayMap(exemplar -> coalesce(exemplar.as_double, toFloat64(exemplar.as_int), 0), point.exemplars) AS `Exemplars.Value`,
    arrayMap(exemplar -> lower(hex(exemplar.span_id)), point.exemplars) AS `Exemplars.SpanId`,
    arrayMap(exemplar -> lower(hex(exemplar.trace_id)), point.exemplars) AS `Exemplars.TraceId`,
    tenant,
    if(received_ns = 0, now64(3), toDateTime64(time(received_ns), 3)) AS received_at,
    batch AS _batch
FROM (
    SELECT *, arrayJoin(metric.gauge.data_points) AS point
    FROM (
        SELECT * EXCEPT (scope_metric), scope_metric.scope AS scope, scope_metric.schema_url AS scope_schema_url, arrayJoin(scope_metric.metrics) AS metric
        FROM (
            SELECT tenant, received_at AS received_ns, batch, schema_url, attribute_map(resource.attributes) AS resource_attributes, arrayJoin(scope_metrics) AS scope_metric
            FROM landing_metrics
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS landing_metrics_sum_mv ON CLUSTER 'book' TO otel_metrics_sum AS
WITH
    e -> coalesce(toJSONString(e.string_value), toString(e.int_value), toJSONString(e.double_value), toString(e.bool_value), 'null') AS json,
    v -> coalesce(v.string_value, toString(v.int_value), toString(v.double_value), toString(v.bool_value), base64Encode(v.bytes_value),
        if(empty(v.array_value.values), '', concat('[', arrayStringConcat(arrayMap(json, v.array_value.values), ','), ']'))) AS text,
    a -> mapFromArrays(a.key, arrayMap(text, a.value)) AS attribute_map,
    t -> fromUnixTimestamp64Nano(toInt64(least(t, 9223372036854775807))) AS time
SELECT
    resource_attributes AS ResourceAttributes,
    schema_url AS ResourceSchemaUrl,
    scope.name AS ScopeName,
    scope.version AS ScopeVersion,
    attribute_map(scope.attributes) AS ScopeAttributes,
    scope.dropped_attributes_count AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_attributes['service.name'] AS ServiceName,
    metric.name AS MetricName,
    metric.description AS MetricDescription,
    metric.unit AS MetricUnit,
    attribute_map(point.attributes) AS Attributes,
    time(point.start_time_unix_nano) AS StartTimeUnix,
    time(point.time_unix_nano) AS TimeUnix,
    coalesce(point.as_double, toFloat64(point.as_int), 0) AS Value,
    point.flags AS Flags,
    arrayMap(exemplar -> attribute_map(exemplar.filtered_attributes), point.exemplars) AS `Exemplars.FilteredAttributes`,
    arrayMap(exemplar -> time(exemplar.time_unix_nano), point.exemplars) AS `Exemplars.TimeUnix`,
    arrayMap(exemplar -> coalesce(exemplar.as_double, toFloat64(exemplar.as_int), 0), point.exemplars) AS `Exemplars.Value`,
    arrayMap(exemplar -> lower(hex(exemplar.span_id)), point.exemplars) AS `Exemplars.SpanId`,
    arrayMap(exemplar -> lower(hex(exemplar.trace_id)), point.exemplars) AS `Exemplars.TraceId`,
    metric.sum.aggregation_temporality AS AggregationTemporality,
    metric.sum.is_monotonic AS IsMonotonic,
    tenant,
    if(received_ns = 0, now64(3), toDateTime64(time(received_ns), 3)) AS received_at,
    batch AS _batch
FROM (
    SELECT *, arrayJoin(metric.sum.data_points) AS point
    FROM (
        SELECT * EXCEPT (scope_metric), scope_metric.scope AS scope, scope_metric.schema_url AS scope_schema_url, arrayJoin(scope_metric.metrics) AS metric
        FROM (
            SELECT tenant, received_at AS received_ns, batch, schema_url, attribute_map(resource.attributes) AS resource_attributes, arrayJoin(scope_metrics) AS scope_metric
            FROM landing_metrics
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS landing_metrics_histogram_mv ON CLUSTER 'book' TO otel_metrics_histogram AS
WITH
    e -> coalesce(toJSONString(e.string_value), toString(e.int_value), toJSONString(e.double_value), toString(e.bool_value), 'null') AS json,
    v -> coalesce(v.string_value, toString(v.int_value), toString(v.double_value), toString(v.bool_value), base64Encode(v.bytes_value),
        if(empty(v.array_value.values), '', concat('[', arrayStringConcat(arrayMap(json, v.array_value.values), ','), ']'))) AS text,
    a -> mapFromArrays(a.key, arrayMap(text, a.value)) AS attribute_map,
    t -> fromUnixTimestamp64Nano(toInt64(least(t, 9223372036854775807))) AS time
SELECT
    resource_attributes AS ResourceAttributes,
    schema_url AS ResourceSchemaUrl,
    scope.name AS ScopeName,
    scope.version AS ScopeVersion,
    attribute_map(scope.attributes) AS ScopeAttributes,
    scope.dropped_attributes_count AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_attributes['service.name'] AS ServiceName,
    metric.name AS MetricName,
    metric.description AS MetricDescription,
    metric.unit AS MetricUnit,
    attribute_map(point.attributes) AS Attributes,
    time(point.start_time_unix_nano) AS StartTimeUnix,
    time(point.time_unix_nano) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.bucket_counts AS BucketCounts,
    point.explicit_bounds AS ExplicitBounds,
    arrayMap(exemplar -> attribute_map(exemplar.filtered_attributes), point.exemplars) AS `Exemplars.FilteredAttributes`,
    arrayMap(exemplar -> time(exemplar.time_unix_nano), point.exemplars) AS `Exemplars.TimeUnix`,
    arrayMap(exemplar -> coalesce(exemplar.as_double, toFloat64(exemplar.as_int), 0), point.exemplars) AS `Exemplars.Value`,
    arrayMap(exemplar -> lower(hex(exemplar.span_id)), point.exemplars) AS `Exemplars.SpanId`,
    arrayMap(exemplar -> lower(hex(exemplar.trace_id)), point.exemplars) AS `Exemplars.TraceId`,
    point.flags AS Flags,
    point.min AS Min,
    point.max AS Max,
    metric.histogram.aggregation_temporality AS AggregationTemporality,
    tenant,
    if(received_ns = 0, now64(3), toDateTime64(time(received_ns), 3)) AS received_at,
    batch AS _batch
FROM (
    SELECT *, arrayJoin(metric.histogram.data_points) AS point
    FROM (
        SELECT * EXCEPT (scope_metric), scope_metric.scope AS scope, scope_metric.schema_url AS scope_schema_url, arrayJoin(scope_metric.metrics) AS metric
        FROM (
            SELECT tenant, received_at AS received_ns, batch, schema_url, attribute_map(resource.attributes) AS resource_attributes, arrayJoin(scope_metrics) AS scope_metric
            FROM landing_metrics
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS landing_metrics_exponential_histogram_mv ON CLUSTER 'book' TO otel_metrics_exponential_histogram AS
WITH
    e -> coalesce(toJSONString(e.string_value), toString(e.int_value), toJSONString(e.double_value), toString(e.bool_value), 'null') AS json,
    v -> coalesce(v.string_value, toString(v.int_value), toString(v.double_value), toString(v.bool_value), base64Encode(v.bytes_value),
        if(empty(v.array_value.values), '', concat('[', arrayStringConcat(arrayMap(json, v.array_value.values), ','), ']'))) AS text,
    a -> mapFromArrays(a.key, arrayMap(text, a.value)) AS attribute_map,
    t -> fromUnixTimestamp64Nano(toInt64(least(t, 9223372036854775807))) AS time
SELECT
    resource_attributes AS ResourceAttributes,
    schema_url AS ResourceSchemaUrl,
    scope.name AS ScopeName,
    scope.version AS ScopeVersion,
    attribute_map(scope.attributes) AS ScopeAttributes,
    scope.dropped_attributes_count AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_attributes['service.name'] AS ServiceName,
    metric.name AS MetricName,
    metric.description AS MetricDescription,
    metric.unit AS MetricUnit,
    attribute_map(point.attributes) AS Attributes,
    time(point.start_time_unix_nano) AS StartTimeUnix,
    time(point.time_unix_nano) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.scale AS Scale,
    point.zero_count AS ZeroCount,
    point.positive.offset AS PositiveOffset,
    point.positive.bucket_counts AS PositiveBucketCounts,
    point.negative.offset AS NegativeOffset,
    point.negative.bucket_counts AS NegativeBucketCounts,
    arrayMap(exemplar -> attribute_map(exemplar.filtered_attributes), point.exemplars) AS `Exemplars.FilteredAttributes`,
    arrayMap(exemplar -> time(exemplar.time_unix_nano), point.exemplars) AS `Exemplars.TimeUnix`,
    arrayMap(exemplar -> coalesce(exemplar.as_double, toFloat64(exemplar.as_int), 0), point.exemplars) AS `Exemplars.Value`,
    arrayMap(exemplar -> lower(hex(exemplar.span_id)), point.exemplars) AS `Exemplars.SpanId`,
    arrayMap(exemplar -> lower(hex(exemplar.trace_id)), point.exemplars) AS `Exemplars.TraceId`,
    point.flags AS Flags,
    point.min AS Min,
    point.max AS Max,
    metric.exponential_histogram.aggregation_temporality AS AggregationTemporality,
    tenant,
    if(received_ns = 0, now64(3), toDateTime64(time(received_ns), 3)) AS received_at,
    batch AS _batch
FROM (
    SELECT *, arrayJoin(metric.exponential_histogram.data_points) AS point
    FROM (
        SELECT * EXCEPT (scope_metric), scope_metric.scope AS scope, scope_metric.schema_url AS scope_schema_url, arrayJoin(scope_metric.metrics) AS metric
        FROM (
            SELECT tenant, received_at AS received_ns, batch, schema_url, attribute_map(resource.attributes) AS resource_attributes, arrayJoin(scope_metrics) AS scope_metric
            FROM landing_metrics
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS landing_metrics_summary_mv ON CLUSTER 'book' TO otel_metrics_summary AS
WITH
    e -> coalesce(toJSONString(e.string_value), toString(e.int_value), toJSONString(e.double_value), toString(e.bool_value), 'null') AS json,
    v -> coalesce(v.string_value, toString(v.int_value), toString(v.double_value), toString(v.bool_value), base64Encode(v.bytes_value),
        if(empty(v.array_value.values), '', concat('[', arrayStringConcat(arrayMap(json, v.array_value.values), ','), ']'))) AS text,
    a -> mapFromArrays(a.key, arrayMap(text, a.value)) AS attribute_map,
    t -> fromUnixTimestamp64Nano(toInt64(least(t, 9223372036854775807))) AS time
SELECT
    resource_attributes AS ResourceAttributes,
    schema_url AS ResourceSchemaUrl,
    scope.name AS ScopeName,
    scope.version AS ScopeVersion,
    attribute_map(scope.attributes) AS ScopeAttributes,
    scope.dropped_attributes_count AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_attributes['service.name'] AS ServiceName,
    metric.name AS MetricName,
    metric.description AS MetricDescription,
    metric.unit AS MetricUnit,
    attribute_map(point.attributes) AS Attributes,
    time(point.start_time_unix_nano) AS StartTimeUnix,
    time(point.time_unix_nano) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.quantile_values.quantile AS `ValueAtQuantiles.Quantile`,
    point.quantile_values.value AS `ValueAtQuantiles.Value`,
    point.flags AS Flags,
    tenant,
    if(received_ns = 0, now64(3), toDateTime64(time(received_ns), 3)) AS received_at,
    batch AS _batch
FROM (
    SELECT *, arrayJoin(metric.summary.data_points) AS point
    FROM (
        SELECT * EXCEPT (scope_metric), scope_metric.scope AS scope, scope_metric.schema_url AS scope_schema_url, arrayJoin(scope_metric.metrics) AS metric
        FROM (
            SELECT tenant, received_at AS received_ns, batch, schema_url, attribute_map(resource.attributes) AS resource_attributes, arrayJoin(scope_metrics) AS scope_metric
            FROM landing_metrics
        )
    )
);
