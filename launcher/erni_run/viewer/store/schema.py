"""The tables. Spans are stored as they came, serialized; beside them stands only what is searched by."""

from __future__ import annotations

VERSION = 1
"""Written into the file (``user_version``): a file with another number is not ours to read."""

TABLES = """
create table services (id integer primary key, name text not null unique);
create table operations (
    id integer primary key, service integer not null, name text not null, kind integer not null,
    agent text not null, handoff text not null,  -- "" where the span names none
    unique (service, name, kind, agent, handoff)
);
create table resources (id integer primary key, body blob not null unique);  -- opentelemetry.proto Resource
create table scopes (id integer primary key, body blob not null unique);     -- InstrumentationScope
create table attribute_keys (key text primary key) without rowid;

-- Ids grow with arrival, so the oldest traces are a range. Before the first span has arrived, start is null.
create table traces (
    id integer primary key, trace_id blob not null unique, is_settled integer not null default 0,
    start integer, duration integer, spans integer not null default 0, errors integer not null default 0,
    orphans integer not null default 0, has_root integer not null default 0, root integer,
    services text not null default '[]',  -- [[service, spans, errors], ...] in order of appearance
    agents text not null default '[]',    -- [name, ...] in order of appearance
    last_span integer not null default 0  -- the largest id of a span that the summary knows of
);
create index traces_start on traces (start);
create index traces_duration on traces (duration);
create index traces_unsettled on traces (id) where not is_settled and start is not null;

create table spans (
    id integer primary key, trace integer not null, span_id blob not null, parent blob,
    operation integer not null, resource integer not null, scope integer not null,
    start integer not null, duration integer not null, status integer not null,
    body blob not null  -- opentelemetry.proto Span
);
create unique index spans_identity on spans (trace, span_id);
create index spans_operation on spans (operation, trace);

create table logs (
    id integer primary key, trace integer, resource integer not null, scope integer not null,
    time integer not null, body blob not null  -- opentelemetry.proto LogRecord
);
create index logs_trace on logs (trace);
create table metrics (
    id integer primary key, resource integer not null, scope integer not null, name text not null,
    body blob not null,  -- opentelemetry.proto Metric, as it last came
    unique (resource, scope, name)
);

-- Calls, errors and durations of each operation by the minute: any time's percentiles without reading spans.
create table minutes (
    operation integer not null, minute integer not null, calls integer not null, errors integer not null,
    total integer not null, histogram blob not null,
    primary key (operation, minute)
) without rowid;
create table calls (  -- the same of calls between services
    parent integer not null, child integer not null, minute integer not null, calls integer not null,
    errors integer not null, total integer not null, histogram blob not null,
    primary key (parent, child, minute)
) without rowid;
create table counters (name text primary key, value integer not null) without rowid;
"""
