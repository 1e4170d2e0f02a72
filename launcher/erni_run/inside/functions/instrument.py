"""Put the plan's spans on the functions of a module that has just been imported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from erni_run.inside.ending import at_end
from erni_run.inside.functions import trampoline
from erni_run.inside.functions.probe import Probe, Site
from erni_run.inside.functions.redact import redact
from erni_run.inside.functions.resolve import Found, NotFound, resolve
from erni_run.inside.imports import is_glob, matches
from erni_run.inside.notice import say_once
from erni_run.plan import CapturePlan, Plan, SpanPlan

_NAMED_BY_FUNCTION = frozenset({"code.function.name", "function.name"})
_entries: WeakKeyDictionary[FunctionType, SpanPlan] = WeakKeyDictionary()


def instrument(module: ModuleType, plan: Plan) -> None:
    """Instrument what ``plan`` names in ``module``; say once what cannot be traced. Our own modules are left alone."""
    if module.__name__.partition(".")[0] == "erni_run":
        return
    file = os.path.basename(plan.config) or "tracing.toml"
    for span in plan.spans:
        if not matches(span.module, module.__name__):
            continue
        try:
            hits = resolve(module, span.qualname, span.layer)
        except NotFound as missing:
            if not is_glob(span.module):  # a glob need not find something in every module that it covers
                say_once(f"{file}:{span.line}: {missing}: not traced")
            continue
        for hit in hits:
            problem = put(hit, span, plan.capture)
            if problem:
                say_once(f"{file}:{span.line}: {hit.module}:{hit.qualname} {problem}: not traced")


def put(found: Found, span: SpanPlan, capture: CapturePlan) -> str:
    """Put ``span`` on one function. Returns what prevents it, "" if nothing did."""
    earlier = _entries.get(found.function)
    if earlier is not None and earlier != span and trampoline.is_instrumented(found.function):
        return f"is traced already, by {f'line {earlier.line}' if earlier.line else '@traced_span'}"
    captured = _receiver(found)
    probe = Probe(_site(found, span, capture, found.inherited_by if captured else None))
    try:
        trampoline.instrument(
            found.function, probe.hooks(generator=trampoline.is_generator(found.function), with_result=False), captured
        )
    except trampoline.NotInstrumentable as reason:
        return f"cannot be instrumented: {reason}"
    if not _entries:
        at_end(restore_all)
    _entries[found.function] = span
    return ""


def _receiver(found: Found) -> tuple[str, ...]:
    """The name of the parameter that tells for which class an inherited method is called, () if there is none."""
    positional = found.function.__code__.co_varnames[: found.function.__code__.co_argcount]
    return positional[:1] if found.inherited_by and not found.is_static else ()


def restore_all() -> None:
    """Put every function's original code back.

    At the end of the process, too: the garbage collector does not look into code objects, so a module whose function is
    still instrumented would not be cleared, nor its files be closed.
    """
    for function in list(_entries):
        trampoline.restore(function)
        _entries.pop(function, None)


def _site(found: Found, span: SpanPlan, capture: CapturePlan, only: type | None) -> Site:
    owner, _, name = found.qualname.rpartition(".")
    words = {"module": found.module, "class": owner, "function": name, "qualname": found.qualname}
    return Site(
        name=_fill(span.name or "{qualname}", words),
        kind=span.kind,
        attributes={
            key: redact(key, _fill(str(value), words) if key in _NAMED_BY_FUNCTION else value, capture)
            for key, value in span.attributes.items()
        },
        cancelled=span.cancelled,
        ignore=frozenset(span.ignore),
        record_exceptions=capture.exceptions,
        only=only,
    )


def _fill(text: str, words: Mapping[str, str]) -> Any:
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value)
    return text
