"""What applications do to their processes, while they are traced: forks, signals, ends, and targets of all kinds."""

from __future__ import annotations

import sys

import pytest

from tests.collector import Collector
from tests.conftest import Workshop


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    workshop.write("shop.py", "def work(n=1): return n\ndef items():\n    yield 1\n    yield 2\n")
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:*"\n')
    workshop.environ["OTEL_TRACES_EXPORTER"] = "otlp"
    return workshop


def run(shop: Workshop, collector: Collector, program: str, **environ: str) -> str:
    """The standard output of ``program``, which ends well and of which nothing is said."""
    shop.write("main.py", program)
    done = shop.run("erni-run", "python", "-W", "ignore", "main.py", environ={**collector.environment(), **environ})
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def test_first_span_in_the_middle_of_a_fork_is_no_trouble(shop: Workshop, collector: Collector) -> None:
    """It imports logging, whose handlers for the end of a fork expect that those for its beginning have run."""
    program = """
    import os, sys, threading, shop

    def trace_elsewhere():
        if "logging" not in sys.modules:
            thread = threading.Thread(target=shop.work)
            thread.start(); thread.join()
            print("logging" in sys.modules, flush=True)

    os.register_at_fork(before=trace_elsewhere)
    for _ in range(2):
        pid = os.fork()
        if not pid: os._exit(0)
        os.waitpid(pid, 0)
    """
    assert run(shop, collector, program) == "True\n"


def test_applications_own_register_at_fork_stays(shop: Workshop, collector: Collector) -> None:
    program = """
    import os, shop
    real = os.register_at_fork
    def mine(**handlers): real(**handlers)
    os.register_at_fork = mine
    shop.work()
    print(os.register_at_fork is mine, flush=True)
    pid = os.fork()
    if not pid:
        print(os.register_at_fork is mine, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
    """
    assert run(shop, collector, program) == "True\nTrue\n"


def test_logging_that_was_there_before_us_goes_on_after_a_fork(shop: Workshop) -> None:
    program = """
    import logging
    import os, threading, erni_run.inside.forks
    pid = os.fork()
    if not pid: os._exit(0)
    os.waitpid(pid, 0)
    thread = threading.Thread(target=logging.getLogger, args=("mine",), daemon=True)
    thread.start(); thread.join(10)
    print(thread.is_alive())
    """
    shop.write("main.py", program)
    assert shop.run("python", "main.py").stdout == "False\n"


def test_child_lives_although_a_pool_of_threads_was_imported_late(shop: Workshop, collector: Collector) -> None:
    program = """
    import os, shop
    shop.work()
    from concurrent.futures import ThreadPoolExecutor
    ThreadPoolExecutor(1).submit(int).result()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if os.fork() == 0 else os.waitpid(-1, 0)[1])
    print(os.waitpid(pid, 0)[1])
    """
    assert run(shop, collector, program) == "0\n"


def test_files_of_modules_are_closed_at_the_end(shop: Workshop, collector: Collector) -> None:
    shop.write("shop.py", "log = open('log', 'w')\ndef work(): log.write('written')\n")
    run(shop, collector, "import shop; shop.work()")
    assert (shop.folder / "log").read_text() == "written"


def test_spans_of_the_applications_own_atexit_are_delivered(shop: Workshop, collector: Collector) -> None:
    run(shop, collector, "import atexit, shop; atexit.register(shop.work); shop.work()")
    assert [span.name for span in collector.spans] == ["work", "work"]


def test_first_span_may_come_at_the_very_end(shop: Workshop, collector: Collector) -> None:
    run(shop, collector, "import atexit, shop; atexit.register(shop.work)")
    assert [span.name for span in collector.spans] == ["work"]


def test_generator_that_is_left_open_does_not_hold_up_the_end(shop: Workshop, collector: Collector) -> None:
    shop.write("main.py", "import shop; items = shop.items(); print(next(items))")
    done = shop.run("erni-run", "python", "main.py", environ=collector.environment())
    assert (done.stdout, done.returncode) == ("1\n", 0)
    assert done.stderr == ""
    shop.run("erni-run", "drain", environ=collector.environment())
    assert [span.name for span in collector.spans] == ["items"]


def test_span_that_a_fork_copies_is_its_parents_to_end(shop: Workshop, collector: Collector) -> None:
    shop.write("shop.py", "import os\ndef work(): return os.fork()\n")
    run(shop, collector, "import os, sys, shop\nif shop.work() == 0: sys.exit(0)\nos.wait()")
    assert len(collector.spans) == 1


