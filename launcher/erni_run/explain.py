"""``--explain``: what will be traced, and where each setting comes from."""

from __future__ import annotations

from erni_run.config.read import Reading
from erni_run.plan import Plan


def explain(reading: Reading) -> str:
    """The text for standard error, one setting a line. Headers are named, never shown."""
    settings = _settings(reading.plan)
    width = max(len(key) for key in settings)
    origins = reading.origins
    lines = [f"  {key:<{width}}  {value}   ({origins.get(key, 'default')})" for key, value in settings.items()]
    spans = [f"  {span.name or span.target}   {span.target}   (line {span.line})" for span in reading.plan.spans]
    return "\n".join(["erni-run: settings", *lines, f"erni-run: spans ({len(spans)})", *spans]) + "\n"


def _settings(plan: Plan) -> dict[str, str]:
    headers = ", ".join(f"{name}: ***" for name in plan.export.headers)
    libraries = plan.libraries
    return {
        "service.name": plan.service.name,
        "service.version": plan.service.version or "-",
        "service.environment": plan.service.environment,
        "export.endpoint": plan.export.endpoint.partition("?")[0],
        "export.protocol": plan.export.protocol,
        "export.headers": headers or "-",
        "export.compression": plan.export.compression,
        "export.timeout": f"{plan.export.timeout:g} s",
        "export.exit_budget": f"{plan.export.exit_budget:g} s",
        "sampling.sampler": plan.sampling.sampler,
        "sampling.ratio": f"{plan.sampling.ratio:g}",
        "libraries.enable": "auto" if libraries.enable is None else ", ".join(libraries.enable) or "none",
        "libraries.disable": ", ".join(libraries.disable) or "-",
        "logs.inject": ", ".join(plan.logs.inject) or "none",
        "logs.fields": ", ".join(plan.logs.fields) or "none",
    }
