"""The certificate files of ``[export]``, read again when one of them has changed: they are renewed while we run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from erni_run.inside import forks
from erni_run.inside.notice import describe
from erni_run.plan import ExportPlan

if TYPE_CHECKING:
    import ssl


class Unusable(Exception):
    """There is no secure connection before somebody has changed the option that the text names."""


class Contexts:
    """TLS as ``plan`` says. ``protocol`` is the only one that we speak, for servers that choose (RFC 7301, ALPN)."""

    def __init__(self, plan: ExportPlan, protocol: str) -> None:
        self._plan = plan
        self._protocol = protocol
        self._stamp: tuple[int, ...] | None = None
        self._latest: ssl.SSLContext | None = None

    def latest(self) -> ssl.SSLContext:
        """Made anew only if a file has changed: the system's authorities alone take 10 ms to read. Raises Unusable."""
        stamp = tuple(_modified(option, path) for option, path in _named(self._plan).items() if path)
        if self._latest is None or stamp != self._stamp:
            self._latest = _context(self._plan)
            if self._protocol:
                self._latest.set_alpn_protocols([self._protocol])
            self._stamp = stamp
        return self._latest


def _context(plan: ExportPlan) -> ssl.SSLContext:
    """With the system's authorities if ``plan`` names none."""
    with forks.late_import():  # late: most collectors are spoken to without, and it loads OpenSSL, 5 MB
        import encodings.idna  # noqa: F401  # ssl imports it with the first name of a server
        import ssl

    try:
        made = ssl.create_default_context(cafile=plan.certificate or None)
    except OSError as error:
        raise Unusable(f"export.certificate: {describe(error)}") from error
    if plan.client_certificate:
        try:
            made.load_cert_chain(plan.client_certificate, plan.client_key or None, password=_no_password)
        except (OSError, ValueError) as error:
            raise Unusable(f"export.client_certificate, export.client_key: {describe(error)}") from error
    return made


def _named(plan: ExportPlan) -> dict[str, str]:
    return {
        "export.certificate": plan.certificate,
        "export.client_certificate": plan.client_certificate,
        "export.client_key": plan.client_key,
    }


def _modified(option: str, path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError as error:
        raise Unusable(f"{option}: {describe(error)}") from error


def _no_password() -> str:
    """OpenSSL would ask on the terminal."""
    raise ValueError("the key is protected by a password")
