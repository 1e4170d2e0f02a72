"""Plans remembered from earlier starts, so that an unchanged tracing.toml is not validated twice.

Validation costs some 150 ms of CPU, most of it the import of pydantic. An entry holds all that the plan was made from:
erni-run itself, the file's path and content, the command's name, the working directory and every environment variable
that was looked at. An entry that differs in any of these, or that somebody else could have written, is not used. Any
failure means: forget it.
"""

import os

from erni_run.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_UNSET = b"\x01"  # stands for a variable that is not set: no environment variable may hold it in practice
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Origin:
    """What a plan is made from, beside the environment: the file at ``path`` (None: the defaults) with its ``content``,
    the command's name and the working directory, to which paths in variables are relative.
    """

    def __init__(self, path: "str | None", content: bytes, command: str) -> None:
        self.path = path
        self.content = content
        self.command = command
        self._fields = [
            _stamp(),
            os.fsencode(path or ""),
            os.fsencode(command),
            os.fsencode(working_directory()),
            content,
        ]

    def recall(self, environ: "Mapping[str, str]") -> "tuple[str, list[str]] | None":
        """The plan remembered for this origin in this environment and its notices, or None."""
        try:
            fields = _read(self._entry(environ)).split(b"\0")
        except OSError:
            return None
        asked = fields[len(self._fields) : -2]
        if fields[: len(self._fields)] != self._fields or len(asked) % 2:
            return None
        for name, value in zip(asked[::2], asked[1::2], strict=True):
            if value_of(environ, os.fsdecode(name)) != value:
                return None
        return os.fsdecode(fields[-1]), os.fsdecode(fields[-2]).splitlines()

    def remember(
        self, environ: "Mapping[str, str]", asked: "dict[str, bytes]", plan: str, notices: "Iterable[str]"
    ) -> None:
        """Keep ``plan``, which was made after looking at the variables in ``asked``, and its ``notices``; not if one of
        the variables may hold a secret, be it ignored.
        """
        fields = [*self._fields]
        for name, value in asked.items():
            if _may_be_secret(name, value):
                return
            fields += [os.fsencode(name), value]
        fields += [os.fsencode("\n".join(notices)), os.fsencode(plan)]
        if sum(field.count(b"\0") for field in fields) == 0:
            try:
                _write(self._entry(environ), b"\0".join(fields))
            except OSError:
                return

    def _entry(self, environ: "Mapping[str, str]") -> str:
        home = environ.get("HOME", "")
        cache = environ.get("XDG_CACHE_HOME") or (os.path.join(home, ".cache") if home else "")
        if not os.path.isabs(cache):
            raise FileNotFoundError("neither XDG_CACHE_HOME nor HOME names a folder")
        name = b"-".join(self._fields[1:3]).replace(b"/", b"%")
        return os.path.join(cache, "erni-run", os.fsdecode(name[-200:]))


def working_directory() -> str:
    """The working directory; the root if it has been removed: a shell would start the command all the same."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return os.sep


def value_of(environ: "Mapping[str, str]", name: str) -> bytes:
    """The value of the variable ``name`` as an entry holds it."""
    return os.fsencode(environ[name]) if name in environ else _UNSET


def _may_be_secret(name: str, value: bytes) -> bool:
    """Headers are, and what a URL holds beside an address."""
    if name.endswith("_HEADERS"):
        return value not in (b"", _UNSET)
    return name.endswith("_ENDPOINT") and (b"?" in value or b"@" in value)


def _stamp() -> bytes:
    """Changes with erni-run's own code: its version, and the youngest file among those that make plans."""
    youngest = os.stat(os.path.join(_PACKAGE, "plan.py")).st_mtime_ns
    for entry in os.scandir(os.path.join(_PACKAGE, "config")):
        if entry.is_file():
            youngest = max(youngest, entry.stat().st_mtime_ns)
    return f"{__version__} {youngest}".encode()


def _read(entry: str) -> bytes:
    descriptor = os.open(entry, os.O_RDONLY | os.O_CLOEXEC | _NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise PermissionError(entry)
        return os.read(descriptor, status.st_size)
    finally:
        os.close(descriptor)


def _write(entry: str, content: bytes) -> None:
    """Put ``content`` in the place of ``entry``, whole or not at all. Raises OSError."""
    folder = os.path.dirname(entry)
    cache = os.path.dirname(folder)
    if not os.path.isdir(os.path.dirname(cache)):
        raise FileNotFoundError(f"{cache}: its home is not there, and not ours to make")
    for made in (cache, folder):
        if not os.path.isdir(made):
            os.mkdir(made, 0o700)
    status = os.lstat(folder)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise PermissionError(folder)
    unfinished = os.path.join(folder, f"{os.getpid()}.unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | _NOFOLLOW, 0o600)
    try:
        written = os.write(descriptor, content)
    finally:
        os.close(descriptor)
    if written == len(content):
        os.replace(unfinished, entry)
    else:
        os.unlink(unfinished)
