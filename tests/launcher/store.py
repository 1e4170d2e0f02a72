"""A shop whose every sale is a span, and what has become of them.

The programs write down each span that has ended, past everything that is tested here.
"""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections import Counter
from pathlib import Path

from erni_run.inside.delivery.survey import survey

from tests.collector import Collector
from tests.conftest import Workshop

PROTOCOLS = ("grpc", "http/protobuf")
HTTP = PROTOCOLS[1:]
CONFIG = '[[span]]\ntarget = "shop:work"\n'
SHOP = """
    import os
    from opentelemetry import trace

    def work():
        return trace.get_current_span().get_span_context().span_id

    def sell(count=100):
        ended = os.open(os.environ["ENDED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for _ in range(count):
            os.write(ended, b"%016x\\n" % work())
        os.close(ended)

    async def asgi(scope, receive, send):
        if scope["type"] == "http":
            sell()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

    def wsgi(environ, start_response):
        sell()
        start_response("200 OK", [])
        return [str(os.getpid()).encode()]
"""
UVICORN = ("erni-run", "uvicorn", "shop:asgi", "--port", "{port}")


class Store:
    """A workshop whose programs sell, and what has become of their spans."""

    def __init__(self, folder: Path, collector: Collector, protocol: str) -> None:
        self.workshop = Workshop(folder)
        self.collector = collector
        self.workshop.write("shop.py", SHOP)
        self.workshop.write("tracing.toml", CONFIG)
        self.workshop.environ |= {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment(protocol)}

    def start(self, *command: str, ended: str = "ended", **options: object) -> subprocess.Popen[str]:
        environ = {"ENDED": str(self.workshop.folder / ended), "PYTHONPATH": str(self.workshop.folder)}
        return self.workshop.start(*command, environ=environ, **options)

    def drain(self) -> None:
        done = self.workshop.run("erni-run", "drain", "--timeout", "30s")
        assert done.returncode == 0, done.stdout + done.stderr

    def ended(self, name: str = "ended") -> set[str]:
        file = self.workshop.folder / name
        return set(file.read_text().split()) if file.exists() else set()

    def arrived(self) -> set[str]:
        """Some may have come twice: a collector that answers too late has what we send again."""
        return {span.span_id for span in self.collector.spans}

    def standing(self) -> dict[str, int]:
        """What the spool tells of the spans, without what is 0."""
        figures: Counter[str] = Counter()
        for found in survey(str(self.workshop.folder / "home/.local/state/erni-run")):
            figures["delivered"] += found.tally.delivered
            figures["rejected"] += sum(found.tally.rejected.values())
            figures["dropped"] += sum(found.tally.dropped.values())
            figures["pending"] += found.pending
        return dict(+figures)

    def check(self, spans: int) -> None:
        """All that ended have arrived; the counters know of as many."""
        self.drain()
        assert len(self.ended()) == spans
        assert self.arrived() == self.ended()
        assert self.standing() == {"delivered": spans}


def sell_at(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as response:
                response.read()
                return
        except OSError:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
