"""What of an attribute may leave the process: nothing under a redacted name, and no value longer than is useful."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from erni_run.inside.functions.value import clean
from erni_run.plan import CapturePlan, Value

REDACTED = "[redacted]"


def is_redacted(name: str, bounds: CapturePlan) -> bool:
    """Whether a value of this name stays in the process. Names are compared without regard to case."""
    return any(fnmatchcase(name.lower(), glob.lower()) for glob in bounds.redact)


def redact(name: str, value: Any, bounds: CapturePlan) -> Value:
    """``value`` as the attribute ``name`` may carry it."""
    return REDACTED if is_redacted(name, bounds) else clean(value, bounds.max_length)
