"""What an exception says of itself: its ``str()``, which may be slow, change something, or work but once.

A class of the application's is asked once for each exception, when the first span that is kept tells of it. A built-in
exception cannot be remembered without being kept alive: it is asked once for each such span.
"""

from __future__ import annotations

import weakref
from functools import partial

from erni_run.inside.ourselves import is_to_be_raised

LONGEST = 10_000  # characters
_known: dict[int, tuple[weakref.ref[BaseException], str]] = {}


def message(error: BaseException) -> str:
    """The text of ``error``, at most ``LONGEST`` characters; the name of its class where the text cannot be had."""
    reference, text = _known.get(id(error), (None, ""))
    if reference is not None and reference() is error:
        return text
    text = _asked(error)
    try:
        reference = weakref.ref(error, partial(_known.pop, id(error)))  # no code of Python's, where a handler may raise
    except TypeError:  # built-in, or with slots of its own
        return text
    _known[id(error)] = reference, text
    return text


def cut(text: str) -> str:
    """``text``, of which no more is left than ``LONGEST`` characters."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def described(error: BaseException) -> str:
    """``error`` in one line, with its type."""
    text = " ".join(message(error).split())
    name = type(error).__name__
    return f"{name}: {text}" if text and text != name else name


def _asked(error: BaseException) -> str:
    try:
        text = str.__str__(str(error))
    except BaseException as problem:  # an exception whose __str__ raises, whatever that is, is still to be recorded
        if is_to_be_raised(problem):
            raise
        return type(error).__name__
    return cut(text)
