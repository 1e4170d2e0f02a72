"""All applications of the bench, in the order of the table."""

from __future__ import annotations

from tests.world import django_site, web

APPLICATIONS = (*django_site.APPLICATIONS, *web.APPLICATIONS)
