"""From the name of an agent to what it does: ``vision_analyzer`` does ``vision_analysis``. English endings, a guess."""

from __future__ import annotations

import re

_ENDINGS = tuple(
    (re.compile(doer), deed)
    for doer, deed in (
        (r"(\w+ly)[sz]er", r"\1sis"),  # analyzer
        (r"(\w+)izer", r"\1ization"),  # summarizer
        (r"(\w+)ifier", r"\1ification"),  # classifier
        (r"(\w+t)or", r"\1ion"),  # extractor
        (r"(\w*([bdgmnprt]))\2er", r"\1"),  # planner
        (r"(\w*(?:[aeiou]{2}|[^aeiou])[^aeiou])er", r"\1"),  # uploader, fetcher
        (r"(\w+e)r", r"\1"),  # writer
    )
)


def deed(agent: str) -> str:
    """The type of a handoff to ``agent``, in snake case."""
    words = [word for word in words_of(agent) if word != "agent"]
    if not words:
        return "handoff"
    for doer, what in _ENDINGS:
        found = doer.fullmatch(words[-1])
        if found is not None:
            return "_".join([*words[:-1], found.expand(what)])
    return "_".join(words)


def words_of(name: str) -> list[str]:
    """The words of a name: the same for ``Vision Analyzer``, ``VisionAnalyzer`` and ``vision_analyzer``."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+", name)]
