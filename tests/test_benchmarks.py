"""What the benchmarks measure is what they say; the figures themselves are not for tests."""

from __future__ import annotations

from pathlib import Path

from tests.collector import Collector
from tests.conftest import Workshop

ROOT = Path(__file__).resolve().parent.parent


def test_ends_are_measured_of_spans_below_another(workshop: Workshop, collector: Collector) -> None:
    program = (
        "from benchmarks import handoffs\n"
        "handoffs.ROUNDS, handoffs.SPANS_A_ROUND = 2, 3\n"
        "print(handoffs.end(None, lambda: None) > 0)\n"
    )
    workshop.write("main.py", program)
    workshop.write("tracing.toml", "")
    environ = {"OTEL_TRACES_EXPORTER": "otlp", "PYTHONPATH": str(ROOT), **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)
    assert [span.name for span in collector.spans] == ["handoff"] * 6
    assert [span.attributes["photo.id"] for span in collector.spans][:3] == [f"IMG_{n:04}.jpg" for n in range(3)]
    assert len({span.parent_id for span in collector.spans}) == 1
    assert all(span.parent_id for span in collector.spans)
