"""Every failure as {error, message, details}: our own errors, requests that do not parse, paths that do not exist."""

from __future__ import annotations

import math

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ..errors import AgencyError, UpstreamError
from ..logs import log_of
from ..upstream import UPSTREAM_ERRORS, as_agency_error

log = log_of(__name__)


def answer_problems(app: FastAPI) -> None:
    """Register an answer for every kind of failure."""
    app.exception_handler(AgencyError)(_known)
    app.exception_handler(RequestValidationError)(_unparsed)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(Exception)(_unexpected)
    for kind in UPSTREAM_ERRORS:
        app.exception_handler(kind)(_upstream)


def _body(error: str, message: str, details: list[dict[str, str]]) -> dict[str, object]:
    return {"error": error, "message": message, "details": details}


def _answer(error: AgencyError) -> JSONResponse:
    headers = {}
    if isinstance(error, UpstreamError) and error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return JSONResponse(_body(error.slug, error.message, error.details), error.status, headers)


async def _known(_request: Request, error: AgencyError) -> JSONResponse:
    return _answer(error)


async def _unparsed(_request: Request, error: RequestValidationError) -> JSONResponse:
    details = [{"field": ".".join(str(part) for part in each["loc"]), "reason": each["msg"]} for each in error.errors()]
    return JSONResponse(_body("invalid_request", "The request does not fit.", details), 422)


async def _http(_request: Request, error: HTTPException) -> JSONResponse:
    slug = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    return JSONResponse(_body(slug, str(error.detail), []), error.status_code, error.headers)


async def _upstream(_request: Request, error: Exception) -> JSONResponse:
    return _answer(as_agency_error(error) or UpstreamError("Something upstream failed.", service="unknown"))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected_error", path=request.url.path, error=type(error).__name__)  # uvicorn prints the traceback
    return JSONResponse(_body("internal_error", "The agency failed; its log says why.", []), 500)
