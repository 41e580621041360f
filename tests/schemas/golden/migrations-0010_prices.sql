CREATE TABLE IF NOT EXISTS model_price_rows ON CLUSTER 'book'
(
    price_key String COMMENT 'Provider and model as the price list spells them, `openai/gpt-4o`',
    effective_from DateTime('UTC') COMMENT 'First moment at which this price holds, 1970 for always',
    min_input_tokens UInt64 COMMENT 'The price holds for requests with more input tokens than this, 0 for all',
    input_price Nullable(Float64) COMMENT 'US dollars a million input tokens that are not cached',
    output_price Nullable(Float64) COMMENT 'US dollars a million output tokens',
    cache_read_price Nullable(Float64) COMMENT 'US dollars a million input tokens read from the cache; NULL: as input',
    cache_write_price Nullable(Float64) COMMENT 'US dollars a million input tokens written to the cache; NULL: as input',
    reasoning_price Nullable(Float64) COMMENT 'US dollars a million reasoning tokens; NULL: as output',
    source LowCardinality(String) COMMENT 'Where the price is from: `genai-prices`, or `user`, which that never overwrites',
    version DateTime64(6) DEFAULT now64(6) COMMENT 'When the row was written; the newest stands',
    is_deleted UInt8 DEFAULT 0 COMMENT '1: the price was withdrawn'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}', version, is_deleted)
ORDER BY (price_key, effective_from, min_input_tokens)
SETTINGS replicated_deduplication_window = 1000
COMMENT 'The price list, a row for each model, date and tier';

CREATE TABLE IF NOT EXISTS model_aliases ON CLUSTER 'book'
(
    provider LowCardinality(String) COMMENT 'gen_ai.provider.name as sent',
    model LowCardinality(String) COMMENT 'Response model, else request model, as sent',
    price_key String COMMENT 'Key in the price list; empty when no price is known',
    version DateTime64(6) DEFAULT now64(6) COMMENT 'When this was found; the newest stands'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}', version)
ORDER BY (provider, model)
SETTINGS replicated_deduplication_window = 1000
COMMENT 'Which price a model name on a span means';

CREATE VIEW IF NOT EXISTS call_prices ON CLUSTER 'book'
(
    provider LowCardinality(String) COMMENT 'gen_ai.provider.name as sent',
    model LowCardinality(String) COMMENT 'Response model, else request model, as sent',
    prices Array(Tuple(
        effective_from DateTime('UTC'), min_input_tokens UInt64,
        input Nullable(Float64), output Nullable(Float64),
        cache_read Nullable(Float64), cache_write Nullable(Float64), reasoning Nullable(Float64)))
        COMMENT 'Prices by date and tier, ascending: the last that fits holds'
)
AS SELECT
    alias.provider AS provider,
    alias.model AS model,
    arraySort(price -> (price.1, price.2), groupArray((
        list.effective_from, list.min_input_tokens,
        list.input_price, list.output_price,
        list.cache_read_price, list.cache_write_price, list.reasoning_price))) AS prices
FROM (SELECT provider, model, price_key FROM model_aliases FINAL WHERE price_key != '') AS alias
INNER JOIN (
    SELECT * FROM model_price_rows FINAL
    WHERE price_key IN (SELECT price_key FROM model_aliases)
) AS list ON list.price_key = alias.price_key
GROUP BY alias.provider, alias.model;

CREATE TABLE IF NOT EXISTS priced_models ON CLUSTER 'book'
(
    provider LowCardinality(String) COMMENT 'gen_ai.provider.name as sent',
    model LowCardinality(String) COMMENT 'Response model, else request model, as sent',
    prices Array(Tuple(
        effective_from DateTime('UTC'), min_input_tokens UInt64,
        input Nullable(Float64), output Nullable(Float64),
        cache_read Nullable(Float64), cache_write Nullable(Float64), reasoning Nullable(Float64)))
        COMMENT 'Prices by date and tier, ascending: the last that fits holds',
    version DateTime64(6) DEFAULT now64(6) COMMENT 'When the row was written; the newest stands'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}', version)
ORDER BY (provider, model)
SETTINGS replicated_deduplication_window = 1000
COMMENT 'Prices of models in use';
