"""A function that is worth a span, and the two ways in which source gives most of them away."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from erni_run.propose.outline import Class, Function, Outline, Scope, dotted
from erni_run.propose.package import Package


@dataclass(frozen=True, eq=False)
class Candidate:
    """A function, and what in the source proposes it: one short clause. ``doubt`` is a sentence on why it need not be
    wanted: such an entry is written as a comment.
    """

    function: Function
    why: str
    doubt: str = ""

    @property
    def is_comment(self) -> bool:
        """Whether somebody has to decide on it: it may not be wanted, or not come to be."""
        return bool(self.doubt) or self.function.is_conditional


Finder = Callable[[Package], Iterator[Candidate]]


def decorated(
    package: Package, names: frozenset[str], fits: Callable[[Package, Function, ast.expr], bool]
) -> Iterator[Candidate]:
    """Functions with a decorator that comes from something called like one of ``names``, and ``fits``."""
    for function in package.functions():
        for decorator in function.node.decorator_list:
            name = dotted(decorator) or ""
            origin = package.origin(name, function.outline)
            if origin.rpartition(".")[2] in names and fits(package, function, decorator):
                yield Candidate(function, f"decorated with @{name}")


def handed_over(package: Package, is_meant: Callable[[str, str, Outline], bool]) -> Iterator[Candidate]:
    """The first function of the package among the arguments of each call that is meant, wrapped by another or not."""
    for outline, call, scope, why in calls(package, is_meant):
        found = (_function(argument, outline, scope, package) for argument in arguments(call))
        function = next(filter(None, found), None)
        if function is not None:
            yield Candidate(function, why)


def calls(
    package: Package, is_meant: Callable[[str, str, Outline], bool]
) -> Iterator[tuple[Outline, ast.Call, Scope, str]]:
    """The calls that are meant, told by the last name, by where it comes from and by the module; and why."""
    for outline, call, scope in package.calls():
        called = dotted(call.func) or ""
        if is_meant(called.rpartition(".")[2], package.origin(called, outline), outline):
            yield outline, call, scope, f"handed to {called}() in {outline.place(call)}"


def arguments(call: ast.Call) -> list[ast.expr]:
    """The values of all arguments of ``call``."""
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def imports(outline: Outline, *libraries: str) -> bool:
    """Whether the module imports one of ``libraries``."""
    return any(origin.partition(".")[0] in libraries for origin in outline.imports.values())


def bases(owner: Class, package: Package) -> Iterator[str]:
    """The names of all bases of ``owner`` as they are called where they come from, those of its bases included."""
    seen, waiting = {owner}, [owner]
    while waiting:
        child = waiting.pop(0)
        for base in child.node.bases:
            plain = base.value if isinstance(base, ast.Subscript) else base
            name = dotted(plain) or ""
            yield package.origin(name, child.outline)
            parent = package.klass(name, child.outline)
            if parent is not None and parent not in seen:
                seen.add(parent)
                waiting.append(parent)


def _function(node: ast.expr, outline: Outline, scope: Scope, package: Package) -> Function | None:
    """The function that ``node`` is, or that it wraps: ``login_required(view)``, ``wrap(view, self)``."""
    found = package.function(node, outline, scope)
    if found is None and isinstance(node, ast.Call) and not (dotted(node) or "").endswith(".as_view"):
        return next(filter(None, (_function(argument, outline, scope, package) for argument in node.args)), None)
    return found
