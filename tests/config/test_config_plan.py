"""What entries become in the plan, what is announced as without effect, and the parts: lines, units, variables."""

from __future__ import annotations

from pathlib import Path

import pytest
from erni_run.config import expression, position, rules, substitute, units
from erni_run.config.read import Reading, read
from erni_run.plan import SpanPlan, Value, decode, encode

CODE: dict[str, Value] = {"code.function.name": "{module}.{qualname}"}

ENTRIES = {
    '[[span]]\ntarget = "a:b"': (SpanPlan(target="a:b", attributes=CODE, line=1),),
    '[[span]]\ntarget = "a:b"\nattributes = { "code.function.name" = "x", n = 1 }': (
        SpanPlan(target="a:b", attributes={"code.function.name": "x", "n": 1}, line=1),
    ),
    '\n[[span]]\ntarget = "a.*:*.run"\nname = "{class}"\nkind = "client"\nlayer = "outer"\nmode = "context"\n'
    'current = false\ncancelled = "error"\nignore = ["builtins:KeyError"]\ncapture = { n = " len(x) " }': (
        SpanPlan(
            target="a.*:*.run",
            name="{class}",
            kind="client",
            attributes=CODE,
            capture={"n": "len(x)"},
            layer="outer",
            mode="context",
            current=False,
            cancelled="error",
            ignore=("builtins:KeyError",),
            line=2,
        ),
    ),
    '[[span]]\ntarget = "a:b"\nenabled = false\n[[span]]\ntarget = "a:b"\nkind = "client"': (
        SpanPlan(target="a:b", kind="client", attributes=CODE, line=4),
    ),
    '[[span]]\ntarget = "a:b"\n[[span]]\ntarget = "a:b"\nkind = "internal"': (
        SpanPlan(target="a:b", attributes=CODE, line=1),
    ),
    '[[handoff]]\nagent = "vision"\ntype = "analysis"\ntarget = "a:B._c"\nattributes = { agent = "x", more = true }\n'
    'capture = { n = "len(x)" }\n[[span]]\ntarget = "a:b"\n': (
        SpanPlan(
            target="a:B._c",
            name="agent_handoff.vision",
            attributes={
                "agent": "x",
                "handoff_type": "analysis",
                "function.name": "{function}",
                **CODE,
                "gen_ai.agent.name": "vision",
                "more": True,
            },
            capture={"n": "len(x)"},
            layer="outer",
            line=1,
        ),
        SpanPlan(target="a:b", attributes=CODE, line=7),
    ),
}

UNSENT = "is set by the protocol itself; yours is not sent"
LATER = "is accepted but has no effect in this version"
NOTICES = {
    "[logs]\nexport = true": [f"tracing.toml:2: logs.export {LATER}"],
    "[logs]\nexport = false": [],
    "[metrics]\nenabled = false": [],
    "[metrics]\nenabled = 'auto'": [],
    "[export.headers]\nContent-Length = '3'\nhost = 'a'\nte = 'x'": [
        f"tracing.toml:1: export.headers.Content-Length {UNSENT}",
        f"tracing.toml:1: export.headers.te {UNSENT}",
    ],
}

LINES = [
    # text, path, line
    ("a = 1\n\nb = 2", ("b",), 3),
    ("# a\n[t] # b = 1\na = 1", ("t", "a"), 3),
    ("[t]\na.b.c = 1", ("t", "a", "b"), 2),
    ("[t.'x y'.\"\\u00e9\"]\nk = 1", ("t", "x y", "é", "k"), 2),
    ('"a.b" = 1', ("a.b",), 1),
    ("[[span]]\na = 1\n[[span]]\na = 2", ("span", 0, "a"), 2),
    ("[[span]]\na = 1\n[[span]]\na = 2", ("span", 1, "a"), 4),
    ("[[span]]\na = 1\n\n[[span]]\n", ("span", 1), 4),
    ("[[s]]\n[s.sub]\nx = 1\n[[s]]\n[s.sub]\nx = 2", ("s", 1, "sub", "x"), 6),
    ("[[s]]\n[[s.t]]\nx = 1\n[[s.t]]\nx = 2\n[[s]]\n[[s.t]]\nx = 3", ("s", 1, "t", 0, "x"), 8),
    ("[[s]]\n[[s.t]]\nx = 1\n[[s.t]]\nx = 2", ("s", 0, "t", 1, "x"), 5),
    ("a = { b = 1, c.d = '}' }\ne = 1", ("a", "c", "d"), 1),
    ("a = { b = 1, c.d = '}' }\ne = 1", ("e",), 2),
    ("a = [\n  1, # ]\n  2,\n]\nb = 1", ("a", 1), 3),
    ("a = [\n  1, # ]\n  2,\n]\nb = 1", ("b",), 5),
    ("a = [{x = 1},\n {x = 2}]", ("a", 1, "x"), 2),
    ('a = """\nb = 1\n\\"""\n""""\nb = 2', ("b",), 5),
    ("a = '''\nb = 1\n''''\nb = 2", ("b",), 4),
    ('a = "\\"#\\\\" # "\nb = 2', ("b",), 2),
    ("a = 1979-05-27 07:32:00\nb = 2", ("b",), 2),
    ("a = 1\r\nb = 2", ("b",), 2),
    ("[t]\na = 1", ("t", "missing"), 1),
    ("x = 1\n[t]\na = 1", ("gone",), 1),
]

