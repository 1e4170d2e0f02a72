"""Our own channel: one line at a time on the process's standard error, never through logging or sys.stderr.

The application may have replaced sys.stderr, configured logging or closed either; none of that is ours to touch.
"""

import os

from erni_run.inside.descriptor import Descriptor
from erni_run.inside.ourselves import is_to_be_raised
from erni_run.printable import printable

_said: "set[str]" = set()


_standard_error = Descriptor(2)


def say(line: str) -> None:
    """``write`` the printable part of ``line``, with our name before it.

    An application that has closed 2 may have opened a file of its own there; that is not ours to write into.
    """
    if _standard_error.is_ours:
        write(f"erni-run: {printable(line)}")


def write(line: str) -> None:
    """Write ``line`` to file descriptor 2, in one piece. Fails in silence: there is nobody left to tell."""
    try:
        os.write(2, f"{line}\n".encode("utf-8", "replace"))
    except OSError:
        return


def say_once(line: str) -> None:
    """``say``, unless this process has said the very same before."""
    if line not in _said:
        _said.add(line)
        say(line)


def describe(error: BaseException) -> str:
    """``error`` in one line, whatever its ``str`` does."""
    try:
        text = " ".join(str(error).split())
    except BaseException as problem:  # an exception whose __str__ raises, whatever that is, is still to be reported
        if is_to_be_raised(problem):
            raise
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
