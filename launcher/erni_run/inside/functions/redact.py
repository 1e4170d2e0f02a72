"""What of an attribute may leave the process: nothing under a redacted name, and no value longer than is useful."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from erni_run.inside.functions.value import clean, text
from erni_run.inside.functions.written import REDACTED
from erni_run.plan import CapturePlan, Value


def is_redacted(name: str, bounds: CapturePlan) -> bool:
    """Whether a value of this name stays in the process. Case makes no difference, nor do hyphens and underscores."""
    return _matches_any(name, bounds.redact)


@lru_cache(maxsize=4096)
def _matches_any(name: str, globs: tuple[str, ...]) -> bool:
    lower = name.lower()
    spellings = {lower, lower.replace("-", "_"), lower.replace("_", "-")}
    return any(fnmatchcase(spelling, glob.lower()) for glob in globs for spelling in spellings)


def redact(name: str, value: Any, bounds: CapturePlan) -> Value:
    """``value`` as the attribute ``name`` may carry it."""
    return REDACTED if is_redacted(name, bounds) else bounded(value, bounds)


def bounded(value: Any, bounds: CapturePlan) -> Value:
    """``value`` as ``clean`` makes it within ``bounds``."""
    return clean(value, bounds.max_length, lambda name: is_redacted(name, bounds))


def written(value: Any, bounds: CapturePlan) -> str:
    """``str(value)`` within ``bounds``."""
    return text(value, bounds.max_length, lambda name: is_redacted(name, bounds))
