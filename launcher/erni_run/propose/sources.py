"""The source files of a package, found and parsed without importing it."""

from __future__ import annotations

import ast
import os
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import BuiltinImporter, PathFinder
from pathlib import Path

_NOT_THE_APPLICATION = frozenset(
    {"tests", "test", "testing", "conftest", "setup", "node_modules", "__main__", "manage", "build", "dist", "docs"}
    | {"vendored", "_vendored", "vendor", "_vendor"}
)


class NoSource(Exception):
    """There is no source to read; ``str()`` says what was looked for, and where."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One module: its dotted name, the file as a reader would name it, its syntax tree."""

    module: str
    file: str
    is_package: bool
    tree: ast.Module


@dataclass(frozen=True)
class Unread:
    """A file that could not be read, and why."""

    file: str
    reason: str


def read(package: str, folder: str, search: Sequence[str]) -> tuple[list[Source], list[Unread]]:
    """The modules of ``package`` by name, and the files that are no Python.

    ``package`` is a dotted name that is looked for in ``folder`` and in the folders of ``search`` (``sys.path``), or
    the path of a folder or file. Raises NoSource.
    """
    sources, unread = [], []
    for module, path in sorted(_files(package, folder, search)):
        shown = os.path.relpath(path, folder)
        shown = str(path) if shown.startswith("..") else shown
        try:
            tree = _parse(path)
        except (OSError, SyntaxError, ValueError, RecursionError) as error:  # ValueError: null bytes, wrong encoding
            unread.append(Unread(shown, str(error) or type(error).__name__))
            continue
        sources.append(Source(module=module, file=shown, is_package=path.name == "__init__.py", tree=tree))
    return sources, unread


def _parse(path: Path) -> ast.Module:
    with tokenize.open(path) as file:  # in the encoding that the file declares, PEP 263
        return ast.parse(file.read())


def service(package: str, folder: str) -> str:
    """What an application would be called whose ``package`` was asked for."""
    name = Path(folder, package).resolve().name if _is_path(package, folder) else package
    return name.partition(".")[0] or "app"


def _files(package: str, folder: str, search: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Dotted name and path of every module, each once."""
    path = Path(folder, package).resolve()
    roots = {Path(place).resolve() for place in search if place} | {path / "src"}
    if not _is_path(package, folder):
        found = _by_name(package, [folder, *search])
        if found is not None:
            return found
        if not path.is_dir():
            raise NoSource(f"no package or folder {package!r} here or where Python looks for modules")
    if path.is_dir():
        return _in_folder(path, _dotted_name(path), frozenset(roots))
    if path.suffix == ".py" and path.is_file():
        name = _dotted_name(path.parent)
        return iter([(".".join(filter(None, (name, path.stem))), path)])
    problem = "is no Python file: its name does not end in .py" if path.exists() else "is not there"
    raise NoSource(f"{package} {problem}; write the name of a package, or the path of a folder or file")


def _is_path(package: str, folder: str) -> bool:
    """Whether a path is meant: it could not be a name, or it leads to a file."""
    return not _is_dotted(package) or Path(folder, package).is_file() or package.endswith(".py")


def _is_dotted(package: str) -> bool:
    return all(part.isidentifier() for part in package.split("."))


def _by_name(package: str, search: Sequence[str]) -> Iterator[tuple[str, Path]] | None:
    """As the import system would find it; parents are not imported either. None if it finds nothing."""
    places: list[str] | None = list(search)
    parts = package.split(".")
    for length in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:length]), places) if places else None
        if spec is None and length == 1:
            spec = BuiltinImporter.find_spec(package)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations) if spec.submodule_search_locations is not None else None
    if spec is not None and places:
        return (file for place in places for file in _in_folder(Path(place), package))
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise NoSource(f"{package!r} is not written in Python: there is no source to read")
    return iter([(package, Path(spec.origin))])


def _dotted_name(folder: Path) -> str:
    """The name of the package in ``folder``: as many parents as hold an ``__init__.py``. "" if it is no package."""
    parts: list[str] = []
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


def _in_folder(folder: Path, name: str, roots: frozenset[Path] = frozenset()) -> Iterator[tuple[str, Path]]:
    """The modules in ``folder`` and below it; ``name`` is that of the folder. Tests and scripts are left out.

    ``roots`` are folders in which names begin anew, as Python looks for modules there.
    """
    for entry in sorted(folder.iterdir()):
        part = entry.stem if entry.suffix == ".py" else entry.name
        if part == "__init__" and name:
            yield name, entry
        elif not part.isidentifier() or part in _NOT_THE_APPLICATION or part.startswith("test_"):
            continue
        elif entry.suffix == ".py" and entry.is_file():
            yield f"{name}.{part}".strip("."), entry
        elif entry.is_dir() and not entry.is_symlink() and _may_hold_modules(entry):
            yield from _in_folder(entry, "" if entry in roots else f"{name}.{part}".strip("."), roots)


def _may_hold_modules(folder: Path) -> bool:
    return not (folder / "pyvenv.cfg").exists() and folder.name != "__pycache__"
