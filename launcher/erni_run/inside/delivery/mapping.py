"""A file in memory, for writing: what is there outlives the process, and no descriptor of ours is needed for it.

The mapping holds the lock (``flock``) of its file, for it keeps the kernel's description of the open file alive: an
application that closes all descriptors does not set it free. Only on overlay file systems, which map another file than
the one that was opened, the lock goes with the descriptor.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import mmap
import os
import sys
from collections.abc import Iterator
from typing import Any

from erni_run.inside.descriptor import Descriptor, identity

_DESCRIPTORS = "/dev/fd"


class Mapping:
    """The first ``size`` bytes of the file that is open at ``descriptor``, as ``memory``."""

    def __init__(self, descriptor: int, size: int) -> None:
        """Raises OSError. The file is locked, unless its file system has no locks."""
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._own: Descriptor | None = None
        if sys.version_info >= (3, 13):
            self.memory = mmap.mmap(descriptor, size, trackfd=False)
        else:
            free = os.dup(descriptor)
            os.close(free)
            self.memory = mmap.mmap(descriptor, size)
            self._own = _copy_of(descriptor, free)

    def close(self) -> None:
        """Give up the mapping, and with it the lock. Raises BufferError while somebody reads it.

        CPython before 3.13 closes a descriptor with it, whatever the application has at that number by now.
        """
        if self._own is None or self._own.is_ours or self._own.is_free:
            self.memory.close()
        else:
            _keep_for_good(self.memory)


def is_locked(descriptor: int) -> bool:
    """Whether a process has mapped the file that is open at ``descriptor``."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there are no locks
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _copy_of(descriptor: int, likely: int) -> Descriptor | None:
    """The other descriptor of the same file in this process, most ``likely`` that: nobody but ``mmap`` has made one."""
    ours = identity(descriptor)
    for number in itertools.chain((likely,), _numbers()):
        if number != descriptor and identity(number) == ours:
            return Descriptor(number)
    return None


def _numbers() -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield from map(int, os.listdir(_DESCRIPTORS))


def _keep_for_good(memory: Any) -> None:
    """Let nothing close ``memory``, the interpreter at its end included."""
    from ctypes import py_object, pythonapi

    pythonapi.Py_IncRef(py_object(memory))
