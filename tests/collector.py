"""A real OTLP receiver for tests: keeps the spans, and lets a test wait until it has seen what it wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from erni_run.viewer.receive import Receiver
from erni_run.viewer.span import Span


class Collector(Receiver):
    """Receives on loopback; ``spans`` is all that has arrived."""

    def __init__(self, http_port: int = 0) -> None:
        super().__init__(self._keep, http_port)
        self.spans: list[Span] = []
        self._arrived = threading.Condition()

    def _keep(self, spans: list[Span]) -> None:
        with self._arrived:
            self.spans += spans
            self._arrived.notify_all()

    def wait_for(self, enough: Callable[[list[Span]], bool], seconds: float = 30) -> list[Span]:
        """All spans so far, as soon as ``enough`` holds for them; AssertionError after ``seconds``."""
        deadline = time.monotonic() + seconds
        with self._arrived:
            while not enough(self.spans):
                left = deadline - time.monotonic()
                assert left > 0, f"only {[span.name for span in self.spans]} after {seconds} s"
                self._arrived.wait(left)
            return list(self.spans)

    def wait_for_names(self, *names: str) -> dict[str, Span]:
        """The latest span of each of ``names``, as soon as all have arrived."""
        spans = self.wait_for(lambda spans: set(names) <= {span.name for span in spans})
        return {span.name: span for span in spans if span.name in names}

    def environment(self, protocol: str = "grpc") -> dict[str, str]:
        """The variables that send a process's spans here."""
        endpoint = self.grpc_endpoint if protocol == "grpc" else self.http_endpoint
        return {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint}
