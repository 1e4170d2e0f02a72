"""The state directory: where the database is, for one user alone, and one viewer at a time."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Mapping
from pathlib import Path


class Unusable(Exception):
    """The state directory cannot be used; ``str()`` says why and what to do."""


class InUse(Unusable):
    """Another viewer uses it."""


def state_directory(environ: Mapping[str, str]) -> Path:
    """``$XDG_STATE_HOME/erni-run/viewer``, else ``~/.local/state/erni-run/viewer`` (XDG Base Directory).

    Raises Unusable.
    """
    state = environ.get("XDG_STATE_HOME", "")
    home = environ.get("HOME", "")
    if os.path.isabs(state):
        return Path(state) / "erni-run" / "viewer"
    if os.path.isabs(home):
        return Path(home) / ".local" / "state" / "erni-run" / "viewer"
    raise Unusable("neither XDG_STATE_HOME nor HOME names a folder: traces have no place to be kept")


def make_private(folder: Path) -> None:
    """Make ``folder`` with mode 0700. Raises Unusable if it is a link, another user's, or cannot be made."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise Unusable(f"{folder} is not a folder of this user: remove it, or set XDG_STATE_HOME")
        if stat.S_IMODE(status.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise Unusable(f"{folder}: {error.strerror}: set XDG_STATE_HOME to a folder that can be written") from error


def open_private(path: Path, flags: int) -> int:
    """A file descriptor of ``path``, made with mode 0600 if it is not there, never through a link. Raises Unusable."""
    try:
        return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}: remove it, or set XDG_STATE_HOME") from error


def lock(folder: Path) -> int:
    """Take the folder for this process, as long as it lives; the file descriptor holds the lock. Raises InUse."""
    descriptor = open_private(folder / "lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise InUse(f"another viewer keeps its traces in {folder}") from error
    return descriptor
