"""From a target to function objects: ``agency.agents.*:*.run`` in an imported module gives every function it names.

Nothing is set and no descriptor runs: attributes are read as ``inspect.getattr_static`` reads them.
"""

from __future__ import annotations

import difflib
import functools
import gc
import inspect
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from erni_run.inside import classes
from erni_run.inside.classes import attributes, bases
from erni_run.inside.functions import build, trampoline
from erni_run.inside.imports import is_glob, matches
from erni_run.inside.notice import describe, say_once
from erni_run.inside.ourselves import is_to_be_raised

_MOST_LAYERS = 50
_LAZY = getattr(types, "LazyImportType", None)  # of CPython 3.15 (PEP 810)
_COMPILERS = frozenset({"numba", "torch", "triton", "taichi"})  # they read the code of functions, ours would be in it


@dataclass(frozen=True)
class Found:
    """A function that a target names. ``inherited_by`` is the class through which it was reached, if not its own;
    ``inner`` the names that lead from ``function`` to the one within it that is meant.
    """

    function: FunctionType
    module: str
    qualname: str
    inherited_by: type | None = None
    is_static: bool = False
    inner: tuple[str, ...] = ()

    @property
    def code(self) -> CodeType:
        """The code of the function that is meant, as it was written."""
        return build.inner(trampoline.original_code(self.function), self.inner)

    @property
    def only(self) -> type | None:
        """The class to whose calls a span is restricted, None if every call is meant."""
        return self.inherited_by if self.receiver else None

    @property
    def receiver(self) -> tuple[str, ...]:
        """The name of the parameter that tells for which class an inherited method is called, () if there is none."""
        code = self.function.__code__
        has_receiver = self.inherited_by is not None and not self.is_static and not self.inner
        return code.co_varnames[: min(code.co_argcount, 1)] if has_receiver else ()


@dataclass(frozen=True)
class Native:
    """A callable without Python code that a target names: the attribute ``name`` of ``holder``."""

    value: Any
    module: str
    qualname: str
    holder: Any
    name: str


class NotFound(Exception):
    """The target names nothing in the module; ``str()`` says which part, with the nearest name."""


def resolve(module: ModuleType, qualname: str, layer: str) -> list[Found | Native]:
    """What ``qualname`` names in ``module``, each once. Raises NotFound if there is nothing.

    ``layer`` "inner" is the function that was written there, "outer" the one with its decorators around it; what is
    written within a function is always the former.
    """
    outer, *within = qualname.split(".<locals>.")
    inner = tuple(name for names in within for name in names.split("."))
    found: dict[tuple[FunctionType, int], Found] = {}
    natives: dict[tuple[int, str], Native] = {}
    for candidate in _walk(module, outer.split("."), module, ()):
        hit = _guarded(candidate.qualname, module, _hit, candidate, module, "inner" if inner else layer)
        if isinstance(hit, Found):
            hit = _within(hit, qualname[len(outer) :], inner) if inner else hit
            found.setdefault((hit.function, id(hit.only)), hit)
        elif hit is not None and not inner:
            natives[id(hit.holder), hit.name] = hit
    if not (found or natives):
        raise NotFound(_explain(module, outer))
    functions = [hit for hit in found.values() if hit.only is None or (hit.function, id(None)) not in found]
    return [*functions, *natives.values()]


def _hit(candidate: _Candidate, module: ModuleType, layer: str) -> Found | Native | None:
    value, qualname = candidate.value, candidate.qualname
    kind = type(value)
    if str(classes.module(kind)).partition(".")[0] in _COMPILERS:
        return None
    function = _function(value, qualname, module, layer)
    is_def = candidate.is_named and candidate.inherited_by is None and not issubclass(kind, type)
    if layer == "inner" and is_def and (function is None or function.__code__.co_flags & inspect.CO_NESTED):
        function = _kept_somewhere(qualname, module) or function  # what a decorator has made may hold it anywhere
    if function is not None and not _evaluates_annotations(function.__code__):
        is_static = issubclass(kind, staticmethod)
        return Found(function, module.__name__, qualname, candidate.inherited_by, is_static)
    if candidate.inherited_by is None and candidate.is_named and _is_native(_plain(value), candidate.holder):
        return Native(value, module.__name__, qualname, candidate.holder, qualname.rpartition(".")[2])
    return None


