"""What becomes of spans when the collector is there, away, slow or unwilling; and what the user hears of it."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator, Mapping

import grpc
import pytest
from erni_run.viewer.receive import Reply

from tests.collector import Collector
from tests.conftest import Workshop

CONFIG = '[[span]]\ntarget = "shop:work"\n'
PROGRAM = "import shop\nfor _ in range({count}): shop.work()\n"


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    workshop.write("shop.py", "def work(): return 1\n")
    workshop.write("tracing.toml", CONFIG)
    workshop.write("main.py", PROGRAM.format(count=700))
    workshop.environ["OTEL_TRACES_EXPORTER"] = "otlp"
    return workshop


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_every_span_arrives_once(shop: Workshop, collector: Collector, protocol: str, compression: str) -> None:
    environ = {"OTEL_EXPORTER_OTLP_COMPRESSION": compression, **collector.environment(protocol)}
    done = shop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert len(collector.spans) == len({span.span_id for span in collector.spans}) == 700


class Seeing(Collector):
    """Keeps what headers it was sent, and answers HTTP as it is told to."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self.headers: list[dict[str, str]] = []
        self._replies = list(replies)

    def receive_http(self, headers: Mapping[str, str], body: bytes) -> Reply:
        self.headers.append(dict(headers))
        return self._replies.pop(0) if self._replies else super().receive_http(headers, body)

    def receive_grpc(self, request: object, context: grpc.ServicerContext) -> object:  # type: ignore[override]  # wider
        self.headers.append({str(key): str(value) for key, value in context.invocation_metadata()})
        return super().receive_grpc(request, context)


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_headers_of_the_file_are_sent_and_never_printed(shop: Workshop, protocol: str) -> None:
    shop.write("tracing.toml", CONFIG + '[export]\nheaders = { Authorization = "Bearer ${TOKEN}" }\n')
    with Seeing() as collector:
        environ = {"TOKEN": "hush", **collector.environment(protocol)}
        done = shop.run("erni-run", "--explain", "python", "main.py", environ=environ)
        sent = {key.lower(): value for key, value in collector.headers[0].items()}
    assert sent["authorization"] == "Bearer hush"
    assert "hush" not in done.stdout + done.stderr


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_collector_that_is_away_costs_one_line_and_no_time(shop: Workshop, protocol: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused
        endpoint = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        environ = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint}
        done = shop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.returncode) == ("", 0)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"erni-run: 700 spans could not be delivered to {endpoint}: ")


@pytest.fixture
def black_hole() -> Iterator[int]:
    """The port of a server that accepts and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield server.getsockname()[1]


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_exit_waits_no_longer_than_the_budget_for_a_collector_that_hangs(
    shop: Workshop, black_hole: int, protocol: str
) -> None:
    shop.write("tracing.toml", CONFIG + '[export]\nexit_budget = "700ms"\n')
    shop.write("main.py", PROGRAM.format(count=700) + "import sys, time; print(time.time(), flush=True)\n")
    endpoint = f"http://127.0.0.1:{black_hole}"
    environ = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint}
    done = shop.run("erni-run", "python", "main.py", environ=environ)
    delay = time.time() - float(done.stdout)
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1
    assert "700 spans could not be delivered" in done.stderr
    assert delay < 5  # the SDK takes 10 to 30 s here; a busy machine takes a while to end a process


RETRIED = [429, 503, 500, 408, 301, 401, 403, 404]


@pytest.mark.parametrize("status", RETRIED)
def test_spans_are_kept_while_the_collector_is_unwilling(shop: Workshop, status: int) -> None:
    waits = "import sys, time\nsys.stdin.readline()\n"
    shop.write("main.py", PROGRAM.format(count=700) + waits)
    with Seeing(Reply(status)) as collector:
        with shop.start(
            "erni-run", "python", "main.py", environ=collector.environment("http/protobuf"), stdin=-1
        ) as process:
            collector.wait_for(lambda spans: len(spans) == 700)
            _, err = process.communicate("\n", timeout=30)
        assert len({span.span_id for span in collector.spans}) == 700
    lines = err.splitlines()
    assert f"takes no spans (HTTP {status}" in lines[0]
    assert len(lines) <= 2
    assert all("is back: " in line for line in lines[1:])


@pytest.mark.parametrize("status", [400])
def test_refused_batch_is_counted_and_does_not_stop_the_next(shop: Workshop, status: int) -> None:
    with Seeing(Reply(status)) as collector:
        done = shop.run("erni-run", "python", "main.py", environ=collector.environment("http/protobuf"))
        rejected = 700 - len(collector.spans)
    assert 0 < rejected < 700
    assert done.stderr == (
        f"erni-run: {collector.http_endpoint} rejected {rejected} spans: HTTP {status} "
        f"{http.client.responses[status]}\n"
    )


def test_batch_that_is_too_large_goes_out_in_parts(shop: Workshop) -> None:
    with Seeing(Reply(413), Reply(413)) as collector:
        done = shop.run("erni-run", "python", "main.py", environ=collector.environment("http/protobuf"))
        assert len({span.span_id for span in collector.spans}) == 700
    assert done.stderr == ""


def test_span_that_is_too_large_for_grpc_stops_no_other(shop: Workshop, collector: Collector) -> None:
    shop.write(
        "main.py",
        """
        import shop
        from opentelemetry import trace
        tracer = trace.get_tracer("mine")
        for size in (10, 6_000_000, 10):
            with tracer.start_as_current_span("own", attributes={"text": "x" * size}):
                shop.work()
        """,
    )
    done = shop.run("erni-run", "python", "main.py", environ=collector.environment("grpc"))
    assert "rejected 1 span: RESOURCE_EXHAUSTED" in done.stderr
    assert sorted(span.name for span in collector.spans) == ["own"] * 2 + ["work"] * 3


def test_collector_that_comes_late_gets_everything(shop: Workshop) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    shop.write("main.py", PROGRAM.format(count=700) + "import sys\nsys.stdin.readline()\n")
    environ = {
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}/v1/traces",
    }
    with shop.start("erni-run", "python", "main.py", environ=environ, stdin=-1) as process:
        assert process.stderr is not None
        assert "takes no spans" in process.stderr.readline()
        with Collector(port) as collector:
            collector.wait_for(lambda spans: len(spans) == 700)
            _, err = process.communicate("\n", timeout=30)
    assert "is back: " in err or err == ""


def test_threads_and_forks_lose_nothing(shop: Workshop, collector: Collector) -> None:
    shop.write(
        "main.py",
        """
        import os, sys, threading, shop

        def many():
            for _ in range(500): shop.work()

        threads = [threading.Thread(target=many) for _ in range(4)]
        for thread in threads: thread.start()
        children = []
        for _ in range(4):
            children.append(os.fork())
            if children[-1] == 0:
                many()
                sys.exit(0)
        for thread in threads: thread.join()
        for child in children: os.waitpid(child, 0)
        """,
    )
    environ = {"PYTHONWARNINGS": "ignore::DeprecationWarning", **collector.environment()}  # 3.12: of forks with threads
    done = shop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stderr, done.returncode) == ("", 0)
    collector.wait_for(lambda spans: len({span.span_id for span in spans}) >= 4000)
    assert len(collector.spans) == len({span.span_id for span in collector.spans})


def test_protocol_none_and_console(shop: Workshop) -> None:
    shop.write("main.py", PROGRAM.format(count=1))
    assert shop.run("erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "none"}).stderr == ""
    console = shop.run("erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "console"})
    assert console.stdout == ""
    (line,) = console.stderr.splitlines()
    assert '"name": "work"' in line
