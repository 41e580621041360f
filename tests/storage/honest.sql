-- What readers may ask, and what clients and dashboards do ask; one statement a line. `t` is a small table of spans,
-- `v` a view on it, `p` a view with a parameter.

-- plain questions
SELECT 1
SELECT 1;
select 1 as x format JSON
SELECT 'a;b -- c', $$d;e$$
SELECT /* why not */ 1 -- indeed
(SELECT 1)
(SELECT 1) UNION ALL (SELECT 2)
SELECT 1 UNION DISTINCT SELECT 1
SELECT 1 INTERSECT SELECT 1
SELECT 1 EXCEPT SELECT 2
FROM t SELECT count()
SELECT * FROM t
SELECT * FROM spanbook_honest.t
SELECT x.* FROM t AS x
SELECT count(), uniq(TraceId), quantile(0.95)(Duration), quantiles(0.5, 0.9)(Duration) FROM t
SELECT count(DISTINCT TraceId) FROM t
SELECT sumIf(Duration, StatusCode = 'Error'), countIf(1), avgOrNullIf(Duration, 0), uniqMerge(s) FROM (SELECT Duration, StatusCode, arrayReduce('uniqState', [TraceId]) AS s FROM t)
SELECT argMax(SpanName, Timestamp), groupArray(3)(SpanName), topK(2)(SpanName) FROM t
SELECT count() FILTER (WHERE Duration > 1) FROM t
SELECT sumForEach([Duration, 1]), maxMap(map('a', 1)) FROM t
SELECT * EXCEPT (Duration) FROM t LIMIT 1
SELECT * REPLACE (Duration / 1e6 AS Duration) FROM t LIMIT 1
SELECT * APPLY toString FROM t LIMIT 1
SELECT COLUMNS('Id$') APPLY(x -> upper(x)) FROM t LIMIT 1
SELECT COLUMNS(TraceId, SpanName) FROM t LIMIT 1
SELECT toStartOfInterval(Timestamp, INTERVAL 5 MINUTE) AS w, count() FROM t GROUP BY w ORDER BY w WITH FILL STEP INTERVAL 5 MINUTE
SELECT SpanName, count() FROM t GROUP BY SpanName WITH TOTALS
SELECT SpanName, StatusCode, count() FROM t GROUP BY GROUPING SETS ((SpanName), (StatusCode))
SELECT SpanName, count() FROM t GROUP BY ROLLUP(SpanName)
SELECT SpanName AS n FROM t GROUP BY ALL HAVING count() > 0 ORDER BY ALL LIMIT 1 BY n
SELECT * FROM t WHERE TraceId IN (SELECT TraceId FROM t WHERE StatusCode = 'Error')
SELECT * FROM t WHERE TraceId IN ids
SELECT 1 IN (1, 2), 3 NOT IN [1, 2], (1, 'a') IN ((1, 'a'))
WITH a AS (SELECT TraceId FROM t), b AS (SELECT * FROM a) SELECT count() FROM b
WITH 3 AS n, (SELECT max(Duration) FROM t) AS m SELECT n * m
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r
WITH x -> x + 1 AS inc SELECT inc(2)
SELECT a.SpanName, b.SpanName FROM t AS a INNER JOIN t AS b ON a.SpanId = b.ParentSpanId AND a.TraceId = b.TraceId
SELECT * FROM t AS a LEFT JOIN v AS b USING (TraceId)
SELECT * FROM t AS a ASOF JOIN t AS b ON a.TraceId = b.TraceId AND a.Timestamp >= b.Timestamp
SELECT * FROM t AS a CROSS JOIN (SELECT 1 AS one) AS b
SELECT k, v FROM t ARRAY JOIN mapKeys(SpanAttributes) AS k, mapValues(SpanAttributes) AS v
SELECT row_number() OVER (PARTITION BY TraceId ORDER BY Timestamp) FROM t
SELECT sum(Duration) OVER w, lagInFrame(Duration) OVER w FROM t WINDOW w AS (ORDER BY Timestamp ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)
SELECT TraceId FROM t QUALIFY rank() OVER (ORDER BY Duration) = 1
SELECT * FROM v
SELECT * FROM p(code = 'Error')
SELECT * FROM spanbook_honest.p(code = 'Error')
SELECT * FROM t PREWHERE Duration > 0 WHERE 1
SELECT TraceId FROM t ORDER BY Duration DESC NULLS LAST LIMIT 1 WITH TIES
SELECT TraceId FROM t LIMIT 1 OFFSET 1
SELECT CASE StatusCode WHEN 'Error' THEN 1 ELSE 0 END, if(Duration > 1, 'a', 'b'), multiIf(1, 2, 3) FROM t
SELECT toDate('2026-01-01'), DATE '2026-01-01', now64(9), INTERVAL 1 DAY, dateDiff('second', now(), now()), formatDateTime(now(), '%F')
SELECT 1::Decimal(10, 2), CAST('1' AS UInt8), '2026-01-01'::Date, CAST(StatusCode AS Enum8('Error' = 1, 'Ok' = 2, 'Unset' = 3)) FROM t
SELECT arrayMap(x -> x * 2, [1, 2]), arrayFilter((x, i) -> i > 1, [1, 2], [1, 2]), arrayJoin([1, 2]), arrayFold((acc, x) -> acc + x, [1], toInt64(0))
SELECT map('a', 1)['a'], mapKeys(SpanAttributes), mapFilter((k, v) -> k LIKE 'gen_ai.%', SpanAttributes), SpanAttributes['file'] FROM t
SELECT tuple(1, 'a').1, (1 AS a, 2 AS b), untuple((1, 2))
SELECT JSONExtractString('{"a": "b"}', 'a'), JSONExtract('{"a": [1]}', 'a', 'Array(UInt8)'), JSONLength('[]'), simpleJSONExtractInt('{"a":1}', 'a'), isValidJSON('{}')
SELECT '{"a":{"b":1}}'::JSON AS j, j.a.b, j.^a
SELECT match('abc', 'b.'), extractAll('a1b2', '\\d'), replaceRegexpAll('x', 'x', 'y'), position('a' IN 'ba'), multiSearchAny('x', ['x']), hasToken('a b', 'a'), ngramDistance('a', 'b')
SELECT domain('http://x.y/z'), cutQueryString('http://x/?a'), URLHierarchy('http://x/y'), path('http://x/y'), protocol('http://x')
SELECT hex(SHA256('x')), cityHash64('x'), base64Encode('x'), encrypt('aes-128-ecb', 'x', '0123456789abcdef'), generateUUIDv4(), rand()
SELECT toIPv4('127.0.0.1'), geoDistance(1, 2, 3, 4), cosineDistance([1.0], [1.0]), L2Distance([1.0], [2.0])
SELECT bar(1, 0, 10), formatReadableSize(1000), transform(1, [1], ['a'], ''), version(), timezone(), currentDatabase(), currentUser(), uptime()
SELECT file FROM (SELECT 1 AS file)
WITH file AS (SELECT 1 AS url) SELECT url FROM file
SELECT 1 AS `sleep`, 2 AS "remote", 3 AS hostname
SELECT 'SELECT file(''x''); DROP TABLE t INTO OUTFILE'
SELECT number FROM numbers(3)
SELECT * FROM generate_series(1, 3)
SELECT * FROM values('a UInt8, b String', (1, 'x'))
SELECT * FROM generateRandom('a UInt8') LIMIT 1
SELECT * FROM (SELECT 1 AS a, 2 AS b) AS s, numbers(2) AS n
SELECT EXISTS (SELECT 1), NOT EXISTS (SELECT 1 FROM t)
SELECT DISTINCT ON (TraceId) TraceId, SpanName FROM t
SELECT TOP 1 TraceId FROM t
SELECT (SELECT count() FROM t) AS c, [c, c]
SELECT 1 SETTINGS max_threads = 1, max_execution_time = 3
SELECT 1 FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 1
SELECT 1 SETTINGS max_execution_time = 86400
SELECT * FROM system.one

