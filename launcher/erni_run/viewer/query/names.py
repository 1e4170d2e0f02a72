"""What there is to choose from: services with their operations, and the keys of attributes."""

from __future__ import annotations

import sqlite3

from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from erni_run.viewer.query.values import kind_name

_MOST_KEYS = 100


def services(connection: sqlite3.Connection) -> list[str]:
    """The names of all services, sorted."""
    return [name for (name,) in connection.execute("select name from services order by name")]


def operations(connection: sqlite3.Connection, service: str = "") -> list[tuple[str, str, str]]:
    """(service, operation, kind), sorted; of all services if none is named."""
    rows = connection.execute(
        "select distinct s.name, o.name, o.kind from operations o join services s on s.id = o.service"
        " where s.name = ? or ? = '' order by 1, 2, 3",
        (service, service),
    )
    return [(owner, name, kind_name(kind)) for owner, name, kind in rows]


def attribute_keys(connection: sqlite3.Connection, prefix: str) -> list[str]:
    """The keys that begin with ``prefix``, sorted, at most 100."""
    keys = {key for (key,) in connection.execute("select key from attribute_keys")}
    for (body,) in connection.execute("select body from resources"):
        keys.update(pair.key for pair in Resource.FromString(body).attributes)
    return sorted(key for key in keys if key.startswith(prefix))[:_MOST_KEYS]
