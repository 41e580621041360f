-- Models in use whose price nobody has looked up yet; asked when usage was computed.
SELECT DISTINCT provider, model
FROM usage_5m
WHERE model != '' AND (provider, model) NOT IN (SELECT provider, model FROM model_aliases);
