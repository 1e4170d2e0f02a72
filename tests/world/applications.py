"""All applications of the bench, in the order of the table."""

from __future__ import annotations

from tests.world import agents, commands, django_site, pools, web, workers

APPLICATIONS = (
    *django_site.APPLICATIONS,
    *web.APPLICATIONS,
    *workers.APPLICATIONS,
    *pools.APPLICATIONS,
    *commands.APPLICATIONS,
    *agents.APPLICATIONS,
)
