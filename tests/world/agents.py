"""Agents with a model on loopback."""

from __future__ import annotations

from tests.world.application import Application, spans

APPLICATIONS = (
    Application(
        name="LangGraph",
        program="agents",
        command="python main.py graph",
        tracing=spans("graph:run", "graph:act", "graph:build.<locals>.ask", "tools:*"),
        traces=(
            """
            run
              build.<locals>.ask
                chat small (client)
                  POST (client)
              act
                weather
              build.<locals>.ask
                chat small (client)
                  POST (client)
            """,
        ),
        absent={"3.15": "zstandard has no wheel"},
    ),
    Application(
        name="pydantic-ai",
        program="agents",
        command="python main.py agent",
        tracing=spans("agent:run", "tools:*"),
        traces=(
            """
            run
              chat small (client)
                POST (client)
              weather
              chat small (client)
                POST (client)
            """,
        ),
    ),
)
