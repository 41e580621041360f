"""The schema of a cluster, laid out within one server.

`on_one_server` is a cluster of one shard, with its Distributed tables. `on_two_shards` makes a database of each shard,
and one that puts both together: where a cluster has Distributed tables, Merge tables read and views share out what
lands. Tables that a cluster copies to all servers are those of the first shard.
"""

import re
from collections.abc import Iterator, Sequence

from spanbook_storage import migrations
from spanbook_storage.cluster import own_shard, sharded, statements

CLUSTER = "book"
_MADE = re.compile(r"[A-Z ]+ ([a-z]\w*)(?: TO (\w+) AS\s)?")


def on_one_server(sql: str) -> str:
    """A statement of a cluster without what takes several servers: ON CLUSTER, and replicas."""
    sql = re.sub(r" ON CLUSTER '\w+'", "", sql, count=1).replace(" replicated_dedup", " non_replicated_dedup")
    return re.sub(r"Replicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?([^)]*)\)", r"\1(\2)", sql)


def on_two_shards(book: str, shards: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give the statements that make the databases `book` and `shards`, each with the database that it is for."""
    keys = sharded(migrations.migrations())
    for change in (*migrations.migrations(), *migrations.views()):
        for sql in map(on_one_server, statements(change, CLUSTER)):
            made = _MADE.match(sql)
            assert made, sql
            name, target = made.groups()
            if "ENGINE = Distributed" in sql:
                yield book, _merged(name, shards)
            elif name.startswith("landing_") and target:
                yield from ((book, view) for view in _shared_out(name, sql, target, keys[target], shards))
            elif name.endswith("_local") or target:
                yield from ((shard, sql) for shard in shards)
            elif "MergeTree" in sql:
                yield shards[0], own_shard(sql)
                yield from ((one, _copied(name, shards[0])) for one in (book, *shards[1:]))
            elif "VIEW" in sql and name != "call_prices":
                yield book, sql.replace("call_marks_local", "call_marks")
            else:
                yield from ((one, sql) for one in (book, *shards))


def _merged(name: str, shards: Sequence[str]) -> str:
    databases = f"REGEXP('^({'|'.join(shards)})$')"
    return f"CREATE TABLE {name} AS {shards[0]}.{name}_local ENGINE = Merge({databases}, '^{name}_local$')"


def _copied(name: str, database: str) -> str:
    return f"CREATE TABLE {name} AS {database}.{name} ENGINE = Distributed('{CLUSTER}', '{database}', '{name}')"


def _shared_out(name: str, sql: str, target: str, key: str, shards: Sequence[str]) -> Iterator[str]:
    select = sql.partition(" AS\n")[2]
    for number, shard in enumerate(shards):
        yield (
            f"CREATE MATERIALIZED VIEW {name}_{number} TO {shard}.{target}_local AS"
            f" SELECT * FROM ({select}) WHERE ({key}) % {len(shards)} = {number}"
        )
