"""Targets in the standard library, which erni-run needs itself: they are traced, whatever is imported first."""

from __future__ import annotations

import pytest

from tests.collector import Collector
from tests.conftest import Workshop

# what is imported first, a target that this imports on its way, a call of it
FIRST = {
    "json": ("json:*", "json.dumps({'a': 1}, indent=1)"),
    "json before its decoder": ("json.decoder:*.*", "json.loads('[1]')"),
    "json before re": ("re:*", "__import__('re').sub('a', 'b', 'a')"),
    "json before functools": ("functools:wraps", "__import__('functools').wraps(len)"),
    "inspect before ast": ("ast:literal_eval", "__import__('ast').literal_eval('1')"),
    "logging before its formatters": ("logging:Formatter.format", "logging.error('said')"),
    "dataclasses before copy": ("copy:deepcopy", "__import__('copy').deepcopy([1])"),
    "threading": ("threading:Thread.start", "threading.Thread(target=int).start()"),
    "typing before a glob over all": ("*:deepcopy", "__import__('copy').deepcopy([1])"),
}


EXPECTED = ("is traced already", "spans that end after the end of the process")  # globs that overlap; the last calls
NEEDED = ("json", "json.decoder", "logging", "threading", "queue", "ssl", "socket", "weakref", "enum", "re", "typing")


def test_what_recording_needs_may_be_traced_as_well(workshop: Workshop, collector: Collector) -> None:
    """``import asyncio`` makes locks on its way, when half of it is there; the kind of a span is an enum's."""
    targets = [f"{module[0]}*{module[1:]}:{part}" for module in NEEDED for part in ("*", "*.*")]
    workshop.write("tracing.toml", "".join(f'[[span]]\ntarget = "{target}"\n' for target in targets))
    program = (
        "import asyncio, re, threading\nthreading.RLock()\nprint(re.I.name, asyncio.run(asyncio.sleep(0, 'done')))\n"
    )
    workshop.write("main.py", program)
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.returncode) == ("IGNORECASE done\n", 0)
    said = [line for line in done.stderr.splitlines() if not any(text in line for text in EXPECTED)]
    assert said == []
    assert {"RLock", "property.__get__"} <= {span.name for span in collector.spans}


def test_own_work_for_the_first_span_is_not_traced(workshop: Workshop, collector: Collector) -> None:
    """The journal is opened, an account of it is written, threads are started."""
    targets = ("json:*", "contextlib:*.*", "threading:*.*", "os:*", "shop:work")
    workshop.write("tracing.toml", "".join(f'[[span]]\ntarget = "{target}"\n' for target in targets))
    workshop.write("shop.py", "def work(): pass\n")
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    program = "import json, contextlib, threading, shop; shop.work()"
    done = workshop.run("erni-run", "python", "-c", program, environ=environ)
    assert (done.stderr, done.returncode) == ("", 0)
    work = next(span for span in collector.spans if span.name == "work")
    later = [span.name for span in collector.spans if span.start > work.start]
    assert not any(name.startswith(("dump", "load", "suppress", "_Generator", "Thread.start")) for name in later), later


@pytest.mark.parametrize("case", FIRST)
def test_target_is_traced_although_its_import_began_elsewhere(
    workshop: Workshop, collector: Collector, case: str
) -> None:
    target, call = FIRST[case]
    module = case.partition(" ")[0]
    workshop.write("tracing.toml", f'[[span]]\ntarget = "{target}"\nname = "found"\n')
    workshop.write("main.py", f"import {module}\n{call}\nprint('done')\n")
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.returncode) == ("done\n", 0)
    assert done.stderr.replace("ERROR:root:said\n", "") == ""
    assert "found" in {span.name for span in collector.spans}
