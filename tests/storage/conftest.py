"""One real node for all tests of the store, and a database of its own for each."""

import secrets
from collections.abc import Iterator

import pytest

from spanbook_storage.node.process import NodeProcess


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
    client.command(f"DROP DATABASE {name} SYNC")
    client.close()
