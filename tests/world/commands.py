"""Programs that run to their end: command lines, kernels, test runs, builds."""

from __future__ import annotations

from tests.world.application import Application, spans

APPLICATIONS = (
    Application(
        name="typer",
        program="typer",
        command="python main.py hello ada --times 2",
        tracing=spans("cli:*"),
        traces=("hello\n  greet\n  greet",),
    ),
    Application(
        name="typer, a failure",
        program="typer",
        command="python main.py refuse bob",
        tracing=spans("cli:*"),
        traces=("refuse (error)",),
    ),
    Application(
        name="typer, leaving early",
        program="typer",
        command="python main.py version",
        tracing=spans("cli:*"),
        traces=("version",),
    ),
    Application(
        name="python -m package",
        program="package",
        command="python -m greeter ada b0b",
        tracing=spans("greeter.cli:*"),
        traces=("main\n  greet\n  greet (error)",),
    ),
    Application(
        name="Jupyter kernel",
        program="jupyter",
        command="python main.py",
        tracing=spans("sums:*"),
        traces=("total", "later\n  total", "total (error)"),
    ),
    Application(
        name="pytest",
        program="pytest",
        command="python -m pytest -v",
        tracing=spans("shop.prices:*"),
        traces=("total", "total", "total (error)", "fetch"),
    ),
    Application(
        name="MkDocs",
        program="mkdocs",
        command="mkdocs build --verbose",
        environ={"PYTHONHASHSEED": "0"},  # it prints sets
        tracing=spans("mkdocs.commands.build:build", "stamps:*"),
        traces=("build\n  stamped\n  stamped",),
    ),
)
