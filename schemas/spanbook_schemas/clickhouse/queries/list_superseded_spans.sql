-- Deliveries that a recomputation found to be replaced by newer ones stored elsewhere.
SELECT tenant, trace_id, span_id, experiment_id, toUnixTimestamp(bucket) FROM superseded_spans WHERE version = {version:UInt64};
