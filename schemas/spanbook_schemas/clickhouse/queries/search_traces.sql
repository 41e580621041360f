-- Traces, newest first: the SDK's search_traces and get_trace ask for them. An empty parameter holds nothing back.
SELECT
    trace_id, experiment_id, experiment_name, model_id, model_name, run_id, name, service_name, start_time, duration_ms, status,
    session_id, user_id, input, output, span_count, llm_call_count, tool_call_count, error_count, input_tokens, output_tokens, cost_usd, tags
FROM traces
WHERE start_time >= {since:DateTime64(6, 'UTC')} AND start_time < {until:DateTime64(6, 'UTC')}
    AND (empty({trace_ids:Array(String)}) OR trace_id IN {trace_ids:Array(String)})
    AND (empty({experiment_ids:Array(String)}) OR experiment_id IN {experiment_ids:Array(String)})
    AND ({experiment_name:String} = '' OR experiment_name = {experiment_name:String})
    AND ({model_id:String} = '' OR model_id = {model_id:String})
    AND ({run_id:String} = '' OR run_id = {run_id:String})
    AND ({session_id:String} = '' OR session_id = {session_id:String})
    AND ({user_id:String} = '' OR user_id = {user_id:String})
    AND ({status:String} = '' OR status = {status:String})
    AND arrayAll((key, value) -> tags[key] = value, {tag_keys:Array(String)}, {tag_values:Array(String)})
ORDER BY start_time DESC
LIMIT {max_results:UInt32}
