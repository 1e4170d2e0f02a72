"""The first promise: the same program with and without us, compared."""

from __future__ import annotations

import json
import signal

import pytest

from tests.collector import Collector
from tests.conftest import OURS, Workshop

FACTS = """
    import json, os, signal, sys
    facts = {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "name": __name__,
        "file": globals().get("__file__"),
        "cwd": os.getcwd(),
        "environ": {name: value for name, value in os.environ.items() if name not in ("ERNI_RUN_PLAN", "PYTHONPATH")},
        "path": sys.path,
        "executable": sys.executable,
        "prefix": sys.prefix,
        "flags": repr(sys.flags),
        "is_parent_of_pid": os.getppid(),
        "signals": {number: str(signal.getsignal(number)) for number in signal.valid_signals()},
        "stdin": sys.stdin.read(),
        "sitecustomize": "sitecustomize" in sys.modules,
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "umask": os.umask(0o22),
    }
    print(json.dumps(facts, sort_keys=True))
"""

PROGRAM = """
    import sys, warnings, logging
    import broken_later, traced_module
    print("out", sys.argv[1:])
    print("err", file=sys.stderr)
    logging.getLogger("app").error("no handler is configured")
    warnings.warn("careful", stacklevel=1)
    traced_module.work(3)
    {ending}
"""

ENDINGS = {
    "returns": "pass",
    "exits with a status": "sys.exit(7)",
    "exits with a message": "sys.exit('good bye')",
    "raises": "raise ValueError('unhandled')",
    "raises in a traced function": "traced_module.fails()",
    "fails while a traced module is imported": "import fails_at_import",
    "misses a module": "import not_there",
    "leaves by os._exit": "sys.stdout.flush(); import os; os._exit(5)",
    "dies of SIGTERM": "sys.stdout.flush(); import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "dies of SIGKILL": "sys.stdout.flush(); import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "is interrupted": "sys.stdout.flush(); import os, signal; os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(9)",
    "dumps the state of logging": "print([h for h in logging.root.handlers], logging.root.level)",
}


@pytest.fixture
def program(workshop: Workshop) -> Workshop:
    workshop.write("broken_later.py", "value = 1\n")
    workshop.write(
        "traced_module.py",
        """
        import logging, warnings

        def work(n):
            warnings.warn("from a traced function", stacklevel=1)
            logging.getLogger("app").warning("in a span")
            return [step(i) for i in range(n)]

        def step(i):
            return i * i

        def fails():
            return deeper()

        def deeper():
            raise KeyError("inside")
        """,
    )
    workshop.write("fails_at_import.py", "import traced_module\ntraced_module.fails()\n")
    workshop.write(
        "tracing.toml",
        """
        [[span]]
        target = "traced_module:*"
        [[span]]
        target = "fails_at_import:*"
        """,
    )
    return workshop


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("exporter", ["none", "otlp"])
def test_output_and_status_are_those_of_the_bare_command(
    program: Workshop, collector: Collector, ending: str, exporter: str
) -> None:
    program.environ |= {"OTEL_TRACES_EXPORTER": exporter, **collector.environment()}
    program.write("app.py", PROGRAM.format(ending=ENDINGS[ending]))
    bare = program.run("python", "app.py", "a", "--config=b", "-c")
    traced = program.run("erni-run", "python", "app.py", "a", "--config=b", "-c")
    assert (traced.stdout, traced.stderr, traced.returncode) == (bare.stdout, bare.stderr, bare.returncode)


