CREATE OR REPLACE VIEW usage_hourly ON CLUSTER 'book'
(
    hour DateTime('UTC') COMMENT 'Start of the hour',
    experiment_id String COMMENT 'Experiment',
    service_name String COMMENT 'service.name',
    agent_name String COMMENT 'gen_ai.agent.name of the call, empty when it had none',
    provider String COMMENT 'gen_ai.provider.name',
    model String COMMENT 'Response model, else request model',
    operation String COMMENT 'chat, embeddings and so on',
    calls UInt64 COMMENT 'Requests to models, each counted once',
    errors UInt64 COMMENT 'Requests that failed',
    input_tokens UInt64 COMMENT 'Tokens read, cached ones included',
    output_tokens UInt64 COMMENT 'Tokens written, reasoning included',
    cached_input_tokens UInt64 COMMENT 'Tokens read from the provider''s cache',
    cache_write_tokens UInt64 COMMENT 'Tokens written to the provider''s cache',
    reasoning_tokens UInt64 COMMENT 'Tokens spent on reasoning',
    cost_usd Float64 COMMENT 'US dollars of the requests whose cost is known',
    unpriced_calls UInt64 COMMENT 'Requests with tokens whose cost is unknown, which cost_usd leaves out',
    duration_ms_p50 Float64 COMMENT 'Median duration',
    duration_ms_p95 Float64 COMMENT '95th percentile of the duration',
    duration_ms_p99 Float64 COMMENT '99th percentile of the duration'
)
AS SELECT
    toStartOfHour(u.bucket) AS hour,
    u.experiment_id AS experiment_id,
    u.service_name AS service_name,
    u.agent_name AS agent_name,
    u.provider AS provider,
    u.model AS model,
    u.operation AS operation,
    sum(u.calls) AS calls,
    sum(u.errors) AS errors,
    sum(u.input_tokens) AS input_tokens,
    sum(u.output_tokens) AS output_tokens,
    sum(u.cached_input_tokens) AS cached_input_tokens,
    sum(u.cache_write_tokens) AS cache_write_tokens,
    sum(u.reasoning_tokens) AS reasoning_tokens,
    sum(u.cost_usd) AS cost_usd,
    sum(u.unpriced_calls) AS unpriced_calls,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(u.duration)[1] AS duration_ms_p50,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(u.duration)[2] AS duration_ms_p95,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(u.duration)[3] AS duration_ms_p99
FROM usage_5m AS u FINAL
GROUP BY u.tenant, hour, u.experiment_id, u.service_name, u.agent_name, u.provider, u.model, u.operation
COMMENT 'Usage of models by hour. Days and longer are sums over it; quantiles are of the hour.';
