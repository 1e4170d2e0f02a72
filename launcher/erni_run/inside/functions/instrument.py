"""Let the functions of imported modules be traced as a plan says: add what is missing, exchange what differs, take back
what the plan no longer names.

The same code serves a module that has just been imported and a plan that has just been read anew.
"""

from __future__ import annotations

import os
import sys
import weakref
from _thread import RLock
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType

from erni_run.inside.ending import at_end
from erni_run.inside.forks import in_child
from erni_run.inside.functions import build, native, trampoline
from erni_run.inside.functions.build import NotInstrumentable
from erni_run.inside.functions.choice import Option, choose
from erni_run.inside.functions.resolve import Found, Native, NotFound, resolve
from erni_run.inside.functions.site import Wish, around, hooks_without_code, without_conflicts, wrong_captures
from erni_run.inside.imports import is_being_imported, is_glob, matches
from erni_run.inside.notice import describe, say_once
from erni_run.plan import CapturePlan, Plan, SpanPlan

Inner = tuple[str, ...]
_NEVER = frozenset({"erni_run", "__main__"})  # our own, and the script: it is not complete before it has ended
Wishes = dict[tuple[str, str, str], Wish]
"""By their ``place``."""


@dataclass(eq=False)
class _Standing:
    """What is on one function, or on one within it. ``essence`` is what of the wishes makes a difference."""

    wishes: Wishes
    essence: list[tuple[object, ...]]
    by_decorator: bool = False


_standing: weakref.WeakKeyDictionary[FunctionType, dict[Inner, _Standing]] = weakref.WeakKeyDictionary()
_natives: dict[tuple[str, str], tuple[Native, Wish]] = {}
_lock = RLock()  # the collector of garbage may come back here in the middle of our work


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603  # the parent's may be held by a thread that does not exist in the child
    _lock = RLock()


in_child(_renew_lock)


def instrument(module: ModuleType, in_force: Callable[[], Plan]) -> None:
    """Instrument what the plan ``in_force()`` names in ``module``; say once what cannot be traced.

    It is asked for when no ``apply`` is under way: an older plan must not undo a newer one.
    """
    with _lock:
        functions, natives = _named([module], in_force())
        for (function, inner), wishes in functions.items():
            known = _standing.get(function, {}).get(inner)
            _put(function, inner, {**known.wishes, **wishes} if known else wishes)
        for found, wish in natives:
            _put_native(found, wish)


def apply(plan: Plan) -> None:
    """Bring all modules that have been imported to what ``plan`` says. What ``@traced_span`` has put stays."""
    with _lock:
        functions, natives = _named(_imported(plan), plan)
        for function, inner, standing in _all_standing():
            kept = _carried(standing, plan) | functions.pop((function, inner), {})
            if kept:
                _put(function, inner, kept)
            else:
                _take_back(function, inner)
        for (function, inner), wishes in functions.items():
            _put(function, inner, wishes)
        wanted = {(found.module, found.qualname) for found, _ in natives}
        for place in [place for place in _natives if place not in wanted]:
            native.put_back(_natives.pop(place)[0])
        for found, wish in natives:
            _put_native(found, wish)


def decorate(function: FunctionType, span: SpanPlan, capture: CapturePlan) -> str:
    """Put ``span`` on ``function`` for good. Returns what prevents it, "" if nothing did."""
    with _lock:
        known = _standing.get(function, {}).get(())
        if known is not None:
            first = min(wish.line for wish in known.wishes.values())
            return f"is traced already, by {f'line {first}' if first else '@traced_span'}"
        wish = Wish(span, capture, function.__module__, function.__qualname__)
        try:
            _exchange(function, (), [wish])
        except NotInstrumentable as reason:
            return f"cannot be instrumented: {reason}"
        _keep(function, (), _Standing({wish.place: wish}, [wish.essence], by_decorator=True))
        return ""


def restore_all() -> None:
    """Put every function's original code back.

    At the end of the process, too: the garbage collector does not look into code objects, so a module whose function is
    still instrumented would not be cleared, nor its files be closed.
    """
    with _lock:
        for function, inner, _ in _all_standing():
            _take_back(function, inner)
        for found, _ in _natives.values():
            native.put_back(found)
        _natives.clear()


def _named(
    modules: Iterable[ModuleType], plan: Plan
) -> tuple[dict[tuple[FunctionType, Inner], Wishes], list[tuple[Native, Wish]]]:
    """What ``plan`` names in ``modules``: functions, and callables without Python code."""
    functions: dict[tuple[FunctionType, Inner], Wishes] = {}
    natives: list[tuple[Native, Wish]] = []
    for module in modules:
        for span in plan.spans:
            for hit in _resolved(module, span, plan):
                where = _where(span, plan)
                if isinstance(hit, Native):
                    natives.append((hit, Wish(span, plan.capture, hit.module, hit.qualname, where=where)))
                    continue
                wish = Wish(span, plan.capture, hit.module, hit.qualname, hit.only, hit.receiver, where)
                functions.setdefault((hit.function, hit.inner), {})[wish.place] = wish
    return functions, natives


