"""Programs that print what they can notice: the same with and without us, and the spans are those that are expected."""

from __future__ import annotations

import sys

import pytest

from tests.collector import Collector
from tests.conftest import Workshop

KIT = """
    import abc, asyncio, contextlib, dataclasses, enum, functools, types, typing

    def inner(n=1):
        return n

    @contextlib.contextmanager
    def session(name="s"):
        try:
            yield inner(name)
        except KeyError:
            inner("caught")
        finally:
            inner("closed")

    @contextlib.asynccontextmanager
    async def connection():
        yield inner()
        await asyncio.sleep(0)

    def stream(n):
        for number in range(n):
            got = yield inner(number)
            if got: yield got
        return "end"

    async def astream(n):
        try:
            for number in range(n):
                got = yield inner(number)
                if got: yield got
        finally:
            await asyncio.sleep(0)

    def later(n):
        return work(n)

    def given(what):
        return what

    async def work(n):
        await asyncio.sleep(0)
        if n < 0: raise LookupError(n)
        return inner(n)

    def promise(n):
        return asyncio.ensure_future(work(n))

    def outer(n):
        def within(m):
            return inner(n + m)
        class Local:
            def method(self):
                return n, __class__.__name__
        return within, Local()

    made_before, local_before = outer(10)

    @functools.singledispatch
    def show(value): return "any"
    @show.register
    def _(value: int): return "int"

    class Base:
        def method(self): return type(self).__name__
        @classmethod
        def made(cls): return cls.__name__
    class Left(Base): pass
    class Right(Base): pass
    class Both(Left, Right): pass

    @dataclasses.dataclass(frozen=True)
    class Frozen:
        x: int
        __slots__ = ("x",)
        def twice(self): return self.x * 2

    class Color(enum.Enum):
        RED = 1
        def shout(self): return self.name + "!"

    class Meta(type):
        def __setattr__(cls, name, value): raise AttributeError("closed")
    class Closed(metaclass=Meta):
        def speak(self): return "closed"

    @types.coroutine
    def old_style():
        yield
        return inner()

    class Parent:
        @contextlib.contextmanager
        def session(self):
            yield type(self).__name__

        @contextlib.asynccontextmanager
        async def connection(self):
            yield type(self).__name__

        def named(self):
            return type(self).__name__

    class Child(Parent):
        pass

    class OtherChild(Parent):
        pass

    def raises(error):
        raise error

    @dataclasses.dataclass(frozen=True)
    class FrozenError(Exception):
        code: int

    class Mute(Exception):
        def __str__(self): raise SystemExit("never")

    class Hidden(Exception):
        __traceback__ = property(lambda self: 1 / 0)
        __class__ = property(lambda self: 1 / 0)

    class Meta(type):
        __hash__ = None
        def __eq__(cls, other): raise RuntimeError("compared")
        def __getattr__(cls, name): raise KeyError(name)
        def __instancecheck__(cls, instance): raise RuntimeError("asked")

    class Row(metaclass=Meta):
        pass

    class Answering(Parent, metaclass=Meta):
        pass

    class Listing:
        def __init__(self, function): self.on = [function]

    TABLE = {}

    def table(function):
        TABLE[function.__qualname__] = function
        name = function.__qualname__
        def wrapper(*args): return TABLE[name](*args)
        return wrapper

    @Listing
    def listed(n):
        return n

    @table
    def tabled(n, m):
        return n + m

    class Desk:
        @table
        def drawer(self): return "pens"

    def documented():
        def tool(n: "Row"):
            "What it is good for."
            return n
        def bare():
            return "no documentation"
        return tool, bare
"""

