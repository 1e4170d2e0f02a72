from aiohttp import web
from greetings import greet

routes = web.RouteTableDef()


@routes.get("/hello/{name}")
async def hello(request):
    return web.Response(text=greet(request.match_info["name"]))


@routes.get("/gone")
async def gone(request):
    raise web.HTTPGone


@routes.get("/broken")
async def broken(request):
    raise RuntimeError("on purpose")


def main(argv):
    app = web.Application()
    app.add_routes(routes)
    return app
