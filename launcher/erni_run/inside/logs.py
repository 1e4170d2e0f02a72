"""Log lines carry the trace: fields are added where each library hands a finished record on, and nowhere else.

No handler, no formatter, no level and no configuration of the application is touched. A field that the application
has set itself stays. What stands in for a library's own function bears its file, name and globals, so that "first
frame outside of the logging library" is found where it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from erni_run.inside.notice import describe, say_once
from erni_run.inside.ourselves import aside
from erni_run.plan import LogsPlan, Plan

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
    """The fields of a log record that is being made now."""

    def __init__(self, plan: Callable[[], Plan], library: str) -> None:
        self._plan = plan
        self._library = library
        self._wanted: LogsPlan | None = None
        self._constant: dict[str, str] = {}

    def add_to(self, record: dict[str, Any], *, always: bool = False) -> None:
        """Set the wanted fields that ``record`` does not have. Never raises.

        Outside of a span there are no trace and span ids; ``always`` sets them to zeros, for records whose format
        string would fail without.
        """
        try:
            aside(self._add, record, always)
        except Exception as error:
            say_once(f"{self._library}: log lines go without their trace: {describe(error)}")

    def _add(self, record: dict[str, Any], always: bool) -> None:
        wanted = self._wanted or self._read_plan()
        if self._library not in wanted.inject:
            return
        current = _current_ids() or (_NO_TRACE if always else {})
        for field in wanted.fields:
            value = current.get(field) or self._constant.get(field)
            if value is not None and field not in record:
                record[field] = value

    def _read_plan(self) -> LogsPlan:
        plan = self._plan()
        self._constant = {"service": plan.service.name, "environment": plan.service.environment}
        self._wanted = plan.logs
        return plan.logs


def _current_ids() -> dict[str, str]:
    """Hex trace and span id of the current span (W3C Trace Context), {} if there is none."""
    trace = sys.modules.get("opentelemetry.trace")  # a process that has not imported it has no span
    context = trace.get_current_span().get_span_context() if trace is not None else None
    if context is None or not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _correlate_logging(logging: ModuleType, fields: _Fields) -> None:
    """After the record is made: in a record factory, the application's own ``extra={"service": …}`` would fail."""
    handle = logging.Logger.handle

    def stand_in(self: Any, record: Any) -> None:
        fields.add_to(record.__dict__, always=True)
        handle(self, record)

    logging.Logger.handle = _as(handle, stand_in)


def _correlate_structlog(fields: _Fields) -> None:
    """Before the last processor, which renders: the application's chain runs as it is and sees nothing of ours."""
    from structlog._base import BoundLoggerBase

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
            self._processors = _with_penultimate(logger._processors, add)

    def stand_in(self: Any, method_name: str, event: Any, event_kw: dict[str, Any]) -> Any:
        return process_event(Chain(self), method_name, event, event_kw)  # type: ignore[arg-type]  # all that it needs

    BoundLoggerBase._process_event = _as(process_event, stand_in)  # type: ignore[method-assign]  # on purpose


def _with_penultimate(processors: Any, ours: Any) -> Iterator[Any]:
    chain = list(processors)
    yield from chain[:-1]
    yield ours
    yield from chain[-1:]


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
