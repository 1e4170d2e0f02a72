"""Which tracing.toml applies. Only ``os`` is imported: the launcher asks before it knows whether there is a file."""

from __future__ import annotations

import os
from collections.abc import Mapping

from erni_run.errors import ConfigError, Mistake

NAME = "tracing.toml"
VARIABLE = "ERNI_RUN_CONFIG"


def find(option: str | None, environ: Mapping[str, str], cwd: str) -> str | None:
    """The absolute path of the file that applies, None if there is none.

    ``option`` is the value of ``--config``; then ERNI_RUN_CONFIG (empty counts as unset), then ``tracing.toml`` in the
    absolute folder ``cwd`` and the folders above it. Raises ConfigError if a named file cannot be read.
    """
    if option is not None:
        return _named(option, "--config", cwd)
    if variable := environ.get(VARIABLE):
        return _named(variable, VARIABLE, cwd)
    return _above(cwd)


def _named(name: str, where: str, cwd: str) -> str:
    path = os.path.normpath(os.path.join(cwd, name))
    if not name or not os.path.exists(path):
        hint = f"name an existing file, or leave {where} out to have {NAME} searched from the working directory upwards"
        raise ConfigError([Mistake(where, name or '""', f"no such file; {hint}", "file-not-found")])
    if os.path.isdir(path):
        raise ConfigError(
            [Mistake(where, name, f"this is a directory; write {os.path.join(name, NAME)}", "file-unreadable")]
        )
    if not os.access(path, os.R_OK):
        raise ConfigError([Mistake(where, name, "no permission to read the file; try chmod +r", "file-unreadable")])
    return path


def _above(folder: str) -> str | None:
    while True:
        path = os.path.join(folder, NAME)
        if os.path.isfile(path):
            return _named(path, NAME, folder)
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
