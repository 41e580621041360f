-- Spans in the very shape of the OpenTelemetry Collector's ClickHouse exporter: content is back in the attributes.
--
-- For tools that look for prompts in SpanAttributes (HyperDX's LLM view). Reads everything: always give it a stretch of time.

CREATE OR REPLACE VIEW otel_traces_full
(
    Timestamp DateTime64(9) COMMENT 'Start of the span as its sender said it (held within what the type can say, see ts_adjusted)',
    TraceId String COMMENT 'Trace id, 32 lower-case hex digits',
    SpanId String COMMENT 'Span id, 16 lower-case hex digits',
    ParentSpanId String COMMENT 'Span id of the parent, empty for a root',
    TraceState String COMMENT 'W3C trace state',
    SpanName LowCardinality(String) COMMENT 'Name of the span',
    SpanKind LowCardinality(String) COMMENT 'Unspecified, Internal, Server, Client, Producer or Consumer',
    ServiceName LowCardinality(String) COMMENT 'service.name of the resource',
    ResourceAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the resource, values as text',
    ScopeName String COMMENT 'Name of the instrumentation scope',
    ScopeVersion String COMMENT 'Version of the instrumentation scope',
    SpanAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the span, values as text, messages and other content included',
    Duration UInt64 COMMENT 'End less start in nanoseconds, 0 when the end is missing or before the start',
    StatusCode LowCardinality(String) COMMENT 'Unset, Ok or Error',
    StatusMessage String COMMENT 'Message of an error status',
    `Events.Timestamp` Array(DateTime64(9)) COMMENT 'Times of the span''s events',
    `Events.Name` Array(LowCardinality(String)) COMMENT 'Names of the span''s events',
    `Events.Attributes` Array(Map(LowCardinality(String), String)) COMMENT 'Attributes of the span''s events',
    `Links.TraceId` Array(String) COMMENT 'Trace ids of the span''s links',
    `Links.SpanId` Array(String) COMMENT 'Span ids of the span''s links',
    `Links.TraceState` Array(String) COMMENT 'Trace states of the span''s links',
    `Links.Attributes` Array(Map(LowCardinality(String), String)) COMMENT 'Attributes of the span''s links'
)
AS SELECT
    s.Timestamp AS Timestamp,
    s.TraceId AS TraceId,
    s.SpanId AS SpanId,
    s.ParentSpanId AS ParentSpanId,
    s.TraceState AS TraceState,
    s.SpanName AS SpanName,
    s.SpanKind AS SpanKind,
    s.ServiceName AS ServiceName,
    s.ResourceAttributes AS ResourceAttributes,
    s.ScopeName AS ScopeName,
    s.ScopeVersion AS ScopeVersion,
    mapConcat(s.SpanAttributes, mapFilter((key, value) -> value != '' AND NOT mapContains(s.SpanAttributes, key), map(
        'gen_ai.input.messages', s.input_messages,
        'gen_ai.output.messages', s.output_messages,
        'gen_ai.system_instructions', s.system_instructions,
        'gen_ai.tool.definitions', s.tool_definitions,
        'gen_ai.tool.call.arguments', s.tool_arguments,
        'gen_ai.tool.call.result', s.tool_result,
        'gen_ai.retrieval.query.text', s.retrieval_query,
        'gen_ai.retrieval.documents', s.retrieval_documents,
        'spanbook.input', s.span_input,
        'spanbook.output', s.span_output))) AS SpanAttributes,
    s.Duration AS Duration,
    s.StatusCode AS StatusCode,
    s.StatusMessage AS StatusMessage,
    s.`Events.Timestamp` AS `Events.Timestamp`,
    s.`Events.Name` AS `Events.Name`,
    s.`Events.Attributes` AS `Events.Attributes`,
    s.`Links.TraceId` AS `Links.TraceId`,
    s.`Links.SpanId` AS `Links.SpanId`,
    s.`Links.TraceState` AS `Links.TraceState`,
    s.`Links.Attributes` AS `Links.Attributes`
FROM otel_traces AS s FINAL;
