"""The collector: OTLP receivers, processors, the durable queue, exporters and web pages."""
