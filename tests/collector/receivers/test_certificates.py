"""TLS of both ports, with certificates made on the spot."""

import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
import trustme

from clients.otlp import Client, Code, GrpcClient, HttpClient, spans
from clients.receiver import Running, config_in
from spanbook_collector.config import Config, TlsSettings
from spanbook_collector.errors import StartError
from spanbook_collector.receivers import certificates, connections
from spanbook_collector.receivers.certificates import Certificates

Start = Callable[..., Running]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def issue(authority: trustme.CA, folder: Path, **options: object) -> TlsSettings:
    """Write a server's certificate down."""
    folder.mkdir(exist_ok=True)
    leaf = authority.issue_cert("localhost", **options)  # type: ignore[arg-type]
    for name, blob in [("chain.pem.new", leaf.cert_chain_pems[0]), ("key.pem.new", leaf.private_key_pem)]:
        blob.write_to_path(folder / name)
        os.replace(folder / name, folder / name.removesuffix(".new"))
    return TlsSettings(str(folder / "chain.pem"), str(folder / "key.pem"))


def config_with(tls: TlsSettings, tmp_path: Path) -> Config:
    return replace(config_in(tmp_path / "data"), tls=tls)


def client_of(transport: str, receiver: Running, authority: trustme.CA, leaf: trustme.LeafCert | None = None) -> Client:
    if transport == "grpc":
        key = leaf.private_key_pem.bytes() if leaf else None
        chain = leaf.cert_chain_pems[0].bytes() if leaf else None
        return GrpcClient(receiver.grpc_port, grpc.ssl_channel_credentials(authority.cert_pem.bytes(), key, chain))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if leaf:
        leaf.configure_cert(context)
    return HttpClient(receiver.http_port, context)


def is_refused(client: Client) -> None:
    """gRPC says UNAVAILABLE of a handshake that failed; http.client raises."""
    try:
        assert client.send(spans()).code == Code.UNAVAILABLE
    except (ssl.SSLError, OSError):
        assert client.transport == "http"
    finally:
        client.close()  # type: ignore[attr-defined]


def test_requests_are_taken_over_tls(start: Start, transport: str, authority: trustme.CA, tmp_path: Path) -> None:
    receiver = start(config_with(issue(authority, tmp_path / "tls"), tmp_path))
    client = client_of(transport, receiver, authority)
    assert client.send(spans()).code == 0
    assert len(receiver.records()) == 1
    client.close()  # type: ignore[attr-defined]


def test_plain_clients_get_nothing_from_a_tls_port(
    start: Start, transport: str, authority: trustme.CA, tmp_path: Path
) -> None:
    receiver = start(config_with(issue(authority, tmp_path / "tls"), tmp_path))
    is_refused(GrpcClient(receiver.grpc_port) if transport == "grpc" else HttpClient(receiver.http_port))
    assert receiver.records() == []


def test_a_client_refuses_a_certificate_that_has_expired(
    start: Start, transport: str, authority: trustme.CA, tmp_path: Path
) -> None:
    tls = issue(authority, tmp_path / "tls", not_after=datetime.now(UTC) - timedelta(days=1))
    is_refused(client_of(transport, start(config_with(tls, tmp_path)), authority))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_versions_before_1_2_are_refused(
    start: Start, transport: str, authority: trustme.CA, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    receiver = start(config_with(issue(authority, tmp_path / "tls"), tmp_path))
    port = receiver.grpc_port if transport == "grpc" else receiver.http_port
    assert spoken(port, authority, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    with pytest.warns(DeprecationWarning, match=version.name), pytest.raises(ssl.SSLError):
        spoken(port, authority, version)


def spoken(port: int, authority: trustme.CA, version: ssl.TLSVersion) -> str | None:
    """Shake hands with one version of TLS alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("localhost", port), timeout=10) as sock,
        context.wrap_socket(sock, server_hostname="localhost") as tls,
    ):
        return tls.version()


def test_a_handshake_that_does_not_come_is_not_waited_for(
    start: Start, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 1.0)
    receiver = start(config_with(issue(authority, tmp_path / "tls"), tmp_path))
    with socket.create_connection(("localhost", receiver.http_port), timeout=15) as sock:
        assert sock.recv(1) == b""


def test_with_an_authority_for_clients_only_its_own_are_let_in(
    start: Start, transport: str, authority: trustme.CA, tmp_path: Path
) -> None:
    clients, strangers = trustme.CA(), trustme.CA()
    clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    tls = replace(issue(authority, tmp_path / "tls"), client_ca_file=str(tmp_path / "clients.pem"))
    receiver = start(config_with(tls, tmp_path))
    known = client_of(transport, receiver, authority, clients.issue_cert("app"))
    assert known.send(spans()).code == 0
    is_refused(client_of(transport, receiver, authority, strangers.issue_cert("app")))
    is_refused(client_of(transport, receiver, authority))
    assert len(receiver.records()) == 1
    known.close()  # type: ignore[attr-defined]


def test_a_renewed_certificate_is_served_without_a_restart(
    start: Start, transport: str, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "CHECK_SECONDS", 0.01)
    receiver = start(config_with(issue(authority, tmp_path / "tls"), tmp_path))
    port = receiver.grpc_port if transport == "grpc" else receiver.http_port
    before = serial(port, authority)
    issue(authority, tmp_path / "tls")
    for _ in range(200):  # each look is a handshake, and takes its time
        if serial(port, authority) != before:
            break
    assert serial(port, authority) != before
    client = client_of(transport, receiver, authority)
    assert client.send(spans()).code == 0
    client.close()  # type: ignore[attr-defined]


def serial(port: int, authority: trustme.CA) -> object:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority.configure_trust(context)
    with (
        socket.create_connection(("localhost", port), timeout=10) as sock,
        context.wrap_socket(sock, server_hostname="localhost") as tls,
    ):
        certificate = tls.getpeercert()
        assert certificate is not None
        return certificate["serialNumber"]


def test_files_that_do_not_fit_together_leave_the_old_ones_in_use(
    authority: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = issue(authority, tmp_path / "tls")
    served = Certificates(tls)
    Path(tls.key_file).write_bytes(issue_key(authority))
    served.reload()
    assert "the certificate is as it was" in caplog.text
    with pytest.raises(StartError, match="cannot use the certificate"):
        Certificates(tls)


def issue_key(authority: trustme.CA) -> bytes:
    return authority.issue_cert("other").private_key_pem.bytes()


def test_a_missing_file_is_said_at_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="No such file"):
        Certificates(TlsSettings(str(tmp_path / "none.pem"), str(tmp_path / "none.key")))
