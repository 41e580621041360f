-- Traces: a row for each, derived from its spans.
--
--   otel_traces ┄▶ traced_spans ─▶ traced ─┬─▶ trace_rows     what the view `traces` reads
--   (inserts)      (Null)          (Null)  └─▶ trace_pieces   what came of which trace in which of them
--
-- Spans can be read before anything here is done: the writer (spanbook_storage/derivation.py) sends what was inserted through
-- the two Null tables soon after, many inserts in one block (gather_traces.sql). A trace that lies whole in it has its row
-- then, at the price of one GROUP BY over the block. Any other is computed anew from its pieces, which go through the same
-- two tables with a version above 0: so what a trace's row says is written down once, in traced_mv.

-- A row is a delivery of a span, reduced to what trace rows depend on.
CREATE TABLE IF NOT EXISTS traced_spans
(
    version UInt64 COMMENT '0 for a span as it was inserted, else the version of the recomputation',
    stands Bool COMMENT 'Whether this is the newest delivery of the span',
    tags Map(String, String) COMMENT 'Tags of the trace that the span carries; in recomputations those of events over them',
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    trace_id String COMMENT 'Trace id, hex',
    span_id String COMMENT 'Span id, hex',
    parent_span_id String COMMENT 'Span id of the parent, empty for a root',
    received_at DateTime64(3) COMMENT 'When the collector had the span',
    start_time DateTime64(9, 'UTC') COMMENT 'Start, held within what partitions allow',
    duration UInt64 COMMENT 'Nanoseconds',
    experiment_id LowCardinality(String) COMMENT 'Experiment of the span',
    experiment_name LowCardinality(String) COMMENT 'Its name as sent',
    model_id LowCardinality(String) COMMENT 'Logged model',
    model_name LowCardinality(String) COMMENT 'Its name as sent',
    run_id LowCardinality(String) COMMENT 'Evaluation run',
    session_id String COMMENT 'Session, empty when unknown',
    user_id String COMMENT 'User, empty when unknown',
    name LowCardinality(String) COMMENT 'Name of the span',
    service_name LowCardinality(String) COMMENT 'service.name',
    span_type LowCardinality(String) COMMENT 'llm, tool, agent …',
    failed Bool COMMENT 'Whether its status is an error',
    counts Bool COMMENT 'Whether it is a request to a model whose tokens count',
    provider LowCardinality(String) COMMENT 'gen_ai.provider.name',
    model LowCardinality(String) COMMENT 'Response model, else request model',
    input_tokens Nullable(UInt64) COMMENT 'Tokens read, cached ones included',
    output_tokens Nullable(UInt64) COMMENT 'Tokens written, reasoning included',
    cached_input_tokens Nullable(UInt64) COMMENT 'Tokens read from the cache',
    cache_write_tokens Nullable(UInt64) COMMENT 'Tokens written to the cache',
    reasoning_tokens Nullable(UInt64) COMMENT 'Tokens spent on reasoning',
    cost_reported Nullable(Float64) COMMENT 'Cost as the client reported it',
    input String COMMENT 'Input preview, of roots only',
    output String COMMENT 'Output preview, of roots only'
)
ENGINE = Null
COMMENT 'Spans on their way into trace rows; nothing is stored';

-- Recomputations come by a door of their own, for what only they need.
CREATE TABLE IF NOT EXISTS retraced_spans AS traced_spans
ENGINE = Null
COMMENT 'Spans of traces that are computed anew; nothing is stored';

ALTER TABLE retraced_spans ADD COLUMN IF NOT EXISTS moved Bool COMMENT 'Whether the delivery that stands has another start or experiment';

CREATE MATERIALIZED VIEW IF NOT EXISTS retraced_spans_mv TO traced_spans AS SELECT * EXCEPT (moved) FROM retraced_spans;

-- Raw rows that a newer delivery has replaced, and that merges of otel_traces cannot see to be the same span.
CREATE TABLE IF NOT EXISTS superseded_spans
(
    version UInt64 COMMENT 'Recomputation that found it',
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    trace_id String COMMENT 'Trace id, hex',
    span_id String COMMENT 'Span id, hex',
    experiment_id String COMMENT 'Experiment that it is stored under',
    bucket DateTime('UTC') COMMENT 'Five minutes that it is stored under',
    found_at DateTime DEFAULT now() COMMENT 'When'
)
ENGINE = MergeTree
ORDER BY version
TTL found_at + INTERVAL 1 DAY
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Deliveries of spans to be taken away';

