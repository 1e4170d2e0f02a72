"""Random ids whose source neither the application's ``random.seed()`` nor a fork repeats."""

from __future__ import annotations

import _random
import os
import random

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from erni_run.inside.forks import in_child

_source = random.Random(os.urandom(32))  # noqa: S311  # ids are no secrets
random_bits = _source.getrandbits


class Lot(_random.Random):  # random.Random has variables, which CPython 3.11 looks through for each call
    """Draws a number, ``random()``, for each trace that begins with nothing above it; ``unkept`` is the share of them
    that is not kept, 0.0 if it takes more than a number to decide on one. ``is_looked_at``: somebody looks at the
    attributes that spans start with.
    """

    __slots__ = ("is_looked_at", "unkept")

    def __init__(self) -> None:
        self.unkept = 0.0
        self.is_looked_at = False
        self.begin()

    def begin(self) -> None:
        """Draw other numbers than the parent of a forked child."""
        self.seed(int.from_bytes(os.urandom(32), "big"))


class OwnIds(RandomIdGenerator):
    """See ``opentelemetry.sdk.trace.id_generator.IdGenerator``."""

    def generate_span_id(self) -> int:
        """64 random bits, not all zero."""
        return random_bits(64) or 1

    def generate_trace_id(self) -> int:
        """128 random bits, not all zero."""
        return random_bits(128) or 1


in_child(lambda: _source.seed(os.urandom(32)))
