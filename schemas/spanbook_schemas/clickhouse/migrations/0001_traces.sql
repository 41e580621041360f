-- Spans.
--
-- otel_traces: a row is a span as it was sent, once for each delivery. The first 22 columns are those of the OpenTelemetry
-- Collector's ClickHouse exporter (CamelCase: whatever reads or writes its tables works here); Spanbook's own follow in
-- snake_case, each with a DEFAULT from the attributes, so that a Collector which names only its own columns gets them too.
--
-- Prompts, answers, tool arguments and the like have columns of their own, because reading one key of a Map reads all
-- of it. Spans that came through Spanbook's own pipeline do not keep them in SpanAttributes; otel_traces_full does.

CREATE TABLE IF NOT EXISTS otel_traces
(
    Timestamp DateTime64(9) COMMENT 'Start of the span as its sender said it (held within what the type can say, see ts_adjusted)' CODEC(Delta(8), ZSTD(1)),
    TraceId String COMMENT 'Trace id, 32 lower-case hex digits' CODEC(ZSTD(1)),
    SpanId String COMMENT 'Span id, 16 lower-case hex digits' CODEC(ZSTD(1)),
    ParentSpanId String COMMENT 'Span id of the parent, empty for a root' CODEC(ZSTD(1)),
    TraceState String COMMENT 'W3C trace state' CODEC(ZSTD(1)),
    SpanName LowCardinality(String) COMMENT 'Name of the span' CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) COMMENT 'Unspecified, Internal, Server, Client, Producer or Consumer' CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) COMMENT 'service.name of the resource' CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the resource, values as text' CODEC(ZSTD(1)),
    ScopeName String COMMENT 'Name of the instrumentation scope' CODEC(ZSTD(1)),
    ScopeVersion String COMMENT 'Version of the instrumentation scope' CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of the span, values as text, without the content that has columns of its own' CODEC(ZSTD(1)),
    Duration UInt64 COMMENT 'End less start in nanoseconds, 0 when the end is missing or before the start' CODEC(T64, ZSTD(1)),
    StatusCode LowCardinality(String) COMMENT 'Unset, Ok or Error' CODEC(ZSTD(1)),
    StatusMessage String COMMENT 'Message of an error status' CODEC(ZSTD(1)),
    `Events.Timestamp` Array(DateTime64(9)) COMMENT 'Times of the span''s events' CODEC(ZSTD(1)),
    `Events.Name` Array(LowCardinality(String)) COMMENT 'Names of the span''s events' CODEC(ZSTD(1)),
    `Events.Attributes` Array(Map(LowCardinality(String), String)) COMMENT 'Attributes of the span''s events' CODEC(ZSTD(1)),
    `Links.TraceId` Array(String) COMMENT 'Trace ids of the span''s links' CODEC(ZSTD(1)),
    `Links.SpanId` Array(String) COMMENT 'Span ids of the span''s links' CODEC(ZSTD(1)),
    `Links.TraceState` Array(String) COMMENT 'Trace states of the span''s links' CODEC(ZSTD(1)),
    `Links.Attributes` Array(Map(LowCardinality(String), String)) COMMENT 'Attributes of the span''s links' CODEC(ZSTD(1)),

    -- ---- where the span belongs; the same key on a span overrides its resource's
    tenant LowCardinality(String) DEFAULT '' COMMENT 'Project of the API key, empty for the default one; never taken from attributes' CODEC(ZSTD(1)),
    experiment_name LowCardinality(String) DEFAULT multiIf(
        SpanAttributes['spanbook.experiment.name'] != '', SpanAttributes['spanbook.experiment.name'],
        ResourceAttributes['spanbook.experiment.name'] != '', ResourceAttributes['spanbook.experiment.name'],
        ServiceName) COMMENT 'Name of the experiment as sent, else the service''s name' CODEC(ZSTD(1)),
    experiment_id LowCardinality(String) DEFAULT multiIf(
        SpanAttributes['spanbook.experiment.id'] != '', SpanAttributes['spanbook.experiment.id'],
        SpanAttributes['spanbook.experiment.name'] != '', substring(lower(hex(SHA256(concat(tenant, '\0', SpanAttributes['spanbook.experiment.name'])))), 1, 16),
        ResourceAttributes['spanbook.experiment.id'] != '', ResourceAttributes['spanbook.experiment.id'],
        substring(lower(hex(SHA256(concat(tenant, '\0', experiment_name)))), 1, 16)) COMMENT 'Experiment as sent, else the first 16 hex digits of SHA-256(tenant, 0x00, experiment_name)' CODEC(ZSTD(1)),
    model_id LowCardinality(String) DEFAULT if(SpanAttributes['spanbook.model.id'] != '', SpanAttributes['spanbook.model.id'], ResourceAttributes['spanbook.model.id']) COMMENT 'Logged model (version of the application), spanbook.model.id' CODEC(ZSTD(1)),
    model_name LowCardinality(String) DEFAULT if(SpanAttributes['spanbook.model.name'] != '', SpanAttributes['spanbook.model.name'], ResourceAttributes['spanbook.model.name']) COMMENT 'Name of the logged model, spanbook.model.name' CODEC(ZSTD(1)),
    run_id LowCardinality(String) DEFAULT if(SpanAttributes['spanbook.run.id'] != '', SpanAttributes['spanbook.run.id'], ResourceAttributes['spanbook.run.id']) COMMENT 'Evaluation run, spanbook.run.id' CODEC(ZSTD(1)),
    session_id String DEFAULT if(SpanAttributes['session.id'] != '', SpanAttributes['session.id'], ResourceAttributes['session.id']) COMMENT 'session.id as sent, empty when absent' CODEC(ZSTD(1)),
    conversation_id String DEFAULT SpanAttributes['gen_ai.conversation.id'] COMMENT 'gen_ai.conversation.id as sent, empty when absent' CODEC(ZSTD(1)),
    user_id String DEFAULT if(SpanAttributes['user.id'] != '', SpanAttributes['user.id'], SpanAttributes['enduser.id']) COMMENT 'user.id, else enduser.id' CODEC(ZSTD(1)),

    -- ---- what the span is
    operation LowCardinality(String) DEFAULT SpanAttributes['gen_ai.operation.name'] COMMENT 'gen_ai.operation.name' CODEC(ZSTD(1)),
    span_type LowCardinality(String) DEFAULT multiIf(
        SpanAttributes['spanbook.span.type'] != '', lower(SpanAttributes['spanbook.span.type']),
        operation IN ('chat', 'text_completion', 'generate_content', 'fetch_response'), 'llm',
        operation = 'execute_tool', 'tool',
        operation IN ('invoke_agent', 'create_agent', 'plan'), 'agent',
        operation = 'retrieval', 'retrieval',
        operation = 'embeddings', 'embedding',
        operation = 'invoke_workflow', 'workflow',
        operation LIKE '%memory%', 'memory',
        '') COMMENT 'llm, tool, agent, retrieval, embedding, workflow, memory, what spanbook.span.type says, or empty' CODEC(ZSTD(1)),
    provider LowCardinality(String) DEFAULT SpanAttributes['gen_ai.provider.name'] COMMENT 'gen_ai.provider.name' CODEC(ZSTD(1)),
    request_model LowCardinality(String) DEFAULT SpanAttributes['gen_ai.request.model'] COMMENT 'gen_ai.request.model' CODEC(ZSTD(1)),
    response_model LowCardinality(String) DEFAULT SpanAttributes['gen_ai.response.model'] COMMENT 'gen_ai.response.model' CODEC(ZSTD(1)),
    response_id String DEFAULT SpanAttributes['gen_ai.response.id'] COMMENT 'gen_ai.response.id' CODEC(ZSTD(1)),
    agent_name LowCardinality(String) DEFAULT SpanAttributes['gen_ai.agent.name'] COMMENT 'gen_ai.agent.name' CODEC(ZSTD(1)),
    agent_id String DEFAULT SpanAttributes['gen_ai.agent.id'] COMMENT 'gen_ai.agent.id' CODEC(ZSTD(1)),
    tool_name LowCardinality(String) DEFAULT SpanAttributes['gen_ai.tool.name'] COMMENT 'gen_ai.tool.name' CODEC(ZSTD(1)),
    tool_type LowCardinality(String) DEFAULT SpanAttributes['gen_ai.tool.type'] COMMENT 'gen_ai.tool.type' CODEC(ZSTD(1)),
    tool_call_id String DEFAULT SpanAttributes['gen_ai.tool.call.id'] COMMENT 'gen_ai.tool.call.id' CODEC(ZSTD(1)),
    data_source_id LowCardinality(String) DEFAULT SpanAttributes['gen_ai.data_source.id'] COMMENT 'gen_ai.data_source.id' CODEC(ZSTD(1)),
    error_type LowCardinality(String) DEFAULT SpanAttributes['error.type'] COMMENT 'error.type' CODEC(ZSTD(1)),

    -- ---- what it used; NULL is "not reported", which 0 is not
    input_tokens Nullable(UInt64) DEFAULT toUInt64OrNull(SpanAttributes['gen_ai.usage.input_tokens']) COMMENT 'Tokens read, cached ones included; NULL when not reported' CODEC(ZSTD(1)),
    output_tokens Nullable(UInt64) DEFAULT toUInt64OrNull(SpanAttributes['gen_ai.usage.output_tokens']) COMMENT 'Tokens written, reasoning included; NULL when not reported' CODEC(ZSTD(1)),
    cached_input_tokens Nullable(UInt64) DEFAULT toUInt64OrNull(SpanAttributes['gen_ai.usage.cache_read.input_tokens']) COMMENT 'Tokens read from the provider''s cache; NULL when not reported' CODEC(ZSTD(1)),
    cache_write_tokens Nullable(UInt64) DEFAULT toUInt64OrNull(if(SpanAttributes['gen_ai.usage.cache_write.input_tokens'] != '', SpanAttributes['gen_ai.usage.cache_write.input_tokens'], SpanAttributes['gen_ai.usage.cache_creation.input_tokens'])) COMMENT 'Tokens written to the provider''s cache; NULL when not reported' CODEC(ZSTD(1)),
    reasoning_tokens Nullable(UInt64) DEFAULT toUInt64OrNull(SpanAttributes['gen_ai.usage.reasoning.output_tokens']) COMMENT 'Tokens spent on reasoning; NULL when not reported' CODEC(ZSTD(1)),
    cost_reported Nullable(Float64) DEFAULT toFloat64OrNull(SpanAttributes['gen_ai.usage.cost']) COMMENT 'Cost in US dollars as the client reported it; NULL when it did not' CODEC(ZSTD(1)),
    time_to_first_token_ms Nullable(Float64) DEFAULT toFloat64OrNull(SpanAttributes['gen_ai.response.time_to_first_chunk']) * 1000 COMMENT 'Milliseconds to the first streamed piece; NULL when not reported' CODEC(ZSTD(1)),
    retrieval_top_k Nullable(UInt64) DEFAULT toUInt64OrNull(SpanAttributes['gen_ai.retrieval.top_k']) COMMENT 'gen_ai.retrieval.top_k' CODEC(ZSTD(1)),
    finish_reasons Array(LowCardinality(String)) DEFAULT JSONExtract(SpanAttributes['gen_ai.response.finish_reasons'], 'Array(String)') COMMENT 'Why the model stopped, one for each choice' CODEC(ZSTD(1)),

    -- ---- content; as JSON text where the sender had structure. It is most of the bytes, so the server says how it is packed:
    -- the embedded node packs young parts for speed and large ones for size.
    input_messages String DEFAULT SpanAttributes['gen_ai.input.messages'] COMMENT 'gen_ai.input.messages, JSON',
    output_messages String DEFAULT SpanAttributes['gen_ai.output.messages'] COMMENT 'gen_ai.output.messages, JSON',
    system_instructions String DEFAULT SpanAttributes['gen_ai.system_instructions'] COMMENT 'gen_ai.system_instructions, JSON',
    tool_definitions String DEFAULT SpanAttributes['gen_ai.tool.definitions'] COMMENT 'gen_ai.tool.definitions, JSON',
    tool_arguments String DEFAULT SpanAttributes['gen_ai.tool.call.arguments'] COMMENT 'gen_ai.tool.call.arguments, JSON',
    tool_result String DEFAULT SpanAttributes['gen_ai.tool.call.result'] COMMENT 'gen_ai.tool.call.result, JSON',
    retrieval_query String DEFAULT SpanAttributes['gen_ai.retrieval.query.text'] COMMENT 'gen_ai.retrieval.query.text',
    retrieval_documents String DEFAULT SpanAttributes['gen_ai.retrieval.documents'] COMMENT 'gen_ai.retrieval.documents, JSON',
    span_input String DEFAULT SpanAttributes['spanbook.input'] COMMENT 'spanbook.input: what a traced function was called with, JSON',
    span_output String DEFAULT SpanAttributes['spanbook.output'] COMMENT 'spanbook.output: what a traced function returned, JSON',
    input_preview String DEFAULT leftUTF8(multiIf(input_messages != '', input_messages, tool_arguments != '', tool_arguments, retrieval_query != '', retrieval_query, span_input), 300) COMMENT 'First 300 characters of the input: messages, tool arguments, retrieval query, or what a function was called with',
    output_preview String DEFAULT leftUTF8(multiIf(output_messages != '', output_messages, tool_result != '', tool_result, retrieval_documents != '', retrieval_documents, span_output), 300) COMMENT 'First 300 characters of the output: messages, tool result, retrieved documents, or what a function returned',

    -- ---- the rest of OTLP, which the exporter's columns leave out
    trace_flags UInt32 DEFAULT 0 COMMENT 'Flags of the span: W3C trace flags in the low byte, remote-parent bits above' CODEC(ZSTD(1)),
    dropped_attributes_count UInt32 DEFAULT 0 COMMENT 'Attributes that the sender dropped' CODEC(ZSTD(1)),
    dropped_events_count UInt32 DEFAULT 0 COMMENT 'Events that the sender dropped' CODEC(ZSTD(1)),
    dropped_links_count UInt32 DEFAULT 0 COMMENT 'Links that the sender dropped' CODEC(ZSTD(1)),
    resource_schema_url LowCardinality(String) DEFAULT '' COMMENT 'Schema URL of the resource' CODEC(ZSTD(1)),
    scope_schema_url LowCardinality(String) DEFAULT '' COMMENT 'Schema URL of the scope' CODEC(ZSTD(1)),
    scope_attributes Map(LowCardinality(String), String) COMMENT 'Attributes of the instrumentation scope' CODEC(ZSTD(1)),

    -- ---- Spanbook's book-keeping
    received_at DateTime64(3) DEFAULT now64(3) COMMENT 'When the collector had the whole request; the newest delivery of a span stands' CODEC(Delta(8), ZSTD(1)),
    _batch UInt64 DEFAULT 0 COMMENT 'First sequence number of the batch in the collector''s queue' CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted, by the clock of the store: how the derivation finds new ones' CODEC(Delta(8), ZSTD(1)),
    ts_adjusted Bool DEFAULT PartitionTime != toDateTime(Timestamp, 'UTC') COMMENT 'Whether Timestamp or PartitionTime is not what the sender said' CODEC(ZSTD(1)),
    -- A span from 1970 or 2199 must not make partitions of its own. The lower bound is wider than any retention that
    -- drops parts by day: one INSERT may touch at most 100 partitions.
    PartitionTime DateTime('UTC') DEFAULT toDateTime(if(Timestamp = toDateTime64(0, 9), received_at, greatest(least(Timestamp, received_at + toIntervalDay(1)), received_at - toIntervalDay(90))), 'UTC') COMMENT 'Timestamp held between received_at - 90 days and received_at + 1 day: partitions, sort key and retention go by it' CODEC(Delta(4), ZSTD(1)),

    -- Traces by id. A text index with one token a row is smaller than a bloom filter and answers exactly.
    INDEX idx_trace_id TraceId TYPE text(tokenizer = 'array'),
    -- "Newest traces of an hour": the sort key knows PartitionTime, readers filter by Timestamp.
    INDEX idx_timestamp Timestamp TYPE minmax GRANULARITY 1,
    -- The newest inserts in a part that merges or deletes have made.
    INDEX idx_inserted_at inserted_at TYPE minmax GRANULARITY 1,
    -- Everything of a session, and the span of a response id (feedback that knows no trace).
    INDEX idx_session_id session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_response_id response_id TYPE bloom_filter(0.01) GRANULARITY 1,
    -- A word in what was asked or answered. Left out on insert (a setting on the INSERT), built by merges. Bit-packed lists
    -- of rows take two fifths less.
    INDEX idx_input_messages lower(input_messages) TYPE text(tokenizer = 'splitByNonAlpha', posting_list_codec = 'bitpacking'),
    INDEX idx_output_messages lower(output_messages) TYPE text(tokenizer = 'splitByNonAlpha', posting_list_codec = 'bitpacking')
)
-- The newest delivery of a span stands. Start and experiment are in the key, and a sender may change its mind about them:
-- the row under the old key is then deleted by the task that recomputes traces.
ENGINE = ReplacingMergeTree(received_at)
-- Retention drops whole days.
PARTITION BY toDate(PartitionTime)
-- Readers ask for a stretch of time and an experiment. Inside five minutes a trace's spans lie together.
ORDER BY (toStartOfFiveMinutes(PartitionTime), tenant, experiment_id, TraceId, SpanId)
-- A trace is read by whole granules, 85 ms of them with 8192 rows; prompts are fat, and a granule of a few rows helps nobody.
-- Parts below 64Mi keep all columns in one file: seventy columns in files of their own cost a small insert more than its data.
-- Larger ones are merged column by column, however few rows they have: by rows, all that is merged would be in memory at once.
-- The window is what makes a replayed insert with the same token one copy.
-- Merges are the dearest thing a span goes through, so some forty parts become one, at once packed for size, instead of ten
-- and then ten of those; what readers pay is small, since a part is a stretch of time and the key begins with it.
-- The block number says, for ever, which insert a row came with: the derivation keeps its place by it, since clocks and commits
-- do not agree in order.
SETTINGS merge_selector_base = 100, enable_block_number_column = 1, index_granularity = 2048, index_granularity_bytes = '64Mi', min_bytes_for_wide_part = '64Mi', vertical_merge_algorithm_min_rows_to_activate = 1, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
COMMENT 'Spans as they were sent, a row for each delivery. The view spans shows each once.';
