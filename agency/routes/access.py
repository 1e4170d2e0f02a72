"""How a route reaches the running services, and who may call it."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, Header, Request

from ..errors import UnauthorizedError
from ..services import Services


def services_of(request: Request) -> Services:
    """The services that the lifespan opened."""
    services: Services = request.app.state.services
    return services


Running = Annotated[Services, Depends(services_of)]


def require_key(services: Running, x_api_key: Annotated[str, Header()] = "") -> None:
    """With ENABLE_AUTHENTICATION the caller shows ERNI_MASTER_KEY as X-API-Key."""
    expected = services.settings.master_key
    # In constant time: how far a guess was right must not show. Header bytes arrive decoded as latin-1.
    if expected is not None and not hmac.compare_digest(x_api_key.encode("latin-1"), expected.encode()):
        raise UnauthorizedError("Send the agency's key in the X-API-Key header.")


Guard = Depends(require_key)
