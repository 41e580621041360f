-- Where OTLP trace requests land, and how they become spans.
--
-- A row of landing_traces is one ResourceSpans, decoded by ClickHouse from the bytes that the client sent (otlp.proto).
-- Nothing is stored here: the view below turns it into rows of otel_traces, whose DEFAULTs do the rest.
-- The members of a value are Nullable to tell absent from zero. Maps and arrays of maps do not occur: the collector
-- turns them into JSON text first.

CREATE TABLE IF NOT EXISTS landing_traces
(
    resource Tuple(attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String))))) COMMENT 'Resource of the spans',
    scope_spans Array(Tuple(
        scope Tuple(name String, version String, attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String))))),
        spans Array(Tuple(
            trace_id String,
            span_id String,
            trace_state String,
            parent_span_id String,
            name String,
            kind Int32,
            start_time_unix_nano UInt64,
            end_time_unix_nano UInt64,
            attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))),
            dropped_attributes_count UInt32,
            events Array(Tuple(time_unix_nano UInt64, name String, attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))))),
            dropped_events_count UInt32,
            links Array(Tuple(trace_id String, span_id String, trace_state String, attributes Array(Tuple(key LowCardinality(String), value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), array_value Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64)))), bytes_value Nullable(String)))))),
            dropped_links_count UInt32,
            status Tuple(message String, code Int32),
            flags UInt32)),
        schema_url String)) COMMENT 'Scopes with their spans',
    schema_url String COMMENT 'Schema URL of the resource',
    tenant String COMMENT 'Stamped by the collector: project of the API key',
    received_at UInt64 COMMENT 'Stamped by the collector: nanoseconds since the epoch',
    batch UInt64 COMMENT 'Stamped by the collector: first sequence number of the batch'
)
ENGINE = Null
COMMENT 'OTLP trace requests land here; nothing is stored';
;

CREATE MATERIALIZED VIEW IF NOT EXISTS landing_traces_mv TO otel_traces AS
WITH
    -- An element of an array as JSON.
    e -> coalesce(toJSONString(e.string_value), toString(e.int_value), toJSONString(e.double_value), toString(e.bool_value), 'null') AS json,
    -- A value as text: strings as they are, arrays of scalars as JSON, bytes as base64.
    v -> coalesce(v.string_value, toString(v.int_value), toString(v.double_value), toString(v.bool_value),
        base64Encode(v.bytes_value), if(empty(v.array_value.values), '', concat('[', arrayStringConcat(arrayMap(json, v.array_value.values), ','), ']'))) AS text,
    a -> mapFromArrays(a.key, arrayMap(text, a.value)) AS attribute_map,
    -- OTLP's nanoseconds are unsigned, the type's are signed.
    t -> fromUnixTimestamp64Nano(toInt64(least(t, 9223372036854775807))) AS time,
    ['gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.system_instructions', 'gen_ai.tool.definitions',
     'gen_ai.tool.call.arguments', 'gen_ai.tool.call.result', 'gen_ai.retrieval.query.text', 'gen_ai.retrieval.documents', 'spanbook.input', 'spanbook.output'] AS content_keys
SELECT
    time(span.start_time_unix_nano) AS Timestamp,
    lower(hex(span.trace_id)) AS TraceId,
    lower(hex(span.span_id)) AS SpanId,
    lower(hex(span.parent_span_id)) AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    transform(span.kind, [1, 2, 3, 4, 5], ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified') AS SpanKind,
    resource_attributes['service.name'] AS ServiceName,
    resource_attributes AS ResourceAttributes,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    mapFromArrays(
        arrayFilter(k -> NOT has(content_keys, k), keys),
        arrayFilter((value, k) -> NOT has(content_keys, k), texts, keys)) AS SpanAttributes,
    if(span.end_time_unix_nano > span.start_time_unix_nano, span.end_time_unix_nano - span.start_time_unix_nano, 0) AS Duration,
    transform(span.status.code, [1, 2], ['Ok', 'Error'], 'Unset') AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(event -> time(event.time_unix_nano), span.events) AS `Events.Timestamp`,
    span.events.name AS `Events.Name`,
    arrayMap(event -> attribute_map(event.attributes), span.events) AS `Events.Attributes`,
    arrayMap(link -> lower(hex(link.trace_id)), span.links) AS `Links.TraceId`,
    arrayMap(link -> lower(hex(link.span_id)), span.links) AS `Links.SpanId`,
    span.links.trace_state AS `Links.TraceState`,
    arrayMap(link -> attribute_map(link.attributes), span.links) AS `Links.Attributes`,
    tenant,
    texts[indexOf(keys, 'gen_ai.input.messages')] AS input_messages,
    texts[indexOf(keys, 'gen_ai.output.messages')] AS output_messages,
    texts[indexOf(keys, 'gen_ai.system_instructions')] AS system_instructions,
    texts[indexOf(keys, 'gen_ai.tool.definitions')] AS tool_definitions,
    texts[indexOf(keys, 'gen_ai.tool.call.arguments')] AS tool_arguments,
    texts[indexOf(keys, 'gen_ai.tool.call.result')] AS tool_result,
    texts[indexOf(keys, 'gen_ai.retrieval.query.text')] AS retrieval_query,
    texts[indexOf(keys, 'gen_ai.retrieval.documents')] AS retrieval_documents,
    texts[indexOf(keys, 'spanbook.input')] AS span_input,
    texts[indexOf(keys, 'spanbook.output')] AS span_output,
    span.flags AS trace_flags,
    span.dropped_attributes_count AS dropped_attributes_count,
    span.dropped_events_count AS dropped_events_count,
    span.dropped_links_count AS dropped_links_count,
    schema_url AS resource_schema_url,
    scope_schema_url,
    scope_attributes,
    if(received_ns = 0, now64(3), toDateTime64(time(received_ns), 3)) AS received_at,
    batch AS _batch
FROM (
    -- Columns of their own for the members of a span: every name that is looked up in a tuple this deep costs the insert 0.3 ms.
    SELECT *, span.attributes.key AS keys, arrayMap(text, span.attributes.value) AS texts
    FROM (
        SELECT tenant, received_ns, batch, schema_url, resource_attributes, scope_span.scope.name AS scope_name, scope_span.scope.version AS scope_version,
            attribute_map(scope_span.scope.attributes) AS scope_attributes, scope_span.schema_url AS scope_schema_url, untuple(arrayJoin(scope_span.spans)) AS span
        FROM (
            SELECT tenant, received_at AS received_ns, batch, schema_url, attribute_map(resource.attributes) AS resource_attributes, untuple(arrayJoin(scope_spans)) AS scope_span
            FROM landing_traces
        )
    )
);
