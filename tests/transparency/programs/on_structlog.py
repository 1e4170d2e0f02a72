"""structlog: processors, bound loggers, exceptions, the standard library's logging, contextvars, renderers."""

import asyncio
import io
import json
import logging
import sys

import structlog
from observe import describe, show
from structlog import contextvars, dev, processors, stdlib, testing, tracebacks


def fails():
    raise ValueError("a reason")


def logged(*chain, **options):
    """What a logger with ``chain`` writes."""
    out = io.StringIO()
    structlog.reset_defaults()
    structlog.configure(processors=list(chain), logger_factory=structlog.PrintLoggerFactory(out), **options)
    log = structlog.get_logger("shop").bind(batch=7)
    log.debug("quiet", photo="a.jpg")
    log.info("told", numbers=[1, 2], nested={"a": None})
    log.unbind("batch").try_unbind("none").new(x=1).warning("new")
    try:
        fails()
    except ValueError:
        log.exception("failed")
        log.error("with stack", stack_info=True)
    return out.getvalue()


def drop(logger, name, event):
    if event.get("photo"):
        raise structlog.DropEvent
    return event


def where(logger, name, event):
    event["frame"] = structlog._frames._find_first_app_frame_and_name()[1]
    return event


level = processors.add_log_level
for name, chain in {
    "console": (level, dev.ConsoleRenderer(colors=False)),
    "colours": (level, dev.ConsoleRenderer(colors=True, exception_formatter=dev.plain_traceback)),
    "json": (level, processors.dict_tracebacks, processors.JSONRenderer(sort_keys=True)),
    "text": (processors.format_exc_info, processors.KeyValueRenderer(key_order=["event"], drop_missing=True)),
    "logfmt": (processors.ExceptionPrettyPrinter(io.StringIO()), processors.LogfmtRenderer(sort_keys=True)),
    "stack": (processors.StackInfoRenderer(), processors.format_exc_info, processors.KeyValueRenderer()),
    "dropped": (drop, processors.format_exc_info, processors.EventRenamer("msg"), processors.KeyValueRenderer()),
    "call site": (
        processors.CallsiteParameterAdder(
            [
                processors.CallsiteParameter.FUNC_NAME,
                processors.CallsiteParameter.LINENO,
                processors.CallsiteParameter.MODULE,
            ]
        ),
        processors.format_exc_info,
        processors.KeyValueRenderer(sort_keys=True),
    ),
    "broken": (lambda logger, name, event: 1 / 0,),
    "not a renderer": (lambda logger, name, event: 3,),
}.items():
    show(name, lambda chain=chain: print(logged(*chain)))
show(
    "filtered",
    lambda: print(
        logged(
            processors.format_exc_info,
            processors.JSONRenderer(),
            wrapper_class=structlog.make_filtering_bound_logger(30),
        )
    ),
)
show(
    "cached",
    lambda: print(logged(processors.format_exc_info, processors.JSONRenderer(), cache_logger_on_first_use=True)),
)


def with_logging():
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            stdlib.filter_by_level,
            stdlib.add_logger_name,
            stdlib.add_log_level,
            stdlib.PositionalArgumentsFormatter(),
            stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=stdlib.LoggerFactory(),
        wrapper_class=stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        stdlib.ProcessorFormatter(
            processor=processors.KeyValueRenderer(sort_keys=True),
            foreign_pre_chain=[stdlib.add_log_level, stdlib.ExtraAdder()],
        )
    )
    logging.root.handlers, logging.root.level = [handler], logging.INFO
    log = stdlib.get_logger("shop.web")
    log.info("hello %s", "you", a=1)
    log.debug("not heard")
    logging.getLogger("foreign").warning("plain %d", 3, extra={"more": 1})
    try:
        fails()
    except ValueError:
        log.exception("failed")
    log.log(logging.ERROR, "level")
    return log.isEnabledFor(10), log.name


async def asynchronous():
    structlog.reset_defaults()
    structlog.configure(processors=[contextvars.merge_contextvars, processors.KeyValueRenderer(sort_keys=True)])
    contextvars.clear_contextvars()
    contextvars.bind_contextvars(request=1)
    log = structlog.get_logger()

    async def one(number):
        with contextvars.bound_contextvars(number=number):
            await asyncio.sleep(0)
            await log.ainfo("inside", number_again=number)

    await asyncio.gather(one(1), one(2))
    log.info("outside")
    return contextvars.get_contextvars()


show("logging", with_logging)
show("asynchronous", asynchronous)
structlog.reset_defaults()


def captured():
    with testing.capture_logs() as logs:
        structlog.get_logger().bind(x="y").info("kept", a=1)
    return logs


show("captured", captured)
show(
    "dictionary of a traceback", lambda: json.dumps(tracebacks.ExceptionDictTransformer(show_locals=False)(exception()))
)
show("not callable", lambda: structlog.get_logger().nothing("x"))
show(
    "loggers",
    lambda: [type(structlog.get_logger()).__name__, structlog.is_configured(), structlog.get_config()["processors"][0]],
)
show(
    "generic",
    lambda: structlog.wrap_logger(structlog.testing.ReturnLogger(), processors=[lambda *a: {"kw": 1}]).info("x"),
)
show("bytes", lambda: structlog.BytesLogger(io.BytesIO()).info(b"x"))
show("write", lambda: structlog.WriteLogger(sys.stdout).info("written"))
show("pickled", lambda: __import__("pickle").loads(__import__("pickle").dumps(structlog.PrintLogger())))


def exception():
    try:
        fails()
    except ValueError:
        return sys.exc_info()


show("again", lambda: json.dumps(tracebacks.ExceptionDictTransformer(show_locals=False)(exception())))
describe("structlog")
