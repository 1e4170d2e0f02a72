"""Sends what tracing says of itself, every so often and when the process ends.

Nothing is kept for a collector that is away: the next report has the same sums and more. A collector that takes no
metrics is left alone, without a word if nobody has asked for metrics.
"""

from __future__ import annotations

import time
from _thread import allocate_lock
from collections.abc import Callable

from erni_run.inside import forks
from erni_run.inside.background import Background
from erni_run.inside.counts import failed_captures
from erni_run.inside.delivery.transport import METRICS, Answer, Transport, open_transport
from erni_run.inside.forks import in_child
from erni_run.inside.notice import say_rarely
from erni_run.inside.settlement import Settlement
from erni_run.plan import ExportPlan, MetricsPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from erni_run.inside.metrics.report import Spans


class Reporter:
    """Reports what ``spans`` counts and ``settlement`` knows; ``resource`` gives the process's serialized Resource.

    ``follow`` is called when somebody wants to know of traces: at once if metrics were asked for, else when the first
    report was taken. It returns what ends it. ``overflowed`` counts traces whose end was not waited for.
    """

    def __init__(
        self,
        export: ExportPlan,
        plan: MetricsPlan,
        resource: Callable[[], bytes],
        spans: Callable[[], Spans],
        settlement: Settlement,
        *,
        follow: Callable[[], Callable[[], object]],
        overflowed: Callable[[], int] = lambda: 0,
    ) -> None:
        self._export = export
        self._is_asked_for = plan.enabled == "true"
        self._resource = resource
        self._spans = spans
        self._settlement = settlement
        self._follow = follow
        self._overflowed = overflowed
        self._unfollow: Callable[[], object] | None = None
        self._is_unwanted = False
        self._background = Background("metrics", self._report_regularly, plan.every)
        self._begin()
        if self._is_asked_for:
            self._want()
        in_child(self._begin)

    def _begin(self) -> None:
        """A process's own state."""
        self._reporting = allocate_lock()
        self._since = time.time_ns()
        self._transport: Transport | None = None
        self._is_taken = self._is_over = False

    def start(self) -> None:
        """Report from now on, once there is anything to report on; to be called again and again, in children too."""
        if not (self._background.is_running or self._is_unwanted) and self._spans().delivered:
            self._background.start()

    def _want(self) -> None:
        self._settlement.follow()
        self._unfollow = self._follow()

    def finish(self, timeout: float) -> None:
        """Report for the last time, within ``timeout`` seconds: after the last spans have gone.

        A process that was not asked for metrics and has ended before it sent any ends without.
        """
        if self._is_over or self._is_unwanted or not (self._is_taken or self._is_asked_for) or timeout <= 0:
            return
        self._settlement.finish()
        self._report(timeout)
        self._is_over = True

    def _report_regularly(self) -> None:
        if not (self._is_over or self._is_unwanted):
            self._settlement.sweep(time.monotonic())
            self._report(self._export.timeout)

    def _report(self, timeout: float) -> None:
        if self._reporting.acquire(timeout=timeout):
            try:
                self._judge(self._send(timeout))
            finally:
                self._reporting.release()

    def _judge(self, answer: Answer) -> None:
        if answer.delivered:
            self._is_taken = True
            if self._unfollow is None:
                self._want()
        if not (answer.misconfigured or answer.refused):
            return
        if self._is_asked_for:
            address = self._export.endpoint.partition("?")[0]
            say_rarely(f"{address} takes no metrics: {answer.reason}", kind="metrics")
        else:
            self._is_unwanted = True
            self._settlement.stop()
            if self._unfollow is not None:
                self._unfollow()

    def _send(self, timeout: float) -> Answer:
        try:
            if self._transport is None:
                self._transport = open_transport(self._export, METRICS)
        except ValueError as error:
            return Answer(misconfigured=True, reason=str(error))
        with forks.late_import():  # late: most processes end before their first report
            from erni_run.inside.metrics.report import Moment, request

        now = time.time_ns()
        moment = Moment(
            since=self._since,
            now=now,
            spans=self._spans(),
            traces=self._settlement.snapshot(),
            failed_captures=dict(failed_captures),
            overflowed=self._overflowed(),
        )
        return self._transport.send(request(self._export, self._resource(), moment), timeout)
