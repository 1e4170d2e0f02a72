"""Connections of ours in a process that closes descriptors, runs out of them, forks, becomes another program or another
user; and what of ours, and of libraries, is not in it.
"""

from __future__ import annotations

import os
import signal
import socket

import pytest

from tests.collector import Collector
from tests.conftest import Workshop

PROTOCOLS = pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    workshop.write("shop.py", "def work(): return 1\n")
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:work"\n')
    workshop.environ["OTEL_TRACES_EXPORTER"] = "otlp"
    return workshop


CLOSING = """
import os, socket, sys
import shop

shop.work()
print("worked", flush=True)
sys.stdin.readline()
os.closerange(3, 256)
pairs = [socket.socketpair() for _ in range(15)]
files = [open(f"own{number}", "w+b", buffering=0) for number in range(15)]
identities = [os.fstat(file.fileno()).st_ino for file in files]
shop.work()
print("worked", flush=True)
sys.stdin.readline()
for ours, theirs in pairs:
    for end in (ours, theirs):
        end.setblocking(False)
        try:
            print("read", end.recv(100))
        except BlockingIOError:
            pass
    ours.send(b"x")
    assert theirs.recv(1) == b"x"
for file, identity in zip(files, identities):
    assert (os.fstat(file.fileno()).st_ino, os.fstat(file.fileno()).st_size) == (identity, 0)
print("untouched", flush=True)
"""


@PROTOCOLS
def test_descriptors_that_the_application_has_taken_over_are_its_own(
    shop: Workshop, collector: Collector, protocol: str
) -> None:
    """It closes all numbers while our connection is idle, and gets them for sockets and files of its own."""
    shop.write("main.py", CLOSING)
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=hush", **collector.environment(protocol)}
    with shop.start("erni-run", "python", "main.py", environ=environ, stdin=-1) as process:
        assert process.stdin is not None
        for count in (1, 2):
            collector.wait_for(lambda spans, count=count: len({span.span_id for span in spans}) == count)  # type: ignore[misc]  # bound at once
            process.stdin.write("\n")
            process.stdin.flush()
        out, err = process.communicate()
    assert (out, process.returncode) == ("worked\nworked\nuntouched\n", 0), err
    assert "hush" not in err


CROWDED = """
import os, resource, sys
import shop

limit = len(os.listdir("/proc/self/fd")) - 1 + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
print(shop.work())
"""


@PROTOCOLS
@pytest.mark.parametrize("more", [0, 3, 4, 5])
def test_process_near_its_limit_of_descriptors_goes_on(
    shop: Workshop, collector: Collector, protocol: str, more: int
) -> None:
    shop.write("main.py", CROWDED)
    done = shop.run("erni-run", "python", "main.py", str(more), environ=collector.environment(protocol))
    assert (done.stdout, done.returncode) == ("1\n", 0)
    assert "Traceback" not in done.stderr
    assert len(collector.spans) == 1 or "Too many open files" in done.stderr


FORKING = """
import os, sys
import shop

shop.work()
print("worked", flush=True)
sys.stdin.readline()
if child := os.fork():
    os.waitpid(child, 0)
    shop.work()
    print("sockets", sum(os.readlink(f"/proc/self/fd/{fd}").startswith("socket") for fd in os.listdir("/proc/self/fd")
                         if os.path.islink(f"/proc/self/fd/{fd}")), flush=True)
    listing = "import os; print('inherited', len(os.listdir('/proc/self/fd')) - 1)"
    os.execvp("erni-run", ["erni-run", "python", "-c", listing])
shop.work()
sys.exit()
"""


@PROTOCOLS
def test_connections_stay_with_their_process(shop: Workshop, collector: Collector, protocol: str) -> None:
    """A forked child has its own, and another program that the process becomes has none."""
    shop.write("main.py", FORKING)
    environ = collector.environment(protocol)
    with shop.start("erni-run", "python", "main.py", environ=environ, stdin=-1) as process:
        collector.wait_for(lambda spans: len(spans) == 1)
        out, err = process.communicate("\n")
    assert (out.splitlines()[-1], process.returncode) == ("inherited 3", 0), err
    spans = collector.wait_for(lambda spans: len(spans) >= 2)
    assert len({span.span_id for span in spans}) == len(spans)


