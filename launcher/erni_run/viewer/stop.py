"""The wish that this process ends: a signal's, or that of one of its threads."""

from __future__ import annotations

import signal
import socket
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Made and waited for in the main thread.

    The kernel may give a signal to any thread, and Python runs its handler in the main one, which a lock would not let
    go on: therefore the wait is for a byte, which Python writes at once (``signal.set_wakeup_fd``).
    """

    def __init__(self) -> None:
        self.is_wanted = False
        self._woken, self._waking = socket.socketpair()
        self._waking.setblocking(False)
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, self._asked)

    def wait(self) -> None:
        """Return when it is wanted."""
        while not self.is_wanted:
            self._woken.recv(1)

    def want(self) -> None:
        """Have the process end. Called in any thread."""
        self.is_wanted = True
        self._waking.send(b"\0")

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self.is_wanted = True
