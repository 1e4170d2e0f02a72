"""What to try instead, for a command that was not found."""

import difflib
import os
import sys
from collections.abc import Iterable, Mapping

from erni_run.options import VERBS


def for_missing(name: str, environ: Mapping[str, str]) -> str:
    """A sentence that starts with "; ", or "" where nothing comes to mind."""
    if "/" in name:
        return ""
    if os.path.isfile(name):
        starter = f"erni-run python {name}" if name.endswith(".py") else f"erni-run ./{name}"
        return f"; the file is here: `{starter}`"
    beside = os.path.dirname(sys.executable)
    if os.access(os.path.join(beside, name), os.X_OK):
        return f"; it is in {beside}, which is not on PATH: activate that environment"
    module, colon, _ = name.partition(":")
    if colon and all(part.isidentifier() for part in module.split(".")):
        return f"; an ASGI application needs its server: `erni-run uvicorn {name}`"
    near = difflib.get_close_matches(name, [*VERBS, *_names(environ)], n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""


def _names(environ: Mapping[str, str]) -> Iterable[str]:
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        try:
            yield from os.listdir(folder or os.curdir)
        except OSError:
            continue
