"""Spans: the tracer provider behind OpenTelemetry's API, started by the first span."""
