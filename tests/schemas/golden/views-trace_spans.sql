CREATE OR REPLACE VIEW trace_spans ON CLUSTER 'book'
AS SELECT
    s.trace_id AS trace_id,
    s.span_id AS span_id,
    s.parent_span_id AS parent_span_id,
    s.name AS name,
    s.type AS type,
    s.kind AS kind,
    s.service_name AS service_name,
    s.scope_name AS scope_name,
    s.experiment_id AS experiment_id,
    s.model_id AS model_id,
    s.run_id AS run_id,
    s.session_id AS session_id,
    s.user_id AS user_id,
    s.agent_name AS agent_name,
    s.start_time AS start_time,
    s.end_time AS end_time,
    s.duration_ms AS duration_ms,
    s.status AS status,
    s.status_message AS status_message,
    s.error_type AS error_type,
    s.input_preview AS input_preview,
    s.output_preview AS output_preview,
    s.attributes AS attributes,
    s.resource AS resource,
    s.events AS events,
    s.links AS links,
    s.received_at AS received_at
FROM spans AS s
WHERE s.trace_id = {trace_id:String}
COMMENT 'The spans of one trace: SELECT * FROM trace_spans(trace_id = ''…'').';
