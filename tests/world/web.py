"""Web frameworks and servers."""

from __future__ import annotations

from dataclasses import replace

from tests.world.application import NO_FILE, Application, spans

_FLASK = Application(
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
)
_FASTAPI = Application(
    name="FastAPI",
    program="fastapi",
    command="uvicorn --port {port} app:app",
    is_ordered=False,
    asks=("GET /hello/ada", "GET /blocking/ada", "GET /broken", "GET /nowhere"),
    tracing=spans("greetings:greet", "app:*"),
    traces=(
        """
        GET /hello/{name} (server)
          fastapi.dependencies
            visitor
          fastapi.endpoint
            hello
              greet
          fastapi.serialization
        """,
        """
        GET /blocking/{name} (server)
          fastapi.dependencies
          fastapi.endpoint
            blocking
              greet
          fastapi.serialization
        """,
        """
        GET /broken (server, error)
          fastapi.dependencies
          fastapi.endpoint (error)
            broken (error)
        """,
        "GET (server)",
    ),
)
_AIOHTTP = Application(
    name="aiohttp, server",
    program="aiohttp",
    command="python -m aiohttp.web -H 127.0.0.1 -P {port} app:main",
    is_ordered=False,
    asks=("GET /hello/ada", "GET /broken"),
    tracing=spans("greetings:greet", "app:hello", "app:gone", "app:broken"),
    traces=(
        """
        GET /hello/{name} (server)
          hello
            greet
        """,
        """
        GET /broken (server, error)
          broken (error)
        """,
    ),
)

APPLICATIONS = (
    _FLASK,
    replace(_FLASK, name="Flask, greenlets of gunicorn", command="gunicorn -k gevent -b 127.0.0.1:{port} app:app"),
    replace(_FLASK, name="Flask, its own server", command="flask run --port {port}", is_interrupted=True),
    _FASTAPI,
    replace(
        _FASTAPI,
        name="FastAPI, uvloop and two workers",
        command="uvicorn --loop uvloop --workers 2 --port {port} app:app",
    ),
    Application(
        name="Starlette",
        program="starlette",
        command="uvicorn --port {port} app:app",
        is_ordered=False,
        asks=("GET /hello/ada", "GET /sub/stream", "GET /broken"),
        tracing=spans("greetings:greet", "app:*"),
        traces=(
            """
            GET /hello/{name} (server)
              GET /hello/{name} http send
              GET /hello/{name} http send
              hello
                greet
            """,
            """
            GET /sub (server)
              GET /sub http receive
              GET /sub http receive
              GET /sub http send
              GET /sub http send
              GET /sub http send
              GET /sub http send
              GET /sub http send
              stream
              lines
            """,
            """
            GET /broken (server, error)
              broken (error)
            """,
        ),
    ),
    Application(
        name="Litestar",
        program="litestar",
        command="litestar run --port {port}",
        is_ordered=False,
        asks=("GET /hello/ada", "GET /broken"),
        tracing=spans("greetings:greet", "app:hello", "app:broken"),
        traces=(
            """
            hello
              greet
            """,
            "broken (error)",
        ),
    ),
    _AIOHTTP,
    replace(
        _AIOHTTP,
        name="aiohttp, an answer that is raised",
        asks=("GET /gone",),
        traces=(
            """
            GET /gone (server)
              gone
            """,
        ),
    ),
    Application(
        name="Falcon",
        program="falcon",
        command="gunicorn -b 127.0.0.1:{port} app:app",
        is_ordered=False,
        asks=("GET /hello/ada", "GET /broken"),
        tracing=spans("greetings:greet", "app:*.on_get"),
        traces=(
            """
            GET /hello/{name} (server)
              Hello.on_get
                greet
            """,
            """
            GET /broken (server, error)
              Broken.on_get (error)
            """,
        ),
    ),
    Application(
        name="Tornado",
        program="tornado",
        command="python app.py {port}",
        asks=("GET /hello/ada", "GET /broken"),
        tracing=spans("greetings:greet", "handlers:*.get"),
        traces=(
            """
            GET /hello/{name} (server)
              Hello.get
                greet
            """,
            """
            GET /broken (server, error)
              Broken.get (error)
            """,
        ),
    ),
    Application(
        name="datasette",
        program="datasette",
        command="datasette serve towns.db --port {port}",
        prepare=("python make.py",),
        is_ordered=False,
        asks=("GET /towns/town.json?_shape=array",),
        tracing=spans("datasette.views.table:TableView.data"),
        traces=("TableView.data",),
    ),
    Application(
        name="gRPC, client and server",
        program="grpc",
        command="python ask.py",
        tracing=spans("greetings:greet", "client:call", "handlers:stream"),
        traces=(
            """
            call
              /shop.Shop/Unary (client)
                /shop.Shop/Unary (server)
                  greet
              /shop.Shop/Stream (client)
                /shop.Shop/Stream (server)
                  stream
              /shop.Shop/Refuse (client, error)
                /shop.Shop/Refuse (server)
            """,
        ),
    ),
    Application(
        name="Each library, by the module that is imported first",
        program="entries",
        command="python -W ignore entries.py",
        says=(NO_FILE,),
        traces=(),
    ),
)
