"""The certificate files of ``[export]``, read again when one of them has changed: they are renewed while we run."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from erni_run.inside.notice import describe
from erni_run.plan import ExportPlan

if TYPE_CHECKING:
    import grpc


class Unusable(Exception):
    """A file cannot be read, or holds no certificate or key; the text names the option."""


def stamp(plan: ExportPlan) -> tuple[int, ...]:
    """Another value when one of the files has changed. Raises Unusable if one cannot be found."""
    return tuple(_modified(option, path) for option, path in _named(plan).items() if path)


def context(plan: ExportPlan) -> ssl.SSLContext:
    """TLS as ``plan`` says, with the system's authorities if it names none. Raises Unusable."""
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


def credentials(plan: ExportPlan) -> grpc.ChannelCredentials:
    """The same for gRPC, which brings authorities of its own. Raises Unusable."""
    import grpc

    stamp(plan)  # gRPC itself does not say which file it dislikes
    context(plan)
    key = plan.client_key or plan.client_certificate
    return grpc.ssl_channel_credentials(_bytes(plan.certificate), _bytes(key), _bytes(plan.client_certificate))


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


def _bytes(path: str) -> bytes | None:
    if not path:
        return None
    with open(path, "rb") as file:
        return file.read()
