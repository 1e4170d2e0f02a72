"""The agency's log: one JSON object a line on stdout, with session_id and batch_id from the running task.

uvicorn's own log is left alone. Nothing here may print a photograph's content, a field's value or a key.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

EXPORT_WARNING = "OPENAI_API_KEY is not set, skipping trace export"


def configure_logs(*, debug: bool) -> None:
    """Set structlog up for this process; `debug` lets the debug lines through."""
    logging.getLogger("openai.agents").addFilter(_without_export_warning)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _name_logger,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )


def log_of(module: str) -> structlog.typing.FilteringBoundLogger:
    """A module's logger; `logger` in its lines names the module."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=module)
    return log


def _name_logger(_logger: Any, _level: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["logger"] = event.pop("module", "agency")  # `logger` itself is taken by a parameter of structlog's
    return event


def _without_export_warning(record: logging.LogRecord) -> bool:
    # The SDK's tracing stays on for whoever listens to it; only its upload to OpenAI has no key, on purpose.
    return record.getMessage() != EXPORT_WARNING
