"""What the environment of the application is, as pure functions from mapping to mapping."""

import os

from erni_run.errors import PlanTooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PLAN = "ERNI_RUN_PLAN"
ENTRY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "entry")

_LARGEST_VARIABLE = 128 * 1024 - 1  # MAX_ARG_STRLEN of Linux, with its terminating NUL: execve(2)


def traced(environ: "Mapping[str, str]", plan: str, pid: int) -> dict[str, str]:
    """``environ`` for a traced application: our folder first on PYTHONPATH, the plan in one variable.

    ``pid`` is the launcher's, which ``exec`` makes the application's: the hook tells by it whether it runs in the
    command itself or in one of its children. Raises PlanTooLarge.
    """
    rest = [] if "PYTHONPATH" not in environ else environ["PYTHONPATH"].split(os.pathsep)
    path = os.pathsep.join([ENTRY, *(folder for folder in rest if folder != ENTRY)])
    variable = f"{pid} {plan}"
    size = len(PLAN) + 1 + len(os.fsencode(variable))
    if size > _LARGEST_VARIABLE:
        raise PlanTooLarge(
            f"the plan takes {size:,} bytes and the system allows {_LARGEST_VARIABLE:,} in one environment variable: "
            "join the targets of tracing.toml into globs, such as 'agency.agents.*:*.run'"
        )
    return {**environ, "PYTHONPATH": path, PLAN: variable}


def as_inherited(environ: "Mapping[str, str]", initial: bytes) -> dict[str, str]:
    """``environ`` as this process was given it; ``initial`` is what /proc/self/environ holds.

    In the C locale Python adds LC_CTYPE to its own environment (PEP 538); the application must not inherit that.
    """
    inherited = dict(environ)
    if "LC_CTYPE" in inherited and b"\0LC_CTYPE=" not in b"\0" + initial:
        del inherited["LC_CTYPE"]
    return inherited
