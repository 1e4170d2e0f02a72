"""What a module's source defines: functions, classes, names of imports, assignments, and the calls that it makes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from erni_run.propose.sources import Source

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, eq=False)
class Scope:
    """Where an expression stands: ``path`` are the names of the functions and classes around it, outermost first.

    ``owner`` is the qualified name of the nearest class, "" outside of classes; ``functions`` are the nodes of the
    functions around it.
    """

    path: tuple[str, ...] = ()
    owner: str = ""
    functions: tuple[FunctionNode, ...] = ()


@dataclass(frozen=True, eq=False)
class Function:
    """A function as it is written: ``qualname`` as Python would give it, with ``<locals>`` where it is nested."""

    outline: Outline
    qualname: str
    node: FunctionNode
    scope: Scope

    @property
    def target(self) -> str:
        """``module:qualified.name``, as tracing.toml names it."""
        owner, dot, name = self.qualname.rpartition(".")
        if owner and name.startswith("__"):  # private to its class: the compiler has spelt the attribute otherwise
            name = f"_{owner.rpartition('.')[2].lstrip('_')}{name}"
        return f"{self.outline.module}:{owner}{dot}{name}"

    @property
    def place(self) -> str:
        """``file:line`` of its ``def``."""
        return f"{self.outline.file}:{self.node.lineno}"

    @property
    def is_within_reach(self) -> bool:
        """Whether a target can name it: what is made by the calls of another function must be the only one of its name
        there, and under the name that the source gives it.
        """
        parts = self.qualname.split(".")
        if "<locals>" not in parts:
            return True
        around = (".".join(parts[:end]) for end in range(parts.index("<locals>"), len(parts) + 1))
        is_private = any(part.startswith("__") and not part.endswith("__") for part in parts)
        is_generic = any(getattr(node, "type_params", ()) for node in self.scope.functions)
        return not (is_private or is_generic or any(name in self.outline.repeated for name in around))

    @property
    def is_conditional(self) -> bool:
        """Whether it is written below an ``if`` or a ``try`` of the module or of a class."""
        parts = self.qualname.split(".")
        return any(".".join(parts[:end]) in self.outline.conditional for end in range(1, len(parts) + 1))

    @property
    def is_decorated(self) -> bool:
        """Whether something may stand around it that has other parameters."""
        return bool({dotted(decorator) for decorator in self.node.decorator_list} - {"staticmethod", "classmethod"})

    @property
    def is_worth_a_span(self) -> bool:
        """Whether it does something of its own: no property, no dunder, no stub."""
        name = self.node.name
        is_dunder = name.startswith("__") and name.endswith("__")
        return not (is_dunder or self._is_attribute_like() or all(map(_is_empty, self.node.body)))

    def _is_attribute_like(self) -> bool:
        names = {(dotted(decorator) or "").rpartition(".")[2] for decorator in self.node.decorator_list}
        return bool(names & {"property", "cached_property", "setter", "deleter", "overload", "abstractmethod"})


@dataclass(frozen=True, eq=False)
class Class:
    """A class as it is written."""

    outline: Outline
    qualname: str
    node: ast.ClassDef


@dataclass(eq=False)
class Outline:
    """One module. ``imports`` maps local names to dotted ones, ``values`` the module's names to their values;
    ``repeated`` are the qualified names that several functions or classes have, ``conditional`` those of what need not
    come to be.
    """

    module: str
    file: str
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    values: dict[str, ast.expr] = field(default_factory=dict)
    calls: list[tuple[ast.Call, Scope]] = field(default_factory=list)
    repeated: set[str] = field(default_factory=set)
    conditional: set[str] = field(default_factory=set)

    def place(self, node: ast.expr | ast.stmt) -> str:
        """``file:line`` of ``node``."""
        return f"{self.file}:{node.lineno}"


def outline(source: Source) -> Outline:
    """The outline of ``source``."""
    found = Outline(source.module, source.file)
    package = source.module if source.is_package else source.module.rpartition(".")[0]
    _Reader(found, package).visit(source.tree)
    return found


def dotted(node: ast.expr) -> str | None:
    """``a.b.c`` as text for such an expression or a call of it, None for any other."""
    if isinstance(node, ast.Call):
        return dotted(node.func)
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return owner and f"{owner}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else None


def assignments(body: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Pairs of target and value, those of ``a, b = f(), g()`` one by one."""
    for node in ast.walk(body):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _pairs(target, node.value)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            yield node.target, node.value


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    sequences = (ast.Tuple, ast.List)
    if isinstance(target, sequences) and isinstance(value, sequences) and len(target.elts) == len(value.elts):
        for one_target, one_value in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one_target, one_value)
    else:
        yield target, value


