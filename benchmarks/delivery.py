"""What delivery costs: CPU time of whole processes and of whoever ends a span, the slowest of a hundred beside a busy
thread, and memory. Each process is compared with the bare one, in turn; the collector is a real one in this process.

The bounds in microseconds are meant for a machine on which the SDK takes 43 µs to encode a span; shares of what it
takes here depend less on the machine.

    python -m benchmarks.delivery [ROUNDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from erni_run.viewer.receive import Receiver
from erni_run.viewer.span import Span

from benchmarks.handoffs import ATTRIBUTES, CAPTURED

ROOT = Path(__file__).resolve().parent.parent
SDK = 43  # microseconds, where the bounds come from
PROTOCOLS = ("http/protobuf", "grpc")
CONFIG = f"""
[[span]]
target     = "benchmarks.targets:handoff"
attributes = {{ {", ".join(f"{name} = {value!r}" for name, value in ATTRIBUTES.items())} }}
capture    = {{ "{CAPTURED}" = "photo_id" }}
[metrics]
enabled = "false"
"""


class Figures(Receiver):
    """Asks processes whose spans it receives, and prints what must hold."""

    def __init__(self, folder: Path) -> None:
        super().__init__(self._count)
        self._arrived = 0
        (folder / "tracing.toml").write_text(CONFIG, encoding="utf-8")
        self._start = [str(Path(sys.executable).parent / "erni-run"), "--config", str(folder / "tracing.toml")]
        self._environ = {
            **os.environ,
            "ERNI_SPOOL_DIR": str(folder / "spool"),
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip",
            "PYTHONPATH": str(ROOT),
        }
        self.held = True

    def _count(self, spans: list[Span]) -> None:
        self._arrived += len(spans)

    def ask(self, mode: str, question: str, protocol: str = "http/protobuf") -> float:
        """What a process of ``mode`` answers to ``question``."""
        endpoint = self.grpc_endpoint if protocol == "grpc" else self.http_endpoint
        environ = {
            **self._environ,
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": protocol,
        }
        command = [
            *(self._start if mode == "traced" else ()),
            sys.executable,
            "-m",
            "benchmarks.handoffs",
            mode,
            question,
        ]
        before = self._arrived
        done = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=True)
        if mode != "bare" and self._arrived == before:
            raise SystemExit(f"{mode}: {question}: no span has arrived")
        return float(done.stdout)

    def show(self, name: str, figure: float, unit: str, bound: float | None = None) -> None:
        """A line of the result, with whether ``bound``, the most that may be, holds."""
        verdict = ""
        if bound is not None:
            holds = figure <= bound
            self.held = self.held and holds
            verdict = f"at most {bound:.3g}: {'holds' if holds else 'DOES NOT HOLD'}"
        print(f"{name:52} {figure:8.3f} {unit:5} {verdict}", flush=True)


def main() -> int:
    """Print the figures. Returns 1 if something that must hold does not."""
    rounds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    with tempfile.TemporaryDirectory() as folder, (figures := Figures(Path(folder))):
        ask, show = figures.ask, figures.show
        asked = [[ask("traced", "end"), ask("traced", "late"), ask("bare", "encoded")] for _ in rounds]
        show("a span's end, encoded and in the journal", median(end for end, _, _ in asked), "µs", 4)
        show("share of what the SDK takes to encode it", median(end / sdk for end, _, sdk in asked), "", 4 / SDK)
        show("99 of 100 ends beside a busy thread", median(late for _, late, _ in asked), "µs", 50)
        show("share of what the SDK takes to encode one", median(late / sdk for _, late, sdk in asked), "", 50 / SDK)
        for protocol in PROTOCOLS:
            asked = [[ask(mode, "cpu", protocol) for mode in ("bare", "traced", "sdk")] for _ in rounds]
            show(f"CPU for a delivered span, {protocol}", median(traced - bare for bare, traced, _ in asked), "µs")
            show(f"the SDK's, {protocol}, gzip", median(sdk - bare for bare, _, sdk in asked), "µs")
            share = median((traced - bare) / (sdk - bare) for bare, traced, sdk in asked)
            show(f"share of the SDK's, {protocol}", share, "", 0.25)
        asked = [[ask("traced", question, p) for question in ("first", "wait") for p in PROTOCOLS] for _ in range(9)]
        show("the first span, delivered over HTTP", median(http for http, _, _, _ in asked), "ms")
        show("the first span, delivered over gRPC", median(grpc for _, grpc, _, _ in asked), "ms")
        show("gRPC's in proportion to HTTP's", median(grpc / http for http, grpc, _, _ in asked), "", 1.2)
        show("what the first span holds up its caller", median(wait for _, _, *waits in asked for wait in waits), "ms")
        for question, process, bounds in (
            ("memory", "a web application", (12.0, 20.0)),
            ("small", "a bare script", (None, None)),
        ):
            bare = ask("bare", question)
            after = "delivered" if question == "memory" else "small_delivered"
            http, grpc = ask("traced", after) - bare, ask("traced", after, "grpc") - bare
            show(f"memory of {process}, bare", bare, "MiB")
            show("  traced, before the exporter's libraries", ask("traced", question) - bare, "MiB", bounds[0])
            show("  traced, with HTTP", http, "MiB")
            show("  traced, with gRPC", grpc, "MiB", bounds[1])
            show("  gRPC's above HTTP's", grpc - http, "MiB", 3)
    return int(not figures.held)


if __name__ == "__main__":
    sys.exit(main())
