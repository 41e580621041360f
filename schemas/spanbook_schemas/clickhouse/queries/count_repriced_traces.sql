-- How many traces a refeed of this bucket would send.
SELECT uniq(tenant, trace_id)
FROM model_calls
WHERE bucket = toDateTime({bucket:UInt32}) AND (provider, model) IN {models:Array(Tuple(String, String))};
