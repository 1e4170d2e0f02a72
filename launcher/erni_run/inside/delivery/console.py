"""The exporter "console": each ended span as one line of JSON on standard error."""

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from erni_run.inside.notice import write
from erni_run.inside.ourselves import aside


class Console(SpanProcessor):
    """Writes every ended span. Standard output belongs to the application."""

    def on_end(self, span: ReadableSpan) -> None:
        """Print ``span``, if it was sampled."""
        if span.context is not None and span.context.trace_flags.sampled:
            write(aside(span.to_json, None))
