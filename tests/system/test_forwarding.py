"""One collector with eight destinations, healthy and sick: none delays another, and none loses what it should get."""

import contextlib
import dataclasses
import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from clients.otlp import GrpcClient, spans
from clients.receiver import Running, config_in, running
from running.collector import Collector, free_ports
from spanbook_collector.config import Address, Forward, TlsSettings
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.keys import create_key
from spanbook_schemas.keys import Scope

QUOTA = 200_000
OLD_SPANS = "--retention-traces-days=365"  # those of `spans` are


class Refusing(http.server.ThreadingHTTPServer):
    """Answers everything with 400, until it is told to take it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refuse)
        self.status = 400
        self.taken: list[bytes] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Refuse(http.server.BaseHTTPRequestHandler):
    server: Refusing

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.status == 200:
            self.server.taken.append(body)
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@dataclasses.dataclass(frozen=True)
class Scene:
    """The collector that forwards, and where to."""

    collector: Collector
    other: Collector  # over gRPC
    plain: Running  # over HTTP
    secure: Running  # over HTTPS, with a certificate of its own authority and an API key
    mutual: Running  # over gRPC with TLS, for clients with a certificate
    refusing: Refusing
    absent_port: int  # nobody listens there yet
    folder: Path

    def send(self, number: int, size: int = 100) -> bytes:
        """Send one request; returns its bytes."""
        body = spans(1, size, number)
        client = GrpcClient(self.collector.ports["grpc"])
        assert client.send(body).code == 0
        client.close()
        return body

    def letters(self, url: str) -> DeadLetters:
        return DeadLetters(self.collector.data / "dead-letters").of(Forward.parse(url).name)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("forwarding")
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(running(config_in(folder / "plain")))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        config = dataclasses.replace(config_in(folder / "secure"), tls=_issue(authority, folder, "secure"))
        key = create_key(config.keys_file, "", [Scope.INGEST])
        secure = stack.enter_context(running(config))
        tls = _issue(authority, folder, "mutual", client_ca_file=f"{folder}/ca.pem")
        config = dataclasses.replace(config_in(folder / "mutual"), tls=tls)
        mutual = stack.enter_context(running(config))
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        refusing = stack.enter_context(Refusing())
        stack.callback(refusing.shutdown)
        (absent_port,) = free_ports(1)
        other = Collector(folder / "other", OLD_SPANS)
        (folder / "other").mkdir()
        (folder / "spanbook.toml").write_text(
            f"""
            [[forward]]
            url = "grpc://127.0.0.1:{other.ports["grpc"]}"
            [[forward]]
            url = "http://127.0.0.1:{plain.http_port}"
            [[forward]]
            url = "https://localhost:{secure.http_port}"
            ca_file = "{folder}/ca.pem"
            headers = {{ Authorization = "Bearer {key}" }}
            [[forward]]
            url = "grpcs://localhost:{mutual.grpc_port}"
            ca_file = "{folder}/ca.pem"
            cert_file = "{tls.cert_file}"
            key_file = "{tls.key_file}"
            [[forward]]
            url = "grpc://127.0.0.1:{silent.getsockname()[1]}"
            [[forward]]
            url = "http://127.0.0.1:{silent.getsockname()[1]}"
            [[forward]]
            url = "{refusing.url}"
            [[forward]]
            url = "grpc://127.0.0.1:{absent_port}"
            max_bytes = {QUOTA}
            """
        )
        stack.enter_context(other)
        collector = stack.enter_context(Collector(folder, f"--config={folder}/spanbook.toml", OLD_SPANS))
        yield Scene(collector, other, plain, secure, mutual, refusing, absent_port, folder)


def _issue(authority: trustme.CA, folder: Path, name: str, client_ca_file: str = "") -> TlsSettings:
    leaf, chain, key = authority.issue_cert("localhost"), folder / f"{name}-chain.pem", folder / f"{name}-key.pem"
    leaf.cert_chain_pems[0].write_to_path(chain)
    leaf.private_key_pem.write_to_path(key)
    return TlsSettings(str(chain), str(key), client_ca_file)


def stored(collector: Collector, number: int) -> bool:
    query = "SELECT count() FROM otel_traces WHERE TraceId = {trace:String}"
    return bool(collector.value(query, trace=f"{number:032x}") == 1)


def test_every_destination_gets_the_bytes_that_came_whoever_else_is_sick(scene: Scene) -> None:
    body = scene.send(1)
    scene.collector.wait_until(lambda: stored(scene.collector, 1), "stored here")
    scene.collector.wait_until(lambda: stored(scene.other, 1), "stored by the other collector, over gRPC")
    scene.collector.wait_until(lambda: body in scene.plain.bodies(), "taken over HTTP")
    scene.collector.wait_until(lambda: body in scene.secure.bodies(), "taken over HTTPS")
    scene.collector.wait_until(lambda: body in scene.mutual.bodies(), "taken over gRPC with TLS on both sides")


def test_a_destination_that_refuses_gets_its_dead_letters_again_when_asked(scene: Scene) -> None:
    body = scene.send(2)
    letters = scene.letters(scene.refusing.url)
    scene.collector.wait_until(lambda: body in map(letters.body, letters.all()), "set aside")
    assert {letter.reason for letter in letters.all()} == {"HTTP 400"}
    assert DeadLetters(scene.collector.data / "dead-letters").count() == 0  # ClickHouse refused nothing
    scene.refusing.status = 200
    command = [sys.executable, "-m", "spanbook_collector", "replay", f"--data={scene.collector.data}"]
    name = Forward.parse(scene.refusing.url).name
    done = subprocess.run([*command, f"--forward={name}"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert body in scene.refusing.taken
    assert letters.count() == 0


def test_a_destination_that_comes_back_gets_what_its_quota_kept_and_the_rest_is_counted(scene: Scene) -> None:
    bodies = [scene.send(100 + number, 50_000) for number in range(10)]
    config = dataclasses.replace(config_in(scene.folder / "absent"), grpc=Address("127.0.0.1", scene.absent_port))
    with running(config) as back:
        scene.collector.wait_until(lambda: bodies[-1] in back.bodies(), "the newest arrived")
        arrived = [body for body in bodies if body in back.bodies()]
        assert arrived == bodies[-len(arrived) :]
        assert sum(map(len, arrived)) <= QUOTA
        name = f"grpc-127.0.0.1-{scene.absent_port}"
        line = f'spanbook_dropped_requests{{exporter="{name}"}}'
        scene.collector.wait_until(lambda: scene.collector.metric(line) >= len(bodies) - len(arrived), "counted")
    assert all(body in scene.plain.bodies() for body in bodies)  # others have a quota of their own
