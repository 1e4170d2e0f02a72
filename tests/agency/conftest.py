"""Running agencies and photographs for the tests of this folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agency.running import Agency, Darkroom


@pytest.fixture(scope="session")
def real_photos() -> list[Path]:
    """The two photographs that scikit-learn carries, found without importing it."""
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "images"
    return [folder / "china.jpg", folder / "flower.jpg"]


@pytest.fixture
def darkroom(tmp_path: Path, real_photos: list[Path]) -> Darkroom:
    return Darkroom(tmp_path, real_photos[0])


@pytest.fixture(scope="session")
def _shared_agency() -> Iterator[Agency]:
    with Agency({}) as agency:
        yield agency


@pytest.fixture
def agency(_shared_agency: Agency) -> Iterator[Agency]:
    """The agency as it starts without any configuration, its sandbox free of faults."""
    _shared_agency.sandbox.reset()
    yield _shared_agency
    _shared_agency.sandbox.reset()
