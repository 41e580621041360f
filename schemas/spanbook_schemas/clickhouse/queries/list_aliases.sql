-- Which price each known name means, to compare with the names that the shipped list spells.
SELECT provider, model, price_key FROM model_aliases FINAL;
