"""Runs the cluster's DDL in an embedded engine with a Keeper and one shard; prints every table with its engine.

A process of its own: the engine does not always end well with a Keeper inside.
"""

import os
import re
import sys
import traceback
from pathlib import Path

from chdb.session import Session

CONFIG = """
<clickhouse>
    <tcp_port>0</tcp_port>
    <macros><cluster>{cluster}</cluster><shard>01</shard><replica>r1</replica></macros>
    <zookeeper><implementation>testkeeper</implementation></zookeeper>
    <remote_servers><{cluster}><shard><internal_replication>true</internal_replication>
        <replica><host>localhost</host><port>9000</port></replica></shard></{cluster}></remote_servers>
</clickhouse>
"""


def main(directory: Path, cluster: str) -> None:
    config = directory / "config.xml"
    config.write_text(CONFIG.format(cluster=cluster), encoding="utf-8")
    session = Session(f"{directory / 'data'}?config-file={config}")
    session.query("CREATE DATABASE book")
    session.query("USE book")
    for statement in sys.stdin.read().split("\0"):
        quoted = statement.replace("\\", "\\\\").replace("'", "\\'")
        parsed = str(session.query(f"SELECT formatQuerySingleLine('{quoted}')", "TSVRaw"))
        clause = f"ON CLUSTER {cluster}" if f"ON CLUSTER {cluster}" in parsed else f"ON CLUSTER '{cluster}'"
        assert clause in parsed, parsed
        session.query(re.sub(rf" ON CLUSTER '{cluster}'", "", statement, count=1))
    print(session.query("SELECT name, engine FROM system.tables WHERE database = 'book'", "TSVRaw"), end="", flush=True)
    os._exit(0)  # closing the session may wait for the Keeper for ever


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2])
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # as above
