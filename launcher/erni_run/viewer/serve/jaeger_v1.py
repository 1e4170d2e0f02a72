"""Jaeger's HTTP API, version 1, as Grafana's data source and Jaeger's page (for single traces) ask it.

It was never specified; the shapes are those of Jaeger's own server (model/json and its query handlers). Times are
microseconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from erni_run.viewer.query import load, names, summaries
from erni_run.viewer.query.attribute import Wanted
from erni_run.viewer.query.parameters import BadParameter, duration, number, trace_id
from erni_run.viewer.query.search import Filter, Search
from erni_run.viewer.query.trace import trace
from erni_run.viewer.query.values import KINDS
from erni_run.viewer.serve.backend import Backend
from erni_run.viewer.serve.jaeger_trace import shape

_LIMIT, _LARGEST_LIMIT = 20, 1500
_MICRO, _MILLI = 1_000, 1_000_000


def routes(backend: Backend) -> list[Route]:
    """The routes of this API."""
    v1 = _Version1(backend)
    return [
        Route("/api/services", v1.services),
        Route("/api/services/{service}/operations", v1.operation_names),
        Route("/api/operations", v1.operations),
        Route("/api/traces", v1.traces),
        Route("/api/traces/{id}", v1.trace),
        Route("/api/dependencies", v1.dependencies),
    ]


class _Version1:
    def __init__(self, backend: Backend) -> None:
        self._database = backend.database

    def services(self, _: Request) -> Response:
        with self._database.reading() as connection:
            return _data(names.services(connection))

    def operation_names(self, request: Request) -> Response:
        with self._database.reading() as connection:
            found = names.operations(connection, request.path_params["service"])
        return _data(sorted({name for _, name, _ in found}))

    def operations(self, request: Request) -> Response:
        asked = request.query_params
        service, kind = asked.get("service", ""), asked.get("spanKind", "")
        if not service:
            return refusal(400, "parameter 'service' is required")
        with self._database.reading() as connection:
            found = names.operations(connection, service)
        return _data([operation(name, of) for _, name, of in found if kind in ("", of)])

    def traces(self, request: Request) -> Response:
        try:
            numbers = [trace_id(text) for text in request.query_params.getlist("traceID")]
            wanted = None if numbers else _filter(request.query_params)
            limit = number("limit", request.query_params.get("limit", ""), 1) or _LIMIT
            terms = search_terms(_tags(request))
        except BadParameter as error:
            return refusal(400, str(error))
        with self._database.reading() as connection:
            if wanted is None:
                found = [summaries.number_of(connection, one) for one in numbers]
            else:
                search = Search(connection, Filter(**wanted, **terms))
                found = list(search.first(min(limit, _LARGEST_LIMIT)))
            return _data([shape(trace(connection, one)) for one in found if one is not None])

    def trace(self, request: Request) -> Response:
        try:
            asked = trace_id(request.path_params["id"])
        except BadParameter as error:
            return refusal(400, str(error))
        with self._database.reading() as connection:
            found = summaries.number_of(connection, asked)
            if found is None:
                return refusal(404, "trace not found", traceID=asked.hex())
            return _data([shape(trace(connection, found))])

    def dependencies(self, request: Request) -> Response:
        asked = request.query_params
        try:
            end = number("endTs", asked.get("endTs", "")) or time.time_ns() // _MILLI
            lookback = number("lookback", asked.get("lookback", "")) or 24 * 3600 * 1000
        except BadParameter as error:
            return refusal(400, str(error))
        with self._database.reading() as connection:
            found = load.calls(connection, ((end - lookback) * _MILLI, end * _MILLI))
        return _data(dependencies(found))


def dependencies(calls: Mapping[tuple[str, str], load.Load]) -> list[dict[str, Any]]:
    """Calls between services, as both versions of the API have them."""
    return [{"parent": parent, "child": child, "callCount": one.calls} for (parent, child), one in calls.items()]


def refusal(status: int, message: str, **more: str) -> Response:
    """An error in the envelope of this API."""
    error = {"code": status, "msg": message, **more}
    return JSONResponse({"data": None, "total": 0, "limit": 0, "offset": 0, "errors": [error]}, status)


def _data(data: list[Any]) -> Response:
    return JSONResponse({"data": data, "total": len(data), "limit": 0, "offset": 0, "errors": None})


def _filter(asked: Mapping[str, str]) -> dict[str, Any]:
    start, end = number("start", asked.get("start", "")), number("end", asked.get("end", ""))
    return {
        "service": asked.get("service", ""),
        "operation": asked.get("operation", ""),
        "shortest_span": duration("minDuration", asked.get("minDuration", "")),
        "longest_span": duration("maxDuration", asked.get("maxDuration", "")),
        "start": None if start is None else start * _MICRO,
        "end": None if end is None else end * _MICRO,
    }


def _tags(request: Request) -> dict[str, str]:
    """``tags`` is an object in JSON, ``tag`` is ``key:value`` and may be repeated."""
    pairs: dict[str, str] = {}
    for text in request.query_params.getlist("tags"):
        pairs.update(attribute_map("tags", text))
    for text in request.query_params.getlist("tag"):
        key, sign, value = text.partition(":")
        if not sign:
            raise BadParameter("tag: write key:value")
        pairs[key] = value
    return pairs


def search_terms(pairs: Mapping[str, str]) -> dict[str, Any]:
    """What a Filter is made from for tags: some of them stand for what is no attribute in OpenTelemetry."""
    attributes = dict(pairs)
    terms: dict[str, Any] = {}
    if attributes.get("error") == "true" or attributes.get("otel.status_code") == "ERROR":
        attributes.pop("error", None)
        attributes.pop("otel.status_code", None)
        terms["has_failed"] = True
    if attributes.get("span.kind") in KINDS:
        terms["kind"] = KINDS.index(attributes.pop("span.kind"))
    return {**terms, "attributes": tuple(Wanted(key, value) for key, value in attributes.items())}


def operation(name: str, kind: str) -> dict[str, str]:
    """An operation, as both versions of the API have it; an unspecified kind is empty."""
    return {"name": name, "spanKind": "" if kind == KINDS[0] else kind}


def attribute_map(name: str, text: str) -> dict[str, str]:
    """An object in JSON whose values are strings; others are taken as their JSON text. Raises BadParameter."""
    try:
        pairs = json.loads(text) if text else {}
    except ValueError:
        pairs = None
    if not isinstance(pairs, dict):
        raise BadParameter(f'{name}: write a JSON object, such as {{"error":"true"}}')
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in pairs.items()}
