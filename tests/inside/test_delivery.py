"""What becomes of spans when the collector is there, away, slow or unwilling; and what the user hears of it."""

from __future__ import annotations

import json
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from erni_run.inside.delivery.survey import survey
from erni_run.viewer.receive import Reply
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

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


def standing(workshop: Workshop) -> dict[str, int]:
    """What the spool of ``workshop`` tells of spans, over all destinations; without what is 0."""
    figures: Counter[str] = Counter()
    for found in survey(str(workshop.folder / "home/.local/state/erni-run")):
        tally = found.tally
        figures["delivered"] += tally.delivered
        figures["rejected"] += sum(tally.rejected.values())
        figures["dropped"] += sum(tally.dropped.values())
        figures["pending"] += found.pending
    return dict(+figures)


def drain(workshop: Workshop, collector: Collector, protocol: str = "http/protobuf", timeout: str = "20s") -> None:
    """Deliver what waits in the spool, all of it."""
    with workshop.start("erni-run", "drain", "--timeout", timeout, environ=collector.environment(protocol)) as done:
        out, err = done.communicate()
    assert done.returncode == 0, out + err


def ids(collector: Collector) -> Counter[str]:
    """How often each span has arrived."""
    return Counter(span.span_id for span in collector.spans)


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_every_span_arrives_once(shop: Workshop, collector: Collector, protocol: str, compression: str) -> None:
    environ = {"OTEL_EXPORTER_OTLP_COMPRESSION": compression, **collector.environment(protocol)}
    done = shop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert set(ids(collector).values()) == {1}
    assert standing(shop) == {"delivered": 700}


class Seeing(Collector):
    """Keeps what headers it was sent, and answers HTTP as it is told to: by ``replies`` in turn, as long as there are
    some, and then as a healthy collector does.
    """

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self.headers: list[dict[str, str]] = []
        self.replies = list(replies)
        self.always: Reply | None = None

    def receive_http(self, headers: Mapping[str, str], body: bytes) -> Reply:
        self.headers.append(dict(headers))
        if self.always is not None:
            return self.always
        return self.replies.pop(0) if self.replies else super().receive_http(headers, body)

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
def test_collector_that_is_away_costs_one_line_and_no_span(shop: Workshop, protocol: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused
        port = nobody.getsockname()[1]
        endpoint = f"http://127.0.0.1:{port}/v1/traces"
        environ = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint}
        done = shop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.returncode) == ("", 0)
    (line,) = done.stderr.splitlines()
    assert line.startswith("erni-run: 700 spans (")
    assert f"for {endpoint} wait on disk for the next process to deliver them: " in line
    assert standing(shop) == {"pending": 700}
    if protocol == "http/protobuf":
        with Collector(port) as collector:
            drain(shop, collector)
        assert (len(ids(collector)), len(collector.spans)) == (700, 700)
        assert standing(shop) == {"delivered": 700}


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
    assert "700 spans" in done.stderr
    assert delay < 5  # the SDK takes 10 to 30 s here; a busy machine takes a while to end a process
    assert standing(shop) == {"pending": 700}


KEPT = [429, 503, 500, 502, 504, 408, 301, 302, 307, 308, 401, 403, 404]


@pytest.mark.parametrize("status", KEPT)
def test_spans_are_kept_while_the_collector_is_unwilling(shop: Workshop, status: int) -> None:
    shop.write("main.py", PROGRAM.format(count=700) + "import sys\nsys.stdin.readline()\n")
    with Seeing(Reply(status)) as collector:
        with shop.start(
            "erni-run", "python", "main.py", environ=collector.environment("http/protobuf"), stdin=-1
        ) as process:
            collector.wait_for(lambda spans: len(spans) == 700)
            _, err = process.communicate("\n", timeout=30)
        assert set(ids(collector).values()) == {1}
    is_the_users_to_mend = status in (301, 302, 307, 308, 401, 403, 404)
    assert (f"takes no spans until this is mended: HTTP {status}" in err) == is_the_users_to_mend
    assert len(err.splitlines()) <= 2
    assert standing(shop) == {"delivered": 700}


