"""The cluster's schema, made from the single node's: replicated tables, and a Distributed table over each sharded one.

Rows that belong to a trace are sharded by its id, so that a trace's spans and assessments lie on one shard and joins
between them stay local; metrics are sharded by series. Every other table is small and copied to all nodes. A landing
row holds many traces, so its view writes to the Distributed table; all other views read and write their own shard, and
so do the statements of the derivation, which runs on every shard for itself.
"""

import re
from functools import cache

from spanbook_storage.migrations import Change, migrations, without_comments

_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_ALTERED = re.compile(r"ALTER TABLE (\w+)")
_ENGINE = re.compile(r"\bENGINE = ((?:Replacing|Aggregating|Coalescing|Summing)?MergeTree)(?:\(([^()]*)\))?")
_HEADER = re.compile(
    r"CREATE (?:TABLE IF NOT EXISTS|MATERIALIZED VIEW IF NOT EXISTS|OR REPLACE VIEW|VIEW IF NOT EXISTS) \w+"
    r"|CREATE DATABASE IF NOT EXISTS (?:\w+|`[^`]+`)"
    r"|ALTER TABLE \w+"
)
_SHARD_KEYS = (
    (re.compile(r"^\s+TraceId String\b", re.MULTILINE), "if(TraceId = '', cityHash64(Timestamp), cityHash64(TraceId))"),
    (re.compile(r"^\s+trace_id (?:LowCardinality\()?(?:Nullable\()?String\b", re.MULTILINE), "cityHash64(trace_id)"),
    (re.compile(r"^\s+MetricName String\b", re.MULTILINE), "cityHash64(ServiceName, MetricName)"),
)
# What a derivation writes down of its own shard, where no trace is named: nobody inserts through the Distributed table.
_OF_A_SHARD: tuple[str, ...] = ("dirty_traces", "derivation_state", "usage_5m")
# Whether a span is marked each shard asks of its own marks: ClickHouse refuses to ask all shards from every shard. What
# stands outside of IN is asked once, of all.
_MARKED = re.compile(r"(\bIN \(SELECT [^()]* FROM call_marks)\b")
# Views that the derivation reads; on a cluster each has a twin over the tables of one shard.
_TWINS = ("model_calls", "span_facts")


def statements(change: Change, cluster: str) -> list[str]:
    """Return what `change` does, on every node of `cluster`, or on a single node when `cluster` is empty."""
    if not cluster:
        return change.statements
    return [one for statement in change.statements for one in _rewrite(without_comments(statement), cluster)]


def own_shard(sql: str) -> str:
    """Return SQL that reads and writes the tables of the shard it runs on, where `sql` names those of the cluster."""
    return _sharded_name().sub(r"\1_local", sql)


def sharded(changes: list[Change]) -> dict[str, str]:
    """Return the tables that are spread over the shards, each with the expression that says where a row goes.

    It is empty where rows lie on the shard that computed them.
    """
    keys = dict.fromkeys(_OF_A_SHARD, "")
    for text in (without_comments(statement) for change in changes for statement in change.statements):
        table = _TABLE.match(text)
        key = next((key for column, key in _SHARD_KEYS if column.search(text)), "")
        if table and key and _ENGINE.search(text):
            keys[table[1]] = key
    return keys


def _rewrite(text: str, cluster: str) -> list[str]:
    if table := _TABLE.match(text):
        return [_on_cluster(one, cluster) for one in _table(table[1], text, cluster)]
    if text.startswith("CREATE MATERIALIZED"):
        return [_on_cluster(text if re.match(r"[A-Z ]+ landing_", text) else own_shard(text), cluster)]
    if (altered := _ALTERED.match(text)) and altered[1] in _shards():
        columns = [text] if " COLUMN " in text else []  # the Distributed table has nothing else to change
        return [_on_cluster(one, cluster) for one in (own_shard(text), *columns)]
    twins = [own_shard(text)] if re.match(rf"CREATE OR REPLACE VIEW (?:{'|'.join(_TWINS)})\b", text) else []
    return [_on_cluster(one, cluster) for one in (_MARKED.sub(r"\1_local", text), *twins)]


def _table(name: str, text: str, cluster: str) -> list[str]:
    shards = _shards()
    if name not in shards:
        return [_replicated(text, "all", "{shard}-{replica}")]
    local = _TABLE.sub(f"CREATE TABLE IF NOT EXISTS {name}_local", text, count=1)
    arguments = ", ".join(filter(None, (f"'{cluster}'", "currentDatabase()", f"{name}_local", shards[name])))
    distributed = f"CREATE TABLE IF NOT EXISTS {name} AS {name}_local\nENGINE = Distributed({arguments})"
    return [_replicated(local, "{shard}", "{replica}"), distributed]


@cache
def _shards() -> dict[str, str]:
    return sharded(migrations())


@cache
def _sharded_name() -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join((*_shards(), *_TWINS))})\b")


def _replicated(text: str, shard: str, replica: str) -> str:
    def engine(match: re.Match[str]) -> str:
        arguments = f", {match[2]}" if match[2] else ""
        path = f"/clickhouse/tables/{shard}/{{database}}/{{table}}"
        return f"ENGINE = Replicated{match[1]}('{path}', '{replica}'{arguments})"

    window = "replicated_deduplication_window"
    return _ENGINE.sub(engine, text, count=1).replace(f"non_{window}", window)


def _on_cluster(text: str, cluster: str) -> str:
    return _HEADER.sub(lambda header: f"{header[0]} ON CLUSTER '{cluster}'", text, count=1)