FREE = """
import sys
import shop

shop.work()
print("worked", flush=True)
sys.stdin.readline()
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"grpc", "google", "h2", "hpack", "requests", "urllib3"}),
      sorted(name for name in sys.modules if name.startswith(("opentelemetry.proto", "opentelemetry.exporter"))),
      "http.client" in sys.modules)
"""


@PROTOCOLS
def test_neither_grpcio_nor_protobuf_is_loaded(shop: Workshop, collector: Collector, protocol: str) -> None:
    """Metrics are on and have been sent, and a partial success has been read."""
    shop.write("tracing.toml", '[[span]]\ntarget = "shop:work"\n[metrics]\nenabled = true\nevery = "10ms"\n')
    shop.write("main.py", FREE)
    with shop.start("erni-run", "python", "main.py", environ=collector.environment(protocol), stdin=-1) as process:
        collector.wait_for(lambda spans: len(spans) == 1)
        out, err = process.communicate("\n")
    assert (out, err) == (f"worked\n[] [] {protocol != 'grpc'}\n", "")


TALKATIVE = """
import logging, sys
import shop

logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
shop.work()
sys.stdin.readline()
import hpack

hpack.Encoder().encode([("x", "1")])
"""


def test_what_hpack_logs_of_our_headers_is_not_in_the_applications_log(shop: Workshop, collector: Collector) -> None:
    shop.write("main.py", TALKATIVE)
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=hush", **collector.environment("grpc")}
    with shop.start("erni-run", "python", "main.py", environ=environ, stdin=-1) as process:
        collector.wait_for(lambda spans: len(spans) == 1)
        out, err = process.communicate("\n")
    assert "hush" not in out + err
    assert all(line.startswith("DEBUG:hpack.") for line in out.splitlines()), out
    assert "Adding b'x'=b'1'" in out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@PROTOCOLS
def test_process_that_becomes_another_user_goes_on(shop: Workshop, collector: Collector, protocol: str) -> None:
    """Before what sends spans has been imported, which that user may not be allowed to read."""
    shop.write(
        "main.py",
        """
        import os
        import shop

        shop.work()
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        print(shop.work())
        """,
    )
    done = shop.run("erni-run", "python", "main.py", environ=collector.environment(protocol))
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


def test_development_mode_warns_of_nothing(shop: Workshop, collector: Collector) -> None:
    """ResourceWarning, for one, of a socket that is never closed."""
    shop.write(
        "main.py", "import gc, os, shop\nshop.work()\nif not os.fork(): shop.work(); gc.collect(); raise SystemExit\n"
    )
    for protocol in ("grpc", "http/protobuf"):
        command = ("erni-run", "python", "-X", "dev", "-W", "error::ResourceWarning", "main.py")
        done = shop.run(*command, environ=collector.environment(protocol))
        assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@PROTOCOLS
def test_greenlets_go_on_while_a_collector_says_nothing(shop: Workshop, protocol: str) -> None:
    """Whoever waits for an answer waits as gevent does."""
    shop.write("tracing.toml", '[export]\ntimeout = "60s"\n[[span]]\ntarget = "shop:work"\n')
    shop.write(
        "main.py",
        """
        from gevent import monkey

        monkey.patch_all()
        import gevent, os, signal
        import shop

        shop.work()
        while not os.path.exists("asked"):
            gevent.sleep(0.01)
        gevent.sleep(0.01)
        print("going on", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        with shop.start("erni-run", "python", "main.py", environ=environ) as process:
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(1)
                shop.write("asked", "")
                out, err = process.communicate()
    assert (out, err, process.returncode) == ("going on\n", "", -signal.SIGKILL)
