"""Durations counted in buckets that are 9 % wide: eight to each power of two.

A percentile read from it is exact within that width. Two histograms add up by adding their counts, which is what
percentiles over any time and any group of operations are made from.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping

_PER_OCTAVE = 8
_ITEM = "I"  # unsigned, 4 bytes: bucket, count, bucket, count, ...


def bucket(duration: int) -> int:
    """The bucket of ``duration`` in nanoseconds; 0 holds everything up to one."""
    return int(math.log2(duration) * _PER_OCTAVE) if duration > 1 else 0


def pack(counts: Mapping[int, int]) -> bytes:
    """Counts by bucket as bytes, those that are not empty."""
    return array(_ITEM, [number for pair in sorted(counts.items()) for number in pair]).tobytes()


def unpack(packed: Iterable[bytes]) -> dict[int, int]:
    """The sums of what ``pack`` made of several counts."""
    numbers = array(_ITEM, b"".join(packed))
    counts: dict[int, int] = {}
    for index, count in zip(numbers[::2], numbers[1::2], strict=True):
        counts[index] = counts.get(index, 0) + count
    return counts


def percentiles(counts: Mapping[int, int], *shares: float) -> list[int]:
    """For each of ``shares`` (0.95: the 95th) the middle of its bucket in nanoseconds, 0 if nothing was counted."""
    total = sum(counts.values())
    ordered = sorted(counts.items())
    return [_at(ordered, math.ceil(share * total)) for share in shares]


def _at(ordered: list[tuple[int, int]], rank: int) -> int:
    seen = 0
    for index, count in ordered:
        seen += count
        if seen >= rank:
            return round(2 ** ((index + 0.5) / _PER_OCTAVE))
    return 0
