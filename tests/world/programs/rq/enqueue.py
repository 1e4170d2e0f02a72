import os

import jobs
from redis import Redis
from rq import Queue

queue = Queue(connection=Redis(unix_socket_path=os.environ["BROKER"]))
queue.enqueue(jobs.greet, "ada")
queue.enqueue(jobs.divide, 1, 0)
