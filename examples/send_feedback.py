"""What a person and a judge thought of a trace, by OpenTelemetry log events: any language can send the same.

python examples/send_feedback.py TRACE_ID, against `spanbook serve`.
"""

import sys
from collections.abc import Mapping

from opentelemetry._logs import Logger, LogRecord
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.util.types import AnyValue


def main(trace_id: str) -> None:
    provider = LoggerProvider(resource=Resource.create({"service.name": "weather-agent"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))  # http://localhost:4317
    logger = provider.get_logger("examples.send_feedback")

    thumb: dict[str, AnyValue] = {
        "gen_ai.evaluation.name": "thumb",
        "gen_ai.evaluation.score.value": 1.0,
        "gen_ai.evaluation.score.label": "up",
        "spanbook.assessment.source.type": "HUMAN",
        "spanbook.assessment.source.id": "ann@example.com",
    }
    judgement: dict[str, AnyValue] = {
        "gen_ai.evaluation.name": "groundedness",
        "gen_ai.evaluation.score.value": 0.8,
        "gen_ai.evaluation.explanation": "the forecast says so",
        "spanbook.assessment.source.type": "LLM_JUDGE",
        "spanbook.assessment.source.id": "openai:/gpt-4o",
    }
    expected: dict[str, AnyValue] = {
        "spanbook.assessment.name": "expected_response",
        "spanbook.assessment.value": '"yes, 80 %"',  # JSON
        "spanbook.assessment.source.type": "HUMAN",
    }
    tell(logger, trace_id, "gen_ai.evaluation.result", thumb)
    tell(logger, trace_id, "gen_ai.evaluation.result", judgement)
    tell(logger, trace_id, "spanbook.expectation", expected)
    provider.shutdown()

    print(
        f"spanbook sql \"SELECT kind, name, value, label, source_type FROM assessments WHERE trace_id = '{trace_id}'\""
    )


def tell(logger: Logger, trace_id: str, event: str, attributes: Mapping[str, AnyValue]) -> None:
    """Send one event whose record names the trace; `record.span_id` would name one span of it."""
    record = LogRecord(context=Context(), event_name=event, attributes=attributes)
    record.trace_id = int(trace_id, 16)
    logger.emit(record)


if __name__ == "__main__":
    main(sys.argv[1])
