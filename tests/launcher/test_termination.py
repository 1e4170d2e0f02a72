"""SIGTERM that the application leaves to its default: what waits is delivered at once, and nobody can tell."""

from __future__ import annotations

import signal
import subprocess
import time
from textwrap import dedent

import pytest

from tests.launcher.store import CONFIG, UVICORN, Store, sell_at
from tests.launcher.test_children import free_port
from tests.servers import Gate

BEGINNING = """
    import os, shop, signal, subprocess, sys, threading, time
    TERM = signal.SIGTERM
"""
SELL_AND_TERMINATE = (
    f"{BEGINNING}    shop.sell()\n    os.kill(os.getpid(), TERM)\n    print('still there', flush=True)\n"
)
MARKS = """
    def marks():
        lines = open("/proc/self/status").read().splitlines()
        return [line for line in lines if line.startswith(("SigIgn", "SigCgt", "SigBlk"))]
"""


def test_server_that_is_stopped_has_delivered(store: Store) -> None:
    """uvicorn ends in order, puts the handler back that it has found and raises the signal again."""
    port = free_port()
    command = [word.format(port=port) for word in UVICORN]
    with store.start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        sell_at(port)
        process.terminate()
        assert process.wait(30) == -signal.SIGTERM
    assert len(store.ended()) == 100
    assert store.arrived() == store.ended()


def run(store: Store, program: str) -> subprocess.CompletedProcess[str]:
    store.workshop.write("program.py", program)
    store.workshop.environ["PYTHONWARNINGS"] = "ignore"  # of a fork beside our threads, from 3.12 on
    with store.start("erni-run", "python", "program.py") as process:
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess("", process.returncode, out, err)


@pytest.mark.parametrize("metrics", ["false", "auto"])
def test_program_that_ends_itself_goes_no_further(store: Store, metrics: str) -> None:
    store.workshop.environ["OTEL_METRICS_EXPORTER"] = "none" if metrics == "false" else "otlp"
    done = run(store, SELL_AND_TERMINATE)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "", "")
    assert store.arrived() == store.ended()
    assert store.standing() == {"delivered": 100}


TELLTALES = {
    "what signal tells": """
        shop.sell()
        print(signal.getsignal(TERM), signal.getsignal(TERM) is signal.SIG_DFL, signal.set_wakeup_fd(-1))
        print(signal.signal(TERM, signal.SIG_IGN) is signal.SIG_DFL, signal.getsignal(TERM))
        print(signal.signal(TERM, signal.SIG_DFL), signal.getsignal(TERM) is signal.SIG_DFL)
        print(signal.signal(TERM, signal.SIG_DFL) is signal.SIG_DFL, signal.signal.__code__.co_filename)
    """,
    "what goes wrong in signal": """
        import traceback
        shop.sell()
        def wrong():
            try:
                signal.signal(TERM, print)
            except ValueError:
                traceback.print_exc()
        thread = threading.Thread(target=wrong)
        thread.start()
        thread.join()
        signal.signal(TERM, "no handler")
    """,
    "what a child is given": """
        shop.sell()
        print(subprocess.run([sys.executable, "-c", MARKS + "print(marks())"], capture_output=True, text=True).stdout)
    """,
    "what the handler of another signal raises": """
        shop.sell()
        signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
        for _ in range(100):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005)
                while True:
                    signal.signal(TERM, signal.SIG_DFL)
            except ZeroDivisionError:
                print("raised")
    """,
    "a handler of the application's": """
        signal.signal(TERM, lambda *_: print("not yet", flush=True))
        shop.sell()
        os.kill(os.getpid(), TERM)
        before = signal.signal(TERM, signal.SIG_DFL)
        os.kill(os.getpid(), TERM)
    """,
    "a signal that is ignored": """
        signal.signal(TERM, signal.SIG_IGN)
        shop.sell()
        os.kill(os.getpid(), TERM)
        print("still there")
    """,
    "a handler in C": """
        import faulthandler
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        faulthandler.register(TERM, open(os.devnull, "w"))
        shop.sell()
        os.kill(os.getpid(), TERM)
        print("still there", faulthandler.unregister(TERM))
    """,
    "a signal that is waited for": """
        shop.sell()
        signal.pthread_sigmask(signal.SIG_BLOCK, {TERM})
        os.kill(os.getpid(), TERM)
        print(signal.sigwait({TERM}), signal.sigpending())
    """,
    "children that are ended at once": """
        import multiprocessing
        shop.sell()
        for method in ("fork", "spawn"):
            child = multiprocessing.get_context(method).Process(target=time.sleep, args=(60,))
            child.start()
            child.terminate()
            child.join()
            print(child.exitcode)
    """,
    "children that sell and are ended": """
        shop.sell()
        for _ in range(20):
            ready, told = os.pipe()
            child = os.fork()
            if child == 0:
                print(signal.getsignal(TERM), flush=True)
                shop.sell()
                os.write(told, b"!")
                while True:
                    signal.pause()
            os.read(ready, 1)
            os.kill(child, TERM)
            print(os.waitpid(child, 0)[1])
    """,
    "a handler that is called without a signal": """
        import _thread
        shop.sell()
        _thread.interrupt_main(TERM)
        print("still there")
    """,
    "a recursion without end": """
        shop.sell()
        left = 0
        def down():
            global left
            try:
                down()
            except RecursionError:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), TERM)
                raise
        for left in range(3, 9):
            child = os.fork()
            if child == 0:
                shop.sell()
                try:
                    down()
                except RecursionError:
                    time.sleep(60)
            print(os.waitpid(child, 0)[1])
    """,
    "a signal that its thread alone does not block": """
        shop.sell()
        blocked = threading.Event()
        def terminate():
            blocked.wait()
            signal.pthread_kill(threading.get_ident(), TERM)
        thread = threading.Thread(target=terminate)
        thread.start()
        signal.pthread_sigmask(signal.SIG_BLOCK, {TERM})
        blocked.set()
        thread.join()
        time.sleep(60)
    """,
    "a fork within a fork": """
        shop.sell()
        def fork(*_):
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
        signal.signal(signal.SIGALRM, fork)
        for number in range(100):
            signal.setitimer(signal.ITIMER_REAL, 0.0001 * (number % 20 + 1))
            fork()
        time.sleep(0.01)
        print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        os.kill(os.getpid(), TERM)
    """,
    "a fork that Python does not know of": """
        import ctypes
        shop.sell()
        for _ in range(20):
            child = ctypes.PyDLL(None).fork()
            if child == 0:
                while True:
                    os.getppid()
            time.sleep(0.002)
            os.kill(child, TERM)
            os.kill(child, TERM)
            print(os.waitpid(child, 0)[1])
        time.sleep(1.2)  # longer than it takes until we have looked twice
        print("still there")
    """,
    "a storm": """
        shop.sell()
        print("ready", flush=True)
        storm = subprocess.Popen(["sh", "-c", f"while kill {os.getpid()}; do :; done"], stdout=-3, stderr=-3)
        while True:
            list(i for i in range(100))
    """,
    "what signal.signal may be": """
        import unittest.mock
        signal.signal = unittest.mock.Mock()
        shop.sell()
        print("sold")
    """,
}


