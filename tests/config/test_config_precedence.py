"""Environment over file over default, with the place that each setting came from."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from erni_run.config.read import Reading, read
from erni_run.plan import LimitsPlan

UNIX = "unix:/run/c.sock"
FILE = """
[service]
name = "from-file"
version = "1"
[service.attributes]
"service.namespace" = "erni"
tier = "gold"
[export]
endpoint = "http://file:4317"
headers = { Authorization = "Bearer ${TOKEN}" }
timeout = "5s"
certificate = "ca.pem"
[sampling]
ratio = 0.5
[libraries]
disable = ["redis"]
[spool]
path = "spool"
"""
HTTP = FILE.replace("[export]\n", '[export]\nprotocol = "http/protobuf"\n')
CONSOLE = FILE.replace("[export]\n", '[export]\nprotocol = "console"\n')
COUNTS = ("attributes", "span_attributes", "event_attributes", "link_attributes")
BARE = '[export]\nprotocol = "http/protobuf"\n'

UNIX = "unix:/run/c.sock"
ROWS: list[tuple[str, dict[str, str], str, Any, str]] = [
    # file, environment, key, value in the plan, origin of the key
    ("", {}, "service.name", "uvicorn", "default"),
    (FILE, {}, "service.name", "from-file", "tracing.toml:3"),
    (FILE, {"OTEL_SERVICE_NAME": ""}, "service.name", "from-file", "tracing.toml:3"),
    (FILE, {"OTEL_SERVICE_NAME": "env"}, "service.name", "env", "environment OTEL_SERVICE_NAME"),
    (
        FILE,
        {"OTEL_RESOURCE_ATTRIBUTES": "service.name=res"},
        "service.name",
        "res",
        "environment OTEL_RESOURCE_ATTRIBUTES",
    ),
    (
        FILE,
        {"OTEL_SERVICE_NAME": "env", "OTEL_RESOURCE_ATTRIBUTES": "service.name=res"},
        "service.name",
        "env",
        "environment OTEL_SERVICE_NAME",
    ),
    (
        FILE,
        {"OTEL_RESOURCE_ATTRIBUTES": "service.version=2"},
        "service.version",
        "2",
        "environment OTEL_RESOURCE_ATTRIBUTES",
    ),
    (FILE, {}, "service.environment", "", "default"),
    (FILE, {"ENVIRONMENT": "test"}, "service.environment", "test", "environment ENVIRONMENT"),
    ("[service]\nenvironment = 'x'", {"ENVIRONMENT": "test"}, "service.environment", "x", "tracing.toml:2"),
    ("[service]\nenvironment = '${ENVIRONMENT}'", {"ENVIRONMENT": "e"}, "service.environment", "e", "tracing.toml:2"),
    (
        FILE,
        {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=a,deployment.environment=b"},
        "service.environment",
        "a",
        "environment OTEL_RESOURCE_ATTRIBUTES",
    ),
    (
        FILE,
        {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=b, deployment.environment.name=a"},
        "service.environment",
        "a",
        "environment OTEL_RESOURCE_ATTRIBUTES",
    ),
    (
        FILE,
        {"OTEL_RESOURCE_ATTRIBUTES": "t%69er=a%2Cb%20c,a%20%3d=%C3%BC"},
        "service.attributes",
        {"service.namespace": "erni", "tier": "a,b c", "a =": "ü"},
        "tracing.toml:5",
    ),
    ("", {}, "export.endpoint", "http://localhost:4317", "default"),
    (BARE, {}, "export.endpoint", "http://localhost:4318/v1/traces", "default"),
    (FILE, {}, "export.endpoint", "http://file:4317", "tracing.toml:9"),
    (HTTP, {}, "export.endpoint", "http://file:4317/v1/traces", "tracing.toml:10"),
    (HTTP.replace("file:4317", "file/otlp"), {}, "export.endpoint", "http://file/otlp", "tracing.toml:10"),
    ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": UNIX}, "export.endpoint", UNIX, "environment OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("", {"OTLP_ENDPOINT": f"unix://{UNIX[5:]}"}, "export.endpoint", f"unix://{UNIX[5:]}", "environment OTLP_ENDPOINT"),
    ("", {"OTLP_ENDPOINT": "unix-abstract:x"}, "export.endpoint", "unix-abstract:x", "environment OTLP_ENDPOINT"),
    (HTTP, {"OTLP_ENDPOINT": "https://own/"}, "export.endpoint", "https://own/v1/traces", "environment OTLP_ENDPOINT"),
    (HTTP, {"OTLP_ENDPOINT": "https://own/x"}, "export.endpoint", "https://own/x", "environment OTLP_ENDPOINT"),
    (
        FILE,
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"},
        "export.endpoint",
        "https://collector:4317",
        "environment OTEL_EXPORTER_OTLP_ENDPOINT",
    ),
    (
        FILE,
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317", "OTEL_EXPORTER_OTLP_INSECURE": "True"},
        "export.endpoint",
        "http://collector:4317",
        "environment OTEL_EXPORTER_OTLP_ENDPOINT",
    ),
    (
        HTTP,
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://g:1/base/"},
        "export.endpoint",
        "http://g:1/base/v1/traces",
        "environment OTEL_EXPORTER_OTLP_ENDPOINT",
    ),
    (
        FILE,
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://g:1"},
        "export.endpoint",
        "http://g:1",
        "environment OTEL_EXPORTER_OTLP_ENDPOINT",
    ),
    (
        HTTP,
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://g:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1"},
        "export.endpoint",
        "http://t:1",
        "environment OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    ),
    (
        FILE,
        {"OTLP_ENDPOINT": "http://own:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1"},
        "export.endpoint",
        "http://own:1",
        "environment OTLP_ENDPOINT",
    ),
    (
        FILE,
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        "export.protocol",
        "http/protobuf",
        "environment OTEL_EXPORTER_OTLP_PROTOCOL",
    ),
    (
        FILE,
        {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "what", "OTEL_EXPORTER_OTLP_PROTOCOL": "HTTP/Protobuf"},
        "export.protocol",
        "http/protobuf",
        "environment OTEL_EXPORTER_OTLP_PROTOCOL",
    ),
    (
        FILE,
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
        "export.protocol",
        "http/protobuf",
        "environment OTEL_EXPORTER_OTLP_PROTOCOL",
    ),
    (
        CONSOLE,
        {"OTEL_TRACES_EXPORTER": "Console,OTLP,zipkin"},
        "export.protocol",
        "grpc",
        "environment OTEL_TRACES_EXPORTER",
    ),
    (CONSOLE, {"OTEL_TRACES_EXPORTER": "zipkin"}, "export.protocol", "console", "tracing.toml:9"),
    (FILE, {"OTEL_TRACES_SAMPLER": "xray"}, "sampling.ratio", 0.5, "tracing.toml:14"),
    (FILE, {"OTEL_TRACES_EXPORTER": "console"}, "export.protocol", "console", "environment OTEL_TRACES_EXPORTER"),
    (
        FILE,
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        "export.protocol",
        "none",
        "environment OTEL_TRACES_EXPORTER",
    ),
    (HTTP, {"OTEL_TRACES_EXPORTER": "otlp"}, "export.protocol", "http/protobuf", "tracing.toml:9"),
    (
        CONSOLE,
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        "export.protocol",
        "http/protobuf",
        "environment OTEL_EXPORTER_OTLP_PROTOCOL",
    ),
    (CONSOLE, {"OTEL_TRACES_EXPORTER": "otlp"}, "export.protocol", "grpc", "environment OTEL_TRACES_EXPORTER"),
    (
        FILE,
        {"OTEL_TRACES_EXPORTER": "otlp_proto_http"},
        "export.protocol",
        "http/protobuf",
        "environment OTEL_TRACES_EXPORTER",
    ),
    (FILE, {}, "export.headers", {"authorization": "Bearer hunter2"}, "tracing.toml:10"),
    (
        FILE,
        {"OTEL_EXPORTER_OTLP_HEADERS": "Api-Key=a%20b,x=Bearer y%20z"},
        "export.headers",
        {"api-key": "a b", "x": "Bearer y%20z"},
        "environment OTEL_EXPORTER_OTLP_HEADERS",
    ),
    (FILE, {}, "export.timeout", 5.0, "tracing.toml:11"),
    (FILE, {"OTEL_EXPORTER_OTLP_TIMEOUT": "2.5"}, "export.timeout", 2.5, "environment OTEL_EXPORTER_OTLP_TIMEOUT"),
    (
        FILE,
        {"OTEL_EXPORTER_OTLP_COMPRESSION": "NONE"},
        "export.compression",
        "none",
        "environment OTEL_EXPORTER_OTLP_COMPRESSION",
    ),
    (FILE, {}, "export.certificate", "FOLDER/ca.pem", "tracing.toml:12"),
    (
        FILE,
        {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/x.pem"},
        "export.certificate",
        "/x.pem",
        "environment OTEL_EXPORTER_OTLP_CERTIFICATE",
    ),
    (FILE, {}, "sampling.ratio", 0.5, "tracing.toml:14"),
    (FILE, {"OTEL_TRACES_SAMPLER_ARG": "0.1"}, "sampling.ratio", 0.5, "tracing.toml:14"),
    (
        FILE,
        {"OTEL_TRACES_SAMPLER_ARG": "0.1", "OTEL_TRACES_SAMPLER": "traceidratio"},
        "sampling.ratio",
        0.1,
        "environment OTEL_TRACES_SAMPLER_ARG",
    ),
    (
        FILE,
        {"OTEL_TRACES_SAMPLER": "Always_On", "OTEL_TRACES_SAMPLER_ARG": "junk"},
        "sampling.sampler",
        "always_on",
        "environment OTEL_TRACES_SAMPLER",
    ),
    (
        FILE,
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "urllib3, redis ,unheard-of,*"},
        "libraries.disable",
        ("redis", "urllib3", "unheard-of", "*"),
        "environment OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
    ),
    (FILE, {"ERNI_SPOOL_DIR": "/spool"}, "spool.path", "FOLDER/spool", "tracing.toml:18"),
    ("", {"ERNI_SPOOL_DIR": "/spool"}, "spool.path", "/spool", "environment ERNI_SPOOL_DIR"),
    ("", {"XDG_STATE_HOME": "/state"}, "spool.path", "/state/erni-run", "default"),
    ("", {"XDG_STATE_HOME": "state"}, "spool.path", "/home/me/.local/state/erni-run", "default"),
    ('[spool]\npath = "~/spool"', {}, "spool.path", "/home/me/spool", "tracing.toml:2"),
]


class Recorded(Mapping[str, str]):
    """An environment that may only be asked by name."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values_ = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the environment is never listed")

    def __len__(self) -> int:
        raise AssertionError("the environment is never counted")


