"""In a process of its own each: a module by which a program may begin to load a library."""

import os

MODULES = (
    "aiohttp.client",
    "aiohttp.web",
    "aiohttp.web_app",
    "django.core.asgi",
    "django.core.handlers.asgi",
    "django.core.wsgi",
    "django.test",
    "falcon.asgi",
    "falcon.testing",
    "fastapi.applications",
    "fastapi.testclient",
    "flask.app",
    "flask.cli",
    "grpc.aio",
    "sqlite3.dbapi2",
    "starlette.applications",
    "starlette.testclient",
    "tornado.httpclient",
    "tornado.web",
    "tornado.websocket",
)

for module in MODULES:
    child = os.fork()
    if child == 0:
        try:
            __import__(module)
            print(module, flush=True)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
