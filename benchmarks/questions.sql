-- What readers ask (queries.py). Each question: its name, and the milliseconds that it must take at most.

-- a trace by id: 100
SELECT * FROM spans WHERE trace_id = {trace_id:String};

-- last 100 traces of an experiment: 100
SELECT * FROM traces WHERE experiment_id = {experiment:String} ORDER BY start_time DESC LIMIT 100;

-- the same, of the last day: 100
SELECT * FROM traces WHERE experiment_id = {experiment:String} AND start_time >= now() - INTERVAL 1 DAY ORDER BY start_time DESC LIMIT 100;

-- model by day, from llm_calls: 1000
SELECT toDate(start_time) AS day, response_model, count(), sum(input_tokens), sum(output_tokens)
FROM llm_calls GROUP BY ALL ORDER BY ALL;

-- the same with costs: 1000
SELECT toDate(start_time) AS day, response_model, count(), sum(input_tokens), sum(output_tokens), sum(cost_usd)
FROM llm_calls GROUP BY ALL ORDER BY ALL;

-- model by day, from otel_traces: 1000
SELECT toDate(Timestamp) AS day, response_model, count(), sum(input_tokens), sum(output_tokens)
FROM otel_traces WHERE span_type = 'llm' GROUP BY ALL ORDER BY ALL;

-- model by day, from usage_hourly: 100
SELECT toDate(hour) AS day, model, sum(calls), sum(input_tokens), sum(output_tokens), sum(cost_usd)
FROM usage_hourly GROUP BY ALL ORDER BY ALL;

-- a word in what was said, with all of the call: 100
SELECT * FROM calls_with_word(word = {word:String});

-- a word in the messages of otel_traces: 100
SELECT TraceId, SpanId FROM otel_traces WHERE hasToken(lower(input_messages), {word:String});
