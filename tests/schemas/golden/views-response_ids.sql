CREATE OR REPLACE VIEW response_ids ON CLUSTER 'book'
(
    tenant String COMMENT 'Project of the API key',
    response_id String COMMENT 'gen_ai.response.id',
    trace_id String COMMENT 'Trace of the call',
    span_id String COMMENT 'Span of the call'
)
AS SELECT
    s.tenant AS tenant,
    s.response_id AS response_id,
    any(s.TraceId) AS trace_id,
    any(s.SpanId) AS span_id
FROM otel_traces AS s
WHERE s.response_id IN (SELECT a.response_id FROM assessment_rows AS a WHERE a.trace_id = '' AND a.response_id != '')
    AND s.span_type IN ('llm', 'embedding')
    AND (s.tenant, s.TraceId, s.SpanId) NOT IN (SELECT m.tenant, m.trace_id, m.span_id FROM call_marks_local AS m FINAL WHERE m.counts = 0)
GROUP BY tenant, response_id
HAVING uniqExact(s.TraceId, s.SpanId) = 1
COMMENT 'The span that a response id means, for judgements that know nothing else: not for readers.';
