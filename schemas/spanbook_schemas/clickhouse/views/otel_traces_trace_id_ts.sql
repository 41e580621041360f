-- When a trace was: what Grafana asks before it reads a trace by its id.
--
-- The OpenTelemetry Collector's exporter fills a table of this name through a view, which would cost a fifth of what
-- storing the span costs. The text index on the trace id makes the table unnecessary.

CREATE OR REPLACE VIEW otel_traces_trace_id_ts
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
GROUP BY TraceId;

-- The exporter (create_schema: true) makes a materialized view of this name IF NOT EXISTS, and its inserts would then fail.
CREATE OR REPLACE VIEW otel_traces_trace_id_ts_mv
(
    TraceId String COMMENT 'Trace id, 32 lower-case hex digits',
    Start DateTime COMMENT 'Start of its first span',
    End DateTime COMMENT 'End of its last span'
)
AS SELECT t.TraceId AS TraceId, t.Start AS Start, t.End AS End FROM otel_traces_trace_id_ts AS t;
