"""The one file that erni-run puts on PYTHONPATH. It takes its folder off sys.path again, starts the tracing, and then
gives way to the application's own sitecustomize. Any Python may meet this file, so it is written for all of them.
"""

import os
import sys


def _step_aside():
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != folder]
    sys.path_importer_cache.pop(folder, None)


def _is_off():
    """As erni_run.switch, which must not be loaded here: a process that is switched off loads nothing of ours."""
    switched_off = os.environ.get("ENABLE_TRACING", "").strip().lower() in ("false", "0", "no", "off")
    return switched_off or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def _start():
    pid, _, plan = os.environ.get("ERNI_RUN_PLAN", "").partition(" ")
    if not plan or _is_off():
        return
    try:
        from erni_run.inside.activate import activate
    except (ImportError, SyntaxError):
        # A child with another Python is none of our business; the command itself was meant to be traced.
        if pid == str(os.getpid()):
            line = "erni-run: %s has no erni-run installed: nothing is traced; pip install it there\n" % sys.executable
            os.write(2, line.encode())
        return
    activate(plan)


_step_aside()
_start()

# Without this file the import would have found the next sitecustomize, or failed: let it do just that.
del sys.modules["sitecustomize"]
import sitecustomize  # noqa: E402, F401  # after the tracing has started, so that what it imports is seen
