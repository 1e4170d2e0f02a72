"""The resource: what the whole process says about itself, by the semantic conventions."""

from __future__ import annotations

import os
import platform
import uuid
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.version import __version__ as sdk_version

from erni_run.plan import ServicePlan
from erni_run.version import __version__


def resource(service: ServicePlan) -> Resource:
    """The resource of this process. deployment.environment is the older spelling of deployment.environment.name."""
    named: dict[str, Any] = {
        "service.name": service.name,
        "service.version": service.version,
        "deployment.environment.name": service.environment,
        "deployment.environment": service.environment,
    }
    runtime: dict[str, Any] = {
        **identity(),
        "process.runtime.name": platform.python_implementation().lower(),
        "process.runtime.version": platform.python_version(),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk_version,
        "telemetry.distro.name": "erni-run",
        "telemetry.distro.version": __version__,
    }
    return Resource({**runtime, **service.attributes, **{name: value for name, value in named.items() if value}})


def identity() -> dict[str, Any]:
    """What tells this process from its siblings."""
    return {"service.instance.id": str(uuid.uuid4()), "process.pid": os.getpid()}
