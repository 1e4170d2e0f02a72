"""Django: the middleware of its instrumentor stands in the settings while a handler loads those that it finds there.

``BaseHandler.load_middleware`` is when Django itself reads the settings, whoever has configured them, and when all that
the instrumentor imports is complete. Before that nothing of ours looks at them, afterwards they are as the application
has written them, and a command that serves nothing never loads OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

RunAround = Callable[[FunctionType, Callable[[], object], Callable[[], object]], object]
"""``run_around(f, g, h)`` lets ``g()`` run before and ``h()`` after each call of ``f``."""

_NAME = "MIDDLEWARE"


def attend(base: ModuleType, instrument: Callable[[Mapping[str, object]], object], run_around: RunAround) -> None:
    """Let every handler load the instrumentor's middleware along with the application's.

    ``base`` is ``django.core.handlers.base``. ``instrument`` switches the instrumentor on, whose package then has the
    globals that it is given.
    """
    middleware = _Middleware(base.settings, instrument)
    run_around(base.BaseHandler.load_middleware, middleware.put_in, middleware.take_out)


class _Middleware:
    """What the instrumentor adds to the middleware of ``settings``, a ``django.conf.LazySettings``."""

    def __init__(self, settings: Any, instrument: Callable[[Mapping[str, object]], object]) -> None:
        self._settings = settings
        self._instrument = instrument
        self._added: tuple[str, ...] | None = None
        self._position = 0
        self._loading = 0

    def put_in(self) -> None:
        """Show the settings with our middleware. Raises what reading them does: the handler, which does so next, is to
        raise it, too.
        """
        self._loading += 1
        own = self._settings.MIDDLEWARE
        shown = list(own)
        if self._added is None:
            self._added = self._additions(shown)
        if self._added and self._added[0] not in shown:
            shown[self._position : self._position] = self._added
            vars(self._settings)[_NAME] = (
                tuple(shown) if type(own) is tuple else shown
            )  # where LazySettings keeps what it has looked up

    def take_out(self) -> None:
        """Show them without it, once no other thread's handler is just loading."""
        self._loading -= 1
        if not self._loading:
            vars(self._settings).pop(_NAME, None)

    def _additions(self, own: list[str]) -> tuple[str, ...]:
        """What the instrumentor adds to ``own``, at ``self._position``. It would configure settings that are not."""
        stand_in = SimpleNamespace(MIDDLEWARE=list(own))
        self._instrument({"settings": stand_in})
        number = len(stand_in.MIDDLEWARE) - len(own)
        while self._position < len(own) and stand_in.MIDDLEWARE[self._position] == own[self._position]:
            self._position += 1
        return tuple(stand_in.MIDDLEWARE[self._position : self._position + number])
