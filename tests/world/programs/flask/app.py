from flask import Flask
from greetings import greet

app = Flask(__name__)


@app.get("/hello/<name>")
def hello(name):
    return greet(name)


@app.get("/broken")
def broken():
    raise RuntimeError("on purpose")