CREATE MATERIALIZED VIEW IF NOT EXISTS superseded_spans_mv TO superseded_spans AS
SELECT DISTINCT version, tenant, trace_id, span_id, experiment_id, toStartOfFiveMinutes(start_time) AS bucket
FROM retraced_spans
WHERE moved;

-- What a recomputation works off; kept for an hour, for whoever wants to know.
CREATE TABLE IF NOT EXISTS dirty_traces
(
    version UInt64 COMMENT 'Recomputation',
    trace_key UInt64 COMMENT 'Hash of tenant and trace id',
    span_count UInt64 COMMENT 'Spans in its pieces',
    agents_report Bool COMMENT 'Whether spans that are no requests to models report usage',
    tagged Bool COMMENT 'Whether events gave it tags',
    oldest DateTime64(3, 'UTC') COMMENT 'When its first piece was inserted',
    usage_buckets Array(DateTime('UTC')) COMMENT 'Five minutes whose usage may change, which the insert did not name',
    marked_at DateTime DEFAULT now() COMMENT 'When'
)
ENGINE = MergeTree
ORDER BY (version, trace_key)
TTL marked_at + INTERVAL 1 HOUR
COMMENT 'Traces to be computed anew';

-- A row is what one block of inserts, or one recomputation, knows of a trace.
CREATE TABLE IF NOT EXISTS traced
(
    version UInt64 COMMENT '0 for inserts as they were gathered, else the version of the recomputation',
    whole Bool COMMENT 'Whether root and every parent are here, no span is here twice, and usage is not on agents alone',
    agents_report Bool COMMENT 'Whether spans that are no requests to models report usage',
    experiments Array(LowCardinality(String)) COMMENT 'Every experiment that a row of this trace can have had',
    buckets Array(DateTime('UTC')) COMMENT 'Every five minutes that a row of this trace can have had',
    usage_buckets Array(DateTime('UTC')) COMMENT 'Five minutes whose usage changes',
    spans Array(Tuple(
        span_id String, parent_span_id String, received_at DateTime64(3), start_time DateTime64(9, 'UTC'), duration UInt64,
        experiment_id String, experiment_name String, model_id String, model_name String, run_id String,
        session_id String, user_id String, name String, service_name String, span_type String, failed Bool, counts Bool,
        provider String, model String,
        input_tokens Nullable(UInt64), output_tokens Nullable(UInt64), cached_input_tokens Nullable(UInt64),
        cache_write_tokens Nullable(UInt64), reasoning_tokens Nullable(UInt64), cost_reported Nullable(Float64),
        input String, output String, tags Map(String, String))) COMMENT 'The spans, for recomputations; empty when whole',
    tenant LowCardinality(String) COMMENT 'Project of the API key',
    trace_id String COMMENT 'Trace id, hex',
    experiment_id LowCardinality(String) COMMENT 'Experiment of the top span',
    experiment_name LowCardinality(String) COMMENT 'Its name as sent',
    start_time DateTime64(9, 'UTC') COMMENT 'Start of the first span',
    duration_ms Float64 COMMENT 'First start to last end, milliseconds',
    name LowCardinality(String) COMMENT 'Name of the top span',
    service_name LowCardinality(String) COMMENT 'Service of the top span',
    model_id LowCardinality(String) COMMENT 'Logged model',
    model_name LowCardinality(String) COMMENT 'Its name as sent',
    run_id LowCardinality(String) COMMENT 'Evaluation run',
    session_id String COMMENT 'Session, empty when unknown',
    user_id String COMMENT 'User, empty when unknown',
    input String COMMENT 'Input preview of the root',
    output String COMMENT 'Output preview of the root',
    tags Map(String, String) COMMENT 'Tags of the trace',
    has_root Bool COMMENT 'Whether the root has come',
    root_failed Bool COMMENT 'Whether the root failed',
    last_received_at DateTime64(3) COMMENT 'When the newest span came',
    span_count UInt32 COMMENT 'Spans',
    llm_call_count UInt32 COMMENT 'Requests to models',
    tool_call_count UInt32 COMMENT 'Tool calls',
    error_count UInt32 COMMENT 'Spans that failed',
    input_tokens Nullable(UInt64) COMMENT 'Tokens read in all requests',
    output_tokens Nullable(UInt64) COMMENT 'Tokens written in all requests',
    cost_usd Nullable(Float64) COMMENT 'Cost of all requests; NULL when unknown for one of them',
    cost_source LowCardinality(Nullable(String)) COMMENT 'reported, computed, mixed or NULL'
)
ENGINE = Null
COMMENT 'Traces on their way into rows; nothing is stored';

