"""Every way in which the command is found, refused or started, in real processes."""

from __future__ import annotations

import collections
import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.conftest import BIN, Workshop

REFUSALS = {
    "an unknown command": (("no-such-command",), 127, "no-such-command: command not found"),
    "a misspelt command": (("pyton3-like-nothing",), 127, "command not found"),
    "a near miss": (("uvicron", "x"), 127, "did you mean uvicorn?"),
    "a path that is not there": (("./nothing",), 127, "./nothing: command not found"),
    "a script here, without ./": (("script.py",), 127, "`erni-run python script.py`"),
    "a script without permission": (
        ("./script.py",),
        126,
        "permission denied; start it with `erni-run python ./script.py`",
    ),
    "a program without permission": (("./plain",), 126, "allow it with `chmod +x ./plain`"),
    "a directory": (("./folder",), 126, "./folder: is a directory"),
    "an application instead of its server": (("agency.main:app",), 127, "`erni-run uvicorn agency.main:app`"),
    "an interpreter that is not there": (("./odd",), 126, "the interpreter named in its first line does not exist"),
    "nothing": ((), 2, "no command given"),
    "an unknown option": (("--explian", "python"), 2, "unknown option --explian: did you mean --explain?"),
    "an option without its value": (("--config",), 2, "--config needs a file"),
    "a wrong choice": (("--on-error", "panic", "python"), 2, "write stop or run"),
    "a misspelt verb": (("chek",), 127, "chek: command not found; did you mean check?"),
    "an option of no verb": (
        ("check", "--jsn"),
        2,
        "check: unrecognized arguments: --jsn; see `erni-run check --help`",
    ),
    "init of nothing": (
        ("init",),
        2,
        "init: the following arguments are required: PACKAGE; see `erni-run init --help`",
    ),
    "status of something": (("status", "x"), 2, "status: unrecognized arguments: x"),
    "a time without a unit": (
        ("drain", "--timeout", "3"),
        2,
        """drain: argument --timeout: '3' is not a time; write "10s\"""",
    ),
    "a schema of something": (("schema", "x"), 2, "schema: unrecognized arguments: x"),
    "a file that is not there": (("-c", "gone.toml", "python"), 2, "gone.toml"),
    "an unclear switch": (("python", "-c", "pass"), 2, "ENABLE_TRACING is 'flase': write true or false"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_is_one_clear_message_and_the_shells_status(workshop: Workshop, case: str) -> None:
    words, status, message = REFUSALS[case]
    workshop.write("script.py", "print(1)\n")
    workshop.write("plain", "echo\n")
    workshop.write("odd", "#!/no/such/interpreter\n", 0o755)
    (workshop.folder / "folder").mkdir()
    environ = {"ENABLE_TRACING": "flase"} if case == "an unclear switch" else {}
    done = workshop.run("erni-run", *words, environ=environ)
    assert done.returncode == status
    assert message in done.stderr
    assert done.stderr.startswith("erni-run: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_command_is_looked_up_as_a_shell_does(workshop: Workshop) -> None:
    """A file that cannot be executed does not hide one further on in PATH."""
    workshop.write("first/tool", "not executable\n")
    workshop.write("second/tool", "#!/bin/sh\necho second $0\n", 0o755)
    first, second = workshop.folder / "first", workshop.folder / "second"
    environ = {"PATH": f"{first}:{second}:{BIN}:/usr/bin:/bin"}
    assert workshop.run("erni-run", "tool", environ=environ).stdout == f"second {second}/tool\n"


def test_script_without_a_first_line_is_run_by_sh(workshop: Workshop) -> None:
    workshop.write("plain", "echo $0 $1\n", 0o755)
    assert workshop.run("erni-run", "./plain", "x").stdout == "./plain x\n"


def test_command_outside_of_path_is_named_with_its_folder(workshop: Workshop) -> None:
    done = workshop.run(f"{BIN}/erni-run", "uvicorn", environ={"PATH": "/usr/bin:/bin"})
    assert (done.returncode, BIN in done.stderr) == (127, True)


def test_without_tracing_toml_one_line_says_so(workshop: Workshop) -> None:
    done = workshop.run("erni-run", "python", "-c", "print(1)")
    assert done.stdout == "1\n"
    assert done.stderr.splitlines() == [
        "erni-run: no tracing.toml here or above: no function is traced, a library if its instrumentation is installed"
    ]


def test_tracing_toml_is_found_by_option_then_variable_then_folders_above(workshop: Workshop) -> None:
    for folder in ("option", "variable", "."):
        workshop.write(f"{folder}/tracing.toml", f'[service]\nname = "{folder}"\n')
    (workshop.folder / "deep" / "below").mkdir(parents=True)
    script = "import os; from erni_run.plan import decode; print(decode(os.environ['ERNI_RUN_PLAN']).service.name)"
    variable = {"ERNI_RUN_CONFIG": "variable/tracing.toml"}
    option = ("-c", "option/tracing.toml")
    assert workshop.run("erni-run", *option, "python", "-c", script, environ=variable).stdout == "option\n"
    assert workshop.run("erni-run", "python", "-c", script, environ=variable).stdout == "variable\n"
    below = workshop.run("sh", "-c", f'cd deep/below && erni-run python -c "{script}"')
    assert below.stdout == ".\n"


def test_mistakes_stop_the_start_and_all_of_them_are_listed(workshop: Workshop) -> None:
    workshop.write("tracing.toml", '[servcie]\nname = "x"\n\n[[span]]\ntarget = "a.b.c"\nkind = "intrnal"\n')
    done = workshop.run("erni-run", "python", "-c", "print('started')")
    assert (done.returncode, done.stdout) == (2, "")
    for expected in ("tracing.toml:1:", "did you mean [service]?", "tracing.toml:5:", "tracing.toml:6:", "internal"):
        assert expected in done.stderr
    on_error = workshop.run(
        "erni-run", "--on-error", "run", "python", "-c", "import sys; print('erni_run' in sys.modules)"
    )
    assert (on_error.returncode, on_error.stdout) == (0, "False\n")
    assert "tracing.toml:1:" in on_error.stderr
    assert "starting untraced" in on_error.stderr


DEAF = {
    "python -I": (("python", "-I", "-c", "pass"), "-I"),
    "python -sE": (("python", "-sE", "-c", "pass"), "-E"),
    "python -W error -S": (("python", "-W", "error", "-S", "-c", "pass"), "-S"),
    "an option in two words": (("python", "--check-hash-based-pycs", "never", "-I", "-c", "pass"), "-I"),
    "a first line with -I": (("./isolated",), "-I"),
    "python -c with -I in its program": (("python", "-c", "0-0 # -I", "-I"), ""),
    "python without": (("python", "-u", "-c", "pass"), ""),
}


@pytest.mark.parametrize("case", DEAF)
def test_interpreter_that_hides_pythonpath_draws_a_warning(workshop: Workshop, case: str) -> None:
    command, flag = DEAF[case]
    workshop.write("tracing.toml", "")
    workshop.write("isolated", f"#!{sys.executable} -I\nprint(1)\n", 0o755)
    done = workshop.run("erni-run", *command)
    assert done.returncode == 0
    if flag:
        assert "erni-run: warning: " in done.stderr
        assert f"nothing will be traced; remove {flag}" in done.stderr
    else:
        assert done.stderr == ""


def test_plan_that_is_too_large_is_refused_with_advice(workshop: Workshop) -> None:
    workshop.write("tracing.toml", "".join(f'[[span]]\ntarget = "package.module:function_{i}"\n' for i in range(2000)))
    done = workshop.run("erni-run", "python", "-c", "print(1)")
    assert (done.returncode, done.stdout) == (2, "")
    assert "join the targets of tracing.toml into globs" in done.stderr


def test_applications_own_sitecustomize_runs_exactly_once(workshop: Workshop) -> None:
    workshop.write("tracing.toml", "")
    workshop.write(
        "own/sitecustomize.py", "import sys; open('log', 'a').write(f'{sys.orig_argv[1:2]} {sys.path}\\n')\n"
    )
    environ = {"PYTHONPATH": str(workshop.folder / "own")}
    script = "import sys; print(sys.modules['sitecustomize'].__file__, sys.path)"
    bare = workshop.run("python", "-c", script, environ=environ)
    traced = workshop.run("erni-run", "python", "-c", script, environ=environ)
    assert (traced.stdout, traced.stderr) == (bare.stdout, bare.stderr)
    runs = [line for line in (workshop.folder / "log").read_text().splitlines() if line.startswith("['-c']")]
    assert len(runs) == 2  # one of the bare command, one of the traced
    assert len(set(runs)) == 1


def test_failing_sitecustomize_fails_as_it_does_without_us(workshop: Workshop) -> None:
    workshop.write("tracing.toml", "")
    workshop.write("own/sitecustomize.py", "raise RuntimeError('mine')\n")
    environ = {"PYTHONPATH": str(workshop.folder / "own")}
    bare = workshop.run("python", "-c", "print(1)", environ=environ)
    traced = workshop.run("erni-run", "python", "-c", "print(1)", environ=environ)
    assert (traced.stdout, traced.returncode) == (bare.stdout, bare.returncode)
    assert (
        traced.stderr == bare.stderr * 2
    )  # the launcher is a Python of the same environment, before it is the command


def test_nested_start_neither_repeats_our_folder_nor_drops_others(workshop: Workshop) -> None:
    workshop.write("tracing.toml", "")
    command = ("erni-run", "erni-run", "python", "-c", "import os; print(os.environ['PYTHONPATH'])")
    done = workshop.run(*command, environ={"PYTHONPATH": "/keep/me"})
    assert [Path(entry).name for entry in done.stdout.strip().split(os.pathsep)] == ["entry", "me"]


HELPER = "import subprocess, sys; print('ran', flush=True); subprocess.run([sys.argv[1], '-c', 'print(2)'])"
STARTS = {  # the command, with {other} for a Python without erni-run; whether that is said, once
    "the command": (("{other}", "-c", HELPER, "{other}"), True),
    "below a shell": (("sh", "-c", "{other} helper.py {other}; true"), True),
    "below programs that are none": (("env", "timeout", "60", "sh", "-c", "{other} helper.py {other}; true"), True),
    "a helper of a Python that has it": (("python", "-c", HELPER, "{other}"), False),
    "a helper's helper": (("sh", "-c", "python helper.py helper; true"), False),
}


@pytest.mark.parametrize("case", STARTS)
def test_python_without_erni_run_says_so_where_it_is_what_was_started(workshop: Workshop, case: str) -> None:
    words, is_said = STARTS[case]
    workshop.write("tracing.toml", "")
    workshop.write("helper.py", HELPER.replace("sys.argv[1]", "sys.argv[1] if sys.argv[1] != 'helper' else './helper'"))
    other = workshop.folder / "other"
    workshop.run(sys.executable, "-m", "venv", "--without-pip", str(other))
    workshop.write("helper", f"#!/bin/sh\n{other}/bin/python $@; true\n", 0o755)
    done = workshop.run("erni-run", *(word.format(other=f"{other}/bin/python") for word in words))
    assert done.stdout == "ran\n2\n"
    line = f"erni-run: {other}/bin/python has no erni-run installed: this process is not traced; pip install it there\n"
    assert done.stderr == (line if is_said else "")


def test_verb_is_a_program_after_two_dashes(workshop: Workshop) -> None:
    workshop.write("tracing.toml", "")
    workshop.write("bin/check", "#!/bin/sh\necho program $1\n", 0o755)
    environ = {"PATH": f"{workshop.folder}/bin:{BIN}:/usr/bin:/bin"}
    assert workshop.run("erni-run", "--", "check", "x", environ=environ).stdout == "program x\n"


EXPLAINED = """
    [service]
    name = "shop"
    attributes = { "service.namespace" = "erni" }
    [export]
    endpoint = "http://localhost:4317?token=hush"
    headers = { authorization = "Bearer ${TOKEN}" }
    [spool]
    max_size = "1GiB"
    max_age = "12h"
    journal = false
    [sampling]
    keep_errors = true
    keep_slower_than = "250ms"
    [[sampling.rule]]
    attribute = "url.path"
    matches = "/health*"
    ratio = 0.0
    [libraries]
    enable = ["tornado"]
    [libraries.tornado]
    tracer = "x"
    [capture]
    redact = []
    exceptions = false
    [metrics]
    every = "2m"
    [reload]
    every = "5s"
    [[span]]
    target = "shop.cart:add"
    [[span]]
    target = "shop.*:Cart.*"
    name = "{class} {function}"
    [[handoff]]
    agent = "vision"
    type = "look"
    target = "shop.desk:hand"
"""
SHOWN = [
    ("service.name", "shop", "tracing.toml:2"),
    ("service.attributes.team", "red", "environment OTEL_RESOURCE_ATTRIBUTES"),
    ('service.attributes."service.namespace"', "erni", "tracing.toml:3"),
    ("export.endpoint", "http://localhost:4317", "tracing.toml:5"),
    ("export.headers", "authorization: ***", "tracing.toml:6"),
    ("export.protocol", "grpc", "default"),
    ("spool.path", "/spool", "environment ERNI_SPOOL_DIR"),
    ("spool.max_size", "1024 MiB", "tracing.toml:8"),
    ("spool.max_age", "12 h", "tracing.toml:9"),
    ("spool.journal", "false", "tracing.toml:10"),
    ("sampling.sampler", "traceidratio", "environment OTEL_TRACES_SAMPLER"),
    ("sampling.ratio", "0.5", "environment OTEL_TRACES_SAMPLER_ARG"),
    ("sampling.keep_errors", "true", "tracing.toml:12"),
    ("sampling.keep_slower_than", "0.25 s", "tracing.toml:13"),
    ("sampling.rule[0]", "0 of url.path = /health*", "tracing.toml:14"),
    ("libraries.enable", "tornado", "tracing.toml:19"),
    ("libraries.tornado.tracer", "x", "tracing.toml:21"),
    ("capture.redact", "none", "tracing.toml:23"),
    ("capture.exceptions", "false", "tracing.toml:24"),
    ("metrics.every", "120 s", "tracing.toml:26"),
    ("reload.every", "5 s", "tracing.toml:28"),
]


def test_explain_names_every_setting_and_its_origin(workshop: Workshop) -> None:
    workshop.write("tracing.toml", EXPLAINED)
    environ = {
        "TOKEN": "hush",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_TRACES_SAMPLER": "traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.5",
        "OTEL_RESOURCE_ATTRIBUTES": "team=red",
        "ERNI_SPOOL_DIR": "/spool",
    }
    done = workshop.run("erni-run", "--explain", "true", environ=environ)
    lines = [re.sub(" {2,}", "  ", line) for line in done.stderr.splitlines()]
    for key, value, origin in SHOWN:
        assert f"  {key}  {value}  ({origin})" in lines
    assert "hush" not in done.stderr
    spans = lines[lines.index("erni-run: spans (3)") + 1 :]
    assert spans[:3] == [
        "  add  shop.cart:add  (line 29)",
        "  Cart *  shop.*:Cart.*  (line 31)",
        "  agent_handoff.vision  shop.desk:hand  (line 34)",
    ]


def test_explain_leaves_no_option_of_the_reference_out(workshop: Workshop) -> None:
    from erni_run.config.read import read
    from erni_run.explain import explain

    reading = read(None, {"HOME": "/"}, "app")
    shown = {line.split()[0] for line in explain(reading).splitlines() if line.startswith("  ")}
    assert set(reading.origins) - {"service.attributes", "sampling.rule"} <= shown  # these are shown item by item


def test_explain_says_what_to_install(workshop: Workshop) -> None:
    workshop.write("site/tornado-6.5.dist-info/METADATA", "Metadata-Version: 2.1\nName: tornado\nVersion: 6.5\n")
    workshop.write("site/tornado-6.5.dist-info/top_level.txt", "tornado\n")
    workshop.write("site/fastapi/telemetry.py", "")
    workshop.write("site/fastapi/__init__.py", "raise SystemExit('imported')")
    workshop.write("tracing.toml", '[libraries]\nenable = ["fastapi", "redis", "falcon", "tornado"]\n')
    done = workshop.run("erni-run", "--explain", "true", environ={"PYTHONPATH": str(workshop.folder / "site")})
    assert done.stderr.splitlines()[-5:] == [
        "erni-run: libraries that are installed (3)",
        "  fastapi   traced when imported",
        "  redis     traced when imported",
        "  tornado   its instrumentation is not installed",
        "erni-run: to trace tornado: pip install erni-run opentelemetry-instrumentation-tornado",
    ]


def test_explain_says_that_tracing_is_switched_off(workshop: Workshop) -> None:
    done = workshop.run("erni-run", "--explain", "echo", "on", environ={"ENABLE_TRACING": "false"})
    assert done.stdout == "on\n"
    assert done.stderr == "erni-run: nothing is traced: ENABLE_TRACING or OTEL_SDK_DISABLED switches tracing off\n"


SECRETS = {
    "headers of the file": ('headers = { authorization = "Bearer ${TOKEN}" }', {"TOKEN": "hush"}),
    "headers that are ignored": ("", {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer,hush"}),
    "an endpoint with a query": ('endpoint = "http://collector?key=${TOKEN}"', {"TOKEN": "hush"}),
    "an endpoint that another one goes before": (
        "",
        {"OTLP_ENDPOINT": "http://collector", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector?key=hush"},
    ),
}


@pytest.mark.parametrize("case", SECRETS)
def test_secrets_are_not_left_on_disk(workshop: Workshop, case: str) -> None:
    text, environ = SECRETS[case]
    workshop.write("tracing.toml", f"[export]\n{text}\n")
    assert workshop.run("erni-run", "true", environ=environ).returncode == 0
    assert not any(b"hush" in path.read_bytes() for path in workshop.folder.rglob("*") if path.is_file())


def test_check_lists_what_would_be_traced_and_fails_for_the_rest(workshop: Workshop) -> None:
    workshop.write("shop/__init__.py", "print('noise on standard output')\n")
    workshop.write("shop/cart.py", "def add(item): return item\ndef drop(item): return item\n")
    good = '[[span]]\ntarget = "shop.*:a*"\n[[span]]\ntarget = "shop.cart:drop"\ncapture = { "item" = "item" }\n'
    workshop.write("tracing.toml", good)
    done = workshop.run("erni-run", "check")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all 2 entries would be traced")
    workshop.write("tracing.toml", good + '[[span]]\ntarget = "shop.cart:remove"\n[[span]]\ntarget = "shop.till:pay"\n')
    done = workshop.run("erni-run", "check", "--json")
    rows = {row["target"]: row for row in json.loads(done.stdout)["rows"] if row["kind"] == "span"}
    assert done.returncode == 1
    assert rows["shop.*:a*"]["functions"] == ["shop.cart:add"]
    assert "has no 'remove'" in rows["shop.cart:remove"]["problem"]
    assert "no module 'shop.till'" in rows["shop.till:pay"]["problem"]


REASONS = {
    "shop.cart:drp": "shop.cart has no 'drp'; did you mean 'drop'?",
    "shop.cart:nothing": "shop.cart.nothing has no Python code that could be instrumented (NoneType)",
    "shop.cart:Cart": "shop.cart.Cart is a class; write shop.cart:Cart.* for its methods",
    "shop.cart:basket.fill": "shop.cart.basket is neither a module nor a class, and names lead through those alone",
    "shop.cart:basket.*": "shop.cart.basket is neither a module nor a class, and names lead through those alone",
    "shop.cart:*.fil": "no class in shop.cart that matches '*' has 'fil'; did you mean 'fill'?",
    "shop.cart:x*": "nothing in shop.cart matches 'x*'",
    "shop.cart:drop.<locals>.inne": "shop.cart:drop has no function 'inne' inside; did you mean 'inner'?",
    "shop.crt:drop": "no module 'shop.crt'; did you mean 'cart'?",
    "shops.cart:drop": "no module 'shops'; did you mean 'shop'?",
    "warehouse:drop": "no module 'warehouse'; check where the application starts, or set PYTHONPATH as it has it",
}


def test_check_says_why_and_what_was_probably_meant(workshop: Workshop) -> None:
    workshop.write("shop/__init__.py", "")
    workshop.write(
        "shop/cart.py",
        """
        nothing = None
        def drop(item):
            def inner(): return item
            return inner
        class Cart:
            def fill(self): pass
        basket = Cart()
        """,
    )
    wrong = '[[span]]\ntarget = "shop.cart:drop"\nignore = ["builtins:KeyError", "builtins:Eror", "shop.cart:Cart"]\n'
    captures = '[[span]]\ntarget = "shop.cart:Cart.fill"\ncapture = { a = "slf", b = "x", c = "self" }\n'
    workshop.write("tracing.toml", "".join(f'[[span]]\ntarget = "{target}"\n' for target in REASONS) + captures + wrong)
    done = workshop.run("erni-run", "check", "--json")
    problems = {row["target"]: row["problem"] for row in json.loads(done.stdout)["rows"] if row["kind"] == "span"}
    assert problems.pop("shop.cart:Cart.fill") == (
        "Cart.fill: capture 'a': there is no parameter 'slf'; did you mean 'self'?; "
        "capture 'b': there is no parameter 'x'"
    )
    assert problems.pop("shop.cart:drop") == (
        "ignore 'builtins:Eror': module 'builtins' has no attribute 'Eror'; ignore 'shop.cart:Cart': it is no exception"
    )
    assert problems == REASONS


def test_check_reports_many_functions_and_those_named_twice(workshop: Workshop) -> None:
    workshop.write("many.py", "".join(f"def function_{i}(): pass\n" for i in range(3000)))
    workshop.write(
        "tracing.toml", '[[span]]\ntarget = "many:function_1"\nkind = "client"\n[[span]]\ntarget = "many:*"\n'
    )
    done = workshop.run("erni-run", "check")
    assert done.returncode == 1
    assert "many:function_1 is traced already, by line 1" in done.stdout
    workshop.write("tracing.toml", '[[span]]\ntarget = "many:*"\n')
    assert workshop.run("erni-run", "check").returncode == 0


def test_removed_working_directory_is_no_obstacle(workshop: Workshop) -> None:
    (workshop.folder / "gone").mkdir()
    done = workshop.run("sh", "-c", "cd gone && rmdir ../gone && erni-run sh -c 'echo started'")
    assert (done.stdout, done.returncode) == ("started\n", 0)


def test_control_characters_of_the_file_do_not_reach_the_terminal(workshop: Workshop) -> None:
    workshop.write("tracing.toml", '[service]\n"na\\u001b[31mme" = "x"\n')
    done = workshop.run("erni-run", "python", "-c", "pass")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr


def test_check_finds_a_capture_of_a_parameter_that_is_not_there(workshop: Workshop) -> None:
    workshop.write("cart.py", "def add(item): return item\n")
    workshop.write("tracing.toml", '[[span]]\ntarget = "cart:add"\ncapture = { "size" = "len(items)" }\n')
    done = workshop.run("erni-run", "check")
    assert done.returncode == 1
    assert "add: capture 'size': there is no parameter 'items'; did you mean 'item'?" in done.stdout


def test_check_says_where_functions_stand_and_what_they_capture(workshop: Workshop) -> None:
    workshop.write("cart.py", "class Cart:\n    def add(self, item):\n        def log(): pass\n")
    workshop.write(
        "tracing.toml",
        """
        [libraries]
        enable = []
        [[span]]
        target = "cart:Cart.add"
        capture = { "item" = "item" }
        [[span]]
        target = "cart:Cart.add.<locals>.log"
        [[span]]
        target = "ca*:Cart.ad*d"
        [[span]]
        target = "__main__:main"
        [[span]]
        target = "collections:deque.append"
        [[span]]
        target = "zlib:crc32"
        """,
    )
    done = workshop.run("erni-run", "check", environ={"COLUMNS": "200"})
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "tracing.toml",
        "         line  target                      at         captures",
        "  ok     3     cart:Cart.add               cart.py:2  item",
        "  ok     6     cart:Cart.add.<locals>.log  cart.py:3",
        "  FAILS  8     ca*:Cart.ad*d",
        "                 cart:Cart.add             cart.py:2",
        "                 cart:Cart.add is traced already, by line 3: remove one of the two",
        "  FAILS  10    __main__:main",
        "                 is in the script itself, which runs before it could be instrumented: not traced; "
        "move it into a module, or use @traced_span",
        "  FAILS  12    collections:deque.append",
        f"                 deque.append has no Python code, and its name cannot be bound to a wrapper: {_refusal()}",
        "  ok     14    zlib:crc32",
        "                 crc32 has no Python code: references taken before the wrapper are not traced",
        "3 of 6 entries would not be traced",
    ]


def _refusal() -> str:
    try:
        collections.deque.append = None  # type: ignore[method-assign, assignment]  # it raises
    except TypeError as refusal:
        return str(refusal)
    return ""


def test_check_works_in_a_removed_directory(workshop: Workshop) -> None:
    (workshop.folder / "gone").mkdir()
    workshop.write("tracing.toml", '[[span]]\ntarget = "json:loads"\n')
    done = workshop.run(
        "sh",
        "-c",
        "cd gone && rmdir ../gone && erni-run check --config $FILE",
        environ={"FILE": str(workshop.folder / "tracing.toml")},
    )
    assert "Traceback" not in done.stderr
    assert "1 entry would be traced" in done.stdout


def test_schema_is_valid_json_that_names_every_section(workshop: Workshop) -> None:
    schema = json.loads(workshop.run("erni-run", "schema").stdout)
    assert {"service", "export", "span", "handoff"} <= set(schema["properties"])


class TestRememberedPlan:
    """An unchanged start reads no configuration; whatever the plan was made from ends that."""

    SCRIPT = (
        "import os; from erni_run.plan import decode; p = decode(os.environ['ERNI_RUN_PLAN']); print(p.service.name)"
    )

    def run(self, workshop: Workshop, **environ: str) -> str:
        return workshop.run("erni-run", "python", "-c", self.SCRIPT, environ=environ).stdout.strip()

    def test_second_start_does_without_pydantic(self, workshop: Workshop) -> None:
        workshop.write("tracing.toml", '[service]\nname = "a"\n')
        environ = {"PYTHONVERBOSE": "1"}
        first = workshop.run("erni-run", "true", environ=environ)
        second = workshop.run("erni-run", "true", environ=environ)
        assert ("import 'pydantic'" in first.stderr, "import 'pydantic'" in second.stderr) == (True, False)

    def test_edited_file_and_changed_variable_count_at_once(self, workshop: Workshop) -> None:
        workshop.write("tracing.toml", '[service]\nname = "${NAME:-a}"\n')
        assert [self.run(workshop), self.run(workshop), self.run(workshop, NAME="b")] == ["a", "a", "b"]
        assert self.run(workshop, OTEL_SERVICE_NAME="c") == "c"
        workshop.write("tracing.toml", '[service]\nname = "d"\n')
        assert self.run(workshop) == "d"

    @pytest.mark.parametrize("spoil", ["world-readable", "garbage", "symlink"])
    def test_entry_that_somebody_else_could_have_written_is_not_used(self, workshop: Workshop, spoil: str) -> None:
        workshop.write("tracing.toml", '[service]\nname = "a"\n')
        self.run(workshop)
        (entry,) = (workshop.folder / "home/.cache/erni-run").iterdir()
        if spoil == "world-readable":
            entry.write_bytes(entry.read_bytes().replace(b'"a"', b'"z"'))
            entry.chmod(0o644)
        elif spoil == "garbage":
            entry.write_bytes(b"\0\0garbage\0")
        else:
            elsewhere = workshop.folder / "elsewhere"
            elsewhere.write_bytes(entry.read_bytes().replace(b'"a"', b'"z"'))
            elsewhere.chmod(0o600)
            entry.unlink()
            entry.symlink_to(elsewhere)
        assert self.run(workshop) == "a"

    def test_home_that_cannot_be_written_is_no_obstacle(self, workshop: Workshop) -> None:
        workshop.write("tracing.toml", '[service]\nname = "a"\n')
        assert self.run(workshop, HOME="/proc") == "a"

    def test_plan_and_key_come_from_one_read(self, workshop: Workshop) -> None:
        """A pipe can be read once alone, and what came out of it is looked for in the next start, too."""
        start = f'erni-run --config <(cat $FILE) python -c "{self.SCRIPT}"'
        for name in ("a", "b", "a"):
            file = workshop.write("other.toml", f'[service]\nname = "{name}"\n')
            done = workshop.run("bash", "-c", start, environ={"FILE": str(file)})
            assert (done.stdout, done.stderr) == (f"{name}\n", "")

    def test_notice_is_repeated_without_reading_anew(self, workshop: Workshop) -> None:
        workshop.write("tracing.toml", "[logs]\nexport = true\n")
        lines = [workshop.run("erni-run", "true").stderr for _ in range(2)]
        assert (
            lines[0]
            == lines[1]
            == "erni-run: tracing.toml:2: logs.export is accepted but has no effect in this version\n"
        )
        verbose = workshop.run("erni-run", "true", environ={"PYTHONVERBOSE": "1"}).stderr
        assert ("import 'pydantic'" in verbose, "logs.export" in verbose) == (False, True)


def test_file_that_never_ends_is_refused_within_the_launcher(workshop: Workshop) -> None:
    workshop.run("mkfifo", "pipe")
    for name, reason in (("/dev/zero", "it is a device"), ("pipe", "it is a pipe, and nobody writes to it")):
        done = workshop.run("erni-run", "--config", name, "echo", "started")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{name}: file: cannot be read: {reason} [file-unreadable]" in done.stderr
