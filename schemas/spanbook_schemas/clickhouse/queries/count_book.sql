-- What is in the book, for the web page, every few seconds: so raw rows are counted, without FINAL. A span that was
-- delivered twice counts twice until parts are merged.
SELECT 'traces' AS name, count() AS rows FROM trace_rows WHERE is_deleted = 0 AND ({everybody:Bool} OR tenant = {tenant:String})
UNION ALL
SELECT 'spans', count() FROM otel_traces WHERE {everybody:Bool} OR tenant = {tenant:String}
UNION ALL
SELECT 'log records and events', count() FROM otel_logs WHERE {everybody:Bool} OR tenant = {tenant:String}
UNION ALL
SELECT 'metric points', sum(rows) FROM
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
