"""The cluster's schema, made from the single node's: replicated tables, and a Distributed table over each sharded one.

Rows that belong to a trace are sharded by its id, so that a trace's spans and assessments lie on one shard and joins
between them stay local; metrics are sharded by series. Every other table is small and copied to all nodes. A landing
row holds many traces, so its view writes to the Distributed table; all other views read and write their own shard.
"""

import re

from spanbook_storage.migrations import Change, migrations, without_comments

_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
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


def statements(change: Change, cluster: str) -> list[str]:
    """Return what `change` does, on every node of `cluster`, or on a single node when `cluster` is empty."""
    if not cluster:
        return change.statements
    shards = sharded(migrations())
    return [one for statement in change.statements for one in _rewrite(without_comments(statement), cluster, shards)]


def sharded(changes: list[Change]) -> dict[str, str]:
    """Return the tables that are spread over the shards, each with the expression that says where a row goes."""
    keys: dict[str, str] = {}
    for text in (without_comments(statement) for change in changes for statement in change.statements):
        table = _TABLE.match(text)
        key = next((key for column, key in _SHARD_KEYS if column.search(text)), "")
        if table and key and _ENGINE.search(text):
            keys[table[1]] = key
    return keys


def _rewrite(text: str, cluster: str, shards: dict[str, str]) -> list[str]:
    table = _TABLE.match(text)
    if table is None:
        own_shard = text.startswith("CREATE MATERIALIZED") and not re.match(r"[A-Z ]+ landing_", text)
        if own_shard:
            text = re.sub(rf"\b({'|'.join(shards)})\b", r"\1_local", text)
        return [_on_cluster(text, cluster)]
    name = table[1]
    if name not in shards:
        return [_on_cluster(_replicated(text, "all", "{shard}-{replica}"), cluster)]
    local = _TABLE.sub(f"CREATE TABLE IF NOT EXISTS {name}_local", text, count=1)
    distributed = (
        f"CREATE TABLE IF NOT EXISTS {name} AS {name}_local\n"
        f"ENGINE = Distributed('{cluster}', currentDatabase(), {name}_local, {shards[name]})"
    )
    return [_on_cluster(_replicated(local, "{shard}", "{replica}"), cluster), _on_cluster(distributed, cluster)]


def _replicated(text: str, shard: str, replica: str) -> str:
    def engine(match: re.Match[str]) -> str:
        arguments = f", {match[2]}" if match[2] else ""
        path = f"/clickhouse/tables/{shard}/{{database}}/{{table}}"
        return f"ENGINE = Replicated{match[1]}('{path}', '{replica}'{arguments})"

    window = "replicated_deduplication_window"
    return _ENGINE.sub(engine, text, count=1).replace(f"non_{window}", window)


def _on_cluster(text: str, cluster: str) -> str:
    return _HEADER.sub(lambda header: f"{header[0]} ON CLUSTER '{cluster}'", text, count=1)