class Picky(Collector):
    """Refuses every request that holds a span named "poison"."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0

    def receive_http(self, headers: Mapping[str, str], body: bytes) -> Reply:
        request = ExportTraceServiceRequest.FromString(body)
        names = {s.name for r in request.resource_spans for scope in r.scope_spans for s in scope.spans}
        if "poison" in names:
            self.refusals += 1
            return Reply(400)
        return super().receive_http(headers, body)


def test_span_that_is_refused_takes_no_other_along(shop: Workshop) -> None:
    shop.write(
        "main.py",
        """
        import shop
        from opentelemetry import trace
        tracer = trace.get_tracer("mine")
        for n in range(700):
            shop.work()
            if n in (100, 600): tracer.start_span("poison").end()
        """,
    )
    with Picky() as collector:
        done = shop.run("erni-run", "python", "main.py", environ=collector.environment("http/protobuf"))
        assert (len(ids(collector)), len(collector.spans)) == (700, 700)
        assert collector.refusals < 50
        assert done.stderr == f"erni-run: {collector.http_endpoint} rejected 2 spans: HTTP 400 Bad Request\n"
    assert standing(shop) == {"delivered": 700, "rejected": 2}
    assert len(list(shop.folder.glob("home/.local/state/erni-run/v1/*/rejected/*.otlp.gz"))) == 2


def test_collector_that_refuses_everything_is_not_asked_span_by_span(shop: Workshop) -> None:
    with Seeing() as collector:
        collector.always = Reply(400)
        shop.run("erni-run", "python", "main.py", environ=collector.environment("http/protobuf"))
        assert len(collector.headers) < 100
    assert standing(shop) == {"rejected": 700}


def test_batch_that_is_too_large_goes_out_in_parts(shop: Workshop) -> None:
    with Seeing(Reply(413), Reply(413)) as collector:
        done = shop.run("erni-run", "python", "main.py", environ=collector.environment("http/protobuf"))
        assert set(ids(collector).values()) == {1}
    assert done.stderr == ""
    assert standing(shop) == {"delivered": 700}


def test_partial_success_is_counted(shop: Workshop) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=3, error_message="too old")
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    with Seeing() as collector:
        collector.always = Reply(200, {"Content-Type": "application/x-protobuf"}, body)
        done = shop.run("erni-run", "python", "main.py", environ=collector.environment("http/protobuf"))
        requests = len(collector.headers)
    assert "too old" in done.stderr
    assert standing(shop) == {"delivered": 700 - 3 * requests, "rejected": 3 * requests}


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
    assert standing(shop) == {"delivered": 5, "rejected": 1}


class Exhausted(Collector):
    """Takes nothing over gRPC while it ``is_full``, without saying for how long, or that less would do."""

    is_full = True

    def receive_grpc(self, request: object, context: grpc.ServicerContext) -> object:  # type: ignore[override]  # wider
        if self.is_full:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "quota")
        return super().receive_grpc(request, context)


def test_spans_wait_while_the_collector_is_exhausted(shop: Workshop) -> None:
    with Exhausted() as collector:
        done = shop.run("erni-run", "python", "main.py", environ=collector.environment("grpc"))
        assert "700 spans" in done.stderr
        assert "RESOURCE_EXHAUSTED quota" in done.stderr
        assert standing(shop) == {"pending": 700}
        collector.is_full = False
        drain(shop, collector, "grpc")
        assert set(ids(collector).values()) == {1}
        assert standing(shop) == {"delivered": 700}


def test_collector_that_comes_late_gets_everything(shop: Workshop) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    shop.write(
        "main.py", PROGRAM.format(count=20_000) + "print('done', flush=True)\nimport sys\nsys.stdin.readline()\n"
    )
    environ = {
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}/v1/traces",
    }
    with shop.start("erni-run", "python", "main.py", environ=environ, stdin=-1) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        assert standing(shop)["pending"] >= 20_000
        with Collector(port) as collector:
            collector.wait_for(lambda spans: len(spans) == 20_000)
            process.communicate("\n", timeout=30)
    assert set(ids(collector).values()) == {1}
    assert standing(shop) == {"delivered": 20_000}


def test_lost_acknowledgement_costs_a_copy_and_no_span(shop: Workshop) -> None:
    class Slow(Collector):
        def receive_http(self, headers: Mapping[str, str], body: bytes) -> Reply:
            reply = super().receive_http(headers, body)
            time.sleep(1.5)
            return reply

    shop.write("tracing.toml", CONFIG + '[export]\nexit_budget = "300ms"\n')
    with Slow() as collector:
        shop.run("erni-run", "python", "main.py", environ=collector.environment("http/protobuf"))
        drain(shop, collector)
        assert len(ids(collector)) == 700
    assert standing(shop) == {"delivered": 700}


@pytest.mark.parametrize(
    "module", ["erni_run.inside.recorder.provider", "erni_run.inside.recorder.context", "opentelemetry.sdk.trace"]
)
def test_child_that_is_forked_in_the_midst_of_an_import_of_ours_records(
    shop: Workshop, collector: Collector, module: str
) -> None:
    shop.write(
        "main.py",
        """
        import importlib.machinery, os, sys, threading, shop

        begun, forked = threading.Event(), threading.Event()

        class Loader(importlib.machinery.SourceFileLoader):
            def exec_module(self, module):
                if threading.current_thread() is not threading.main_thread():
                    begun.set()
                    forked.wait()
                super().exec_module(module)

        class Finder:
            def find_spec(self, name, path, target=None):
                if name == sys.argv[1]:
                    spec = importlib.machinery.PathFinder.find_spec(name, path)
                    spec.loader = Loader(name, spec.loader.path)
                    return spec

        sys.meta_path.insert(1, Finder())
        thread = threading.Thread(target=shop.work)
        thread.start()
        begun.wait()
        child = os.fork()
        if child == 0:
            shop.work()
            sys.exit()
        forked.set()
        os.waitpid(child, 0)
        thread.join()
        """,
    )
    environ = {"PYTHONWARNINGS": "ignore::DeprecationWarning", **collector.environment()}  # 3.12: of forks with threads
    done = shop.run("erni-run", "python", "main.py", module, environ=environ)
    assert (done.stderr, done.returncode) == ("", 0)
    assert len(collector.spans) == 2


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
        for number in range(4):
            children.append(os.fork())
            if children[-1] == 0:
                many()
                sys.exit(0) if number % 2 else os._exit(0)
        for thread in threads: thread.join()
        for child in children: os.waitpid(child, 0)
        """,
    )
    environ = {"PYTHONWARNINGS": "ignore::DeprecationWarning", **collector.environment()}  # 3.12: of forks with threads
    done = shop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stderr, done.returncode) == ("", 0)
    drain(shop, collector, "grpc")
    assert (len(ids(collector)), len(collector.spans)) == (4000, 4000)
    assert standing(shop) == {"delivered": 4000}


