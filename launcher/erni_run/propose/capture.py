"""Which arguments of a function could become attributes: counts without a doubt, identifiers if somebody agrees."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from erni_run.propose.outline import Function, dotted

_SIZED = frozenset({"list", "tuple", "set", "frozenset", "dict", "bytes"})
_SIZED |= {"List", "Tuple", "Set", "FrozenSet", "Dict", "Sequence", "Collection", "Mapping", "MutableSequence"}
_PLAIN = frozenset({"str", "int", "UUID"})
_SECRET = frozenset({"password", "passwd", "pwd", "passphrase", "secret", "token", "authorization", "key"})
_SECRET |= {"credential", "cookie", "session"}


@dataclass(frozen=True)
class Captures:
    """Attributes and their expressions: those to propose, and those that may tell more than they should."""

    sure: dict[str, str]
    doubtful: dict[str, str]


def captures(function: Function) -> Captures:
    """What the annotations of the parameters of ``function`` allow to say."""
    sure, doubtful = {}, {}
    arguments = function.node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        name, kind = argument.arg, _kind(argument.annotation)
        if any(word in name.lower() for word in _SECRET):
            continue
        if kind in _SIZED:
            sure[f"{name}.count"] = f"len({name})"
        elif kind in _PLAIN and (name == "id" or name.endswith("_id")):
            doubtful[name] = name
    return Captures(sure, doubtful)


def _kind(annotation: ast.expr | None) -> str:
    """The bare name of a type: ``list`` for ``list[str]``, ``Sequence`` for ``"abc.Sequence[int]"``. "" for unions."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return ""
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    return (dotted(annotation) or "").rpartition(".")[2] if annotation is not None else ""
