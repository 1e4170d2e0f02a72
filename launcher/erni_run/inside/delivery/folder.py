"""Folders that hold span data: ours alone, reached by descriptor, so that nobody can put another in their place.

A folder's lock (``flock``) belongs to whoever holds its descriptor and goes with the process, however that ends: there
are no leases to time out and no clocks to trust.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator

from erni_run.inside.descriptor import Descriptor
from erni_run.inside.forks import in_child

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY  # a pipe in the place of a file waits for nobody
_LEVELS = 3  # how many missing folders we make: .local/state/erni-run, but no home of its own
_MAPPABLE = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs", "f2fs", "jfs", "overlay"})
_MOUNTS = "/proc/self/mountinfo"


class Folder:
    """A folder by its descriptor. ``path`` is for people."""

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = Descriptor(descriptor)
        self._is_locked = False
        self.path = path
        _open.add(self)

    @property
    def descriptor(self) -> int:
        """Raises OSError if the application has closed it, whatever it has opened under that number since."""
        return self._descriptor.number

    def regain(self) -> bool:
        """Whether this folder is where it was. A descriptor that the application has closed is opened anew; False, too,
        if somebody has locked the folder meanwhile.
        """
        try:
            status = os.stat(self.path)
        except PermissionError:  # the user is another one now; those who may look find it
            return not self.is_removed
        except OSError:
            return False
        is_there = (status.st_dev, status.st_ino) == self._descriptor.identity
        return is_there and (self._descriptor.is_ours or self._open_again())

    def _open_again(self) -> bool:
        try:
            again = Folder(os.open(self.path, _FLAGS), self.path)
        except OSError:
            return False
        is_ours = again._descriptor.identity == self._descriptor.identity and (not self._is_locked or again.lock())
        if is_ours:
            self._descriptor, again._descriptor = again._descriptor, self._descriptor
        again.close()
        return is_ours

    @property
    def is_removed(self) -> bool:
        """Whether it is in no folder any more, as far as can be told."""
        try:
            return os.fstat(self.descriptor).st_nlink == 0
        except OSError:
            return True

    @classmethod
    def at(cls, path: str, *, create: bool) -> Folder:
        """The folder at ``path``; with ``create`` it is made, and up to two missing ones above it. Raises OSError."""
        if create:
            _make(path, _LEVELS)
        return cls(os.open(path, _FLAGS), path)

    def within(self, name: str, *, create: bool) -> Folder:
        """The folder ``name`` in this one, which must be the user's own and closed to others. Raises OSError."""
        if create:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=self.descriptor)
        path = os.path.join(self.path, name)
        folder = Folder(os.open(name, _FLAGS, dir_fd=self.descriptor), path)
        status = os.fstat(folder.descriptor)
        if create and (status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077):
            folder.close()
            raise PermissionError(errno.EPERM, "not a folder of this user alone", path)
        return folder

    def lock(self) -> bool:
        """Whether this folder is ours now: nobody held its lock, and it has not been removed meanwhile."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._is_locked = os.fstat(self.descriptor).st_nlink > 0
        return self._is_locked

    def names(self) -> list[str]:
        """What is in it, sorted."""
        return sorted(os.listdir(self.descriptor))

    def folders(self) -> list[str]:
        """The folders in it, sorted."""
        with os.scandir(self.descriptor) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def files(self) -> Iterator[tuple[str, int]]:
        """The files in it: name, and the bytes that they take on the disk."""
        with os.scandir(self.descriptor) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        yield entry.name, entry.stat(follow_symlinks=False).st_blocks * 512

    def others(self) -> list[str]:
        """What is in it and is no file."""
        with os.scandir(self.descriptor) as entries:
            return [entry.name for entry in entries if not entry.is_file(follow_symlinks=False)]

    def read(self, name: str, most: int) -> bytes:
        """The content of a file, its first ``most`` bytes. Raises OSError."""
        with os.fdopen(self.open(name, os.O_RDONLY), "rb") as file:
            return file.read(min(most, os.fstat(file.fileno()).st_size))

    def write(self, name: str, content: bytes, *, durable: bool = False) -> None:
        """Put ``content`` in the place of the file ``name``, whole or not at all. Raises OSError."""
        unfinished = f"{name}.{os.getpid()}.tmp"
        try:
            with os.fdopen(self.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
                file.write(content)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.rename(unfinished, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except BaseException:
            self.remove(unfinished)
            raise

    def open(self, name: str, flags: int) -> int:
        """A descriptor of the file ``name``, for this user alone. Raises OSError; what is no regular file is none."""
        descriptor = os.open(name, flags | _SAFE, 0o600, dir_fd=self.descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "no regular file", os.path.join(self.path, name))
        return descriptor

    @contextlib.contextmanager
    def opened(self, name: str, flags: int) -> Iterator[int]:
        """``open`` for the time of a block."""
        descriptor = self.open(name, flags)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def identity_of(self, name: str) -> tuple[int, int] | None:
        """The device and inode of the file ``name``, (0, 0) if there is none; None if that cannot be told."""
        try:
            status = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return 0, 0
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def remove(self, name: str) -> None:
        """Remove the file ``name``, if it is there and can be."""
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self.descriptor)

    def remove_folder(self, name: str) -> None:
        """Remove the folder ``name``, if it is empty."""
        with contextlib.suppress(OSError):
            os.rmdir(name, dir_fd=self.descriptor)

    def free(self) -> int:
        """Bytes that are free for this user on the disk."""
        status = os.fstatvfs(self.descriptor)
        return status.f_bavail * status.f_frsize

    def close(self) -> None:
        """Give up the descriptor, and with it the lock. Once is enough."""
        _open.discard(self)
        self._descriptor.close()


def is_mappable(path: str) -> bool:
    """Whether a file at ``path`` whose space is reserved can be written through a mapping without fear of SIGBUS.

    A file system that copies on write needs new space for each write, and one on a network may vanish. Where the
    system does not tell what is mounted (not Linux), it is taken for granted.
    """
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as mounts:
            lines = mounts.readlines()
    except OSError:
        return True
    found, kind = "", ""
    real = os.path.realpath(path)
    for line in lines:
        mounted, _, rest = line.partition(" - ")
        point = _unescaped(mounted.split(" ")[4])
        if len(point) >= len(found) and (real == point or real.startswith(point.rstrip("/") + "/")):
            found, kind = point, rest.split(" ", 1)[0]
    return kind in _MAPPABLE


def _unescaped(text: str) -> str:
    for octal, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(octal, character)
    return text


def _make(path: str, levels: int) -> None:
    if os.path.isdir(path):
        return
    if levels == 0:
        raise FileNotFoundError(errno.ENOENT, "not there, and not ours to make", path)
    _make(os.path.dirname(path), levels - 1)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)


_open: set[Folder] = set()


def _in_child() -> None:
    """A lock lives as long as any descriptor of it: a child that kept its parent's would keep the parent alive."""
    for folder in list(_open):
        folder.close()


in_child(_in_child)
