"""Our own channel: one line at a time, on the process's standard error or where ERNI_RUN_MESSAGES says, never through
logging or sys.stderr.

The application may have replaced sys.stderr, configured logging or closed either; none of that is ours to touch.
"""

import os
import stat
import time

from erni_run.inside.descriptor import Descriptor
from erni_run.inside.ourselves import is_to_be_raised
from erni_run.printable import printable

_INTERVAL = 60.0  # seconds between two lines of a kind
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

_place = os.environ.get("ERNI_RUN_MESSAGES", "")
_standard_error = Descriptor(2)
_said: "set[str]" = set()
_last: "dict[str, tuple[float, str]]" = {}  # by kind


def say(line: str) -> None:
    """Write the printable part of ``line``, with our name before it, to the place of our messages: standard error,
    nowhere ("off"), or a file whose absolute path ERNI_RUN_MESSAGES gives. Fails in silence: there is nobody to tell.
    """
    text = f"erni-run: {printable(line)}"
    if os.path.isabs(_place):
        _append(text)
    elif _place != "off":
        write(text)


def write(line: str) -> None:
    """Write ``line`` to file descriptor 2, in one piece. Fails in silence.

    An application that has closed 2 may have opened a file of its own there; that is not ours to write into.
    """
    try:
        os.write(_standard_error.number, f"{line}\n".encode("utf-8", "replace"))
    except OSError:
        return


def _append(line: str) -> None:
    """No descriptor is kept: the application cannot close it, and the file may be moved away (log rotation)."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        descriptor = os.open(_place, _FLAGS, 0o600)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.write(descriptor, f"{now} {os.getpid()} {line}\n".encode("utf-8", "replace"))
        finally:
            os.close(descriptor)
    except OSError:
        return


def say_once(line: str, *, kind: str = "") -> None:
    """``say``, unless this process has said something of that ``kind`` before; without one, the very same."""
    if (kind or line) not in _said:
        _said.add(kind or line)
        say(line)


def say_rarely(line: str, *, kind: str) -> None:
    """``say`` what is news: not the last line of that ``kind`` again, and one a minute at most."""
    now = time.monotonic()
    before, last = _last.get(kind, (-_INTERVAL, ""))
    if line != last and now - before >= _INTERVAL:
        _last[kind] = now, line
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
