"""At the end of a process each call is made, whatever the others raise."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import Workshop

PROGRAM = """
import atexit, signal
from erni_run.inside.ending import at_end

def raising(error):
    raise error

def interrupted():
    signal.signal(signal.SIGUSR1, lambda *_: raising(SystemExit("handler")))
    signal.raise_signal(signal.SIGUSR1)

at_end(lambda: print("last"))
at_end({call})
at_end(lambda: print("middle"))
at_end({call})
at_end(lambda: print("first"))
print("end")
"""
CALLS = {
    "an error": ('lambda: raising(OSError("gone"))', ["erni-run: at the end of the process: OSError: gone"]),
    "a signal's handler": ("interrupted", ["SystemExit: handler"]),
}


@pytest.mark.parametrize("case", CALLS)
def test_call_that_raises_stops_no_other(workshop: Workshop, case: str) -> None:
    call, said = CALLS[case]
    done = workshop.run(sys.executable, "-c", PROGRAM.format(call=call))
    assert done.stdout.split() == ["end", "first", "middle", "last"]
    assert done.returncode == 0
    assert [line for line in said if line not in done.stderr.splitlines()] == [], done.stderr