def _is_empty(statement: ast.stmt) -> bool:
    """Whether ``statement`` is what a stub consists of: a docstring, ``...``, ``pass``, raise NotImplementedError."""
    if isinstance(statement, ast.Raise) and statement.exc is not None:
        return dotted(statement.exc) == "NotImplementedError"
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


class _Reader(ast.NodeVisitor):
    """Fills an outline. What runs only for type checkers, or only in a script, is left out."""

    def __init__(self, found: Outline, package: str) -> None:
        self._found = found
        self._package = package
        self._scope = Scope()
        self._is_conditional = False

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            top = name.name.partition(".")[0]
            self._found.imports[name.asname or top] = name.name if name.asname else top

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = self._package.split(".")[: len(self._package.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*base, *([node.module] if node.module else [])])
        for name in node.names:
            self._found.imports[name.asname or name.name] = f"{module}.{name.name}"

    def visit_If(self, node: ast.If) -> None:
        names = {part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)}
        names |= {part.attr for part in ast.walk(node.test) if isinstance(part, ast.Attribute)}
        if "TYPE_CHECKING" in names:  # what it imports still tells what a name means
            for statement in node.body:
                if isinstance(statement, (ast.Import, ast.ImportFrom)):
                    self.visit(statement)
        elif "__name__" not in names:
            self._visit_perhaps(node)
            return
        for statement in node.orelse:
            self.visit(statement)

    def visit_Try(self, node: ast.Try) -> None:
        self._visit_perhaps(node)

    def visit_Match(self, node: ast.Match) -> None:
        self._visit_perhaps(node)

    def _visit_perhaps(self, node: ast.AST) -> None:
        before, self._is_conditional = self._is_conditional, True
        self.generic_visit(node)
        self._is_conditional = before

    def visit_Assign(self, node: ast.Assign) -> None:
        self._keep_values(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._keep_values(node)

    def _keep_values(self, node: ast.stmt) -> None:
        if not self._scope.path:
            pairs = list(assignments(node))
            self._found.values.update({target.id: value for target, value in pairs if isinstance(target, ast.Name)})
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._found.calls.append((node, self._scope))
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        qualname = self._qualname(node)
        self._found.classes[qualname] = Class(self._found, qualname, node)
        self._within(node, Scope((*self._scope.path, node.name), qualname, self._scope.functions))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: FunctionNode) -> None:
        scope = self._scope
        qualname = self._qualname(node)
        self._found.functions[qualname] = Function(self._found, qualname, node, scope)
        within = Scope((*scope.path, node.name, "<locals>"), scope.owner, (*scope.functions, node))
        self._within(node, within)

    def _qualname(self, node: FunctionNode | ast.ClassDef) -> str:
        qualname = ".".join((*self._scope.path, node.name))
        if qualname in self._found.functions or qualname in self._found.classes:
            self._found.repeated.add(qualname)
        if self._is_conditional and not self._scope.functions:  # what a function may make is among its constants
            self._found.conditional.add(qualname)
        return qualname

    def _within(self, node: ast.AST, scope: Scope) -> None:
        outer, self._scope = self._scope, scope
        before, self._is_conditional = self._is_conditional, False
        self.generic_visit(node)
        self._scope, self._is_conditional = outer, before
