"""Capture expressions: which Python may stand there. Syntax only; parameters are checked where targets are resolved.

Allowed are names, attributes, subscripts with constants, constants, six calls, comparisons and ``or``. The text is
parsed with ``ast`` and never run here.
"""

from __future__ import annotations

import ast

from erni_run.config.rules import Wrong, nearest, quote, text

CALLS = ("len", "str", "int", "float", "bool", "type")

_LONGEST = 500
_CONSTANTS = (str, int, float, bool, type(None))
_WORDS: dict[type[ast.AST], str] = {
    ast.And: "'and'",
    ast.Not: "'not'",
    ast.BinOp: "arithmetic",
    ast.Lambda: "a lambda",
    ast.IfExp: "'if … else'",
    ast.NamedExpr: "':='",
    ast.Await: "'await'",
    ast.JoinedStr: "an f-string",
    ast.Slice: "a slice",
    ast.List: "a list",
    ast.Tuple: "a tuple",
    ast.Set: "a set",
    ast.Dict: "a dict",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
}


def expression(value: object) -> str:
    """``value`` if it is a capture expression, stripped. Raises Wrong."""
    source = text(value).strip()
    if len(source) > _LONGEST:
        raise Wrong("expression", f"{quote(value)} is longer than {_LONGEST} characters")
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Wrong("expression", f"{quote(value)} is not a Python expression; write one such as len(photos)") from None
    _check(tree.body, quote(value))
    return source


def names_in(source: str) -> frozenset[str]:
    """The names whose values a valid expression reads, without the functions it calls: ``len(photos)`` reads photos."""
    nodes = list(ast.walk(ast.parse(source, mode="eval")))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name) and node not in called)


def _check(node: ast.expr, whole: str) -> None:
    if isinstance(node, ast.Call):
        _check_call(node, whole)
    elif isinstance(node, ast.Subscript):
        _check_subscript(node, whole)
    elif isinstance(node, ast.Constant):
        if not isinstance(node.value, _CONSTANTS):
            raise _refused(repr(node.value), whole)
    elif isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        raise _refused(_WORDS[ast.And], whole)
    elif isinstance(node, (ast.Attribute, ast.Compare, ast.BoolOp)) or _is_negative(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                _check(child, whole)
    elif not isinstance(node, ast.Name):
        raise _refused(_word(node), whole)


def _check_call(node: ast.Call, whole: str) -> None:
    if not isinstance(node.func, ast.Name) or node.func.id not in CALLS:
        name = ast.unparse(node.func)
        raise Wrong("expression", f"{whole}: {name}() may not be called; {_calls()} may{nearest(name, CALLS)}")
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        raise Wrong("expression", f"{whole}: {node.func.id}() takes exactly one value here")
    _check(node.args[0], whole)


def _check_subscript(node: ast.Subscript, whole: str) -> None:
    if not (isinstance(node.slice, ast.Constant) or _is_negative(node.slice)):
        raise Wrong("expression", f"{whole}: a subscript holds a constant, such as photos[0] or settings['size']")
    _check(node.slice, whole)
    _check(node.value, whole)


def _is_negative(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)


def _word(node: ast.expr) -> str:
    if isinstance(node, ast.UnaryOp):
        return _WORDS.get(type(node.op), "arithmetic")
    return _WORDS.get(type(node), f"'{ast.unparse(node)}'")


def _refused(what: str, whole: str) -> Wrong:
    return Wrong(
        "expression",
        f"{whole}: {what} is not available; there are names, attributes, subscripts, comparisons, 'or' and {_calls()}",
    )


def _calls() -> str:
    return ", ".join(f"{name}()" for name in CALLS)
