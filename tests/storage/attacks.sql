-- What a reader must not get through; one statement a line. {dir}: a directory with the canary files `secret` and
-- `secret.csv`; {port}: a port that counts connections; `victim` and `other.private` are tables that must survive and
-- stay unread. \n in a line is a line end.

-- files, read
SELECT file('{dir}/secret')
SELECT file(concat('{dir}', '/secret'))
select FILE('{dir}/secret')
SELECT `file`('{dir}/secret')
SELECT "file"('{dir}/secret')
SELECT file ( '{dir}/secret' )
SELECT/**/file/**/('{dir}/secret')
SELECT arrayMap(x -> file(x), ['{dir}/secret'])
SELECT arrayMap(x -> file(x, 'no'), ['{dir}/secret'])
WITH file('{dir}/secret') AS f SELECT f
WITH (SELECT file('{dir}/secret')) AS f SELECT f
WITH f AS (SELECT file('{dir}/secret') AS x) SELECT x FROM f
WITH (y) -> file(y) AS f SELECT f('{dir}/secret')
SELECT 1 WHERE file('{dir}/secret') != ''
SELECT a FROM victim ORDER BY file('{dir}/secret')
SELECT a FROM victim GROUP BY a HAVING file('{dir}/secret') != ''
SELECT a FROM victim LIMIT length(file('{dir}/secret'))
SELECT a FROM victim LIMIT 1 OFFSET length(file('{dir}/secret'))
SELECT a FROM victim LIMIT length(file('{dir}/secret')) BY a
SELECT a FROM victim ORDER BY a WITH FILL INTERPOLATE (s AS file('{dir}/secret'))
SELECT sum(a) OVER (ORDER BY a ROWS BETWEEN length(file('{dir}/secret')) PRECEDING AND CURRENT ROW) FROM victim
SELECT a FROM victim QUALIFY file('{dir}/secret') != ''
SELECT a FROM victim PREWHERE file('{dir}/secret') != ''
SELECT * FROM victim AS x JOIN victim AS y ON file('{dir}/secret') = y.s
SELECT * FROM victim ARRAY JOIN [file('{dir}/secret')] AS z
SELECT a FROM victim GROUP BY GROUPING SETS ((file('{dir}/secret')))
SELECT * REPLACE (file(s) AS s) FROM victim
SELECT * APPLY file FROM victim
SELECT * APPLY(file) FROM victim
SELECT * APPLY(x -> file('{dir}/secret')) FROM victim
SELECT COLUMNS('s') APPLY file FROM victim
SELECT COLUMNS('s') APPLY(x -> upper(file(x))) FROM victim
SELECT victim.* APPLY `file` FROM victim
SELECT CAST(file('{dir}/secret'), 'String')
SELECT file('{dir}/secret')::String
SELECT if(1, file('{dir}/secret'), '')
SELECT CASE WHEN 1 THEN file('{dir}/secret') END
SELECT 1 IN (SELECT file('{dir}/secret'))
SELECT EXISTS (SELECT file('{dir}/secret'))
SELECT 1 UNION ALL SELECT length(file('{dir}/secret'))
SELECT 1 EXCEPT SELECT length(file('{dir}/secret'))
SELECT [file('{dir}/secret')], (file('{dir}/secret'), 1), map('k', file('{dir}/secret'))
SELECT file({p:String})
SELECT * FROM file('{dir}/secret.csv', 'CSV', 'a String')
SELECT * FROM file('{dir}/secret.csv')
SELECT * FROM `file`('{dir}/secret.csv', 'CSV', 'a String')
SELECT * FROM (SELECT * FROM file('{dir}/secret.csv', 'CSV', 'a String'))
SELECT * FROM view(SELECT file('{dir}/secret'))
SELECT * FROM values('a String', file('{dir}/secret'))
SELECT * FROM numbers(length(file('{dir}/secret')))
SELECT * FROM (EXPLAIN SELECT file('{dir}/secret'))
SELECT * FROM viewExplain('EXPLAIN SYNTAX', '', (SELECT file('{dir}/secret')))
SELECT * FROM default.`{dir}/secret.csv`
SELECT * FROM `default`.`{dir}/secret.csv`
SELECT * FROM "default"."{dir}/secret.csv"
SELECT * FROM {d:Identifier}.`{dir}/secret.csv`
SELECT 'x' IN (default.`{dir}/secret.csv`)
SELECT 'x' IN default.`{dir}/secret.csv`
SELECT 'x' GLOBAL NOT IN default.`{dir}/secret.csv`
SELECT in('x', default.`{dir}/secret.csv`)
SELECT * FROM victim AS v, default.`{dir}/secret.csv` AS s
SELECT * FROM {t:Identifier}('{dir}/secret.csv')
SELECT * FROM filesystem('{dir}')
SELECT * FROM fileCluster('default', '{dir}/secret.csv', 'CSV', 'a String')
SELECT * FROM sqlite('{dir}/secret', 't')
SELECT * FROM icebergLocal('{dir}')
SELECT * FROM deltaLakeLocal('{dir}')
DESCRIBE file('{dir}/secret.csv')
DESCRIBE TABLE file('{dir}/secret.csv', 'CSV')
DESCRIBE (SELECT file('{dir}/secret'))
DESCRIBE default.`{dir}/secret.csv`
EXPLAIN SELECT file('{dir}/secret')
EXPLAIN SYNTAX SELECT file('{dir}/secret')
EXPLAIN QUERY TREE SELECT file('{dir}/secret')
EXPLAIN PIPELINE SELECT * FROM file('{dir}/secret.csv', 'CSV', 'a String')
EXPLAIN actions = 1 SELECT file('{dir}/secret')
EXPLAIN AST SELECT file('{dir}/secret')
EXISTS default.`{dir}/secret.csv`
SHOW CREATE TABLE default.`{dir}/secret.csv`
SHOW TABLES FROM default
SHOW TABLES WHERE file('{dir}/secret') != ''
SHOW TABLES WHERE name IN (SELECT file('{dir}/secret'))
SHOW TABLES WHERE name IN default.`{dir}/secret.csv`
SHOW COLUMNS FROM victim WHERE field = file('{dir}/secret')

