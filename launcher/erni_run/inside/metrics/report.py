"""The numbers of one moment as an OTLP request. Names, units and attributes are those of OpenTelemetry's semantic
conventions for SDK metrics; what they have no name for is called ``erni.trace``.

All sums are cumulative. ``ended = processed + queue.size``, and what is processed without an error is
exported, with or without one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from struct import pack
from typing import Protocol

from erni_run.inside.delivery.address import Address
from erni_run.inside.delivery.encoder import encode_attributes
from erni_run.inside.delivery.protobuf import double_field, field, fixed64_field, varint_field
from erni_run.inside.settlement import BOUNDS, Durations, Totals
from erni_run.plan import ExportPlan
from erni_run.version import __version__

Attributes = Mapping[str, str | int]
_EXPORTERS = {"grpc": "otlp_grpc_span_exporter", "http/protobuf": "otlp_http_span_exporter"}
_PROCESSOR = "erni_run.inside.delivery.sender.Sender"  # none of the conventions' types is what ours is
_ERROR_TYPES = {"memory full": "queue_full", "size": "queue_full", "partial success": "rejected"}
_SAMPLED = {"otel.span.sampling_result": "RECORD_AND_SAMPLE"}
_SUM, _HISTOGRAM = 7, 9  # kinds of metrics, by the fields that hold them
_BOUNDS = pack(f"<{len(BOUNDS)}d", *BOUNDS)
_CUMULATIVE = varint_field(2, 2)  # the temporality of sums and histograms


class Spans(Protocol):
    """Spans of this process since it began: ``ended = delivered + rejected + dropped + pending``."""

    @property
    def delivered(self) -> int:
        """The collector has taken these."""
        ...

    @property
    def rejected(self) -> Mapping[str, int]:
        """The collector never will take these; by reason."""
        ...

    @property
    def dropped(self) -> Mapping[str, int]:
        """These had to go; by reason."""
        ...

    @property
    def pending(self) -> int:
        """These wait, in memory or on disk."""
        ...


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When the process began to count and when it is now, in nanoseconds since the epoch; and what it has counted.

    ``failed_captures`` are attributes that were left out, by the entry that asks for them; ``overflowed`` traces of
    which only the head has decided whether they are kept.
    """

    since: int
    now: int
    spans: Spans
    traces: Totals
    failed_captures: Mapping[str, int]
    overflowed: int


def request(plan: ExportPlan, resource: bytes, moment: Moment) -> bytes:
    """A serialized ExportMetricsServiceRequest; ``resource`` is a serialized Resource, that of the process's spans.

    Numbers of fields are those of opentelemetry-proto, metrics/v1/metrics.proto.
    """
    scope = field(1, b"erni_run") + field(2, __version__.encode())
    metrics = b"".join(field(2, metric) for metric in (*_of_spans(plan, moment), *_of_traces(moment)))
    return field(1, field(1, resource) + field(2, field(1, scope) + metrics))


def _of_spans(plan: ExportPlan, moment: Moment) -> Iterable[bytes]:
    spans, traces = moment.spans, moment.traces
    processor, exporter = _component(_PROCESSOR), {**_component(_EXPORTERS[plan.protocol]), **_server(plan.endpoint)}
    counter, level = _Sums(moment=moment, is_monotonic=True), _Sums(moment=moment, is_monotonic=False)
    yield counter.metric("otel.sdk.span.started", "{span}", [(traces.started, _SAMPLED)])
    yield level.metric("otel.sdk.span.live", "{span}", [(traces.started - traces.ended, _SAMPLED)])
    yield counter.metric(
        "otel.sdk.processor.span.processed",
        "{span}",
        [
            (spans.delivered + sum(spans.rejected.values()), processor),
            *_failed(spans.dropped, "queue_full", processor),
        ],
    )
    yield level.metric("otel.sdk.processor.span.queue.size", "{span}", [(spans.pending, processor)])
    yield counter.metric(
        "otel.sdk.exporter.span.exported",
        "{span}",
        [(spans.delivered, exporter), *_failed(spans.rejected, "rejected", exporter)],
    )


def _failed(spans: Mapping[str, int], otherwise: str, component: Attributes) -> Iterable[tuple[int, Attributes]]:
    """A point for each error.type, and one for the conventions' own even if it is 0: alerts are made of it."""
    kinds = Counter({otherwise: 0})
    for reason, count in spans.items():
        kinds[_ERROR_TYPES.get(reason, reason.replace(" ", "_"))] += count
    return [(count, {**component, "error.type": kind}) for kind, count in kinds.items()]


def _of_traces(moment: Moment) -> Iterable[bytes]:
    traces = moment.traces
    settled = [(count, _trace(*key)) for key, count in traces.settled.items()]
    counter = _Sums(moment=moment, is_monotonic=True)
    yield counter.metric("erni.trace.settled", "{trace}", settled)
    yield counter.metric("erni.trace.overflowed", "{trace}", [(moment.overflowed, {})])
    left_out = [(count, {"erni.entry": entry}) for entry, count in moment.failed_captures.items()]
    yield counter.metric("erni.capture.failed", "{attribute}", left_out)
    durations = b"".join(field(1, _duration(key, taken, moment)) for key, taken in traces.durations.items())
    yield _metric("erni.trace.duration", "s", _HISTOGRAM, durations + _CUMULATIVE)


def _duration(key: tuple[str, str], taken: Durations, moment: Moment) -> bytes:
    """A HistogramDataPoint."""
    buckets = b"".join(count.to_bytes(8, "little") for count in taken.buckets)
    return b"".join(
        (
            _times(moment),
            fixed64_field(4, sum(taken.buckets)),
            double_field(5, taken.total),
            field(6, buckets),
            field(7, _BOUNDS),
            encode_attributes(b"\x4a", _trace(*key).items()),
        )
    )


@dataclass(frozen=True, kw_only=True)
class _Sums:
    moment: Moment
    is_monotonic: bool

    def metric(self, name: str, unit: str, points: Iterable[tuple[int, Attributes]]) -> bytes:
        data = b"".join(field(1, self._point(value, attributes)) for value, attributes in points)
        return _metric(name, unit, _SUM, data + _CUMULATIVE + varint_field(3, self.is_monotonic))

    def _point(self, value: int, attributes: Attributes) -> bytes:
        """A NumberDataPoint."""
        number = fixed64_field(6, value)
        return _times(self.moment) + number + encode_attributes(b"\x3a", attributes.items())


def _metric(name: str, unit: str, kind: int, data: bytes) -> bytes:
    return field(1, name.encode()) + field(3, unit.encode()) + field(kind, data)


def _times(moment: Moment) -> bytes:
    return fixed64_field(2, moment.since) + fixed64_field(3, moment.now)


def _component(kind: str) -> Attributes:
    return {"otel.component.type": kind, "otel.component.name": f"{kind}/0"}


def _server(endpoint: str) -> Attributes:
    """A Unix socket has a name and no port."""
    address = Address(endpoint)
    if address.path:
        return {"server.address": address.path}
    return {"server.address": address.host, "server.port": address.port}


def _trace(outcome: str, name: str) -> Attributes:
    return {"erni.trace.outcome": outcome, "erni.trace.name": name}
