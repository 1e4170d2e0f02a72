"""The command line of a verb. The launcher's own is in ``options``: a start must not pay for argparse."""

from __future__ import annotations

import argparse
from typing import NoReturn

from erni_run.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argparse parser for ``erni-run VERB`` whose mistakes are one message of ours."""

    def __init__(self, verb: str, description: str, *, usage: str | None = None, epilog: str | None = None) -> None:
        super().__init__(prog=f"erni-run {verb}", description=description, usage=usage, epilog=epilog)
        self._verb = verb

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{self._verb}: {message}; see `erni-run {self._verb} --help`")