def read_text(text: str, environ: Mapping[str, str], folder: Path) -> Reading:
    (folder / "tracing.toml").write_text(text, encoding="utf-8")
    return read(str(folder / "tracing.toml"), environ, "/usr/bin/uvicorn")


def check(row: tuple[str, dict[str, str], str, Any, str], folder: Path) -> None:
    text, variables, key, expected, origin = row
    environ = Recorded({"HOME": "/home/me", "TOKEN": "hunter2", **variables})
    reading = read_text(text, environ, folder)
    section, option = key.split(".")
    value = getattr(getattr(reading.plan, section), option)
    assert value == (expected.replace("FOLDER", str(folder)) if isinstance(expected, str) else expected)
    assert reading.origins[key] == origin
    assert "hunter2" not in repr((reading.plan, reading.origins, reading.notices))
    assert set(variables) - environ.asked <= {"OTEL_TRACES_SAMPLER_ARG"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[2]}={row[3]}"[:60])
def test_environment_beats_file_beats_default(
    row: tuple[str, dict[str, str], str, Any, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)


LIMITS: list[tuple[dict[str, str], dict[str, int]]] = [
    ({}, {}),
    ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "5"}, dict.fromkeys(COUNTS, 5)),
    (
        {"OTEL_ATTRIBUTE_COUNT_LIMIT": "5", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": " 6 "},
        dict.fromkeys(COUNTS, 5) | {"span_attributes": 6},
    ),
    (
        {"OTEL_ATTRIBUTE_COUNT_LIMIT": "5", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "five"},
        dict.fromkeys(COUNTS, 5),
    ),
    ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "-5", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "0"}, {"link_attributes": 0}),
    ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "9"}, {"attribute_length": 9, "span_attribute_length": 9}),
    (
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "9", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "Unset"},
        {"attribute_length": 9, "span_attribute_length": -1},
    ),
    ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "1", "OTEL_SPAN_LINK_COUNT_LIMIT": "unset"}, {"events": 1, "links": -1}),
]


