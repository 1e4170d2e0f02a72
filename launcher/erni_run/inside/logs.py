"""Log lines carry the trace: fields are added where each library hands a finished record on, and nowhere else.

Outside of spans nothing is added to what structlog and loguru hand on, which applications look at themselves. A record
of logging has the fields everywhere: a format that names one would fail without.

No handler, no formatter, no level and no configuration of the application is touched. A field that the application
has set itself stays. What stands in for a library's own function bears its file, name and globals, so that "first
frame outside of the logging library" is found where it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from erni_run.inside.notice import describe, say_once
from erni_run.inside.ourselves import aside
from erni_run.plan import Plan

_NO_TRACE = {"trace_id": "0" * 32, "span_id": "0" * 16}


def correlate(module: ModuleType, plan: Callable[[], Plan]) -> None:
    """Add trace fields to the log records of ``module``, one of structlog, logging and loguru.

    ``plan`` is called by the first record: almost every process imports logging, and many log nothing.
    """
    fields = _Fields(plan, module.__name__)
    if module.__name__ == "structlog":
        _correlate_structlog(fields)
    elif module.__name__ == "logging":
        _correlate_logging(module, fields)
    else:
        _correlate_loguru(fields)


class _Fields:
    """The fields of a log record that is being handed on now."""

    def __init__(self, plan: Callable[[], Plan], library: str) -> None:
        self._plan = plan
        self._library = library
        self._wanted: tuple[str, ...] | None = None
        self._names: frozenset[str] = frozenset()
        self._constant: dict[str, str] = {}

    def add_to(self, record: dict[str, Any], *, always: bool = False) -> None:
        """Set the wanted fields that ``record`` does not have, ``always`` or inside of spans alone. Never raises. Ids
        are zeros outside of spans.
        """
        if self._wanted is not None and self._names <= record.keys():
            return
        try:
            aside(self._add, record, always)
        except Exception as error:
            what = f"{self._library}: log lines go without their trace"
            say_once(f"{what}: {describe(error)}", kind=what)

    def _add(self, record: dict[str, Any], always: bool) -> None:
        wanted = self._read_plan() if self._wanted is None else self._wanted
        ids = _current_ids() or (_NO_TRACE if always else None)
        if ids is None:
            return
        for field in wanted:
            value = ids.get(field) or self._constant.get(field, "")
            if field not in record and (value or always):
                record[field] = value

    def _read_plan(self) -> tuple[str, ...]:
        plan = self._plan()
        self._constant = {"service": plan.service.name, "environment": plan.service.environment}
        wanted = plan.logs.fields if self._library in plan.logs.inject else ()
        self._names = frozenset(wanted)
        self._wanted = wanted
        return wanted


def _current_ids() -> dict[str, str]:
    """Hex trace and span id of the current span (W3C Trace Context), {} if there is none."""
    trace = sys.modules.get("opentelemetry.trace")  # a process that has not imported it has no span
    context = trace.get_current_span().get_span_context() if trace is not None else None
    if context is None or not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _correlate_logging(logging: ModuleType, fields: _Fields) -> None:
    """In the handlers, where all records come by, whatever the class of their logger does, in the thread that logs: a
    handler is what hands them to other threads and processes. In a record factory, which is the application's to set,
    its own ``extra={"service": …}`` would fail.
    """
    handle = logging.Handler.handle

    def stand_in(self: Any, record: Any) -> Any:
        try:
            variables = record.__dict__
        except Exception:  # not one of logging's: what has no room for fields goes without
            variables = None
        if variables is not None:
            fields.add_to(variables, always=True)
        return handle(self, record)

    logging.Handler.handle = _as(handle, stand_in)


def _correlate_structlog(fields: _Fields) -> None:
    """Before the last processor, which renders: the application's chain runs as it is and sees nothing of ours."""
    from structlog._base import BoundLoggerBase
    from structlog.testing import LogCapture

    process_event = BoundLoggerBase._process_event

    def add(_: Any, __: str, event: Any) -> Any:
        if isinstance(event, dict):
            fields.add_to(event)
        return event

    class Chain:
        """``logger`` as ``_process_event`` needs it, its processors with ours before the last."""

        __slots__ = ("_context", "_logger", "_processors")

        def __init__(self, logger: Any) -> None:
            self._context = logger._context
            self._logger = logger._logger
            chain = list(logger._processors)
            is_rendered = chain and not isinstance(chain[-1], LogCapture)  # which is there for tests to compare
            self._processors = [*chain[:-1], add, chain[-1]] if is_rendered else chain

    def stand_in(self: Any, method_name: str, event: Any, event_kw: dict[str, Any]) -> Any:
        return process_event(Chain(self), method_name, event, event_kw)  # type: ignore[arg-type]  # all that it needs

    BoundLoggerBase._process_event = _as(process_event, stand_in)  # type: ignore[method-assign]  # on purpose


def _correlate_loguru(fields: _Fields) -> None:
    """In the record's ``extra``, which is where loguru's formats and its JSON look for such fields."""
    from loguru._handler import Handler

    emit: Any = Handler.emit

    def stand_in(self: Any, record: Any, *rest: Any) -> None:
        fields.add_to(record["extra"])
        emit(self, record, *rest)

    Handler.emit = _as(emit, stand_in)  # type: ignore[method-assign]  # that is the point


def _as(original: Any, stand_in: Any) -> Any:
    """``stand_in`` with the file, name, globals and signature by which the library and its users know ``original``."""
    code = original.__code__
    disguise = {"co_filename": code.co_filename, "co_name": code.co_name, "co_firstlineno": code.co_firstlineno}
    function = FunctionType(
        stand_in.__code__.replace(**disguise), original.__globals__, code.co_name, None, stand_in.__closure__
    )
    function.__qualname__, function.__module__ = original.__qualname__, original.__module__
    function.__doc__ = original.__doc__
    function.__annotations__ = original.__annotations__
    return function
