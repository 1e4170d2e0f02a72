"""Photographs in, filed and reported photographs out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agency.running import Agency, Darkroom, call

STAGES = ["photo_fetcher", "schema_extractor", "vision_analyzer", "sharepoint_uploader", "validation_reporter"]


def test_two_real_photos_are_described_filed_and_reported(real_photos: list[Path]) -> None:
    with Agency({}) as agency:
        answer = agency.batch(*real_photos, session_id="first")
        assert answer.status == 200, answer.text
        batch = answer.json
        assert (batch["status"], batch["report"]["verdict"]) == ("completed", "PASSED")
        assert [photo["image_path"] for photo in batch["photos"]] == [str(path) for path in real_photos]
        for photo in batch["photos"]:
            stored = agency.sandbox.file(photo["upload"]["upload_name"])
            assert stored["size"] == Path(photo["image_path"]).stat().st_size
            assert stored["fields"]["Status"] == "Entwurf KI"
            assert stored["fields"]["OriginalName"] == Path(photo["image_path"]).name
        names = sorted(photo["upload"]["upload_name"] for photo in batch["photos"])
        assert names == ["Erni_Referenzfoto_0001.jpg", "Erni_Referenzfoto_0002.jpg"]

        assert agency.get(f"/api/batches/{batch['batch_id']}").json["photos"] == batch["photos"]
        assert agency.get(f"/api/reports/{batch['report']['report_id']}").json == batch["report"]


def test_near_misses_of_the_model_become_choices_of_the_library(agency: Agency, real_photos: list[Path]) -> None:
    photo = agency.batch(real_photos[1]).json["photos"][0]
    said = {field["internal_name"]: field["field_value"] for field in photo["analysis"]["detected_fields"]}
    filed = agency.sandbox.file(photo["upload"]["upload_name"])["fields"]
    assert (said["Holzart"], filed["Holzart"]) == (["Fichten"], ["Fichte"])
    assert (said["Sparte_x002f_Kategorie"], filed["Sparte_x002f_Kategorie"]) == (["Holzbauten"], ["Holzbau"])


def test_five_handoffs_come_in_order_and_each_hands_back(agency: Agency, darkroom: Darkroom) -> None:
    events = agency.events("orchestrator", {"workflow_config": {"image_paths": [str(darkroom.print())]}})
    handoffs = [(event["source"], event["target"]) for event in events if event["type"] == "STATE_UPDATE"]
    there_and_back = [pair for stage in STAGES for pair in (("orchestrator", stage), (stage, "orchestrator"))]
    assert handoffs == there_and_back


def test_a_throttled_schema_request_is_repeated_no_sooner_than_asked(agency: Agency, darkroom: Darkroom) -> None:
    made, saved = (
        'erni_retry_attempts_total{agent="schema_extractor"}',
        'erni_retry_success_total{agent="schema_extractor"}',
    )
    before = agency.metric(made), agency.metric(saved)
    answer = agency.batch(darkroom.print(), force_schema_refresh=True)
    assert answer.status == 200, answer.text
    first, second = (request["time"] for request in agency.sandbox.requests("/columns"))
    assert second - first >= 0.2  # what the sandbox's Retry-After says in these tests
    assert (agency.metric(made), agency.metric(saved)) == (before[0] + 1, before[1] + 1)


def test_the_second_run_asks_neither_sharepoint_nor_the_model_again(agency: Agency, darkroom: Darkroom) -> None:
    photo = darkroom.print()
    assert agency.batch(photo).json["report"]["cache_hits"] == 0
    agency.sandbox.reset()
    again = agency.batch(photo).json
    assert again["report"]["cache_hits"] == 1
    assert again["photos"][0]["analysis"]["cache_hit"] is True
    assert again["photos"][0]["status"] == "duplicate"
    assert agency.sandbox.requests("/columns") == []
    assert agency.sandbox.requests("/content") == []


def test_a_large_batch_gets_a_number_for_each_photo(agency: Agency, darkroom: Darkroom) -> None:
    batch = agency.batch(*(darkroom.print() for _ in range(15))).json
    names = {photo["upload"]["upload_name"] for photo in batch["photos"]}
    assert (len(names), batch["report"]["uploaded"]) == (15, 15)


def test_overwrite_replaces_the_file_that_holds_the_same_photo(agency: Agency, darkroom: Darkroom) -> None:
    photo = darkroom.print()
    first = agency.batch(photo).json["photos"][0]["upload"]
    again = agency.batch(photo, overwrite=True).json["photos"][0]
    assert again["status"] == "uploaded"
    assert (again["upload"]["upload_name"], again["upload"]["file_id"]) == (first["upload_name"], first["file_id"])


def test_the_same_photo_twice_in_a_batch_is_filed_once(agency: Agency, darkroom: Darkroom, tmp_path: Path) -> None:
    photo = darkroom.print()
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(photo.read_bytes())
    statuses = [each["status"] for each in agency.batch(photo, copy).json["photos"]]
    assert statuses == ["uploaded", "duplicate"]


@pytest.mark.parametrize(("confidence", "reported"), [(0.87, ["Kunde"]), (0.86, [])])
def test_a_customer_is_never_filed_and_reported_when_sure(
    agency: Agency, darkroom: Darkroom, confidence: float, reported: list[str]
) -> None:
    seen = {"Kunde": {"values": ["Muster Holzbau AG"], "confidence": confidence, "reasoning": "Bautafel"}}
    call(agency.sandbox.url, "POST", "/sandbox/sightings", seen)
    answer = agency.batch(darkroom.print())
    photo = answer.json["photos"][0]
    assert photo["analysis"]["pii_fields"] == reported
    assert photo["upload"]["pii_blocked"] is bool(reported)
    assert "Kunde" not in agency.sandbox.file(photo["upload"]["upload_name"])["fields"]
    assert "Muster Holzbau" not in answer.text
