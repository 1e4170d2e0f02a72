"""What was said in a session, in the SDK's own tables, kept free of half-told turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from agents.extensions.memory import SQLAlchemySession
from sqlalchemy.ext.asyncio import AsyncEngine

REMEMBERED = 20


class Conversations:
    """One turn at a time in a session: two at once would mix their tool calls."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def set_up(self) -> None:
        """Create the SDK's tables, once, so that no turn has to look for them."""
        await SQLAlchemySession("", engine=self._engine, create_tables=True).get_items()

    def of(self, session_id: str) -> SQLAlchemySession:
        """The conversation of one session."""
        return SQLAlchemySession(session_id, engine=self._engine)

    @asynccontextmanager
    async def turn(self, session_id: str, request: str) -> AsyncIterator[SQLAlchemySession]:
        """The session's history for one run. When the run fails its items are taken back and one sentence stays.

        A tool call without its result, as a failing handoff leaves it, makes OpenAI refuse every later turn.
        """
        conversation = self.of(session_id)
        async with self._turns.setdefault(session_id, asyncio.Lock()):
            before = len(await conversation.get_items())
            try:
                yield conversation
            except BaseException as error:
                await asyncio.shield(_take_back(conversation, before, request, error))
                raise


def earlier_messages(history: list[Any], new: list[Any]) -> list[Any]:
    """The SDK's session_input_callback: of earlier turns only what was said, not each tool call and photo."""
    said = [item for item in history if item.get("role") in ("user", "assistant")]
    return [*said[-REMEMBERED:], *new]


async def _take_back(conversation: SQLAlchemySession, before: int, request: str, error: BaseException) -> None:
    for _ in range(len(await conversation.get_items()) - before):
        await conversation.pop_item()
    note = f"The run failed ({type(error).__name__}) and left nothing behind."
    await conversation.add_items([{"role": "user", "content": request}, {"role": "assistant", "content": note}])
