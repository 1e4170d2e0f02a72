"""Finished traces in the terminal, as trees or as lines of JSON. A client of the viewer, like any page."""

from __future__ import annotations

import http.client
import json
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO
from urllib.parse import urlsplit

from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from erni_run.viewer.query.parameters import trace_id
from erni_run.viewer.query.search import Filter, Search
from erni_run.viewer.query.summaries import number_of, summaries
from erni_run.viewer.query.trace import trace
from erni_run.viewer.receive import json_form
from erni_run.viewer.serve import shapes
from erni_run.viewer.span import Span, decode
from erni_run.viewer.store.database import Database
from erni_run.viewer.tree import render

_QUIET_SECONDS = 0.5  # without new spans, for a trace that is complete
_PATIENT_SECONDS = 5.0  # for one that is not
_TICK_SECONDS = 0.1
_PAGE = 100


class Disconnected(Exception):
    """The viewer has gone."""


def show(database: Database, out: TextIO, *, as_json: bool) -> None:
    """Print every trace of ``database``, oldest first."""
    cursor: str | None = ""
    while cursor is not None:
        with database.reading() as connection:
            page = Search(connection, Filter(), is_descending=False).page(_PAGE, cursor)
            for found in summaries(connection, page.traces):
                whole = trace(connection, number_of(connection, trace_id(found.trace_id)) or 0)
                tree = _tree(list(decode(whole.otlp())), out, f"trace {found.trace_id}")
                out.write(_line(shapes.trace(found, whole)) if as_json else tree)
        cursor = page.next
    out.flush()


def follow(page: str, out: TextIO, *, as_json: bool) -> None:
    """Print each trace of the viewer at ``page`` once no more spans of it arrive. Raises Disconnected when it ends."""
    news: queue.Queue[dict[str, Any] | None] = queue.Queue()
    threading.Thread(target=_listen, args=(page, news), name="tail", daemon=True).start()
    waiting: dict[str, tuple[float, bool]] = {}
    while True:
        try:
            summary = news.get(timeout=_TICK_SECONDS)
            if summary is None:
                raise Disconnected
            waiting[summary["traceId"]] = time.monotonic(), summary["complete"]
        except queue.Empty:
            pass
        for finished in _finished(waiting):
            del waiting[finished]
            out.write(_fetched(page, finished, out, as_json=as_json))
            out.flush()


def _finished(waiting: dict[str, tuple[float, bool]]) -> list[str]:
    now = time.monotonic()
    return [
        number
        for number, (seen, is_complete) in waiting.items()
        if now - seen > (_QUIET_SECONDS if is_complete else _PATIENT_SECONDS)
    ]


def _listen(page: str, news: queue.Queue[dict[str, Any] | None]) -> None:
    try:
        for name, data in _events(page):
            if name == "trace":
                news.put(json.loads(data))
    except (OSError, http.client.HTTPException):
        pass  # said by what follows
    news.put(None)


def _events(page: str) -> Iterator[tuple[str, str]]:
    connection = http.client.HTTPConnection(urlsplit(page).netloc)
    connection.request("GET", "/api/view/live")
    name = ""
    for line in connection.getresponse():
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, value


def ask(page: str, path: str) -> Any:
    """The JSON that the viewer at ``page`` answers, None for what is not there. Raises Disconnected."""
    connection = http.client.HTTPConnection(urlsplit(page).netloc)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Disconnected from error
    finally:
        connection.close()
    return body if response.status == 200 else None


def spans(page: str, trace_id: str) -> list[Span]:
    """The spans of a trace of the viewer at ``page``, none if it is not there. Raises Disconnected."""
    data = ask(page, f"/api/view/traces/{trace_id}/otlp")
    return [] if data is None else list(decode(json_form.parse(TracesData, data)))


def _fetched(page: str, number: str, out: TextIO, *, as_json: bool) -> str:
    """What is printed of a trace; nothing if it has been dropped or deleted meanwhile."""
    if as_json:
        found = ask(page, f"/api/view/traces/{number}")
        return "" if found is None else _line(found)
    whole = spans(page, number)
    return _tree(whole, out, f"{page}/trace/{number}") if whole else ""


def _line(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False) + "\n"


def _tree(whole: list[Span], out: TextIO, name: str) -> str:
    failed = sum(span.is_error for span in whole)
    count = f"{len(whole)} spans" if len(whole) != 1 else "1 span"
    return f"{render(whole, colour=out.isatty())}{name}: {count}, {failed} with an error\n\n"
