"""The plan: what the application's process must do, as frozen dataclasses and as one compact string.

The launcher writes it, the application's process reads it from one environment variable. This room knows nothing of
tracing.toml, of pydantic or of OpenTelemetry. The first lines of the string say what a process must know from its start
on: the modules that matter, and how often tracing.toml is looked at. What is below is read when it is needed.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, TypeVar

Value = str | bool | int | float | list[str] | list[bool] | list[int] | list[float]
"""An OTLP attribute value as a configuration file can hold it."""

OTLP = ("grpc", "http/protobuf")
"""The protocols that bring spans to a collector."""

CONTROL_FLOW = (
    "celery.exceptions:TaskPredicate",
    "dramatiq.errors:Retry",
    "huey.exceptions:RetryTask",
    "django.http.response:Http404",
    "django.core.exceptions:PermissionDenied",
    "rest_framework.exceptions:APIException",
    "starlette.exceptions:HTTPException",
    "werkzeug.exceptions:HTTPException",
    "aiohttp.web_exceptions:HTTPException",
    "grpc._cython.cygrpc:AbortError",
    "click.exceptions:Exit",
    "typer.exceptions:Exit",
    "greenlet:GreenletExit",
    "unittest.case:SkipTest",
    "builtins:Skipped",
)
"""Exceptions by which code tells its framework what to do next, as ``module:Exception``, with their subclasses."""

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class ServicePlan:
    """The resource: ``attributes`` are further resource attributes, already merged with OTEL_RESOURCE_ATTRIBUTES."""

    name: str = "unknown_service"
    version: str = ""
    environment: str = ""
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ExportPlan:
    """Where spans go. Times in seconds; ``headers`` are secrets and are never printed.

    ``configured`` is the endpoint that the configuration names where ``--view`` has put the viewer's in its place.
    """

    endpoint: str = "http://localhost:4317"
    protocol: str = "grpc"
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    compression: str = "gzip"
    timeout: float = 10.0
    certificate: str = ""
    client_certificate: str = ""
    client_key: str = ""
    exit_budget: float = 1.5
    configured: str = ""


@dataclass(frozen=True, kw_only=True)
class SpoolPlan:
    """Where spans wait for the collector: ``max_size`` in bytes, ``max_age`` in seconds, ``path`` absolute."""

    path: str = ""
    max_size: int = 256 * 1024 * 1024
    max_age: float = 48 * 3600.0
    journal: bool = True


@dataclass(frozen=True, kw_only=True)
class SamplingRule:
    """``ratio`` for traces whose root matches: by its ``name``, or by an ``attribute`` whose value ``matches``."""

    ratio: float
    name: str = ""
    attribute: str = ""
    matches: str = ""


@dataclass(frozen=True, kw_only=True)
class SamplingPlan:
    """``sampler`` is a name of OTEL_TRACES_SAMPLER, ``ratio`` its argument; ``keep_slower_than`` in seconds."""

    sampler: str = "parentbased_traceidratio"
    ratio: float = 1.0
    keep_errors: bool = False
    keep_slower_than: float = 0.0
    rules: tuple[SamplingRule, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LibrariesPlan:
    """``enable`` is None for "auto"; ``options`` are keyword arguments by library name.

    ``modules`` are those whose first import switches a wanted library on.
    """

    enable: tuple[str, ...] | None = None
    disable: tuple[str, ...] = ()
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    modules: tuple[str, ...] = ()

    def wants(self, name: str, *, auto: bool) -> bool:
        """Whether the library ``name`` shall be instrumented; ``auto`` tells if "auto" includes it."""
        if name in self.disable or "*" in self.disable:
            return False
        return auto if self.enable is None else name in self.enable


@dataclass(frozen=True, kw_only=True)
class LogsPlan:
    """``inject`` names logging libraries, ``fields`` what their lines carry."""

    inject: tuple[str, ...] = ("structlog", "logging", "loguru")
    fields: tuple[str, ...] = ("trace_id", "span_id", "service", "environment")
    export: bool = False


@dataclass(frozen=True, kw_only=True)
class MetricsPlan:
    """``enabled`` is auto, true or false; ``every`` in seconds."""

    enabled: str = "auto"
    every: float = 30.0


@dataclass(frozen=True, kw_only=True)
class CapturePlan:
    """Bounds for every captured value: ``max_length`` in characters, ``redact`` globs on names."""

    max_length: int = 256
    redact: tuple[str, ...] = (
        *("*password*", "*passwd*", "*pwd*", "*passphrase*", "*secret*", "*token*", "*authorization*"),
        *("*api_key*", "*apikey*", "*access_key*", "*private_key*", "*credential*", "*cookie*", "*session*"),
    )
    exceptions: bool = True


@dataclass(frozen=True, kw_only=True)
class ReloadPlan:
    """``every`` in seconds."""

    enabled: bool = True
    every: float = 1.0


@dataclass(frozen=True, kw_only=True)
class LimitsPlan:
    """How much a span may hold, as ``opentelemetry.sdk.trace.SpanLimits``; lengths in characters, -1 for no limit."""

    attributes: int = 128
    span_attributes: int = 128
    event_attributes: int = 128
    link_attributes: int = 128
    events: int = 128
    links: int = 128
    attribute_length: int = -1
    span_attribute_length: int = -1


@dataclass(frozen=True, kw_only=True)
class VariablesPlan:
    """What becomes of variables that OpenTelemetry's own modules read: those ``ignored``, whose values cannot be used,
    and the names of ``plugins``, which are entry points, by variable.
    """

    ignored: tuple[str, ...] = ()
    plugins: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SpanPlan:
    """One ``[[span]]`` or ``[[handoff]]``; ``line`` is its line in tracing.toml.

    ``name`` and string values of ``attributes`` may hold ``{module}``, ``{class}``, ``{function}`` and ``{qualname}``,
    filled in for each function that ``target`` resolves to. An empty ``name`` stands for the qualified name.
    """

    target: str
    name: str = ""
    kind: str = "internal"
    attributes: dict[str, Value] = field(default_factory=dict)
    capture: dict[str, str] = field(default_factory=dict)
    layer: str = "inner"
    mode: str = "call"
    current: bool = True
    cancelled: str = "ok"
    ignore: tuple[str, ...] = CONTROL_FLOW
    line: int = 0

    @property
    def module(self) -> str:
        """The part of ``target`` before the colon: a module's name or a glob per dotted part."""
        return self.target.partition(":")[0]

    @property
    def qualname(self) -> str:
        """The part of ``target`` after the colon: a qualified name or a glob per dotted part."""
        return self.target.partition(":")[2]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that the application's process must do. ``config`` is the absolute path of tracing.toml, "" if there is
    none, ``digest`` the CRC-32 of its bytes when it was read, ``command`` the service's name where nobody gives one.
    """

    config: str = ""
    digest: int = 0
    command: str = ""
    service: ServicePlan = ServicePlan()
    export: ExportPlan = ExportPlan()
    spool: SpoolPlan = SpoolPlan()
    sampling: SamplingPlan = SamplingPlan()
    libraries: LibrariesPlan = LibrariesPlan()
    logs: LogsPlan = LogsPlan()
    metrics: MetricsPlan = MetricsPlan()
    capture: CapturePlan = CapturePlan()
    reload: ReloadPlan = ReloadPlan()
    limits: LimitsPlan = LimitsPlan()
    variables: VariablesPlan = VariablesPlan()
    spans: tuple[SpanPlan, ...] = ()


_PARTS = {
    "service": ServicePlan,
    "export": ExportPlan,
    "spool": SpoolPlan,
    "sampling": SamplingPlan,
    "libraries": LibrariesPlan,
    "logs": LogsPlan,
    "metrics": MetricsPlan,
    "capture": CapturePlan,
    "reload": ReloadPlan,
    "limits": LimitsPlan,
    "variables": VariablesPlan,
}


def encode(plan: Plan) -> str:
    """``plan`` as one string: a line of the module globs that hold targets, a line of the modules of libraries, a line
    with the seconds between two looks at tracing.toml (empty: never), and JSON without the default values.
    """
    targets = " ".join(sorted({span.module for span in plan.spans}))
    libraries = " ".join(plan.libraries.modules)
    reload = f"{plan.reload.every}" if plan.reload.enabled and plan.config else ""
    return f"{targets}\n{libraries}\n{reload}\n{json.dumps(_sparse(plan), separators=(',', ':'))}"


def decode(text: str) -> Plan:
    """The plan that ``encode`` wrote. Raises ValueError, TypeError or KeyError for anything else."""
    raw = json.loads(text.split("\n", 3)[3])
    parts: dict[str, Any] = {name: _build(kind, raw.pop(name)) for name, kind in _PARTS.items() if name in raw}
    if "sampling" in parts:
        rules = tuple(_build(SamplingRule, rule) for rule in parts["sampling"].rules)
        parts["sampling"] = dataclasses.replace(parts["sampling"], rules=rules)
    spans = tuple(_build(SpanPlan, span) for span in raw.pop("spans", ()))
    return Plan(spans=spans, **parts, **raw)


def _sparse(part: Any) -> Any:
    if not dataclasses.is_dataclass(part):
        return [_sparse(item) for item in part] if isinstance(part, tuple) else part
    return {
        f.name: _sparse(getattr(part, f.name)) for f in dataclasses.fields(part) if getattr(part, f.name) != _default(f)
    }


def _default(f: dataclasses.Field[Any]) -> Any:
    return f.default if f.default_factory is dataclasses.MISSING else f.default_factory()


def _build(kind: type[_T], raw: dict[str, Any]) -> _T:
    tuples = {f.name for f in dataclasses.fields(kind) if "tuple" in str(f.type)}  # type: ignore[arg-type]  # kind is a dataclass
    return kind(**{name: tuple(v) if name in tuples and v is not None else v for name, v in raw.items()})
