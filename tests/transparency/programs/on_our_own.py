"""What erni-run itself is made of, used by an application: threads, queues, sockets, logging, json, forks, ends."""

import atexit
import concurrent.futures
import contextlib
import contextvars
import copy
import dataclasses  # noqa: F401  # those without a use below are there to be traced where erni-run uses them
import gzip  # noqa: F401
import http.client
import http.server
import importlib.metadata  # noqa: F401
import json
import logging
import multiprocessing
import os
import queue
import random
import signal
import socket
import ssl
import sys
import threading
import urllib.request
import uuid
import weakref
import zipfile  # noqa: F401

from observe import show

logging.basicConfig(
    stream=sys.stdout, level=logging.DEBUG, format="%(levelname)s %(threadName)s %(funcName)s %(message)s"
)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        heard = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps({"heard": heard}, indent=1).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


def threads():
    jobs, results = queue.Queue(), queue.PriorityQueue()

    def work():
        while (job := jobs.get()) is not None:
            with lock:
                results.put((job, job * job))
            jobs.task_done()

    lock = threading.RLock()
    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for job in range(50):
        jobs.put(job)
    jobs.join()
    for _ in workers:
        jobs.put(None)
    for worker in workers:
        worker.join()
    return sum(results.get()[1] for _ in range(50))


def pool():
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        return list(executor.map(lambda n: json.loads(json.dumps([n] * 2)), range(20)))


def served():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    heard = []
    for number in range(5):
        connection.request("POST", "/", body=json.dumps(number))
        heard.append(json.load(connection.getresponse()))
    connection.close()
    url = f"http://127.0.0.1:{server.server_port}/"
    with urllib.request.urlopen(url, data=b"[1]") as answer:
        heard.append(json.load(answer))
    server.shutdown()
    server.server_close()
    thread.join()
    return heard


def handshake():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    incoming.write(b"no TLS at all")
    try:
        client.do_handshake()
    except ssl.SSLError as error:
        return error.reason, outgoing.pending > 100


def pair():
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"hello")
        return other.recv(5)


def logged():
    log = logging.getLogger("shop")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(name)s %(lineno)d %(message)s"))
    log.addHandler(handler)
    log.info("told %d", 1, extra={"more": 2})
    try:
        json.loads("{")
    except json.JSONDecodeError:
        log.exception("failed")
    log.removeHandler(handler)

    class Broken(logging.Handler):
        def emit(self, record):
            logging.getLogger("again").debug("from within a handler")

    log.addHandler(Broken())
    log.warning("twice")


def forked():
    child = os.fork()
    if child == 0:
        json.dumps(threading.active_count())
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def square(number):
    return json.loads(json.dumps(number)) ** 2


def processes():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        result = pool.map(square, range(6))
        pool.close()
        pool.join()
    return result


def interrupted():
    def late(*_):
        logging.info("in a signal handler")
        raise TimeoutError(json.dumps("late"))

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        while True:
            json.dumps({"a": list(range(50))}, indent=1)
    except TimeoutError as error:
        return error


class Reference:
    def __del__(self):
        json.dumps("deleted", indent=1)


def rest():
    weakref.finalize(Reference(), logging.info, "finalized")
    context = contextvars.copy_context()
    random.seed(1)
    return (
        copy.deepcopy({"a": [1]}),
        context.run(random.randint, 1, 6),
        uuid.UUID(int=1),
        os.fspath("x"),
        os.path.join("a", "b"),
    )


def at_exit():
    threading.Thread(target=logging.info, args=("from a thread at the end",), name="last").start()
    logging.info(json.dumps("at the end"))


atexit.register(at_exit)
for call in (threads, pool, served, handshake, pair, logged, forked, processes, interrupted, rest):
    show(call.__name__, call)