# program, spans in their order of start: name < parent
PROGRAMS: dict[str, tuple[str, str, str]] = {
    "context manager in context": (
        'target = "kit:session"\nmode = "context"',
        """
        with kit.session("a") as s: print(s); kit.inner()
        with kit.session(): raise KeyError
        try:
            with kit.session(): raise ValueError("through")
        except ValueError as error: print(error, error.__context__)
        """,
        "session inner<session inner<session inner<session "
        "session inner<session inner<session inner<session session inner<session inner<session",
    ),
    "context manager as a call": (
        'target = "kit:session"',
        "with kit.session(): kit.inner('own')",
        "session inner<session inner inner<session",
    ),
    "asynchronous context manager in context": (
        'target = "kit:connection"\nmode = "context"',
        """
        async def main():
            async with kit.connection(): print(kit.inner())
        asyncio.run(main())
        """,
        "connection inner<connection inner<connection",
    ),
    "generator whose items are left alone": (
        'target = "kit:stream"\ncurrent = false',
        """
        def whole():
            end = yield from kit.stream(2)
            print(end)
        print(list(whole()))
        g = kit.stream(3); print(next(g), g.send("x"), next(g)); g.close()
        g = kit.stream(1); next(g)
        try: g.throw(LookupError("thrown"))
        except LookupError as error: print(error)
        """,
        "stream inner inner stream inner inner stream inner",
    ),
    "asynchronous generator whose items are left alone": (
        'target = "kit:astream"\ncurrent = false',
        """
        async def main():
            print([item async for item in kit.astream(2)])
            g = kit.astream(3); print(await anext(g), await g.asend("x")); await g.aclose()
        asyncio.run(main())
        """,
        "astream inner inner astream inner",
    ),
    "function that returns a coroutine": (
        'target = "kit:later"',
        """
        print(asyncio.run(kit.later(3)))
        try: asyncio.run(kit.later(-1))
        except LookupError as error: print(repr(error))
        coroutine = kit.later(1); print(coroutine.__name__, coroutine.__qualname__); coroutine.close(); del coroutine
        """,
        "later inner<later later later",
    ),
    "function that returns a task": (
        'target = "kit:promise"',
        """
        async def main():
            task = kit.promise(4); print(type(task).__name__); kit.inner("own"); print(await task)
            try: await kit.promise(-1)
            except LookupError as error: print(repr(error))
            task = kit.promise(1); task.cancel()
            try: await task
            except asyncio.CancelledError: print("cancelled")
        asyncio.run(main())
        """,
        "promise inner inner<promise promise promise",
    ),
    "function that gives back what it is given: a future of the application's class, a coroutine that has begun": (
        'target = "kit:given"',
        """
        class Watched(asyncio.Future):
            def add_done_callback(self, *arguments, **options):
                print("seen")
                super().add_done_callback(*arguments, **options)
        async def wait(): await asyncio.sleep(0); return 1
        async def main():
            future = Watched(); assert kit.given(future) is future; future.set_result(1); await asyncio.sleep(0)
            coroutine = wait(); coroutine.send(None); assert kit.given(coroutine) is coroutine; coroutine.close()
        asyncio.run(main())
        """,
        "given given",
    ),
    "coroutine that nobody awaits": (
        'target = "kit:later"',
        """
        import warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            kit.later(1)
        print([str(warning.message) for warning in caught])
        """,
        "later",
    ),
    "function within a function": (
        'target = "kit:outer.<locals>.within"',
        "within, _ = kit.outer(1); print(within(2), within.__qualname__, kit.made_before(5))",
        "outer.<locals>.within inner<outer.<locals>.within outer.<locals>.within inner<outer.<locals>.within",
    ),
    "method of a class within a function": (
        'target = "kit:outer.<locals>.Local.method"',
        "print(kit.outer(1)[1].method(), kit.local_before.method())",
        "outer.<locals>.Local.method outer.<locals>.Local.method",
    ),
    "function within a function that is traced, too": (
        'target = "kit:outer"\n[[span]]\ntarget = "kit:outer.<locals>.within"',
        "print(kit.outer(1)[0](2))",
        "outer outer.<locals>.within inner<outer.<locals>.within",
    ),
    "single dispatch": (
        'target = "kit:show"',
        """
        kit.show.register(float, lambda value: "float")
        print(kit.show("a"), kit.show(1), kit.show(1.0), len(kit.show.registry), kit.show.dispatch(bool)(True))
        """,
        "show",
    ),
    "two subclasses that inherit": (
        'target = "kit:Left.method"\nname = "left"\n[[span]]\ntarget = "kit:Right.method"\nname = "right"',
        "print(kit.Base().method(), kit.Left().method(), kit.Right().method(), kit.Both().method())",
        "left right left",
    ),
    "subclass that inherits, and its base": (
        'target = "kit:Base.made"\nname = "base"\n[[span]]\ntarget = "kit:Left.made"\nname = "left"',
        "print(kit.Base.made(), kit.Left.made(), kit.Right().made())",
        "base left base",
    ),
    "frozen classes, slots, enumerations, metaclasses": (
        'target = "kit:Frozen.twice"\n[[span]]\ntarget = "kit:Color.shout"\n[[span]]\ntarget = "kit:Closed.speak"',
        "print(kit.Frozen(2).twice(), kit.Color.RED.shout(), kit.Closed().speak(), list(kit.Color))",
        "Frozen.twice Color.shout Closed.speak",
    ),
    "generator-based coroutine": (
        'target = "kit:old_style"',
        """
        async def main(): return await kit.old_style()
        print(asyncio.run(main()))
        """,
        "old_style inner<old_style",
    ),
    "module that is imported anew": (
        'target = "kit:Base.made"',
        """
        import importlib, sys
        before = kit.Base
        importlib.reload(kit)
        print(before.made(), kit.Base.made(), before is kit.Base)
        del sys.modules["kit"]
        import kit as other
        print(other.Base.made(), kit.Base.made())
        """,
        "Base.made Base.made Base.made Base.made",
    ),
    "context managers that have no span": (
        'target = "kit:Child.session"\nmode = "context"',
        """
        for kind in (kit.Parent, kit.Child, kit.Parent):
            with kind().session() as s: print(s, kit.inner())
        async def main():
            for kind in (kit.Parent, kit.Child):
                async with kind().connection() as s: print(s)
        asyncio.run(main())
        """,
        "inner Child.session inner<Child.session inner",
    ),
    "exceptions that guard their attributes": (
        'target = "kit:raises"',
        """
        def attempt(call):
            try: call()
            except BaseException as error: print(type(error).__name__, error.args)
        kinds = kit.FrozenError, kit.Mute, kit.Hidden
        for kind in kinds:
            attempt(lambda: kit.raises(kind(3)))
        kit.inner()
        """,
        "raises raises raises inner",
    ),
    "thrown exceptions that guard their attributes": (
        'target = "kit:stream"',
        """
        stream = kit.stream(2); next(stream)
        try: stream.throw(kit.FrozenError(1))
        except kit.FrozenError as error: print(error.code)
        """,
        "stream inner<stream",
    ),
    "results whose class answers for itself": (
        'target = "kit:given"',
        """
        for what in (kit.Row(), kit.Parent(), kit.Row): print(type(kit.given(what)) is type(what))
        """,
        "given given given",
    ),
    "functions that decorators keep where they like": (
        'target = "kit:listed"\n[[span]]\ntarget = "kit:tabled"\n[[span]]\ntarget = "kit:Desk.drawer"',
        "print(kit.listed.on[0](1), kit.tabled(2, 3), kit.Desk().drawer())",
        "listed tabled Desk.drawer",
    ),
    "a method that several classes inherit": (
        'target = "kit:*Child.named"',
        "print(kit.Child().named(), kit.Parent().named(), kit.OtherChild().named())",
        "Child.named OtherChild.named",
    ),
    "methods of a class that answers for itself": (
        'target = "kit:Answering.named"',
        "print(kit.Answering().named()); print(kit.Answering.named(kit.Parent()))",
        "Answering.named",
    ),
    "documentation of nested functions": (
        'target = "kit:documented.<locals>.tool"',
        "tool, bare = kit.documented(); print(tool.__doc__, bare.__doc__, tool(1), bare(), tool.__code__.co_consts[0])",
        "documented.<locals>.tool",
    ),
    "contexts of tasks, threads and callbacks": (
        'target = "kit:work"',
        """
        async def main():
            loop = asyncio.get_running_loop()
            called = asyncio.Event()
            async def root():
                await asyncio.gather(kit.work(1), kit.work(2))
                await asyncio.to_thread(kit.inner, "thread")
                loop.call_soon(lambda: (kit.inner("soon"), called.set()))
                await called.wait()
            await root()
            try: await asyncio.wait_for(kit.work(3), 5)
            except asyncio.TimeoutError: print("late")
        asyncio.run(main())
        """,
        "work work inner<work inner<work inner inner work inner<work",
    ),
}


