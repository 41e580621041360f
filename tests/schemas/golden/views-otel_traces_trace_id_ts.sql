CREATE OR REPLACE VIEW otel_traces_trace_id_ts ON CLUSTER 'book'
(
    TraceId String COMMENT 'Trace id, 32 lower-case hex digits',
    Start DateTime COMMENT 'Start of its first span',
    End DateTime COMMENT 'End of its last span'
)
AS SELECT
    s.TraceId AS TraceId,
    toDateTime(min(s.Timestamp)) AS Start,
    toDateTime(max(s.Timestamp + toIntervalNanosecond(s.Duration))) AS End
FROM otel_traces AS s
GROUP BY TraceId
COMMENT 'When a trace was: what Grafana asks before it reads a trace by its id.';

CREATE OR REPLACE VIEW otel_traces_trace_id_ts_mv ON CLUSTER 'book'
(
    TraceId String COMMENT 'Trace id, 32 lower-case hex digits',
    Start DateTime COMMENT 'Start of its first span',
    End DateTime COMMENT 'End of its last span'
)
AS SELECT t.TraceId AS TraceId, t.Start AS Start, t.End AS End FROM otel_traces_trace_id_ts AS t
COMMENT 'When a trace was: what Grafana asks before it reads a trace by its id.';
