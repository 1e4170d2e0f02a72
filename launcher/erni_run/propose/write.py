"""The proposal as text: a tracing.toml in which each entry says why it stands there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from erni_run.printable import printable
from erni_run.propose.candidate import Candidate
from erni_run.propose.capture import Captures, captures
from erni_run.propose.handoffs import Handoff
from erni_run.propose.proposal import Proposal

_HEAD = """\
# Proposed by `erni-run init {package}`: its source was read, nothing of it was imported.
# Take out what you do not need, then: erni-run check

[service]
name = {service}
"""
_NOTHING = """
# Nothing was found that is worth a span by its looks. Name functions yourself:
#
# [[span]]
# target = "package.module:function"
"""


def write(proposal: Proposal) -> str:
    """The text of the file."""
    parts = [_HEAD.format(package=printable(proposal.package), service=_quoted(proposal.service))]
    if proposal.handoffs:
        parts.append(_heading("Handoffs between agents: one span each, around all attempts"))
        parts += map(_handoff, proposal.handoffs)
    for kind, candidates in proposal.spans.items():
        parts.append(_heading(kind))
        parts += map(_span, candidates)
    if not proposal.count + proposal.comments:
        parts.append(_NOTHING)
    return "".join([*parts, *_remarks(proposal)])


def _heading(text: str) -> str:
    return f"\n# {text}.\n"


def _handoff(found: Handoff) -> str:
    agent = f"as {found.agent_from} names it" if found.agent_from else "by the function's name"
    return _entry(
        found,
        "handoff",
        f"agent = {_quoted(found.agent)}  # {agent}",
        f"type = {_quoted(found.type)}  # a guess: what such an agent does",
    )


def _span(found: Candidate) -> str:
    return _entry(found, "span")


def _entry(found: Candidate, section: str, *lines: str) -> str:
    function = found.function
    has_its_parameters = section == "span" or not function.is_decorated  # a handoff's span is around its decorators
    attributes = captures(function) if has_its_parameters else Captures({}, {})
    body = [
        f"[[{section}]]",
        *lines,
        f"target = {_quoted(function.target)}",
    ]
    if attributes.sure:
        body.append(f"capture = {_table(attributes.sure)}")
    if attributes.doubtful:
        every = attributes.sure | attributes.doubtful
        body.append(f"# capture = {_table(every)}  # if these may leave the process")
    head = [f"# {function.place}: {found.why}"]
    if function.is_conditional:
        head.append("# It is written below a condition: take the # off where that holds.")
    if found.doubt:
        head.append(f"# {found.doubt} Take the # off if that is what you want.")
    if found.is_comment:
        body = [f"# {line}" for line in body]
    return "\n" + "\n".join(map(printable, head + body)) + "\n"


def _remarks(proposal: Proposal) -> Iterator[str]:
    if proposal.out_of_reach:
        functions = "1 function" if proposal.out_of_reach == 1 else f"{proposal.out_of_reach} functions"
        yield f"\n# Not proposed: {functions} inside other functions, where no target reaches; @traced_span does.\n"
    if proposal.unclear:
        yield "\n# Not proposed, for the source does not tell which function it is:\n"
        yield from (f"#   {printable(line)}\n" for line in proposal.unclear)
    if proposal.unread:
        yield "\n# Not read:\n"
        yield from (f"#   {printable(f'{file.file}: {file.reason}')}\n" for file in proposal.unread)


def _table(entries: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{_quoted(name)} = {_quoted(value)}" for name, value in entries.items()) + " }"


def _quoted(text: str) -> str:
    """A basic string of TOML 1.0, which JSON's escapes are a part of; ``$`` would begin a variable."""
    return json.dumps(text.replace("$", "$$"), ensure_ascii=False).replace("\x7f", "\\u007f")
