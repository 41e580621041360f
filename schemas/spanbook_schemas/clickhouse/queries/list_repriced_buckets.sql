-- Five minutes with requests whose price, or whose model's meaning, was written since {seen}.
SELECT toUnixTimestamp(u.bucket) AS bucket, groupUniqArray((toString(u.provider), toString(u.model))) AS models
FROM usage_5m AS u FINAL
INNER JOIN (
    SELECT
        alias.provider AS provider,
        alias.model AS model,
        minIf(price.effective_from, price.version > fromUnixTimestamp64Micro({seen:Int64})) AS new_price_from,
        max(alias.version) > fromUnixTimestamp64Micro({seen:Int64}) AS new_alias,
        countIf(price.version > fromUnixTimestamp64Micro({seen:Int64})) > 0 AS new_price
    FROM (SELECT * FROM model_aliases FINAL) AS alias
    LEFT JOIN model_price_rows AS price ON price.price_key = alias.price_key
    GROUP BY provider, model
    HAVING (new_alias AND max(alias.price_key) != '') OR new_price
) AS changed ON changed.provider = u.provider AND changed.model = u.model
WHERE changed.new_alias OR u.bucket >= toStartOfFiveMinutes(changed.new_price_from)
GROUP BY bucket
ORDER BY bucket DESC;
