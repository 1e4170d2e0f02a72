"""What newer Pythons compile on their own, or import on their own time: left alone, and said where it is named."""

from __future__ import annotations

import sys

import pytest

from tests.collector import Collector
from tests.conftest import Workshop

MODELS = """
    from typing import TYPE_CHECKING

    if TYPE_CHECKING:
        from decimal import Decimal

    limit: Decimal

    class Plain:
        price: Decimal

        def sell(self, to: Decimal = 0) -> Decimal:
            return to

    def outer(value: Decimal):
        type Alias = Decimal
        def inner(more: Decimal) -> Alias:
            return more
        return inner(value), Alias, inner

    type Alias = Decimal
    def generic[T: Decimal](value: T) -> T:
        return value
"""

PROGRAM = """
    import annotationlib, dataclasses, inspect, models, re
    from annotationlib import Format

    _, alias, inner = models.outer(1)
    functions = (models.Plain.sell, models.outer, models.generic, inner)
    for form in (Format.FORWARDREF, Format.STRING):
        for value in (models, models.Plain, *functions):
            print(form.name, re.sub(" at 0x[0-9a-f]+", "", str(annotationlib.get_annotations(value, format=form))))
        for function in functions:
            print(inspect.signature(function, annotation_format=form))
        bound = models.generic.__type_params__[0].evaluate_bound
        for evaluate in (alias.evaluate_value, models.Alias.evaluate_value, bound):
            print(annotationlib.call_evaluate_function(evaluate, form))
    made = dataclasses.dataclass(models.Plain)
    print(made(2), made(2).sell(3), models.generic(4), inspect.signature(made, annotation_format=Format.STRING))
    try:
        models.Plain.__annotations__
    except NameError as error:
        print(error)
"""
NAMED = {
    "models:__annotate__": "models.__annotate__",
    "models:Plain.__annotate_func__": "models.Plain.__annotate_func__",
    "models:outer.<locals>.__annotate__": "models:outer.<locals>.__annotate__",
    "models:outer.<locals>.Alias": "models:outer.<locals>.Alias",
}


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated late from Python 3.14 on (PEP 649)")
def test_what_evaluates_annotations_is_left_alone(workshop: Workshop, collector: Collector) -> None:
    targets = ["models:*", "models:*.*", "models:outer.<locals>.inner", *NAMED]
    workshop.write("tracing.toml", "".join(f'[[span]]\ntarget = "{target}"\n' for target in targets))
    workshop.write("models.py", MODELS)
    workshop.write("program.py", PROGRAM)
    bare = workshop.run("python", "program.py")
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    traced = workshop.run("erni-run", "python", "program.py", environ=environ)
    assert (bare.returncode, bare.stderr) == (0, "")
    assert (traced.returncode, traced.stdout) == (0, bare.stdout)
    for line, path in zip(traced.stderr.splitlines(), NAMED.values(), strict=True):
        assert line.endswith(f": {path} evaluates annotations, which is done with other globals: not traced"), line
    assert sorted(span.name for span in collector.spans) == ["Plain.sell", "generic", "outer", "outer.<locals>.inner"]


@pytest.mark.skipif(sys.version_info < (3, 15), reason="imports can be lazy from Python 3.15 on (PEP 810)")
def test_target_that_is_imported_lazily_is_said_to_be(workshop: Workshop, collector: Collector) -> None:
    workshop.write("shop.py", "class Order:\n    def save(self): pass\ndef work(): Order().save()\n")
    workshop.write("app.py", "lazy from shop import work\nlazy import shop\ndef main(): work(), shop.Order().save()\n")
    targets = ("app:work", "app:shop.Order.save", "app:shop.*", "app:main", "shop:work")
    workshop.write("tracing.toml", "".join(f'[[span]]\ntarget = "{target}"\n' for target in targets))
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "-c", "import app; app.main()", environ=environ)
    assert done.returncode == 0
    for line, path in zip(done.stderr.splitlines(), ("app.work", "app.shop", "app.shop"), strict=True):
        assert line.endswith(f": {path} is imported lazily: name it where it is written: not traced"), line
    assert [span.name for span in collector.spans] == ["work", "main"]
