-- The price list as it stands, to compare with the shipped one.
SELECT
    price_key, toUnixTimestamp(effective_from), min_input_tokens,
    input_price, output_price, cache_read_price, cache_write_price, reasoning_price, source
FROM model_price_rows FINAL;