CREATE TABLE IF NOT EXISTS trace_rows
(
    tenant LowCardinality(String) COMMENT 'Project of the API key' CODEC(ZSTD(1)),
    experiment_id LowCardinality(String) COMMENT 'Experiment of the top span' CODEC(ZSTD(1)),
    start_time DateTime64(9, 'UTC') COMMENT 'Start of the first span' CODEC(Delta(8), ZSTD(1)),
    start_day Date MATERIALIZED toDate(start_time) COMMENT 'Day of start_time, UTC' CODEC(ZSTD(1)),
    trace_id String COMMENT 'Trace id, hex' CODEC(ZSTD(1)),
    version UInt64 COMMENT '0: from one block; else microseconds of the recomputation. The newest stands' CODEC(ZSTD(1)),
    is_deleted UInt8 COMMENT '1: the trace has moved to another experiment or five minutes' CODEC(ZSTD(1)),
    experiment_name LowCardinality(String) COMMENT 'Name of the experiment as sent' CODEC(ZSTD(1)),
    duration_ms Float64 COMMENT 'First start to last end, milliseconds' CODEC(ZSTD(1)),
    name LowCardinality(String) COMMENT 'Name of the top span' CODEC(ZSTD(1)),
    service_name LowCardinality(String) COMMENT 'Service of the top span' CODEC(ZSTD(1)),
    model_id LowCardinality(String) COMMENT 'Logged model' CODEC(ZSTD(1)),
    model_name LowCardinality(String) COMMENT 'Its name as sent' CODEC(ZSTD(1)),
    run_id LowCardinality(String) COMMENT 'Evaluation run' CODEC(ZSTD(1)),
    session_id String COMMENT 'Session, empty when unknown' CODEC(ZSTD(1)),
    user_id String COMMENT 'User, empty when unknown' CODEC(ZSTD(1)),
    input String COMMENT 'Input preview of the root' CODEC(ZSTD(3)),
    output String COMMENT 'Output preview of the root' CODEC(ZSTD(3)),
    tags Map(String, String) COMMENT 'Tags of the trace' CODEC(ZSTD(1)),
    has_root Bool COMMENT 'Whether the root has come' CODEC(ZSTD(1)),
    root_failed Bool COMMENT 'Whether the root failed' CODEC(ZSTD(1)),
    last_received_at DateTime64(3) COMMENT 'When the newest span came' CODEC(Delta(8), ZSTD(1)),
    span_count UInt32 COMMENT 'Spans' CODEC(ZSTD(1)),
    llm_call_count UInt32 COMMENT 'Requests to models' CODEC(ZSTD(1)),
    tool_call_count UInt32 COMMENT 'Tool calls' CODEC(ZSTD(1)),
    error_count UInt32 COMMENT 'Spans that failed' CODEC(ZSTD(1)),
    input_tokens Nullable(UInt64) COMMENT 'Tokens read in all requests' CODEC(ZSTD(1)),
    output_tokens Nullable(UInt64) COMMENT 'Tokens written in all requests' CODEC(ZSTD(1)),
    cost_usd Nullable(Float64) COMMENT 'Cost of all requests; NULL when unknown for one of them' CODEC(ZSTD(1)),
    cost_source LowCardinality(Nullable(String)) COMMENT 'reported, computed, mixed or NULL' CODEC(ZSTD(1)),
    -- A trace by id, a session's traces, a user's traces.
    INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_session_id session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_user_id user_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, is_deleted)
