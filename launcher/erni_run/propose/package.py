"""What an expression in a package's source points at: a function, a class, a string. Told from the text alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from erni_run.propose.outline import Class, Function, Outline, Scope, assignments, dotted

Expression = tuple[ast.expr, Outline, Scope]
"""An expression, and where it stands."""

_DEEPEST = 12  # names that lead to names: a circle among them ends somewhere


class Package:
    """The outlines of all modules that were read."""

    def __init__(self, outlines: list[Outline]) -> None:
        self.outlines = outlines
        self._by_name = {outline.module: outline for outline in outlines}

    def functions(self) -> Iterator[Function]:
        """All functions, in the order of the source."""
        for outline in self.outlines:
            yield from outline.functions.values()

    def calls(self) -> Iterator[tuple[Outline, ast.Call, Scope]]:
        """All calls, in the order of the source, outer ones first."""
        for outline in self.outlines:
            for call, scope in outline.calls:
                yield outline, call, scope

    def function(self, node: ast.expr, outline: Outline, scope: Scope, depth: int = 0) -> Function | None:
        """The function that ``node`` refers to: a name, ``self.method``, ``module.function``, a partial of one."""
        if depth > _DEEPEST:
            return None
        if isinstance(node, ast.Call):
            is_partial = (dotted(node.func) or "").endswith("partial") and bool(node.args)
            return self.function(node.args[0], outline, scope, depth + 1) if is_partial else None
        name = dotted(node)
        if name is None:
            return None
        owner, _, method = name.rpartition(".")
        if owner in ("self", "cls") and scope.owner:
            return self._method(outline.classes.get(scope.owner), method, depth + 1)
        local = _nested(name, outline, scope)
        if local is not None:
            return local
        found = self._look_up(name, outline, depth + 1)
        if isinstance(found, Function):
            return found
        return self._of_instance(node, outline, scope, depth + 1)

    def klass(self, name: str, outline: Outline) -> Class | None:
        """The class called ``name`` in ``outline``."""
        found = self._look_up(name, outline, 0)
        return found if isinstance(found, Class) else None

    def method(self, owner: Class, name: str) -> Function | None:
        """The method ``name`` of ``owner``, or of the first base in the package that has it."""
        return self._method(owner, name, 0)

    def origin(self, name: str, outline: Outline) -> str:
        """``name`` as it is called where it comes from: ``celery.shared_task`` for an imported ``shared_task``."""
        first, dot, rest = name.partition(".")
        return outline.imports.get(first, first) + dot + rest

    def value(self, name: str, outline: Outline, scope: Scope) -> ast.expr | None:
        """What the variable or attribute ``name`` was set to, in the functions and the class around it, or the
        module.
        """
        places: list[ast.AST] = [*reversed(scope.functions)]
        if name.startswith("self.") and scope.owner in outline.classes:
            places = [outline.classes[scope.owner].node]
        for place in places:
            for target, value in assignments(place):
                if dotted(target) == name:
                    return value
        return outline.values.get(name)

    def meaning(self, name: str, outline: Outline, scope: Scope) -> Expression | None:
        """What the variable or attribute ``name`` was set to, here or in the module that it is imported from."""
        value = self.value(name, outline, scope)
        if value is not None:
            return value, outline, scope
        imported = self.elsewhere(name, outline)
        return (imported[1], imported[0], Scope()) if imported else None

    def returned(self, function: Function) -> Iterator[Expression]:
        """What ``function`` returns."""
        inside = Scope((), function.scope.owner, (*function.scope.functions, function.node))
        for node in ast.walk(function.node):
            if isinstance(node, ast.Return) and node.value is not None:
                yield node.value, function.outline, inside

    def text(self, node: ast.expr, outline: Outline, scope: Scope, depth: int = 0) -> str | None:
        """The string that ``node`` stands for, None if the source does not tell."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        name = dotted(node)
        if name is None or isinstance(node, ast.Call) or depth > _DEEPEST:
            return None
        value = self.value(name, outline, scope)
        if value is not None:
            return self.text(value, outline, scope, depth + 1)
        found = self._elsewhere(name, outline)
        return self.text(ast.Name(found[1]), found[0], Scope(), depth + 1) if found else None

    def elsewhere(self, name: str, outline: Outline) -> tuple[Outline, ast.expr] | None:
        """The module-level value of another module that the imported ``name`` stands for, and its module."""
        found = self._elsewhere(name, outline)
        value = found[0].values.get(found[1]) if found else None
        return (found[0], value) if found and value is not None else None

    def _elsewhere(self, name: str, outline: Outline) -> tuple[Outline, str] | None:
        module, _, attribute = self.origin(name, outline).rpartition(".")
        other = self._by_name.get(module)
        return (other, attribute) if other is not None and other is not outline else None

    def _look_up(self, name: str, outline: Outline, depth: int) -> Function | Class | None:
        """``name`` among the definitions of ``outline`` or of the module that it was imported from."""
        found = outline.functions.get(name) or outline.classes.get(name)
        if found is not None or depth > _DEEPEST:
            return found
        owner, _, attribute = name.rpartition(".")
        if owner in outline.classes:
            return self._method(outline.classes[owner], attribute, depth + 1)
        if name.partition(".")[0] not in outline.imports:
            return None
        parts = self.origin(name, outline).split(".")
        for cut in range(len(parts) - 1, 0, -1):
            other = self._by_name.get(".".join(parts[:cut]))
            if other is not None:
                return self._look_up(".".join(parts[cut:]), other, depth + 1)
        return None

    def _method(self, owner: Class | None, name: str, depth: int) -> Function | None:
        """The method ``name`` of ``owner`` or of the first base in the package that has it."""
        if owner is None or depth > _DEEPEST:
            return None
        own = owner.outline.functions.get(f"{owner.qualname}.{name}")
        if own is not None:
            return own
        bases = (self._look_up(dotted(base) or "", owner.outline, depth + 1) for base in owner.node.bases)
        inherited = (self._method(base, name, depth + 1) for base in bases if isinstance(base, Class))
        return next(filter(None, inherited), None)

    def _of_instance(self, node: ast.expr, outline: Outline, scope: Scope, depth: int) -> Function | None:
        """``thing.method`` where ``thing = Thing(...)``."""
        if not isinstance(node, ast.Attribute):
            return None
        made = self.value(dotted(node.value) or "", outline, scope)
        owner = self._look_up(dotted(made) or "", outline, depth) if isinstance(made, ast.Call) else None
        return self._method(owner, node.attr, depth) if isinstance(owner, Class) else None


def _nested(name: str, outline: Outline, scope: Scope) -> Function | None:
    """The function ``name`` among those that are defined inside the functions around ``scope``."""
    for length in range(len(scope.path), 0, -1):
        if scope.path[length - 1] == "<locals>":
            found = outline.functions.get(".".join((*scope.path[:length], name)))
            if found is not None:
                return found
    return None
