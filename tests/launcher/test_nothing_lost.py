"""Every span that has ended arrives, however its process ends: compared id by id, over both protocols.

The programs write down each span that has ended, past everything that is tested here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.collector import Collector
from tests.launcher.store import HTTP, PROTOCOLS, UVICORN, Store, sell_at
from tests.launcher.test_children import free_port
from tests.servers import Gate

TASKS = """
    import celery, shop

    queue = celery.Celery("tasks", broker="filesystem://")
    folders = dict.fromkeys(("data_folder_in", "data_folder_out", "control_folder"), "queue")
    queue.conf.update(broker_transport_options=folders, task_ignore_result=True)

    @queue.task
    def sell():
        shop.sell()
"""


@dataclass(frozen=True)
class Death:
    """``program`` makes ``spans`` and comes to its end with ``status``, with each of ``protocols``."""

    program: str
    spans: int = 100
    status: int = 0
    protocols: tuple[str, ...] = PROTOCOLS


DEATHS = {
    "the end": Death("shop.sell()"),
    "an exit status": Death("shop.sell(); sys.exit(3)", status=3, protocols=HTTP),
    "os._exit": Death("shop.sell(); os._exit(4)", status=4, protocols=HTTP),
    "SIGTERM": Death("shop.sell(); die(signal.SIGTERM)", status=-signal.SIGTERM),
    "SIGHUP": Death("shop.sell(); die(signal.SIGHUP)", status=-signal.SIGHUP, protocols=HTTP),
    "SIGKILL": Death("shop.sell(); die(signal.SIGKILL)", status=-signal.SIGKILL),
    "SIGSEGV": Death("shop.sell(); import ctypes; ctypes.string_at(0)", status=-signal.SIGSEGV, protocols=HTTP),
    "abort": Death("shop.sell(); os.abort()", status=-signal.SIGABRT, protocols=HTTP),
    "execv": Death("shop.sell()\nif len(sys.argv) == 1: again()", 200, protocols=HTTP),
    "threads and SIGKILL": Death("threads(5); die(signal.SIGKILL)", 500, -signal.SIGKILL, protocols=HTTP),
    "fork and os._exit": Death("shop.sell()\nchild = os.fork()\nshop.sell()\nend(child)", 300),
    "fork before the first span": Death("child = os.fork()\nshop.sell()\nend(child)", 200),
    "SIGKILL in a child": Death("shop.sell()\nchild = os.fork()\nshop.sell()\nend(child, signal.SIGKILL)", 300),
    **{f"multiprocessing, {method}": Death(f"children({method!r})", 400) for method in ("fork", "spawn", "forkserver")},
}
PRELUDE = """
import os, resource, signal, sys, threading
import shop
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the suite under nohup ignores it

def die(number): os.kill(os.getpid(), number)
def again(): os.execv(sys.executable, ["python", *sys.argv, "again"])

def end(child, number=0):
    if child == 0: die(number) or os._exit(0)
    os.waitpid(child, 0)

def threads(count):
    sellers = [threading.Thread(target=shop.sell) for _ in range(count)]
    for seller in sellers: seller.start()
    for seller in sellers: seller.join()

def children(method):
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    context = multiprocessing.get_context(method)
    shop.sell()
    child = context.Process(target=shop.sell)
    child.start(); child.join()
    with context.Pool(1) as pool: pool.apply(shop.sell)
    with ProcessPoolExecutor(1, mp_context=context) as pool: pool.submit(shop.sell).result()