DURATIONS = {
    "250ms": 0.25,
    "10s": 10.0,
    "1.5s": 1.5,
    "2m": 120.0,
    "1h": 3600.0,
    "7d": 604800.0,
    " 1 s ": 1.0,
    "0s": 0.0,
}
SIZES = {"256MiB": 2**28, "1GiB": 2**30, "1.5KiB": 1536, "100MB": 10**8, "1kb": 1000, "12B": 12}
NOT_QUANTITIES = ["", "10", "-1s", "s", "1 week", "1s2", "1e3s", 3, 1.5, True, None, ["1s"]]

VARIABLES = {
    "${A}": "1",
    "x${A}y${A}": "x1y1",
    "${NONE:-d}": "d",
    "${NONE:-}": "",
    "${EMPTY:-d}": "d",
    "${EMPTY}": "",
    "${A:-d}": "1",
    "$$": "$",
    "$${A}": "${A}",
    "$A": "$A",
    "cost: $": "cost: $",
    "${NONE:-http://h:1/a-b}": "http://h:1/a-b",
}
BROKEN_VARIABLES = {
    "${NONE}": "unset-variable",
    "${": "variable-syntax",
    "${A": "variable-syntax",
    "${}": "variable-syntax",
    "${A-d}": "variable-syntax",
    "${1}": "variable-syntax",
    "${A:-${B}}": "variable-syntax",
}
TYPED = {
    ("sampling", "ratio", "0.5"): 0.5,
    ("spool", "journal", "no"): False,
    ("capture", "max_length", "12"): 12,
    ("export", "timeout", "3s"): 3.0,
    ("export", "protocol", "none"): "none",
}


def read_text(text: str, folder: Path, environ: dict[str, str] | None = None) -> Reading:
    (folder / "tracing.toml").write_text(text, encoding="utf-8")
    return read("tracing.toml", environ or {"HOME": "/"}, "app")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", ENTRIES)
def test_entries_become_spans_of_the_plan(text: str, folder: Path) -> None:
    plan = read_text(text, folder).plan
    assert plan.spans == ENTRIES[text]
    assert decode(encode(plan)) == plan


@pytest.mark.parametrize("text", NOTICES)
def test_an_option_without_effect_is_announced(text: str, folder: Path) -> None:
    assert list(read_text(text, folder).notices) == NOTICES[text]


def test_a_header_that_is_not_sent_is_announced_with_its_variable(folder: Path) -> None:
    environ = {"HOME": "/", "OTEL_EXPORTER_OTLP_HEADERS": "te=1,x-key=2"}
    assert list(read_text("", folder, environ).notices) == [f"OTEL_EXPORTER_OTLP_HEADERS: export.headers.te {UNSENT}"]


def test_headers_of_the_protocol_itself_are_not_sent(folder: Path) -> None:
    names = ("Content-Length", "content-type", "TE", "grpc-timeout", "connection", "host", "user-agent", "x-key")
    plan = read_text("[export.headers]\n" + "".join(f"{name} = 'x'\n" for name in names), folder).plan
    assert plan.export.headers == {"host": "x", "user-agent": "x", "x-key": "x"}


@pytest.mark.parametrize(("text", "path", "line"), LINES)
def test_a_path_has_its_line(text: str, path: substitute.Path, line: int) -> None:
    assert position.line_of(path, position.locate(text)) == line


@pytest.mark.parametrize("text", DURATIONS)
def test_a_duration_is_in_seconds(text: str) -> None:
    assert units.seconds(text) == pytest.approx(DURATIONS[text])


@pytest.mark.parametrize("text", SIZES)
def test_a_size_is_in_bytes(text: str) -> None:
    assert units.size(text) == SIZES[text]


@pytest.mark.parametrize("value", NOT_QUANTITIES)
def test_what_is_no_quantity_is_refused(value: object) -> None:
    for convert in (units.seconds, units.size):
        with pytest.raises(rules.Wrong):
            convert(value)


@pytest.mark.parametrize("text", VARIABLES)
def test_variables_are_filled_in(text: str) -> None:
    assert substitute.fill(text, {"A": "1", "EMPTY": ""}) == VARIABLES[text]


@pytest.mark.parametrize("text", BROKEN_VARIABLES)
def test_a_broken_variable_is_refused(text: str) -> None:
    with pytest.raises(rules.Wrong) as caught:
        substitute.fill(text, {"A": "1"})
    assert caught.value.slug == BROKEN_VARIABLES[text]


@pytest.mark.parametrize(("section", "option", "text"), TYPED)
def test_a_variable_stands_for_any_type(section: str, option: str, text: str, folder: Path) -> None:
    for value, environ in (("${V}", {"V": text, "HOME": "/"}), (f"${{V:-{text}}}", {"HOME": "/"})):
        plan = read_text(f"[{section}]\n{option} = '{value}'", folder, environ).plan
        assert getattr(getattr(plan, section), option) == TYPED[section, option, text]


NAMES = {"photo.id": {"photo"}, "len(a) > b[0] or type": {"a", "b", "type"}, "str(len(result))": {"result"}, "1": set()}


@pytest.mark.parametrize("source", NAMES)
def test_an_expression_tells_the_names_that_it_reads(source: str) -> None:
    assert expression.names_in(expression.expression(source)) == NAMES[source]


def test_filled_in_strings_are_plain(folder: Path) -> None:
    plan = read_text("[service]\nname = '${A}'\nattributes = { a = '$${A}', l = ['${A}'] }", folder, {"A": "1"}).plan
    assert [type(plan.service.name), type(plan.service.attributes["a"])] == [str, str]
    assert plan.service.attributes == {"a": "${A}", "l": ["1"]}
