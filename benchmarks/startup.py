"""What a start costs: CPU time of whole processes, each command in turn with the bare one, in one run.

CPU time is user plus system as the kernel accounts it for the process and its children. Commands alternate, so that a
machine whose speed drifts does so for all; the figure is the median of the differences (or ratios) within each round.

    python benchmarks/startup.py [ROUNDS]
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
PYTHON = str(BIN / "python")
IMPORTS = "import fastapi, aiohttp, redis, sqlalchemy"
AGENCY = "import agency.main"
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Case:
    """``prefix`` before ``program``, compared with the bare program; ``bound`` is what must hold, where something
    must.
    """

    name: str
    program: tuple[str, ...]
    prefix: tuple[str, ...] = ()
    environ: tuple[tuple[str, str], ...] = ()
    bound: float | None = None
    is_ratio: bool = False


PASS = ("-c", "pass")
OFF = (("ENABLE_TRACING", "false"),)
STOCK_OFF = (("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none"), ("OTEL_LOGS_EXPORTER", "none"))
OURS = ("erni-run",)
STOCK = ("opentelemetry-instrument",)
DDTRACE = ("ddtrace-run",)
CASES = (
    Case(name="erni-run, off, python -c pass", program=PASS, prefix=OURS, environ=OFF, bound=25),
    Case(name="erni-run, python -c pass", program=PASS, prefix=OURS, bound=60),
    Case(name="opentelemetry-instrument, python -c pass", program=PASS, prefix=STOCK, environ=STOCK_OFF),
    Case(name="ddtrace-run, python -c pass", program=PASS, prefix=DDTRACE),
    Case(name="erni-run, four libraries", program=("-c", IMPORTS), prefix=OURS, bound=1.15, is_ratio=True),
    Case(
        name="opentelemetry-instrument, four libraries",
        program=("-c", IMPORTS),
        prefix=STOCK,
        environ=STOCK_OFF,
        is_ratio=True,
    ),
    Case(name="ddtrace-run, four libraries", program=("-c", IMPORTS), prefix=DDTRACE, is_ratio=True),
    Case(name="erni-run, the agency", program=("-c", AGENCY), prefix=OURS, is_ratio=True),
)


def cpu(command: list[str], environ: dict[str, str]) -> float:
    """CPU milliseconds of ``command`` and its children."""
    silent = [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawnp(command[0], command, environ, file_actions=silent)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{command} ended with status {status}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def measure(case: Case, rounds: int, environ: dict[str, str]) -> tuple[list[float], list[float]]:
    """CPU milliseconds of the bare program and of the case, round by round, after a round that is not counted."""
    environ = {**environ, **dict(case.environ)}
    bare, with_us = [], []
    for _ in range(rounds + 1):
        bare.append(cpu([PYTHON, *case.program], environ))
        with_us.append(cpu([*case.prefix, PYTHON, *case.program], environ))
    return bare[1:], with_us[1:]


def _verdict(figure: float, bound: float | None) -> str:
    if bound is None:
        return ""
    return f"at most {bound:g}: {'holds' if figure <= bound else 'DOES NOT HOLD'}"


def main() -> int:
    """Print a line a case, and one for the first start after an edit, which validates tracing.toml anew.

    Returns 1 if something that must hold does not.
    """
    held = True
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    os.chdir(ROOT)
    print(f"{'':44} {'bare':>8} {'started':>8}   {'median of pairs':<16} must hold")
    with tempfile.TemporaryDirectory() as cache:
        path = os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        environ = {**os.environ, "PATH": path, "XDG_CACHE_HOME": cache, "PYTHONPATH": str(ROOT)}
        for case in CASES:
            if shutil.which(case.prefix[0], path=path) is None:
                print(f"{case.name:44} not installed")
                continue
            bare, started = measure(case, rounds, environ)
            pairs = [b / a if case.is_ratio else b - a for a, b in zip(bare, started, strict=True)]
            figure = statistics.median(pairs)
            shown = f"{figure:.2f} times" if case.is_ratio else f"+{figure:.1f} ms"
            medians = f"{statistics.median(bare):8.1f} {statistics.median(started):8.1f}"
            print(f"{case.name:44} {medians}   {shown:<16} {_verdict(figure, case.bound)}", flush=True)
            held = held and (case.bound is None or figure <= case.bound)
        first = []
        for _ in range(5):
            shutil.rmtree(Path(cache) / "erni-run", ignore_errors=True)
            first.append(cpu([*OURS, PYTHON, *PASS], environ) - cpu([PYTHON, *PASS], environ))
        print(f"{'erni-run, first start after an edit':44} {'':17}   +{statistics.median(first):.1f} ms")
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
