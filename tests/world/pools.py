"""Pools of processes: each task is a trace of its own, delivered before its process ends."""

from __future__ import annotations

from tests.world.application import Application, spans

_SQUARES = ("square",) * 4
_FAILED = "root (error)"

APPLICATIONS = (
    *(
        Application(
            name=f"multiprocessing, {method}",
            program="pools",
            command=f"python processes.py {method}",
            tracing=spans("work:*"),
            traces=(*_SQUARES, _FAILED),
        )
        for method in ("fork", "forkserver", "spawn")
    ),
    Application(
        name="ProcessPoolExecutor",
        program="pools",
        command="python executor.py",
        tracing=spans("work:*"),
        traces=(*_SQUARES, _FAILED),
    ),
    Application(
        name="joblib",
        program="pools",
        command="python parallel.py",
        tracing=spans("work:*"),
        traces=_SQUARES,
    ),
)
