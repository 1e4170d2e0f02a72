"""Traces as text: a line a span, indented below its parent.

    GET /hello/<name> (server)
      greet [name=ada]
        SELECT (client, error)

In parentheses: the kind if it is not internal, ``error``, and ``remote`` if the parent is in no process of the
application; in brackets the attributes that are asked for. Siblings are sorted by what is written, as spans of several
threads and processes begin in no order.
"""

from __future__ import annotations

from collections.abc import Iterable

from erni_run.viewer.span import Span


def written(text: str) -> str:
    """A trace that somebody has written, with siblings in order."""
    lines = [line for line in text.splitlines() if line.strip()]
    depths = [len(line) - len(line.lstrip()) for line in lines]

    def below(start: int, stop: int, indent: str) -> list[str]:
        heads = [at for at in range(start, stop) if depths[at] == depths[start]]
        ends = [*heads[1:], stop]
        return sorted(
            "\n".join([indent + lines[head].strip(), *(below(head + 1, end, indent + "  ") if head + 1 < end else [])])
            for head, end in zip(heads, ends, strict=True)
        )

    return "\n".join(below(0, len(lines), ""))


def in_one_line(trace: str) -> str:
    """A trace as ``written`` gives it: ``a › b``, or ``a › (b, c)`` where ``a`` has two children."""
    head, *lines = trace.split("\n")
    children: list[str] = []
    for line in (line.removeprefix("  ") for line in lines):
        if line.startswith(" "):
            children[-1] += f"\n{line}"
        else:
            children.append(line)
    below = ", ".join(map(in_one_line, children))
    return f"`{head}`" + (f" › {f'({below})' if len(children) > 1 else below}" if children else "")


def drawn(spans: Iterable[Span], attributes: tuple[str, ...] = ()) -> list[str]:
    """The traces of ``spans`` as text, sorted; a root that is in none of them begins a text of its own."""
    known = {span.span_id: span for span in spans}
    children: dict[str, list[Span]] = {}
    for span in known.values():
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)

    def below(parent: str, indent: str) -> list[str]:
        return sorted(
            "\n".join([indent + _line(span, attributes, not indent), *below(span.span_id, indent + "  ")])
            for span in children.get(parent, [])
        )

    return below("", "")


def _line(span: Span, attributes: tuple[str, ...], is_first: bool) -> str:
    marks = [span.kind] if span.kind != "internal" else []
    marks += ["error"] if span.is_error else []
    marks += ["remote"] if is_first and span.parent_id else []
    shown = [f"{name}={span.attributes[name]}" for name in attributes if name in span.attributes]
    return " ".join(
        [span.name, *([f"({', '.join(marks)})"] if marks else []), *([f"[{', '.join(shown)}]"] if shown else [])]
    )
