"""What describes the configuration cannot drift: defaults.toml, schema.json, the documents, the table of libraries."""

from __future__ import annotations

import ast
import dataclasses
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import erni_run.config.model
import pytest
from erni_run import errors
from erni_run.config import schema
from erni_run.config.libraries import LIBRARIES
from erni_run.config.model import Document
from erni_run.config.read import read
from erni_run.plan import Plan
from pydantic import BaseModel

ROOM = Path(erni_run.config.model.__file__).parent
DOCS = Path(__file__).parents[2] / "docs"
DEFAULTS = ROOM / "defaults.toml"
BLOCKS = re.findall(r"```toml\n(.*?)```", (DOCS / "configuration.md").read_text(encoding="utf-8"), re.DOTALL)


def sections() -> dict[str, type[BaseModel]]:
    """Every section by its heading, found by walking the model."""
    found: dict[str, type[BaseModel]] = {}

    def walk(model: type[BaseModel], prefix: str) -> None:
        for name, field in model.model_fields.items():
            inner = get_args(field.annotation)
            kind = inner[0] if inner else field.annotation
            if get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, BaseModel):
                found[f"[[{prefix}{name}]]" if inner else f"[{prefix}{name}]"] = kind
                walk(kind, f"{prefix}{name}.")

    walk(Document, "")
    return found


def slugs_raised() -> Iterator[str]:
    """The slugs in the source: the first argument of Wrong, the fourth of Mistake, the classes of errors.py."""
    position = {"Wrong": 0, "Mistake": 3}
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in position:
                slug = node.args[position[node.func.id]]
                if isinstance(slug, ast.Constant) and isinstance(slug.value, str):
                    yield slug.value
    for kind in errors.ErniRunError.__subclasses__():
        yield kind.slug


def parts(text: str, heading: str) -> dict[str, str]:
    """The paragraphs below each heading of one level."""
    found = re.split(rf"^{heading} (.*)$", text, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_the_defaults_file_gives_the_defaults_of_the_plan() -> None:
    environ = {"HOME": "/home/me"}
    written = read(str(DEFAULTS), environ, "app").plan
    assert dataclasses.replace(written, config="", digest=0) == read(None, environ, "app").plan


def test_the_defaults_are_those_of_the_plan() -> None:
    plan = read(None, {"HOME": "/home/me"}, "app").plan
    expected = Plan()
    service = dataclasses.replace(expected.service, name="app")
    spool = dataclasses.replace(expected.spool, path="/home/me/.local/state/erni-run")
    libraries = dataclasses.replace(expected.libraries, modules=plan.libraries.modules)
    assert plan == dataclasses.replace(expected, command="app", service=service, spool=spool, libraries=libraries)
    assert {"fastapi", "aiohttp", "redis", "sqlalchemy"} <= set(plan.libraries.modules)


def test_the_defaults_file_sets_nothing_without_effect() -> None:
    assert not read(str(DEFAULTS), {"HOME": "/"}, "app").notices


@pytest.mark.parametrize("heading", sections())
def test_the_defaults_file_holds_every_option(heading: str) -> None:
    text = DEFAULTS.read_text(encoding="utf-8").replace("\n# ", "\n")
    below = text.split(f"\n{heading}", 1)[1].split("\n[", 1)[0]
    assert re.findall(r"^([a-z_]+) = ", below, re.MULTILINE) == list(sections()[heading].model_fields)


@pytest.mark.parametrize("heading", sections())
def test_the_reference_holds_every_option(heading: str) -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    below = re.split(r"^#+ ", text.split(f"# {heading}\n", 1)[1], flags=re.MULTILINE)[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", below, re.MULTILINE)[: len(sections()[heading].model_fields)] == list(
        sections()[heading].model_fields
    )


@pytest.mark.parametrize("heading", sections())
def test_every_option_is_described_for_editors(heading: str) -> None:
    assert all(field.description for field in sections()[heading].model_fields.values())


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_loads(block: str, tmp_path: Path) -> None:
    (tmp_path / "tracing.toml").write_text(block, encoding="utf-8")
    assert read(str(tmp_path / "tracing.toml"), {"HOME": "/"}, "app").plan


def test_every_slug_has_its_paragraph_and_every_paragraph_its_slug() -> None:
    paragraphs = parts((DOCS / "errors.md").read_text(encoding="utf-8"), "###")
    assert set(slugs_raised()) == set(paragraphs)
    assert all(text.strip() for text in paragraphs.values())


def test_the_reference_lists_every_library() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8").split("## Names of libraries")[1]
    rows = re.findall(r"^\| `([^`]+)` \| (\S+) \| (no)? ?\| (\S+) \|$", text, re.MULTILINE)
    assert rows == [
        (library.name, library.module, "" if library.auto else "no", library.distribution)
        for library in sorted(LIBRARIES.values(), key=lambda library: library.name)
    ]


def test_the_schema_is_up_to_date() -> None:
    assert Path(schema.FILE).read_text(encoding="utf-8") == schema.render(), "run python -m erni_run.config.schema"


def test_the_schema_accepts_what_is_accepted() -> None:
    jsonschema: Any = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(schema.render()))
    for text in [*BLOCKS, DEFAULTS.read_text(encoding="utf-8")]:
        assert [error.message for error in validator.iter_errors(tomllib.loads(text))] == []
    assert list(validator.iter_errors({"export": {"protocol": "grcp"}}))


def test_installed_instrumentations_are_in_the_table() -> None:
    left_out = {"logging", "structlog", "system_metrics", "exceptions"}
    installed = importlib.metadata.entry_points(group="opentelemetry_instrumentor")
    for point in installed:
        if point.name not in left_out and point.value.startswith("opentelemetry.instrumentation."):
            assert LIBRARIES[point.name].instrumentor == point.value
            assert point.dist is not None
            assert LIBRARIES[point.name].distribution == point.dist.name


HEAVY = ["pydantic", "typing", "re", "json", "dataclasses", "tomllib", "difflib", "ast"]


@pytest.mark.parametrize("name", ["content", "find", "libraries"])
def test_the_light_modules_import_nothing_heavy(name: str) -> None:
    code = f"import sys, erni_run.config.{name}; print([m for m in {HEAVY} if m in sys.modules])"
    path = str(ROOM.parents[1])
    # -S: site would import re and others for the editable install itself
    run = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {path!r}); {code}"]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() == "[]"
