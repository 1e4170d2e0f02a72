"""A module is followed whatever loads it, and its spec and its loader look as they do bare."""

from __future__ import annotations

from tests.collector import Collector
from tests.conftest import Workshop

# by module: a function of it. The interpreter has the first two within itself, the loaders below bring the others.
FUNCTIONS = {
    "faulthandler": "is_enabled",
    "__hello__": "main",
    "by_class": "work",
    "by_an_object_without_attributes": "work",
    "that_fails_at_first": "work",
}

LOADERS = """
    import importlib.machinery, sys

    class Class:
        @classmethod
        def create_module(cls, spec):
            return None

        @classmethod
        def exec_module(cls, module):
            exec("def work(): pass", vars(module))

    class NoAttributes:
        __slots__ = ()

        def create_module(self, spec):
            return None

        def exec_module(self, module):
            Class.exec_module(module)

    class Failing(Class):
        has_failed = False

        @classmethod
        def exec_module(cls, module):
            Class.exec_module(module)
            if not cls.has_failed:
                cls.has_failed = True
                raise RuntimeError("not yet")

    class Finder:
        loaders = {"by_class": Class, "by_an_object_without_attributes": NoAttributes(), "that_fails_at_first": Failing}

        def find_spec(self, name, path, target=None):
            loader = self.loaders.get(name)
            return loader and importlib.machinery.ModuleSpec(name, loader, origin="here")

    sys.meta_path.append(Finder())
"""

PROGRAM = """
    import importlib, importlib.machinery, importlib.util, loaders
    from functions import FUNCTIONS

    def show(spec):
        shown = {name: value for name, value in vars(spec).items() if "object at" not in repr(value)}
        print(spec.name, type(spec.loader), repr(spec)[:11], sorted(shown.items()))

    for name, function in FUNCTIONS.items():
        show(importlib.util.find_spec(name))
        try:
            module = importlib.import_module(name)
        except RuntimeError as error:
            print(error)
            module = importlib.import_module(name)
        show(module.__spec__)
        print(type(module.__spec__) is importlib.machinery.ModuleSpec, module.__loader__ is module.__spec__.loader)
        print(getattr(module, function)())
"""


def test_module_of_any_loader_is_traced_and_looks_as_it_does_bare(workshop: Workshop, collector: Collector) -> None:
    entries = (f'[[span]]\ntarget = "{module}:{function}"\n' for module, function in FUNCTIONS.items())
    workshop.write("tracing.toml", "".join(entries))
    workshop.write("loaders.py", LOADERS)
    workshop.write("functions.py", f"FUNCTIONS = {FUNCTIONS}\n")
    workshop.write("program.py", PROGRAM)
    bare = workshop.run("python", "program.py")
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    traced = workshop.run("erni-run", "python", "program.py", environ=environ)
    assert (bare.returncode, bare.stderr) == (0, "")
    assert (traced.returncode, traced.stdout) == (0, bare.stdout)
    assert [span.name for span in collector.spans] == list(FUNCTIONS.values())


def test_package_hears_once_of_a_module_that_has_been_imported(workshop: Workshop) -> None:
    """One that forbids it has the module all the same, as the import system leaves it."""
    workshop.write(
        "shop/__init__.py",
        """
        import sys, types
        class Closed(types.ModuleType):
            def __setattr__(self, name, value):
                print("set", name)
                raise RuntimeError(name)
        sys.modules[__name__].__class__ = Closed
        """,
    )
    workshop.write("shop/till.py", "def sell(): return 5\n")
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop.till:sell"\n')
    workshop.write(
        "program.py",
        """
        import importlib
        for _ in range(2):
            try:
                print(importlib.import_module("shop.till").sell())
            except RuntimeError as error:
                print(error)
        """,
    )
    bare, traced = (workshop.run(*command, "python", "program.py") for command in ((), ("erni-run",)))
    assert (traced.stdout, traced.stderr) == (bare.stdout, bare.stderr)
    assert bare.stdout == "set till\ntill\n5\n"
