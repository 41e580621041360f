"""A node whose engine takes itself for the only server of a cluster named `book`.

Distributed tables, shards and macros are real. Left out is what goes from one server to another: ON CLUSTER, replicas
(the engine in a process makes their tables, and refuses inserts into them), and a second shard.
"""

import sys

from spanbook_storage.node import __main__ as node
from spanbook_storage.node import engine
from spanbook_storage.node.config import NodeConfig, engine_xml

# Nothing listens on the port: it is how the engine knows itself among the servers.
CLUSTER = """
    <tcp_port>9000</tcp_port>
    <macros><shard>01</shard></macros>
    <remote_servers>
        <book><shard><internal_replication>true</internal_replication>
            <replica><host>localhost</host><port>9000</port></replica></shard></book>
        <!-- A cluster whose second server is away. -->
        <pair><shard><replica><host>localhost</host><port>9000</port></replica></shard>
            <shard><replica><host>127.0.0.1</host><port>9</port></replica></shard></pair>
    </remote_servers>
</clickhouse>"""


def clustered(config: NodeConfig) -> str:
    """The engine's configuration, with a cluster."""
    return engine_xml(config).replace("</clickhouse>", CLUSTER)


if __name__ == "__main__":
    engine.engine_xml = clustered  # pyright: ignore[reportPrivateImportUsage]
    sys.exit(node.main())
