"""What the documents say is so: examples load, commands run, shown output is printed, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from erni_run.config.read import read

from tests.conftest import Workshop

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(path for folder in (ROOT, ROOT / "docs") for path in folder.glob("*.md"))
TOML = re.findall(r"^```toml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line
    for block in re.findall(r"^<!-- runs -->\n```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
TRACED = '[[span]]\ntarget = "imaging:resize"\n'
MISTAKEN = '[export]\nendpiont = "http://localhost:4317"\ntimeout = 10\n\n[[span]]\ntarget = "imaging.resize"\n'
MISSPELT = '[[span]]\ntarget = "imaging:risize"\n'
SHOWN = {
    # the comment above the block: the file, the command, its status
    "erni-run check": (TRACED, ("erni-run", "check"), 0),
    "erni-run python app.py, with mistakes": (MISTAKEN, ("erni-run", "python", "app.py"), 2),
    "erni-run python app.py, with a misspelt target": (MISSPELT, ("erni-run", "python", "app.py"), 0),
}


@pytest.fixture
def application(workshop: Workshop) -> Workshop:
    """The application that the README speaks of."""
    workshop.write("imaging.py", "def resize(photo):\n    return photo\n")
    workshop.write("app.py", "import imaging\n\nimaging.resize('flower.jpg')\n")
    workshop.write("tracing.toml", TRACED)
    return workshop


def tracked() -> Iterator[Path]:
    """Every text file of the project, without what is ignored."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes()[:1024]:
            yield path


def anchors(document: Path) -> set[str]:
    """The fragments that lead to the headings of ``document``, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_reaches_code_within_fifty_words() -> None:
    assert len(README.split("```", 1)[0].split()) <= 50


def test_readme_holds_what_is_tested_here() -> None:
    assert len(COMMANDS) >= 3
    assert TRACED in TOML
    assert len(TOML) >= 2


@pytest.mark.parametrize("block", TOML)
def test_example_loads_without_a_notice(block: str, tmp_path: Path) -> None:
    (tmp_path / "tracing.toml").write_text(block, encoding="utf-8")
    reading = read(str(tmp_path / "tracing.toml"), {"HOME": str(tmp_path)}, "app")
    assert reading.plan.spans
    assert reading.notices == ()


@pytest.mark.parametrize("command", COMMANDS)
def test_command_runs(application: Workshop, command: str) -> None:
    done = application.run("sh", "-c", command)
    assert done.returncode == 0, done.stderr
    assert done.stdout or done.stderr, "a command in the README shows something"
    assert "not traced" not in done.stderr


@pytest.mark.parametrize("title", SHOWN)
def test_shown_output_is_what_is_printed(application: Workshop, title: str) -> None:
    (shown,) = re.findall(rf"^<!-- {re.escape(title)} -->\n```text\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    config, command, status = SHOWN[title]
    application.write("tracing.toml", config)
    done = application.run(*command)
    assert (done.stdout + done.stderr, done.returncode) == (shown, status)


@pytest.mark.parametrize("target", re.findall(r"^make (\w+)|`make (\w+)", README, re.MULTILINE))
def test_make_target_exists(target: tuple[str, str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, fragment = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), f"{document.name} leads to {link}"
        assert not fragment or fragment in anchors(target), f"{document.name} leads to {link}"


def test_architecture_fits_on_a_page() -> None:
    assert len(ARCHITECTURE.splitlines()) <= 120


def test_rooms_and_files_that_architecture_names_exist() -> None:
    launcher = ROOT / "launcher/erni_run"
    for name in set(re.findall(r"`([\w./]+/)`", ARCHITECTURE)):
        assert (ROOT / name).is_dir(), name
    for name in set(re.findall(r"`((?:\w+/)*\w+\.(?:py|toml))`", ARCHITECTURE)):
        assert any(base.exists() for base in (ROOT / name, launcher / name)) or list(launcher.rglob(name)), name


def test_every_room_of_the_launcher_stands_in_architecture() -> None:
    packages = {path.parent for path in (ROOT / "launcher/erni_run").rglob("*.py")}
    for package in packages:
        assert f"`{package.relative_to(ROOT)}/`" in ARCHITECTURE


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    somebodys = re.compile(r"(?<![\w.}])/(?:home|Users|mnt|srv|work|workspace)/(?!me\b)\w|/root/\.|[A-Z]:\\\\?Users")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if somebodys.search(line) and path != Path(__file__).resolve()
    ]
    assert found == []