@pytest.mark.parametrize("telltale", TELLTALES)
def test_nobody_can_tell(store: Store, telltale: str) -> None:
    marks = f"MARKS = {dedent(MARKS)!r}\nexec(MARKS)\n"
    store.workshop.write("program.py", dedent(BEGINNING) + marks + dedent(TELLTALES[telltale]))
    store.workshop.environ["PYTHONWARNINGS"] = "ignore"  # of a fork beside our threads, from 3.12 on
    outcomes = []
    for command in (("python", "program.py"), ("erni-run", "python", "program.py")):
        with store.start(*command, ended=command[0]) as process:
            out, err = process.communicate(timeout=60)
            outcomes.append((out, err, process.returncode))
    assert outcomes[1] == outcomes[0]
    store.drain()
    assert store.arrived() == store.ended("erni-run")


IN_C = f"""{BEGINNING}
    import hashlib
    shop.sell()
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 30)
    print("C code has come to its end")
"""


def test_death_does_not_wait_for_code_in_c(store: Store) -> None:
    store.workshop.write("program.py", IN_C)
    with store.start("erni-run", "python", "program.py") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == -signal.SIGTERM
    assert store.arrived() == store.ended()


def test_death_does_not_wait_for_a_collector_that_hangs(store: Store, gate: Gate) -> None:
    done = run(store, SELL_AND_TERMINATE)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
    gate.is_open = True
    store.check(100)


HOLDS_OUR_LOCK = f"""{BEGINNING}
    from erni_run.inside.activate import current_plan
    from opentelemetry import trace
    shop.sell()
    courier = trace.get_tracer_provider().started()._deliver.__self__._courier
    with courier.lock:
        os.kill(os.getpid(), TERM)
        print("still there")
"""


def test_death_does_not_wait_for_a_lock_that_the_main_thread_holds(store: Store) -> None:
    done = run(store, HOLDS_OUR_LOCK)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
    store.check(100)


SECOND = f"""{BEGINNING}
    shop.sell()
    threading.Thread(target=lambda: [time.sleep(0.01), [os.kill(os.getpid(), TERM) for _ in range(100)]]).start()
    os.kill(os.getpid(), TERM)
"""


def test_second_signal_waits_for_nothing(store: Store, gate: Gate) -> None:
    store.workshop.write("tracing.toml", f'[export]\nexit_budget = "1h"\ntimeout = "1h"\n{CONFIG}')
    assert run(store, SECOND).returncode == -signal.SIGTERM


def test_second_signal_from_elsewhere_waits_for_nothing(store: Store, gate: Gate) -> None:
    store.workshop.write("tracing.toml", f'[export]\nexit_budget = "1h"\ntimeout = "1h"\n{CONFIG}')
    store.workshop.write(
        "program.py", f"{BEGINNING}\n    shop.sell()\n    print('ready', flush=True)\n    signal.pause()\n"
    )
    with store.start("erni-run", "python", "program.py") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        while process.poll() is None:
            process.terminate()
            time.sleep(0.05)
    assert process.returncode == -signal.SIGTERM


def test_parent_does_not_die_of_what_its_children_are_sent(store: Store) -> None:
    done = run(
        store,
        f"""{BEGINNING}
    shop.sell()
    for _ in range(300):
        child = os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ) if _ % 3 == 0 else os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        os.kill(child, TERM)
        assert os.waitpid(child, 0)[1] == TERM, _
    time.sleep(1.2)  # longer than it takes until we have looked at the note twice
    print("still there")
    """,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "still there\n", "")
