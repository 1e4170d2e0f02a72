import os

from celery import Celery
from greetings import greet

BROKER = f"redis+socket://{os.environ['BROKER']}"
app = Celery("jobs", broker=BROKER, backend=BROKER)


@app.task(bind=True, max_retries=2)
def welcome(self, name):
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return greet(name)


@app.task
def divide(dividend, divisor):
    return dividend // divisor
