"""The events and metrics of model calls, which are on switches."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import spanbook
from clients.logs import InMemoryLogs
from clients.spans import Spans
from fakes.provider import Provider
from fakes.replies import Fault, Reply, Usage
from spanbook import _provider

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def client(fake: Provider, spans: Spans) -> Iterator[openai.OpenAI]:
    spanbook.openai.autolog()
    with openai.OpenAI(base_url=f"{fake.url}/v1", api_key="k", max_retries=0) as client:
        yield client
    spanbook.openai.unlog()


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Any:
    exporter, provider = InMemoryLogs(), LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    monkeypatch.setattr(_provider, "logger", lambda: provider.get_logger("test"))
    return exporter


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> InMemoryMetricReader:
    reader = InMemoryMetricReader()
    meter = MeterProvider(metric_readers=[reader], shutdown_on_exit=False).get_meter("test")
    monkeypatch.setattr(_provider, "meter", lambda: meter)
    return reader


def points(reader: InMemoryMetricReader) -> dict[str, Any]:
    """The last point of every metric."""
    data = reader.get_metrics_data()
    assert data is not None
    found = [
        metric for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
    ]
    return {metric.name: list(metric.data.data_points)[-1] for metric in found}


def test_nothing_is_emitted_unless_asked_for(client: openai.OpenAI, events: Any, metrics: InMemoryMetricReader) -> None:
    client.chat.completions.create(**ASK)
    assert not events.get_finished_logs()
    assert metrics.get_metrics_data() is None


@pytest.mark.parametrize("content", ["span_and_event", "event_only"])
def test_the_details_event_has_all_of_the_span_and_structured_content(
    client: openai.OpenAI, spans: Spans, events: Any, content: str
) -> None:
    spanbook.configure(content=content)
    client.chat.completions.create(**ASK)

    (record,) = (log.log_record for log in events.get_finished_logs())
    assert record.event_name == "gen_ai.client.inference.operation.details"
    assert record.severity_text == "DEBUG"
    span = spans.only().context
    assert span is not None
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
    told = json.loads(json.dumps(dict(record.attributes or {}), default=list))
    assert told.pop("gen_ai.input.messages") == [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    assert told.pop("gen_ai.output.messages")[0]["parts"][0]["type"] == "text"
    on_span = {name: list(value) if isinstance(value, tuple) else value for name, value in spans.attributes().items()}
    content_on_span = {on_span.pop(f"gen_ai.{name}.messages", None) is not None for name in ("input", "output")}
    assert content_on_span == {content == "span_and_event"}
    assert told == {name: on_span[name] for name in on_span if not name.startswith("openai.")}


def test_events_without_content_have_none(client: openai.OpenAI, spans: Spans, events: Any) -> None:
    spanbook.configure(content=False, events=True)
    client.chat.completions.create(**ASK)
    (record,) = (log.log_record for log in events.get_finished_logs())
    assert not [name for name in record.attributes or {} if "messages" in name]


def test_an_exception_is_an_event_of_its_own(client: openai.OpenAI, fake: Provider, events: Any) -> None:
    spanbook.configure(events=True)
    fake.always(Fault(400))
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**ASK)

    _, record = (log.log_record for log in events.get_finished_logs())
    assert record.event_name == "gen_ai.client.operation.exception"
    assert record.severity_text == "WARN"
    assert record.attributes is not None
    assert record.attributes["exception.type"] == "openai.BadRequestError"
    assert "Traceback" in str(record.attributes["exception.stacktrace"])


def test_metrics_measure_duration_chunks_and_tokens(client: openai.OpenAI, metrics: InMemoryMetricReader) -> None:
    spanbook.configure(metrics=True)
    list(client.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True}))

    found = points(metrics)
    assert {
        name.removeprefix("gen_ai.client.inference."): getattr(point, "count", None) or point.value
        for name, point in found.items()
    } == {
        "duration": 1,
        "time_to_first_chunk": 1,
        "time_per_output_chunk": 7,
        "operation.input_tokens": 1,
        "operation.output_tokens": 1,
        "usage.input_tokens": 118,
        "usage.output_tokens": 8,
        "usage.cache_read.input_tokens": 100,
        "usage.reasoning.output_tokens": 2,
    }
    duration = found["gen_ai.client.inference.duration"]
    assert duration.explicit_bounds[:3] == (0.01, 0.02, 0.04)
    assert duration.attributes["gen_ai.request.model"] == "m"
    assert found["gen_ai.client.inference.usage.input_tokens"].attributes["gen_ai.token.modality"] == "unknown"


def test_tokens_are_counted_by_what_they_were_where_that_is_told(
    client: openai.OpenAI, fake: Provider, metrics: InMemoryMetricReader
) -> None:
    spanbook.configure(metrics=True)
    told = Usage(input=118, output=8, input_by={"text": 110, "audio": 8}, output_by={"text": 3, "audio": 3})
    fake.always(Reply(usage=told))
    client.chat.completions.create(**ASK)
    assert by_modality(metrics, "input_tokens") == {"text": 110, "audio": 8}
    client.chat.completions.create(**ASK)
    assert by_modality(metrics, "output_tokens") == {"text": 6, "audio": 6, "unknown": 4}


def by_modality(reader: InMemoryMetricReader, kind: str) -> dict[str, int]:
    data: Any = reader.get_metrics_data()
    (scope,) = data.resource_metrics[0].scope_metrics
    (metric,) = (one for one in scope.metrics if one.name == f"gen_ai.client.inference.usage.{kind}")
    return {point.attributes["gen_ai.token.modality"]: point.value for point in metric.data.data_points}


def test_a_failed_call_is_counted_with_no_tokens(
    client: openai.OpenAI, fake: Provider, metrics: InMemoryMetricReader
) -> None:
    spanbook.configure(metrics=True)
    fake.always(Fault(500))
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**ASK)
    found = points(metrics)
    assert found["gen_ai.client.inference.duration"].attributes["error.type"] == "openai.InternalServerError"
    assert found["gen_ai.client.inference.usage.input_tokens"].value == 0


def test_tools_agents_and_embeddings_have_durations(client: openai.OpenAI, metrics: InMemoryMetricReader) -> None:
    spanbook.configure(metrics=True)
    spanbook.tool(
        lambda: None,
    )()
    spanbook.agent(name="a")(lambda: None)()
    client.embeddings.create(model="e", input="x")
    assert set(points(metrics)) == {
        "gen_ai.execute_tool.duration",
        "gen_ai.invoke_agent.duration",
        "gen_ai.client.operation.duration",
    }
