// Sends spans with the OpenTelemetry JavaScript SDK: node send.js json|protobuf URL COUNT NAME [HEADER VALUE]
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

const [encoding, url, count, name, header, value] = process.argv.slice(2);
const Exporter = encoding === 'json' ? JsonExporter : ProtobufExporter;
const exporter = new Exporter({ url, compression: 'gzip', headers: header ? { [header]: value } : {} });

const finished = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: finished })] });
const tracer = provider.getTracer('js');
for (let number = 0; number < Number(count); number++) {
  tracer
    .startSpan(name, {
      attributes: {
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.usage.input_tokens': number,
        'gen_ai.request.temperature': 0.5,
        'gen_ai.response.finish_reasons': ['stop', 'length'],
        'gen_ai.input.messages': JSON.stringify([{ role: 'user', content: 'Grüße, 世界 🌍' }]),
      },
    })
    .end();
}
await provider.forceFlush();
exporter.export(finished.getFinishedSpans(), (result) => {
  console.log(JSON.stringify({ code: result.code, error: result.error?.message })); // 0 is success
});
