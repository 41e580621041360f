-- What is in the book, for the web page, every few seconds: so raw rows are counted, without FINAL. A span that was
-- delivered twice counts twice until parts are merged; traces are estimated (uniq) once there are many.
SELECT name, rows FROM
(
SELECT 1 AS place, 'traces' AS name, uniq(trace_id) AS rows FROM trace_rows WHERE is_deleted = 0 AND ({everybody:Bool} OR tenant = {tenant:String})
UNION ALL
SELECT 2, 'spans', count() FROM otel_traces WHERE {everybody:Bool} OR tenant = {tenant:String}
UNION ALL
SELECT 3, 'log records and events', count() FROM otel_logs WHERE {everybody:Bool} OR tenant = {tenant:String}
UNION ALL
SELECT 4, 'metric points', sum(rows) FROM
(
    SELECT count() AS rows FROM otel_metrics_gauge WHERE {everybody:Bool} OR tenant = {tenant:String}
    UNION ALL
    SELECT count() FROM otel_metrics_sum WHERE {everybody:Bool} OR tenant = {tenant:String}
    UNION ALL
    SELECT count() FROM otel_metrics_histogram WHERE {everybody:Bool} OR tenant = {tenant:String}
    UNION ALL
    SELECT count() FROM otel_metrics_exponential_histogram WHERE {everybody:Bool} OR tenant = {tenant:String}
    UNION ALL
    SELECT count() FROM otel_metrics_summary WHERE {everybody:Bool} OR tenant = {tenant:String}
)
)
ORDER BY place