-- looking round
SHOW TABLES
SHOW TABLES LIKE 't%'
SHOW TABLES FROM spanbook_honest
SHOW TABLES WHERE name = 't'
SHOW DATABASES
SHOW COLUMNS FROM t
SHOW INDEXES FROM t
SHOW CREATE TABLE t
SHOW CREATE VIEW v
SHOW CREATE DATABASE spanbook_honest
SHOW FUNCTIONS LIKE 'array%'
SHOW SETTINGS LIKE 'max_threads'
DESCRIBE t
DESC TABLE spanbook_honest.t
DESCRIBE (SELECT * FROM t)
DESCRIBE TABLE t SETTINGS describe_include_subcolumns = 1
EXISTS t
EXISTS TABLE spanbook_honest.t
EXISTS DATABASE spanbook_honest
EXPLAIN SELECT * FROM t
EXPLAIN indexes = 1, actions = 1 SELECT * FROM t WHERE TraceId = 'x'
EXPLAIN PIPELINE SELECT count() FROM t
EXPLAIN SYNTAX SELECT * FROM v
EXPLAIN QUERY TREE SELECT * FROM t
EXPLAIN ESTIMATE SELECT * FROM t
EXPLAIN AST SELECT 1
SELECT table_name FROM information_schema.tables
SELECT column_name, data_type FROM INFORMATION_SCHEMA.COLUMNS WHERE table_name = 't'

