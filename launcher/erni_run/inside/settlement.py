"""When is a local trace complete? Once every span of it that was started here has ended and been delivered.

The application's threads only note when a local root begins and ends: one append to a deque, without a lock. What is
started and ended below it they count in the trace itself. Whoever delivers spans does the rest, when it reports what
became of them. Nothing here knows of spans, clocks of the system or the network.
"""

from __future__ import annotations

import copy
import time
from _thread import allocate_lock
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, Protocol, TypeVar

from erni_run.inside.forks import in_child

Outcome = Literal["complete", "lost_spans", "abandoned", "untracked"]
"""``lost_spans``: at least one was rejected or dropped. ``abandoned``: at least one has never ended. ``untracked``: it
is not known here, for there were too many traces at a time, or spans still wait on disk for whoever delivers them.
"""

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)  # seconds
_NOTED = 65_536  # of each kind may be noted before they are counted
_NAMES = 64
_OTHER = "other"
_TRACE_ID = slice(2, 18)  # of an encoded span: it is the first field (opentelemetry/proto/trace/v1)

_T = TypeVar("_T")


@dataclass
class Durations:
    """A histogram of seconds: ``buckets[i]`` are those up to ``BOUNDS[i]``, the last all others."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one that took ``seconds``."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


@dataclass
class Totals:
    """Since the process began: spans ``started`` and ``ended`` in the traces that were followed; traces ``settled``, by
    outcome and name of the local root, and how long those roots took.
    """

    started: int = 0
    ended: int = 0
    settled: Counter[tuple[Outcome, str]] = field(default_factory=Counter)
    durations: dict[tuple[Outcome, str], Durations] = field(default_factory=dict)


class Local(Protocol):
    """A trace below one local root: how many spans have been ``started`` and have ``ended`` there so far."""

    trace_id: int
    started: int
    ended: int


class _Trace:
    """A trace with the local roots below which it goes on here: nearly always one, ``local``."""

    __slots__ = ("local", "longest", "lost", "more", "name", "roots", "settled", "touched")

    def __init__(self, local: Local, name: str, now: float) -> None:
        self.local = local
        self.more: tuple[Local, ...] = ()
        self.name = name
        self.touched = now  # seconds of the clock
        self.settled = self.lost = 0
        self.roots = 1  # local roots that have not ended
        self.longest = 0.0  # of the local roots, in seconds

    @property
    def started(self) -> int:
        return self.local.started + sum(local.started for local in self.more) if self.more else self.local.started

    @property
    def ended(self) -> int:
        return self.local.ended + sum(local.ended for local in self.more) if self.more else self.local.ended


class Settlement:
    """Follows at most ``capacity`` traces at a time.

    Nothing is followed before ``follow`` is called, for it costs the sender a few microseconds a trace.
    A trace whose root has ended is given up when nothing has happened in it for ``grace`` seconds, any other after
    ``idle`` seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        capacity: int = 8192,
        grace: float = 30.0,
        idle: float = 900.0,
    ) -> None:
        self._clock = clock
        self._capacity = capacity
        self._grace = grace
        self._idle = idle
        self._is_following = False
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        """A process's own state: what the parent has started, the parent counts."""
        self._counting = allocate_lock()
        self._totals = Totals()
        self._names: set[str] = set()
        self._traces: dict[int, _Trace] = {}
        self._begun: deque[tuple[Local, str]] = deque(maxlen=_NOTED)
        self._over: deque[tuple[int, float]] = deque(maxlen=_NOTED)

    def follow(self) -> None:
        """Follow the traces that begin from now on; in forked children, too."""
        self._is_following = True

    def began(self, local: Local, name: str) -> None:
        """A local root, ``name``, of a trace that is kept has started."""
        if self._is_following:
            self._begun.append((local, name))

    def over(self, local: Local, seconds: float) -> None:
        """A local root has ended, after ``seconds``. To be called before its span is handed over for delivery."""
        if self._is_following:
            self._over.append((local.trace_id, seconds))

    def settled(self, spans: Sequence[bytes], outcome: str, reason: str = "") -> None:  # noqa: ARG002  # a Watcher's
        """``spans``, encoded as OTLP has it, were "delivered", or otherwise lost."""
        with self._counting:
            self._count()
            now = self._clock()
            traces, lost = self._traces, 0 if outcome == "delivered" else 1
            for encoded, known in Counter([span[_TRACE_ID] for span in spans]).items():
                if (trace := traces.get(trace_id := int.from_bytes(encoded, "big"))) is not None:
                    trace.touched = now
                    trace.settled += known
                    trace.lost += known * lost
                    if trace.settled >= trace.started:
                        self._settle(trace_id, trace, "lost_spans" if trace.lost else "complete")

    def sweep(self, now: float) -> None:
        """Settle the traces that nothing has happened in for too long at ``now``, in seconds of the clock."""
        with self._counting:
            self._count()
            for trace_id, trace in list(self._traces.items()):
                silent = now - trace.touched
                is_over = not trace.roots and trace.ended <= trace.settled  # nothing is on its way
                if silent > self._idle or (is_over and silent > self._grace):
                    self._give_up(trace_id, trace)

    def finish(self) -> None:
        """Settle all traces: the process ends."""
        with self._counting:
            self._count()
            for trace_id, trace in list(self._traces.items()):
                self._give_up(trace_id, trace)

    def stop(self) -> None:
        """Follow nothing any more: nobody wants to know."""
        self._is_following = False
        with self._counting:
            self._count()
            self._traces.clear()

    def snapshot(self) -> Totals:
        """The totals as they are now."""
        with self._counting:
            self._count()
            totals = copy.deepcopy(self._totals)
            totals.started += sum(trace.started for trace in self._traces.values())
            totals.ended += sum(trace.ended for trace in self._traces.values())
            return totals

    def _give_up(self, trace_id: int, trace: _Trace) -> None:
        if trace.lost:
            self._settle(trace_id, trace, "lost_spans")
        else:
            self._settle(trace_id, trace, "abandoned" if trace.ended < trace.started else "untracked")

    def _count(self) -> None:
        """Count what has been noted. Ends are taken first: whatever is over by then is found among what has begun."""
        is_too_much = len(self._begun) == _NOTED or len(self._over) == _NOTED
        over, now, traces = list(_taken(self._over)), self._clock(), self._traces
        for local, name in _taken(self._begun):
            trace = traces.get(local.trace_id)
            if trace is None:
                traces[local.trace_id] = _Trace(local, name, now)
            else:
                trace.more += (local,)
                trace.roots += 1
                trace.touched = now
        for trace_id, seconds in over:
            if (trace := traces.get(trace_id)) is not None:
                trace.roots -= 1
                trace.touched = now
                trace.longest = max(trace.longest, seconds)
        if is_too_much:  # and some of it is forgotten
            self._forget(len(traces))
        elif len(traces) > self._capacity:
            self._forget(len(traces) - self._capacity)

    def _forget(self, oldest: int) -> None:
        for trace_id, trace in list(islice(self._traces.items(), oldest)):
            self._settle(trace_id, trace, "untracked")

    def _settle(self, trace_id: int, trace: _Trace, outcome: Outcome) -> None:
        del self._traces[trace_id]
        totals, name = self._totals, trace.name
        if name not in self._names:
            name = self._new_name(name)
        key = outcome, name
        totals.settled[key] += 1
        totals.started += trace.started
        totals.ended += trace.ended
        if not trace.roots:
            durations = totals.durations.get(key)
            if durations is None:
                durations = totals.durations[key] = Durations()
            durations.add(trace.longest)

    def _new_name(self, name: str) -> str:
        if len(self._names) >= _NAMES:
            return _OTHER
        self._names.add(name)
        return name


def _taken(noted: deque[_T]) -> Iterable[_T]:
    """As many as are noted now, taken out; others may note more meanwhile."""
    return islice(iter(noted.popleft, None), len(noted))
