"""Jaeger's HTTP API, version 3 (jaeger-idl, proto/api_v3/query_service.proto): OTLP/JSON, without an envelope.

Parameters are taken in camelCase, as Jaeger's page writes them, and in snake_case, as Grafana does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from erni_run.viewer.query import load, names, summaries
from erni_run.viewer.query.parameters import BadParameter, duration, number, trace_id
from erni_run.viewer.query.search import Filter, Search
from erni_run.viewer.query.trace import trace
from erni_run.viewer.receive import json_form
from erni_run.viewer.serve.backend import Backend
from erni_run.viewer.serve.jaeger_v1 import attribute_map, dependencies, operation, search_terms

_DEPTH, _LARGEST_DEPTH = 100, 1500
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+ -]\d\d:\d\d)")


def routes(backend: Backend) -> list[Route]:
    """The routes of this API."""
    v3 = _Version3(backend)
    return [
        Route("/api/v3/services", v3.services),
        Route("/api/v3/operations", v3.operations),
        Route("/api/v3/traces", v3.traces),
        Route("/api/v3/traces/{id}", v3.trace),
        Route("/api/v3/trace-summaries", v3.summaries),
        Route("/api/v3/dependencies", v3.dependencies),
    ]


class _Version3:
    def __init__(self, backend: Backend) -> None:
        self._database = backend.database

    def services(self, _: Request) -> Response:
        with self._database.reading() as connection:
            return JSONResponse({"services": names.services(connection)})

    def operations(self, request: Request) -> Response:
        asked = _camel(request)
        kind = asked.get("spanKind", "").lower()
        with self._database.reading() as connection:
            found = names.operations(connection, asked.get("service", ""))
        return JSONResponse({"operations": [operation(name, of) for _, name, of in found if kind in ("", of)]})

    def traces(self, request: Request) -> Response:
        with self._database.reading() as connection:
            try:
                found = self._search(connection, request)
            except BadParameter as error:
                return _refusal(400, str(error))
            groups = [group for one in found for group in trace(connection, one).otlp().resource_spans]
        return _resource_spans(groups) if groups else _refusal(404, "No traces found")

    def trace(self, request: Request) -> Response:
        try:
            asked = trace_id(request.path_params["id"])
        except BadParameter as error:
            return _refusal(400, str(error))
        with self._database.reading() as connection:
            found = summaries.number_of(connection, asked)
            if found is None:
                return _refusal(404, "No traces found")
            return _resource_spans(trace(connection, found).otlp().resource_spans)

    def summaries(self, request: Request) -> Response:
        with self._database.reading() as connection:
            try:
                found = summaries.summaries(connection, self._search(connection, request))
            except BadParameter as error:
                return _refusal(400, str(error))
        return JSONResponse({"summaries": [_summary(one) for one in found]})

    def dependencies(self, request: Request) -> Response:
        asked = _camel(request)
        try:
            start, end = (_time(name, asked.get(name, "")) for name in ("startTime", "endTime"))
        except BadParameter as error:
            return _refusal(400, str(error))
        with self._database.reading() as connection:
            return JSONResponse({"dependencies": dependencies(load.calls(connection, (start, end)))})

    def _search(self, connection: Any, request: Request) -> list[int]:
        asked = _camel(request)
        for name in ("query.startTimeMin", "query.startTimeMax"):
            if name not in asked:
                raise BadParameter(f"{name} is required")
        wanted = Filter(
            service=asked.get("query.serviceName", ""),
            operation=asked.get("query.operationName", ""),
            **search_terms(attribute_map("query.attributes", asked.get("query.attributes", ""))),
            shortest_span=duration("query.durationMin", asked.get("query.durationMin", "")),
            longest_span=duration("query.durationMax", asked.get("query.durationMax", "")),
            start=_time("query.startTimeMin", asked["query.startTimeMin"]),
            end=_time("query.startTimeMax", asked["query.startTimeMax"]),
        )
        depth = asked.get("query.searchDepth") or asked.get("query.numTraces", "")
        limit = number("query.searchDepth", depth, 1) or _DEPTH
        return Search(connection, wanted).first(min(limit, _LARGEST_DEPTH))


def _camel(request: Request) -> Mapping[str, str]:
    def camel(name: str) -> str:
        return re.sub(r"_(\w)", lambda found: found[1].upper(), name)

    return {camel(name): value for name, value in request.query_params.items()}


def _time(name: str, text: str) -> int | None:
    """Nanoseconds of a time in RFC 3339, to the nanosecond; None for the empty string. Raises BadParameter."""
    if not text:
        return None
    found = _TIME.fullmatch(text)
    try:
        seconds = int(_moment(found).timestamp()) if found else None
    except ValueError:  # such as a 30th of February
        seconds = None
    if found is None or seconds is None:
        raise BadParameter(f"{name}: write a time as RFC 3339 does, such as 2026-08-20T12:00:00Z")
    return max(0, seconds * 10**9 + int((found[3] or "0").ljust(9, "0")))


def _moment(found: re.Match[str]) -> datetime:
    zone = "+00:00" if found[4] in "Zz" else found[4].replace(" ", "+")  # an unencoded plus arrives as a space
    return datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}")


def _resource_spans(groups: Any) -> Response:
    return JSONResponse({"result": {"resourceSpans": [json_form.render(group) for group in groups]}})


def _summary(found: summaries.Summary) -> dict[str, Any]:
    return {
        "traceId": found.trace_id,
        "rootServiceName": found.root_service,
        "rootOperationName": found.root_name,
        "minStartTimeUnixNano": str(found.start),
        "maxEndTimeUnixNano": str(found.start + found.duration),
        "spanCount": found.spans,
        "errorSpanCount": found.errors,
        "orphanSpanCount": found.orphans,
        "services": [
            {"name": name, "spanCount": spans, "errorSpanCount": errors} for name, spans, errors in found.services
        ],
    }


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": {"httpCode": status, "message": message}}, status)