@pytest.mark.parametrize("case", PROGRAMS)
def test_program_is_traced_and_does_not_notice(workshop: Workshop, collector: Collector, case: str) -> None:
    span, program, expected = PROGRAMS[case]
    others = "" if "kit:inner" in span else '\n[[span]]\ntarget = "kit:inner"\n'
    workshop.write("tracing.toml", f"[[span]]\n{span}{others}")
    _check(workshop, collector, "import asyncio, sys, kit\n", program, expected)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are of Python 3.12 (PEP 695)")
def test_nested_function_with_type_parameters(workshop: Workshop, collector: Collector) -> None:
    workshop.write(
        "shop.py",
        """
        def outer():
            def pick[T](first: T, n=1) -> T:
                "Takes one."
                return first, T.__name__
            return pick
        """,
    )
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:outer.<locals>.pick"\n')
    program = "pick = shop.outer(); print(pick(1), pick.__doc__, pick.__type_params__, pick.__qualname__)"
    _check(workshop, collector, "import shop\n", program, "outer.<locals>.pick")


def test_method_that_classes_of_several_modules_inherit(workshop: Workshop, collector: Collector) -> None:
    workshop.write("crew/__init__.py", "")
    workshop.write("crew/base.py", "class Agent:\n    def run(self): return type(self).__name__\n")
    for name in ("fetcher", "analyzer"):
        text = f"from crew import base\nclass {name.title()}(base.Agent): pass\n"
        workshop.write(f"crew/{name}.py", text)
    workshop.write("tracing.toml", '[[span]]\ntarget = "crew.*:*er.run"\n')
    head = "from crew import analyzer, base, fetcher\n"
    program = "for kind in (fetcher.Fetcher, base.Agent, analyzer.Analyzer): print(kind().run())"
    _check(workshop, collector, head, program, "Fetcher.run Analyzer.run")


