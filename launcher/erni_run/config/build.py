"""From the models and the environment to the ``Plan``: environment over file over default."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from erni_run.config import endpoint, headers, units
from erni_run.config.content import is_watchable
from erni_run.config.environment import Remark, Setting
from erni_run.config.libraries import LIBRARIES
from erni_run.config.model import Document, Handoff, Span
from erni_run.config.substitute import fill
from erni_run.plan import (
    CapturePlan,
    ExportPlan,
    LibrariesPlan,
    LimitsPlan,
    LogsPlan,
    MetricsPlan,
    Plan,
    ReloadPlan,
    SamplingPlan,
    SamplingRule,
    ServicePlan,
    SpanPlan,
    SpoolPlan,
    VariablesPlan,
)

CODE_FUNCTION = {"code.function.name": "{module}.{qualname}"}
"""Every span of a function says which one (OpenTelemetry semantic conventions, code attributes)."""

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a plan needs besides the file: the variables that won, the command's name, where files are relative to."""

    settings: Mapping[str, Setting]
    remarks: Sequence[Remark]
    environ: Mapping[str, str]
    command: str
    config: str
    digest: int = 0

    def pick(self, key: str, given: _T) -> _T:
        """The variable's value for ``key``, else ``given``."""
        value: _T = self.settings[key].value if key in self.settings else given
        return value

    @property
    def is_watchable(self) -> bool:
        """Whether the file can be looked at again."""
        return not self.config or is_watchable(self.config)

    def beside(self, path: str) -> str:
        """``path`` of the file as an absolute path: relative ones start in the file's folder, ``~`` is HOME."""
        if not path:
            return ""
        if path == "~" or path.startswith("~/"):
            path = _home(self.environ) + path[1:]
        return os.path.abspath(os.path.join(os.path.dirname(self.config), path))


def plan(document: Document, around: Surroundings, spans: tuple[SpanPlan, ...]) -> Plan:
    """The plan for ``document``; ``spans`` are its entries, already made of ``span``."""
    return Plan(
        config=around.config,
        digest=around.digest,
        command=around.command,
        service=_service(document, around),
        export=_export(document, around),
        spool=_spool(document, around),
        sampling=_sampling(document, around),
        libraries=_libraries(document, around),
        logs=LogsPlan(
            inject=tuple(document.logs.inject), fields=tuple(document.logs.fields), export=document.logs.export
        ),
        metrics=MetricsPlan(enabled=document.metrics.enabled, every=units.seconds(document.metrics.every)),
        capture=CapturePlan(
            max_length=document.capture.max_length,
            redact=tuple(document.capture.redact),
            exceptions=document.capture.exceptions,
        ),
        reload=ReloadPlan(
            enabled=document.reload.enabled and around.is_watchable, every=units.seconds(document.reload.every)
        ),
        limits=_limits(around),
        variables=_variables(around),
        spans=spans,
    )


def span(entry: Span | Handoff, line: int) -> SpanPlan:
    """The plan of one entry that stands on ``line``; a handoff becomes the span that it is sugar for."""
    if isinstance(entry, Handoff):
        return SpanPlan(
            target=entry.target,
            name=f"agent_handoff.{entry.agent}",
            attributes={**_handoff_attributes(entry), **entry.attributes},
            capture=dict(entry.capture),
            layer="outer",
            line=line,
        )
    return SpanPlan(
        target=entry.target,
        name=entry.name,
        kind=entry.kind,
        attributes={**CODE_FUNCTION, **entry.attributes},
        capture=dict(entry.capture),
        layer=entry.layer,
        mode=entry.mode,
        current=entry.current,
        cancelled=entry.cancelled,
        ignore=tuple(entry.ignore),
        line=line,
    )


def _handoff_attributes(entry: Handoff) -> dict[str, Any]:
    return {
        "agent": entry.agent,
        "handoff_type": entry.type,
        "function.name": "{function}",
        **CODE_FUNCTION,
        "gen_ai.agent.name": entry.agent,
    }


