"""A trace as a tree in the terminal: a line a span, with its duration and its error."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from erni_run.viewer.span import Span

_RED, _DIM, _BOLD, _PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_DETAILS = (
    "http.response.status_code",
    "http.status_code",
    "db.statement",
    "db.query.text",
    "gen_ai.request.model",
    "url.path",
)
_LONGEST_DETAIL = 48


def render(spans: Iterable[Span], *, colour: bool = False) -> str:
    """The trees of ``spans``, roots and siblings by start time. A span whose parent is not among them is a root."""
    spans = sorted(spans, key=lambda span: span.start)
    known = {span.span_id for span in spans}
    children: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        children[span.parent_id if span.parent_id in known else ""].append(span)
    rows = [row for root in children[""] for row in _rows(root, children, "", "")]
    width = max((len(prefix) + len(_printable(span.name)) for prefix, span in rows), default=0)
    return "".join(_line(prefix, span, width, colour) + "\n" for prefix, span in rows)


def _rows(span: Span, children: Mapping[str, list[Span]], prefix: str, below: str) -> Iterator[tuple[str, Span]]:
    yield prefix, span
    below_me = children.get(span.span_id, [])
    for child in below_me:
        is_last = child is below_me[-1]
        yield from _rows(child, children, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  "))


def _line(prefix: str, span: Span, width: int, colour: bool) -> str:
    name = _printable(span.name).ljust(width - len(prefix))
    duration = f"{duration_text(span.duration):>9}"
    details = _details(span)
    if not colour:
        return f"{prefix}{name} {duration}  {details}".rstrip()
    paint = _RED if span.is_error else _BOLD if span.name.startswith("agent_handoff.") else ""
    return f"{_DIM}{prefix}{_PLAIN}{paint}{name}{_PLAIN} {duration}  {_RED if span.is_error else _DIM}{details}{_PLAIN}"


def _details(span: Span) -> str:
    if span.is_error:
        return "ERROR " + (_short(span.message) or _short(str(span.attributes.get("error.type", ""))))
    shown = [_short(str(span.attributes[key])) for key in _DETAILS if key in span.attributes]
    return " ".join(shown[:2])


def _printable(text: str) -> str:
    """``text`` in one line: span content comes from anywhere, and a terminal obeys escape sequences."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


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
