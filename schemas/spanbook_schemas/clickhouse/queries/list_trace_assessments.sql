-- What was judged of one trace, oldest first, with what was overridden: the SDK's get_trace.
SELECT assessment_id, kind, name, span_id, source_type, source_id, value, rationale, error_code, error_message, metadata, valid
FROM assessments
WHERE trace_id = {trace_id:String}
ORDER BY created_at
