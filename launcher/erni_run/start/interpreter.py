"""Will the command read PYTHONPATH? A Python that does not cannot be traced, and its user must hear of it."""

import os

_PYTHON_NAMES = ("python", "pypy")
_DEAF = {"I": "-I", "E": "-E", "S": "-S"}
WITH_VALUE = "WXQ"
_LAST = "cm"


def warning(path: str, argv: "list[str]") -> str:
    """A warning if the Python behind ``path`` is told to ignore PYTHONPATH or the site module, else ""."""
    if is_python(path):
        return _sentence(_deaf_flag(argv[1:]), f"{os.path.basename(path)} {{flag}}")
    words = first_line(path)
    for position, word in enumerate(words):
        if is_python(word):
            return _sentence(_deaf_flag(words[position + 1 :]), f"the first line of {path} says {{flag}}")
    return ""


def _sentence(flag: str, where: str) -> str:
    if not flag:
        return ""
    return f"{where.format(flag=flag)}, which hides PYTHONPATH from Python: nothing will be traced; remove {flag}"


def is_python(word: str) -> bool:
    """Whether ``word`` names a Python interpreter."""
    return os.path.basename(word).lower().startswith(_PYTHON_NAMES)


def _deaf_flag(arguments: "list[str]") -> str:
    """The first of -I, -E and -S among the interpreter's own options, alone or grouped as in -sE."""
    skip = False
    for argument in arguments:
        if skip:
            skip = False
            continue
        if not argument.startswith("-") or argument.startswith("--") or argument == "-":
            return ""
        for letter in argument[1:]:
            if letter in _DEAF:
                return _DEAF[letter]
            if letter in _LAST:
                return ""
            if letter in WITH_VALUE:
                skip = argument.endswith(letter)
                break
    return ""


def first_line(path: str) -> "list[str]":
    """The words of a script's ``#!`` line, [] where there is none."""
    try:
        with open(path, "rb") as script:
            line = script.readline(512) if script.read(2) == b"#!" else b""
    except OSError:
        return []
    return os.fsdecode(line).split()
