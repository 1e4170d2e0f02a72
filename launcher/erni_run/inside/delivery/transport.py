"""The way to the collector: one request at a time, over gRPC or HTTP (OTLP specification, "OTLP/gRPC" and "OTLP/HTTP").

No instrumented client, no proxy and no ``logging`` is on this path: the tracing must not trace or log itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from erni_run.inside import forks
from erni_run.inside.delivery.answer import Answer
from erni_run.plan import ExportPlan

__all__ = ["LOGS", "METRICS", "TRACES", "Answer", "Signal", "Transport", "open_transport"]


@dataclass(frozen=True)
class Signal:
    """One of OTLP's signals: its ``name`` in URLs, and its gRPC ``service``."""

    name: str
    service: str

    def url(self, endpoint: str) -> str:
        """Where this signal is posted to if traces are posted to ``endpoint``; empty if that tells nothing about it."""
        parts = urlsplit(endpoint)
        folder, _, last = parts.path.rpartition("/")
        if self is not TRACES and last != TRACES.name:
            return ""
        return endpoint if self is TRACES else parts._replace(path=f"{folder}/{self.name}").geturl()


TRACES = Signal("traces", "opentelemetry.proto.collector.trace.v1.TraceService")
METRICS = Signal("metrics", "opentelemetry.proto.collector.metrics.v1.MetricsService")
LOGS = Signal("logs", "opentelemetry.proto.collector.logs.v1.LogsService")


class Transport(Protocol):
    """Sends serialized export requests of one signal, one after the other."""

    def send(self, request: bytes, timeout: float) -> Answer:
        """Send ``request`` within ``timeout`` seconds, all in all.

        Never raises for what the network, the collector or the configuration does.
        """
        ...


def open_transport(plan: ExportPlan, signal: Signal = TRACES) -> Transport:
    """The transport for ``plan.protocol``. Nothing is connected before the first request.

    Raises ValueError if the plan's endpoint does not tell where ``signal`` goes.
    """
    with forks.late_import():  # late: an application needs one of them
        if plan.protocol == "grpc":
            from erni_run.inside.delivery.grpc import Grpc

            return Grpc(plan, f"/{signal.service}/Export")
        from erni_run.inside.delivery.http import Http

        if not (url := signal.url(plan.endpoint)):
            raise ValueError(f"no address for {signal.name}")
        return Http(plan, url)
