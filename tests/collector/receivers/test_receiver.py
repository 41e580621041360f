"""The receiver as a process: what it imports, how it stops, and what strangers and bombs cost it."""

import contextlib
import gzip
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import pytest
import zstandard

from clients.otlp import PROTOBUF, Code, GrpcClient, HttpClient, spans
from clients.receiver import Running, config_in
from spanbook_collector.config import Config, dump
from spanbook_collector.keys import create_key
from spanbook_schemas.keys import Scope

MiB = 1024 * 1024


@dataclass(frozen=True)
class Process(Running):
    """A receiver in a process of its own."""

    process: subprocess.Popen[str]
    log: list[str]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    @property
    def resident(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)


@contextlib.contextmanager
def receiver_process(config: Config) -> Iterator[Process]:
    """Start it as the supervisor does: configuration on standard input, `ready` on standard output."""
    process = subprocess.Popen(
        [sys.executable, "-m", "spanbook_collector.receiver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    log: list[str] = []
    try:
        process.stdin.write(dump(config) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        log.append(process.stderr.readline())
        ports = re.search(r"OTLP/gRPC on \S+:(\d+), OTLP/HTTP on \S+:(\d+)", log[0])
        assert ports, log
        reading = threading.Thread(target=lambda: log.extend(process.stderr or ()), daemon=True)
        reading.start()
        yield Process(config, int(ports[1]), int(ports[2]), process, log)
    finally:
        process.kill()
        process.wait()
        reading.join(5)
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with receiver_process(config_in(tmp_path / "data")) as found:
        yield found


def test_the_receiver_imports_nothing_that_only_the_writer_needs() -> None:
    heavy = "{'chdb', 'clickhouse_connect', 'pandas', 'numpy', 'pyarrow', 'aiohttp', 'jinja2', 'spanbook_storage'}"
    code = f"import spanbook_collector.receiver, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_it_stops_on_sigterm_and_says_so(process: Process) -> None:
    assert process.stop() == 0
    process.process.wait()
    assert "receiver stopped" in process.log[-1]


def test_it_stops_when_its_parent_is_gone(process: Process) -> None:
    assert process.process.stdin
    process.process.stdin.close()
    assert process.process.wait(10) == 0


@pytest.mark.parametrize("round", range(50 if os.environ.get("SPANBOOK_SOAK") else 2))
def test_what_was_acknowledged_before_a_stop_under_load_is_on_disk(process: Process, round: int) -> None:
    acknowledged: list[bytes] = []
    others: set[int] = set()
    enough = threading.Event()

    def send(client: GrpcClient | HttpClient, first: int) -> None:
        with contextlib.closing(client):
            for number in range(first, first + 100_000):
                body = spans(3, 300, start=number)
                try:
                    code = client.send(body).code
                except OSError:
                    return
                if code:
                    others.add(code)
                    return
                acknowledged.append(body)
                if len(acknowledged) > 200:
                    enough.set()

    clients = [GrpcClient(process.grpc_port), GrpcClient(process.grpc_port), HttpClient(process.http_port)]
    senders = [
        threading.Thread(target=send, args=(client, 1 + number * 1_000_000)) for number, client in enumerate(clients)
    ]
    for sender in senders:
        sender.start()
    assert enough.wait(30)
    assert process.stop() == 0
    for sender in senders:
        sender.join(30)
    assert others <= {Code.UNAVAILABLE, Code.CANCELLED}
    stored = set(process.bodies())
    assert [body for body in acknowledged if body not in stored] == []


def test_a_kept_connection_does_not_hold_up_the_stop(process: Process) -> None:
    http, grpc_client = HttpClient(process.http_port), GrpcClient(process.grpc_port)
    assert http.send(spans()).code == 0
    assert grpc_client.send(spans()).code == 0
    assert process.stop() == 0
    http.close()
    grpc_client.close()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One process for the tests that do not end it."""
    with receiver_process(config_in(tmp_path_factory.mktemp("kept"))) as found:
        yield found


# Bombs


def zeros_compressed(size: int) -> dict[str, bytes]:
    """Return zeros in many gzip members and zstd frames, which make one stream."""
    piece = bytes(32 * MiB)
    count = size // len(piece)
    return {"gzip": gzip.compress(piece) * count, "zstd": zstandard.compress(piece, 3) * count}


def test_a_bomb_is_refused_and_costs_little_more_than_the_limit(kept: Process) -> None:
    bombs = zeros_compressed(2048 * MiB)
    assert len(bombs["gzip"]) < 2.5 * MiB
    before = kept.resident
    http = HttpClient(kept.http_port)
    for encoding, bomb in bombs.items():
        answer = http.send(bomb, headers={"content-encoding": encoding})
        assert (answer.http_status, answer.code) == (413, Code.RESOURCE_EXHAUSTED)
        assert kept.resident - before < 128 * MiB
    http.close()


def test_a_bomb_over_grpc_is_refused_for_good(kept: Process) -> None:
    """gRPC compresses what is given to it: 100 MB of zeros travel as 100 kB."""
    before = kept.resident
    client = GrpcClient(kept.grpc_port)
    answer = client.send(bytes(100 * MiB), compression=grpc.Compression.Gzip)
    assert (answer.code, answer.retry) == (Code.RESOURCE_EXHAUSTED, None)
    assert kept.resident - before < 128 * MiB
    client.close()


def test_many_empty_spans_are_refused_without_parsing_them_all(kept: Process) -> None:
    """63 kB of gzip that a parser would turn into gigabytes."""
    body = b"\x12\x00" * (30 * MiB)
    for tag in (b"\x12", b"\x0a"):  # ScopeSpans in ResourceSpans in the request
        size = len(body)
        length = bytes([size >> shift & 0x7F | 0x80 for shift in (0, 7, 14)]) + bytes([size >> 21])
        body = tag + length + body
    before = kept.resident
    http = HttpClient(kept.http_port)
    answer = http.send(gzip.compress(body, 1), headers={"content-encoding": "gzip"})
    assert answer.code == Code.INVALID_ARGUMENT
    assert kept.resident - before < 160 * MiB
    http.close()


# Strangers


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    config = config_in(tmp_path_factory.mktemp("locked"))
    create_key(config.keys_file, "acme", [Scope.INGEST])
    with receiver_process(config) as found:
        yield found


def test_streams_of_strangers_are_not_buffered(locked: Process) -> None:
    """Forty calls without a key, each with 8 MB under way."""
    before = locked.resident
    client = GrpcClient(locked.grpc_port)
    call = client.channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    futures = [call.future(bytes(8 * MiB), timeout=30) for _ in range(40)]
    assert {future.code().value[0] for future in futures} == {Code.UNAUTHENTICATED}
    assert locked.resident - before < 10 * MiB
    client.close()


def test_uploads_of_strangers_are_not_read(locked: Process) -> None:
    before = locked.resident
    for _ in range(4):
        with socket.create_connection(("127.0.0.1", locked.http_port), timeout=10) as sock:
            sock.sendall(
                f"POST /v1/traces HTTP/1.1\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {60 * MiB}\r\n\r\n".encode()
            )
            with contextlib.suppress(ConnectionError):
                for _ in range(60):
                    sock.sendall(bytes(MiB))
    assert locked.resident - before < 10 * MiB


def test_secrets_and_payloads_are_in_no_log(locked: Process) -> None:
    http = HttpClient(locked.http_port)
    http.send(b"canary-body\xff", headers={"authorization": "Bearer canary-key", "x-other": "canary-header"})
    http.request("POST", "/canary-path?key=canary-query", b"canary")
    http.close()
    with socket.create_connection(("127.0.0.1", locked.http_port), timeout=10) as sock:
        sock.sendall(b"canary-noise\r\n\r\n")
        sock.recv(1000)
    grpc_client = GrpcClient(locked.grpc_port)
    grpc_client.send(b"canary-body\xff", headers={"x-api-key": "canary-key"})
    grpc_client.close()
    assert "canary" not in "".join(locked.log)
