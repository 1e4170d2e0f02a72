"""Targets that are lazy proxies: the function behind them is found, and nothing is loaded to find it."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from erni_run.inside.functions.resolve import resolve

from tests.collector import Collector
from tests.conftest import Workshop


class Proxy:
    """As Celery's and werkzeug's: it passes for what it stands for, and loads that when it is asked."""

    __slots__ = ("__dict__", "_arguments", "_empty")

    def __init__(self, *arguments: Any) -> None:
        object.__setattr__(self, "_arguments", arguments)

    @property
    def __dict__(self) -> dict[str, Any]:
        raise AssertionError("the proxy was loaded")

    @property
    def __class__(self) -> type:
        raise AssertionError("the proxy was loaded")


def test_function_is_found_in_the_slots_of_a_proxy_that_stays_unloaded() -> None:
    module = ModuleType("shop")
    exec("def task(): return 1", vars(module))
    function = module.task
    module.task = Proxy(print, function)  # type: ignore[attr-defined]
    assert [found.function for found in resolve(module, "task", "inner")] == [function]


def test_tasks_of_celery_are_traced(workshop: Workshop, collector: Collector) -> None:
    workshop.write(
        "shop.py",
        """
        from celery import Celery, shared_task

        app = Celery("shop")

        @app.task(bind=True)
        def resize(self, photo):
            return photo

        @shared_task
        def sweep():
            return 1
        """,
    )
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:resize"\n[[span]]\ntarget = "shop:sweep"\n')
    workshop.write("main.py", "import shop\nprint(shop.resize.apply(['a']).get(), shop.sweep(), shop.sweep.name)\n")
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.stderr) == ("a 1 shop.sweep\n", "")
    assert sorted(span.name for span in collector.spans) == ["resize", "sweep"]
