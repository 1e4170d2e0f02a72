"""Children are traced too: workers, reloaders, spawned and forked processes, with one record for each of them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import pytest

from tests.collector import Collector
from tests.conftest import Workshop

APP = """
    import os

    def answer():
        return str(os.getpid()).encode()

    async def asgi(scope, receive, send):
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer()})

    def wsgi(environ, start_response):
        start_response("200 OK", [])
        return [answer()]
"""

CONFIG = """
    [service]
    name = "children"
    [[span]]
    target = "app:answer"
"""


@pytest.fixture
def app(workshop: Workshop) -> Workshop:
    workshop.write("app.py", APP)
    workshop.write("tracing.toml", CONFIG)
    return workshop


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(port: int, seconds: float = 30) -> str:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
                return response.read().decode()
        except OSError:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)


SERVERS = {
    "uvicorn": ("uvicorn", "app:asgi", "--port", "{port}"),
    "uvicorn with two workers": ("uvicorn", "app:asgi", "--port", "{port}", "--workers", "2"),
    "uvicorn with reload": ("uvicorn", "app:asgi", "--port", "{port}", "--reload"),
    "python -m uvicorn": ("python", "-m", "uvicorn", "app:asgi", "--port", "{port}"),
    "gunicorn prefork": ("gunicorn", "app:wsgi", "--bind", "127.0.0.1:{port}", "--workers", "2"),
    "gunicorn preloaded": ("gunicorn", "app:wsgi", "--bind", "127.0.0.1:{port}", "--workers", "2", "--preload"),
}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_servers_workers_are_traced(app: Workshop, collector: Collector, server: str, protocol: str) -> None:
    port = free_port()
    command = [word.format(port=port) for word in SERVERS[server]]
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment(protocol)}
    streams = {"stdout": (app.folder / "out").open("w"), "stderr": (app.folder / "err").open("w")}
    with app.start("erni-run", *command, environ=environ, **streams) as process:
        try:
            pids = _answering(port, 2 if "2" in command else 1)
            if "--reload" in command:
                pids |= {_answering_after_an_edit(app, port, pids)}
            spans = collector.wait_for(lambda spans: {str(span.resource["process.pid"]) for span in spans} >= pids)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
    assert {str(span.resource["process.pid"]) for span in spans} == pids
    assert {span.resource["service.name"] for span in spans} == {"children"}
    assert len({span.resource["service.instance.id"] for span in spans}) == len(pids)
    assert "erni-run" not in Path(app.folder / "err").read_text()


def _answering(port: int, count: int) -> set[str]:
    """The process ids that answer, as soon as there are ``count`` of them."""
    pids: set[str] = set()
    deadline = time.monotonic() + 60
    while len(pids) < count:
        assert time.monotonic() < deadline, f"only {pids} answer"
        pids.add(get(port))
    return pids


def _answering_after_an_edit(app: Workshop, port: int, before: set[str]) -> str:
    """The id of the process that the reloader starts. It sees no edit before its first look at files: edit again."""
    deadline = time.monotonic() + 60
    edits = 0
    while (pid := get(port)) in before:
        assert time.monotonic() < deadline, "the reloader does not reload"
        edits += 1
        app.write("app.py", f"{APP}    # edit {edits}\n")
        time.sleep(1)
    return pid


DELIVERED = {"OTEL_TRACES_EXPORTER": "otlp"}

CHILDREN = {
    "a spawned process": "multiprocessing.get_context('spawn').Process(target=app.answer)",
    "a forked process": "multiprocessing.get_context('fork').Process(target=app.answer)",
    "a process of a fork server": "multiprocessing.get_context('forkserver').Process(target=app.answer)",
}


@pytest.mark.parametrize("child", CHILDREN)
def test_short_lived_child_delivers_before_it_ends(app: Workshop, collector: Collector, child: str) -> None:
    app.write(
        "main.py",
        f"""
        import multiprocessing, app
        if __name__ == "__main__":
            app.answer()
            process = {CHILDREN[child]}
            process.start()
            process.join()
            print(process.pid, process.exitcode)
        """,
    )
    done = app.run("erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()})
    assert done.stderr == ""
    pid, status = done.stdout.split()
    assert status == "0"
    spans = collector.wait_for(lambda spans: len(spans) >= 2)
    assert [str(span.resource["process.pid"]) == pid for span in spans].count(True) == 1
    assert len(spans) == 2


POOL = """
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("{method}")) as pool:
        pids = set(pool.map(task, range(4)))