def _resolved(module: ModuleType, span: SpanPlan, plan: Plan) -> list[Found | Native]:
    is_named = matches(span.module, module.__name__) or sys.modules.get(span.module) is module  # os.path is posixpath
    if not is_named or module.__name__.partition(".")[0] in _NEVER:
        return []
    try:
        return resolve(module, span.qualname, span.layer)
    except NotFound as missing:
        if not is_glob(span.module):  # a glob need not find something in every module that it covers
            say_once(f"{_where(span, plan)}: {missing}: not traced")
    except Exception as error:  # what stands in sys.modules need not be a module
        say_once(f"{_where(span, plan)}: {describe(error)}: not traced")
    return []


def _where(span: SpanPlan, plan: Plan) -> str:
    return f"{os.path.basename(plan.config) or 'tracing.toml'}:{span.line}"


def _imported(plan: Plan) -> Iterator[ModuleType]:
    patterns = {span.module for span in plan.spans}
    for name, module in list(sys.modules.items()):
        if module is not None and any(matches(pattern, name) for pattern in patterns) and not is_being_imported(module):
            yield module


def _carried(standing: _Standing, plan: Plan) -> Wishes:
    """The wishes that still hold for a function that may no longer be found: somebody has a reference to it."""
    if standing.by_decorator:
        return {place: wish.renewed(wish.span, plan.capture, "") for place, wish in standing.wishes.items()}
    spans = {span.target: span for span in plan.spans}
    return {
        place: wish.renewed(spans[target], plan.capture, _where(spans[target], plan))
        for place, wish in standing.wishes.items()
        if (target := wish.span.target) in spans and spans[target].layer == wish.span.layer
    }


def _all_standing() -> list[tuple[FunctionType, Inner, _Standing]]:
    return [
        (function, inner, standing) for function, on in list(_standing.items()) for inner, standing in list(on.items())
    ]


def _put(function: FunctionType, inner: Inner, wishes: Wishes) -> None:
    """Let ``wishes`` be what is on ``function``, or on the function ``inner`` of it; say what cannot be."""
    known = _standing.get(function, {}).get(inner)
    by_decorator = known is not None and known.by_decorator
    if by_decorator:
        for wish in wishes.values():
            if wish.line:
                _say(wish, "is traced already, by @traced_span: not traced")
        wishes = {place: wish for place, wish in wishes.items() if not wish.line}
    kept, refused = without_conflicts(wishes.values())
    for wish, rival in refused:
        _say(wish, f"is traced already, by line {rival.line}: not traced")
    essence = [wish.essence for wish in kept]
    standing = _Standing(wishes, essence, by_decorator)
    if known is not None and known.essence == essence and (inner or trampoline.is_instrumented(function)):
        _keep(function, inner, standing)
        return
    try:
        _exchange(function, inner, kept)
    except NotInstrumentable as reason:
        _say(kept[0], f"cannot be instrumented: {reason}: not traced")
    else:
        _keep(function, inner, standing)


def _exchange(function: FunctionType, inner: Inner, wishes: list[Wish]) -> None:
    code = build.inner(trampoline.original_code(function), inner)
    for wish in wishes:
        for mistake in wrong_captures(wish, code):
            _say(wish, f": {mistake}: left out")
    options = [Option(wish.only, around(wish, code, is_alone=len(wishes) == 1)) for wish in wishes]
    receiver: tuple[str, ...] = next((wish.receiver for wish in wishes if wish.receiver), ())
    chosen = choose(options, receiver)
    if inner:
        trampoline.instrument_inner(function, inner, chosen.hooks, chosen.shape)
    else:
        trampoline.instrument(function, chosen.hooks, chosen.shape)


def _keep(function: FunctionType, inner: Inner, standing: _Standing) -> None:
    if not _standing:
        at_end(restore_all)
    _standing.setdefault(function, {})[inner] = standing


def _take_back(function: FunctionType, inner: Inner) -> None:
    if inner:
        trampoline.restore_inner(function, inner)
    else:
        trampoline.restore(function)
    on = _standing.get(function, {})
    on.pop(inner, None)
    if not on:
        _standing.pop(function, None)


def _put_native(found: Native, wish: Wish) -> None:
    place = found.module, found.qualname
    if place in _natives and _natives[place][1].essence == wish.essence:
        return
    for mistake in wrong_captures(wish, None):
        _say(wish, f": {mistake}, for it has no Python code: left out")
    try:
        native.replace(found, hooks_without_code(wish))
    except NotInstrumentable as reason:
        _say(wish, f"{reason}: not traced")
        return
    _natives[place] = found, wish
    _say(wish, "has no Python code: a wrapper stands at its name, and references taken before are not traced")


def _say(wish: Wish, what: str) -> None:
    place = f"{wish.where or '@traced_span'}: {wish.module}:{wish.qualname}"
    say_once(f"{place}{'' if what.startswith(':') else ' '}{what}")
