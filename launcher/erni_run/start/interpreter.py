"""Python's own command line: its options, what it runs, and whether it will read PYTHONPATH.

A Python that does not cannot be traced, and its user must hear of it. The rules are those of
https://docs.python.org/3/using/cmdline.html.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMES = ("python", "pypy")
_DEAF = ("-I", "-E", "-S")
_WITH_VALUE = "cmWX"
_LONG_WITH_VALUE = "--check-hash-based-pycs"
_LAST = {"c": "code", "m": "module"}


def warning(path: str, argv: "list[str]") -> str:
    """A warning if the Python behind ``path`` is told to ignore PYTHONPATH or the site module, else ""."""
    if is_python(path):
        return _sentence(argv[1:], f"{os.path.basename(path)} {{flag}}")
    return _sentence(first_line(path)[1:], f"the first line of {path} says {{flag}}")


def _sentence(arguments: "list[str]", where: str) -> str:
    flag = next((option for option in command_line(arguments)[0] if option in _DEAF), "")
    if not flag:
        return ""
    return f"{where.format(flag=flag)}, which hides PYTHONPATH from Python: nothing will be traced; remove {flag}"


def is_python(word: str) -> bool:
    """Whether ``word`` names a Python interpreter."""
    return os.path.basename(word).lower().startswith(_NAMES)


def command_line(arguments: "Iterable[str]") -> "tuple[list[str], str, str, list[str]]":
    """What a Python is given: its own options, the kind and the name of what it runs, and the arguments of that.

    Options are one a word: ``-s``, ``-E`` for ``-sE``, and ``-Wignore`` for ``-W ignore``. The kind is "script",
    "module" (of ``-m``) or "code" (of ``-c``, or "-": from standard input, as without arguments).
    """
    options: list[str] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "--"):
        word = rest.pop(0)
        if word.startswith("--"):
            options += [word, *(rest.pop(0) for _ in rest[:1] if word == _LONG_WITH_VALUE)]
            continue
        for position, letter in enumerate(word[1:], 2):
            value = word[position:]
            if letter not in _WITH_VALUE:
                options.append(f"-{letter}")
                continue
            value = value or (rest.pop(0) if rest else "")
            if letter in _LAST:
                return options, _LAST[letter], value, rest
            options.append(f"-{letter}{value}")
            break
    name, *others = rest[rest[:1] == ["--"] :] or ["-"]
    return options, "code" if name == "-" else "script", name, others


def first_line(path: str) -> "list[str]":
    """The words of a script's ``#!`` line from the Python on that it names, [] where it names none."""
    try:
        with open(path, "rb") as script:
            line = script.readline(512) if script.read(2) == b"#!" else b""
    except OSError:
        return []
    words = os.fsdecode(line).split()
    return words[next((position for position, word in enumerate(words) if is_python(word)), len(words)) :]
