"""An agent's trace by the OpenTelemetry SDK alone: any program that says this much is in the book.

python examples/plain_otel.py, against `spanbook serve`; OTEL_EXPORTER_OTLP_ENDPOINT names another place.
"""

import json

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.util.types import AttributeValue


def main() -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "weather-agent"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))  # http://localhost:4317
    tracer = provider.get_tracer("examples.plain_otel")

    question = "Will it rain in Oslo?"
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "weather", "session.id": "example"}
    with tracer.start_as_current_span("invoke_agent weather", attributes=agent) as root:
        ask(tracer, messages("user", question), messages("assistant", "I will look."), "tool_calls")
        tool = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "forecast",
            "gen_ai.tool.call.arguments": json.dumps({"city": "Oslo"}),
            "gen_ai.tool.call.result": json.dumps({"rain": 0.8}),
        }
        with tracer.start_as_current_span("execute_tool forecast", attributes=tool):
            pass
        ask(tracer, messages("user", question), messages("assistant", "Very likely."), "stop")
        root.set_attribute("gen_ai.input.messages", messages("user", question))
        root.set_attribute("gen_ai.output.messages", messages("assistant", "Very likely."))
    provider.shutdown()

    trace_id = trace.format_trace_id(root.get_span_context().trace_id)
    print(f"spanbook sql \"SELECT name, type, duration_ms, output_preview FROM spans WHERE trace_id = '{trace_id}'\"")


def ask(tracer: trace.Tracer, asked: str, said: str, finish_reason: str) -> None:
    """Tell a call of a model; a real one would be made inside the span."""
    call: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.finish_reasons": [finish_reason],
        "gen_ai.usage.input_tokens": 40,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.input.messages": asked,
        "gen_ai.output.messages": said,
    }
    with tracer.start_as_current_span("chat gpt-4o-mini", kind=trace.SpanKind.CLIENT, attributes=call):
        pass


def messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


if __name__ == "__main__":
    main()
