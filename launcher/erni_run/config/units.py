"""Durations ("250ms", "10s") and sizes ("256MiB") as the file writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from erni_run.config.rules import Wrong, quote, text

_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}
_SIZES = {unit.lower(): factor for unit, factor in _BYTES.items()}

DURATION_PATTERN = r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)\s*$"
SIZE_PATTERN = r"^\s*\d+(\.\d+)?\s*([KMGTkmgt]i?)?[Bb]\s*$"


def seconds(value: object) -> float:
    """A duration in seconds. Raises Wrong."""
    amount, unit = _split(value, "duration", '"250ms", "10s", "2m", "1h" or "2d"')
    if unit not in _SECONDS:
        raise Wrong("duration", f"{quote(value)} is not a duration; write one as {_listed(_SECONDS, amount)}")
    return float(amount) * _SECONDS[unit]


def positive_seconds(value: object) -> float:
    """A duration in seconds that is not zero. Raises Wrong."""
    return _not_zero(value, seconds(value))


def optional_seconds(value: object) -> float:
    """A duration in seconds, 0 for the empty string that switches an option off. Raises Wrong."""
    return 0.0 if value == "" else seconds(value)


def size(value: object) -> int:
    """A size in bytes; MB is a million, MiB is 1024 KiB. Raises Wrong."""
    amount, unit = _split(value, "size", '"512KiB", "256MiB", "1GiB" or "100MB"')
    if unit.lower() not in _SIZES:
        raise Wrong(
            "size", f"{quote(value)} is not a size; write one as {_listed(('KiB', 'MiB', 'GiB', 'MB'), amount)}"
        )
    return int(_not_zero(value, int(float(amount) * _SIZES[unit.lower()])))


def _not_zero(value: object, amount: float) -> float:
    if not amount:
        raise Wrong("out-of-range", f"{quote(value)} is no more than zero")
    return amount


def _split(value: object, slug: str, examples: str) -> tuple[str, str]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise Wrong(slug, f"{quote(value)} has no unit; write a string such as {examples}")
    found = _QUANTITY.fullmatch(text(value))
    if not found:
        raise Wrong(slug, f"{quote(value)} is not a {slug}; write {examples}")
    return found[1], found[2]


def _listed(units: Iterable[str], amount: str) -> str:
    return ", ".join(f'"{amount}{unit}"' for unit in units)