def test_exception_of_a_signal_handler_reaches_the_application(shop: Workshop, collector: Collector) -> None:
    program = """
    import signal, shop
    class Timeout(Exception): pass
    def late(*_): raise Timeout
    signal.signal(signal.SIGALRM, late)
    seen = 0
    for _ in range(20):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            while True: shop.work()
        except Timeout:
            seen += 1
    print(seen)
    """
    assert run(shop, collector, program, OTEL_TRACES_EXPORTER="none") == "20\n"


def test_traced_signal_handler_does_not_wait_for_itself(shop: Workshop, collector: Collector) -> None:
    program = """
    import signal, shop, time
    signal.signal(signal.SIGALRM, lambda *_: shop.work())
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    for _ in range(5_000): shop.work()
    signal.setitimer(signal.ITIMER_REAL, 0)
    print("done")
    """
    assert run(shop, collector, program) == "done\n"


OUR_OWN_TOOLS = ["json*:*", "logging:*", "logging:*.*", "threading:*", "threading:*.*", "uuid:*", "platform:*"]
OUR_OWN_TOOLS += ["dataclasses:*", "os:*", "contextlib:*.*", "opentelemetry.*:*", "erni_run.*:*", "*:*"]


@pytest.mark.parametrize("target", OUR_OWN_TOOLS)
def test_what_we_use_ourselves_can_be_a_target(shop: Workshop, target: str) -> None:
    program = """
    import contextlib, dataclasses, json, logging, os, platform, threading, uuid
    thread = threading.Thread(target=json.dumps, args=({"a": 1},))
    thread.start(); thread.join()
    logging.warning("careful")
    @contextlib.contextmanager
    def within(): yield uuid.uuid4()
    with within(): print(json.loads("[1]"), os.path.basename("a/b"))
    """
    shop.write("main.py", program)
    bare = shop.run("python", "main.py")
    shop.write("tracing.toml", f'[[span]]\ntarget = "{target}"\n')
    done = shop.run("erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "none"})
    assert (done.stdout, done.returncode) == (bare.stdout, bare.returncode)
    others = [line for line in done.stderr.splitlines() if not line.startswith("erni-run: ")]
    assert others == bare.stderr.splitlines()


def test_call_while_the_standard_library_is_half_imported_is_let_go(shop: Workshop, collector: Collector) -> None:
    shop.write("tracing.toml", '[[span]]\ntarget = "re:compile"\n')
    run(shop, collector, "import re, logging, concurrent.futures\nre.compile('a')\n")
    assert [span.name for span in collector.spans] == ["compile"]


@pytest.mark.parametrize(
    ("command", "target"),
    [
        (("python", "app.py"), "app:main"),
        (("python", "app.py"), "__main__:main"),
        (("python", "-m", "app"), "app:main"),
        (("python", "-m", "package.tool"), "package.tool:main"),
    ],
)
def test_functions_of_the_script_are_said_to_be_out_of_reach(
    shop: Workshop, command: tuple[str, ...], target: str
) -> None:
    for name in ("app.py", "package/tool.py"):
        shop.write(name, "import threading\ndef main(): print('ran')\nmain()\n")
    shop.write("tracing.toml", f'[[span]]\ntarget = "{target}"\n')
    done = shop.run("erni-run", *command)
    assert (done.stdout, done.returncode) == ("ran\n", 0)
    assert done.stderr == (
        f"erni-run: tracing.toml:1: {target} is in the script itself, which runs before it could be instrumented: not "
        "traced; move it into a module, or use @traced_span\n"
    )


INHERITED = """
class Base:
    def method(self): return type(self).__name__
    @classmethod
    def made(cls): return cls.__name__
    @staticmethod
    def fixed():
        local = 1
        return local
class Child(Base): pass
"""


@pytest.mark.parametrize(("name", "spans"), [("method()", 1), ("made()", 1), ("fixed()", 2)])
def test_inherited_methods_are_traced_for_the_named_class(
    shop: Workshop, collector: Collector, name: str, spans: int
) -> None:
    shop.write("shop.py", INHERITED)
    shop.write("tracing.toml", f'[[span]]\ntarget = "shop:Child.{name[:-2]}"\n')
    receiver = "()" if name == "method()" else ""
    run(shop, collector, f"import shop; shop.Child{receiver}.{name}; shop.Base{receiver}.{name}")
    assert len(collector.spans) == spans  # a static method has nothing that tells through which class it was called


def test_parameters_may_bear_our_placeholders_names(shop: Workshop, collector: Collector) -> None:
    shop.write("shop.py", "def work(HOOK_enter, LOCAL_state=2): return HOOK_enter, LOCAL_state\n")
    assert run(shop, collector, "import shop; print(shop.work(1))") == "(1, 2)\n"


def test_exception_whose_text_fails_still_ends_its_span(shop: Workshop, collector: Collector) -> None:
    shop.write(
        "shop.py",
        "class Odd(Exception):\n    def __str__(self): raise ValueError\ndef work(): raise Odd\n",
    )
    shop.write("tracing.toml", '[[span]]\ntarget = "shop:work"\n')
    shop.write("main.py", "import shop\ntry: shop.work()\nexcept shop.Odd: print('caught')\n")
    done = shop.run("erni-run", "python", "main.py", environ=collector.environment())
    assert done.stdout == "caught\n"
    assert [span.name for span in collector.spans] == ["work"]


def test_lazy_objects_are_not_woken_by_a_glob(shop: Workshop, collector: Collector) -> None:
    shop.write(
        "shop.py",
        """
        class Lazy:
            def __getattr__(self, name): raise SystemExit("woken")
            @property
            def __class__(self): raise SystemExit("woken")
        lazy = Lazy()
        def work(): return 1
        """,
    )
    assert run(shop, collector, "import shop; print(shop.work())") == "1\n"


def test_sdk_that_cannot_be_imported_costs_the_spans_not_the_application(shop: Workshop, collector: Collector) -> None:
    shop.write("main.py", "import sys; sys.modules['opentelemetry.sdk.trace'] = None; import shop; print(shop.work())")
    done = shop.run("erni-run", "python", "main.py", environ=collector.environment())
    assert (done.stdout, done.returncode) == ("1\n", 0)
    (line,) = done.stderr.splitlines()
    assert line.startswith("erni-run: no spans are recorded: ")


def test_finalizers_are_traced_and_set_context_variables_in_nobodys_midst(shop: Workshop, collector: Collector) -> None:
    program = """
    import contextvars, gc, shop
    class Cycle:
        def __init__(self): self.itself = self
        def __del__(self): shop.work()
    shop.work()
    variables = [contextvars.ContextVar(str(number)) for number in range(100)]
    gc.set_threshold(1)
    for _ in range(50):
        for variable in variables:
            variable.set(Cycle())
    gc.collect()
    """
    run(shop, collector, program)
    spans = len([span for span in collector.spans if span.name == "work"])
    assert spans > (50 if sys.version_info < (3, 12) else 4_900)


@pytest.mark.parametrize("ratio", [1.0, 0.0])
def test_finalizer_may_do_anything_in_the_midst_of_an_exchange(shop: Workshop, ratio: float) -> None:
    """CPython hands out memory that it has freed, and crashes, if what is current is looked up or set in the midst."""
    shop.write("tracing.toml", f'[sampling]\nratio = {ratio}\n[[span]]\ntarget = "shop:work"\n')
    program = """
    import contextvars, gc, shop
    from opentelemetry import context, trace
    held = [contextvars.ContextVar(str(number)) for number in range(20)]
    for variable in held:
        variable.set(1)

    class Cycle:
        def __init__(self): self.itself = self
        def __del__(self):
            shop.work()
            trace.get_current_span()
            context.detach(context.attach(context.set_value("a", 1)))

    def collected_at(allocation, call):
        gc.disable()
        gc.collect()
        Cycle()
        gc.set_threshold(allocation)
        gc.enable()
        call()
        gc.disable()

    for allocation in list(range(1, 20)) * 5:
        collected_at(allocation, shop.work)
        assert context.get_current() == {}
        collected_at(allocation, lambda: context.detach(context.attach(context.set_value("b", 2))))
        assert context.get_current() == {}
    print("done")
    """
    shop.write("main.py", program)
    environ = {"OTEL_TRACES_EXPORTER": "none", "PYTHONMALLOC": "debug"}  # which overwrites what is freed
    done = shop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_what_an_application_puts_in_place_of_a_builtin_is_its_own(shop: Workshop, collector: Collector) -> None:
    shop.write("tracing.toml", '[[span]]\ntarget = "counting:*"\n')
    shop.write("counting.py", "length = len\ndef count(what): return length(what)\ndef work(): return count('abc')\n")
    program = """
    import builtins, counting
    from opentelemetry import baggage, context
    counting.work()
    context.attach(baggage.set_baggage("user", "7"))  # more for us to look at
    builtins.len = counting.count
    counting.work()
    builtins.len = counting.length
    """
    run(shop, collector, program)
    assert sorted(span.name for span in collector.spans) == ["count", "count", "work", "work"]


@pytest.mark.parametrize("around", ["nothing", "baggage", "an empty context", "a remote parent", "a span of its own"])
def test_trace_that_is_not_kept_is_no_trouble_whatever_is_current(shop: Workshop, around: str) -> None:
    shop.write("tracing.toml", '[sampling]\nratio = 0.0\n[[span]]\ntarget = "shop:*"\n[[span]]\ntarget = "more:*"\n')
    shop.write(
        "more.py",
        """
        import asyncio, shop
        def fail(): raise LookupError
        async def later(n): return shop.work(n)
        def promise(n): return later(n)
        async def stream(n):
            for k in range(n): yield k
        """,
    )
    program = """
    import asyncio, sys, more, shop
    from opentelemetry import baggage, context, trace
    around = {
        "nothing": lambda: None,
        "baggage": lambda: baggage.set_baggage("user", "7"),
        "an empty context": context.Context,
        "a remote parent": lambda: trace.set_span_in_context(trace.NonRecordingSpan(trace.SpanContext(1, 2, True))),
        "a span of its own": lambda: trace.set_span_in_context(trace.get_tracer("own").start_span("own")),
    }[sys.argv[1]]()
    async def collect(): return [k async for k in more.stream(2)]
    def everything():
        try:
            more.fail()
        except LookupError:
            yield "failed"
        yield shop.work(1)
        yield list(shop.items())
        yield asyncio.run(more.later(2))
        yield asyncio.run(more.promise(3))
        yield asyncio.run(collect())
    if around is not None:
        context.attach(around)
    for _ in range(2):
        before = context.get_current()
        print(*everything(), baggage.get_all().get("user"))
        assert context.get_current() == before
    """
    shop.write("main.py", program)
    done = shop.run("erni-run", "python", "main.py", around, environ={"OTEL_TRACES_EXPORTER": "console"})
    line = f"failed 1 [1, 2] 2 3 [0, 1] {'7' if around == 'baggage' else None}\n"
    assert (done.stdout, done.stderr, done.returncode) == (line * 2, "", 0)


def test_exception_that_leaves_many_spans_has_its_stack_trace_on_the_innermost(
    shop: Workshop, collector: Collector
) -> None:
    shop.write("tracing.toml", '[[span]]\ntarget = "deep:*"\n')
    shop.write("deep.py", "def down(n): return down(n - 1) if n else [][n]")
    program = """
    import deep
    for n in [200] + [5] * 20:
        try:
            deep.down(n)
        except IndexError:
            pass
    """
    run(shop, collector, program)
    traces: dict[str, list[bool]] = {}
    for span in sorted(collector.spans, key=lambda span: span.end):
        [event] = span.events
        assert event.attributes["exception.type"] == "IndexError"
        traces.setdefault(span.trace_id, []).append("exception.stacktrace" in event.attributes)
    assert sorted(traces.values(), key=len) == [[True] * 6] * 20 + [[True] * 10 + [False] * 191]


def test_recursion_without_end_ends_in_one_error(shop: Workshop) -> None:
    shop.write("tracing.toml", '[[span]]\ntarget = "deep:*"\n')
    shop.write("deep.py", "def down(n): return n and down(n - 1)")
    program = """
    import deep, sys, traceback
    deep.down(1)
    for limit in range(200, 240):
        sys.setrecursionlimit(limit)
        try:
            deep.down(10_000)
        except RecursionError as error:
            files = [frame.f_code.co_filename.rsplit("/")[-1] for frame, _ in traceback.walk_tb(error.__traceback__)]
            assert set(files) <= {"main.py", "deep.py", "probe.py"}  # the call of a hook may be the one too many
            assert files.count("probe.py") <= 1
            assert type(error.__context__) in (type(None), RecursionError)
    print("done")
    """
    shop.write("main.py", program)
    done = shop.run("erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "none"})
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)
