CREATE OR REPLACE VIEW agent_edges ON CLUSTER 'book'
(
    experiment_id String COMMENT 'Experiment',
    day Date COMMENT 'Day of the calls: filter by it',
    caller String COMMENT 'Agent or span that calls; service name when a root is called',
    callee String COMMENT 'Agent, tool, model or data source that is called',
    kind String COMMENT 'agent, tool, llm, embedding or retrieval',
    calls UInt64 COMMENT 'Calls',
    errors UInt64 COMMENT 'Calls that failed',
    duration_ms_p95 Float64 COMMENT '95th percentile of their durations, milliseconds'
)
AS SELECT
    c.experiment_id AS experiment_id,
    c.day AS day,
    if(p.name != '', p.name, c.service_name) AS caller,
    c.callee AS callee,
    c.kind AS kind,
    count() AS calls,
    countIf(c.failed) AS errors,
    quantileTDigest(0.95)(c.duration_ms) AS duration_ms_p95
FROM (
    SELECT
        s.tenant AS tenant, s.TraceId AS trace_id, s.ParentSpanId AS parent_span_id, toDate(s.PartitionTime) AS day,
        s.experiment_id AS experiment_id, s.ServiceName AS service_name, s.span_type AS kind, s.StatusCode = 'Error' AS failed, s.Duration / 1e6 AS duration_ms,
        multiIf(
            s.span_type = 'tool' AND s.tool_name != '', s.tool_name,
            s.span_type = 'agent' AND s.agent_name != '', s.agent_name,
            s.span_type IN ('llm', 'embedding') AND s.request_model != '', s.request_model,
            s.span_type = 'retrieval' AND s.data_source_id != '', s.data_source_id,
            s.SpanName) AS callee
    FROM otel_traces AS s FINAL
    WHERE s.span_type IN ('agent', 'tool', 'llm', 'embedding', 'retrieval')
) AS c
LEFT JOIN (
    SELECT
        s.tenant AS tenant, s.TraceId AS trace_id, s.SpanId AS span_id,
        arrayJoin(arrayMap(n -> toDate(s.PartitionTime) + n, range(toUInt32(least(dateDiff('day', s.PartitionTime, s.PartitionTime + intDiv(s.Duration, 1000000000)), 90) + 1)))) AS day,
        multiIf(s.agent_name != '', s.agent_name, s.tool_name != '', s.tool_name, s.SpanName) AS name
    FROM otel_traces AS s FINAL
) AS p ON p.day = c.day AND p.tenant = c.tenant AND p.trace_id = c.trace_id AND p.span_id = c.parent_span_id
GROUP BY c.tenant, experiment_id, c.day, caller, callee, kind
COMMENT 'Who calls whom: agents and services above, agents, tools, models and data sources below. The map of an application.';
