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


NEEDED = (
    "json",
    "json.decoder",
    "logging",
    "threading",
    "queue",
    "ssl",
    "socket",
    "weakref",
    "enum",
    "re",
    "functools",
)


def test_first_span_does_not_come_in_the_middle_of_an_import(workshop: Workshop, collector: Collector) -> None:
    """``import asyncio`` makes locks and compiles expressions on its way, when half of it is there."""
    targets = [f'[[span]]\ntarget = "{module[0]}*{module[1:]}:*"\n' for module in NEEDED]
    workshop.write("tracing.toml", "".join(targets))
    workshop.write(
        "main.py", "import asyncio, threading\nthreading.RLock()\nprint(asyncio.run(asyncio.sleep(0, 'done')))\n"
    )
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)
    assert "RLock" in {span.name for span in collector.spans}


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
