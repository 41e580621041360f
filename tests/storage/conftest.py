"""One real node for all tests of the store, and a database of its own for each."""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import pytest
from google.protobuf.message import Message

import clusters.node
from clusters.layouts import CLUSTER, on_one_server, on_two_shards
from spanbook_schemas.signals import Signal
from spanbook_schemas.stamps import BATCH_FIELD, RECEIVED_AT_FIELD, TENANT_FIELD
from spanbook_storage.node.process import NodeProcess
from spanbook_storage.prices import load_prices
from spanbook_storage.store import open_store

T = TypeVar("T")


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A running node on a free port; its database is `spanbook`."""
    with NodeProcess(tmp_path_factory.mktemp("node")) as process:
        yield process


@pytest.fixture
def database(node: NodeProcess) -> Iterator[str]:
    """An empty database for one test."""
    yield from _database(node)


@pytest.fixture(scope="module")
def module_database(node: NodeProcess) -> Iterator[str]:
    """An empty database for the tests of one module."""
    yield from _database(node)


def _database(node: NodeProcess) -> Iterator[str]:
    name = f"spanbook_{secrets.token_hex(4)}"
    client = node.client()
    client.command(f"CREATE DATABASE {name}")
    yield name
    client.command(f"DROP DATABASE {name}")
    client.close()


class Book:
    """A migrated database behind the real node, for tests that are not coroutines: one event loop of its own."""

    def __init__(self, dsn: str, shards: Sequence[str] = ()) -> None:
        self._runner = asyncio.Runner()
        self.dsn = dsn
        self.store = self.run(open_store(dsn, shards=shards))
        # where derivations work, each in one
        self.derived = [self.run(open_store(one, shard=True)) for one in shards] or [self.store]

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def insert(self, request: Message, token: str = "", tenant: str = "", received_at: int = 0, batch: int = 0) -> None:
        """Stamp an OTLP export request as the writer does, and store it."""
        signal = {"resource_spans": Signal.TRACES, "resource_logs": Signal.LOGS, "resource_metrics": Signal.METRICS}
        field = request.DESCRIPTOR.fields[0].name
        pieces = [
            tagged(1, resource.SerializeToString() + stamp(tenant, received_at or time.time_ns(), batch))
            for resource in getattr(request, field)
        ]
        self.run(self.store.insert(signal[field], pieces, token or secrets.token_hex(8)))

    def query(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.run(self.store.query(sql, parameters))]

    def close(self) -> None:
        for store in {self.store, *self.derived}:
            self.run(store.close())
        self._runner.close()


def stamp(tenant: str, received_at: int, batch: int) -> bytes:
    """The three fields that the writer adds to an envelope."""
    return (
        tagged(TENANT_FIELD, tenant.encode())
        + varint(RECEIVED_AT_FIELD << 3 | 1)
        + received_at.to_bytes(8, "little")
        + varint(BATCH_FIELD << 3)
        + varint(batch)
    )


def tagged(number: int, payload: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


@pytest.fixture(scope="module")
def book(node: NodeProcess, module_database: str) -> Iterator[Book]:
    """A migrated book for the tests of one module."""
    opened = Book(node.dsn.rpartition("/")[0] + f"/{module_database}")
    opened.run(opened.store.migrate())
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def book_at() -> Callable[[str], Book]:
    """Opens a book that is not migrated yet, at an address."""
    return Book


class ClusterNode(NodeProcess):
    """A node that takes itself for the only server of a cluster."""

    program = (clusters.node.__file__,)


class ClusterBook(Book):
    """A book laid out on a cluster, of which there is one shard."""

    def __init__(self, dsn: str, cluster: str = CLUSTER) -> None:
        super().__init__(dsn, shards=(dsn,))
        client: Any = self.store._client
        command = client.command
        client.command = lambda sql, **options: command(on_one_server(sql), **options)
        self.run(self.store.migrate(cluster))


class ShardedBook(Book):
    """A book on two shards, which are databases of one server."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, shards=(f"{dsn}_a", f"{dsn}_b"))
        database = dsn.rpartition("/")[2]
        shards = (f"{database}_a", f"{database}_b")
        for one in (database, *shards):
            self.run(self.store._client.command(f"CREATE DATABASE {one}", use_database=False))
        stores = dict(zip((database, *shards), (self.store, *self.derived), strict=True))
        for where, statement in on_two_shards(database, shards):
            self.run(stores[where].command(statement))
        self.run(load_prices(self.store))


@pytest.fixture(scope="session")
def cluster_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A running node that is a cluster."""
    with ClusterNode(tmp_path_factory.mktemp("cluster")) as node:
        yield node


@pytest.fixture(scope="module")
def cluster_book(cluster_node: NodeProcess) -> Iterator[ClusterBook]:
    """A migrated book on a cluster, for the tests of one module."""
    opened = ClusterBook(_new_database(cluster_node))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def halved_book(cluster_node: NodeProcess) -> Iterator[ClusterBook]:
    """A migrated book on a cluster of two servers, one of which is away."""
    opened = ClusterBook(_new_database(cluster_node), "pair")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def sharded_book(cluster_node: NodeProcess) -> Iterator[ShardedBook]:
    """A migrated book on two shards, for the tests of one module."""
    opened = ShardedBook(_new_database(cluster_node))
    yield opened
    opened.close()


def _new_database(node: NodeProcess) -> str:
    return node.dsn.rpartition("/")[0] + f"/spanbook_{secrets.token_hex(4)}"
