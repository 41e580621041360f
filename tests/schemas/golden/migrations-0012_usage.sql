CREATE TABLE IF NOT EXISTS usage_5m_local ON CLUSTER 'book'
(
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    bucket DateTime('UTC') COMMENT 'Start of the five minutes' CODEC(Delta(4), ZSTD(1)),
    experiment_id LowCardinality(String) COMMENT 'Experiment',
    service_name LowCardinality(String) COMMENT 'service.name',
    agent_name LowCardinality(String) COMMENT 'gen_ai.agent.name of the call',
    provider LowCardinality(String) COMMENT 'gen_ai.provider.name',
    model LowCardinality(String) COMMENT 'Response model, else request model',
    operation LowCardinality(String) COMMENT 'gen_ai.operation.name',
    version UInt64 COMMENT 'The newest stands',
    is_deleted UInt8 COMMENT '1: no call has this key any more',
    calls UInt64 COMMENT 'Requests to models',
    errors UInt64 COMMENT 'Requests that failed',
    input_tokens UInt64 COMMENT 'Tokens read, cached ones included',
    output_tokens UInt64 COMMENT 'Tokens written, reasoning included',
    cached_input_tokens UInt64 COMMENT 'Tokens read from the cache',
    cache_write_tokens UInt64 COMMENT 'Tokens written to the cache',
    reasoning_tokens UInt64 COMMENT 'Tokens spent on reasoning',
    cost_usd Float64 COMMENT 'Cost of the requests whose cost is known',
    unpriced_calls UInt64 COMMENT 'Requests with tokens whose cost is unknown',
    duration AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64) COMMENT 'Durations in milliseconds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version, is_deleted)
PARTITION BY toDate(bucket)
ORDER BY (bucket, tenant, experiment_id, service_name, agent_name, provider, model, operation)
SETTINGS replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'Usage of models, a row for each five minutes and key; replaced, never summed';

CREATE TABLE IF NOT EXISTS usage_5m ON CLUSTER 'book' AS usage_5m_local
ENGINE = Distributed('book', currentDatabase(), usage_5m_local);