ENDS = {
    "SIGTERM": (-15, "os.kill(os.getpid(), signal.SIGTERM)"),
    "SIGHUP": (-1, "os.kill(os.getpid(), signal.SIGHUP)"),
    "SIGKILL": (-9, "os.kill(os.getpid(), signal.SIGKILL)"),
    "abort": (-6, "os.abort()"),
    "a crash": (-11, "signal.signal(signal.SIGSEGV, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGSEGV)"),
    "os._exit": (3, "os._exit(3)"),
    "exec": (0, "os.execv('/bin/true', ['true'])"),
}


@pytest.mark.parametrize("end", ENDS)
def test_however_a_process_ends_the_next_one_delivers(shop: Workshop, collector: Collector, end: str) -> None:
    status, code = ENDS[end]
    shop.write(
        "ends.py",
        f"import os, resource, shop, signal\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        f"signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # whoever runs the suite under nohup ignores it
        f"for _ in range(50): shop.work()\n{code}\n",
    )
    environ = collector.environment("http/protobuf")
    done = shop.run("erni-run", "python", "ends.py", environ=environ)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")
    shop.run("erni-run", "python", "-c", "import shop; shop.work()", environ=environ)
    collector.wait_for(lambda spans: len(spans) >= 51)
    assert set(ids(collector).values()) == {1}
    assert standing(shop) == {"delivered": 51}


