"""What the OpenTelemetry SDKs really send, by the Python SDK and the JavaScript SDK themselves."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from clients import javascript
from clients.receiver import Running
from spanbook_collector.queue.errors import QueueFull
from spanbook_collector.queue.queue import Queue

Start = Callable[..., Running]


def stored(receiver: Running, name: str) -> list[Span]:
    """Return the spans of a name that are in the queue."""
    found = []
    for body in receiver.bodies():
        request = ExportTraceServiceRequest.FromString(body)
        scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
        found += [span for scope in scopes for span in scope.spans if span.name == name]
    return found


def attributes_of(span: Span) -> dict[str, object]:
    return {
        attribute.key: getattr(attribute.value, str(attribute.value.WhichOneof("value")))
        for attribute in span.attributes
    }


# Python


@pytest.fixture(params=["grpc", "grpc gzip", "http", "http gzip", "http deflate"])
def exporter(request: pytest.FixtureRequest, receiver: Running) -> Iterator[SpanExporter]:
    exporter = export_to(receiver, request.param)
    yield exporter
    exporter.shutdown()


def export_to(receiver: Running, kind: str) -> SpanExporter:
    transport, _, compression = kind.partition(" ")
    if transport == "grpc":
        from grpc import Compression as GrpcCompression

        chosen = GrpcCompression.Gzip if compression else GrpcCompression.NoCompression
        return GrpcExporter(f"http://127.0.0.1:{receiver.grpc_port}", insecure=True, compression=chosen)
    return HttpExporter(
        f"http://127.0.0.1:{receiver.http_port}/v1/traces", compression=Compression(compression or "none")
    )


def made(count: int, name: str, **attributes: object) -> list[ReadableSpan]:
    """Return finished spans of the SDK."""
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")
    for _ in range(count):
        tracer.start_span(name, attributes=attributes).end()  # type: ignore[arg-type]
    provider.shutdown()
    return list(memory.get_finished_spans())


def test_nested_attributes_arrive_as_they_were(
    receiver: Running, exporter: SpanExporter, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Grüße, 世界 🌍"}]}]
    assert exporter.export(made(1, name, **{"gen_ai.input.messages": messages, "n": 1})) is SpanExportResult.SUCCESS
    (span,) = stored(receiver, name)
    part = span.attributes[0].value.array_value.values[0].kvlist_value.values[1].value.array_value.values[0]
    assert part.kvlist_value.values[1].value.string_value == "Grüße, 世界 🌍"


def test_a_prompt_of_a_megabyte_arrives_whole(
    receiver: Running, exporter: SpanExporter, request: pytest.FixtureRequest
) -> None:
    name, prompt = request.node.name, "tell me a story " * 65536
    assert exporter.export(made(1, name, prompt=prompt)) is SpanExportResult.SUCCESS
    (span,) = stored(receiver, name)
    assert attributes_of(span) == {"prompt": prompt}


@pytest.mark.parametrize("kind", ["grpc", "http gzip"])
def test_ten_thousand_spans_arrive_in_one_request(receiver: Running, kind: str) -> None:
    exporter = export_to(receiver, kind)
    spans = made(10_000, f"many by {kind}", text="some text of usual length " * 4)
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    assert {span.span_id for span in stored(receiver, f"many by {kind}")} == {
        span.context.span_id.to_bytes(8, "big") for span in spans
    }
    exporter.shutdown()


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_a_moment_of_trouble_is_retried_away_by_the_sdk(
    start: Start, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = start()
    append = Queue.append
    refusals = [QueueFull("full")]

    async def full_at_first(*arguments: Any, **named: Any) -> bytes:
        if refusals:
            raise refusals.pop()
        return await append(*arguments, **named)

    monkeypatch.setattr(Queue, "append", full_at_first)
    exporter = export_to(receiver, kind)
    assert exporter.export(made(1, "retried")) is SpanExportResult.SUCCESS
    assert len(stored(receiver, "retried")) == 1
    exporter.shutdown()


# JavaScript


@pytest.fixture(scope="module")
def node() -> Path:
    return javascript.install()


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@pytest.mark.parametrize("count", [3, 10_000])
def test_the_javascript_sdk_is_understood(node: Path, receiver: Running, encoding: str, count: int) -> None:
    name = f"from js as {encoding} {count}"
    url = f"http://127.0.0.1:{receiver.http_port}/v1/traces"
    assert javascript.send(node, encoding, url, count, name) == {"code": 0}
    spans = stored(receiver, name)
    assert len({span.span_id for span in spans}) == count
    found = attributes_of(spans[2])
    assert found["gen_ai.request.model"] == "gpt-4o"
    assert found["gen_ai.usage.input_tokens"] == 2
    assert found["gen_ai.request.temperature"] == 0.5
    assert json.loads(str(found["gen_ai.input.messages"])) == [{"role": "user", "content": "Grüße, 世界 🌍"}]
    assert spans[2].end_time_unix_nano >= spans[2].start_time_unix_nano > 1_700_000_000_000_000_000