-- files, written
SELECT 1 INTO OUTFILE '{dir}/written'
SELECT 1 INTO OUTFILE '{dir}/written' AND STDOUT
SELECT 1 INTO OUTFILE '{dir}/written' TRUNCATE FORMAT CSV
SELECT 1 into/**/outfile '{dir}/written'
(SELECT 1) UNION ALL (SELECT 2) INTO OUTFILE '{dir}/written'
SHOW DATABASES INTO OUTFILE '{dir}/written'
DESCRIBE victim INTO OUTFILE '{dir}/written'
EXPLAIN SELECT 1 INTO OUTFILE '{dir}/written'
EXPLAIN AST SELECT 1 INTO OUTFILE '{dir}/written'
EXISTS victim INTO OUTFILE '{dir}/written' FORMAT CSV
INSERT INTO FUNCTION file('{dir}/written', 'CSV', 'a String') SELECT 'x'
INSERT INTO FUNCTION file('{dir}/written', 'CSV', 'a String') VALUES ('x')
BACKUP TABLE victim TO File('{dir}/written')
BACKUP TABLE victim TO Disk('default', 'written')
CREATE TABLE w ENGINE = File(CSV, '{dir}/written') AS SELECT 1

-- network
SELECT * FROM url('http://127.0.0.1:{port}/', 'CSV', 'a String')
SELECT * FROM url('http://127.0.0.1:{port}/')
SELECT * FROM s3('http://127.0.0.1:{port}/b/k', 'CSV', 'a String')
SELECT * FROM gcs('http://127.0.0.1:{port}/b/k', 'CSV', 'a String')
SELECT * FROM urlCluster('default', 'http://127.0.0.1:{port}/', 'CSV', 'a String')
SELECT * FROM hdfs('hdfs://127.0.0.1:{port}/x', 'CSV', 'a String')
SELECT * FROM azureBlobStorage('http://127.0.0.1:{port}/', 'c', 'b', 'CSV', 'a String')
SELECT * FROM remote('127.0.0.1:{port}', other.private)
SELECT * FROM remoteSecure('127.0.0.1:{port}', other.private)
SELECT * FROM cluster('default', other.private)
SELECT * FROM clusterAllReplicas('default', other.private)
SELECT * FROM mysql('127.0.0.1:{port}', 'd', 't', 'u', 'p')
SELECT * FROM postgresql('127.0.0.1:{port}', 'd', 't', 'u', 'p')
SELECT * FROM mongodb('127.0.0.1:{port}', 'd', 'c', 'u', 'p', 'a String')
SELECT * FROM redis('127.0.0.1:{port}', 'k', 'k String, v String')
SELECT * FROM jdbc('jdbc:x://127.0.0.1:{port}', 'd', 't')
SELECT * FROM odbc('DSN=x', 'd', 't')
SELECT * FROM ytsaurus('http://127.0.0.1:{port}', 'p', 't', 'a String')
SELECT * FROM iceberg('http://127.0.0.1:{port}/')
DESCRIBE url('http://127.0.0.1:{port}/')
DESCRIBE s3('http://127.0.0.1:{port}/b/k')
SELECT hasColumnInTable('127.0.0.1:{port}', 'other', 'private', 'a')
SELECT aiGenerate('hello')
SELECT AIEmbed('x')
CREATE DICTIONARY d (a String) PRIMARY KEY a SOURCE(HTTP(URL 'http://127.0.0.1:{port}/' FORMAT CSV)) LAYOUT(FLAT()) LIFETIME(0)
CREATE FUNCTION f AS (x) -> file(x)

-- programs
SELECT * FROM executable('id', 'TSV', 'a String')
SELECT * FROM Python(os)
SELECT * FROM python('x')
SELECT * FROM input('a String')
SELECT * FROM eval('SELECT 1')

