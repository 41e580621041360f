"""TLS from an SDK to rows, with certificates of an authority of our own."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import trustme
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from running.collector import Collector


@pytest.fixture(autouse=True)
def _no_bundles_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """For `requests` these outweigh what its caller says."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificates of an authority, of the server, and of a client."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name, identity in (("server", "localhost"), ("client", "app@example.com")):
        leaf = authority.issue_cert(identity)
        leaf.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        leaf.private_key_pem.write_to_path(folder / f"{name}.key")
    return folder


@pytest.fixture(scope="module")
def secured(folder: Path) -> Iterator[Collector]:
    """A collector that lets in who has a certificate of the authority."""
    options = [f"--tls-cert-file={folder}/server.pem", f"--tls-key-file={folder}/server.key"]
    with Collector(folder, *options, f"--tls-client-ca-file={folder}/ca.pem") as collector:
        yield collector


def exporter(secured: Collector, folder: Path, transport: str, *, certificate: bool) -> SpanExporter:
    own = (folder / "client.key", folder / "client.pem") if certificate else None
    if transport == "grpc":
        pair = [file.read_bytes() for file in own] if own else [None, None]
        credentials = grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes(), *pair)
        return GrpcSpans(f"https://localhost:{secured.ports['grpc']}", credentials=credentials, timeout=3)
    return HttpSpans(
        f"https://localhost:{secured.ports['http']}/v1/traces",
        certificate_file=str(folder / "ca.pem"),
        client_key_file=str(own[0]) if own else None,
        client_certificate_file=str(own[1]) if own else None,
        timeout=3,
    )


def send(exporter: SpanExporter, name: str) -> SpanExportResult:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.get_tracer("test").start_span(name).end()
    provider.shutdown()
    try:
        return exporter.export(memory.get_finished_spans())
    finally:
        exporter.shutdown()


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_a_client_with_a_certificate_gets_its_spans_into_the_book(
    secured: Collector, folder: Path, transport: str
) -> None:
    name = f"secured over {transport}"
    assert send(exporter(secured, folder, transport, certificate=True), name) is SpanExportResult.SUCCESS
    count = "SELECT count() FROM spans WHERE name = {name:String}"
    secured.wait_until(lambda: secured.value(count, name=name) == 1, "stored")


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_a_client_without_a_certificate_is_not_heard(secured: Collector, folder: Path, transport: str) -> None:
    name = f"stranger over {transport}"
    assert send(exporter(secured, folder, transport, certificate=False), name) is SpanExportResult.FAILURE
    assert secured.value("SELECT count() FROM otel_traces WHERE SpanName = {name:String}", name=name) == 0
