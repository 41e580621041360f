-- The trace that began last, for the web page. A day back is enough: older ones are no news.
SELECT trace_id, name, start_time
FROM trace_rows FINAL
WHERE start_time > now() - INTERVAL 1 DAY AND ({everybody:Bool} OR tenant = {tenant:String})
ORDER BY start_time DESC
LIMIT 1
