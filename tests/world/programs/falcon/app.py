import falcon
from greetings import greet


class Hello:
    def on_get(self, request, response, name):
        response.text = greet(name)


class Broken:
    def on_get(self, request, response):
        raise RuntimeError("on purpose")


app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
app.add_route("/hello/{name}", Hello())
app.add_route("/broken", Broken())
