"""Trace ids from the numbers that are drawn for traces, from 0 to 1, to decide on them."""

from __future__ import annotations

RANDOM_BITS = 56
"""The bits of a trace id, the last ones, by which services decide (W3C Trace Context level 2)."""

_DRAWN_BITS = 53  # of a float from 0 to 1
_FREE_BITS = RANDOM_BITS - _DRAWN_BITS


def share(threshold: int) -> float:
    """``threshold``, of ``RANDOM_BITS``, as a share of 1, as far as a number that is drawn can be compared with it."""
    return (threshold >> _FREE_BITS) / (1 << _DRAWN_BITS)


def trace_id(drawn: float, bits: int, least: int = 0) -> int:
    """The trace id that ``drawn``, a number from 0 to 1, has decided on, at least ``least`` in its ``RANDOM_BITS``;
    ``bits`` are the 75 that it leaves open.
    """
    decisive = int(drawn * (1 << _DRAWN_BITS)) << _FREE_BITS | bits & (1 << _FREE_BITS) - 1
    return (bits >> _FREE_BITS & (1 << 128 - RANDOM_BITS) - 1) << RANDOM_BITS | max(decisive, least)
