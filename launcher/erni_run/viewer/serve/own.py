"""The viewer's own API: ``/api/view/...``. docs/viewer.md is its contract."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from erni_run.version import __version__
from erni_run.viewer.address import PRODUCT
from erni_run.viewer.query import load, names, summaries
from erni_run.viewer.query import trace as stored
from erni_run.viewer.query.attribute import Wanted
from erni_run.viewer.query.parameters import BadParameter, choice, duration, number, trace_id
from erni_run.viewer.query.search import Filter, Search
from erni_run.viewer.query.trace import Trace
from erni_run.viewer.receive import json_form
from erni_run.viewer.serve import delivery, shapes
from erni_run.viewer.serve.backend import Backend

_LIMIT, _LARGEST_LIMIT = 50, 500


def routes(backend: Backend) -> list[Route]:
    """The routes of this API."""
    own = _Own(backend)
    get: dict[str, Callable[[Request], Any]] = {
        "traces/{id}": own.trace,
        "traces/{id}/otlp": own.download,
        "operations": own.operations,
        "handoffs": own.handoffs,
        "map": own.map,
        "services": own.services,
        "attributes": own.attributes,
        "logs": own.logs,
        "metrics": own.metrics,
        "delivery": own.delivery,
        "live": own.live,
        "about": own.about,
    }
    return [
        Route("/api/view/traces", own.traces, methods=["GET"]),
        Route("/api/view/traces", own.clear, methods=["DELETE"]),
        *(Route(f"/api/view/{path}", endpoint) for path, endpoint in get.items()),
    ]


class _Own:
    """The endpoints. All but ``live`` are called in a thread of their own."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def traces(self, request: Request) -> Response:
        asked = request.query_params
        column = choice("sort", asked.get("sort", ""), ("start", "duration"))
        descends = choice("order", asked.get("order", ""), ("desc", "asc")) == "desc"
        limit = number("limit", asked.get("limit", ""), 1, _LARGEST_LIMIT) or _LIMIT
        with self._backend.database.reading() as connection:
            search = Search(connection, _filter(request), column=column, is_descending=descends)
            page = search.page(limit, asked.get("cursor", ""))
            found = summaries.summaries(connection, page.traces)
        return JSONResponse({"traces": [shapes.summary(one) for one in found], "next": page.next})

    def trace(self, request: Request) -> Response:
        found = self._found(request)
        return _not_found() if found is None else JSONResponse(shapes.trace(*found))

    def download(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return _not_found()
        headers = {"Content-Disposition": f'attachment; filename="trace-{found[0].trace_id}.json"'}
        return JSONResponse(json_form.render(found[1].otlp()), headers=headers)

    def clear(self, _: Request) -> Response:
        self._backend.writer.clear()
        return Response(status_code=204)

    def operations(self, request: Request) -> Response:
        with self._backend.database.reading() as connection:
            rows = load.operations(connection, _times(request), request.query_params.get("service", ""))
        return JSONResponse({"operations": [shapes.operation(row) for row in rows]})

    def handoffs(self, request: Request) -> Response:
        with self._backend.database.reading() as connection:
            rows = load.handoffs(connection, _times(request))
        return JSONResponse({"handoffs": [shapes.handoff(row) for row in rows]})

    def map(self, request: Request) -> Response:
        times = _times(request)
        with self._backend.database.reading() as connection:
            nodes, edges = load.services(connection, times), load.calls(connection, times)
        return JSONResponse(shapes.service_map(nodes, edges))

    def services(self, _: Request) -> Response:
        with self._backend.database.reading() as connection:
            found: dict[str, list[str]] = {name: [] for name in names.services(connection)}
            for service, operation, _kind in names.operations(connection):
                if operation not in found[service]:
                    found[service].append(operation)
        return JSONResponse({"services": [{"name": name, "operations": found[name]} for name in found]})

    def attributes(self, request: Request) -> Response:
        with self._backend.database.reading() as connection:
            keys = names.attribute_keys(connection, request.query_params.get("prefix", ""))
        return JSONResponse({"keys": keys})

    def logs(self, _: Request) -> Response:
        with self._backend.database.reading() as connection:
            return JSONResponse(json_form.render(stored.loose_logs(connection)))

    def metrics(self, _: Request) -> Response:
        with self._backend.database.reading() as connection:
            return JSONResponse(json_form.render(stored.metrics(connection)))

    def delivery(self, _: Request) -> Response:
        return JSONResponse(delivery.status())

    async def live(self, _: Request) -> Response:
        events = self._backend.live.events(self._about, self._summaries)
        return StreamingResponse(events, media_type="text/event-stream")

    def about(self, _: Request) -> Response:
        return JSONResponse(self._about())

    def _about(self) -> dict[str, Any]:
        return {"product": PRODUCT, "version": __version__, "pid": os.getpid(), **self._backend.about()}

    def _summaries(self, numbers: list[int]) -> list[str]:
        with self._backend.database.reading() as connection:
            return [json.dumps(shapes.summary(one)) for one in summaries.summaries(connection, numbers)]

    def _found(self, request: Request) -> tuple[summaries.Summary, Trace] | None:
        with self._backend.database.reading() as connection:
            found = summaries.number_of(connection, trace_id(request.path_params["id"]))
            if found is None:
                return None
            (summary,) = summaries.summaries(connection, [found])
            return summary, stored.trace(connection, found)


def _filter(request: Request) -> Filter:
    asked = request.query_params
    status = choice("status", asked.get("status", ""), ("", "error", "ok"))
    start, end = _times(request)
    return Filter(
        service=asked.get("service", ""),
        operation=asked.get("operation", ""),
        attributes=tuple(_attribute(text) for text in asked.getlist("attribute") if text),
        shortest=duration("min", asked.get("min", "")),
        longest=duration("max", asked.get("max", "")),
        start=start,
        end=end,
        has_error={"": None, "error": True, "ok": False}[status],
    )


def _attribute(text: str) -> Wanted:
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise BadParameter("attribute: write key=value, or key=* for any value")
    return Wanted(key, value)


def _times(request: Request) -> tuple[int | None, int | None]:
    asked = request.query_params
    return number("start", asked.get("start", "")), number("end", asked.get("end", ""))


def _not_found() -> Response:
    return JSONResponse({"error": "there is no such trace"}, 404)
