"""What of an attribute may leave the process: nothing under a redacted name, and no string longer than is useful."""

from __future__ import annotations

from fnmatch import fnmatchcase

from erni_run.plan import CapturePlan, Value

REDACTED = "[redacted]"


def redact(name: str, value: Value, bounds: CapturePlan) -> Value:
    """``value`` as the attribute ``name`` may carry it. Names are compared without regard to case."""
    if any(fnmatchcase(name.lower(), glob.lower()) for glob in bounds.redact):
        return REDACTED
    if isinstance(value, str) and len(value) > bounds.max_length:
        return value[: bounds.max_length - 1] + "…"
    return value
