"""What the application is called, by its command line: the default of ``service.name``.

Where nothing tells, it is ``unknown_service:`` and the program's name (resource semantic conventions, "Service").
"""

import os

from erni_run.start.interpreter import command_line, is_python
from erni_run.start.remembered import working_directory

_STARTERS = frozenset({"hatch", "pdm", "pipenv", "poetry", "rye", "uv"})
_OF_A_MODULE = frozenset({
    "arq", "daphne", "dramatiq", "faststream", "granian", "gunicorn", "huey_consumer", "hypercorn", "taskiq", "uvicorn",
    "waitress-serve",
})  # fmt: skip
_OF_AN_APP_OPTION = frozenset({"celery", "flask"})
_OF_A_FILE = frozenset({"chainlit", "fastapi", "streamlit"})
_SAYS_NOTHING = frozenset({"__main__", "asgi", "main", "manage", "wsgi"})


def service_name(argv: "list[str]") -> str:
    """Such as ``site1`` for ``gunicorn -w 4 site1.wsgi``, ``etl`` for ``python jobs/etl.py``."""
    program = os.path.basename(argv[0])
    if is_python(program):
        return _of_python(argv[1:]) or f"unknown_service:{program}"
    if program in _STARTERS and argv[1:2] == ["run"] and argv[2:] and not argv[2].startswith("-"):
        return service_name(argv[2:])
    return _of_program(program, argv[1:]) or _of_file(argv[0])


def _of_python(arguments: "list[str]") -> str:
    _, kind, name, others = command_line(arguments)
    if kind == "module":
        return _of_program(name, others) or name.partition(".")[0]
    return _of_file(name) if kind == "script" else ""


def _of_program(program: str, arguments: "list[str]") -> str:
    """What a server or a worker serves, "" if ``program`` is none, or does not say."""
    if program in _OF_A_MODULE:
        return _of_target(_target(arguments))
    if program in _OF_AN_APP_OPTION:
        return _of_target(_app_option(arguments))
    if program in _OF_A_FILE:
        files = [argument for argument in arguments if argument.endswith(".py")]
        return _of_file(files[0]) if files else ""
    return ""


def _target(arguments: "list[str]") -> str:
    """The argument that names a module: not the value of an option, if that can be told apart."""
    named = [argument for argument in arguments if _names_a_module(argument)]
    alone = [
        argument
        for before, argument in zip(["", *arguments], arguments, strict=False)
        if argument in named and not before.startswith("-")
    ]
    with_attribute = [argument for argument in named if ":" in argument and not argument.startswith("unix:")]
    return next(iter(alone + with_attribute + named[-1:]), "")


def _names_a_module(argument: str) -> bool:
    module, colon, attribute = argument.partition(":")
    is_attribute = not colon or attribute.partition("(")[0].partition(".")[0].isidentifier()
    return is_attribute and not module.endswith(".py") and all(part.isidentifier() for part in module.split("."))


def _app_option(arguments: "list[str]") -> str:
    for position, argument in enumerate(arguments):
        if argument in ("-A", "--app"):
            return next(iter(arguments[position + 1 :]), "")
        for option in ("--app=", "-A"):
            if argument.startswith(option):
                return argument[len(option) :]
    return ""


def _of_target(target: str) -> str:
    module = target.partition(":")[0]
    return _of_file(module) if module.endswith(".py") or "/" in module else module.partition(".")[0]


def _of_file(path: str) -> str:
    """The name of the file at ``path`` or of its folder, if the file's says nothing."""
    whole = os.path.normpath(os.path.join(working_directory(), path))
    name = os.path.basename(whole)
    for ending in (".py", ".pyz", ".pex", ".sh"):
        name = name.removesuffix(ending)
    return os.path.basename(os.path.dirname(whole)) or name if name in _SAYS_NOTHING else name
