"""A trace as a tree in the terminal: a line a span, with its duration and its error."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from erni_run.printable import printable
from erni_run.viewer.span import Span

_RED, _DIM, _BOLD, _PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_URLS = ("url.full", "http.url")
_STORES = ("db.system", "db.system.name")
_DETAILS = (
    "http.response.status_code",
    "http.status_code",
    "db.statement",
    "db.query.text",
    "gen_ai.request.model",
    "url.path",
)
_LONGEST_DETAIL = 48


@dataclass(frozen=True)
class _Row:
    """One line: ``folded`` are the spans that it stands for, ``prefix`` the branches before it."""

    prefix: str
    folded: list[Span]

    @property
    def text(self) -> str:
        first = self.folded[0]
        if len(self.folded) == 1:
            return _printable(first.name)
        return f"{len(self.folded)} × {_printable(str(_store(first)))}"


def render(spans: Iterable[Span], *, colour: bool = False) -> str:
    """The trees of ``spans``, roots and siblings by start time. A span whose parent is not among them is a root.

    Neighbours that talk to the same store, such as the statements of one transaction, are one line.
    """
    spans = sorted(spans, key=lambda span: span.start)
    known = {span.span_id for span in spans}
    children: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        children[span.parent_id if span.parent_id in known else ""].append(span)
    rows = [row for root in children[""] for row in _rows([root], children, "", "")]
    width = max((len(row.prefix) + len(row.text) for row in rows), default=0)
    return "".join(_line(row, width, colour) + "\n" for row in rows)


def _rows(folded: list[Span], children: Mapping[str, list[Span]], prefix: str, below: str) -> Iterator[_Row]:
    yield _Row(prefix, folded)
    groups = _groups(children.get(folded[0].span_id, []), children) if len(folded) == 1 else []
    for group in groups:
        is_last = group is groups[-1]
        branch, trunk = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
        yield from _rows(group, children, below + branch, below + trunk)


def _groups(siblings: list[Span], children: Mapping[str, list[Span]]) -> list[list[Span]]:
    groups: list[list[Span]] = []
    for span in siblings:
        foldable = not span.is_error and span.span_id not in children and _store(span)
        previous = groups[-1][-1] if groups else None
        if foldable and previous is not None and _store(previous) == foldable and not previous.is_error:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups


def _store(span: Span) -> str:
    """The database system that the span talks to, "" if it talks to none (semantic conventions, database client
    spans).
    """
    return next((str(span.attributes[key]) for key in _STORES if key in span.attributes), "")


def _line(row: _Row, width: int, colour: bool) -> str:
    span = row.folded[0]
    name = row.text.ljust(width - len(row.prefix))
    duration = f"{duration_text(sum(span.duration for span in row.folded)):>9}"
    details = _details(span) if len(row.folded) == 1 else _verbs(row.folded)
    if not colour:
        return f"{row.prefix}{name} {duration}  {details}".rstrip()
    paint = _RED if span.is_error else _BOLD if span.name.startswith("agent_handoff.") else ""
    shade = _RED if span.is_error else _DIM
    return f"{_DIM}{row.prefix}{_PLAIN}{paint}{name}{_PLAIN} {duration}  {shade}{details}{_PLAIN}"


def _verbs(spans: list[Span]) -> str:
    counts = Counter(_printable(span.name).partition(" ")[0] for span in spans)
    return _short(", ".join(verb if count == 1 else f"{verb} ({count})" for verb, count in counts.items()))


def _details(span: Span) -> str:
    shown = [_short(str(span.attributes[key])) for key in _DETAILS if key in span.attributes]
    path = _path(span)
    details = " ".join([*shown, *([path] if path not in shown else [])][:2])
    if not span.is_error:
        return details
    return " ".join(
        filter(None, ["ERROR", _short(span.message) or _short(str(span.attributes.get("error.type", ""))), details])
    )


def _path(span: Span) -> str:
    """The path of a client's request: the host says little, and a query may be long."""
    url = next((str(span.attributes[key]) for key in _URLS if key in span.attributes), "")
    path = _printable(urlsplit(url).path) if url else ""
    return path if len(path) <= _LONGEST_DETAIL else f"…{path[1 - _LONGEST_DETAIL :]}"


def _printable(text: str) -> str:
    """``text`` as a terminal may show it, white space folded."""
    return " ".join(printable(text).split())


def _short(text: str) -> str:
    line = _printable(text)
    return line if len(line) <= _LONGEST_DETAIL else line[: _LONGEST_DETAIL - 1] + "…"


def duration_text(nanoseconds: int) -> str:
    """A duration with the unit that suits it: ``850 µs``, ``12.3 ms``, ``4.56 s``."""
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1_000:.0f} µs"
    if nanoseconds < 1_000_000_000:
        return f"{nanoseconds / 1_000_000:.1f} ms"
    return f"{nanoseconds / 1_000_000_000:.2f} s"
