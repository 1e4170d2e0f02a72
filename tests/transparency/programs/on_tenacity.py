"""tenacity: stopping, waiting, retrying on results and exceptions, callbacks, in functions and coroutines."""

import asyncio
import logging
import sys

import tenacity
from observe import describe, show
from tenacity import AsyncRetrying, RetryError, Retrying, retry, stop_after_attempt, wait_none

logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(name)s %(funcName)s %(message)s", level=logging.DEBUG)
log = logging.getLogger("shop")
attempts = []


def flaky(times, error=OSError):
    attempts.append(1)
    if len(attempts) <= times:
        raise error(f"attempt {len(attempts)}")
    return f"after {len(attempts)}"


def fresh(call, *args, **options):
    attempts.clear()
    return call(*args, **options)


@retry(stop=stop_after_attempt(3), wait=wait_none())
def three(times):
    """Three attempts."""
    return flaky(times)


@retry(stop=stop_after_attempt(2), reraise=True, before=tenacity.before_log(log, logging.INFO))
def reraised(times):
    return flaky(times)


@retry(retry=tenacity.retry_if_exception_type(KeyError), stop=stop_after_attempt(3))
def only_key_errors(error):
    return flaky(1, error)


@retry(
    retry=tenacity.retry_if_result(lambda value: value is None),
    stop=stop_after_attempt(3),
    retry_error_callback=lambda state: f"gave up after {state.attempt_number}: {state.outcome.result()}",
)
def nothing():
    attempts.append(1)


@retry(stop=stop_after_attempt(3), sleep=lambda seconds: print("slept", seconds), wait=tenacity.wait_fixed(2))
def slept(times):
    return flaky(times)


@retry(stop=stop_after_attempt(3), wait=wait_none(), after=tenacity.after_log(log, logging.WARNING))
async def coroutine(times):
    await asyncio.sleep(0)
    return flaky(times)


async def loop():
    async for attempt in AsyncRetrying(stop=stop_after_attempt(3), wait=wait_none()):
        with attempt:
            print("attempt", attempt.retry_state.attempt_number)
            value = flaky(2)
        if not attempt.retry_state.outcome.failed:
            attempt.retry_state.set_result(value)
    return value


def block(times):
    for attempt in Retrying(stop=stop_after_attempt(2), wait=wait_none()):
        with attempt:
            value = flaky(times)
    return value


async def cancelled():
    task = asyncio.create_task(AsyncRetrying(wait=tenacity.wait_fixed(60))(coroutine_that_fails))
    await asyncio.sleep(0.01)
    task.cancel()
    return await task


async def coroutine_that_fails():
    raise OSError("again")


for name, call in {
    "succeeds": lambda: three(2),
    "gives up": lambda: three(9),
    "raises the last": lambda: reraised(9),
    "another exception": lambda: only_key_errors(ValueError),
    "the right exception": lambda: only_key_errors(KeyError),
    "a result": nothing,
    "sleeps": lambda: slept(2),
    "a coroutine": lambda: coroutine(2),
    "a coroutine gives up": lambda: coroutine(9),
    "an asynchronous loop": loop,
    "a block": lambda: block(1),
    "a block gives up": lambda: block(9),
    "is cancelled": cancelled,
    "without a decorator": lambda: Retrying(stop=stop_after_attempt(2))(flaky, 1),
    "with other options": lambda: three.retry_with(stop=stop_after_attempt(1))(1),
    "try again": lambda: Retrying(stop=stop_after_attempt(2))(lambda: (_ for _ in ()).throw(tenacity.TryAgain)),
    "copied": lambda: Retrying(stop=stop_after_attempt(2)).copy(reraise=True)(flaky, 5),
    "function": lambda: (three.__name__, three.__doc__, three.__wrapped__.__name__, sorted(vars(three))),
    "statistics": lambda: sorted(three.statistics),
}.items():
    show(name, fresh, call)

state = tenacity.RetryCallState(Retrying(), None, (), {})
for wait in (
    tenacity.wait_exponential(multiplier=2, max=10),
    tenacity.wait_incrementing(1, 2),
    tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(3)),
    tenacity.wait_fixed(1) + tenacity.wait_fixed(2),
):
    waits = []
    for number in range(1, 6):
        state.attempt_number = number
        waits.append(wait(state))
    print(type(wait).__name__, waits)
show("combined", lambda: type((tenacity.stop_after_attempt(1) | tenacity.stop_never) & tenacity.stop_after_delay(1)))
show("unwrapped", lambda: isinstance(RetryError(tenacity.Future(1)), tenacity.RetryError))
describe("tenacity")
