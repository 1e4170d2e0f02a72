"""Every way the agency can fail, each with the HTTP status and the slug that a caller sees.

Imports nothing, so that any room may raise any of them.
"""

from __future__ import annotations


class AgencyError(Exception):
    """A failure with words for the caller: `details` names each offending thing."""

    status = 500
    slug = "internal_error"

    def __init__(self, message: str, *, details: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or []


class ConfigurationError(AgencyError):
    """The environment contradicts itself; raised at start, before anything runs."""

    slug = "configuration_error"


class InvalidRequestError(AgencyError):
    """The request parses, and asks for what cannot be."""

    status = 422
    slug = "invalid_request"


class PhotosRejectedError(AgencyError):
    """At least one photograph cannot be taken; `details` lists every bad path with its reason."""

    status = 400
    slug = "photos_rejected"


class UnauthorizedError(AgencyError):
    """The caller has no key, or a wrong one."""

    status = 401
    slug = "unauthorized"


class NotFoundError(AgencyError):
    """Nothing has that name or id."""

    status = 404
    slug = "not_found"


class UpstreamError(AgencyError):
    """OpenAI, Graph or the database let us down; `retry_after` in seconds when it said when to come back."""

    status = 502
    slug = "upstream_failed"

    def __init__(self, message: str, *, service: str, retry_after: float | None = None) -> None:
        super().__init__(message, details=[{"service": service}])
        self.service = service
        self.retry_after = retry_after


class UpstreamUnavailableError(UpstreamError):
    """It cannot be reached, or has no time for us now."""

    status = 503
    slug = "upstream_unavailable"


class UpstreamTimeoutError(UpstreamError):
    """It did not answer in time."""

    status = 504
    slug = "upstream_timeout"


class GraphRefusedError(Exception):
    """Microsoft Graph answered with an error: its status, its code, its words, and its Retry-After in seconds."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"Microsoft Graph answered {status} {code}: {message}")
        self.status = status
        self.code = code
        self.retry_after = retry_after


class VisionAnswerError(Exception):
    """The vision model answered with something other than the JSON that it was asked for."""