-- clickhouse-connect, as it starts
SELECT version(), timezone()
SELECT name, value, readonly as readonly FROM system.settings LIMIT 10000
SELECT 1 AS check FORMAT Native
SELECT 1 FORMAT Null
SELECT 1 FORMAT Null SETTINGS max_threads = 1

-- clickhouse-go and Grafana's data source
SELECT displayName(), version(), revision(), timezone()
SELECT name FROM system.databases
SELECT name FROM system.tables WHERE database = 'spanbook_honest'
SELECT name, type, comment FROM system.columns WHERE database = 'spanbook_honest' AND table = 't'
SELECT DISTINCT SpanName FROM "spanbook_honest"."t" LIMIT 1000
SELECT "TraceId" as traceID, "ServiceName" as serviceName, "SpanName" as operationName, "Timestamp" as startTime, multiply("Duration", 0.000001) as duration FROM "spanbook_honest"."t" WHERE ( Timestamp >= toDateTime64(0, 3) AND Timestamp <= toDateTime64(4102444800, 3) ) AND ( ParentSpanId = '' ) AND ( Duration > 0 ) ORDER BY Timestamp DESC, Duration DESC LIMIT 1000
WITH 'abc' as trace_id, (SELECT min(Timestamp) FROM t WHERE TraceId = trace_id) as trace_start, (SELECT max(Timestamp) + 1 FROM t WHERE TraceId = trace_id) as trace_end SELECT "TraceId" as traceID, "SpanId" as spanID, "ParentSpanId" as parentSpanID, arrayMap(key -> map('key', key, 'value', "SpanAttributes"[key]), mapKeys("SpanAttributes")) as tags FROM t WHERE traceID = trace_id AND "Timestamp" >= trace_start AND "Timestamp" <= trace_end LIMIT 1000
SELECT toStartOfInterval(Timestamp, INTERVAL 60 second) as time, countIf(StatusCode = 'Error') as errors FROM t GROUP BY time ORDER BY time ASC

-- HyperDX and @clickhouse/client
SELECT * FROM system.tables WHERE database = 'spanbook_honest' AND name = 't' FORMAT JSON
DESCRIBE spanbook_honest.t FORMAT JSON
SELECT name, type, default_expression FROM system.columns WHERE database = 'spanbook_honest' FORMAT JSONEachRow
SELECT name, type_full, expr, granularity FROM system.data_skipping_indices WHERE database = 'spanbook_honest' AND table = 't'
SELECT name, value FROM system.settings WHERE name = 'max_threads' FORMAT JSON
WITH sampledKeys AS (SELECT groupUniqArrayArray(200)(mapKeys(SpanAttributes)) AS keysArr FROM spanbook_honest.t) SELECT keysArr FROM sampledKeys
SELECT count(), toStartOfInterval(toDateTime(Timestamp), INTERVAL 1 minute) AS `__hdx_time_bucket` FROM spanbook_honest.t WHERE (Timestamp >= fromUnixTimestamp64Milli(0) AND Timestamp <= fromUnixTimestamp64Milli(4102444800000)) GROUP BY toStartOfInterval(toDateTime(Timestamp), INTERVAL 1 minute) AS `__hdx_time_bucket` ORDER BY toStartOfInterval(toDateTime(Timestamp), INTERVAL 1 minute) AS `__hdx_time_bucket` SETTINGS date_time_output_format = 'iso', max_rows_to_read = 3000000, read_overflow_mode = 'break', short_circuit_function_evaluation = 'force_enable', optimize_read_in_order = 0
KILL QUERY WHERE query_id = 'nobody'

-- JDBC: DBeaver, Metabase, Superset
SELECT currentUser() AS user, timezone() AS timezone, version() AS version, getSetting('readonly') AS readonly FORMAT RowBinaryWithNamesAndTypes
SELECT name, database, engine, comment FROM system.tables WHERE database LIKE '%' ORDER BY name
SELECT database AS TABLE_SCHEM, name AS TABLE_NAME, multiIf(engine = 'View', 'VIEW', 'TABLE') AS TABLE_TYPE FROM system.tables
SELECT name AS TABLE_SCHEM FROM system.databases ORDER BY name
SELECT name, case_insensitive, alias_to FROM system.data_type_families
SELECT name FROM system.functions WHERE is_aggregate
SELECT sum(rows), formatReadableSize(sum(bytes_on_disk)) FROM system.parts WHERE active AND table = 't'
