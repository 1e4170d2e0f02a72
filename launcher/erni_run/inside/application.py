"""What of the application comes before its modules are imported: the scratch process of ``check`` does the same.

Many modules can be imported only where their application has been set up, and in its order. So what the command names
is imported first, what a script imports too, and Django is set up where there are settings. No script is run.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

from erni_run.inside.notice import describe

_SETTINGS = "DJANGO_SETTINGS_MODULE"
_SETS_SETTINGS = re.compile(rf"""{_SETTINGS}["']\]?\s*[,=]\s*["']([\w.]+)["']""")
_FOLDERS = ("--app-dir", "--chdir", "--workdir", "--pythonpath")  # of uvicorn, gunicorn, celery, django-admin
_NAMED = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)(?::[\w.]+(?:\(.*\))?)?")


@dataclass(frozen=True)
class Application:
    """What the command runs, as ``erni_run.start.program`` tells it; ``kind`` is "" where no command was named."""

    kind: str = ""
    name: str = ""
    arguments: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """The name of the module that is the script itself, as the process that runs it finds it; "" if unknown."""
        if self.kind == "module":
            spec = _spec(self.name)
            is_package = spec is not None and spec.submodule_search_locations is not None
            return f"{self.name}.__main__" if is_package else self.name
        return os.path.basename(self.name).removesuffix(".py") if self.kind in ("script", "program") else ""

    def set_up(self, folder: str) -> list[str]:
        """Let this process be as the application's is when its modules are imported; ``folder`` is tracing.toml's.

        Returns what went wrong, in sentences.
        """
        self._set_arguments()
        self._set_path()
        own = self.name if self.kind == "script" else getattr(_spec(self.script), "origin", None) or ""
        near = [os.path.join(place, "manage.py") for place in (os.curdir, folder)]
        problems = list(_imported(self._named()))
        problems += _set_up_django(self._option("--settings"), [own] if self.kind == "script" else [own, *near])
        package = self.script.rpartition(".")[0] if self.kind == "module" else ""
        list(_imported(_imports(own, package)))  # what fails there is reported with the entry that needs it
        return problems

    def _named(self) -> Iterator[str]:
        """What a server or a worker is given to serve."""
        if self.kind in ("program", "module"):
            yield from filter(_is_name, self.arguments)
            yield self._option("--app", "-A")

    def _option(self, *names: str) -> str:
        """The value of the first option of the application's that is called like one of ``names``, "" without one."""
        for word, following in zip(self.arguments, (*self.arguments[1:], ""), strict=False):
            option, has_value, value = word.partition("=")
            if option in names:
                return value if has_value else following
        return ""

    def _set_arguments(self) -> None:
        if self.kind:
            sys.argv = [{"code": "-c"}.get(self.kind, self.name), *self.arguments]

    def _set_path(self) -> None:
        """The first entry of ``sys.path``: a script's folder, else the working directory, which servers add too."""
        with suppress(FileNotFoundError):  # the working directory has been removed
            here = os.getcwd()
            if sys.path[:1] == [here]:
                del sys.path[0]
            if self.kind == "script":
                path = os.path.realpath(self.name)
                here = path if os.path.isdir(path) else os.path.dirname(path)
            if self.kind == "program" or not sys.flags.safe_path:
                sys.path.insert(0, here)
            sys.path[:0] = [os.path.abspath(place) for place in [self._option(*_FOLDERS)] if place]


def _is_name(word: str) -> bool:
    """Whether ``word`` looks like what a server is given: ``shop.wsgi``, ``shop:app``."""
    return bool(_NAMED.fullmatch(word)) and ("." in word or ":" in word) and not os.path.exists(word)


def _imported(names: Iterable[str]) -> Iterator[str]:
    """Import the modules that are there among ``names``. Yields what went wrong."""
    for name in names:
        module = name.partition(":")[0]
        if module and _spec(module) is not None:
            try:
                import_module(module)
            except (Exception, SystemExit) as error:
                yield f"{module} could not be imported: {describe(error)}"


def source_of(file: str) -> str:
    """The text of ``file``, in the encoding that it declares (PEP 263); "" if that cannot be read."""
    try:
        with tokenize.open(file) as source:
            return source.read()
    except (OSError, SyntaxError, ValueError):
        return ""


def _spec(module: str) -> ModuleSpec | None:
    try:
        return find_spec(module)
    except (ImportError, ValueError):  # no such package, or one without a spec
        return None


def _imports(file: str, package: str) -> Iterator[str]:
    """The modules that the source in ``file`` imports at its top level, in its order."""
    try:
        body = ast.parse(source_of(file)).body
    except (SyntaxError, ValueError):
        return
    for node in body:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join(filter(None, [*base, node.module or ""]))
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


def _set_up_django(named: str, files: Iterable[str]) -> list[str]:
    """Set Django up with the settings that are ``named``, or the environment names, or the first of ``files`` does."""
    settings = named or os.environ.get(_SETTINGS) or next(filter(None, map(_settings_in, files)), "")
    if not settings:
        return []
    os.environ[_SETTINGS] = settings
    try:
        import_module("django").setup()
    except (Exception, SystemExit) as error:
        return [f"Django could not be set up with {settings}: {describe(error)}"]
    return []


def _settings_in(file: str) -> str:
    found = _SETS_SETTINGS.search(source_of(file))
    return found[1] if found else ""
