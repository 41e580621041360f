-- What a model's tokens cost.
--
-- model_price_rows is the price list, filled from the `genai-prices` package at migration time and open to the
-- operator's own rows. model_aliases says, once for every (provider, model) pair that was ever seen on a span, which
-- price that is: matching a name needs regular expressions and judgement, which is done in Python, not for every span.

CREATE TABLE IF NOT EXISTS model_price_rows
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
ENGINE = ReplacingMergeTree(version, is_deleted)
-- A few thousand rows, always read for a handful of keys: those of the aliases in use.
ORDER BY (price_key, effective_from, min_input_tokens)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'The price list, a row for each model, date and tier';

CREATE TABLE IF NOT EXISTS model_aliases
(
    provider LowCardinality(String) COMMENT 'gen_ai.provider.name as sent',
    model LowCardinality(String) COMMENT 'Response model, else request model, as sent',
    price_key String COMMENT 'Key in the price list; empty when no price is known',
    version DateTime64(6) DEFAULT now64(6) COMMENT 'When this was found; the newest stands'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (provider, model)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Which price a model name on a span means';

-- Prices of the models that are shipped or were seen: some thousands, each with all its dates and tiers.
CREATE VIEW IF NOT EXISTS call_prices
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

-- call_prices as a table, written whenever it changes: every inserted block is joined to it, and planning that view for
-- each would cost more than the block.
CREATE TABLE IF NOT EXISTS priced_models
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
ENGINE = ReplacingMergeTree(version)
ORDER BY (provider, model)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Prices of models in use';