KILLS = int(os.environ.get("ERNI_RUN_KILLS", "40"))
KILLED = """
import os, random, signal, time
from opentelemetry import trace

tracer = trace.get_tracer("mine")
random.seed({seed})

def record(child, number):
    with tracer.start_as_current_span("own", attributes={{"child": child, "number": number}}):
        pass

record(-1, 0)
for child in range({kills}):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        for number in range(5000):
            record(child, number)
            os.write(writer, b"%d\\n" % number)
        time.sleep(60)
    os.close(writer)
    time.sleep(random.random() ** 3 * 0.3)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with open(reader, "rb") as told:
        print(len(told.read().splitlines()))
"""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("is_away", [False, True], ids=["healthy", "away"])
def test_no_span_is_lost_to_sigkill_at_any_instant(shop: Workshop, is_away: bool) -> None:
    shop.write("main.py", KILLED.format(seed=random.randrange(10**9), kills=KILLS))
    with Seeing() as collector:
        collector.always = Reply(503) if is_away else None
        environ = {"PYTHONWARNINGS": "ignore", **collector.environment("http/protobuf")}
        with shop.start("erni-run", "python", "main.py", environ=environ) as process:
            out, _ = process.communicate()
        told = [int(line) for line in out.splitlines()]
        collector.always = None
        drain(shop, collector, timeout="600s")
        arrived: dict[tuple[Any, Any], set[str]] = {}
        for span in collector.spans:
            arrived.setdefault((span.attributes["child"], span.attributes["number"]), set()).add(span.span_id)
    assert len(told) == KILLS
    for child, count in enumerate(told):
        numbers = {number for of, number in arrived if of == child}
        assert numbers == set(range(len(numbers)))
        assert count <= len(numbers) <= count + 1
    assert all(len(spans) == 1 for spans in arrived.values())
    assert standing(shop) == {"delivered": len(arrived)}


def test_two_drainers_share_the_work(shop: Workshop) -> None:
    with Seeing() as collector:
        collector.always = Reply(503)
        environ = collector.environment("http/protobuf")
        processes = [shop.start("erni-run", "python", "main.py", environ=environ) for _ in range(4)]
        for process in processes:
            process.communicate(timeout=60)
        assert standing(shop) == {"pending": 2800}
        collector.always = None
        drainers = [shop.start("erni-run", "drain", environ=environ) for _ in range(2)]
        for drainer in drainers:
            drainer.communicate(timeout=60)
        assert (len(ids(collector)), len(collector.spans)) == (2800, 2800)
    assert standing(shop) == {"delivered": 2800}


NO_PLACE = {
    "a home that is not there": ("", "HOME", "gone/away/elsewhere/home"),
    "a file in its place": ("touch state", "ERNI_SPOOL_DIR", "state"),
    "a symbolic link in its place": ("mkdir other; ln -s other state", "ERNI_SPOOL_DIR", "state"),
    "a folder that others may write": ("mkdir -p state/v1; chmod 777 state/v1", "ERNI_SPOOL_DIR", "state"),
    "no space": ("", "", "ulimit -f 100"),
}


@pytest.mark.parametrize("case", NO_PLACE)
def test_without_a_place_on_disk_spans_wait_in_memory_and_one_line_says_so(
    shop: Workshop, collector: Collector, case: str
) -> None:
    preparation, variable, value = NO_PLACE[case]
    shop.run("sh", "-c", preparation)
    environ = collector.environment() | ({variable: str(shop.folder / value)} if variable else {})
    limit = "" if variable else f"{value}; "
    done = shop.run("sh", "-c", f"{limit}exec erni-run python main.py", environ=environ)
    assert (done.stdout, done.returncode) == ("", 0)
    (line,) = done.stderr.splitlines()
    assert line.startswith("erni-run: spans wait in memory")
    assert set(ids(collector).values()) == {1}
    assert len(collector.spans) == 700


