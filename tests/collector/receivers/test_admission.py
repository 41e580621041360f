"""Who may send: every scope at every endpoint, and nothing of a stranger's body is read."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from clients.otlp import Client, Code, HttpClient, one_of, spans
from clients.receiver import Running, config_in
from spanbook_collector.config import Address, Config
from spanbook_collector.errors import StartError
from spanbook_collector.keys import create_key
from spanbook_collector.receiver import listening
from spanbook_collector.receivers import connections
from spanbook_schemas.keys import Scope

Start = Callable[..., Running]
Connect = Callable[[Running], Client]

SIGNALS = ["traces", "logs", "metrics"]
SCOPES = {(Scope.INGEST,): 0, (Scope.ADMIN,): 0, (Scope.READ,): Code.PERMISSION_DENIED, (Scope.INGEST, Scope.READ): 0}
HTTP_STATUS = {0: 200, Code.PERMISSION_DENIED: 403, Code.UNAUTHENTICATED: 401}


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_each_scope_at_each_endpoint(start: Start, connect: Connect, tmp_path: Path, header: str) -> None:
    config = config_in(tmp_path / "data")
    secrets = {scopes: create_key(config.keys_file, "acme", scopes) for scopes in SCOPES}
    client = connect(start(config))
    for scopes, code in SCOPES.items():
        for signal in SIGNALS:
            value = secrets[scopes] if header == "x-api-key" else f"Bearer {secrets[scopes]}"
            answer = client.send(one_of(signal), signal, {header: value})
            assert (scopes, signal, answer.code) == (scopes, signal, code)
            assert answer.http_status in (0, HTTP_STATUS[code])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer nope"},
        {"authorization": "Bearer"},
        {"authorization": "Basic dTpw"},
        {"x-api-key": ""},
        {"x-api-key": "spanbook_" + "A" * 43},
    ],
    ids=str,
)
def test_a_stranger_is_refused_for_good(
    start: Start, connect: Connect, tmp_path: Path, headers: dict[str, str]
) -> None:
    config = config_in(tmp_path / "data")
    create_key(config.keys_file, "acme", [Scope.INGEST])
    receiver = start(config)
    answer = connect(receiver).send(spans(), headers=headers)
    assert (answer.code, answer.retry) == (Code.UNAUTHENTICATED, None)
    assert answer.http_status in (0, 401)
    assert receiver.records() == []


def test_the_key_decides_the_project_whatever_the_resource_says(start: Start, connect: Connect, tmp_path: Path) -> None:
    config = config_in(tmp_path / "data")
    secret = create_key(config.keys_file, "acme", [Scope.INGEST])
    receiver = start(config)
    connect(receiver).send(spans(tenant="rival"), headers={"x-api-key": secret})
    assert [record.tenant for record in receiver.records()] == ["acme"]


def test_a_stranger_hears_no_before_the_body_is_sent(start: Start, tmp_path: Path) -> None:
    http = HttpClient(start(locked(tmp_path)).http_port)
    http.connection.putrequest("POST", "/v1/traces")
    http.connection.putheader("content-length", "60000000")
    http.connection.endheaders()
    assert http.connection.getresponse().status == 401
    http.close()


def test_who_asks_first_is_not_asked_for_the_body(start: Start, tmp_path: Path) -> None:
    http = HttpClient(start(locked(tmp_path)).http_port)
    http.connection.putrequest("POST", "/v1/traces")
    http.connection.putheader("content-length", "60000000")
    http.connection.putheader("expect", "100-continue")
    http.connection.endheaders()
    response = http.connection.getresponse()
    assert (response.status, response.getheader("connection")) == (401, "close")
    http.close()


def test_a_client_that_sends_on_hears_the_refusal_and_keeps_its_connection(start: Start, tmp_path: Path) -> None:
    http = HttpClient(start(locked(tmp_path)).http_port)
    for _ in range(2):
        assert http.send(bytes(20_000_000)).http_status == 401
        kept = http.connection.sock
    assert http.connection.sock is kept
    http.close()


def test_a_stranger_who_never_ends_is_cut_off(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.2)
    http = HttpClient(start(locked(tmp_path)).http_port)
    endless = (bytes(100_000) for _ in iter(int, 1))
    with pytest.raises(ConnectionError):
        http.request("POST", "/v1/traces", endless, encode_chunked=True)
    http.close()


def locked(tmp_path: Path) -> Config:
    """Return a configuration with a key that nobody has."""
    config = config_in(tmp_path / "data")
    create_key(config.keys_file, "acme", [Scope.INGEST])
    return config


def test_loopback_is_open_without_keys_and_belongs_to_the_default_project(start: Start, connect: Connect) -> None:
    receiver = start()
    assert connect(receiver).send(spans()).code == 0
    assert [record.tenant for record in receiver.records()] == [""]


@pytest.mark.parametrize("which", ["grpc", "http"])
async def test_other_addresses_need_keys_or_the_word_insecure(tmp_path: Path, which: str) -> None:
    config = replace(config_in(tmp_path / "data"), **{which: Address("0.0.0.0", 0)})
    with pytest.raises(StartError, match="can be reached from other machines") as refused:
        await listening(config).__aenter__()
    assert "--insecure" in refused.value.hint
    async with listening(replace(config, insecure=True)):
        pass
    create_key(config.keys_file, "acme", [Scope.INGEST])
    async with listening(config):
        pass


@pytest.mark.parametrize("which", ["grpc", "http"])
async def test_a_taken_port_is_said_with_a_way_out(tmp_path: Path, which: str) -> None:
    async with listening(config_in(tmp_path / "one")) as (grpc_port, http_port):
        taken = Address("127.0.0.1", grpc_port if which == "grpc" else http_port)
        with pytest.raises(StartError, match="cannot listen") as refused:
            await listening(replace(config_in(tmp_path / "two"), **{which: taken})).__aenter__()
        assert f"--{which}" in refused.value.hint


async def test_two_receivers_do_not_share_a_queue(tmp_path: Path) -> None:
    async with listening(config_in(tmp_path)):
        with pytest.raises(StartError, match="cannot open the queue"):
            await listening(config_in(tmp_path)).__aenter__()
