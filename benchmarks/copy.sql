-- One more copy of the spans in `seed` (queries.py), some hours earlier. Hashed ids keep parents and children together;
-- `ref-…` is the word that stands in one prompt alone.
INSERT INTO otel_traces
SELECT * REPLACE (
    lower(hex(sipHash128(seed.TraceId, {copy:UInt32}))) AS TraceId,
    substring(lower(hex(sipHash128(seed.SpanId, {copy:UInt32}))), 1, 16) AS SpanId,
    if(seed.ParentSpanId = '', '', substring(lower(hex(sipHash128(seed.ParentSpanId, {copy:UInt32}))), 1, 16)) AS ParentSpanId,
    seed.Timestamp - toIntervalMinute({copy:UInt32} * {step:UInt32}) AS Timestamp,
    seed.PartitionTime - toIntervalMinute({copy:UInt32} * {step:UInt32}) AS PartitionTime,
    replaceRegexpOne(seed.input_messages, 'ref-[0-9a-f]{12}',
        concat('ref-', substring(lower(hex(sipHash128(seed.SpanId, seed.TraceId, {copy:UInt32}))), 1, 12))) AS input_messages,
    concat('support-', toString(cityHash64(seed.TraceId) % 8)) AS experiment_name,
    concat('support-', toString(cityHash64(seed.TraceId) % 8)) AS experiment_id
)
FROM seed
