"""Files and fields as Microsoft Graph wants them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agency.errors import GraphRefusedError
from agency.graph.auth import Credentials, TokenSource
from agency.graph.client import GraphClient
from agency.graph.fields import LibrarySchema, closest_choice, field_of, field_values
from agency.graph.library import Libraries
from agency.graph.upload import DriveUploads, Place
from agency.sandbox.library import columns
from agency.sandbox.server import Sandbox, SandboxOptions
from tests.agency.running import Agency, Darkroom, call

LIBRARY = "Fertige Referenzfotos"
CHUNK = 320 * 1024


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(SandboxOptions(throttle=False))
    yield sandbox
    sandbox.close()


def with_graph(sandbox: Sandbox, work: Callable[[GraphClient, Libraries], Awaitable[Any]]) -> Any:
    async def session() -> Any:
        async with aiohttp.ClientSession() as http:
            credentials = Credentials(tenant_id="t", client_id="c", client_secret="s")
            client = GraphClient(http, f"{sandbox.url}/v1.0", TokenSource(http, sandbox.url, credentials))
            return await work(client, Libraries(client, "https://erni.example/sites/Referenzfotos"))

    return asyncio.run(session())


def schema() -> LibrarySchema:
    fields = [field for field in map(field_of, columns()) if field]
    return LibrarySchema(library_name=LIBRARY, fields=fields)


def test_the_library_has_23_fields_119_choices_and_three_required() -> None:
    fields = schema().fields
    assert len(fields) == 23
    assert sum(len(field.choices) for field in fields) == 119
    assert sum(field.required for field in fields) == 3


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ({"choice": {"displayAs": "checkBoxes", "choices": []}}, "multi_choice"),
        ({"choice": {"displayAs": "dropDownMenu", "choices": []}}, "choice"),
        ({"choice": {"displayAs": "radioButtons", "choices": []}}, "choice"),
        ({"text": {"allowMultipleLines": True}}, "note"),
        ({"text": {"allowMultipleLines": False}}, "text"),
        ({"number": {}}, "number"),
        ({"dateTime": {}}, "date_time"),
        ({"boolean": {}}, "boolean"),
        ({"personOrGroup": {}}, "other"),
    ],
)
def test_a_column_is_known_by_its_facet(column: dict[str, Any], kind: str) -> None:
    field = field_of({"name": "x", **column})
    assert field is not None
    assert field.kind == kind


@pytest.mark.parametrize("flag", ["readOnly", "hidden"])
def test_a_column_nobody_may_write_is_no_field(flag: str) -> None:
    assert field_of({"name": "x", "text": {}, flag: True}) is None


@pytest.mark.parametrize(
    ("term", "choice"),
    [
        ("Fichten", "Fichte"),
        ("fichte ", "Fichte"),
        ("Eichenholz", None),
        ("Nussbäume", "Nussbaum"),
        ("Kunststoff", None),
    ],
)
def test_a_term_is_taken_for_a_choice_when_it_is_three_quarters_alike(term: str, choice: str | None) -> None:
    woods = ["Fichte", "Tanne", "Eiche", "Nussbaum"]
    assert closest_choice(term, woods) == choice


def test_values_that_do_not_fit_are_named_and_left_out() -> None:
    wanted = {"Material": ["Holz", "Plastik"], "Ansicht": "Luftaufnahmen", "Nirgends": 1, "Title": "t" * 300}
    values, problems = field_values(schema(), wanted)
    assert values["Material@odata.type"] == "Collection(Edm.String)"
    assert (values["Material"], values["Ansicht"], len(values["Title"])) == (["Holz"], "Luftaufnahme", 255)
    assert [problem.split(":")[0] for problem in problems] == ["Material", "Nirgends", "Status", "Projektkategorie"]


def test_a_multiple_choice_without_its_type_is_refused_by_graph(sandbox: Sandbox) -> None:
    async def write(client: GraphClient, libraries: Libraries) -> None:
        library = await libraries.find(LIBRARY)
        item = await DriveUploads(client, chunk=CHUNK).put(Place(library=library, name="multi.jpg"), b"x")
        with pytest.raises(GraphRefusedError) as refused:
            await libraries.write_fields(library, item["id"], {"Material": ["Holz"]})
        assert (refused.value.status, refused.value.code) == (400, "invalidRequest")
        values, _ = field_values(schema(), {"Material": ["Holz"]})
        await libraries.write_fields(library, item["id"], values)

    with_graph(sandbox, write)


@pytest.mark.parametrize(
    ("size", "ranges"), [(4 * 1024 * 1024, 0), (4 * 1024 * 1024 + 1, 13), (16 * CHUNK, 16), (16 * CHUNK + 5, 17)]
)
def test_a_file_above_4_mb_goes_up_in_ranges(sandbox: Sandbox, size: int, ranges: int) -> None:
    async def send(client: GraphClient, libraries: Libraries) -> Any:
        place = Place(library=await libraries.find(LIBRARY), name=f"{size}.jpg")
        return await DriveUploads(client, chunk=CHUNK).put(place, b"\0" * size)

    call(sandbox.url, "DELETE", "/sandbox/requests")
    assert with_graph(sandbox, send)["size"] == size
    sent = [each for each in call(sandbox.url, "GET", "/sandbox/requests").json if each["path"].startswith("/upload/")]
    assert len(sent) == ranges


def test_no_range_of_an_upload_carries_the_token(sandbox: Sandbox) -> None:
    tokens: list[str] = []

    async def send(client: GraphClient, libraries: Libraries) -> None:
        async def watch(session: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
            if "/upload/" in params.url.path:
                tokens.append(params.headers.get("Authorization", ""))

        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(watch)
        trace.freeze()
        client._http._trace_configs.append(trace)
        place = Place(library=await libraries.find(LIBRARY), name="token.jpg")
        await DriveUploads(client, chunk=10 * CHUNK).put(place, b"\0" * (5 * 1024 * 1024))

    with_graph(sandbox, send)
    assert tokens == ["", ""]


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 416}, {"hang_up": True}])
def test_an_interrupted_upload_goes_on_where_it_stopped(
    agency: Agency, darkroom: Darkroom, fault: dict[str, Any]
) -> None:
    photo = darkroom.print(scale=4, noise=True)
    assert photo.stat().st_size > 4 * 1024 * 1024
    agency.sandbox.fail("/upload/", method="PUT", times=1, **fault)
    answer = agency.batch(photo)
    assert answer.status == 200, answer.text
    upload = answer.json["photos"][0]["upload"]
    assert agency.sandbox.file(upload["upload_name"])["size"] == photo.stat().st_size
    assert [each["method"] for each in agency.sandbox.requests("/upload/")][1] in ("GET", "PUT")
    assert len(agency.sandbox.requests("createUploadSession")) == 1


def test_an_upload_that_never_succeeds_is_abandoned(agency: Agency, darkroom: Darkroom) -> None:
    agency.sandbox.fail("/upload/", method="PUT", times=99, status=503)
    assert agency.batch(darkroom.print(scale=4, noise=True)).status == 503
    assert "DELETE" in {each["method"] for each in agency.sandbox.requests("/upload/")}


def test_an_expired_token_is_renewed_once_and_the_batch_goes_on(agency: Agency, darkroom: Darkroom) -> None:
    assert agency.batch(darkroom.print()).status == 200
    agency.sandbox.reset()
    call(agency.sandbox.url, "POST", "/sandbox/expire-tokens")
    assert agency.batch(darkroom.print()).status == 200
    assert len(agency.sandbox.requests("oauth2")) == 1


def test_a_taken_name_gives_way_to_the_next_number(agency: Agency, darkroom: Darkroom) -> None:
    first = agency.batch(darkroom.print()).json["photos"][0]["upload"]["upload_name"]
    number = int(Path(first).stem[-4:])
    agency.sandbox.fail("/content", status=409, times=2)  # taken by somebody else between listing and sending
    second = agency.batch(darkroom.print()).json["photos"][0]["upload"]["upload_name"]
    assert second == f"Erni_Referenzfoto_{number + 3:04}.jpg"


def test_numbers_go_on_from_what_the_library_holds(darkroom: Darkroom) -> None:
    with Agency({"SESSION_BACKEND": "memory"}) as agency:
        call(agency.sandbox.url, "POST", "/sandbox/files", {"name": "Erni_Referenzfoto_0041.png"})
        upload = agency.batch(darkroom.print("plan.png")).json["photos"][0]["upload"]
        assert upload["upload_name"] == "Erni_Referenzfoto_0042.png"


def test_names_on_every_page_of_the_listing_count(sandbox: Sandbox) -> None:
    for number in range(101):
        sandbox._graph.drive.put(f"page_{number}.jpg", 0, "replace")

    async def listing(_client: GraphClient, libraries: Libraries) -> list[str]:
        return await libraries.taken_names(await libraries.find(LIBRARY))

    assert {f"page_{number}.jpg" for number in range(101)} <= set(with_graph(sandbox, listing))


def test_fields_that_sharepoint_refuses_leave_the_photo_filed(agency: Agency, darkroom: Darkroom) -> None:
    agency.sandbox.fail("/listItem/fields", status=400)
    batch = agency.batch(darkroom.print()).json
    upload = batch["photos"][0]["upload"]
    assert (upload["success"], upload["metadata_applied"]) == (True, False)
    assert batch["report"]["verdict"] == "PASSED_WITH_WARNINGS"
