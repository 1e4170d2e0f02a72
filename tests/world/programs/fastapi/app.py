from fastapi import Depends, FastAPI
from greetings import greet

app = FastAPI()


async def visitor(name: str):
    return name.title()


@app.get("/hello/{name}")
async def hello(name: str = Depends(visitor)):
    return greet(name)


@app.get("/blocking/{name}")
def blocking(name: str):
    return greet(name)


@app.get("/broken")
async def broken():
    raise RuntimeError("on purpose")
