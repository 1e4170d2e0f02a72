"""OpenTelemetry's variables, whatever they hold, keep no application from starting and no span from the collector."""

from __future__ import annotations

import opentelemetry.environment_variables
import opentelemetry.sdk.environment_variables
import pytest

from tests.collector import Collector
from tests.conftest import Workshop

GARBAGE = "gar-bage"
READ = sorted(
    variable
    for module in (opentelemetry.environment_variables, opentelemetry.sdk.environment_variables)
    for variable in vars(module).values()
    if isinstance(variable, str) and variable.startswith("OTEL_")
)
TAKEN = {"OTEL_SERVICE_NAME", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}
"""Whatever they hold may be meant: an endpoint is ``host:port``, too."""
ALONE = [
    # what OpenTelemetry reads as it is imported: one would hide what the next does
    "OTEL_PROPAGATORS",
    "OTEL_PYTHON_CONTEXT",
    "OTEL_PYTHON_LOGGER_PROVIDER",
    "OTEL_PYTHON_METER_PROVIDER",
    "OTEL_PYTHON_TRACER_PROVIDER",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
]


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    workshop.write("work.py", "def sell(): pass\n")
    workshop.write(
        "main.py",
        """
        import httpx, os, work
        from opentelemetry import _logs, metrics, propagate, trace
        _logs.get_logger("shop"), metrics.get_meter("shop")
        work.sell()
        try:
            httpx.get("http://127.0.0.1:1")
        except httpx.ConnectError:
            pass
        with trace.get_tracer("shop").start_as_current_span("carrier"):
            propagate.inject(carrier := {})
        print(*carrier, os.environ.get("OTEL_PROPAGATORS"))
        """,
    )
    workshop.write("tracing.toml", '[export]\nprotocol = "http/protobuf"\n[[span]]\ntarget = "work:*"\n')
    return workshop


def run(shop: Workshop, collector: Collector, variables: dict[str, str]) -> tuple[list[str], str]:
    """What a run with ``variables`` says, and what it prints. Its spans arrive."""
    endpoint = collector.environment("http/protobuf")["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
    done = shop.run(
        "erni-run",
        "python",
        "main.py",
        environ={"OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "otlp", **variables},
    )
    assert done.returncode == 0, done.stderr
    assert {span.name for span in collector.spans} >= {"GET", "sell", "carrier"}, done.stderr
    return done.stderr.splitlines(), done.stdout.strip()


def subjects(lines: list[str]) -> list[str]:
    return [line.removeprefix("erni-run: ").partition(":")[0] for line in lines]


def test_garbage_in_all_variables_at_once_is_said_in_a_line_each(shop: Workshop, collector: Collector) -> None:
    variables = dict.fromkeys(READ, GARBAGE)
    lines, _ = run(shop, collector, variables)
    assert len(subjects(lines)) == len(set(subjects(lines)))
    assert set(subjects(lines)) <= set(READ) - TAKEN
    assert set(subjects(lines)) >= {name for name in READ if name.endswith("_LIMIT") and "LOGRECORD" not in name}
    assert subjects(run(shop, collector, variables)[0]) == subjects(lines)  # of a plan that is remembered as well


@pytest.mark.parametrize("variable", ALONE)
def test_garbage_in_one_variable_is_said_in_a_line(shop: Workshop, collector: Collector, variable: str) -> None:
    lines, printed = run(shop, collector, {variable: GARBAGE})
    assert subjects(lines) == [variable]
    assert printed == f"traceparent {GARBAGE if variable == 'OTEL_PROPAGATORS' else None}"


PROPAGATORS = {"TraceContext": "traceparent", "tracecontext,b3": "traceparent", "none": "", "baggage": ""}


@pytest.mark.parametrize("names", PROPAGATORS)
def test_propagators_are_those_that_are_named_and_installed(shop: Workshop, collector: Collector, names: str) -> None:
    lines, printed = run(shop, collector, {"OTEL_PROPAGATORS": names})
    assert printed == f"{PROPAGATORS[names]} {names}".strip()
    assert lines == ["erni-run: OTEL_PROPAGATORS: 'b3' is not installed and is left out"] * ("b3" in names)


def test_limits_hold_for_spans(shop: Workshop, collector: Collector) -> None:
    run(shop, collector, {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1"})
    assert {len(span.attributes) for span in collector.spans if span.name == "GET"} == {1}