-- other databases and the machine
SELECT * FROM other.private
SELECT * FROM `other`.`private`
SELECT * FROM {d:Identifier}.private
SELECT secret FROM victim JOIN other.private USING (a)
SELECT 1 WHERE (1, 'x') IN other.private
SELECT a FROM victim WHERE (a, s) NOT IN (other.private)
SELECT globalNullIn((1, 'x'), other.private)
SELECT * FROM merge('other', '.*')
SELECT * FROM merge('.*')
SELECT * FROM loop(other.private)
SELECT * FROM mergeTreeIndex(other, private)
SELECT * FROM mergeTreeProjection(other, private, p)
SELECT * FROM dictionary('other.d')
SELECT * FROM other.view_of_it(x = 1)
SELECT dictGet('other.d', 'a', 1)
SELECT dictHas('other.d', 1)
SELECT joinGet('other.j', 'a', 1)
DESCRIBE other.private
SHOW TABLES FROM other
SHOW CREATE TABLE other.private
SHOW CREATE DATABASE other
EXISTS TABLE other.private
EXISTS DATABASE other
SELECT * FROM system.processes
SELECT * FROM system.server_settings
SELECT * FROM system.query_log
SELECT * FROM system.disks
SELECT * FROM system.users
SELECT * FROM system.grants
SELECT * FROM system.named_collections
SELECT * FROM system.stack_trace
SELECT * FROM system.asynchronous_metrics
SELECT * FROM system.build_options
SELECT * FROM system.certificates
SELECT * FROM system.clusters
SELECT * FROM system.detached_parts
SELECT * FROM system.remote_data_paths
SELECT * FROM system.schema_inference_cache
SELECT * FROM `system`.`processes`
SELECT * FROM {s:Identifier}.processes
SELECT 1 IN system.processes
SHOW PROCESSLIST
SHOW GRANTS
SHOW ACCESS
SHOW PRIVILEGES
SELECT hostName()
SELECT hostname()
SELECT FQDN()
SELECT getServerSetting('path')
SELECT getMacro('x')
SELECT filesystemAvailable()
SELECT serverUUID()
SELECT getOSKernelVersion()
SELECT showCertificate()
SELECT getClientHTTPHeader('Authorization')
SELECT addressToLine(1)
SELECT addressToSymbol(1)
SELECT logTrace('x')
SELECT __getScalar('x')
SELECT * APPLY(hostName) FROM victim

-- time of others
SELECT sleep(3)
SELECT sleepEachRow(1) FROM numbers(3)
SELECT * APPLY sleep FROM victim

-- more than one statement, and writes
SELECT 1; DROP TABLE victim
SELECT 1; SELECT 2
SELECT 1;; DROP TABLE victim
SELECT 1 -- \n; DROP TABLE victim
SELECT 1 /* ; */ ; DROP TABLE victim
SELECT 1 FORMAT CSV; DROP TABLE victim
SELECT $$a$$; DROP TABLE victim
SELECT 'a\'; DROP TABLE victim; SELECT \''; DROP TABLE victim
EXPLAIN AST SELECT 1; DROP TABLE victim
EXPLAIN SELECT 1; DROP TABLE victim
EXPLAIN AST DROP TABLE victim
DESCRIBE victim; DROP TABLE victim
DROP TABLE victim
drop/**/table victim
DROP DATABASE other
TRUNCATE TABLE victim
DELETE FROM victim WHERE 1
UPDATE victim SET s = 'x' WHERE 1
ALTER TABLE victim DELETE WHERE 1
ALTER TABLE victim DROP COLUMN s
ALTER TABLE victim MODIFY TTL now()
RENAME TABLE victim TO gone
EXCHANGE TABLES victim AND victim
DETACH TABLE victim
ATTACH TABLE victim
OPTIMIZE TABLE victim FINAL
UNDROP TABLE victim
CREATE TABLE mine (a Int8) ENGINE = Memory
CREATE TEMPORARY TABLE mine (a Int8)
CREATE VIEW mine AS SELECT 1
CREATE DATABASE mine
CREATE USER mine
GRANT ALL ON *.* TO default
INSERT INTO victim SELECT 9, 'x'
INSERT INTO victim VALUES (9, 'x')
INSERT INTO victim FORMAT CSV 9,x
WITH 9 AS n INSERT INTO victim SELECT n, 'x'
SET max_memory_usage = 0
SET readonly = 0
USE other
SYSTEM SHUTDOWN
SYSTEM FLUSH LOGS
SYSTEM STOP MERGES
KILL QUERY WHERE 1
KILL MUTATION WHERE 1
CHECK TABLE victim
EXECUTE AS default SELECT 1
BEGIN TRANSACTION
RESTORE TABLE victim FROM Disk('default', 'x')
CREATE WORKLOAD all
PARALLEL WITH DROP TABLE victim

-- settings that lift limits or filters
SELECT (SELECT 1 SETTINGS max_execution_time = 0)
SELECT * FROM (SELECT 1 SETTINGS readonly = 0)
SELECT 1 SETTINGS additional_table_filters = {'x': '1'}
SELECT * FROM victim SETTINGS additional_table_filters = {}
(SELECT 1 SETTINGS max_threads = 1) UNION ALL SELECT 2
