"""The same tracing.toml under OpenTelemetry's own launcher: its ``opentelemetry-instrument``, the Kubernetes
operator's injection.

Registered under the entry point group ``opentelemetry_instrumentor``. Libraries, exporter and sampling are that
launcher's; the functions of tracing.toml are added to what it records.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # no __all__

from erni_run.errors import ConfigError
from erni_run.inside.activate import activate_functions, current_plan
from erni_run.inside.notice import say


class ErniRunInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # which makes it Any
    """Instruments the functions that tracing.toml names, unless erni-run has started this process and does so
    already.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: the functions are the application's own."""
        return ()

    def _instrument(self, **_: Any) -> None:
        if current_plan() is not None:
            return
        from erni_run.config.find import find
        from erni_run.config.read import read

        try:
            path = find(None, os.environ, os.getcwd())
            if path is not None:
                activate_functions(read(path, os.environ, os.path.basename(sys.argv[0] or sys.executable)).plan)
        except ConfigError as error:
            say(str(error))

    def _uninstrument(self, **_: Any) -> None:
        from erni_run.inside.functions.instrument import restore_all

        restore_all()
