"""When the next request is worth a try: pauses that grow, and differ between processes.

Full jitter: each pause is drawn anew below a limit that doubles, so that many processes do not come back as one.
"""

from __future__ import annotations

import random
import time

_FIRST_LIMIT, _LONGEST_LIMIT = 0.5, 30.0  # seconds
_SHORTEST_PAUSE = 0.05


class Breaker:
    """Open while the collector takes nothing and the pause after the last failure lasts."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether to wait."""
        return time.monotonic() < self._until

    def failed(self, retry_after: float) -> None:
        """The collector took nothing; ``retry_after`` is how many seconds it wants to be left alone."""
        limit = min(_FIRST_LIMIT * 2**self._failures, _LONGEST_LIMIT)
        self._failures = min(self._failures + 1, 16)
        pause = random.uniform(_SHORTEST_PAUSE, limit)  # noqa: S311  # spreads load, guards nothing
        self._until = time.monotonic() + max(retry_after, pause)

    def succeeded(self) -> None:
        """The collector answers."""
        self._failures = 0
        self._until = 0.0
