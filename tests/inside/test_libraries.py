"""Libraries are traced from their first import on, each for itself."""

from __future__ import annotations

import pytest

from tests.collector import Collector
from tests.conftest import Workshop

REQUEST = """
    import asyncio, sys

    async def get():
        import aiohttp
        async with aiohttp.ClientSession() as session:
            try:
                await session.get("http://127.0.0.1:9/")
            except aiohttp.ClientError:
                pass
    asyncio.run(get())
"""


@pytest.fixture
def app(workshop: Workshop) -> Workshop:
    workshop.write("tracing.toml", "")
    workshop.write("main.py", REQUEST)
    workshop.environ["OTEL_TRACES_EXPORTER"] = "otlp"
    return workshop


def test_library_is_traced_from_its_first_import(app: Workshop, collector: Collector) -> None:
    assert app.run("erni-run", "python", "main.py", environ=collector.environment()).stderr == ""
    (span,) = collector.spans
    assert (span.name, span.kind, span.is_error) == ("GET", "client", True)


@pytest.mark.parametrize(
    ("config", "environ"),
    [
        ('[libraries]\ndisable = ["aiohttp-client"]\n', {}),
        ('[libraries]\nenable = ["redis"]\n', {}),
        ("[libraries]\nenable = []\n", {}),
        ("", {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "aiohttp-client"}),
    ],
)
def test_unwanted_library_is_left_alone(
    app: Workshop, collector: Collector, config: str, environ: dict[str, str]
) -> None:
    app.write("tracing.toml", config)
    app.run("erni-run", "python", "main.py", environ={**collector.environment(), **environ})
    assert collector.spans == []


def test_instrumentor_that_fails_is_said_and_stops_no_other(app: Workshop, collector: Collector) -> None:
    app.write("redis.py", "'''Not what the instrumentor expects.'''\n")
    app.write("main.py", "    import redis\n" + REQUEST)
    done = app.run("erni-run", "python", "main.py", environ=collector.environment())
    (line,) = done.stderr.splitlines()
    assert line.startswith("erni-run: redis is not traced: ")
    assert [span.name for span in collector.spans] == ["GET"]


def test_version_that_the_instrumentation_refuses_is_said(app: Workshop, collector: Collector) -> None:
    app.write("later/SQLAlchemy-2.1.9.dist-info/METADATA", "Metadata-Version: 2.1\nName: SQLAlchemy\nVersion: 2.1.9\n")
    app.write("main.py", "    import sqlalchemy\n" + REQUEST)
    environ = {"PYTHONPATH": str(app.folder / "later"), **collector.environment()}
    done = app.run("erni-run", "python", "main.py", environ=environ)
    expected = "it wants sqlalchemy >= 1.0.0, < 2.1.0 and finds sqlalchemy 2.1.9"
    assert expected in done.stderr
    assert [span.name for span in collector.spans] == ["GET"]
    app.write("tracing.toml", '[libraries]\nenable = ["sqlalchemy"]\n')
    check = app.run("erni-run", "check", environ=environ)
    assert (check.returncode, expected in check.stdout) == (1, True)


def test_named_library_without_its_instrumentation_is_said_with_the_fix(app: Workshop) -> None:
    app.write("tracing.toml", '[libraries]\nenable = ["flask"]\n')
    app.write("flask.py", "")
    app.write("main.py", "import flask\n")
    done = app.run("erni-run", "python", "main.py")
    assert done.stderr == "erni-run: flask is not traced: pip install erni-run opentelemetry-instrumentation-flask\n"


def test_fastapi_that_speaks_opentelemetry_itself_is_silent_if_unwanted(app: Workshop, collector: Collector) -> None:
    app.write(
        "main.py",
        """
        import sys
        from fastapi import FastAPI
        from fastapi.testclient import TestClient
        app = FastAPI()
        @app.get("/x")
        def x(): return {}
        print(TestClient(app).get("/x").status_code)
        """,
    )
    for disable in ("", '[libraries]\ndisable = ["fastapi"]\n'):
        app.write("tracing.toml", disable)
        done = app.run("erni-run", "python", "-W", "ignore", "main.py", environ=collector.environment())
        assert (done.stdout, done.stderr) == ("200\n", "")
        servers = [span for span in collector.spans if span.kind == "server"]
        assert [span.name for span in servers] == ["GET /x"]  # the second run adds none


@pytest.mark.parametrize("library", ["threading", "asyncio", "urllib", "sqlite3"])
def test_library_of_the_standard_library_can_be_named(app: Workshop, library: str) -> None:
    app.write("tracing.toml", f'[libraries]\nenable = ["{library}"]\n')
    dotted = ".request" if library == "urllib" else ""
    done = app.run("erni-run", "python", "-c", f"import {library}{dotted}, logging; print(1)")
    assert (done.stdout, done.stderr) == (
        "1\n",
        f"erni-run: {library} is not traced: pip install erni-run opentelemetry-instrumentation-{library}\n",
    )


