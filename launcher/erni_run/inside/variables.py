"""OpenTelemetry's own modules read variables when they are imported, and some raise over what they cannot use.

They look a variable up by a constant of ``opentelemetry.environment_variables`` or of its namesake in the SDK. What the
start has found to be of no use is hidden from them there; the environment itself is the application's.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from erni_run.inside.notice import describe, say_once
from erni_run.plan import VariablesPlan

_PROPAGATORS = "OTEL_PROPAGATORS"
_GROUPS = {
    "OTEL_PYTHON_METER_PROVIDER": "opentelemetry_meter_provider",
    "OTEL_PYTHON_LOGGER_PROVIDER": "opentelemetry_logger_provider",
}
_NOWHERE = "ERNI_RUN_IGNORES_THIS_VARIABLE"


def hide(names: ModuleType, plan: VariablesPlan) -> None:
    """Let ``names``, a module of constants, lead to no variable that is of no use."""
    for constant, variable in list(vars(names).items()):
        if variable in plan.ignored or (variable in list(plan.plugins) and not _is_left_to_otel(variable, plan)):
            setattr(names, constant, _NOWHERE)


def _is_left_to_otel(variable: str, plan: VariablesPlan) -> bool:
    if variable not in _GROUPS:
        return False
    from importlib.metadata import entry_points  # late, as below: it loads some thirty modules

    (name,) = plan.plugins[variable]
    if entry_points(group=_GROUPS[variable], name=name):
        return True
    say_once(f"{variable}: {name!r} is not installed; ignored: the default is used")
    return False


def propagate(module: ModuleType, plan: VariablesPlan) -> None:
    """Give ``module``, which is ``opentelemetry.propagate``, the propagators that OTEL_PROPAGATORS names and that are
    installed.
    """
    names = plan.plugins.get(_PROPAGATORS)
    if names is None:
        return
    from opentelemetry.propagators.composite import CompositePropagator

    found = [] if "none" in names else [made for made in map(_propagator, dict.fromkeys(names)) if made is not None]
    if found or "none" in names:
        module.set_global_textmap(CompositePropagator(found))


def _propagator(name: str) -> Any:
    """The propagator ``name``, None if there is none, which is said."""
    from importlib.metadata import entry_points

    try:
        for point in entry_points(group="opentelemetry_propagator", name=name):
            return point.load()()
    except Exception as error:
        say_once(f"{_PROPAGATORS}: {name!r} is left out: {describe(error)}")
        return None
    say_once(f"{_PROPAGATORS}: {name!r} is not installed and is left out")
    return None
