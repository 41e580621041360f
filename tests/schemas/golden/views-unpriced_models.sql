CREATE OR REPLACE VIEW unpriced_models ON CLUSTER 'book'
(
    provider String COMMENT 'gen_ai.provider.name',
    model String COMMENT 'Response model, else request model',
    calls UInt64 COMMENT 'Requests with tokens and without a known cost',
    input_tokens UInt64 COMMENT 'Tokens read by all its requests',
    output_tokens UInt64 COMMENT 'Tokens written by all its requests',
    last_bucket DateTime('UTC') COMMENT 'Five minutes of the newest'
)
AS SELECT
    u.provider AS provider,
    u.model AS model,
    sum(u.unpriced_calls) AS calls,
    sum(u.input_tokens) AS input_tokens,
    sum(u.output_tokens) AS output_tokens,
    max(u.bucket) AS last_bucket
FROM usage_5m AS u FINAL
WHERE u.unpriced_calls > 0
GROUP BY u.tenant, u.provider, u.model
COMMENT 'Models in use whose cost is unknown: what to add to the price list.';
