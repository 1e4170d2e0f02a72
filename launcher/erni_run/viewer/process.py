"""The viewer's process from start to end: everything is opened, wired, served, and closed again."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from erni_run.viewer import address, tail
from erni_run.viewer.address import Address
from erni_run.viewer.intake import Intake
from erni_run.viewer.listener import Listener, bound
from erni_run.viewer.ports import free_near, holder, is_free
from erni_run.viewer.receive import files, over_http
from erni_run.viewer.receive.over_grpc import GrpcServer
from erni_run.viewer.receive.signal import LARGEST, Signal, Unavailable, answer, content_type, respond
from erni_run.viewer.serve.application import application
from erni_run.viewer.serve.backend import Backend
from erni_run.viewer.serve.live import Live
from erni_run.viewer.stop import Stop
from erni_run.viewer.store.database import Database
from erni_run.viewer.store.place import InUse, lock, make_private, state_directory
from erni_run.viewer.store.writer import Writer

_GRACE_SECONDS = 2.0
_STARTING_SECONDS, _TICK_SECONDS = 3.0, 0.02


class PortsInUse(Exception):
    """Ports are held by others; ``str()`` says by whom, and offers others."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was asked for on the command line; ``most`` bounds the database in bytes."""

    files: tuple[str, ...] = ()
    tail: bool = False
    json: bool = False
    host: str = "127.0.0.1"
    port: int = 16686
    grpc_port: int = 4317
    http_port: int = 4318
    most: int = 1024**3


def run(options: Options, environ: Mapping[str, str]) -> int:
    """Be the viewer until a signal ends it. Returns the exit code.

    Raises PortsInUse, place.Unusable for the state directory, files.Unreadable.
    """
    stop = Stop()
    if options.files:
        return _show_files(options, stop)
    folder = state_directory(environ)
    make_private(folder)
    try:
        held = lock(folder)
    except InUse as error:
        return _use_running(folder, options, stop, error)
    try:
        return _receive(folder, options, stop)
    finally:
        os.close(held)


def _use_running(folder: Path, options: Options, stop: Stop, error: InUse) -> int:
    deadline = time.monotonic() + _STARTING_SECONDS
    while (other := address.running(folder)) is None:  # it may be about to start
        if time.monotonic() > deadline:
            raise InUse(f"{error}, and does not answer: end it first")
        time.sleep(_TICK_SECONDS)
    _say(f"already running (pid {other.pid}): {other.page}")
    if options.tail:
        _until(stop, other.page, options)
    return 0


def _receive(folder: Path, options: Options, stop: Stop) -> int:
    """Be the backend that keeps its traces in ``folder``."""
    with contextlib.ExitStack() as stack:
        page, otlp = _bound(options)
        stack.callback(page.close)
        stack.callback(otlp.close)
        database, writer, live = _store(folder, options.most, stack)
        intake = Intake(writer)
        server = _grpc_server(intake, options)
        stack.callback(server.stop, _GRACE_SECONDS)
        here = Address(
            page=_url(options.host, page.getsockname()[1]),
            grpc=_url(options.host, server.port),
            http=_url(options.host, otlp.getsockname()[1]),
            pid=os.getpid(),
        )
        backend = Backend(database, writer, live, options.most, here.grpc.removeprefix("http://"), here.http)
        for listener in (
            Listener(over_http.application(_http_answer(intake), options.host), otlp),
            Listener(application(backend, options.host), page),
        ):
            listener.start()
            stack.callback(listener.stop)
        stack.callback(live.end)
        server.start()
        address.publish(folder, here)
        stack.callback(address.withdraw, folder)
        _say(f"traces at {here.page}; OTLP at {here.grpc} (gRPC) and {here.http} (HTTP); kept in {folder}")
        _until(stop, here.page, options)
    return 0


