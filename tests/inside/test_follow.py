"""Awaitables that a plain function returns: those that the call has made are followed to their end, no others."""

from __future__ import annotations

from tests.collector import Collector
from tests.conftest import Workshop

KIT = """
    import asyncio, threading, types, weakref

    def returned(): pass

    async def work(n=0):
        await asyncio.sleep(0.01)
        return n

    # what the call has made

    def coroutine(): return work()
    def coroutine_of_another(): return coroutine()
    def coroutine_with_result(): return work(5)
    def task(): return asyncio.ensure_future(work())
    def task_of_another(): return task()
    def gathered(): return asyncio.gather(work(), work())

    class Base:
        def inherited(self): return work()
    class Left(Base): pass
    class Right(Base): pass

    # what it has not

    class Holder:
        def __init__(self):
            self.coroutine, self.begun = work(), work()
            self.begun.send(None)
            self.tasks = []
        @property
        def kept_coroutine(self): return self.coroutine
        def begun_coroutine(self): return self.begun
        def new_task(self): return self.tasks[0]
        def live_task(self): return self.tasks[0]
        def done_task(self): return self.tasks[0]
        def task_of_a_thread(self): return self.thread_task
        def future(self): return self.tasks[1]
        def shielded(self): return self.tasks[2]
        def gathered_before(self): return self.tasks[3]

    def argument(what): return what
    def argument_by_name(**what): return what["what"]
    def decorator(function): return function

    known = weakref.WeakSet()
    def known_to_others():
        made = work()
        known.add(made)
        return made

    def made_and_kept():
        kept.append(work())
        return kept[0]
    kept = []
"""

FOLLOWED = (
    "coroutine coroutine_of_another coroutine_with_result task task_of_another gathered Left.inherited Right.inherited"
)
LEFT_ALONE = (
    "Holder.kept_coroutine Holder.begun_coroutine Holder.new_task Holder.live_task Holder.done_task Holder.future "
    "Holder.shielded Holder.gathered_before Holder.task_of_a_thread argument argument_by_name decorator "
    "known_to_others made_and_kept"
)

PROGRAM = """
import asyncio, threading, kit

async def ends(awaitable):
    kit.returned()
    print(await awaitable)

async def new():
    asyncio.get_running_loop().slow_callback_duration = 60
    await ends(kit.coroutine())
    await ends(kit.coroutine_of_another())
    await ends(kit.coroutine_with_result())
    await ends(kit.task())
    await ends(kit.task_of_another())
    await ends(kit.gathered())
    await ends(kit.Left().inherited())
    await ends(kit.Right().inherited())

async def old():
    loop = asyncio.get_running_loop()
    loop.slow_callback_duration = 60
    holder = kit.Holder()
    print(holder.kept_coroutine.__qualname__); kit.returned(); print(await holder.coroutine)
    print(holder.begun_coroutine() is holder.begun); kit.returned(); holder.begun.close()
    holder.tasks.append(asyncio.ensure_future(kit.work()))
    print(holder.new_task()._callbacks); kit.returned(); await asyncio.sleep(0)
    print(holder.live_task()._callbacks); kit.returned(); await holder.tasks[0]
    print(holder.done_task()._callbacks); kit.returned()
    holder.tasks.append(loop.create_future())
    print(holder.future()._callbacks); kit.returned(); holder.tasks[1].set_result(1)
    holder.tasks.append(asyncio.shield(asyncio.ensure_future(kit.work())))
    print(len(holder.shielded()._callbacks)); kit.returned(); await holder.tasks[2]
    holder.tasks.append(asyncio.gather(kit.work()))
    print(holder.gathered_before()._callbacks); kit.returned(); await holder.tasks[3]

    started, over = threading.Event(), threading.Event()
    async def until_over():
        while not over.is_set(): await asyncio.sleep(0.001)
    def run():
        other = asyncio.new_event_loop()
        other.set_debug(True)
        other.slow_callback_duration = 60
        holder.thread_task = other.create_task(until_over())
        other.call_soon(started.set)
        other.run_until_complete(holder.thread_task)
        other.close()
    thread = threading.Thread(target=run); thread.start(); started.wait()
    print(len(holder.task_of_a_thread()._callbacks)); kit.returned(); over.set(); thread.join()

    first, second = kit.work(1), kit.work(2)
    print(kit.argument(first) is first); kit.returned(); print(await first)
    print(kit.argument_by_name(what=second) is second); kit.returned(); print(await second)
    print(kit.decorator(kit.work) is kit.work); kit.returned()
    made = kit.known_to_others(); kit.returned(); print(made in kit.known, await made)
    print(kit.made_and_kept() is kit.kept[0]); kit.returned(); kit.kept[0].close()

for debug in (False, True):
    kit.kept.clear()
    asyncio.run(new(), debug=debug)
    asyncio.run(old(), debug=debug)

# a future outlives its loop, and is resolved by a thread
loop = asyncio.new_event_loop()
future = kit.argument(loop.create_future())
loop.close()
future.set_result(1)
kit.returned(); print(future.result())
async def debugged():
    future = kit.argument(asyncio.get_running_loop().create_future())
    thread = threading.Thread(target=future.set_result, args=(2,)); thread.start(); thread.join()
    kit.returned(); print(future.result())
asyncio.run(debugged(), debug=True)
"""


def test_only_what_the_call_has_made_is_followed(workshop: Workshop, collector: Collector) -> None:
    workshop.write("kit.py", KIT)
    workshop.write("main.py", PROGRAM)
    named = ("returned", *FOLLOWED.split(), *LEFT_ALONE.split())
    workshop.write(
        "tracing.toml",
        "".join(
            f'[[span]]\ntarget = "kit:{name}"\n' + ('capture = { n = "result" }\n' if "with_result" in name else "")
            for name in named
        ),
    )
    bare = workshop.run("python", "main.py")
    assert (bare.stderr, bare.returncode) == ("", 0)
    done = workshop.run(
        "erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    )
    assert (done.stdout, done.stderr, done.returncode) == (bare.stdout, "", 0)
    spans = sorted(collector.spans, key=lambda span: span.start)
    ends: dict[str, set[bool]] = {}
    open_spans = []
    for span in spans:
        if span.name == "returned":
            for before in open_spans:
                ends.setdefault(before.name, set()).add(before.end > span.start)
            open_spans = []
        else:
            open_spans.append(span)
    assert ends == {name: {name in FOLLOWED.split()} for name in named[1:]}
    assert {span.attributes.get("n") for span in spans if span.name == "coroutine_with_result"} == {5}


def test_getter_of_a_live_task_keeps_nothing(workshop: Workshop) -> None:
    workshop.write(
        "kit.py",
        """
        import asyncio
        class Holder:
            def is_alive(self): return self.task
        """,
    )
    workshop.write(
        "main.py",
        """
        import asyncio, gc, kit
        async def main():
            holder = kit.Holder()
            holder.task = asyncio.ensure_future(asyncio.sleep(0.01))
            for _ in range(2):
                holder.is_alive(); gc.collect()
                before = len(gc.get_objects())
                for _ in range(75_000): holder.is_alive()
                gc.collect()
                print(len(gc.get_objects()) - before < 500, holder.task._callbacks)
                await asyncio.sleep(0)
            await holder.task
        asyncio.run(main())
        """,
    )
    workshop.write("tracing.toml", '[[span]]\ntarget = "kit:Holder.is_alive"\n')
    done = workshop.run("erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "none"})
    assert (done.stdout, done.stderr, done.returncode) == ("True None\nTrue None\n", "", 0)
