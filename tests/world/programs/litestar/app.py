from greetings import greet
from litestar import Litestar, get


@get("/hello/{name:str}", sync_to_thread=True)
def hello(name: str) -> str:
    return greet(name)


@get("/broken")
async def broken() -> None:
    raise RuntimeError("on purpose")


app = Litestar([hello, broken])