def _show_files(options: Options, stop: Stop) -> int:
    """Show what is in files, from a database that is gone afterwards."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="erni-run-view-")))
        database, writer, live = _store(folder, sys.maxsize, stack)
        intake = Intake(writer)
        rejected = 0
        for request in files.read(options.files):
            rejected += intake.take(*request)[0]
            if stop.is_wanted:
                return 0
        if rejected:
            _say(f"{rejected} spans without a valid id were left out")
        if options.tail:
            tail.show(database, sys.stdout, as_json=options.json)
            return 0
        backend = Backend(database, writer, live, sys.maxsize, None, None)
        listener = Listener(application(backend, options.host), _page_or_any(options))
        listener.start()
        stack.callback(listener.stop)
        stack.callback(live.end)
        _say(f"traces of {', '.join(options.files)} at {_url(options.host, listener.port)}")
        stop.wait()
    return 0


def _store(folder: Path, most: int, stack: contextlib.ExitStack) -> tuple[Database, Writer, Live]:
    database = Database(folder)
    stack.callback(database.close)
    live = Live()
    writer = Writer(database, most, live.changed)
    stack.callback(writer.close)
    return database, writer, live


def _http_answer(intake: Intake) -> over_http.Answer:
    return lambda signal, headers, body: answer(signal, content_type(headers), body, intake.take)


def _grpc_server(intake: Intake, options: Options) -> GrpcServer:
    try:
        return GrpcServer(_grpc_answer(intake), options.host, options.grpc_port, LARGEST)
    except OSError as error:
        raise PortsInUse(_offer(options.host, "--grpc-port", options.grpc_port)) from error


def _grpc_answer(intake: Intake) -> Callable[[Signal, Any, int, grpc.ServicerContext], Any]:
    def receive(signal: Signal, request: Any, size: int, context: grpc.ServicerContext) -> Any:
        try:
            return respond(signal, *intake.take(signal, request, size))
        except Unavailable as error:
            return context.abort(grpc.StatusCode.UNAVAILABLE, str(error))

    return receive


def _bound(options: Options) -> tuple[socket.socket, socket.socket]:
    """The sockets of the page and of OTLP over HTTP. Raises PortsInUse, which names every port that is held."""
    asked = {"--port": options.port, "--grpc-port": options.grpc_port, "--http-port": options.http_port}
    try:
        held = {option: port for option, port in asked.items() if not is_free(options.host, port)}
        if held:
            raise PortsInUse("\n".join(_offer(options.host, option, port) for option, port in held.items()))
        return bound(options.host, options.port), bound(options.host, options.http_port)
    except OSError as error:
        raise PortsInUse(f"cannot listen on {options.host}: {error.strerror}") from error


def _offer(host: str, option: str, port: int) -> str:
    return f"port {port} is held by {holder(port)}: end it, or take another with {option} {free_near(host, port)}"


def _page_or_any(options: Options) -> socket.socket:
    """The page's socket; where the usual port is held, such as by the viewer of what is received, any."""
    try:
        if is_free(options.host, options.port):
            return bound(options.host, options.port)
        if options.port == Options.port:
            return bound(options.host, 0)
    except OSError as error:
        raise PortsInUse(f"cannot listen on {options.host}: {error.strerror}") from error
    raise PortsInUse(_offer(options.host, "--port", options.port))


def _until(stop: Stop, page: str, options: Options) -> None:
    """Wait for the end, with ``--tail`` printing meanwhile."""
    if options.tail:
        threading.Thread(target=_tail, args=(page, options, stop), name="printer", daemon=True).start()
    stop.wait()


def _tail(page: str, options: Options, stop: Stop) -> None:
    try:
        tail.follow(page, sys.stdout, as_json=options.json)
    except tail.Disconnected:
        if not stop.is_wanted:
            _say("the viewer has ended")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read the trees has left: Python must not flush
    stop.want()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _say(line: str) -> None:
    sys.stderr.write(f"erni-run view: {line}\n")
    sys.stderr.flush()
