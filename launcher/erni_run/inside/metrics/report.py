"""The numbers of one moment as an OTLP request. Names, units and attributes are those of OpenTelemetry's semantic
conventions for SDK metrics; what they have no name for is called ``erni.trace``.

All sums are cumulative. ``ended = processed + queue.size``, and what is processed without an error is
exported, with or without one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE, Metric, NumberDataPoint

from erni_run.inside.settlement import BOUNDS, Totals
from erni_run.plan import ExportPlan
from erni_run.version import __version__

Attributes = Mapping[str, str | int]
_EXPORTERS = {"grpc": "otlp_grpc_span_exporter", "http/protobuf": "otlp_http_span_exporter"}
_PROCESSOR = "erni_run.inside.delivery.sender.Sender"  # none of the conventions' types is what ours is
_ERROR_TYPES = {"memory full": "queue_full", "size": "queue_full", "partial success": "rejected"}
_SAMPLED = {"otel.span.sampling_result": "RECORD_AND_SAMPLE"}


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
    """A serialized ExportMetricsServiceRequest; ``resource`` is a serialized Resource, that of the process's spans."""
    made = ExportMetricsServiceRequest()
    metrics_of = made.resource_metrics.add()
    metrics_of.resource.ParseFromString(resource)
    ours = metrics_of.scope_metrics.add()
    ours.scope.name, ours.scope.version = "erni_run", __version__
    ours.metrics.extend([*_of_spans(plan, moment), *_of_traces(moment)])
    return bytes(made.SerializeToString())


def _of_spans(plan: ExportPlan, moment: Moment) -> Iterable[Metric]:
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


def _of_traces(moment: Moment) -> Iterable[Metric]:
    traces = moment.traces
    settled = [(count, _trace(*key)) for key, count in traces.settled.items()]
    counter = _Sums(moment=moment, is_monotonic=True)
    yield counter.metric("erni.trace.settled", "{trace}", settled)
    yield counter.metric("erni.trace.overflowed", "{trace}", [(moment.overflowed, {})])
    left_out = [(count, {"erni.entry": entry}) for entry, count in moment.failed_captures.items()]
    yield counter.metric("erni.capture.failed", "{attribute}", left_out)
    durations = Metric(name="erni.trace.duration", unit="s")
    durations.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    for key, taken in traces.durations.items():
        durations.histogram.data_points.add(
            attributes=_attributes(_trace(*key)),
            start_time_unix_nano=moment.since,
            time_unix_nano=moment.now,
            count=sum(taken.buckets),
            sum=taken.total,
            bucket_counts=taken.buckets,
            explicit_bounds=BOUNDS,
        )
    yield durations


@dataclass(frozen=True, kw_only=True)
class _Sums:
    moment: Moment
    is_monotonic: bool

    def metric(self, name: str, unit: str, points: Iterable[tuple[int, Attributes]]) -> Metric:
        made = Metric(name=name, unit=unit)
        made.sum.is_monotonic = self.is_monotonic
        made.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        made.sum.data_points.extend(
            NumberDataPoint(
                attributes=_attributes(attributes),
                start_time_unix_nano=self.moment.since,
                time_unix_nano=self.moment.now,
                as_int=value,
            )
            for value, attributes in points
        )
        return made


def _component(kind: str) -> Attributes:
    return {"otel.component.type": kind, "otel.component.name": f"{kind}/0"}


def _server(endpoint: str) -> Attributes:
    url = urlsplit(endpoint)
    return {"server.address": url.hostname or "", "server.port": url.port or (443 if url.scheme == "https" else 80)}


def _trace(outcome: str, name: str) -> Attributes:
    return {"erni.trace.outcome": outcome, "erni.trace.name": name}


def _attributes(attributes: Attributes) -> list[KeyValue]:
    made = []
    for key, value in attributes.items():
        pair = KeyValue(key=key)
        if isinstance(value, str):
            pair.value.string_value = value
        else:
            pair.value.int_value = value
        made.append(pair)
    return made
