"""tracing.toml is edited while the application runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from erni_run.viewer.span import Span

from tests.collector import Collector
from tests.conftest import Workshop

SHOP = """
    def work(n): return n
    def other(n): return n
    class Base:
        def method(self): return 1
    class Child(Base): pass
    saved = work
"""
LATE = "def lately(): return 1\n"
MAIN = """
    import os, sys, threading, time
    import shop
    child = os.fork() if "fork" in sys.argv else 0
    n = 0
    while not os.path.exists("stop"):
        n += 1
        shop.saved(n), shop.other(n), shop.Child().method()
        if os.path.exists("import late"):
            import late
            late.lately()
        time.sleep(0.01)
    if child: os.waitpid(child, 0)
    print("ended")
"""
EVERY = '[reload]\nevery = "20ms"\n'
WORK = '[[span]]\ntarget = "shop:work"\n'
OTHER = '[[span]]\ntarget = "shop:other"\n'


class Running:
    """The program, its file and the lines that it says."""

    def __init__(self, workshop: Workshop, collector: Collector, process: subprocess.Popen[str]) -> None:
        self.workshop = workshop
        self.collector = collector
        self.process = process
        self.said = ""

    def edit(self, text: str) -> None:
        """Replace the file as editors do; what has been received before is forgotten."""
        self.collector.spans = []
        self.workshop.write("new", EVERY + text)
        os.replace(self.workshop.folder / "new", self.workshop.folder / "tracing.toml")

    def wait_for(self, **attributes: object) -> Span:
        """The first span with these attributes or this name, from now on."""

        def fits(span: Span) -> bool:
            own = {"name": span.name, "pid": span.resource["process.pid"], **span.attributes}
            return attributes.items() <= own.items()

        return next(span for span in self.collector.wait_for(lambda spans: any(map(fits, spans))) if fits(span))

    def wait_for_line(self, line: str) -> None:
        """Returns when the program has said ``line``."""
        while f"erni-run: {line}\n" not in self.said:
            read = self.process.stderr.readline()  # type: ignore[union-attr]  # it is a pipe
            assert read, f"{line!r} is not in {self.said}"
            self.said += read

    def end(self) -> str:
        """The lines that the program has said, all in all."""
        (self.workshop.folder / "stop").touch()
        out, err = self.process.communicate(timeout=30)
        assert (set(out.splitlines()), self.process.returncode) == ({"ended"}, 0)
        return self.said + err


@contextmanager
def running(workshop: Workshop, collector: Collector, config: str, *command: str) -> Iterator[Running]:
    workshop.write("shop.py", SHOP)
    workshop.write("late.py", LATE)
    workshop.write("main.py", MAIN)
    workshop.write("tracing.toml", EVERY + config)
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    command = command or ("python", "-W", "ignore", "main.py")
    with workshop.start("erni-run", *command, environ=environ) as process:
        try:
            yield Running(workshop, collector, process)
        finally:
            process.kill()


CAPTURE = 'capture = { n = "n" }\n'
BROKEN = '[[span]]\ntarget = "shop work"\n'
ELSEWHERE = '[export]\nendpoint = "http://localhost:1"\ntimeout = "3s"\n[service]\nversion = "2"\n'

# file, spans that come then, lines that are said meanwhile
EDITS: list[tuple[str, list[dict[str, object]], list[str]]] = [
    (
        f'{WORK}name = "renamed"\n{CAPTURE}{OTHER}',
        [{"name": "renamed"}, {"name": "other"}],
        ["tracing.toml reloaded: 1 span added, 1 changed"],
    ),
    (
        f'{WORK}enabled = false\n{OTHER}attributes = {{ tier = "gold" }}\n',
        [{"name": "other", "tier": "gold"}],
        ["tracing.toml reloaded: 1 span changed, 1 removed"],
    ),
    (f'# a comment\n{OTHER}attributes = {{ tier = "gold" }}\n', [{"name": "other"}], []),
    (
        BROKEN,
        [{"name": "other"}],
        [
            "tracing.toml was changed and has mistakes; what it said before stays in force:",
            "  tracing.toml:4: span[0].target: 'shop work' is not a target; expected module:qualified.name, * is a "
            "glob for one part [target]",
        ],
    ),
    (
        f'{OTHER}{CAPTURE}[[span]]\ntarget = "shop:Child.method"\n[[span]]\ntarget = "shop:nothing"\n',
        [{"name": "Child.method"}],
        [
            "tracing.toml:8: shop has no 'nothing': not traced",
            "tracing.toml reloaded: 2 spans added, 1 changed",
        ],
    ),
    (
        f'[capture]\nredact = ["n"]\n{OTHER}{CAPTURE}',
        [{"name": "other", "n": "[redacted]"}],
        ["tracing.toml reloaded: 2 spans removed, capture changed"],
    ),
    (
        f"{ELSEWHERE}{WORK}",
        [{"name": "work"}],
        [
            "tracing.toml reloaded: 1 span added, 1 removed, capture changed",
            "tracing.toml changed: spans and sampling apply now; export.timeout, service.version need a restart",
        ],
    ),
    (f"[sampling]\nratio = 0.0\n{ELSEWHERE}{WORK}", [], ["tracing.toml reloaded: sampling changed"]),
    (f"{ELSEWHERE}{WORK}", [{"name": "work"}], ["tracing.toml reloaded: sampling changed"]),
    (f"{ELSEWHERE}{OTHER}", [{"name": "other"}], ["tracing.toml reloaded: 1 span added, 1 removed"]),
]


def test_each_edit_has_its_effect_and_its_lines(workshop: Workshop, collector: Collector) -> None:
    expected: list[str] = []
    with running(workshop, collector, WORK) as app:
        app.wait_for(name="work")
        for text, spans, lines in EDITS:
            app.edit(text)
            expected += lines
            for line in lines:
                app.wait_for_line(line)
            collector.spans = []
            for span in spans:
                app.wait_for(**span)
        first = app.wait_for(name="other")
        assert {span.name for span in collector.spans if span.start >= first.start} == {"other"}
        assert app.end().splitlines() == [f"erni-run: {line}" for line in expected]


def test_file_may_go_and_come_back_and_modules_may_come_late(workshop: Workshop, collector: Collector) -> None:
    with running(workshop, collector, WORK) as app:
        app.wait_for(name="work")
        path = workshop.folder / "tracing.toml"
        path.unlink()
        app.wait_for_line(f"{path} is gone: what it said stays in force")
        path.mkdir()
        reason = "cannot be read: Is a directory [file-unreadable]"
        app.wait_for_line(f"tracing.toml: file: {reason}; what it said stays in force")
        path.rmdir()
        collector.spans = []
        app.wait_for(name="work")
        app.edit('[[span]]\ntarget = "lat*:latel*"\n')
        app.wait_for_line("tracing.toml reloaded: 1 span added, 1 removed")
        (workshop.folder / "import late").touch()
        app.wait_for(name="lately")
        app.end()


def test_forked_children_reload_for_themselves(workshop: Workshop, collector: Collector) -> None:
    with running(workshop, collector, WORK, "python", "-W", "ignore", "main.py", "fork") as app:
        both = {span.resource["process.pid"] for span in collector.wait_for(lambda spans: len(_pids(spans)) == 2)}
        app.edit(OTHER)
        for pid in both:
            app.wait_for(name="other", pid=pid)
        app.end()


def _pids(spans: list[Span]) -> set[object]:
    return {span.resource["process.pid"] for span in spans}


def test_process_that_starts_with_an_old_plan_notices(workshop: Workshop, collector: Collector) -> None:
    edit = "sed -i s/work/other/ tracing.toml; exec python main.py"
    with running(workshop, collector, WORK, "sh", "-c", edit) as app:
        app.wait_for(name="other")
        app.end()


COUNT = int(os.environ.get("ERNI_TEST_EDITS", "30"))
LOAD = f"""
    import os, threading, time
    import shop
    config = open("tracing.toml").read()
    over = threading.Event()
    counts = []
    def call(start):
        n = start
        while not over.is_set():
            assert shop.work(n) == n
            n += 1
            time.sleep(0.001)
        counts.append(n - start)
    threads = [threading.Thread(target=call, args=(k * 1_000_000,)) for k in range(4)]
    for thread in threads: thread.start()
    for edit in range({COUNT}):
        with open("new", "w") as file:
            file.write(config.replace("first", "even" if edit % 2 else "odd"))
        os.replace("new", "tracing.toml")
        time.sleep(0.1)
    over.set()
    for thread in threads: thread.join()
    print(sum(counts))
