"""A viewer for the tests of one file, empty at the start of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.viewer.running import Viewer


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    with Viewer(tmp_path_factory.mktemp("state")) as viewer:
        yield viewer


@pytest.fixture
def viewer(shared: Viewer) -> Viewer:
    assert shared.ask("/api/view/traces", "DELETE").status == 204
    return shared
