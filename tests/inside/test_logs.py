"""Log lines carry the trace, and logging is otherwise what it was."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest

from tests.collector import Collector
from tests.conftest import Workshop

LOGS = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8").split("## [logs]")[1]
CONFIG = """
    [service]
    name = "shop"
    environment = "test"
    [[span]]
    target = "work:*"
"""

LOGGING = """
    import json, logging, sys

    class AsJson(logging.Formatter):
        def format(self, record):
            standard = vars(logging.makeLogRecord({}))
            extra = {k: v for k, v in vars(record).items() if k not in standard and k not in ("message", "taskName")}
            return json.dumps({"event": record.getMessage(), "function": record.funcName, **extra})

    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(AsJson())
    log = logging.getLogger("shop")
    log.addHandler(handler)
    log.propagate = False

    def inside():
        log.warning("inside", extra={"service": "mine", "size": 3})
"""

STRUCTLOG = """
    import structlog
    structlog.configure(processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.CallsiteParameterAdder([structlog.processors.CallsiteParameter.FUNC_NAME]),
        structlog.processors.JSONRenderer(),
    ])
    log = structlog.get_logger().bind(size=3)

    def inside():
        log.warning("inside", service="mine")
"""

LOGURU = """
    import sys
    from loguru import logger as log
    log.remove()

    def show(message):
        record = message.record
        import json
        print(json.dumps({"event": record["message"], "function": record["function"], **record["extra"]}))

    log.add(show)

    def inside():
        log.bind(service="mine", size=3).warning("inside")