"""


def test_every_call_is_traced_by_one_of_the_plans(workshop: Workshop, collector: Collector) -> None:
    workshop.write("shop.py", SHOP)
    workshop.write("main.py", LOAD)
    workshop.write("tracing.toml", f'{EVERY}{WORK}name = "first"\n{CAPTURE}')
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    said = done.stderr.splitlines()
    assert set(said) == {"erni-run: tracing.toml reloaded: 1 span changed"}
    assert len(said) > COUNT / 2
    assert len(collector.spans) == int(done.stdout)
    assert len({span.attributes["n"] for span in collector.spans}) == int(done.stdout)
    assert {span.name for span in collector.spans} == {"first", "odd", "even"}


def test_file_is_not_looked_at_if_reload_is_off(workshop: Workshop, collector: Collector) -> None:
    workshop.write("shop.py", SHOP)
    workshop.write("tracing.toml", f"[reload]\nenabled = false\n{WORK}")
    workshop.write("main.py", "import sys, shop, threading\nprint('erni_run.inside.reload' in sys.modules)\n")
    assert workshop.run("erni-run", "python", "main.py").stdout == "False\n"


def test_process_without_threads_stays_without_threads(workshop: Workshop, collector: Collector) -> None:
    workshop.write("shop.py", SHOP)
    workshop.write("tracing.toml", WORK)
    program = "import os, sys, shop; print(len(os.listdir('/proc/self/task')), 'threading' in sys.modules)"
    workshop.write("main.py", program)
    assert workshop.run("erni-run", "python", "main.py").stdout == "1 False\n"
