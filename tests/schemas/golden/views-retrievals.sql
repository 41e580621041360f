CREATE OR REPLACE VIEW retrievals ON CLUSTER 'book'
(
    trace_id String COMMENT 'Trace of the retrieval',
    span_id String COMMENT 'Span of the retrieval',
    parent_span_id Nullable(String) COMMENT 'Span that searched; NULL for a root',
    experiment_id String COMMENT 'Experiment that the retrieval belongs to',
    session_id Nullable(String) COMMENT 'session.id, else gen_ai.conversation.id; NULL when neither was set',
    start_time DateTime64(9, 'UTC') COMMENT 'Start',
    duration_ms Float64 COMMENT 'Milliseconds from start to end',
    data_source_id Nullable(String) COMMENT 'What was searched; NULL when not set',
    query Nullable(String) COMMENT 'Text of the query; NULL when not captured',
    top_k Nullable(UInt64) COMMENT 'How many documents were asked for; NULL when not set',
    documents Nullable(String) COMMENT 'Documents found, JSON; NULL when not captured',
    document_count Nullable(UInt64) COMMENT 'How many documents were found; NULL when they were not captured',
    error_type Nullable(String) COMMENT 'error.type; NULL when not set',
    status String COMMENT 'OK or ERROR'
)
AS SELECT
    s.TraceId AS trace_id,
    s.SpanId AS span_id,
    nullIf(s.ParentSpanId, '') AS parent_span_id,
    s.experiment_id AS experiment_id,
    nullIf(if(s.session_id != '', s.session_id, s.conversation_id), '') AS session_id,
    s.Timestamp AS start_time,
    s.Duration / 1e6 AS duration_ms,
    nullIf(s.data_source_id, '') AS data_source_id,
    nullIf(s.retrieval_query, '') AS query,
    s.retrieval_top_k AS top_k,
    nullIf(s.retrieval_documents, '') AS documents,
    if(s.retrieval_documents = '', NULL, JSONLength(s.retrieval_documents)) AS document_count,
    nullIf(s.error_type, '') AS error_type,
    if(s.StatusCode = 'Error', 'ERROR', 'OK') AS status
FROM otel_traces AS s FINAL
WHERE s.span_type = 'retrieval'
COMMENT 'Searches for documents, with the query and what was found.';
