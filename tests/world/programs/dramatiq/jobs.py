import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from redis import Redis

client = Redis(unix_socket_path=os.environ["BROKER"])
broker = RedisBroker(client=client)
broker.add_middleware(Results(backend=RedisBackend(client=client)))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def greet(name):
    return f"Hello, {name}"


@dramatiq.actor(store_results=True, max_retries=0)
def divide(dividend, divisor):
    return dividend // divisor
