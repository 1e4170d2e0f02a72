"""A process that hands photographs over, for benchmarks/delivery.py to look at from outside and from inside.

    python -m benchmarks.handoffs bare|traced|sdk QUESTION

``bare`` makes no spans; ``traced`` is to be started by erni-run, ``sdk`` uses OpenTelemetry's decorator, its batch
processor and its exporter. The answer is one number on standard output.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks import targets

ATTRIBUTES: dict[str, Any] = {"agent": "vision_analyzer", "handoff_type": "vision_analysis", "tier": 3}
CAPTURED = "photo.id"
SPANS, RATE = 8_000, 2_000  # of a second
ROUNDS, SPANS_A_ROUND, PAUSE = 40, 500, 0.06
BATCH = 512
SECONDS = 4.0


def _photo(number: int) -> str:
    return f"IMG_{number % 500:04}.jpg"


def cpu(handoff: Callable[[str], object], flush: Callable[[], object]) -> float:
    """CPU microseconds of the whole process for one handoff, at a steady rate, with all that its spans need until the
    collector has them.
    """
    handoff(_photo(0))
    flush()
    began, start = time.process_time(), time.monotonic()
    for number in range(SPANS):
        handoff(_photo(number))
        if number % 20 == 0:
            time.sleep(max(0.0, start + number / RATE - time.monotonic()))
    flush()
    return (time.process_time() - began) / SPANS * 1e6


def first(handoff: Callable[[str], object], flush: Callable[[], object]) -> float:
    """CPU milliseconds of the whole process for its first span, until the collector has it."""
    began = time.process_time()
    handoff(_photo(0))
    flush()
    return (time.process_time() - began) * 1e3


def wait(handoff: Callable[[str], object], flush: Callable[[], object]) -> float:
    """Milliseconds that the first span holds up its caller, on a clock that runs for others, too."""
    began = time.perf_counter()
    handoff(_photo(0))
    waited = (time.perf_counter() - began) * 1e3
    flush()
    return waited


def end(_: Callable[[str], object], flush: Callable[[], object]) -> float:
    """CPU microseconds of the application's thread for one end of a span: encoded, and in the journal."""
    start = _starter()
    rounds = []
    for _round in range(ROUNDS):
        spans = [start(_photo(number)) for number in range(SPANS_A_ROUND)]
        began = time.thread_time()
        for span in spans:
            span.end()
        rounds.append((time.thread_time() - began) / SPANS_A_ROUND * 1e6)
        time.sleep(PAUSE)
    flush()
    return median(rounds)


def encoded(_: Callable[[str], object], __: Callable[[], object]) -> float:
    """CPU microseconds that the SDK's exporters take to encode one such span, 512 at a time."""
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("benchmark")
    for number in range(BATCH):
        tracer.start_span("handoff", attributes={**ATTRIBUTES, CAPTURED: _photo(number)}).end()
    spans = memory.get_finished_spans()
    rounds = []
    for _round in range(ROUNDS):
        began = time.thread_time()
        encode_spans(spans).SerializeToString()
        rounds.append((time.thread_time() - began) / BATCH * 1e6)
        time.sleep(PAUSE)
    return median(rounds)


def late(_: Callable[[str], object], flush: Callable[[], object]) -> float:
    """Microseconds within which 99 of 100 spans end while another thread never rests, over those of a call that does
    nothing.
    """
    start = _starter()
    threading.Thread(target=_spin, daemon=True).start()
    noise = _percentile(lambda _: targets.bare)
    figure = _percentile(lambda number: start(_photo(number)).end) - noise
    flush()
    return figure


def memory(handoff: Callable[[str], object], flush: Callable[[], object]) -> float:
    """Mebibytes of a process that serves HTTP and talks to databases, as soon as it has made some spans."""
    import aiohttp  # noqa: F401  # what the agency imports
    import fastapi  # noqa: F401
    import redis  # noqa: F401
    import sqlalchemy  # noqa: F401

    return small(handoff, flush)


def delivered(handoff: Callable[[str], object], flush: Callable[[], object]) -> float:
    """The same once they are delivered: the exporter's own libraries are there."""
    memory(handoff, flush)
    flush()
    return _resident()


def small(handoff: Callable[[str], object], _: Callable[[], object]) -> float:
    """Mebibytes of a process that does nothing else."""
    for number in range(1000):
        handoff(_photo(number))
    return _resident()


def small_delivered(handoff: Callable[[str], object], flush: Callable[[], object]) -> float:
    """The same once its spans are delivered."""
    small(handoff, flush)
    flush()
    return _resident()


def _starter() -> Callable[..., Any]:
    """Starts spans as calls of the traced handoff do, below another one."""
    from opentelemetry import trace
    from opentelemetry.trace import SpanKind

    provider: Any = trace.get_tracer_provider()
    tracer = provider.get_tracer("erni_run").started()
    start: Callable[..., Any] = tracer.starter("handoff", SpanKind.INTERNAL, ATTRIBUTES, (CAPTURED,))
    workflow = tracer.start_span("workflow")
    return lambda captured: start(captured, workflow)


def _percentile(prepare: Callable[[int], Callable[[], object]]) -> float:
    taken = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for number in range(20):
            call = prepare(number)
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
        time.sleep(0.001)
    return sorted(taken)[len(taken) * 99 // 100] * 1e6


def _spin() -> None:
    while True:
        sum(range(1000))


def _resident() -> float:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def _traced() -> tuple[Callable[[str], object], Callable[[], object]]:
    def flush() -> None:
        from opentelemetry import trace

        provider: Any = trace.get_tracer_provider()
        assert provider.force_flush(30_000)

    return targets.handoff, flush


def _sdk() -> tuple[Callable[[str], object], Callable[[], object]]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import get_current_span

    if os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # type: ignore[assignment]  # the other one
            OTLPSpanExporter,
        )
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

    @provider.get_tracer("benchmark").start_as_current_span("handoff", attributes=ATTRIBUTES)
    def handoff(photo_id: str) -> None:
        get_current_span().set_attribute(CAPTURED, photo_id)

    return handoff, provider.force_flush


MODES: dict[str, Callable[[], tuple[Callable[[str], object], Callable[[], object]]]] = {
    "bare": lambda: (targets.handoff, lambda: None),
    "traced": _traced,
    "sdk": _sdk,
}
QUESTIONS = {
    question.__name__: question
    for question in (cpu, first, wait, end, encoded, late, memory, delivered, small, small_delivered)
}

if __name__ == "__main__":
    print(QUESTIONS[sys.argv[2]](*MODES[sys.argv[1]]()))
