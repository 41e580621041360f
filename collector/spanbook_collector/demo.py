"""A small shop's support agent, told as OpenTelemetry spans and events: what `spanbook demo` sends.

Everything goes out through the OpenTelemetry SDK, as any application's would; the story is fixed, the ids and times are
those of the run.
"""

import contextlib
import dataclasses
import json
import random
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import Logger, LogRecord
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, Tracer

from spanbook_schemas import gen_ai, names

SERVICE = "support-bot"
SECOND = 1_000_000_000  # nanoseconds
MODELS = (("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"))


@dataclasses.dataclass(frozen=True)
class Case:
    """A question with what a good answer is, and how the agent got there."""

    question: str
    answer: str
    document: str
    tool: str
    arguments: dict[str, Any]
    result: dict[str, Any]
    expected: str
    failing: bool = False


CASES = (
    Case(
        "Where is my order 4711?",
        "Your order 4711 left our warehouse yesterday and should arrive on Friday.",
        "Orders leave the warehouse within one working day. Tracking opens an hour later.",
        "lookup_order",
        {"order": 4711},
        {"status": "shipped", "eta": "Friday"},
        "shipped, arrives on Friday",
    ),
    Case(
        "Can I send the shoes back? I have worn them once, indoors.",
        "Yes. Shoes tried on indoors can be returned within 30 days; I have sent you a label.",
        "Returns: 30 days, unworn or tried on indoors. Labels are free.",
        "create_return_label",
        {"order": 4698, "reason": "fit"},
        {"label": "RL-20931"},
        "yes, within 30 days, with a free label",
    ),
    Case(
        "I was charged twice for the same order!",
        "I am sorry about that. The second charge is a reservation, which your bank releases within three days.",
        "Card reservations look like charges; banks release them within three working days.",
        "list_payments",
        {"order": 4702},
        {"payments": [{"amount": 59.9, "state": "captured"}, {"amount": 59.9, "state": "reserved"}]},
        "the second one is a reservation and goes away",
    ),
    Case(
        "Do you ship to Iceland?",
        "We do not ship to Iceland yet.",
        "We ship to the EU, Norway, Switzerland, Iceland and the United Kingdom.",
        "shipping_zones",
        {"country": "IS"},
        {"zone": "EFTA", "days": 6},
        "yes, in about six days",
    ),
    Case(
        "My voucher WELCOME10 does not work.",
        "",
        "Vouchers are valid once for each customer.",
        "check_voucher",
        {"code": "WELCOME10"},
        {},
        "it was already used",
        failing=True,
    ),
)


@dataclasses.dataclass(frozen=True)
class Told:
    """What was sent: the evaluation run, by whose id rows are found, and how many traces there are."""

    run_id: str
    session_prefix: str
    traces: int


def tell(endpoint: str, headers: Mapping[str, str], *, seed: int = 7) -> Told:
    """Send the story to an OTLP/gRPC endpoint (`http://host:4317`); returns when all of it is acknowledged.

    Raises ConnectionError when it was not.
    """
    mark = uuid.uuid4().hex[:8]
    told = Told(f"run-{mark}", f"demo-{mark}-", 0)
    with _connected(endpoint, headers, mark) as (provider, logger):
        story = _Story(provider.get_tracer("spanbook.demo"), logger, told, random.Random(seed))
        for number in range(4 * len(CASES)):
            story.converse(number)
        story.evaluate()
    return dataclasses.replace(told, traces=story.traces)


@contextlib.contextmanager
def _connected(endpoint: str, headers: Mapping[str, str], mark: str) -> Iterator[tuple[TracerProvider, Logger]]:
    resource = Resource.create(
        {
            "service.name": SERVICE,
            "service.version": "1.4.2",
            "deployment.environment.name": "demo",
            names.EXPERIMENT_NAME: "demo",
            names.MODEL_ID: f"m-{mark}",
            names.MODEL_NAME: "support-bot 1.4.2",
        }
    )
    options: dict[str, Any] = {"endpoint": endpoint, "headers": tuple(headers.items()), "timeout": 10}
    spans, events = _SpanExporter(**options), OTLPLogExporter(**options)
    provider, logs = TracerProvider(resource=resource), LoggerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(spans))
    logs.add_log_record_processor(BatchLogRecordProcessor(events))
    try:
        yield provider, logs.get_logger("spanbook.demo")
        flushed = provider.force_flush(20_000) and logs.force_flush(20_000)
    finally:
        provider.shutdown()
        logs.shutdown()
    if not flushed or spans.failed:
        raise ConnectionError(f"the collector at `{endpoint}` did not acknowledge the spans")


