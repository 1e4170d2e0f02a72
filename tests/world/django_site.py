"""Django, in the ways in which a project is started and its settings are found."""

from __future__ import annotations

from dataclasses import replace

from tests.world.application import NO_FILE, Application, spans

_PROJECT = ("django-admin startproject site1 .",)
_SITE = (*_PROJECT, "python adapt.py")
_STORED = (*_SITE, "python manage.py makemigrations pages", "python manage.py migrate")
_HELLO = """
    GET hello/<name> (server)
      hello
        greet
    """

_GUNICORN = Application(
    name="Django, gunicorn",
    program="django",
    command="gunicorn -b 127.0.0.1:{port} site1.wsgi",
    prepare=_SITE,
    is_ordered=False,
    tracing=spans("pages.greetings:greet", "pages.views:*"),
    asks=("GET /hello/ada", "GET /broken"),
    traces=(
        _HELLO,
        """
        GET broken (server, error)
          broken (error)
        """,
    ),
)
_RUNSERVER = replace(
    _GUNICORN,
    name="Django, runserver without reload",
    command="python manage.py runserver --noreload {port}",
    is_interrupted=True,
)
_TESTS = Application(
    name="Django, its tests",
    program="django",
    command="python manage.py test",
    prepare=_STORED,
    tracing=_GUNICORN.tracing,
    traces=(
        _HELLO,
        _HELLO,
        """
        GET titles (server)
          titles
        """,
    ),
)

APPLICATIONS = (
    replace(
        _GUNICORN,
        name="Django, an untouched project, gunicorn",
        program="",
        prepare=_PROJECT,
        tracing="",
        says=(NO_FILE,),
        asks=("GET /", "GET /admin/"),
        traces=("GET (server)", "GET admin/ (server)"),
    ),
    _GUNICORN,
    replace(
        _GUNICORN,
        name="Django, settings from the environment",
        command="gunicorn -b 127.0.0.1:{port} 'django.core.wsgi:get_wsgi_application()'",
        environ={"DJANGO_SETTINGS_MODULE": "site1.settings"},
    ),
    replace(_RUNSERVER, name="Django, runserver", command="python manage.py runserver {port}"),
    _RUNSERVER,
    replace(
        _RUNSERVER,
        name="Django, a page that is not found",
        asks=("GET /missing",),
        traces=(
            """
            GET missing (server, error)
              missing
            """,  # the instrumentation's opinion of its own span
        ),
    ),
    replace(
        _GUNICORN,
        name="Django, ASGI",
        command="uvicorn --port {port} site1.asgi:application",
        asks=("GET /later/ada", *_GUNICORN.asks),
        traces=(_HELLO.replace("hello", "later"), *_GUNICORN.traces),
    ),
    replace(
        _GUNICORN,
        name="Django, a query",
        prepare=_STORED,
        tracing='[libraries]\nenable = ["django", "sqlite3"]\n',
        asks=("GET /titles",),
        traces=(
            """
            GET titles (server)
              SELECT (client)
            """,
        ),
    ),
    _TESTS,
    replace(
        _TESTS,
        name="Django, a management command",
        command="python manage.py write",
        tracing=spans("pages.greetings:greet", "pages.management.commands.write:Command.handle"),
        traces=(
            """
            Command.handle
              greet
            """,
        ),
    ),
    replace(
        _RUNSERVER,
        name="Django in one file",
        program="django_single",
        command="python single.py runserver --noreload {port}",
        prepare=(),
        tracing=spans("greetings:greet"),
        asks=("GET /hello/ada",),
        traces=(
            """
            GET hello/<name> (server)
              greet
            """,
        ),
    ),
)
