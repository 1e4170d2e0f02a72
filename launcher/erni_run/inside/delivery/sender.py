"""One batch to the collector: send it, take it apart where the answer says so, and count what became of its spans."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from erni_run.inside import forks
from erni_run.inside.delivery.account import Tally
from erni_run.inside.delivery.breaker import Breaker
from erni_run.inside.delivery.request import Batch, Record, halves, split
from erni_run.inside.delivery.transport import Answer, Transport
from erni_run.inside.notice import describe
from erni_run.plan import ExportPlan

Connect = Callable[[ExportPlan], Transport]

_MOST_REQUESTS = 64  # for one batch
_CODE = re.compile(r"HTTP \d+|[\w-]{1,32}")


@dataclass
class Outcome:
    """What became of a batch: ``tally`` counts what is settled, ``rest`` is what the collector did not take this time.

    ``settled`` names the parts with what became of each: "delivered", "rejected" or "dropped", and why.
    """

    tally: Tally = field(default_factory=Tally)
    rest: list[Batch] = field(default_factory=list)
    settled: list[tuple[Batch, str, str]] = field(default_factory=list)

    @property
    def records(self) -> list[Record]:
        """The rest, apart."""
        return [record for batch in self.rest for record in split(batch.request)]


class Sender:
    """Speaks to the collector of ``plan`` by way of ``connect``; ``keep_rejected`` gets what it refuses for good."""

    def __init__(self, plan: ExportPlan, keep_rejected: Callable[[Batch], None], connect: Connect) -> None:
        self._plan = plan
        self._connect = connect
        self._keep_rejected = keep_rejected
        self._transport: Transport | None = None
        self._is_worth_halving = True
        self.breaker = Breaker()
        self.trouble = Answer()
        self.rejection = ""
        self.sent = Tally()

    def send(self, batch: Batch, timeout: Callable[[], float]) -> Outcome:
        """Send ``batch``, each request within ``timeout()`` seconds.

        A request that is refused is halved until what is wrong with it is found; one that is too large until it is
        not. A collector that refuses everything is not asked span by span. A single span that is too large waits,
        unless it is refused: another time the collector may have room for it.
        """
        outcome = Outcome()
        parts = [batch]
        requests = 0
        while parts:
            part = parts.pop()
            answer = self._post(part.request, timeout())
            requests += 1
            if answer.delivered:
                self._delivered(part, answer, outcome)
            elif part.spans > 1 and requests < _MOST_REQUESTS and self._is_to_be_halved(answer):
                _halve(part, parts, outcome)
            elif answer.refused:
                self._rejected(part, answer, outcome)
            else:
                self._failed(answer)
                outcome.rest = [part, *parts]
                break
        self.sent.add(outcome.tally)
        if requests > 1 and not outcome.rest:
            self._is_worth_halving = outcome.tally.delivered > 0
        return outcome

    def _post(self, request: bytes, timeout: float) -> Answer:
        try:
            if self._transport is None:
                with forks.late_import():
                    self._transport = self._connect(self._plan)
            return self._transport.send(request, timeout)
        except Exception as error:  # e.g. a certificate file that does not exist
            return Answer(reason=describe(error))

    def _is_to_be_halved(self, answer: Answer) -> bool:
        return answer.too_large or (answer.refused and self._is_worth_halving)

    def _delivered(self, part: Batch, answer: Answer, outcome: Outcome) -> None:
        rejected = min(answer.rejected, part.spans)
        outcome.tally.deliver(part.spans - rejected)
        if rejected:
            outcome.tally.reject(rejected, "partial success")
            self.rejection = answer.reason or "no reason given"
        outcome.settled.append((part, "delivered", answer.reason))
        self._is_worth_halving = True
        self._answered()

    def _rejected(self, part: Batch, answer: Answer, outcome: Outcome) -> None:
        code = _CODE.match(answer.reason)
        outcome.tally.reject(part.spans, code[0] if code else "refused")
        outcome.settled.append((part, "rejected", answer.reason))
        self.rejection = answer.reason
        self._keep_rejected(part)
        self._answered()

    def _answered(self) -> None:
        self.breaker.succeeded()
        self.trouble = Answer()

    def _failed(self, answer: Answer) -> None:
        self.breaker.failed(answer.retry_after)
        self.trouble = answer


def _halve(part: Batch, parts: list[Batch], outcome: Outcome) -> None:
    try:
        first, second = halves(part)
    except ValueError:  # it was no request
        outcome.tally.drop(part.spans, "damaged")
        outcome.settled.append((part, "dropped", "damaged"))
        return
    parts += (second, first)
