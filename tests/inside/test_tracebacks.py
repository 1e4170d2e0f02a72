"""A traceback through traced functions is the one without tracing."""

from __future__ import annotations

import pytest

from tests.conftest import Workshop

PROGRAM = """
    import asyncio, contextlib, traceback

    class Mapped(Exception): pass

    @contextlib.contextmanager
    def mapped():
        try:
            yield
        except KeyError as error:
            raise Mapped("mapped") from error

    @contextlib.asynccontextmanager
    async def mapped_later():
        try:
            yield
        except KeyError as error:
            raise Mapped("mapped later") from error

    def items():
        while True:
            try:
                yield
            except KeyError as error:
                print(*traceback.format_exception(error))

    def replaced():
        with mapped():
            raise KeyError("within")

    def passed_on():
        with mapped():
            raise ValueError("not mapped")

    async def later():
        async with mapped_later():
            raise KeyError("within")

    def thrown():
        generator = items()
        next(generator)
        generator.throw(KeyError("new"))
        generator.throw(KeyError, "by type")
        generator.close()

    def show():
        for call in (replaced, passed_on, thrown, lambda: asyncio.run(later())):
            try:
                call()
            except Exception as error:
                print(*traceback.format_exception(error))
"""


@pytest.mark.filterwarnings("ignore")
def test_exception_thrown_into_a_generator_shows_no_line_of_ours(workshop: Workshop) -> None:
    workshop.write("shop.py", PROGRAM)
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:*"\n')
    bare = workshop.run("python", "-W", "ignore", "-c", "import shop; shop.show()")
    traced = workshop.run("erni-run", "python", "-W", "ignore", "-c", "import shop; shop.show()")
    assert (traced.stdout, traced.stderr) == (bare.stdout, bare.stderr)
    assert bare.stdout.count("Traceback") >= 7
