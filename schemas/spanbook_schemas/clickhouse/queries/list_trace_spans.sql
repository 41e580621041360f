-- The spans of one trace with all that they carry, content too, in the order in which they began: the SDK's get_trace.
SELECT
    s.span_id AS span_id, s.parent_span_id AS parent_span_id, s.name AS name, s.type AS type, s.kind AS kind,
    s.start_time AS start_time, s.end_time AS end_time, s.status AS status, s.status_message AS status_message, f.attributes AS attributes
FROM trace_spans(trace_id = {trace_id:String}) AS s
LEFT ANY JOIN (
    SELECT SpanId AS span_id, SpanAttributes AS attributes
    FROM otel_traces_full
    WHERE TraceId = {trace_id:String}
) AS f ON f.span_id = s.span_id
ORDER BY start_time, end_time DESC
