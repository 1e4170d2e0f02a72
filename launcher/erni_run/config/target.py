"""The names that point into Python code: a target, an exception to ignore, the placeholders of a span's name."""

from __future__ import annotations

import builtins
import re

from erni_run.config.rules import Wrong, nearest, quote, text

PLACEHOLDERS = ("module", "class", "function")

_FIELD = re.compile(r"\{([^{}]*)\}?")


def target(value: object) -> str:
    """``module:qualified.name``, with ``*`` as a glob inside each dotted part. Raises Wrong.

    A function inside another is named as its ``__qualname__`` is, ``outer.<locals>.inner``; behind ``<locals>`` there
    are no globs.
    """
    name = text(value)
    module, colon, qualname = name.partition(":")
    if "*" in qualname.partition(".<locals>.")[2]:
        raise Wrong("target", f"{quote(value)}: a function inside another is named in full, without *")
    if not _points(module + colon + qualname.replace(".<locals>.", ".")):
        shape = "expected module:qualified.name, * is a glob for one part"
        raise Wrong("target", f"{quote(value)} is not a target; {_advice(name) or shape}")
    return name


def exception(value: object) -> str:
    """``module:Exception``, without globs. Raises Wrong."""
    name = text(value)
    if "*" in name or not _points(name):
        advice = _advice(name) or "expected module:Exception, such as builtins:KeyError"
        raise Wrong("exception-name", f"{quote(value)} is not an exception's name; {advice}")
    return name


def span_name(value: object) -> str:
    """A span's name whose braces are ``{module}``, ``{class}`` or ``{function}``. Raises Wrong."""
    name = text(value)
    for field in _FIELD.findall(name):
        if field not in PLACEHOLDERS:
            choices = ", ".join(f"{{{choice}}}" for choice in PLACEHOLDERS)
            hint = nearest(field, PLACEHOLDERS)
            raise Wrong("placeholder", f"{quote(value)}: {{{field}}} is not filled in; there are {choices}{hint}")
    return name


def _points(name: str) -> bool:
    module, colon, qualname = name.partition(":")
    parts = [*module.split("."), *qualname.split(".")]
    return bool(colon) and all(part.replace("*", "x").isidentifier() for part in parts)


def _advice(name: str) -> str:
    path, colon, rest = name.strip().partition("(")[0].partition(":")
    module = path.removesuffix(".py").replace("/", ".").strip(".")
    candidate = f"{module}:{rest}" if colon else _split(module)
    return f"write {candidate}" if candidate != name and "*" not in candidate and _points(candidate) else ""


def _split(dotted: str) -> str:
    """The likely target behind ``package.module.Class.method``: the module ends before the first capitalised part."""
    if hasattr(builtins, dotted):
        return f"builtins:{dotted}"
    parts = dotted.split(".")
    classes = [index for index, part in enumerate(parts) if part[:1].isupper()]
    cut = classes[0] if classes else len(parts) - 1
    return ".".join(parts[:cut]) + ":" + ".".join(parts[cut:])
