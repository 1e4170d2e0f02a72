"""File descriptors that we keep. An application may close any number, and get the same number for a file of its own.

Daemons do so (``os.closerange``). What is at the number then is the application's: it is not ours to write into, to
lock or to close. Which file is at a number is told by its device and inode; a thread that closes the number between
the look and the use is not guarded against. The kernel's anonymous files (eventfd, epoll) share one inode and cannot
be told apart.
"""

import errno
import os


def identity(descriptor: int) -> "tuple[int, int] | None":
    """The device and inode of what is open at ``descriptor``; None if nothing is."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


class Descriptor:
    """The number of an open file, as long as it is still that file's."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.identity = identity(number)

    @property
    def is_ours(self) -> bool:
        """Whether the number still belongs to the file that was open there at first."""
        return self._number >= 0 and self.identity is not None and identity(self._number) == self.identity

    @property
    def is_free(self) -> bool:
        """Whether nothing is open at the number: somebody has closed it, and nobody has taken it since."""
        return identity(self._number) is None

    @property
    def number(self) -> int:
        """Raises OSError (EBADF) if somebody else has closed it, whatever is open at that number since."""
        if not self.is_ours:
            raise OSError(errno.EBADF, "closed by somebody else")
        return self._number

    def close(self) -> None:
        """Close the file, unless the number is not its any more. Once is enough."""
        number, is_ours, self._number = self._number, self.is_ours, -1
        if is_ours:
            try:
                os.close(number)
            except OSError:  # the disk fails, or another thread was faster; the number is free either way
                return