"""
PROCESS = """
    process = multiprocessing.get_context("{method}").Process(target=task)
    process.start()
    process.join()
    pids = {{process.pid}}
"""
SILENT_PARENTS = {
    **{
        f"{name} {method}": text.format(method=method)
        for name, text in {"executor": POOL, "process": PROCESS}.items()
        for method in ("fork", "forkserver", "spawn")
    },
    "pool that is terminated": """
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pids = set(pool.map(task, range(4)))
    """,
    "billiard, as Celery has it": """
    import billiard
    pool = billiard.Pool(2)
    pids = set(pool.map(task, range(4)))
    pool.close()
    pool.join()
    """,
    "loky, as joblib has it": """
    import joblib
    pids = set(joblib.Parallel(2)(joblib.delayed(task)(number) for number in range(4)))
    """,
    "forking server": """
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.send(b"%d" % task())
    class Server(socketserver.ForkingMixIn, socketserver.TCPServer):
        pass
    with Server(("127.0.0.1", 0), Handler) as server:
        client = socket.create_connection(server.server_address)
        server.handle_request()
        pids = {int(client.recv(20))}
    """,
    "os._exit": """
    pid = os.fork()
    if pid == 0:
        task()
        os._exit(0)
    os.wait()
    pids = {pid}
    """,
    "interpreters": """
    with concurrent.futures.InterpreterPoolExecutor(2) as pool:
        pids = set(pool.map(work.task, range(4)))
    """,
}


@pytest.mark.parametrize("children", SILENT_PARENTS)
def test_children_of_a_parent_without_spans_deliver_before_it_ends(
    app: Workshop, collector: Collector, children: str
) -> None:
    if children == "interpreters" and sys.version_info < (3, 14):
        pytest.skip("concurrent.interpreters is of 3.14")
    app.write("work.py", "import app\ndef task(number=0): return int(app.answer())")
    app.write(
        "main.py",
        f"""
import concurrent.futures, multiprocessing, os, socket, socketserver, work
from work import task
if __name__ == "__main__":
{textwrap.indent(textwrap.dedent(SILENT_PARENTS[children]), "    ")}
    print(*pids)
