"""The bytes of a tracing.toml, read once and within bounds: whoever needs them gets these.

Whatever a path leads to is read: a file, or a pipe such as a shell's ``<(...)``. Only what costs nothing is imported:
the launcher looks for a remembered plan by these bytes.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from erni_run.errors import ConfigError, Mistake

MOST = 256 * 1024
"""The longest file, in bytes: the plan that is made of it has to fit into half of that."""

_PATIENCE = 10.0  # seconds until whoever writes into a pipe has to be through
_NOBODY = 0.5  # seconds until somebody has to have opened the other end of a named pipe


def load(path: str) -> bytes:
    """What is in the file or pipe at ``path``. Raises ConfigError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            content = _read(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigError([_mistake(path, f"cannot be read: {error.strerror}")]) from None
    if len(content) > MOST:
        raise ConfigError(
            [_mistake(path, f"is longer than {MOST // 1024:,} KiB; write globs in place of many targets")]
        )
    return content


def is_watchable(path: str) -> bool:
    """Whether a later look at ``path`` can find the same file, with newer bytes."""
    return os.path.isfile(path) and not path.startswith(("/dev/", "/proc/"))


def as_typed(path: str) -> str:
    """``path`` as a user would type it here, who may have typed it."""
    absolute = os.path.abspath(path)
    try:
        return min(os.path.relpath(absolute), absolute, key=len)
    except (OSError, ValueError):  # the working directory is gone, or another drive: the absolute name always exists
        return absolute


def _mistake(path: str, message: str) -> Mistake:
    return Mistake(as_typed(path), "file", message, "file-unreadable")


def _read(descriptor: int) -> bytes:
    """All that is there, or one byte more than ``MOST``. Raises OSError."""
    status = os.fstat(descriptor)
    if stat.S_ISFIFO(status.st_mode):
        return _read_pipe(descriptor)
    if stat.S_ISCHR(status.st_mode) and status.st_rdev != os.stat(os.devnull).st_rdev:
        raise OSError(errno.EINVAL, "it is a device")
    chunks = []
    left = MOST + 1
    while left and (chunk := os.read(descriptor, left)):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _read_pipe(descriptor: int) -> bytes:
    import select  # late: not built in everywhere

    until, chunks, left = time.monotonic() + _PATIENCE, [], MOST + 1
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    is_open = bool(poll.poll(_NOBODY * 1000))
    while left:
        try:
            chunk = os.read(descriptor, left)
        except BlockingIOError:  # somebody holds the other end, and takes their time
            is_open = True
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                raise OSError(errno.ETIMEDOUT, f"its writer is not through after {_PATIENCE:g} s") from None
            continue
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    if not is_open:
        raise OSError(errno.ETIMEDOUT, "it is a pipe, and nobody writes to it")
    return b"".join(chunks)
