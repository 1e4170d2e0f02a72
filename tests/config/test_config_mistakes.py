"""Every kind of mistake in tracing.toml and in the environment, with the whole report that it gets."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest
from erni_run.config.find import find
from erni_run.config.read import read
from erni_run.errors import ConfigError

SECRET = "hunter2"
CALLS = "len(), str(), int(), float(), bool(), type()"
EXPORT = "endpoint, protocol, headers, compression, timeout, certificate, client_certificate, client_key, exit_budget"

BROKEN = {
    # text of the file: the lines of the report, without the file's name
    'nam = "x"\n': ["1: nam: unknown key 'nam' [unknown-key]"],
    'endpoint = "http://x"\n': ["1: endpoint: unknown key 'endpoint'; it belongs to [export] [unknown-key]"],
    "[export]\n\nratio = 1\n": [
        "3: export.ratio: unknown key 'ratio'; it belongs to [sampling] or [[sampling.rule]] [unknown-key]"
    ],
    "[export]\nzebra = 1\n": [f"2: export.zebra: unknown key 'zebra'; there are {EXPORT} [unknown-key]"],
    '[[span]]\ntarget = "a:b"\natributes = {}\n': [
        "3: span[0].atributes: unknown key 'atributes'; did you mean 'attributes'? [unknown-key]"
    ],
    "[serivce]\nx = 1\n": ["1: serivce: unknown section [serivce]; did you mean [service]? [unknown-section]"],
    '[[spans]]\ntarget = "a:b"\n': ["1: spans: unknown section [spans]; did you mean [[span]]? [unknown-section]"],
    "[zzz]\n": [
        "1: zzz: unknown section [zzz]; there are [service], [export], [spool], [sampling], [libraries], [logs], "
        "[metrics], [capture], [reload], [[span]], [[handoff]], [[sampling.rule]] [unknown-section]"
    ],
    "[[span]]\n": ["1: span[0].target: the key 'target' is missing; [[span]] needs it [missing-key]"],
    '[[handoff]]\ntarget = "a:b"\n': [
        "1: handoff[0].agent: the key 'agent' is missing; [[handoff]] needs it [missing-key]",
        "1: handoff[0].type: the key 'type' is missing; [[handoff]] needs it [missing-key]",
    ],
    '[span]\ntarget = "a:b"\n': [
        "1: span: expected an array, found a table; write [[span]] with two brackets [wrong-type]"
    ],
    "export = 3\n": ["1: export: expected a table, found an integer; write [export] above its options [wrong-type]"],
    "[service]\nname = 3\n": ["2: service.name: expected a string, found an integer [wrong-type]"],
    '[sampling]\nratio = "0.5"\n': [
        "2: sampling.ratio: expected a number, found a string; write 0.5 without quotes [wrong-type]"
    ],
    '[spool]\njournal = "true"\n': [
        "2: spool.journal: expected a boolean, found a string; write true without quotes [wrong-type]"
    ],
    "[capture]\nmax_length = 2.5\n": ["2: capture.max_length: expected an integer, found a number [wrong-type]"],
    '[libraries]\nenable = ["aiohttp"]\n': [
        "2: libraries.enable[0]: 'aiohttp' is not a library that can be instrumented; did you mean 'aiohttp-client'? "
        "[unknown-library]"
    ],
    '[reload]\nevery = "0s"\n': ["2: reload.every: '0s' is no more than zero [out-of-range]"],
    '[spool]\nmax_age = "0s"\n': ["2: spool.max_age: '0s' is no more than zero [out-of-range]"],
    '[spool]\nmax_size = "0KiB"\n': ["2: spool.max_size: '0KiB' is no more than zero [out-of-range]"],
    '[export]\ntimeout = "0ms"\n': ["2: export.timeout: '0ms' is no more than zero [out-of-range]"],
    "[capture]\nmax_length = 0\n": ["2: capture.max_length: 0 is less than 1 [out-of-range]"],
    "[capture]\nredact = 'x'\n": ["2: capture.redact: expected an array, found a string [wrong-type]"],
    "[service.attributes]\nwhen = 2020-01-01\n": [
        "2: service.attributes.when: an attribute is a string, boolean, number or an array of those, not a date or "
        "time [wrong-type]"
    ],
    "[service.attributes]\nmix = [1, 'a']\n": [
        "2: service.attributes.mix: an attribute's array holds values of one type; write them all as strings or all as "
        "numbers [wrong-type]"
    ],
    "[service.attributes]\nbig = 9223372036854775808\n": [
        "2: service.attributes.big: 9223372036854775808 does not fit into 64 bits; write it as a string [out-of-range]"
    ],
    "[service.attributes]\n'service.name' = 'x'\n": [
        "2: service.attributes.\"service.name\": 'service.name' has an option of its own; write name in [service] "
        "[reserved-attribute]"
    ],
    "[sampling]\nratio = 1.5\n": [
        "2: sampling.ratio: 1.5 is not between 0 and 1; 0.25 keeps one trace in four [out-of-range]"
    ],
    "[sampling]\nratio = nan\n": [
        "2: sampling.ratio: nan is not between 0 and 1; 0.25 keeps one trace in four [out-of-range]"
    ],
    "[[sampling.rule]]\nratio = 0.5\n": [
        '1: sampling.rule[0]: a rule has either name = "GET /health*" or both attribute = "url.path" and matches = '
        '"/health*" [rule]'
    ],
    "[[sampling.rule]]\nname = 'a'\nattribute = 'b'\nratio = 0.5\n": [
        '1: sampling.rule[0]: a rule has either name = "GET /health*" or both attribute = "url.path" and matches = '
        '"/health*" [rule]'
    ],
    "[export]\nprotocol = 'grcp'\n": [
        "2: export.protocol: 'grcp' is not one of grpc, http/protobuf, console, none; did you mean 'grpc'? "
        "[unknown-choice]"
    ],
    "[logs]\ninject = [\n  'structlog',\n  'logger',\n]\n": [
        "4: logs.inject[1]: 'logger' is not one of structlog, logging, loguru; did you mean 'loguru'? [unknown-choice]"
    ],
    "[metrics]\nenabled = 'maybe'\n": ["2: metrics.enabled: 'maybe' is not one of auto, true, false [unknown-choice]"],
    "[export]\nendpoint = 'localhost:4317'\n": [
        "2: export.endpoint: expected a URL such as http://localhost:4317, or https:// for TLS [endpoint]"
    ],
    "[export]\nendpoint = 'http://host:port'\n": [
        "2: export.endpoint: expected a URL such as http://localhost:4317, or https:// for TLS [endpoint]"
    ],
    "[export]\nendpoint = 'https://me:hunter2@host'\n": [
        "2: export.endpoint: the URL holds a user name; put credentials into export.headers [endpoint]"
    ],
    "[export]\nendpoint = 'unix:hunter2'\n": [
        "2: export.endpoint: a Unix socket is unix:/run/collector.sock, with its whole path [endpoint]"
    ],
    "[export]\nendpoint = 'unix:/run/hunter2'\nprotocol = 'http/protobuf'\n": [
        '2: export.endpoint: a Unix socket is spoken to with protocol = "grpc" [endpoint]'
    ],
    "[export]\nheaders = 'hunter2'\n": ["2: export.headers: expected a table, found a string [wrong-type]"],
    "[export.headers]\nauthorization = ['hunter2']\n": [
        "2: export.headers.authorization: expected a string, found an array [wrong-type]"
    ],
    '[export.headers]\nauthorization = "hunter2\\n"\n': [
        "2: export.headers.authorization: a header's value holds a line break or another control character [header]"
    ],
    "[export.headers]\n'a b' = 'hunter2'\n": [
        '2: export.headers."a b": a header\'s name holds letters, digits and - [header]'
    ],
    "[export.headers]\nauthorization = 'hunter2 ${'\n": [
        "2: export.headers.authorization: a variable is written ${NAME} or ${NAME:-default}, and a dollar is $$ "
        "[variable-syntax]"
    ],
    "[export.headers]\nauthorization = 'Bearer ${TOKEN} ${NOT_SET}'\n": [
        "2: export.headers.authorization: the variable NOT_SET is not set; set it or write ${NOT_SET:-default} "
        "[unset-variable]"
    ],
    "[export]\nprotocol = '${TOKEN}'\n": [
        "2: export.protocol: '${TOKEN}' is not one of grpc, http/protobuf, console, none [unknown-choice]"
    ],
    "[sampling]\nratio = '${TOKEN}'\n": ["2: sampling.ratio: expected a number, found '${TOKEN}' [wrong-type]"],
    "[export]\ntimeout = 10\n": [
        '2: export.timeout: 10 has no unit; write a string such as "250ms", "10s", "2m", "1h" or "2d" [duration]'
    ],
    "[export]\ntimeout = '10'\n": [
        '2: export.timeout: \'10\' is not a duration; write one as "10ms", "10s", "10m", "10h", "10d" [duration]'
    ],
    "[spool]\nmax_size = 'much'\n": [
        '2: spool.max_size: \'much\' is not a size; write "512KiB", "256MiB", "1GiB" or "100MB" [size]'
    ],
    "[libraries]\nenable = 'redis'\n": [
        "2: libraries.enable: 'redis' is neither \"auto\" nor an array; write ['redis'] for one library "
        "[unknown-choice]"
    ],
    "[libraries]\nenable = ['fastapi',\n 'rediss']\n": [
        "3: libraries.enable[1]: 'rediss' is not a library that can be instrumented; did you mean 'redis'? "
        "[unknown-library]"
    ],
    "[libraries]\ndisable = ['zzz']\n": [
        "2: libraries.disable[0]: 'zzz' is not a library that can be instrumented; docs/configuration.md lists them "
        "[unknown-library]"
    ],
    "[libraries]\nenabel = 'auto'\n": [
        "2: libraries.enabel: unknown key 'enabel'; did you mean 'enable'? [unknown-key]"
    ],
    "[libraries.fastapy]\nx = 1\n": [
        "1: libraries.fastapy: 'fastapy' is not a library that can be instrumented; did you mean 'fastapi'? "
        "[unknown-library]"
    ],
    "[libraries.redis]\nsince = 2020-01-01\n": [
        "2: libraries.redis.since: a keyword argument cannot be a date or time; write it as a string [wrong-type]"
    ],
    '[[span]]\ntarget = "agency.imaging.resize"\n': [
        "2: span[0].target: 'agency.imaging.resize' is not a target; write agency.imaging:resize [target]"
    ],
    '[[span]]\ntarget = "agency.imaging.Photo.resize"\n': [
        "2: span[0].target: 'agency.imaging.Photo.resize' is not a target; write agency.imaging:Photo.resize [target]"
    ],
    '[[span]]\ntarget = "agency/imaging.py:resize()"\n': [
        "2: span[0].target: 'agency/imaging.py:resize()' is not a target; write agency.imaging:resize [target]"
    ],
    '[[span]]\ntarget = "a:b:c"\n': [
        "2: span[0].target: 'a:b:c' is not a target; expected module:qualified.name, * is a glob for one part [target]"
    ],
    '[[span]]\ntarget = "a:f.<locals>.*"\n': [
        "2: span[0].target: 'a:f.<locals>.*': a function inside another is named in full, without * [target]"
    ],
    '[[span]]\ntarget = "a:b"\nname = "{clas} {function}"\n': [
        "3: span[0].name: '{clas} {function}': {clas} is not filled in; there are {module}, {class}, {function}; did "
        "you mean 'class'? [placeholder]"
    ],
    '[[span]]\ntarget = "a:b"\nignore = ["KeyError", "x.y.Broken"]\n': [
        "3: span[0].ignore[0]: 'KeyError' is not an exception's name; write builtins:KeyError [exception-name]",
        "3: span[0].ignore[1]: 'x.y.Broken' is not an exception's name; write x.y:Broken [exception-name]",
    ],
    '[[span]]\ntarget = "a:b"\nenabled = false\nlayer = "iner"\n': [
        "4: span[0].layer: 'iner' is not one of inner, outer; did you mean 'inner'? [unknown-choice]"
    ],
    '[[span]]\ntarget = "a:b"\n[[span]]\ntarget = "a:b"\nlayer = "outer"\n': [
        "4: span[1].target: a:b already has a span at tracing.toml:1 with other settings; make the two identical, join "
        "them or remove one [duplicate-target]"
    ],
    '[[handoff]]\nagent = "x"\ntype = "y"\ntarget = "a:b"\n[[span]]\ntarget = "a:b"\nkind = "inner"\n'
    '[[span]]\ntarget = "a:b"\n': [
        "7: span[0].kind: 'inner' is not one of internal, server, client, producer, consumer; did you mean 'internal'? "
        "[unknown-choice]",
        "9: span[1].target: a:b already has a span at tracing.toml:1 with other settings; make the two identical, join "
        "them or remove one [duplicate-target]",
    ],
    f"[capture]\nmax_length = 0x{'f' * 9000}\n": [
        f"2: capture.max_length: 0x{'f' * 57}… does not fit into 64 bits; write it as a string [out-of-range]"
    ],
    f"[sampling]\nratio = -1{'0' * 4000}\n\n[export]\ntimeout = 9223372036854775808\n": [
        f"2: sampling.ratio: {hex(-(10**4000))[:59]}… does not fit into 64 bits; write it as a string [out-of-range]",
        "5: export.timeout: 9223372036854775808 does not fit into 64 bits; write it as a string [out-of-range]",
    ],
    f"[capture]\nmax_length = {'1' * 4301}\n": [
        "2: integer: it does not fit into 64 bits; write it as a string [toml-syntax]"
    ],
    **{
        f"# deep\n{text}\n": ["2: nesting: deeper than 64; no option needs that [toml-syntax]"]
        for text in (
            f"a = {'[' * 100_000}",
            f"a = {'[' * 10_000}{']' * 10_000}",
            f"a = {'{a = ' * 3000}1{'}' * 3000}",
            f"a{'.a' * 50_000} = 1",
            f"[a{'.a' * 50_000}]",
            f"[[a{'.a' * 50_000}]]",
            f"a = {{ b = 1, a{'.a' * 50_000} = 1 }}",
        )
    },
    f"a{'.a' * 50_000}\n": ["1: nesting: deeper than 64; no option needs that [toml-syntax]"],
    f"a = {'=' * 100_000}\n": [
        "1: column 5: Invalid value; strings stand in quotes; booleans are true and false [toml-syntax]"
    ],
    "a = True\n": ["1: column 5: Invalid value; strings stand in quotes; booleans are true and false [toml-syntax]"],
    "[a]\n[a]\n": [
        "2: column 3: Cannot declare ('a',) twice; a section stands only once; join the two, or write [[span]] for one "
        "more entry [toml-syntax]"
    ],
}

EXPRESSIONS = {
    # a refused capture expression: what the message says of it
    "open(photo)": f"open() may not be called; {CALLS} may",
    "lenn(photos)": f"lenn() may not be called; {CALLS} may; did you mean 'len'?",
    "photo.save()": f"photo.save() may not be called; {CALLS} may",
    "len(a, b)": "len() takes exactly one value here",
    "len(*a)": "len() takes exactly one value here",
    "a[i]": "a subscript holds a constant, such as photos[0] or settings['size']",
    "a[1:2]": "a subscript holds a constant, such as photos[0] or settings['size']",
    "a and b": "'and'",
    "not a": "'not'",
    "a + 1": "arithmetic",
    "a if b else c": "'if … else'",
    "lambda: 1": "a lambda",
    "f'{a}'": "an f-string",
    "[a]": "a list",
    "(x := 1)": "':='",
    "b'x'": "b'x'",
}

OURS = {
    # a variable of ours, or an address in one of OpenTelemetry's, and its value: the line of the report
    ("OTLP_ENDPOINT", "localhost:4317"): (
        "export.endpoint: expected a URL such as http://localhost:4317, or https:// for TLS [endpoint]"
    ),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", f"https://me:{SECRET}@host"): (
        "export.endpoint: the URL holds a user name; put credentials into export.headers [endpoint]"
    ),
    ("ERNI_RUN_MESSAGES", "ON"): (
        'messages: \'ON\' is neither "stderr" nor "off" nor the absolute path of a file [messages]'
    ),
    ("ERNI_RUN_MESSAGES", "/nowhere/at/all"): (
        "messages: /nowhere/at is no folder: make it, or name another file [messages]"
    ),
    ("ERNI_RUN_MESSAGES", "/dev/null"): "messages: /dev/null is no regular file: name another one [messages]",
}

SAMPLERS = (
    "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio"
)
EXPORTERS = "otlp, otlp_proto_grpc, otlp_proto_http, console, none"
OPENTELEMETRYS = {
    # a variable of OpenTelemetry's and its value: the notice, with which the application starts
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"): (
        "http/json is not available; http/protobuf is sent instead [instead]"
    ),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "htpt"): (
        "'htpt' is not one of grpc, http/protobuf; ignored: the default is used [unknown-choice]"
    ),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "deflate"): (
        "'deflate' is not one of gzip, none; ignored: the default is used [unknown-choice]"
    ),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s"): (
        "expected a number, found '10s'; ignored: export.timeout is that of tracing.toml:2 [wrong-type]"
    ),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"): (
        "'-1' is not a time in seconds; write 10 for ten seconds; ignored: export.timeout is that of tracing.toml:2 "
        "[out-of-range]"
    ),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"): (
        "a request without a time limit is not available; ignored: export.timeout is that of tracing.toml:2 [instead]"
    ),
    ("OTEL_EXPORTER_OTLP_INSECURE", "maybe"): (
        "expected true or false, found 'maybe'; ignored: the default is used [wrong-type]"
    ),
    ("OTEL_SDK_DISABLED", "ture"): "expected true or false, found 'ture'; ignored: the default is used [wrong-type]",
    ("OTEL_EXPORTER_OTLP_HEADERS", f"a=b,{SECRET}"): (
        "entry 2 is not name=value; write name=value,name=value and encode a comma as %2C; ignored: the default is "
        "used [pairs]"
    ),
    ("OTEL_EXPORTER_OTLP_HEADERS", f"a b={SECRET}"): (
        "entry 1 is not a valid HTTP header; write name=value,name=value; ignored: the default is used [header]"
    ),
    ("OTEL_RESOURCE_ATTRIBUTES", "team"): (
        "entry 1 is not name=value; write name=value,name=value and encode a comma as %2C; ignored: the default is "
        "used [pairs]"
    ),
    ("OTEL_RESOURCE_ATTRIBUTES", "a=b,c=%ff"): (
        "entry 2 is not UTF-8, percent-encoded; ignored: the default is used [pairs]"
    ),
    ("OTEL_RESOURCE_ATTRIBUTES", "%20=b"): "entry 1 has no name; ignored: the default is used [pairs]",
    ("OTEL_TRACES_EXPORTER", "zipkin"): (
        f"'zipkin' is not one of {EXPORTERS}; ignored: the default is used [unknown-choice]"
    ),
    ("OTEL_TRACES_EXPORTER", "Zipkin,OTLP, console"): (
        "spans go to one exporter, otlp, and not to zipkin, console [instead]"
    ),
    ("OTEL_TRACES_EXPORTER", ","): f"'' is not one of {EXPORTERS}; ignored: the default is used [unknown-choice]",
    ("OTEL_TRACES_SAMPLER", "allways_on"): (
        f"'allways_on' is not one of {SAMPLERS}; did you mean 'always_on'?; ignored: the default is used "
        "[unknown-choice]"
    ),
    ("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote"): (
        f"'parentbased_jaeger_remote' is not one of {SAMPLERS}; did you mean 'parentbased_always_on'?; ignored: the "
        "default is used [unknown-choice]"
    ),
    ("OTEL_PYTHON_CONTEXT", "gevent_context"): (
        "'gevent_context' cannot be used: the context is erni-run's; ignored: the default is used [instead]"
    ),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "many"): (
        "expected an integer, found 'many'; ignored: the default is used [wrong-type]"
    ),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "-1"): "'-1' is less than 0; ignored: the default is used [out-of-range]",
}


def check(text: str, expected: list[str], environ: dict[str, str], folder: Path, name: str = "tracing.toml:") -> None:
    """The report about a file with ``text`` is exactly ``expected``, and holds no secret."""
    path = folder / "tracing.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read(str(path), environ, "app")
    count = "1 mistake" if len(expected) == 1 else f"{len(expected)} mistakes"
    lines = [f"  {name}{line}" for line in expected]
    assert str(caught.value).splitlines() == [
        f"{count} in the configuration:",
        *lines,
        "  each [word] is explained in docs/errors.md",
    ]
    assert SECRET not in str(caught.value)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", BROKEN)
def test_a_mistake_is_reported_with_line_key_and_advice(text: str, folder: Path) -> None:
    check(text, BROKEN[text], {"TOKEN": SECRET}, folder)


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_an_expression_outside_the_subset_is_refused(source: str, folder: Path) -> None:
    message = EXPRESSIONS[source]
    if "; " not in message and "takes" not in message and "subscript" not in message:
        message += f" is not available; there are names, attributes, subscripts, comparisons, 'or' and {CALLS}"
    text = f'[[span]]\ntarget = "a:b"\n[span.capture]\nx = "{source}"\n'
    check(text, [f"4: span[0].capture.x: {source!r}: {message} [expression]"], {}, folder)


@pytest.mark.parametrize(("variable", "value"), OURS)
def test_a_mistake_in_a_variable_of_ours_names_the_variable(variable: str, value: str, folder: Path) -> None:
    check("", [OURS[variable, value]], {variable: value}, folder, name=f"{variable}: ")


@pytest.mark.parametrize(("variable", "value"), OPENTELEMETRYS)
def test_a_value_of_opentelemetrys_that_is_not_used_is_announced(variable: str, value: str, folder: Path) -> None:
    (folder / "tracing.toml").write_text('[export]\ntimeout = "5s"\n')
    reading = read("tracing.toml", {variable: value, "HOME": "/"}, "app")
    assert reading.notices == (f"{variable}: {OPENTELEMETRYS[variable, value]}",)
    assert SECRET not in repr(reading)


def test_all_mistakes_come_at_once_in_the_order_of_lines(folder: Path) -> None:
    text = '[[span]]\ntarget = "a.b"\n[export]\nprotocol = "x"\n[service]\nname = "${NOPE}"\n'
    (folder / "tracing.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read("tracing.toml", {"OTLP_ENDPOINT": "x"}, "app")
    assert [mistake.where for mistake in caught.value.mistakes] == [
        "tracing.toml:2",
        "tracing.toml:4",
        "tracing.toml:6",
        "OTLP_ENDPOINT",
    ]


FILES = {
    # --config, ERNI_RUN_CONFIG: what find gives, as a path inside the project or as a mistake
    (None, None): "tracing.toml",
    (None, ""): "tracing.toml",
    (None, "sub/other.toml"): "sub/other.toml",
    ("sub/other.toml", "gone.toml"): "sub/other.toml",
    (None, "gone.toml"): "ERNI_RUN_CONFIG: gone.toml: no such file; [file-not-found]",
    ("gone.toml", None): "--config: gone.toml: no such file; [file-not-found]",
    ("", None): '--config: "": no such file; [file-not-found]',
    ("sub", None): "--config: sub: this is a directory; [file-unreadable]",
}


@pytest.mark.parametrize(("option", "variable"), FILES)
def test_the_file_is_found(option: str | None, variable: str | None, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("tracing.toml", "sub/other.toml"):
        (tmp_path / name).touch()
    environ = {} if variable is None else {"ERNI_RUN_CONFIG": variable}
    try:
        found = find(option, environ, str(tmp_path))
        assert found == str(tmp_path / FILES[option, variable])
    except ConfigError as error:
        (mistake,) = error.mistakes
        assert (
            f"{mistake.where}: {mistake.key}: {mistake.message.partition(';')[0]}; [{mistake.slug}]"
            == FILES[option, variable]
        )


def test_the_file_is_found_in_a_folder_above(tmp_path: Path) -> None:
    (tmp_path / "tracing.toml").touch()
    (tmp_path / "a" / "tracing.toml").mkdir(parents=True)
    (tmp_path / "a" / "b").mkdir()
    assert find(None, {}, str(tmp_path / "a" / "b")) == str(tmp_path / "tracing.toml")


UNREADABLE = {
    # what stands in the place of the file: the mistake
    b"a = '\xff'": "not UTF-8 at byte 5; save it as UTF-8",
    "[span]".encode("utf-16"): "not UTF-8 at byte 0; save it as UTF-8",
    b"#" * (256 * 1024 + 1): "is longer than 256 KiB; write globs in place of many targets",
    "mkfifo {}": "cannot be read: it is a pipe, and nobody writes to it",
    "mkdir {}": "cannot be read: Is a directory",
    "truncate --size 1T {}": "is longer than 256 KiB; write globs in place of many targets",
    "ln -s /dev/zero {}": "cannot be read: it is a device",
    "ln -s /proc/self/mem {}": "cannot be read: Input/output error",
    "ln -s {0} {0}": "cannot be read: Too many levels of symbolic links",
}


@pytest.mark.parametrize("kind", UNREADABLE, ids=lambda kind: str(kind[:20]))
def test_a_file_that_cannot_be_read_is_one_mistake(kind: str | bytes, folder: Path) -> None:
    if isinstance(kind, bytes):
        (folder / "tracing.toml").write_bytes(kind)
    else:
        subprocess.run(kind.format("tracing.toml"), shell=True, check=True)  # the table's own commands
    with pytest.raises(ConfigError) as caught:
        read("tracing.toml", {}, "app")
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        f"tracing.toml: file: {UNREADABLE[kind]} [file-unreadable]"
    ]


WHOLE = {b"": "app", b"[service]\nname = 'x'": "x", b"\xef\xbb\xbf[service]\r\nname = 'x'": "x"}


@pytest.mark.parametrize("content", WHOLE)
def test_a_pipe_is_read_to_its_end_and_is_not_watched(content: bytes) -> None:
    reader, writer = os.pipe()
    thread = threading.Thread(target=_write_slowly, args=(writer, content))
    thread.start()
    plan = read(f"/dev/fd/{reader}", {"HOME": "/"}, "app").plan
    thread.join()
    os.close(reader)
    assert (plan.service.name, plan.reload.enabled) == (WHOLE[content], False)


def _write_slowly(writer: int, content: bytes) -> None:
    for byte in content:
        os.write(writer, bytes([byte]))
    os.close(writer)