DJANGO = """
    import os, sys
    {before}
    from django.core.{kind} import get_{kind}_application
    {after}
    from django.conf import settings
    print(settings.configured, "opentelemetry" in sys.modules)
    application = get_{kind}_application()
    print(settings.MIDDLEWARE, type(settings.MIDDLEWARE), "MIDDLEWARE" in vars(settings._wrapped))
    from django.test import Client
    print(Client().get("/hello").content)
"""
SITE = """
    from django.http import HttpResponse
    from django.urls import path
    print("settings are read")
    SECRET_KEY, ROOT_URLCONF, ALLOWED_HOSTS = "none", "site1", ["*"]
    MIDDLEWARE = ("site1.noting", "django.middleware.common.CommonMiddleware")
    def noting(get_response):
        from django.conf import settings
        print("while they are loaded", type(settings.MIDDLEWARE))
        return get_response
    urlpatterns = [path("hello", lambda request: HttpResponse("hello"))]
"""


SET = "os.environ['DJANGO_SETTINGS_MODULE'] = 'site1'"
CONFIGURED = "from django.conf import settings; settings.configure(ROOT_URLCONF='site1', ALLOWED_HOSTS=['*'])"


@pytest.mark.parametrize(
    ("kind", "before", "after", "environ"),
    [
        # what runs before the handler's module is imported, and after
        ("wsgi", "", SET, {}),
        ("asgi", "", SET, {}),
        ("asgi", "import django.test", SET, {}),
        ("wsgi", "import django.core.handlers.asgi", "", {"DJANGO_SETTINGS_MODULE": "site1"}),
        ("wsgi", CONFIGURED, "", {}),
    ],
)
def test_django_is_traced_whoever_finds_its_settings_and_has_them_as_they_were(
    app: Workshop, collector: Collector, kind: str, before: str, after: str, environ: dict[str, str]
) -> None:
    app.write("site1.py", SITE)
    app.write("main.py", DJANGO.format(kind=kind, before=before, after=after))
    bare = app.run("python", "main.py", environ=environ)
    done = app.run("erni-run", "python", "main.py", environ={**collector.environment(), **environ})
    assert (done.stdout, done.stderr, done.returncode) == (bare.stdout, bare.stderr, 0)
    assert [(span.name, span.kind) for span in collector.spans] == [("GET hello", "server")]


def test_django_command_that_serves_nothing_loads_no_opentelemetry(app: Workshop) -> None:
    app.write("site1.py", SITE)
    app.write(
        "main.py", "import sys, django.core.handlers.wsgi\ndjango.setup()\nprint('opentelemetry' in sys.modules)\n"
    )
    done = app.run("erni-run", "python", "main.py", environ={"DJANGO_SETTINGS_MODULE": "site1"})
    assert (done.stdout, done.stderr) == ("settings are read\nFalse\n", "")


def test_instrumentor_finds_its_module_in_the_package_and_our_tracer_provider(app: Workshop) -> None:
    app.write("mysql/__init__.py", "")
    app.write("mysql/connector/__init__.py", "")
    app.write(
        "opentelemetry/instrumentation/mysql/__init__.py",
        """
        import mysql.connector
        from opentelemetry.trace import get_tracer_provider
        class MySQLInstrumentor:
            is_instrumented_by_opentelemetry = False
            def instrumentation_dependencies(self): return ()
            def instrument(self, **options): print(mysql.connector.__name__, type(get_tracer_provider()).__module__)
        """,
    )
    app.write("main.py", "import mysql.connector\n")
    done = app.run("erni-run", "python", "main.py", environ={"PYTHONPATH": str(app.folder)})
    assert (done.stdout, done.stderr) == ("mysql.connector erni_run.inside.recorder.provider\n", "")


def test_generic_class_stays_generic_where_an_instrumentor_has_put_its_own(app: Workshop) -> None:
    app.write(
        "falcon.py",
        """
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class App(Generic[T]): pass
        """,
    )
    app.write(
        "opentelemetry/instrumentation/falcon/__init__.py",
        """
        import falcon
        class FalconInstrumentor:
            is_instrumented_by_opentelemetry = False
            def instrumentation_dependencies(self): return ()
            def instrument(self, **options): falcon.App = type("Instrumented", (falcon.App,), {})
        """,
    )
    app.write("main.py", "import falcon\nprint(type(falcon.App[int]()).__name__)\n")
    done = app.run("erni-run", "python", "main.py", environ={"PYTHONPATH": str(app.folder)})
    assert (done.stdout, done.stderr) == ("Instrumented\n", "")