-- Retention drops whole days, and a time filter prunes them.
PARTITION BY start_day
-- "The newest traces of an experiment": experiment and time prune. The time is in the key by its five minutes, as a
-- function of start_time itself, so that a filter on start_time prunes although the view reads FINAL.
-- The day is there too, as the column by which the table is partitioned: FINAL then knows that versions of a trace never lie
-- in two partitions, and merges none of them with another, which takes a third off "the newest traces".
ORDER BY (tenant, experiment_id, start_day, toStartOfFiveMinutes(start_time), trace_id)
-- Rows are small and read FINAL, so merges are cheap and parts are not: 67 parts make "the newest traces" 150 ms, 8 make it 70.
-- A merge holds a block of each column of each part: with blocks of 64 KiB instead of 1 MiB 91 MB of ten parts, not 206.
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, merge_selector_base = 3, max_compress_block_size = 65536
COMMENT 'A row for each trace; replaced, never summed';

CREATE TABLE IF NOT EXISTS trace_pieces
(
    trace_key UInt64 COMMENT 'Hash of tenant and trace id' CODEC(LZ4),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the piece was written' CODEC(Delta(8), ZSTD(1)),
    tenant LowCardinality(String) COMMENT 'Project of the API key' CODEC(ZSTD(1)),
    trace_id String COMMENT 'Trace id, hex' CODEC(ZSTD(1)),
    whole Bool COMMENT 'Whether the trace lay whole in the block, so that it has its row already' CODEC(ZSTD(1)),
    span_count UInt32 COMMENT 'Spans in the block' CODEC(ZSTD(1)),
    agents_report Bool COMMENT 'Whether spans that are no requests to models report usage' CODEC(ZSTD(1)),
    tagged Bool COMMENT 'Whether this is an event that gave the trace a tag' CODEC(ZSTD(1)),
    usage_buckets Array(DateTime('UTC')) COMMENT 'Five minutes whose usage changes' CODEC(ZSTD(1)),
    spans Array(Tuple(
        span_id String, parent_span_id String, received_at DateTime64(3), start_time DateTime64(9, 'UTC'), duration UInt64,
        experiment_id String, experiment_name String, model_id String, model_name String, run_id String,
        session_id String, user_id String, name String, service_name String, span_type String, failed Bool, counts Bool,
        provider String, model String,
        input_tokens Nullable(UInt64), output_tokens Nullable(UInt64), cached_input_tokens Nullable(UInt64),
        cache_write_tokens Nullable(UInt64), reasoning_tokens Nullable(UInt64), cost_reported Nullable(Float64),
        input String, output String, tags Map(String, String))) COMMENT 'The spans' CODEC(ZSTD(1)),
    -- The newest pieces, asked for every second.
    INDEX idx_inserted_at inserted_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(inserted_at)
-- Recomputing asks for all pieces of a few thousand traces.
ORDER BY trace_key
-- Small granules: a lookup is one trace. The block number says, for ever, which pieces were written together: the writer
-- keeps its place by it, as in otel_traces. Small blocks and one file up to 64 MiB: a merge of ten parts holds 57 MB instead of 260.
SETTINGS index_granularity = 256, max_compress_block_size = 65536, min_bytes_for_wide_part = '64Mi', enable_block_number_column = 1, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
COMMENT 'What came of which trace in which block of inserts';

CREATE MATERIALIZED VIEW IF NOT EXISTS traced_mv TO traced AS
WITH
    countIf(s.request AND s.has_usage AND s.cost IS NULL) AS unpriced,
    countIf(s.request AND s.cost_reported IS NOT NULL) AS reported,
    countIf(s.request AND s.cost IS NOT NULL AND s.cost_reported IS NULL) AS computed,
    groupArray(s.span_key) AS span_keys
SELECT
    s.version AS version,
    s.tenant AS tenant,
    s.trace_id AS trace_id,
    countIf(s.is_root) > 0
        AND length(arrayDistinct(span_keys)) = count()
        -- No more names with the parents than without: every parent is here.
        AND length(arrayDistinct(arrayConcat(span_keys, groupArrayIf(s.parent_key, NOT s.is_root)))) = count()
        -- Usage on agents alone is for recomputations to judge.
        AND (countIf(s.has_usage) = 0 OR countIf(s.has_usage AND s.counts) > 0) AS whole,
    countIf(s.has_usage AND NOT s.counts) > 0 AS agents_report,
    groupUniqArray(s.experiment_id) AS experiments,
    groupUniqArray(s.bucket) AS buckets,
    groupUniqArrayIf(s.bucket, s.counts OR s.has_usage) AS usage_buckets,
    if(s.version = 0, groupArray(s.span), []) AS spans,
    argMinIf(s.experiment_id, s.rank, s.stands) AS experiment_id,
    argMinIf(s.experiment_name, s.rank, s.stands) AS experiment_name,
    minIf(s.start_time, s.stands) AS start_time,
    (maxIf(s.end_nano, s.stands) - minIf(s.start_nano, s.stands)) / 1e6 AS duration_ms,
    argMinIf(s.name, s.rank, s.stands) AS name,
    argMinIf(s.service_name, s.rank, s.stands) AS service_name,
    argMinIf(s.model_id, s.rank, s.stands AND s.model_id != '') AS model_id,
    argMinIf(s.model_name, s.rank, s.stands AND s.model_name != '') AS model_name,
    argMinIf(s.run_id, s.rank, s.stands AND s.run_id != '') AS run_id,
    argMinIf(s.session_id, s.rank, s.stands AND s.session_id != '') AS session_id,
    argMinIf(s.user_id, s.rank, s.stands AND s.user_id != '') AS user_id,
    argMinIf(s.input, s.rank, s.stands) AS input,
    argMinIf(s.output, s.rank, s.stands) AS output,
    maxMapIf(s.tags, s.stands) AS tags,
    countIf(s.stands AND s.is_root) > 0 AS has_root,
    argMinIf(s.failed, s.rank, s.stands AND s.is_root) AS root_failed,
    max(s.received_at) AS last_received_at,
    countIf(s.stands) AS span_count,
    countIf(s.request) AS llm_call_count,
    countIf(s.stands AND s.span_type = 'tool') AS tool_call_count,
    countIf(s.stands AND s.failed) AS error_count,
    sumIf(s.input_tokens, s.request) AS input_tokens,
    sumIf(s.output_tokens, s.request) AS output_tokens,
    if(unpriced > 0, NULL, sumIf(s.cost, s.request)) AS cost_usd,
    multiIf(unpriced > 0 OR reported + computed = 0, NULL, computed = 0, 'reported', reported = 0, 'computed', 'mixed') AS cost_source
FROM (
    SELECT
        t.*,
        t.parent_span_id = '' AS is_root,
        t.stands AND t.counts AS request,
        t.input_tokens IS NOT NULL OR t.output_tokens IS NOT NULL AS has_usage,
        toStartOfFiveMinutes(t.start_time) AS bucket,
        toUnixTimestamp64Nano(t.start_time) AS start_nano,
        start_nano + toInt64(t.duration) AS end_nano,
        cityHash64(t.span_id) AS span_key,
        cityHash64(t.parent_span_id) AS parent_key,
        -- The top span: a root before any other, then the earliest, then the smallest id. One number, since argMin
        -- over numbers is several times faster than over tuples.
        bitOr(
            bitShiftLeft(toUInt128(start_nano) + if(is_root, 0, bitShiftLeft(toUInt128(1), 63)), 64),
            toUInt128(reinterpretAsUInt64(reverse(unhex(t.span_id))))) AS rank,
        -- Input includes what was read from and written to the cache, output includes reasoning. The price in force is named by a
        -- lambda, since whatever a multiIf holds is computed for each of its branches. Prices ascend by date and tier, so the last
        -- that fits is the one in force.
        arrayMap(price -> multiIf(
            t.cost_reported IS NOT NULL, t.cost_reported,
            NOT has_usage OR (price.input IS NULL AND price.output IS NULL), NULL,
            (greatest(toFloat64(ifNull(t.input_tokens, 0)) - ifNull(t.cached_input_tokens, 0) - ifNull(t.cache_write_tokens, 0), 0) * ifNull(price.input, 0)
                + ifNull(t.cached_input_tokens, 0) * coalesce(price.cache_read, price.input, 0)
                + ifNull(t.cache_write_tokens, 0) * coalesce(price.cache_write, price.input, 0)
                + greatest(toFloat64(ifNull(t.output_tokens, 0)) - ifNull(t.reasoning_tokens, 0), 0) * ifNull(price.output, 0)
                + ifNull(t.reasoning_tokens, 0) * coalesce(price.reasoning, price.output, 0)) / 1e6),
            [arrayLast(
                dated -> dated.effective_from <= t.start_time AND (dated.min_input_tokens = 0 OR dated.min_input_tokens < t.input_tokens),
                p.prices)])[1] AS cost,
        (t.span_id, t.parent_span_id, t.received_at, t.start_time, t.duration,
            t.experiment_id, t.experiment_name, t.model_id, t.model_name, t.run_id,
            t.session_id, t.user_id, t.name, t.service_name, t.span_type, t.failed, t.counts,
            t.provider, t.model,
            t.input_tokens, t.output_tokens, t.cached_input_tokens,
            t.cache_write_tokens, t.reasoning_tokens, t.cost_reported,
            t.input, t.output, t.tags) AS span
    FROM traced_spans AS t
    LEFT JOIN priced_models AS p FINAL ON p.provider = t.provider AND p.model = t.model
) AS s
GROUP BY s.version, s.tenant, s.trace_id;

-- Whole traces, and recomputations with the tombstones of wherever else the row can have been.
CREATE MATERIALIZED VIEW IF NOT EXISTS trace_rows_mv TO trace_rows AS
SELECT
    place.1 AS experiment_id,
    place.2 AS start_time,
    place.3 AS is_deleted,
    tenant, trace_id, version, experiment_name, duration_ms, name, service_name, model_id, model_name, run_id,
    session_id, user_id, input, output, tags, has_root, root_failed, last_received_at,
    span_count, llm_call_count, tool_call_count, error_count, input_tokens, output_tokens, cost_usd, cost_source
FROM (
    SELECT
        * EXCEPT (experiment_id, start_time),
        arrayJoin(arrayConcat(
            [(toString(experiment_id), start_time, 0)],
            if(version = 0, [], arrayMap(
                (experiment, bucket) -> (toString(experiment), toDateTime64(bucket, 9, 'UTC'), 1),
                arrayFilter(
                    at -> at != (experiment_id, toStartOfFiveMinutes(start_time)),
                    arrayFlatten(arrayMap(experiment -> arrayMap(bucket -> (experiment, bucket), buckets), experiments))))))) AS place
    FROM traced
    WHERE whole OR version > 0
);

CREATE MATERIALIZED VIEW IF NOT EXISTS trace_pieces_mv TO trace_pieces AS
SELECT
    cityHash64(tenant, trace_id) AS trace_key,
    now64(3, 'UTC') AS inserted_at,
    tenant, trace_id, whole, span_count, agents_report, usage_buckets, spans
FROM traced
WHERE version = 0;

-- Where the derivation is. Every working tick writes its version here before it reads a span, so versions never repeat or
-- go back, whatever clocks do and however many collectors there are.
CREATE TABLE IF NOT EXISTS derivation_state
(
    name LowCardinality(String) COMMENT 'What is derived',
    version UInt64 COMMENT 'Version of the rows that were written last, microseconds',
    gathered_since Int64 COMMENT 'Spans inserted before this moment are gathered, milliseconds',
    gathered Array(Tuple(String, UInt64)) COMMENT 'Inserts of spans since then that are gathered: partition and block number',
    since Int64 COMMENT 'Pieces written before this moment are done, milliseconds',
    done Array(Tuple(String, UInt64)) COMMENT 'Pieces written since then that are done: partition and block number',
    dirty_buckets Array(UInt32) COMMENT 'Five minutes whose usage is still to be computed, seconds',
    unlooked Array(Tuple(String, UInt64)) COMMENT 'Pieces that are done but for old pieces of their traces, which are still to be looked for'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY name
COMMENT 'How far derived rows are';
