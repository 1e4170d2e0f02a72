"""What is done when the process ends: after all that the application does at its end.

atexit calls the latest first. This file is imported when the process starts, so what it registers is called last, and
spans of the application's own atexit functions are still recorded and delivered.
"""

from __future__ import annotations

import atexit
import sys

from erni_run.inside.notice import describe, say_once
from erni_run.inside.ourselves import is_to_be_raised

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_calls: list[Callable[[], object]] = []


def at_end(call: Callable[[], object]) -> None:
    """Call ``call`` when the process ends; the latest first, as atexit does, and whatever the others raise."""
    _calls.append(call)


def _end() -> None:
    try:
        _call_all()
    finally:
        if getattr(sys, "last_type", None) is KeyboardInterrupt:
            _die_of_interrupt()


def _call_all() -> None:
    try:
        while _calls:
            _call(_calls.pop())
    finally:  # what a signal handler raises stops no other call either
        if _calls:
            _call_all()


def _call(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception as error:
        if is_to_be_raised(error):
            raise
        say_once(f"at the end of the process: {describe(error)}")


def _die_of_interrupt() -> None:
    """CPython ends an interrupted program by SIGINT if the last code run from source has ended in KeyboardInterrupt.
    What we have imported meanwhile has run some (namedtuple and dataclass do): let the last be interrupted again.
    """
    try:
        exec("raise KeyboardInterrupt")  # noqa: S102  # the point is that it is run from source
    except KeyboardInterrupt:
        return


atexit.register(_end)
