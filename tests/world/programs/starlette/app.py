from greetings import greet
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route


def hello(request):
    return PlainTextResponse(greet(request.path_params["name"]))


async def lines():
    for number in range(3):
        yield f"{number}\n"


async def stream(request):
    return StreamingResponse(lines())


async def broken(request):
    raise RuntimeError("on purpose")


app = Starlette(
    routes=[Route("/hello/{name}", hello), Mount("/sub", routes=[Route("/stream", stream)]), Route("/broken", broken)]
)
