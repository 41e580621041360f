-- When a price or the meaning of a model name was written last, microseconds.
SELECT greatest(
    (SELECT toUnixTimestamp64Micro(max(version)) FROM model_price_rows),
    (SELECT toUnixTimestamp64Micro(max(version)) FROM model_aliases));
