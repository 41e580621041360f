CREATE OR REPLACE VIEW model_prices ON CLUSTER 'book'
(
    provider String COMMENT 'Provider as the price list spells it',
    model String COMMENT 'Model as the price list spells it',
    effective_from DateTime('UTC') COMMENT 'First moment at which the price holds, 1970 for always',
    min_input_tokens UInt64 COMMENT 'It holds for requests with more input tokens than this, 0 for all',
    input_price Nullable(Float64) COMMENT 'US dollars a million input tokens that are not cached',
    output_price Nullable(Float64) COMMENT 'US dollars a million output tokens',
    cache_read_price Nullable(Float64) COMMENT 'US dollars a million input tokens read from the cache; NULL: as input',
    cache_write_price Nullable(Float64) COMMENT 'US dollars a million input tokens written to the cache; NULL: as input',
    reasoning_price Nullable(Float64) COMMENT 'US dollars a million reasoning tokens; NULL: as output',
    source String COMMENT 'genai-prices, or user'
)
AS SELECT
    substringUTF8(p.price_key, 1, positionUTF8(p.price_key, '/') - 1) AS provider,
    substringUTF8(p.price_key, positionUTF8(p.price_key, '/') + 1) AS model,
    p.effective_from AS effective_from,
    p.min_input_tokens AS min_input_tokens,
    p.input_price AS input_price,
    p.output_price AS output_price,
    p.cache_read_price AS cache_read_price,
    p.cache_write_price AS cache_write_price,
    p.reasoning_price AS reasoning_price,
    p.source AS source
FROM model_price_rows AS p FINAL
COMMENT 'The price list, to read; operators add to it with `spanbook_storage.prices.set_price`.';