@pytest.mark.parametrize(("variables", "differing"), LIMITS)
def test_limits_are_those_that_the_sdk_would_take(variables: dict[str, str], differing: dict[str, int]) -> None:
    assert read(None, {"HOME": "/", **variables}, "app").plan.limits == LimitsPlan(**differing)


def test_content_that_was_read_already_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "tracing.toml"
    path.write_text("[service]\nname = 'later'\n")
    content = b"[service]\nname = 'first'\n"
    plan = read(str(path), {"HOME": "/"}, "app", content).plan
    assert (plan.service.name, plan.digest) == ("first", crc32(content))


def test_attributes_and_keyword_arguments_have_origins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "[service.attributes]\n'a.b' = 1\nc = 2\n[libraries.redis]\nx = 1\n[[sampling.rule]]\nname = 'a'\nratio = 0\n"
    )
    origins = read_text(text, {"OTEL_RESOURCE_ATTRIBUTES": "c=3,d.e=4", "HOME": "/"}, tmp_path).origins
    expected = {
        'service.attributes."a.b"': "tracing.toml:2",
        "service.attributes.c": "environment OTEL_RESOURCE_ATTRIBUTES",
        'service.attributes."d.e"': "environment OTEL_RESOURCE_ATTRIBUTES",
        "libraries.redis.x": "tracing.toml:5",
        "sampling.rule[0]": "tracing.toml:6",
    }
    assert {key: origins[key] for key in expected} == expected


def test_without_a_file_there_are_the_defaults() -> None:
    reading = read(None, {"HOME": "/home/me"}, "python")
    assert reading.plan.config == ""
    assert reading.plan.service.name == "python"
    assert set(reading.origins.values()) == {"default"}
    assert reading.notices == ()
