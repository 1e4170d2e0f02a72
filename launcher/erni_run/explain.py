"""``--explain``: what will be traced, and where each setting comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from erni_run.config.document import dotted
from erni_run.config.installed import Installed, has_instrumentation, is_there
from erni_run.config.libraries import Library, installation
from erni_run.config.read import Reading
from erni_run.inside.functions.site import Wish
from erni_run.inside.libraries import NATIVE
from erni_run.plan import CapturePlan, Plan, SamplingRule, SpanPlan

_SECONDS = frozenset({"timeout", "exit_budget", "max_age", "keep_slower_than", "every"})
_BYTES = frozenset({"max_size"})
_SHOWN_APART = frozenset(
    {"libraries.modules", "libraries.options", "service.attributes", "sampling.rules", "export.configured"}
)


def explain(reading: Reading) -> str:
    """The text for standard error, one setting a line. Headers are named, never shown."""
    settings = dict(_settings(reading.plan))
    width = max(map(len, settings))
    origins = reading.origins
    lines = ["erni-run: settings"]
    lines += [f"  {key:<{width}}  {value}   ({origins.get(key, 'default')})" for key, value in settings.items()]
    lines += _spans(reading.plan.spans)
    lines += _libraries(reading.plan)
    return "\n".join(lines) + "\n"


def _settings(plan: Plan) -> Iterator[tuple[str, str]]:
    """Every option that is in force, by the key under which its origin is kept."""
    for section in dataclasses.fields(plan):
        part = getattr(plan, section.name)
        for option in dataclasses.fields(part) if dataclasses.is_dataclass(part) else ():
            key = f"{section.name}.{option.name}"
            if key not in _SHOWN_APART:
                yield key, _shown(option.name, getattr(part, option.name))
    for name, value in plan.service.attributes.items():
        yield dotted(("service", "attributes", name)), str(value)
    yield from ((f"sampling.rule[{index}]", _rule(rule)) for index, rule in enumerate(plan.sampling.rules))
    for library, options in plan.libraries.options.items():
        yield from ((dotted(("libraries", library, name)), str(value)) for name, value in options.items())


def _shown(option: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: ***" for name in value) or "-"  # headers: a secret's value is never printed
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, (int, float)):
        return _quantity(option, value)
    if option == "endpoint":
        return str(value).partition("?")[0]
    return "auto" if value is None else value or "-"


def _quantity(option: str, value: float) -> str:
    if option in _BYTES:
        return f"{value / 2**20:g} MiB"
    if option not in _SECONDS:
        return f"{value:g}"
    return "-" if not value else f"{value / 3600:g} h" if value >= 3600 else f"{value:g} s"


def _rule(rule: SamplingRule) -> str:
    return f"{rule.ratio:g} of {rule.name or f'{rule.attribute} = {rule.matches}'}"


def _spans(spans: Sequence[SpanPlan]) -> Iterator[str]:
    """The names that are recorded, with what is known of them before a module has been imported: globs stay."""
    yield f"erni-run: spans ({len(spans)})"
    for span in spans:
        wish = Wish(span, CapturePlan(), span.module, span.qualname)
        yield f"  {wish.filled.name}   {span.target}   (line {span.line})"


def _speaks_for_itself(library: Library) -> bool:
    return library.name in NATIVE and is_there(NATIVE[library.name])


def _libraries(plan: Plan) -> Iterator[str]:
    """The libraries that are installed and wanted, and what to install for those that would not be traced."""
    here = Installed().wanted(plan.libraries)
    lacking = [library for library in here if not (has_instrumentation(library) or _speaks_for_itself(library))]
    yield f"erni-run: libraries that are installed ({len(here)})"
    width = max((len(library.name) for library in here), default=0)
    for library in here:
        state = "its instrumentation is not installed" if library in lacking else "traced when imported"
        yield f"  {library.name:<{width}}   {state}"
    if lacking:
        command = installation(library.distribution for library in lacking)
        yield f"erni-run: to trace {', '.join(library.name for library in lacking)}: {command}"
