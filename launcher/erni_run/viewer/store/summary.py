"""What the list shows of a trace, made anew from its spans whenever some have arrived.

Counting up would be cheaper, and wrong: spans come in any order, and orphans stop being orphans.
"""

from __future__ import annotations

import json
import sqlite3

from erni_run.viewer.store.interned import Interned
from erni_run.viewer.store.rollup import Rollup

_ERROR = 2  # Status.STATUS_CODE_ERROR

_SPANS = "select span_id, parent, operation, start, duration, status, id from spans where trace = ?"
_UPDATE = """
update traces set is_settled = 1, start = ?, duration = ?, spans = ?, errors = ?, orphans = ?, has_root = ?, root = ?,
    services = ?, agents = ?, last_span = ? where id = ?
"""


def summarize(connection: sqlite3.Connection, interned: Interned, between: Rollup, trace: int) -> int:
    """Write the summary of the trace with that number, and add its new calls between services to ``between``.

    Returns the count of its spans. A call is new if one of its two spans has arrived since the last summary.
    """
    (known_until,) = connection.execute("select last_span from traces where id = ?", (trace,)).fetchone()
    spans = connection.execute(_SPANS, (trace,)).fetchall()
    if not spans:
        return 0
    spans.sort(key=lambda span: span[3])
    by_id = {span[0]: span for span in spans}
    services: dict[str, list[int]] = {}
    agents: dict[str, None] = {}
    errors = orphans = 0
    root = orphan = None
    end = 0
    for span_id, parent, operation, start, duration, status, number in spans:
        known = interned.known(operation)
        is_error = status == _ERROR
        counts = services.setdefault(known.service, [0, 0])
        counts[0] += 1
        end = max(end, start + duration)
        if is_error:
            counts[1] += 1
            errors += 1
        if known.agent:
            agents[known.agent] = None
        if parent is None:
            root = operation if root is None else root
        elif parent in by_id and parent != span_id:
            calling = by_id[parent]
            caller = interned.known(calling[2]).number
            if caller != known.number and max(number, calling[6]) > known_until:
                between.add((caller, known.number), start, duration, is_error=is_error)
        else:
            orphans += 1
            orphan = operation if orphan is None else orphan
    first = spans[0][3]
    shown = next((number for number in (root, orphan, spans[0][2]) if number is not None), None)
    connection.execute(
        _UPDATE,
        (
            first,
            end - first,
            len(spans),
            errors,
            orphans,
            int(root is not None),
            shown,
            _compact([[name, *counts] for name, counts in services.items()]),
            _compact(list(agents)),
            max(span[6] for span in spans),
            trace,
        ),
    )
    return len(spans)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
