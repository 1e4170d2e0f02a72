"""When a module has been imported, call a function. Knows nothing of tracing.

A finder at the head of ``sys.meta_path`` looks at names only. For a name that somebody waits for, it takes the spec
that the other finders give and lets the loader's own ``exec_module`` be followed by the calls. The loader stays the
loader: importlib.resources, inspect and zipimport see what they would have seen. A loader that can have nothing set on
it, such as the classes that load built-in and frozen modules, is left alone: the spec tells when a module is complete.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec  # importlib.machinery's, without what that imports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    Call = Callable[[ModuleType], None]


def when_imported(module: str, call: Call) -> None:
    """Call ``call(module object)`` each time ``module`` has been executed, at once if it has been already.

    ``module`` is a dotted name; a ``*`` in it is a glob within its dotted part. ``call`` must not raise.
    """
    _finder.wait_for(module, call)
    names = list(filter(compiled(module), list(sys.modules))) if is_glob(module) else [module]
    for name in names:
        loaded = sys.modules.get(name)
        if loaded is not None and not is_being_imported(loaded):
            call(loaded)


def matches(pattern: str, name: str) -> bool:
    """Whether the dotted ``name`` matches ``pattern``, part by part: ``a.*.c`` matches ``a.b.c``, never ``a.b.b.c``."""
    return pattern == name if not is_glob(pattern) else compiled(pattern)(name) is not None


def compiled(pattern: str) -> Callable[[str], object]:
    """A function that answers None for names that ``pattern`` does not match. It runs no Python code, traced or not."""
    import re  # late: most plans have no globs

    return re.compile(re.escape(pattern).replace(r"\*", "[^.]*")).fullmatch


def is_glob(text: str) -> bool:
    """Whether ``text`` holds a wildcard."""
    return "*" in text


def is_too_early() -> bool:
    """Whether a module that we may need ourselves is being executed at this moment, in whatever thread.

    What is imported meanwhile and needs it meets half of it and fails; and what fails takes with it modules that the
    first import was counting on.
    """
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in _NEEDED]
    return any(is_being_imported(module) for module in modules if type(module) is type(sys))  # typing.io is a class


# site is being executed while an application's sitecustomize runs
_NEEDED = (sys.stdlib_module_names | {"opentelemetry", "hyperframe", "typing_extensions", "wrapt"}) - {"site"}


def is_being_imported(module: ModuleType) -> bool:
    """Whether the code of ``module`` is still running."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


class _Finder:
    """First on ``sys.meta_path``; finds nothing itself."""

    def __init__(self) -> None:
        self._exact: dict[str, list[Call]] = {}
        self._globs: dict[str, list[tuple[Callable[[str], object], Call]]] = {}

    def wait_for(self, module: str, call: Call) -> None:
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        top = module.partition(".")[0]
        if is_glob(module):
            self._globs.setdefault("*" if is_glob(top) else top, []).append((compiled(module), call))
        else:
            self._exact.setdefault(module, []).append(call)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not self._calls(name):
            return None
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if finder is not self and find is not None else None
            if spec is not None:
                self._follow(spec)
                return spec
        return None

    def call(self, module: ModuleType) -> None:
        """Tell those who wait for ``module`` that it has been executed."""
        for call in self._calls(module.__name__):
            call(module)

    def _calls(self, name: str) -> list[Call]:
        calls = self._exact.get(name, [])
        if self._globs:
            top = name.partition(".")[0]
            waiting = self._globs.get(top, []) + self._globs.get("*", [])
            return calls + [call for match, call in waiting if match(name) is not None]
        return calls

    def _follow(self, spec: ModuleSpec) -> None:
        """Let our calls be made once the loader of ``spec`` has executed the module."""
        loader = spec.loader
        if loader is None:
            return  # a namespace
        if isinstance(loader, type) or not hasattr(loader, "__dict__"):
            if type(spec) is ModuleSpec:
                spec.__class__ = _Followed
            return
        if "exec_module" in loader.__dict__:
            return  # a loader that is followed already
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            loader.__dict__.pop("exec_module", None)
            execute(module)
            if is_being_imported(module):  # by the import system: others execute modules, too
                _bind(module.__name__)
            self.call(module)

        # The interpreter strips the import system's own frames from tracebacks and warnings, by this file name.
        exec_module.__code__ = exec_module.__code__.replace(co_filename="<frozen importlib._bootstrap_external>")
        loader.__dict__["exec_module"] = exec_module


class _Followed(ModuleSpec):
    """A spec until its module has been executed, or failed: then ``importlib`` sets ``_initializing``."""

    @property
    def _initializing(self) -> bool:
        return bool(vars(self)["_initializing"])

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        vars(self)["_initializing"] = value
        if not value:
            self.__class__ = ModuleSpec  # type: ignore[assignment]  # it is one again
            module = sys.modules.get(self.name)  # None if it has failed
            if module is not None and getattr(module, "__spec__", None) is self:
                _bind(self.name)
                _finder.call(module)


_Followed.__name__ = ModuleSpec.__name__  # for its repr, should somebody ask for a spec and import nothing


def _bind(name: str) -> None:
    """Make the module ``name`` an attribute of its package, as the import system does once its calls have been made:
    who imports ``package.module`` in one of them reaches for it there. A package's own ``__setattr__`` hears of it when
    it is the import system's turn.
    """
    package, _, last = name.rpartition(".")
    module, within = sys.modules.get(name), sys.modules.get(package)
    if module is not None and issubclass(type(within), _Module):
        _variables(within)[last] = module


_Module = type(sys)
_variables = vars(_Module)["__dict__"].__get__
_finder = _Finder()
