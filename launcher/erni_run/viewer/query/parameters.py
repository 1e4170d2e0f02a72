"""Values as they stand in a URL."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LARGEST = 2**63 - 1


class BadParameter(ValueError):
    """A parameter cannot be understood; ``str()`` says which and what it should be."""


def duration(name: str, value: str) -> int | None:
    """Nanoseconds of ``5ms``, ``1.5s`` or ``1m30s``, None for the empty string. Raises BadParameter."""
    if not value:
        return None
    if not re.fullmatch(f"(?:{_DURATION.pattern})+", value):
        raise BadParameter(f"{name}: write a duration with its unit, such as 250us, 5ms, 1.5s or 2m")
    total = sum(float(amount) * _UNITS[unit] for amount, unit in _DURATION.findall(value))
    return min(round(total), _LARGEST)


def number(name: str, value: str, least: int = 0, most: int = _LARGEST) -> int | None:
    """A whole number, None for the empty string. Raises BadParameter."""
    if not value:
        return None
    if not re.fullmatch(r"\d{1,19}", value) or not least <= int(value) <= most:
        raise BadParameter(f"{name}: write a whole number from {least} to {most}")
    return int(value)


def choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``, the first for the empty string. Raises BadParameter."""
    if value and value not in choices:
        raise BadParameter(f"{name}: write {' or '.join(choices)}")
    return value or choices[0]


def trace_id(value: str) -> bytes:
    """The 16 bytes of a trace id in hexadecimal, leading zeros left out or not. Raises BadParameter."""
    if not re.fullmatch(r"[0-9a-fA-F]{1,32}", value):
        raise BadParameter("a trace id has up to 32 hexadecimal digits")
    return bytes.fromhex(value.zfill(32))
