"""Try again what failed for a passing reason, no sooner than the upstream allows."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential

from .logs import log_of
from .metrics import RETRY_ATTEMPTS, RETRY_EXHAUSTED, RETRY_SUCCESS
from .upstream import is_transient, retry_after

log = log_of(__name__)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """`pace` scales our own waits, for a sandbox recovers sooner than a cloud; `longest` Retry-After in seconds."""

    pace: float
    longest: float


class Patient(Protocol):
    """Whoever owns a retried method."""

    @property
    def patience(self) -> Patience:
        """How long its calls may be held up."""


Owner = TypeVar("Owner", bound=Patient)
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Method = Callable[Concatenate[Owner, Arguments], Awaitable[Result]]
Retried = Callable[Concatenate[Owner, Arguments], Coroutine[Any, Any, Result]]


def retry_on_transient_error(
    *,
    max_attempts: int = 3,
    min_wait: float = 4.0,
    max_wait: float = 10.0,
    exponential_base: float = 2.0,
    agent_name: str,
) -> Callable[[Method[Owner, Arguments, Result]], Retried[Owner, Arguments, Result]]:
    """Decorate an async method of a `Patient` object; waits are seconds before scaling by its pace.

    Raises the last error as it was. A Retry-After longer than the owner allows ends the attempts at once:
    coming back sooner would be refused again.
    """
    backoff = wait_exponential(min=min_wait, max=max_wait, exp_base=exponential_base)

    def decorate(method: Method[Owner, Arguments, Result]) -> Retried[Owner, Arguments, Result]:
        @functools.wraps(method)
        async def with_retries(owner: Owner, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            attempts = _Attempts(agent_name, method.__name__, owner, backoff)
            retrying = AsyncRetrying(
                retry=retry_if_exception(attempts.worth_another),
                wait=attempts.wait,
                stop=stop_after_attempt(max_attempts),
                before_sleep=attempts.announce,
                reraise=True,
            )
            try:
                result: Result = await retrying(method, owner, *args, **kwargs)
            except Exception as error:
                attempts.lost(error)
                raise
            attempts.won()
            return result

        return with_retries

    return decorate


class _Attempts:
    """The bookkeeping of one call: how long to wait, and what the metrics and the log learn."""

    def __init__(self, agent: str, name: str, owner: Patient, backoff: wait_exponential) -> None:
        self._agent = agent
        self._name = name
        self._patience = owner.patience
        self._backoff = backoff
        self._repeated = False

    def worth_another(self, error: BaseException) -> bool:
        return is_transient(error) and (retry_after(error) or 0) <= self._patience.longest

    def wait(self, state: RetryCallState) -> float:
        error = _error(state)
        asked = (retry_after(error) if error else None) or 0.0
        return max(asked, self._backoff(state) * self._patience.pace)

    def announce(self, state: RetryCallState) -> None:
        self._repeated = True
        RETRY_ATTEMPTS.labels(self._agent).inc()
        log.warning(
            "retrying",
            agent=self._agent,
            step=self._name,
            attempt=state.attempt_number,
            wait_seconds=round(state.upcoming_sleep, 3),
            error=_brief(_error(state)),
        )

    def won(self) -> None:
        if self._repeated:
            RETRY_SUCCESS.labels(self._agent).inc()

    def lost(self, error: Exception) -> None:
        if is_transient(error):
            RETRY_EXHAUSTED.labels(self._agent).inc()
            log.error("retries_exhausted", agent=self._agent, step=self._name, error=_brief(error))


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _brief(error: BaseException | None) -> str:
    return "" if error is None else f"{type(error).__name__}: {str(error)[:200]}"