class _SpanExporter(OTLPSpanExporter):
    """The SDK's exporter, which tells nobody but the log when it gives up."""

    failed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        self.failed = self.failed or result is not SpanExportResult.SUCCESS
        return result


class _Story:
    """Writes conversations and their judgements; times go from an hour ago to now."""

    def __init__(self, tracer: Tracer, logger: Logger, told: Told, chance: random.Random) -> None:
        self._tracer, self._logger, self._told, self._random = tracer, logger, told, chance
        self._now = time.time_ns() - 3600 * SECOND
        self.traces = 0

    def converse(self, number: int) -> None:
        """Tell one turn of a customer's conversation, with the customer's thumb where they gave one."""
        case = CASES[number % len(CASES)]
        common = {
            gen_ai.CONVERSATION_ID: f"{self._told.session_prefix}{number // 2:02d}",
            gen_ai.USER_ID: f"customer-{number % 7}",
        }
        root = self._turn(case, MODELS[number % len(MODELS)], common)
        if number % 3 == 0:
            good = not case.failing and number % 15 != 3
            feedback = {
                gen_ai.EVALUATION_NAME: "thumb",
                gen_ai.EVALUATION_SCORE_VALUE: float(good),
                gen_ai.EVALUATION_SCORE_LABEL: "up" if good else "down",
                names.ASSESSMENT_SOURCE_TYPE: "HUMAN",
                names.ASSESSMENT_SOURCE_ID: f"customer-{number % 7}",
            }
            self._event(gen_ai.EVALUATION_RESULT_EVENT, feedback, root)

    def evaluate(self) -> None:
        """Tell an evaluation run: every case once, with what was expected and what a judge thought."""
        run = {names.RUN_ID: self._told.run_id}
        self._event("spanbook.evaluation_run", self._run("RUNNING"))
        for case in CASES:
            root = self._turn(case, MODELS[1], run)
            expectation = {
                names.ASSESSMENT_NAME: "expected_response",
                names.ASSESSMENT_VALUE: json.dumps(case.expected),
                names.ASSESSMENT_SOURCE_TYPE: "HUMAN",
                names.ASSESSMENT_SOURCE_ID: "ann@example.com",
            }
            self._event(names.EXPECTATION_EVENT, expectation, root)
            right = not case.failing and "Iceland" not in case.answer
            judgement = {
                gen_ai.EVALUATION_NAME: "correctness",
                gen_ai.EVALUATION_SCORE_VALUE: 1.0 if right else 0.0,
                gen_ai.EVALUATION_SCORE_LABEL: "yes" if right else "no",
                gen_ai.EVALUATION_EXPLANATION: "agrees with what was expected"
                if right
                else "contradicts what was expected",
                names.ASSESSMENT_SOURCE_TYPE: "LLM_JUDGE",
                names.ASSESSMENT_SOURCE_ID: "openai:/gpt-4o",
            }
            self._event(gen_ai.EVALUATION_RESULT_EVENT, judgement | run, root)
        self._event("spanbook.evaluation_run", self._run("FINISHED"))

    def _run(self, status: str) -> dict[str, Any]:
        return {
            "spanbook.evaluation_run.id": self._told.run_id,
            "spanbook.evaluation_run.name": "demo regression suite",
            "spanbook.evaluation_run.status": status,
        }

    def _turn(self, case: Case, model: tuple[str, str], common: dict[str, Any]) -> SpanContext:
        """Tell how the agent answered: a model call that asks for a tool, a look-up, the tool, and the answer."""
        self.traces += 1
        self._now += int(self._random.uniform(60, 120) * SECOND)
        question = _messages("user", _text(case.question))
        request = _messages("assistant", {"type": "tool_call", "name": case.tool, "arguments": case.arguments})
        agent: dict[str, Any] = {
            gen_ai.OPERATION_NAME: gen_ai.INVOKE_AGENT,
            gen_ai.AGENT_NAME: "support",
            gen_ai.INPUT_MESSAGES: question,
        }
        with self._span(f"invoke_agent {agent[gen_ai.AGENT_NAME]}", agent | common, 30) as (root, parent):
            self._chat(parent, model, common, question, request)
            retrieval: dict[str, Any] = {
                gen_ai.OPERATION_NAME: gen_ai.RETRIEVAL,
                gen_ai.DATA_SOURCE_ID: "help-pages",
                gen_ai.RETRIEVAL_QUERY_TEXT: case.question,
                gen_ai.RETRIEVAL_TOP_K: 3,
                gen_ai.RETRIEVAL_DOCUMENTS: json.dumps([{"id": "help-12", "score": 0.83, "content": case.document}]),
            }
            with self._span("retrieval help-pages", retrieval | common, 120, parent, SpanKind.CLIENT):
                pass
            tool: dict[str, Any] = {
                gen_ai.OPERATION_NAME: gen_ai.EXECUTE_TOOL,
                gen_ai.TOOL_NAME: case.tool,
                gen_ai.TOOL_TYPE: "function",
                gen_ai.TOOL_CALL_ID: f"call_{self._random.getrandbits(48):012x}",
                gen_ai.TOOL_CALL_ARGUMENTS: json.dumps(case.arguments),
            }
            with self._span(f"execute_tool {case.tool}", tool | common, 240, parent) as (span, _):
                if case.failing:
                    _fail(span, "TimeoutError", "the voucher service did not answer")
                else:
                    span.set_attribute(gen_ai.TOOL_CALL_RESULT, json.dumps(case.result))
            if case.failing:
                _fail(root, "TimeoutError", "the voucher service did not answer")
            else:
                answer = _messages("assistant", _text(case.answer))
                self._chat(parent, model, common, question, answer)
                root.set_attribute(gen_ai.OUTPUT_MESSAGES, answer)
        return root.get_span_context()

    def _chat(self, parent: Context, model: tuple[str, str], common: dict[str, Any], asked: str, said: str) -> None:
        provider, name = model
        attributes: dict[str, Any] = {
            gen_ai.OPERATION_NAME: gen_ai.CHAT,
            gen_ai.PROVIDER_NAME: provider,
            gen_ai.REQUEST_MODEL: name,
            gen_ai.RESPONSE_MODEL: name,
            gen_ai.RESPONSE_ID: f"chatcmpl-{self._random.getrandbits(64):016x}",
            gen_ai.RESPONSE_FINISH_REASONS: ["tool_calls" if "tool_call" in said else "stop"],
            gen_ai.REQUEST_TEMPERATURE: 0.2,
            gen_ai.USAGE_INPUT_TOKENS: 380 + len(asked),
            gen_ai.USAGE_CACHE_READ_INPUT_TOKENS: 256,
            gen_ai.USAGE_OUTPUT_TOKENS: 12 + len(said) // 4,
            gen_ai.SYSTEM_INSTRUCTIONS: json.dumps([_text("You answer for a shoe shop. Be short and kind.")]),
            gen_ai.INPUT_MESSAGES: asked,
            gen_ai.OUTPUT_MESSAGES: said,
        }
        with self._span(f"chat {name}", attributes | common, 600 + 4 * len(said), parent, SpanKind.CLIENT):
            pass

    @contextlib.contextmanager
    def _span(
        self,
        name: str,
        attributes: Mapping[str, Any],
        milliseconds: float,
        parent: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Iterator[tuple[Span, Context]]:
        span = self._tracer.start_span(name, parent or Context(), kind, attributes, start_time=self._now)
        yield span, trace.set_span_in_context(span, Context())
        self._now += int(milliseconds * self._random.uniform(0.7, 1.6) * SECOND / 1000)
        span.end(self._now)

    def _event(self, name: str, attributes: Mapping[str, Any], target: SpanContext | None = None) -> None:
        context = trace.set_span_in_context(NonRecordingSpan(target), Context()) if target else Context()
        self._logger.emit(
            LogRecord(timestamp=time.time_ns(), context=context, event_name=name, attributes=dict(attributes))
        )


def _messages(role: str, part: Mapping[str, Any]) -> str:
    return json.dumps([{"role": role, "parts": [part]}])


def _text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def _fail(span: Span, kind: str, message: str) -> None:
    span.set_attribute(gen_ai.ERROR_TYPE, kind)
    span.set_status(Status(StatusCode.ERROR, message))
