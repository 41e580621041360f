"""Receivers, and clients of both transports."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.otlp import Client, GrpcClient, HttpClient
from clients.receiver import Running, config_in, running
from spanbook_collector.config import Config

Start = Callable[..., Running]
Connect = Callable[[Running], Client]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a receiver with other settings than usual."""
    with contextlib.ExitStack() as stack:

        def begin(config: Config | None = None, **settings: Any) -> Running:
            return stack.enter_context(running(config or config_in(tmp_path / "data", **settings)))

        yield begin


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One receiver for the tests of a module."""
    with running(config_in(tmp_path_factory.mktemp("receiver"))) as found:
        yield found


@pytest.fixture(params=["grpc", "http"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connect(transport: str) -> Iterator[Connect]:
    """Connect to a receiver over each transport in turn."""
    with contextlib.ExitStack() as stack:

        def make(receiver: Running) -> Client:
            client: GrpcClient | HttpClient = (
                GrpcClient(receiver.grpc_port) if transport == "grpc" else HttpClient(receiver.http_port)
            )
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def client(receiver: Running, connect: Connect) -> Client:
    return connect(receiver)


@pytest.fixture
def http(receiver: Running) -> Iterator[HttpClient]:
    client = HttpClient(receiver.http_port)
    yield client
    client.close()


@pytest.fixture
def grpc_client(receiver: Running) -> Iterator[GrpcClient]:
    client = GrpcClient(receiver.grpc_port)
    yield client
    client.close()
