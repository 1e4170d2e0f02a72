"""Web frameworks and servers."""

from __future__ import annotations

from tests.world.application import Application, spans

APPLICATIONS = (
    Application(
        name="Flask, threads of gunicorn",
        program="flask",
        command="gunicorn -k gthread --threads 4 -b 127.0.0.1:{port} app:app",
        is_ordered=False,
        asks=("GET /hello/ada", "GET /broken"),
        tracing=spans("greetings:greet", "app:broken"),
        traces=(
            """
            GET /hello/<name> (server)
              greet
            """,
            """
            GET /broken (server, error)
              broken (error)
            """,
        ),
    ),
)