def test_what_is_in_memory_at_the_end_is_lost_and_said(shop: Workshop, black_hole: int) -> None:
    shop.write("tracing.toml", CONFIG + '[spool]\njournal = false\n[export]\nexit_budget = "200ms"\n')
    environ = {"OTLP_ENDPOINT": f"http://127.0.0.1:{black_hole}"}
    done = shop.run("erni-run", "python", "main.py", environ=environ)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"erni-run: 700 spans could not be delivered to http://127.0.0.1:{black_hole}")
    assert standing(shop) == {}


def test_files_are_for_this_user_alone(shop: Workshop) -> None:
    shop.write("main.py", PROGRAM.format(count=1) + "import os; os.kill(os.getpid(), 9)\n")
    shop.run("erni-run", "python", "main.py", environ={"OTLP_ENDPOINT": "http://127.0.0.1:1/?key=hush"})
    state = shop.folder / "home/.local/state/erni-run"
    paths = [state, *state.rglob("*")]
    assert len(paths) > 4
    for path in paths:
        assert path.stat().st_mode & 0o077 == 0, path
        assert "hush" not in str(path)
        assert path.is_dir() or b"hush" not in path.read_bytes()


def test_protocol_none_and_console(shop: Workshop) -> None:
    shop.write("main.py", PROGRAM.format(count=1))
    assert shop.run("erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "none"}).stderr == ""
    console = shop.run("erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "console"})
    assert console.stdout == ""
    (line,) = console.stderr.splitlines()
    assert '"name": "work"' in line


def test_what_prints_spans_is_not_traced_itself(shop: Workshop) -> None:
    shop.write("tracing.toml", '[[span]]\ntarget = "json*:*"\n\n[[span]]\ntarget = "json*:*.*"\n')
    shop.write("main.py", "import json, json.encoder; json.dumps({'a': 1}, indent=1)")
    done = shop.run("erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "console"})
    names = [json.loads(line)["name"] for line in done.stderr.splitlines()]
    assert (names[-1], names.count("dumps"), done.returncode) == ("dumps", 1, 0)


def test_traced_handlers_of_a_fork_record_for_the_child(shop: Workshop, collector: Collector) -> None:
    """Those of the standard library run before any that is registered with the first span."""
    shop.write("tracing.toml", CONFIG + '[[span]]\ntarget = "random:Random.seed"\n')
    program = """
    import os, random, shop
    shop.work()
    for _ in range(20):
        pid = os.fork()
        for _ in range(50):
            shop.work()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
    """
    shop.write("main.py", program)
    done = shop.run("erni-run", "python", "-W", "ignore", "main.py", environ=collector.environment("http/protobuf"))
    assert (done.returncode, done.stderr) == (0, "")
    drain(shop, collector)
    assert Counter(span.name for span in collector.spans) == {"work": 1 + 20 * 100, "Random.seed": 20}
    assert set(ids(collector).values()) == {1}


def test_signal_that_reaches_a_child_at_once_does_not_touch_the_parents_journal(
    shop: Workshop, collector: Collector
) -> None:
    program = """
    import os, shop, signal, time
    handled = []
    def handle(*_):
        for _ in range(20): shop.work()
        handled.append(True)
    signal.signal(signal.SIGUSR1, handle)
    shop.work()
    for number in range(100):
        pid = os.fork()
        if not pid:
            while not handled: time.sleep(0.001)
            os._exit(0)
        until = time.perf_counter() + number % 20 * 0.00004
        while time.perf_counter() < until: pass
        os.kill(pid, signal.SIGUSR1)
        shop.work()
        os.waitpid(pid, 0)
    """
    shop.write("main.py", program)
    done = shop.run("erni-run", "python", "-W", "ignore", "main.py", environ=collector.environment("http/protobuf"))
    assert (done.returncode, done.stderr) == (0, "")
    drain(shop, collector)
    assert set(ids(collector).values()) == {1}
    per_process = Counter(span.resource["process.pid"] for span in collector.spans)
    assert sorted(per_process.values()) == [20] * 100 + [101]