def _within(outer: Found, names: str, inner: tuple[str, ...]) -> Found:
    found = replace(outer, qualname=outer.qualname + names, inner=inner)
    try:
        found.code  # noqa: B018  # it raises if there is none
    except build.NotInstrumentable as reason:
        written = [constant.co_name for constant in outer.code.co_consts if isinstance(constant, CodeType)]
        raise NotFound(f"{outer.module}:{outer.qualname} has {reason}{_near(inner[0], written)}") from None
    if _evaluates_annotations(found.code):
        raise NotFound(f"{found.module}:{found.qualname} {_EVALUATES}")
    return found


_EVALUATES = "evaluates annotations, which is done with other globals"


def _evaluates_annotations(code: CodeType) -> bool:
    """Whether the compiler has made ``code`` from annotations, bounds or aliases (PEP 649), or it stands in for that.
    ``annotationlib`` makes functions of it with globals that know no name.
    """
    return code.co_name == "__annotate__" or code.co_varnames[:1] == (".format",)


def _is_native(value: Any, holder: Any) -> bool:
    """Whether ``value``, an attribute of ``holder``, is a function of a C extension, or a callable object of one that
    nothing is bound to, by its type alone.
    """
    kind = type(value)
    names: dict[str, Any] = {}
    for base in reversed(bases(kind)):
        names |= attributes(base)
    is_routine = kind is BuiltinFunctionType or ("__get__" in names and "__set__" not in names)
    is_called = "__call__" in names and type(names["__call__"]) is not FunctionType
    is_free = is_routine or issubclass(type(holder), ModuleType)
    return is_free and is_called and not issubclass(kind, (type, FunctionType, MethodType))


@dataclass(frozen=True)
class _Candidate:
    """A value that the target's names lead to; ``is_named``: its last name was no glob."""

    value: Any
    qualname: str
    inherited_by: type | None
    holder: Any
    is_named: bool


def _walk(module: ModuleType, parts: list[str], container: Any, path: tuple[str, ...]) -> Iterator[_Candidate]:
    """What ``parts`` name below ``container``, a module or a class."""
    part, rest = parts[0], parts[1:]
    for name, value, inherited in _members(module, part, container):
        here = (*path, name)
        if not rest:
            yield _Candidate(value, ".".join(here), container if inherited else None, container, not is_glob(part))
        elif issubclass(type(value), type):
            yield from _walk(module, rest, value, here)


def _members(module: ModuleType, part: str, container: Any) -> Iterator[tuple[str, Any, bool]]:
    """Name, value and whether it is inherited. A glob takes only what was written in ``module``; a name takes
    anything.
    """
    own = attributes(container) if issubclass(type(container), type) else vars(container)
    if is_glob(part):
        for name, value in list(own.items()):
            if matches(part, name) and _guarded(name, module, _module_of, value) == module.__name__:
                yield name, value, False
    elif part in own:
        yield part, own[part], False
    elif isinstance(container, type):
        value = inspect.getattr_static(container, part, None)
        if value is not None:
            yield part, value, True


def _guarded(name: str, module: ModuleType, work: Callable[..., Any], *arguments: Any) -> Any:
    """``work(*arguments)``; None, and a word, where what stands at ``name`` cannot even be looked at."""
    try:
        return work(*arguments)
    except BaseException as error:  # whatever the application's code raises
        if is_to_be_raised(error):
            raise
        say_once(f"{module.__name__}:{name} cannot be looked at: {describe(error)}: left out")
        return None


def _module_of(value: Any) -> object:
    """The name of the module in which ``value``, without the descriptor around it, or else its class, was written. No
    metaclass is asked.
    """
    plain = _plain(value)
    if type(plain) is FunctionType:
        return plain.__module__
    if issubclass(type(plain), type):
        return classes.module(plain)
    return inspect.getattr_static(plain, "__module__", None)


def _plain(value: Any) -> Any:
    """``value`` without the descriptor around it. Types are looked at, never ``__class__``: a lazy proxy would load."""
    kind = type(value)
    if issubclass(kind, (staticmethod, classmethod, MethodType)):
        return value.__func__
    if issubclass(kind, property):
        return value.fget
    if issubclass(kind, (functools.partial, functools.partialmethod, functools.cached_property)):
        return value.func
    return value


def plain_function(value: Any) -> FunctionType | None:
    """The Python function that ``value`` is, or that the descriptor ``value`` holds; None if it is anything else."""
    plain = _plain(value)
    return plain if type(plain) is FunctionType else None


def _function(value: Any, qualname: str, module: ModuleType, layer: str) -> FunctionType | None:
    if layer == "outer":
        return plain_function(value)
    layers = list(_layers(value))
    written_here = [function for function in layers if _is_written_as(function, qualname, module)]
    return written_here[0] if written_here else _unwrapped(value)


