-- Computes the usage of these five-minute buckets anew. Every key that is there gets a tombstone of the version before,
-- which the rows of the keys that still are outrank: what vanished stays vanished, in one insert.
INSERT INTO usage_5m
(
    tenant, bucket, experiment_id, service_name, agent_name, provider, model, operation, version, is_deleted,
    calls, errors, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, cost_usd, unpriced_calls, duration
)
SELECT
    tenant, bucket, experiment_id, service_name, agent_name, provider, model, operation, {version:UInt64} + 1, 0,
    count(), countIf(failed),
    sum(ifNull(c.input_tokens, 0)), sum(ifNull(c.output_tokens, 0)), sum(ifNull(c.cached_input_tokens, 0)),
    sum(ifNull(c.cache_write_tokens, 0)), sum(ifNull(c.reasoning_tokens, 0)),
    sum(ifNull(c.cost_usd, 0)), countIf(c.cost_usd IS NULL AND (c.input_tokens IS NOT NULL OR c.output_tokens IS NOT NULL)),
    quantilesTDigestState(0.5, 0.95, 0.99)(duration_ms)
FROM model_calls AS c
WHERE bucket IN {buckets:Array(UInt32)}
GROUP BY tenant, bucket, experiment_id, service_name, agent_name, provider, model, operation
UNION ALL
SELECT
    tenant, bucket, experiment_id, service_name, agent_name, provider, model, operation, {version:UInt64}, 1,
    calls, errors, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, cost_usd, unpriced_calls, duration
FROM usage_5m FINAL
WHERE bucket IN {buckets:Array(UInt32)}
SETTINGS os_threads_nice_value_query = 5;
