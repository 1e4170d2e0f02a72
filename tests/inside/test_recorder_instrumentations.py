"""OpenTelemetry's own instrumentations on our recorder, where contexts cross threads, tasks and generators."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.collector import Collector
from tests.conftest import Workshop

# clients, each a traced function; the server answers with the traceparent that it was sent
SHOP = """
import aiohttp, httpx

sent = {}

def sync(url, name):
    sent[name] = httpx.get(url).text

async def aio(url, name):
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        sent[name] = await response.text()

async def ahttpx(url, name):
    async with httpx.AsyncClient() as client:
        sent[name] = (await client.get(url)).text
"""

# ``work`` and ``awork`` are spans by the API, named as they are called
MAIN = """
import asyncio, contextlib, contextvars, http.server, json, threading
from opentelemetry import context, trace
from shop import aio, ahttpx, sent, sync

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.headers.get("traceparent", "").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}/"
tracer = trace.get_tracer("main")

def work(name):
    with tracer.start_as_current_span(name):
        sync(URL, name)

async def awork(name, client=aio):
    with tracer.start_as_current_span(name):
        await client(URL, name)

async def gathered():
    await asyncio.gather(*(awork(f"gathered {n}", client) for n, client in enumerate([aio, ahttpx, aio])))

async def threads():
    await asyncio.to_thread(work, "thread, copied")
    await asyncio.get_running_loop().run_in_executor(None, contextvars.copy_context().run, work, "thread, run")
    thread = threading.Thread(target=work, args=("thread, bare",))
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.001)

async def streamed():
    async def items():
        with tracer.start_as_current_span("items"):
            await awork("in the generator")
            yield 1
    async with contextlib.aclosing(items()) as stream:
        async for _ in stream:
            await awork("of the consumer", ahttpx)
    await awork("behind the generator")

async def handed_over():
    span = tracer.start_span("handed over")
    token = context.attach(trace.set_span_in_context(span))
    await awork("attached")
    context.detach(token)
    await awork("detached")
    await asyncio.to_thread(contextvars.Context().run, resume, span)

def resume(span):
    token = context.attach(trace.set_span_in_context(span))
    work("elsewhere")
    context.detach(token)
    span.end()
    assert trace.get_current_span() is trace.INVALID_SPAN

async def later(released):
    await released.wait()
    await awork("later")

async def main():
    released = asyncio.Event()
    for scene in (gathered, threads, streamed, handed_over):
        with tracer.start_as_current_span(scene.__name__):
            await scene()
    with tracer.start_as_current_span("over"):
        task = asyncio.create_task(later(released))
        await asyncio.sleep(0.005)
    released.set()
    await task
    await asyncio.wait_for(awork("timed"), 20)
    assert trace.get_current_span() is trace.INVALID_SPAN

asyncio.run(main())
print(json.dumps(sent))
"""

# span: its parent. All roots take longer than a millisecond.
PARENTS = {
    **{f"gathered {number}": "gathered" for number in range(3)},
    "thread, copied": "threads",
    "thread, run": "threads",
    "thread, bare": "",
    "items": "streamed",
    "in the generator": "items",
    "of the consumer": "items",  # OpenTelemetry's context managers in generators are like that
    "behind the generator": "streamed",
    "handed over": "handed_over",
    "attached": "handed over",
    "detached": "handed_over",
    "elsewhere": "handed over",
    "later": "over",
    "timed": "",
}


@pytest.mark.parametrize("sampling", ["", "[sampling]\nratio = 0.0\nkeep_slower_than = '1ms'\n"], ids=["kept", "held"])
def test_client_spans_and_headers_follow_the_context(workshop: Workshop, collector: Collector, sampling: str) -> None:
    workshop.write("shop.py", SHOP)
    workshop.write("main.py", MAIN)
    targets = "".join(f'[[span]]\ntarget = "shop:{name}"\n' for name in ("sync", "aio", "ahttpx"))
    workshop.write("tracing.toml", sampling + targets)
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stderr, done.returncode) == ("", 0)
    spans = {span.span_id: span for span in collector.spans}
    assert len(spans) == len(collector.spans)
    by_name = {span.name: span for span in collector.spans}

    def parent(name: str) -> str:
        above = by_name[name].parent_id
        return spans[above].name if above else ""

    assert {name: parent(name) for name in PARENTS} == PARENTS
    for name, header in json.loads(done.stdout).items():
        _, trace_id, span_id, flags = header.split("-")
        client = spans[span_id]
        function = spans[client.parent_id]
        assert (client.name, client.trace_id, function.name in {"sync", "aio", "ahttpx"}) == ("GET", trace_id, True)
        assert spans[function.parent_id].name == name
        assert flags == ("02" if sampling else "03")


def test_only_the_application_hears_of_its_own_mistakes_with_contexts(workshop: Workshop) -> None:
    workshop.write("tracing.toml", "")
    workshop.write(
        "main.py",
        """
        import contextvars
        from opentelemetry import context, trace

        span = trace.get_tracer("an instrumentation").start_span("entered elsewhere")
        current = trace.use_span(span, end_on_exit=True)
        contextvars.copy_context().run(current.__enter__)
        current.__exit__(None, None, None)
        print("left", flush=True)
        context.detach(contextvars.copy_context().run(context.attach, context.get_current()))
        """,
    )
    with workshop.start("erni-run", "python", "main.py", stderr=subprocess.STDOUT) as process:
        out, _ = process.communicate(timeout=60)
    before, _, after = out.partition("left\n")
    assert (before, after.count("Failed to detach context"), process.returncode) == ("", 1, 0)
