"""Find the command as a shell does, and become it.

The rules are those of POSIX.1-2017, Shell Command Language 2.9.1.1: a name with a slash is a path, any other is
looked up in PATH; status 127 for what is not there, 126 for what cannot be executed. ``shutil.which`` is not used:
its import costs more than the whole of this launcher's start.
"""

import os

from erni_run.errors import CommandNotExecutable, CommandNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

_SHELL = "/bin/sh"


def find(name: str, environ: "Mapping[str, str]") -> str:
    """The path of the command ``name``. Raises CommandNotFound or CommandNotExecutable."""
    if "/" in name:
        candidates = [name]
    else:
        folders = environ.get("PATH", os.defpath).split(os.pathsep)
        candidates = [os.path.join(folder or os.curdir, name) for folder in folders] if name else []
    present = [path for path in candidates if os.path.exists(path)]
    for path in present:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    for path in present:
        if "/" in name or os.path.isfile(path):
            raise _not_executable(path)
    raise _not_found(name, environ)


def become(path: str, argv: "list[str]", environ: "Mapping[str, str]") -> "NoReturn":
    """Replace this process by the command at ``path``; ``argv[0]`` is the name as the user typed it.

    Raises CommandNotFound or CommandNotExecutable where the system refuses.
    """
    _restore_signals()
    try:
        os.execve(path, argv, environ)
    except OSError as error:
        problem = error
    if type(problem).__name__ == "OSError" and problem.errno == _ENOEXEC:
        os.execve(_SHELL, [_SHELL, path, *argv[1:]], environ)  # a script without a first line: 2.9.1.1, 1.e.i.b
    if isinstance(problem, FileNotFoundError):
        raise CommandNotExecutable(f"{path}: the interpreter named in its first line does not exist") from problem
    raise CommandNotExecutable(f"{path}: {problem.strerror}") from problem


_ENOEXEC = 8


def _restore_signals() -> None:
    """Python ignores SIGPIPE and SIGXFSZ at its start, and ``exec`` would hand that on to the command."""
    import _signal  # type: ignore[import-not-found]  # signal itself imports enum, a fifth of what a start may cost

    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(_signal, name):
            _signal.signal(getattr(_signal, name), _signal.SIG_DFL)


def _not_executable(path: str) -> CommandNotExecutable:
    if os.path.isdir(path):
        return CommandNotExecutable(f"{path}: is a directory")
    hint = f"start it with `erni-run python {path}`" if path.endswith(".py") else f"allow it with `chmod +x {path}`"
    return CommandNotExecutable(f"{path}: permission denied; {hint}")


def _not_found(name: str, environ: "Mapping[str, str]") -> CommandNotFound:
    from erni_run.start.hint import for_missing  # late: loads difflib, and only a failure needs it

    return CommandNotFound(f"{name}: command not found{for_missing(name, environ)}")
