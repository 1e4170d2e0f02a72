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
        # A child of a Python with another Python is none of our business; the command was meant to be traced.
        if _is_what_was_started(pid):
            line = "erni-run: %s has no erni-run installed: this process is not traced; pip install it there\n"
            line = line % sys.executable
            os.write(2, line if bytes is str else line.encode("utf-8", "replace"))
        return
    activate(plan)


def _is_what_was_started(command):
    """Whether this is the command, or the first Python below one that is none, such as uv or a shell script."""
    pid = os.getpid()
    try:
        while str(pid) != command:
            with open("/proc/%d/stat" % pid) as stat:
                after_name = stat.read().rpartition(")")[2]  # proc(5): the name may hold anything but the last )
            pid = int(after_name.split()[1])
            if os.path.basename(os.readlink("/proc/%d/exe" % pid)).startswith(("python", "pypy")):
                return False
    except (OSError, IOError, ValueError):  # not Linux, somebody else's process, or past the first of all
        return False
    return True


_step_aside()
_start()

# Without this file the import would have found the next sitecustomize, or failed: let it do just that.
del sys.modules["sitecustomize"]
import sitecustomize  # noqa: E402, F401  # after the tracing has started, so that what it imports is seen
