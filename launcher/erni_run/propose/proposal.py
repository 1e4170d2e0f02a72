"""What ``init`` has found in a package: the way into this room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from erni_run.propose.candidate import Candidate
from erni_run.propose.candidates import KINDS
from erni_run.propose.commands import public
from erni_run.propose.handoffs import Handoff, handoffs
from erni_run.propose.outline import Function, outline
from erni_run.propose.package import Package
from erni_run.propose.sources import Unread, read, service


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """``package`` is what was asked for, ``service`` a name for the application; ``spans`` are by kind;
    ``out_of_reach`` counts functions that no target names; ``unclear`` are lines of text.
    """

    package: str
    service: str
    handoffs: list[Handoff]
    spans: dict[str, list[Candidate]]
    out_of_reach: int
    unclear: list[str]
    unread: list[Unread]

    @property
    def count(self) -> int:
        """The number of entries, without those that are comments."""
        return len(self._all()) - self.comments

    @property
    def comments(self) -> int:
        """The number of entries that are comments."""
        return sum(candidate.is_comment for candidate in self._all())

    def _all(self) -> list[Candidate]:
        return [*self.handoffs, *(candidate for several in self.spans.values() for candidate in several)]


def propose(package: str, folder: str, search: Sequence[str]) -> Proposal:
    """Read ``package``, a dotted name or a path below ``folder``, as ``sources.read`` does. Raises NoSource."""
    sources, unread = read(package, folder, search)
    found = Package([outline(source) for source in sources])
    candidates = list(handoffs(found))
    choice = _Choice()
    chosen = choice.of(candidate for candidate in candidates if isinstance(candidate, Handoff))
    spans = {kind: choice.of(find(found)) for kind, find in KINDS.items()}
    if not chosen and all(candidate.is_comment for several in spans.values() for candidate in several):
        spans["Public functions"] = choice.of(public(found))
    return Proposal(
        package=package,
        service=service(package, folder),
        handoffs=[candidate for candidate in chosen if isinstance(candidate, Handoff)],
        spans={kind: several for kind, several in spans.items() if several},
        out_of_reach=len(choice.out_of_reach),
        unclear=[candidate for candidate in candidates if isinstance(candidate, str)],
        unread=unread,
    )


class _Choice:
    """Takes each function once, in the order of the source; keeps account of those that no target can name."""

    def __init__(self) -> None:
        self._taken: set[Function] = set()
        self.out_of_reach: set[Function] = set()

    def of(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Those of ``candidates`` that are worth an entry and have none yet."""
        chosen = []
        for candidate in candidates:
            function = candidate.function
            if not function.is_within_reach:
                self.out_of_reach.add(function)
            elif function.is_worth_a_span and function not in self._taken:
                self._taken.add(function)
                chosen.append(candidate)
        return sorted(chosen, key=lambda one: (one.function.outline.module, one.function.node.lineno))