"""

LIBRARIES = {"logging": LOGGING, "structlog": STRUCTLOG, "loguru": LOGURU}


def run(workshop: Workshop, library: str, config: str, **environ: str) -> list[dict[str, object]]:
    workshop.write("work.py", LIBRARIES[library])
    workshop.write("main.py", "import work\nwork.log.warning('outside')\nwork.inside()\n")
    workshop.write("tracing.toml", config)
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stderr, done.returncode) == ("", 0)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("library", LIBRARIES)
def test_line_inside_a_span_carries_its_ids(workshop: Workshop, collector: Collector, library: str) -> None:
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    outside, inside = run(workshop, library, CONFIG, **environ)
    (span,) = (span for span in collector.spans if span.name == "inside")
    assert (inside["trace_id"], inside["span_id"]) == (span.trace_id, span.span_id)
    assert (len(span.trace_id), len(span.span_id)) == (32, 16)
    assert (inside["environment"], inside["service"], inside["size"]) == ("test", "mine", 3)
    added = {"trace_id": "0" * 32, "span_id": "0" * 16, "environment": "test", "service": "shop"}
    found = {field: outside[field] for field in added if field in outside}
    assert found == (added if library == "logging" else {})


@pytest.mark.parametrize("library", LIBRARIES)
def test_fields_are_all_that_is_added(workshop: Workshop, library: str) -> None:
    traced = run(workshop, library, CONFIG)
    bare = run(workshop, library, CONFIG, ENABLE_TRACING="false")
    added = {"trace_id", "span_id", "service", "environment"}
    for with_us, without in zip(traced, bare, strict=True):
        ours = {key: value for key, value in with_us.items() if key in without or key not in added}
        assert list(ours.items()) == list(without.items())


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("logs", "fields"), [("inject = []", set()), ('fields = ["span_id"]', {"span_id"})])
def test_file_chooses_libraries_and_fields(workshop: Workshop, library: str, logs: str, fields: set[str]) -> None:
    inside = run(workshop, library, CONFIG + f"    [logs]\n    {logs}\n")[1]
    assert {"trace_id", "span_id", "environment"} & set(inside) == fields


CONSOLES = {
    "no configuration at all": "logging.getLogger('a').warning('x'); logging.info('y'); logging.error('z')",
    "basicConfig": "logging.basicConfig(level=0, format='%(levelname)s %(funcName)s %(lineno)d %(message)s'); log()",
    "format that wants the ids": "logging.basicConfig(format='%(message)s'); log()",
    "a failing handler": "logging.basicConfig(format='%(nothing)s'); log()",
    "extra fields of the same name": "logging.basicConfig(format='%(service)s'); log(extra={'service': 'x'})",
    "the record's own factory": "logging.setLogRecordFactory(logging.LogRecord); logging.basicConfig(); log()",
    "loguru's default": "from loguru import logger; logger.configure(handlers=[{'sink': sys.stderr, 'format': '{level} {function} {message}'}]); logger.info('x')",
    "structlog's console": "import structlog; structlog.configure(processors=[structlog.dev.ConsoleRenderer(colors=False)]); print(structlog.get_config())",
    "structlog that drops": "import structlog\ndef drop(*_): raise structlog.DropEvent\nstructlog.configure(processors=[drop])\nstructlog.get_logger().info('x')",
    "structlog without processors": "import structlog; structlog.configure(processors=[]); structlog.get_logger().info(event='x')",
}


@pytest.mark.parametrize("console", CONSOLES)
def test_console_output_is_byte_identical(workshop: Workshop, console: str) -> None:
    lines = ["import logging, sys", "def log(**more): logging.getLogger('a').error('message', **more)"]
    workshop.write("main.py", "\n".join([*lines, *CONSOLES[console].split("\n"), "print(logging.root.handlers)\n"]))
    workshop.write("tracing.toml", "")
    bare, traced = (workshop.run(*command, "python", "main.py") for command in ((), ("erni-run",)))
    assert traced.returncode == bare.returncode
    assert _without_addresses(traced.stdout) == _without_addresses(bare.stdout)
    assert _without_addresses(traced.stderr) == _without_addresses(bare.stderr)


def _without_addresses(text: str) -> list[str]:
    return [word for word in text.split() if not word.startswith("0x")]


def test_format_string_that_wants_the_ids_works_outside_of_spans(workshop: Workshop) -> None:
    program = "import logging; logging.basicConfig(format='%(trace_id)s %(span_id)s %(service)s'); logging.error('x')"
    workshop.write("tracing.toml", '[service]\nname = "shop"\n')
    assert workshop.run("erni-run", "python", "-c", program).stderr == f"{'0' * 32} {'0' * 16} shop\n"


def test_what_applications_compare_is_as_without_us(workshop: Workshop) -> None:
    """structlog's own means for tests, inside of spans as well, and loguru's records outside of them."""
    workshop.write(
        "work.py",
        """
        import structlog
        def sell():
            with structlog.testing.capture_logs() as captured:
                structlog.get_logger().info("sold", size=3)
            return captured
        """,
    )
    workshop.write(
        "main.py",
        """
        import work
        from loguru import logger
        logger.remove()
        logger.add(lambda message: print(message.record["extra"]))
        logger.bind(size=3).info("sold")
        print(work.sell())
        """,
    )
    workshop.write("tracing.toml", CONFIG)
    bare, traced = (workshop.run(*command, "python", "main.py") for command in ((), ("erni-run",)))
    assert (traced.stdout, traced.stderr) == (bare.stdout, bare.stderr)


EMITTERS = {
    # how a record gets to a handler: statements inside a traced function
    "a logger": "log.error('x')",
    "a logger's adapter": "logging.LoggerAdapter(log, {'trace': 1}).error('x')",
    "handle of its own": "Logger('x', handle=lambda self, record: self.callHandlers(record)).error('x')",
    "callHandlers of its own": (
        "Logger('x', callHandlers=lambda self, record: [h.handle(record) for h in self.handlers]).error('x')"
    ),
    "makeRecord of its own": (
        "Logger('x', makeRecord=lambda *_, **__: logging.makeLogRecord({'levelno': 40, 'msg': 'x'})).error('x')"
    ),
    "_log of its own": (
        "Logger('x', _log=lambda self, *_: handler.handle(logging.makeLogRecord({'msg': 'x'}))).error('x')"
    ),
    "no logger": "handler.handle(logging.makeLogRecord({'msg': 'x'}))",
    "a warning": "logging.captureWarnings(True); warnings.warn('x', stacklevel=1)",
    "a queue and another thread": """
        queue = multiprocessing.SimpleQueue()
        queue.put_nowait = queue.put
        listener = logging.handlers.QueueListener(queue, handler)
        listener.dequeue = lambda block: queue.get()
        listener.enqueue_sentinel = lambda: queue.put(None)
        logging.handlers.QueueHandler(queue).handle(logging.makeLogRecord({'levelno': 20, 'msg': 'x'}))
        listener.start()
        listener.stop()
    """,
    "a buffer that is flushed later": """
        memory = logging.handlers.MemoryHandler(100, target=handler)
        memory.handle(logging.makeLogRecord({'levelno': 20, 'msg': 'x'}))
        thread = threading.Thread(target=memory.flush)
        thread.start()
        thread.join()
    """,
}


def test_record_carries_the_trace_whichever_way_it_gets_to_a_handler(workshop: Workshop, collector: Collector) -> None:
    lines = """
        import logging, logging.handlers, multiprocessing, sys, threading, warnings

        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(trace_id)s %(span_id)s"))
        log = logging.getLogger()
        log.addHandler(handler)

        def Logger(name, **methods):
            logger = type("Logger", (logging.Logger,), methods)(name)
            logger.addHandler(handler)
            return logger
    """
    functions = [
        f"def way_{number}():\n{textwrap.indent(textwrap.dedent(way), '    ')}\n"
        for number, way in enumerate(EMITTERS.values())
    ]
    workshop.write("work.py", textwrap.dedent(lines) + "\n".join(functions))
    workshop.write("main.py", f"import work\nfor i in range({len(EMITTERS)}): getattr(work, f'way_{{i}}')()\n")
    workshop.write("tracing.toml", '[[span]]\ntarget = "work:way_*"\n')
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment("http/protobuf")}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    ids = {span.name: f"{span.trace_id} {span.span_id}" for span in collector.spans}
    expected = {way: ids.get(f"way_{number}") for number, way in enumerate(EMITTERS)}
    assert dict(zip(EMITTERS, done.stdout.splitlines(), strict=False)) == expected
    assert done.stderr == ""


def test_what_is_no_record_is_handled_as_ever(workshop: Workshop) -> None:
    workshop.write(
        "main.py",
        """
        import logging
        class Handler(logging.Handler):
            def emit(self, record): print(record)
        class Closed(logging.LogRecord):
            def __getattribute__(self, name):
                if name == "__dict__": raise RuntimeError(name)
                return super().__getattribute__(name)
        for record in (("a", "tuple"), "text", Closed("x", 20, "main.py", 1, "sold", (), None)):
            Handler().handle(record)
        """,
    )
    workshop.write("tracing.toml", CONFIG)
    bare, traced = (workshop.run(*command, "python", "main.py") for command in ((), ("erni-run",)))
    assert (traced.stdout, traced.stderr) == (bare.stdout, bare.stderr)
    assert bare.returncode == 0


def test_documented_formats_work_traced_and_untraced(workshop: Workshop) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", LOGS, re.MULTILINE | re.DOTALL)
    workshop.write("tracing.toml", '[service]\nname = "shop"\n')
    assert len(blocks) == 2
    for block in blocks:
        workshop.write("main.py", f"{block}\nlogging.getLogger('shop').error('sold')\n")
        traced = workshop.run("erni-run", "python", "main.py")
        bare = workshop.run("erni-run", "python", "main.py", environ={"ENABLE_TRACING": "false"})
        assert (traced.stdout + traced.stderr).strip() == f"{'0' * 32} sold"
        assert (bare.stdout + bare.stderr).strip() == "- sold"