""",
    )
    done = app.run("erni-run", "python", "main.py", environ=collector.environment("http/protobuf") | DELIVERED)
    assert (done.stderr, done.returncode) == ("", 0)
    assert {str(span.resource["process.pid"]) for span in collector.spans} == set(done.stdout.split())
    assert list(app.folder.glob("home/**/*.jnl")) == []


@pytest.mark.parametrize("child", ["os.fork() == 0", "True"], ids=["forked", "started"])
def test_exit_without_clean_up_delivers_and_looks_as_ever(app: Workshop, collector: Collector, child: str) -> None:
    app.write(
        "main.py",
        f"""
        import copy, inspect, os, pickle, sys, app
        at_once = os._exit
        if {child}:
            app.answer()
            print(pickle.loads(pickle.dumps(os._exit)) is os._exit, os._exit.__doc__ == at_once.__doc__)
            print(inspect.signature(os._exit) == inspect.signature(at_once), copy.deepcopy(os._exit) is os._exit)
            class Worker:
                leave = os._exit
            try:
                os._exit("7")
            except TypeError as error:
                print(error)
            app.answer()
            sys.stdout.flush()
            Worker().leave(7)
        sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
        """,
    )
    done = app.run("erni-run", "python", "main.py", environ=collector.environment("http/protobuf") | DELIVERED)
    shown = "True True\nTrue True\n'str' object cannot be interpreted as an integer\n"
    assert (done.stdout, done.stderr, done.returncode, len(collector.spans)) == (shown, "", 7, 2)


def test_no_handler_runs_while_an_exit_without_clean_up_delivers(app: Workshop) -> None:
    """The signals come to another thread, which blocks none."""
    app.write(
        "main.py",
        """
        import os, signal, threading, time, app
        signal.signal(signal.SIGUSR1, lambda *_: os._exit(12))
        is_leaving = threading.Event()
        class Status:
            def __index__(self):
                is_leaving.set()
                return 7
        def disturb():
            is_leaving.wait()
            while True:
                time.sleep(0.3)
                signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        threading.Thread(target=disturb, daemon=True).start()
        app.answer()
        os._exit(Status())
        """,
    )
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        environ = {**DELIVERED, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        done = app.run("erni-run", "python", "main.py", environ=environ)
    assert done.stderr.startswith("erni-run: 1 span ("), done.stderr
    assert done.returncode == 7


def test_forked_child_that_leaves_by_exit_delivers(app: Workshop, collector: Collector) -> None:
    app.write(
        "main.py",
        """
        import os, sys, app
        app.answer()
        if os.fork() == 0:
            app.answer()
            sys.exit(0)
        os.wait()
        """,
    )
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    environ["PYTHONWARNINGS"] = "ignore::DeprecationWarning"  # 3.12: of forks with threads, and the sender is one
    done = app.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stderr, done.returncode) == ("", 0)
    spans = collector.wait_for(lambda spans: len(spans) >= 2)
    assert len({span.resource["process.pid"] for span in spans}) == 2


@pytest.mark.parametrize("switch", ["ENABLE_TRACING=false", "ENABLE_TRACING= Off", "OTEL_SDK_DISABLED=TRUE"])
def test_child_that_is_switched_off_loads_nothing_of_ours(app: Workshop, switch: str) -> None:
    child = "import app, sys; app.answer(); print('erni_run' in sys.modules, 'opentelemetry' in sys.modules)"
    done = app.run("erni-run", "env", switch, "python", "-c", child)
    assert done.stdout == "False False\n"


def test_context_in_the_environment_is_the_parent(app: Workshop, collector: Collector) -> None:
    trace_id, span_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    environ = {"OTEL_TRACES_EXPORTER": "otlp", "TRACEPARENT": f"00-{trace_id}-{span_id}-01", **collector.environment()}
    app.run("erni-run", "python", "-c", "import app; app.answer(); app.answer()", environ=environ)
    spans = collector.wait_for(lambda spans: len(spans) == 2)
    assert {(span.trace_id, span.parent_id) for span in spans} == {(trace_id, span_id)}


@pytest.mark.parametrize("flags", ["00", "01"])
def test_parents_sampling_decision_is_followed(app: Workshop, collector: Collector, flags: str) -> None:
    parent = f"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}"
    environ = {"OTEL_TRACES_EXPORTER": "otlp", "TRACEPARENT": parent, **collector.environment()}
    done = app.run("erni-run", "python", "-c", "import app; app.answer()", environ=environ)
    assert (done.stderr, len(collector.spans)) == ("", int(flags))


def test_same_file_works_under_opentelemetrys_own_launcher(app: Workshop, collector: Collector) -> None:
    environ = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SERVICE_NAME": "stock",
        **collector.environment(),
    }
    done = app.run("opentelemetry-instrument", "python", "-c", "import app; app.answer()", environ=environ)
    assert done.returncode == 0
    (span,) = collector.wait_for(lambda spans: len(spans) == 1)
    assert (span.name, span.resource["service.name"]) == ("answer", "stock")
    assert os.sep not in span.name