def _service(document: Document, around: Surroundings) -> ServicePlan:
    return ServicePlan(
        name=around.pick("service.name", document.service.name) or os.path.basename(around.command) or ServicePlan.name,
        version=around.pick("service.version", document.service.version),
        environment=around.pick("service.environment", _environment(document, around)),
        attributes={**document.service.attributes, **_below("service.attributes.", around)},
    )


def _environment(document: Document, around: Surroundings) -> str:
    given = document.service.environment
    return given if "environment" in document.service.model_fields_set else fill(given, around.environ)


def _export(document: Document, around: Surroundings) -> ExportPlan:
    given = document.export
    protocol = around.pick("export.protocol", given.protocol)
    return ExportPlan(
        endpoint=_endpoint(document, around, protocol),
        protocol=protocol,
        headers=headers.sent(around.pick("export.headers", given.headers)),
        compression=around.pick("export.compression", given.compression),
        timeout=around.pick("export.timeout", units.seconds(given.timeout)),
        certificate=around.pick("export.certificate", around.beside(given.certificate)),
        client_certificate=around.pick("export.client_certificate", around.beside(given.client_certificate)),
        client_key=around.pick("export.client_key", around.beside(given.client_key)),
        exit_budget=units.seconds(given.exit_budget),
    )


def _endpoint(document: Document, around: Surroundings, protocol: str) -> str:
    if setting := around.settings.get("export.endpoint"):
        return endpoint.final(setting.value, protocol, setting.variable)
    if "endpoint" in document.export.model_fields_set:
        return endpoint.final(document.export.endpoint, protocol)
    return endpoint.default(protocol)


def _spool(document: Document, around: Surroundings) -> SpoolPlan:
    given = document.spool
    return SpoolPlan(
        path=around.beside(given.path) or _spool_path(around.environ),
        max_size=units.size(given.max_size),
        max_age=units.seconds(given.max_age),
        journal=given.journal,
    )


def _spool_path(environ: Mapping[str, str]) -> str:
    if named := environ.get("ERNI_SPOOL_DIR"):
        return os.path.abspath(named)
    state = environ.get("XDG_STATE_HOME", "")
    # XDG Base Directory specification 0.8: a relative path is invalid and is ignored
    folder = state if os.path.isabs(state) else os.path.join(_home(environ), ".local", "state")
    return os.path.join(folder, "erni-run")


def _home(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME", "")
    return home if os.path.isabs(home) else os.path.expanduser("~")


def _sampling(document: Document, around: Surroundings) -> SamplingPlan:
    given = document.sampling
    return SamplingPlan(
        sampler=around.pick("sampling.sampler", SamplingPlan.sampler),
        ratio=around.pick("sampling.ratio", given.ratio),
        keep_errors=given.keep_errors,
        keep_slower_than=units.optional_seconds(given.keep_slower_than),
        rules=tuple(
            SamplingRule(ratio=rule.ratio, name=rule.name, attribute=rule.attribute, matches=rule.matches)
            for rule in given.rule
        ),
    )


def _libraries(document: Document, around: Surroundings) -> LibrariesPlan:
    given = document.libraries
    disable = [*given.disable, *around.pick("libraries.disable", ())]
    plan = LibrariesPlan(
        enable=None if given.enable is None else tuple(given.enable),
        disable=tuple(dict.fromkeys(disable)),
        options={name: dict(options) for name, options in (given.model_extra or {}).items()},
    )
    wanted = {library.module for library in LIBRARIES.values() if plan.wants(library.name, auto=library.auto)}
    return dataclasses.replace(plan, modules=tuple(sorted(wanted)))


def _limits(around: Surroundings) -> LimitsPlan:
    return LimitsPlan(**_below("limits.", around))


def _variables(around: Surroundings) -> VariablesPlan:
    """OpenTelemetry's own modules would fail, or do what is not done here, over a value that is ignored."""
    read_by_otel = ("limits.", "sdk.", "variables.")
    ignored = [
        remark.variable for remark in around.remarks if remark.is_ignored and remark.key.startswith(read_by_otel)
    ]
    return VariablesPlan(ignored=tuple(ignored), plugins=_below("variables.", around))


def _below(prefix: str, around: Surroundings) -> dict[str, Any]:
    return {
        key.removeprefix(prefix): setting.value for key, setting in around.settings.items() if key.startswith(prefix)
    }