def test_class_that_cannot_be_looked_at_takes_no_other_along(workshop: Workshop, collector: Collector) -> None:
    workshop.write(
        "shop.py",
        """
        class Refusing(type):
            def __getattribute__(cls, name): raise LookupError("asked for " + name)
        class Asked(metaclass=Refusing):
            def method(self): return 1
        class Broken(staticmethod):
            @property
            def __func__(self): raise LookupError("asked")
        broken = Broken(len)
        asked = Asked()
        class Plain:
            def method(self): return 2
        def work(): return 3
        """,
    )
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:*"\n[[span]]\ntarget = "shop:*.method"\n')
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    program = "import shop; print(shop.work(), shop.Plain().method(), shop.asked.method())"
    done = workshop.run("erni-run", "python", "-c", program, environ=environ)
    assert (done.stdout, done.returncode) == ("3 2 1\n", 0)
    said = [line.partition(" cannot be looked at: LookupError: ") for line in done.stderr.splitlines()]
    assert [(name, reason.endswith(": left out")) for name, _, reason in said] == [
        (f"erni-run: shop:{name}", True) for name in ("Asked", "broken", "asked")
    ]
    assert sorted(span.name for span in collector.spans) == ["Asked.method", "Plain.method", "work"]


def test_check_and_run_agree_on_two_entries_for_one_function(workshop: Workshop) -> None:
    workshop.write("kit.py", "def work(): pass\nalias = work\n")
    workshop.write("tracing.toml", '[[span]]\ntarget = "kit:work"\n[[span]]\ntarget = "kit:alias"\n')
    refusal = "kit:alias is traced already, by line 1"
    check = workshop.run("erni-run", "check")
    assert (refusal in check.stdout, check.returncode) == (True, 1)
    assert refusal in workshop.run("erni-run", "python", "-c", "import kit").stderr