@pytest.mark.parametrize(
    "command",
    [
        ("python", "facts.py", "a b", "", "--explain"),
        ("python", "-m", "facts", "x"),
        ("python", "-c", "exec(open('facts.py').read())", "x"),
        ("python", "-W", "error", "-X", "dev", "facts.py"),
        ("./facts", "x"),
        ("sh", "-c", "exec python facts.py $0", "zero"),
    ],
    ids=lambda command: command[1][:4],
)
@pytest.mark.parametrize("switch", ["true", "false"])
def test_program_finds_the_same_world(program: Workshop, command: tuple[str, ...], switch: str) -> None:
    program.write("facts.py", FACTS)
    program.write(
        "facts", "#!/usr/bin/env python\n" + "import runpy; runpy.run_path('facts.py', run_name='__main__')\n", 0o755
    )
    environ = {"ENABLE_TRACING": switch}
    bare = program.run(*command, environ=environ)
    traced = program.run("erni-run", *command, environ=environ)
    assert traced.stderr == bare.stderr == ""
    assert json.loads(traced.stdout) == json.loads(bare.stdout)


def test_process_keeps_its_id_so_signals_reach_the_program(program: Workshop) -> None:
    program.write("waits.py", "import os, signal, sys; print(os.getpid(), flush=True); signal.pause()\n")
    with program.start("erni-run", "python", "waits.py") as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def test_any_program_is_started_not_only_python(program: Workshop) -> None:
    bare = program.run("sh", "-c", "echo $0 $#; trap; exit 3", "a", "b")
    traced = program.run("erni-run", "sh", "-c", "echo $0 $#; trap; exit 3", "a", "b")
    assert (traced.stdout, traced.stderr, traced.returncode) == (bare.stdout, bare.stderr, bare.returncode)


@pytest.mark.parametrize("switch", [{"ENABLE_TRACING": "false"}, {"OTEL_SDK_DISABLED": "true"}], ids=str)
def test_switched_off_leaves_the_environment_untouched(program: Workshop, switch: dict[str, str]) -> None:
    program.environ |= switch
    for locale in ({}, {"LC_ALL": ""}):  # without a locale Python adds LC_CTYPE to its own environment (PEP 538)
        bare = program.run("env", environ=locale)
        assert program.run("erni-run", "env", environ=locale).stdout == bare.stdout


def test_traced_environment_differs_by_our_two_variables_alone(program: Workshop) -> None:
    bare = dict(line.split("=", 1) for line in program.run("env", "-0").stdout.split("\0") if line)
    traced = dict(line.split("=", 1) for line in program.run("erni-run", "env", "-0").stdout.split("\0") if line)
    assert {name: value for name, value in traced.items() if name not in OURS} == bare
    assert set(OURS) <= set(traced)


def test_closed_pipe_kills_as_it_does_without_us(program: Workshop) -> None:
    script = "{} sh -c 'trap - PIPE; yes' | head -1; echo $?"
    bare = program.run("bash", "-c", "set -o pipefail; " + script.format(""))
    traced = program.run("bash", "-c", "set -o pipefail; " + script.format("erni-run"))
    assert (traced.stdout, traced.stderr) == (bare.stdout, bare.stderr)


def test_switched_off_loads_nothing_of_ours(program: Workshop) -> None:
    code = (
        "import sys, traced_module; print([m for m in sys.modules if m.split('.')[0] in ('erni_run', 'opentelemetry')])"
    )
    assert program.run("erni-run", "python", "-c", code, environ={"ENABLE_TRACING": "false"}).stdout == "[]\n"


def test_bare_program_loads_no_opentelemetry(program: Workshop) -> None:
    code = "import sys; print([m for m in sys.modules if m.startswith('opentelemetry')])"
    assert program.run("erni-run", "python", "-c", code).stdout == "[]\n"


def test_python_without_a_global_lock_is_left_alone(program: Workshop) -> None:
    free = "import sys; sys._is_gil_enabled = lambda: False; import erni_run.inside.activate as it; it.activate('\\n\\n\\n')"
    done = program.run("python", "-c", f"{free}; print(it.current_plan())")
    assert (done.stdout, done.returncode) == ("None\n", 0)
    assert done.stderr.startswith("erni-run: this process is not traced: its Python runs threads without a global lock")
