"""What a caller does wrong is told at once: a 4xx, a slug, and every offending thing by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.agency.running import Agency, Darkroom

Path_ = Callable[[Path], Path]


def missing(folder: Path) -> Path:
    return folder / "missing.jpg"


def directory(folder: Path) -> Path:
    return folder


def prose(folder: Path) -> Path:
    path = folder / "prose.jpg"
    path.write_text("not a photograph")
    return path


def empty(folder: Path) -> Path:
    path = folder / "empty.jpg"
    path.touch()
    return path


def gif(folder: Path) -> Path:
    path = folder / "drawing.gif"
    Image.new("P", (8, 8)).save(path)
    return path


def pipe(folder: Path) -> Path:
    path = folder / "pipe.jpg"
    os.mkfifo(path)
    return path


def large(folder: Path) -> Path:
    path = folder / "large.jpg"
    with path.open("wb") as file:
        file.truncate(51 * 1024 * 1024)
    return path


def loop(folder: Path) -> Path:
    path = folder / "loop.jpg"
    path.symlink_to(path)
    return path


BAD_FILES: list[tuple[Path_, str]] = [
    (missing, "no such file"),
    (directory, "not a regular file"),
    (prose, "not an image"),
    (empty, "not an image"),
    (gif, "GIF is not one of"),
    (pipe, "not a regular file"),
    (large, "above the limit"),
    (loop, "not a readable path"),
    (lambda folder: folder / "nul\0byte.jpg", "not a readable path"),
]


@pytest.mark.parametrize(("make", "reason"), BAD_FILES)
def test_a_file_that_is_no_photo_is_refused_by_name(agency: Agency, tmp_path: Path, make: Path_, reason: str) -> None:
    path = make(tmp_path)
    answer = agency.batch(path)
    assert answer.status == 400, answer.text
    assert answer.json["error"] == "photos_rejected"
    assert [detail["path"] for detail in answer.json["details"]] == [str(path)]
    assert reason in answer.json["details"][0]["reason"]
    assert agency.sandbox.requests() == []  # no model was paid to find that out


def test_every_bad_path_is_listed_and_no_good_one(agency: Agency, tmp_path: Path, darkroom: Darkroom) -> None:
    bad = [missing(tmp_path), prose(tmp_path), directory(tmp_path)]
    answer = agency.batch(darkroom.print(), *bad)
    assert {detail["path"] for detail in answer.json["details"]} == {str(path) for path in bad}


def test_a_truncated_photo_fails_its_batch_with_a_4xx(agency: Agency, darkroom: Darkroom) -> None:
    photo = darkroom.print()
    photo.write_bytes(photo.read_bytes()[:5000])
    answer = agency.batch(photo)
    assert (answer.status, answer.json["error"]) == (400, "photos_rejected")
    assert answer.json["details"][0]["reason"] == "damaged or cut short"
    batch_id = next(detail["batch_id"] for detail in answer.json["details"] if "batch_id" in detail)
    assert agency.get(f"/api/batches/{batch_id}").json["status"] == "failed"


BAD_REQUESTS: list[tuple[str, Any, int, str]] = [
    ("/api/process-batch", b"{not json", 422, "invalid_request"),
    ("/api/process-batch", {}, 422, "invalid_request"),
    ("/api/process-batch", {"image_paths": []}, 422, "invalid_request"),
    ("/api/process-batch", {"image_paths": ["x"], "session_id": "no spaces"}, 422, "invalid_request"),
    ("/api/process-batch", {"image_paths": ["x"], "workflow_config": {"libary_name": "x"}}, 422, "invalid_request"),
    ("/api/process-batch", {"image_paths": ["x"], "workflow_config": {"folder_path": "../x"}}, 422, "invalid_request"),
    ("/api/process-batch", {"image_paths": [f"{n}.jpg" for n in range(51)]}, 400, "photos_rejected"),
    ("/api/process-batch", {"image_paths": ["x.jpg", "x.jpg"]}, 400, "photos_rejected"),
    ("/api/agents/sharepoint-schema", {"workflow_config": {"library_name": ""}}, 422, "invalid_request"),
    ("/api/agents/sharepoint-schema", {"workflow_config": {"library_name": "Referenzfotos"}}, 404, "not_found"),
    ("/api/agents/vision-analyze", {}, 422, "invalid_request"),
    ("/api/agents/vision-analyze", {"image_data": "%%%"}, 422, "invalid_request"),
    ("/api/agents/vision-analyze", {"image_data": "aGVsbG8="}, 400, "photos_rejected"),
    ("/api/agents/sharepoint-upload", {"workflow_config": {"uploads": []}}, 422, "invalid_request"),
    ("/api/agents/validation-report", {"workflow_config": {}}, 422, "invalid_request"),
    ("/api/agents/validation-report", {"workflow_config": {"batch_id": "batch_none"}}, 404, "not_found"),
    ("/api/agents/orchestrator", {}, 422, "invalid_request"),
    ("/api/agents/nobody/stream", {}, 404, "not_found"),
    ("/api/agents/orchestrator/stream", {"workflow_config": {"image_paths": ["x.jpg"]}}, 400, "photos_rejected"),
    ("/api/nothing", {}, 404, "not_found"),
    ("/health", {}, 405, "method_not_allowed"),
]


@pytest.mark.parametrize(("path", "body", "status", "slug"), BAD_REQUESTS)
def test_a_request_that_does_not_fit_is_refused(agency: Agency, path: str, body: Any, status: int, slug: str) -> None:
    answer = agency.post(path, body)
    assert (answer.status, answer.json["error"]) == (status, slug), answer.text
    assert answer.json["message"]
    assert isinstance(answer.json["details"], list)


@pytest.mark.parametrize("path", ["/api/batches/x", "/api/reports/x", "/api/sessions/x"])
def test_what_never_was_is_not_found(agency: Agency, path: str) -> None:
    answer = agency.get(path)
    assert (answer.status, answer.json["error"]) == (404, "not_found")


def test_an_unknown_library_is_told_with_the_nearest_name(agency: Agency, darkroom: Darkroom) -> None:
    answer = agency.batch(darkroom.print(), library_name="Fertige Referenzfoto")
    assert answer.status == 404
    assert answer.json["details"][0]["nearest"] == "Fertige Referenzfotos"


def test_photos_outside_the_root_are_refused(tmp_path: Path, darkroom: Darkroom) -> None:
    photo = darkroom.print()
    root = tmp_path / "root"
    root.mkdir()
    (root / "way_out.jpg").symlink_to(photo)
    with Agency({"PHOTO_ROOT": str(root), "SESSION_BACKEND": "memory"}) as agency:
        for path in (photo, root / "way_out.jpg", root / ".." / photo.name):
            answer = agency.batch(path)
            assert (answer.status, answer.json["details"][0]["reason"]) == (400, "outside PHOTO_ROOT")