def _check(workshop: Workshop, collector: Collector, head: str, program: str, expected: str) -> None:
    workshop.write("kit.py", KIT)
    main = workshop.write("main.py", program)
    main.write_text(head + main.read_text())
    bare = workshop.run("python", "main.py")
    assert bare.returncode == 0, bare.stderr
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.stderr, done.returncode) == (bare.stdout, bare.stderr, 0)
    names = {span.span_id: span.name for span in collector.spans}
    found = [
        f"{span.name}<{names[span.parent_id]}" if span.parent_id else span.name
        for span in sorted(collector.spans, key=lambda span: span.start)
    ]
    assert found == expected.split()


def test_nothing_is_said_of_what_is_collected_and_closed(workshop: Workshop, collector: Collector) -> None:
    workshop.write("tracing.toml", '[[span]]\ntarget = "kit:*"\n')
    program = """
    import gc
    async def leaves():
        async for item in kit.astream(5): break
    async def steps():
        g = kit.astream(2)
        first = await asyncio.create_task(anext(g))
        second = await asyncio.create_task(anext(g))
        await asyncio.create_task(g.aclose())
        return first, second
    asyncio.run(leaves()); print(asyncio.run(steps()))
    g = kit.stream(3); next(g); del g; gc.collect()
    loop = asyncio.new_event_loop()
    task = loop.create_task(kit.work(1)); loop.call_soon(loop.stop); loop.run_forever()
    task.cancel(); loop.run_until_complete(asyncio.gather(task, return_exceptions=True)); loop.close()
    """
    workshop.write("kit.py", KIT)
    main = workshop.write("main.py", program)
    main.write_text("import asyncio, kit\n" + main.read_text())
    done = workshop.run("erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "none"})
    assert (done.stdout, done.stderr, done.returncode) == ("(0, 1)\n", "", 0)


DROPPED = """
    import asyncio, gc, sys, stream

    async def use(steps):
        generator = stream.numbers(steps)
        await anext(generator)
        if steps == 2:
            generator.asend(None).send(None)

    for steps in (1, 2):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(use(steps))
        loop.close()
        gc.collect()
    print("end")
"""


def test_async_generator_that_the_event_loop_drops_is_dropped(workshop: Workshop) -> None:
    """A loop that has been closed closes none any more: the body ends nowhere, at a yield or an await of its own."""
    stream = """
    import asyncio
    async def numbers(steps):
        try:
            yield 1
            await asyncio.sleep(0)
            yield 2
        finally:
            print("closed", steps)
    """
    workshop.write("stream.py", stream)
    workshop.write("program.py", DROPPED)
    workshop.write("tracing.toml", '[[span]]\ntarget = "stream:*"\n')
    outcomes = [workshop.run(*command, "program.py") for command in (("python",), ("erni-run", "python"))]
    assert [(done.stdout, done.returncode) for done in outcomes] == [("end\n", 0)] * 2


NATIVE = """
    import zlib
    before = zlib.crc32
    print(zlib.crc32(b"a"), before(b"a"), type(zlib.crc32).__name__, zlib.crc32.__name__, callable(zlib.crc32))
    try: zlib.crc32("text")
    except TypeError as error: print(error)
"""


def test_callable_without_python_code_is_traced_by_its_name(workshop: Workshop, collector: Collector) -> None:
    workshop.write("tracing.toml", '[[span]]\ntarget = "zlib:crc32"\ncapture = { sum = "result", x = "data" }\n')
    workshop.write("main.py", NATIVE)
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    bare = workshop.run("python", "main.py")
    assert done.stdout == bare.stdout.replace("builtin_function_or_method", "FunctionWrapper")
    assert [line.partition(": ")[2] for line in done.stderr.splitlines()] == [
        "tracing.toml:1: zlib:crc32: capture 'x': there is no parameter 'data', for it has no Python code: left out",
        "tracing.toml:1: zlib:crc32 has no Python code: a wrapper stands at its name, and references taken before are "
        "not traced",
    ]
    assert [(span.is_error, span.attributes.get("sum")) for span in collector.spans] == [
        (False, 3904355907),
        (False, 3904355907),
        (True, None),
    ][: len(collector.spans)]
    assert len(collector.spans) == 3


def test_callable_object_without_python_code_is_traced_by_its_name(workshop: Workshop, collector: Collector) -> None:
    workshop.write("shop.py", "import operator\nfirst = operator.itemgetter(0)\n")
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:first"\ncapture = { got = "result" }\n')
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "-c", "import shop; print(shop.first('pen'))", environ=environ)
    assert done.stdout == "p\n"
    assert "shop:first has no Python code: a wrapper stands at its name" in done.stderr
    assert [(span.name, span.attributes["got"]) for span in collector.spans] == [("first", "p")]


