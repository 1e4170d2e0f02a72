"""Trace ids from the numbers that are drawn for traces, from 0 to 1, to decide on them."""

from __future__ import annotations

RANDOM_BITS = 56
"""The bits of a trace id, the last ones, by which services decide (W3C Trace Context level 2)."""

DRAWN_BITS = 53
"""Those that a float from 0 to 1 has, the first of these."""
OPEN_BITS = 128 - DRAWN_BITS
"""Those of a trace id that a number leaves open."""

_FREE_BITS = RANDOM_BITS - DRAWN_BITS


def share(threshold: int) -> float:
    """``threshold``, of ``RANDOM_BITS``, as a share of 1, as far as a number that is drawn can be compared with it."""
    return (threshold >> _FREE_BITS) / (1 << DRAWN_BITS)


def trace_id(drawn: float, bits: int, least: int = 0) -> int:
    """The trace id that ``drawn``, a number from 0 to 1, has decided on, at least ``least`` in its ``RANDOM_BITS``;
    ``bits`` are the ``OPEN_BITS``.
    """
    decisive = int(drawn * (1 << DRAWN_BITS)) << _FREE_BITS | bits & (1 << _FREE_BITS) - 1
    return (bits >> _FREE_BITS & (1 << 128 - RANDOM_BITS) - 1) << RANDOM_BITS | max(decisive, least)
