from greetings import greet
from tornado.web import RequestHandler


class Hello(RequestHandler):
    async def get(self, name):
        self.write(greet(name))


class Broken(RequestHandler):
    def get(self):
        raise RuntimeError("on purpose")