def test_attribute_of_a_built_in_class_is_reported(workshop: Workshop) -> None:
    workshop.write("tracing.toml", '[[span]]\ntarget = "collections:deque.append"\n')
    workshop.write("main.py", "import collections; print(collections.deque([1]))\n")
    done = workshop.run("erni-run", "python", "main.py")
    assert done.stdout == "deque([1])\n"
    assert "collections:deque.append has no Python code, and its name cannot be bound to a wrapper" in done.stderr


SHOP = """
    import functools
    def work(n):
        if n > 1:
            return n
        return 0

    def items():
        yield 1
        yield 2

    @functools.lru_cache
    def cached(n):
        return n
"""


def _tools(workshop: Workshop) -> None:
    workshop.write("shop.py", SHOP)
    workshop.write("main.py", "import shop\nshop.work(2); shop.work(1); list(shop.items()); shop.cached(1)\n")


def test_coverage_is_the_same(workshop: Workshop) -> None:
    _tools(workshop)
    reports = []
    for launcher in ((), ("erni-run",)):
        workshop.write("tracing.toml", '[[span]]\ntarget = "shop:*"\n')
        command = (*launcher, "python", "-m", "coverage", "run", "--branch", "--include=shop.py", "main.py")
        assert workshop.run(*command).stderr == ""
        reports.append(workshop.run("python", "-m", "coverage", "report", "-m", "--data-file=.coverage").stdout)
    assert reports[0] == reports[1]
    assert "shop.py" in reports[0]


def test_debugger_stops_at_the_function(workshop: Workshop) -> None:
    _tools(workshop)
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:work"\n')
    workshop.write("commands", "import shop\nb shop.work\nc\np n\nw\ncl 1\nc\nq\n")
    with (
        (workshop.folder / "commands").open() as commands,
        workshop.start("erni-run", "python", "-m", "pdb", "main.py", stdin=commands) as process,
    ):
        out, err = process.communicate(timeout=60)
    assert "Breakpoint 1 at" in out
    assert "shop.py(2)work()" in out
    assert "(Pdb) 2\n" in out
    assert (err, process.returncode) == ("", 0)


def test_profile_counts_calls(workshop: Workshop) -> None:
    _tools(workshop)
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:work"\n')
    workshop.write(
        "profiled.py",
        """
        import cProfile, pstats, shop
        shop.work(0)  # the first span imports much; CPython 3.13 may count a call twice that goes on meanwhile
        profile = cProfile.Profile()
        profile.runcall(lambda: [shop.work(n) for n in range(5)])
        stats = pstats.Stats(profile).stats
        print([(key[1], value[:2]) for key, value in stats.items() if key[2] == "work"])
        """,
    )
    done = workshop.run("erni-run", "python", "profiled.py")
    assert (done.stdout, done.stderr) == (workshop.run("python", "profiled.py").stdout, "")


def test_function_that_travels_by_value_takes_its_span_along(workshop: Workshop, collector: Collector) -> None:
    _tools(workshop)
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:work"\ncapture = { n = "n", twice = "result" }\n')
    workshop.write(
        "main.py",
        """
        import cloudpickle, pickle, shop, sys
        cloudpickle.register_pickle_by_value(shop)
        shop.work(3)
        copy = pickle.loads(cloudpickle.dumps(shop.work))
        print(copy is shop.work, copy(5))
        """,
    )
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.stderr) == ("False 5\n", "")
    assert [span.attributes["n"] for span in collector.spans] == [3, 5]