if __name__ == "__main__":
"""


@dataclass
class Graveyard:
    """Programs that have come to their ends, side by side with one spool; ``statuses`` are their exit statuses."""

    store: Store
    statuses: dict[str, int]


@pytest.fixture(scope="module")
def graveyards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Graveyard]]:
    """One for each protocol."""
    with Collector() as collector, Collector() as another:
        yield {
            protocol: bury(Store(tmp_path_factory.mktemp("graveyard"), takes, protocol), protocol)
            for takes, protocol in zip((collector, another), PROTOCOLS, strict=True)
        }


def bury(store: Store, protocol: str) -> Graveyard:
    running = {}
    for number, name in enumerate(name for name, death in DEATHS.items() if protocol in death.protocols):
        program = f"main{number}.py"
        store.workshop.write(program, PRELUDE + textwrap.indent(DEATHS[name].program, "    "))
        command = ("erni-run", "python", "-W", "ignore", program)
        said = (store.workshop.folder / f"said by {name}").open("w")
        running[name] = store.start(*command, ended=name, stdout=subprocess.DEVNULL, stderr=said)
    statuses = {name: process.wait(60) for name, process in running.items()}
    store.drain()
    return Graveyard(store, statuses)


@pytest.mark.parametrize(("name", "protocol"), [(name, kind) for name in DEATHS for kind in DEATHS[name].protocols])
def test_spans_outlive_their_process(graveyards: dict[str, Graveyard], name: str, protocol: str) -> None:
    graveyard = graveyards[protocol]
    assert graveyard.statuses[name] == DEATHS[name].status
    ended = graveyard.store.ended(name)
    assert len(ended) == DEATHS[name].spans
    assert not ended - graveyard.store.arrived()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_all_is_accounted_for(graveyards: dict[str, Graveyard], protocol: str) -> None:
    store = graveyards[protocol].store
    ended = sum(DEATHS[name].spans for name in graveyards[protocol].statuses)
    assert store.standing() == {"delivered": ended}
    assert len(store.arrived()) == ended


def has_namespaces() -> bool:
    return subprocess.run(["unshare", "--pid", "--fork", "true"], check=False, capture_output=True).returncode == 0


GUNICORN = ("erni-run", "gunicorn", "shop:wsgi", "--bind", "127.0.0.1:{port}", "--workers", "2")
UWSGI = ("--wsgi", "shop:wsgi", "--master", "--processes", "2", "--die-on-term")
SERVERS = {
    "uvicorn": UVICORN,
    "uvicorn with workers": (*UVICORN, "--workers", "2"),
    "uvicorn with reload": (*UVICORN, "--reload"),
    "uvicorn as PID 1": ("unshare", "--pid", "--fork", *UVICORN),
    "gunicorn": GUNICORN,
    "gunicorn preloaded": (*GUNICORN, "--preload"),
    # a worker that is told to stop while it starts does not, untraced either
    "gunicorn with greenlets": (*GUNICORN, "--worker-class", "gevent", "--graceful-timeout", "2"),
    "hypercorn": ("erni-run", "hypercorn", "shop:asgi", "--bind", "127.0.0.1:{port}", "--workers", "2"),
    "a shell that stays": ("erni-run", "sh", "-c", "trap true TERM; uvicorn shop:asgi --port {port}; exit 3"),
}
if find_spec("pyuwsgi") is not None:  # it has no wheel for the newest Python
    SERVERS["uWSGI"] = ("erni-run", "uwsgi", "--http-socket", "127.0.0.1:{port}", *UWSGI)
TERM, KILL = signal.SIGTERM, signal.SIGKILL
RUNS = [
    *((name, PROTOCOLS[number % 2], TERM) for number, name in enumerate(SERVERS)),
    ("uvicorn", PROTOCOLS[1], TERM),
    ("uvicorn with workers", PROTOCOLS[0], KILL),
    ("gunicorn preloaded", PROTOCOLS[1], KILL),
]


@pytest.mark.parametrize(("server", "protocol", "number"), RUNS)
def test_server_that_is_stopped_leaves_nothing_behind(store: Store, server: str, number: int) -> None:
    if "unshare" in SERVERS[server] and not has_namespaces():
        pytest.skip("this machine does not permit PID namespaces")
    port = free_port()
    command = [word.format(port=port) for word in SERVERS[server]]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    with store.start(*command, **streams) as process:
        try:
            for _ in range(4):
                sell_at(port)
            if number == signal.SIGKILL or "sh" in command:
                os.killpg(process.pid, number)
            else:
                os.kill(_child(process.pid) if "unshare" in command else process.pid, number)
            process.wait(30)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    store.check(400)


def _child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest.mark.parametrize("protocol", PROTOCOLS[:1])
def test_celery_worker_that_serves_one_task_loses_no_span(store: Store) -> None:
    store.workshop.write("tasks.py", TASKS)
    (store.workshop.folder / "queue").mkdir()
    sending = "import tasks\nfor _ in range(3): tasks.sell.delay()"
    assert store.workshop.run("python", "-c", sending, environ={"PYTHONPATH": str(store.workshop.folder)}).stderr == ""
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    worker = ("erni-run", "celery", "-A", "tasks:queue", "worker", "-c", "1", "--max-tasks-per-child", "1", *quiet)
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with store.start(*worker, **streams) as process:
        try:
            deadline = time.monotonic() + 60
            while len(store.ended()) < 300:
                assert time.monotonic() < deadline, f"only {len(store.ended())} spans"
                time.sleep(0.05)
        finally:
            process.terminate()
            process.wait(30)
    store.check(300)


def run(store: Store, program: str) -> None:
    store.workshop.write("main.py", program)
    with store.start("erni-run", sys.executable, "main.py") as process:
        out, _ = process.communicate(timeout=30)
        assert (out, process.returncode) == ("", 0)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_program_ends_while_its_collector_hangs_and_a_later_one_delivers(store: Store, gate: Gate) -> None:
    run(store, "import shop; shop.sell()")
    assert store.standing() == {"pending": 100}
    assert not store.collector.spans
    gate.is_open = True
    run(store, "import shop; shop.sell()")
    store.check(200)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_lost_answer_brings_spans_twice_and_loses_none(store: Store, gate: Gate) -> None:
    gate.is_mute = True
    run(store, "import shop; shop.sell()")
    assert store.standing() == {"pending": 100}
    gate.is_open = True
    store.drain()
    assert store.arrived() == store.ended()
    assert store.standing() == {"delivered": 100}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_program_that_flushes_before_it_is_frozen_has_delivered(store: Store) -> None:
    """As functions of a cloud do, whose process may never run again."""
    program = "from opentelemetry import trace; import os, shop; shop.sell()"
    run(store, f"{program}; assert trace.get_tracer_provider().force_flush(20_000); os._exit(0)")
    assert store.arrived() == store.ended()
    assert len(store.ended()) == 100
