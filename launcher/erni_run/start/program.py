"""What a command runs, told from its words alone: a script, a module, code or a program, and in which Python.

Only ``check`` asks: a start leaves all of this to the system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from erni_run.errors import ErniRunError
from erni_run.start import command
from erni_run.start.interpreter import command_line, first_line, is_python


@dataclass(frozen=True, kw_only=True)
class Program:
    """What the command at ``path`` runs.

    ``interpreter`` is the path of the Python, "" if the command is none; ``options`` are that Python's own.

    ``kind`` is "script" (``name`` is its path), "module" (of ``-m``), "code" (of ``-c``) or "program": one whose first
    line names a Python, such as gunicorn, or that is no Python at all. ``arguments`` are those of the application.
    """

    path: str
    interpreter: str
    kind: str
    name: str
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


def program(path: str, argv: Sequence[str], environ: Mapping[str, str]) -> Program:
    """What the command at ``path`` runs with the words ``argv``, the first of which is its name."""
    if is_python(path):
        return _of_python(path, argv[1:])
    words = first_line(path)
    if words:
        return Program(
            path=path,
            interpreter=_found(words[0], environ),
            options=tuple(words[1:]),
            kind="program",
            name=path,
            arguments=tuple(argv[1:]),
        )
    for position, word in enumerate(argv):  # as in `uv run python app.py`
        if is_python(word):
            return replace(_of_python("", argv[position + 1 :]), path=path)
    return Program(path=path, interpreter="", kind="program", name=path, arguments=tuple(argv[1:]))


def _found(word: str, environ: Mapping[str, str]) -> str:
    """The path of an interpreter that a first line names, with or without ``env``; "" if there is none."""
    try:
        return command.find(word, environ)
    except ErniRunError:
        return ""


def _of_python(path: str, words: Sequence[str]) -> Program:
    options, kind, name, arguments = command_line(words)
    return Program(
        path=path, interpreter=path, options=tuple(options), kind=kind, name=name, arguments=tuple(arguments)
    )