def _kept_somewhere(qualname: str, module: ModuleType) -> FunctionType | None:
    """The last resort: the function of that name among all that there are, whoever holds it."""
    for function in gc.get_objects():
        if type(function) is FunctionType and function.__globals__ is vars(module):
            code = trampoline.original_code(function)
            if code.co_qualname == qualname:
                return function
    return None


def _unwrapped(value: Any) -> FunctionType | None:
    """What ``__wrapped__`` leads to, for a name that was not given by a ``def``: an inherited method, an alias."""
    plain = _plain(value)
    for _ in range(_MOST_LAYERS):
        wrapped = inspect.getattr_static(plain, "__wrapped__", None)
        if wrapped is None:
            break
        plain = _plain(wrapped)
    return plain if type(plain) is FunctionType else None


def _layers(value: Any) -> Iterator[FunctionType]:
    """The functions that ``value`` is made of, outermost first: what decorators, partials and registries hold inside
    them.
    """
    waiting, seen = deque([value]), set[int]()
    while waiting and len(seen) < _MOST_LAYERS:
        plain = _plain(waiting.popleft())
        if id(plain) in seen or plain is None:
            continue
        seen.add(id(plain))
        if type(plain) is FunctionType:
            yield plain
        waiting.extend(_held_by(plain))


def _held_by(value: Any) -> Iterator[Any]:
    wrapped = inspect.getattr_static(value, "__wrapped__", None)
    if wrapped is not None:
        yield wrapped
        return
    if type(value) is FunctionType:
        contents = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        yield from (content for content in contents if not issubclass(type(content), type))
    elif type(value) is tuple:
        yield from value
    elif not issubclass(type(value), type):
        yield from _attributes(value)


def _attributes(value: Any) -> Iterator[Any]:
    """What ``value`` holds in its instance dictionary and its slots. Only the interpreter's own descriptors are asked:
    a lazy proxy, such as a task of Celery, has a property ``__dict__`` that would load it.
    """
    for kind in bases(type(value)):
        for name, member in attributes(kind).items():
            if type(member) is GetSetDescriptorType and name == "__dict__":
                yield from list(member.__get__(value).values())
            elif type(member) is MemberDescriptorType:
                try:
                    yield member.__get__(value)
                except AttributeError:  # a slot that is empty
                    continue


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _is_written_as(function: FunctionType, qualname: str, module: ModuleType) -> bool:
    name = function.__code__.co_qualname
    same_file = function.__globals__ is vars(module)
    return same_file and (name == qualname or name == qualname.rpartition(".")[2])


def _explain(module: ModuleType, qualname: str) -> str:
    """Why ``qualname`` leads to nothing: the part at which it ends, and the nearest name to that."""
    container: Any = module
    path = module.__name__
    parts = qualname.split(".")
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if type(container) is _LAZY:
            break
        if not issubclass(type(container), (type, ModuleType)):
            return f"{path} is neither a module nor a class, and names lead through those alone"
        if is_glob(part):
            return _explain_glob(module, container, path, part, following)
        own = vars(container)
        value = own[part] if part in own else inspect.getattr_static(container, part, _MISSING)
        if value is _MISSING:
            return f"{path} has no {part!r}{_near(part, dir(container))}"
        container, path = value, f"{path}.{part}"
    kind = type(container)
    if kind is _LAZY:
        return f"{path} is imported lazily: name it where it is written"
    if kind is FunctionType and _evaluates_annotations(container.__code__):
        return f"{path} {_EVALUATES}"
    compiler = kind.__module__.partition(".")[0]
    if compiler in _COMPILERS:
        return f"{path} belongs to {compiler}, which compiles its code itself"
    if issubclass(kind, type):
        return f"{path} is a class; write {module.__name__}:{qualname}.* for its methods"
    return f"{path} has no Python code that could be instrumented ({kind.__name__})"


def _explain_glob(module: ModuleType, container: Any, path: str, part: str, following: str) -> str:
    matching = [value for _, value, _ in _members(module, part, container)]
    if not matching:
        return f"nothing in {path} matches {part!r}"
    if not following:
        return f"nothing in {path} that matches {part!r} has Python code that could be instrumented"
    names = {name for value in matching if issubclass(type(value), type) for name in dir(value)}
    return f"no class in {path} that matches {part!r} has {following!r}{_near(following, names)}"


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, [other for other in names if not other.startswith("__")], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


_MISSING = object()
