"""erni-run starts an unchanged Python application so that the functions named in tracing.toml become spans.

``traced_span`` is all that is public, beside the version. It is imported on first use: the launcher's fast path loads
this file.
"""

from __future__ import annotations

from erni_run.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from erni_run.inside.traced import traced_span

__all__ = ["__version__", "traced_span"]


def __getattr__(name: str) -> object:
    if name == "traced_span":
        from erni_run.inside.traced import traced_span  # late: importing erni_run must cost nothing

        return traced_span
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
