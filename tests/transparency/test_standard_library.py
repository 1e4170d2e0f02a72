"""CPython's own tests, with every function of the modules that they are about traced: each ends as it does bare."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path

import pytest

from tests.collector import Collector
from tests.conftest import Workshop
from tests.transparency.both import as_glob, run, trace

pytest.importorskip("test.support", reason="this interpreter comes without CPython's own tests")
pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(900),
]

# the test module, and the modules whose functions are traced while it runs
SUITES = {
    "test_abc": "abc _py_abc",
    "test_argparse": "argparse",
    "test_ast": "ast",
    "test_asyncio.test_base_events": "asyncio.base_events asyncio.events",
    "test_asyncio.test_locks": "asyncio.locks asyncio.mixins",
    "test_asyncio.test_protocols": "asyncio.protocols",
    "test_asyncio.test_queues": "asyncio.queues",
    "test_asyncio.test_runners": "asyncio.runners asyncio.base_events",
    "test_asyncio.test_server": "asyncio.base_events",
    "test_asyncio.test_streams": "asyncio.streams",
    "test_asyncio.test_taskgroups": "asyncio.taskgroups asyncio.tasks",
    "test_asyncio.test_tasks": "asyncio.tasks asyncio.futures",
    "test_asyncio.test_timeouts": "asyncio.timeouts asyncio.tasks",
    "test_asyncio.test_transports": "asyncio.transports",
    "test_base64": "base64",
    "test_bisect": "bisect",
    "test_calendar": "calendar",
    "test_collections": "collections collections.abc _collections_abc",
    "test_configparser": "configparser",
    "test_contextlib": "contextlib",
    "test_contextlib_async": "contextlib",
    "test_copy": "copy",
    "test_copyreg": "copyreg",
    "test_csv": "csv",
    "test_dataclasses": "dataclasses",
    "test_difflib": "difflib",
    "test_enum": "enum",
    "test_fnmatch": "fnmatch",
    "test_fractions": "fractions",
    "test_functools": "functools",
    "test_graphlib": "graphlib",
    "test_gzip": "gzip _compression",
    "test_heapq": "heapq",
    "test_html": "html",
    "test_htmlparser": "html.parser _markupbase",
    "test_http_cookiejar": "http.cookiejar",
    "test_http_cookies": "http.cookies",
    "test_httplib": "http.client",
    "test_inspect": "inspect",
    "test_ipaddress": "ipaddress",
    "test_json": "json json.decoder json.encoder json.scanner json.tool",
    "test_logging": "logging logging.handlers logging.config",
    "test_operator": "operator",
    "test_optparse": "optparse",
    "test_pathlib": "pathlib",
    "test_plistlib": "plistlib",
    "test_pprint": "pprint",
    "test_queue": "queue",
    "test_random": "random",
    "test_re": "re re._compiler re._parser re._casefix",
    "test_reprlib": "reprlib",
    "test_sched": "sched",
    "test_selectors": "selectors",
    "test_shlex": "shlex",
    "test_shutil": "shutil",
    "test_ssl": "ssl",
    "test_statistics": "statistics",
    "test_string": "string",
    "test_tempfile": "tempfile",
    "test_textwrap": "textwrap",
    "test_threading": "threading",
    "test_tokenize": "tokenize",
    "test_traceback": "traceback linecache",
    "test_types": "types",
    "test_urllib": "urllib.request urllib.parse",
    "test_urllib2": "urllib.request urllib.response",
    "test_urlparse": "urllib.parse",
    "test_uuid": "uuid",
    "test_warnings": "warnings",
    "test_weakref": "weakref",
    "test_zipfile": "zipfile",
}
"""Left out: typing, for a class there warns with stacklevel=2 and doctest then changes the module while it looks at it;
pickle, whose Python version makes millions of spans; socketserver and the like, which want a network."""

CALLER = "looks at its caller's frame, and finds the function itself: one more frame a call"
STACK = "shows the stack, in which each traced function has one more entry"
HANDED_OUT = "a function that returns a coroutine which has not begun is followed: it gives one that runs it"
STACKLEVEL = "warns of its caller's line by stacklevel, and names the function's own: one more frame a call"
DIFFERS = {
    "test.test_collections.TestNamedTuple.test_factory": f"namedtuple() {CALLER}",
    "test.test_collections.TestNamedTuple.test_pickle": f"namedtuple() {CALLER}",
    "test.test_enum.TestSpecial.test_pickle_enum_function": f"Enum() {CALLER}",
    "test.test_asyncio.test_tasks.PyTask_CFuture_Tests.test_task_source_traceback": STACK,
    "test.test_asyncio.test_tasks.PyTask_PyFuture_Tests.test_task_source_traceback": STACK,
    **{
        f"test.test_asyncio.test_tasks.{tests}.test_get_coro": HANDED_OUT
        for tests in (
            *("PyTask_CFutureSubclass_Tests", "PyTask_CFuture_Tests"),
            *("PyTask_PyFuture_SubclassTests", "PyTask_PyFuture_Tests"),
        )
    },
    "test.test_inspect.test_inspect.TestGettingSourceOfToplevelFrames.test_range_toplevel_frame": STACK,
    "test.test_inspect.test_inspect.TestInterpreterStack.test_frame": STACK,
    "test.test_inspect.test_inspect.TestInterpreterStack.test_previous_frame": STACK,
    "test.test_inspect.test_inspect.TestInterpreterStack.test_stack": STACK,
    "test.test_inspect.test_inspect.TestRetrievingSourceCode.test_getframeinfo_get_first_line": STACK,
    "test.test_re.ReTests.test_re_groupref_exists_errors": STACKLEVEL,
    "test.test_re.ReTests.test_symbolic_groups_errors": STACKLEVEL,
    "test.test_re.ReTests.test_symbolic_refs_errors": STACKLEVEL,
    "test.test_traceback.MiscTracebackCases.test_extract_stack": STACK,
    "test.test_traceback.TestStack.test_custom_format_frame": STACK,
    "test.test_traceback.TestStack.test_format_locals": STACK,
    "test.test_traceback.TracebackFormatTests.test_format_stack": STACK,
    "test.test_traceback.TracebackFormatTests.test_print_stack": STACK,
    "test.test_warnings.PyFilterTests.test_error_after_default": STACKLEVEL,
    "test.test_warnings.PyFilterTests.test_ignore": STACKLEVEL,
    "test.test_warnings.PyWarnTests.test_exec_filename": STACKLEVEL,
    "test.test_warnings.PyWarnTests.test_filename": STACKLEVEL,
    "test.test_warnings.PyWarnTests.test_stacklevel": STACKLEVEL,
    "test.test_warnings.PyWarnTests.test_stacklevel_import": STACKLEVEL,
}
NOT_DELIVERED = {
    "test_threading": "counts the threads of the process, of which one is ours as soon as spans are sent",
    **{
        f"test_{name}": "takes long, and has been run without delivery"
        for name in (
            *("argparse", "asyncio.test_taskgroups", "asyncio.test_tasks", "logging", "pathlib", "plistlib", "queue"),
            *("random", "selectors", "statistics", "zipfile"),
        )
    },
}
DELIVERED = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.02"}


@functools.cache
def bare(suite: str) -> tuple[dict[str, str], dict[str, str], int]:
    with tempfile.TemporaryDirectory() as folder:
        return outcomes(Workshop(Path(folder)), suite)


def outcomes(
    workshop: Workshop, suite: str, environ: dict[str, str] | None = None
) -> tuple[dict[str, str], dict[str, str], int]:
    """What became of each test, what was said of those that went wrong, and how many functions were instrumented."""
    file = workshop.folder / "outcomes"
    traced = environ is not None
    done = run(workshop, "programs/outcomes.py", str(file), suite, traced=traced, environ=environ, seconds=300)
    words, details = json.loads(file.read_text())
    return words, details, done.instrumented


def check(workshop: Workshop, suite: str, environ: dict[str, str]) -> None:
    trace(workshop, map(as_glob, SUITES[suite].split()))
    expected, before, _ = bare(suite)
    for _ in range(2):  # some of CPython's tests depend on time, and pass the next time
        words, details, instrumented = outcomes(workshop, suite, environ)
        different = {
            name: f"{expected.get(name)} -> {words.get(name)}\n{details.get(name) or before.get(name)}"
            for name in sorted(expected.keys() | words.keys())
            if expected.get(name) != words.get(name) and name not in DIFFERS
        }
        if not different:
            break
    assert different == {}
    assert expected
    assert instrumented > 0


@pytest.mark.parametrize("suite", SUITES)
def test_every_test_ends_as_it_does_bare(workshop: Workshop, suite: str) -> None:
    check(workshop, suite, {"OTEL_TRACES_EXPORTER": "none"})


@pytest.mark.parametrize("suite", [suite for suite in SUITES if suite not in NOT_DELIVERED])
def test_every_test_ends_as_it_does_bare_while_spans_are_delivered(
    workshop: Workshop, collector: Collector, suite: str
) -> None:
    check(workshop, suite, {**collector.environment(), **DELIVERED})
