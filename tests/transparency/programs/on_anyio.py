"""anyio: task groups, cancellation, timeouts, streams, locks, threads, sockets, processes."""

import subprocess
import sys
import threading

import anyio
from anyio import abc, create_memory_object_stream, from_thread, to_thread
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.stapled import StapledObjectStream
from anyio.streams.text import TextReceiveStream
from observe import describe, show

said = []


async def say(word, *, task_status=anyio.TASK_STATUS_IGNORED):
    task_status.started(word)
    await anyio.sleep(0)
    said.append(word)
    return word


async def fails(error):
    await anyio.sleep(0)
    raise error


async def group():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(say, "a", name="first")
        said.append(await tasks.start(say, "b"))
    return list(said)


async def two_failures():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fails, ValueError("one"))
        tasks.start_soon(fails, KeyError("two"))


async def cancelled():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.sleep_forever)
        await anyio.sleep(0)
        tasks.cancel_scope.cancel()
    return tasks.cancel_scope.cancel_called, tasks.cancel_scope.cancelled_caught


async def timeouts():
    with anyio.move_on_after(0.01) as scope:
        await anyio.sleep_forever()
    with anyio.fail_after(0.01):
        await anyio.sleep(5)
    return scope.cancelled_caught


async def shielded():
    heard = []
    with anyio.CancelScope() as outer:
        outer.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0)
            heard.append("shielded")
        try:
            await anyio.sleep(0)
        except anyio.get_cancelled_exc_class() as error:
            heard.append(type(error).__name__)
            raise
    return heard


async def memory():
    send, receive = create_memory_object_stream[int](1)
    got = []

    async def produce():
        async with send:
            for number in range(4):
                await send.send(number)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(produce)
        async with receive:
            async for item in receive:
                got.append(item)
    try:
        receive.receive_nowait()
    except anyio.ClosedResourceError as error:
        got.append(repr(error))
    return got, receive.statistics()


async def would_block():
    send, receive = create_memory_object_stream[int](0)
    async with send, receive:
        send.send_nowait(1)


async def locks():
    lock, semaphore, limiter = anyio.Lock(), anyio.Semaphore(2), anyio.CapacityLimiter(1)
    condition, event = anyio.Condition(), anyio.Event()
    order = []

    async def work(number):
        async with semaphore, lock:
            order.append(number)
            await anyio.sleep(0)
        async with condition:
            condition.notify_all()
        event.set()

    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(work, number)
        await event.wait()
    async with limiter:
        order.append(limiter.available_tokens)
    async with lock:
        order.append(lock.locked())
    return sorted(order, key=str), lock.statistics().locked


async def released_twice():
    lock = anyio.Lock()
    await lock.acquire()
    lock.release()
    lock.release()


async def threads():
    async def back(value):
        await anyio.sleep(0)
        return value * 2

    def work(value):
        return (
            from_thread.run(back, value),
            from_thread.run_sync(len, "abc"),
            threading.current_thread() is threading.main_thread(),
        )

    return await to_thread.run_sync(work, 4)


async def thread_fails():
    await to_thread.run_sync(lambda: 1 / 0)


def portal():
    with from_thread.start_blocking_portal() as portal:
        future = portal.start_task_soon(say, "portal")
        return future.result(), portal.call(say, "called")


async def sockets():
    async def serve(client: abc.SocketStream):
        async with client:
            reader = BufferedByteReceiveStream(client)
            line = await reader.receive_until(b"\n", 100)
            await client.send(line.upper() + b"!")

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        port = listener.extra(abc.SocketAttribute.local_port)
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"hello\n")
            heard = [part async for part in TextReceiveStream(stream)]
        tasks.cancel_scope.cancel()
    return "".join(heard)


async def no_server():
    await anyio.connect_tcp("127.0.0.1", 1)


async def process():
    done = await anyio.run_process([sys.executable, "-c", "print(input())"], input=b"typed\n")
    try:
        await anyio.run_process([sys.executable, "-c", "raise SystemExit(3)"])
    except subprocess.CalledProcessError as error:
        return done.stdout, error.returncode


async def files():
    path = anyio.Path("notes.txt")
    await path.write_text("one\ntwo\n")
    async with await anyio.open_file(path) as file:
        lines = [line async for line in file]
    await path.unlink()
    return lines, await path.exists()


async def stapled():
    send, receive = create_memory_object_stream[str](3)
    async with StapledObjectStream(send, receive) as stream:
        await stream.send("x")
        return await stream.receive()


async def info():
    task = anyio.get_current_task()
    return task.name, [t.name for t in anyio.get_running_tasks()], anyio.current_effective_deadline()


for name, call in {
    "a group": group,
    "two failures": two_failures,
    "cancelled": cancelled,
    "timeouts": timeouts,
    "shielded": shielded,
    "memory": memory,
    "would block": would_block,
    "locks": locks,
    "released twice": released_twice,
    "threads": threads,
    "a thread fails": thread_fails,
    "sockets": sockets,
    "no server": no_server,
    "a process": process,
    "files": files,
    "stapled": stapled,
    "info": info,
}.items():
    show(name, lambda call=call: anyio.run(call))
show("a portal", portal)
show("nested", lambda: anyio.run(lambda: anyio.run(say, "x")))
show("no loop", lambda: anyio.get_current_task())
show("unknown backend", lambda: anyio.run(group, backend="nope"))
describe("anyio")
