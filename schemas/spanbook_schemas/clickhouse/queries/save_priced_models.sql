-- Brings priced_models up to the price list and the aliases; what lost its price has none from now on.
INSERT INTO priced_models (provider, model, prices)
SELECT provider, model, prices FROM call_prices
UNION ALL
SELECT provider, model, [] FROM priced_models FINAL WHERE (provider, model) NOT IN (SELECT provider, model FROM call_prices);
