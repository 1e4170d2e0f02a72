"""The agency, started under erni-run as a user would start it, and what it says meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

_ADDRESS = re.compile(r"running on (http://\S+)")
_START_SECONDS, _STOP_SECONDS = 60, 15


class StartError(Exception):
    """The application did not start; ``str()`` is what it said."""


class RequestError(Exception):
    """The application refused the request; ``str()`` is its answer."""


class Application:
    """``erni-run uvicorn agency.main:app`` as a child process, from entry to exit of the ``with`` block.

    ``variables`` are added to the environment; ``log_lines`` is its standard output, ``said`` its standard error.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        environ = {**os.environ, "PYTHONUNBUFFERED": "1", **variables}
        folder = Path(sys.executable).parent
        environ["PATH"] = os.pathsep.join([str(folder), environ.get("PATH", "")])
        self._process = subprocess.Popen(
            ["erni-run", "uvicorn", "agency.main:app", "--port", "0"],  # found on the PATH made above
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log_lines: list[str] = []
        self.said: list[str] = []
        self.address = ""
        self._ready = threading.Event()
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self.log_lines), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, self.said), daemon=True),
        ]

    def __enter__(self) -> Self:
        for reader in self._readers:
            reader.start()
        self._ready.wait(_START_SECONDS)
        if not self.address:
            self.__exit__(None, None, None)
            raise StartError("".join(self.said) or f"it is not ready after {_START_SECONDS} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def process_batch(self, photographs: list[Path]) -> dict[str, Any]:
        """Send ``photographs`` as one batch. Returns the agency's answer, raises RequestError for a refusal."""
        body = {"image_paths": [str(path) for path in photographs], "workflow_config": {"force_schema_refresh": True}}
        request = urllib.request.Request(  # the address is our own child's, on loopback
            f"{self.address}/api/process-batch", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request) as response:  # as above
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise RequestError(refusal.read().decode(errors="replace")) from refusal

    def events(self, trace_id: str) -> list[Mapping[str, Any]]:
        """The JSON log lines that carry ``trace_id``, in the order in which they were written."""
        events: list[Mapping[str, Any]] = []
        for line in self.log_lines:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and event.get("trace_id") == trace_id:
                    events.append(event)
        return events

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        for line in stream:
            lines.append(line)
            address = _ADDRESS.search(line)
            if address:
                self.address = address[1]
                self._ready.set()
        if lines is self.said:
            self._ready.set()  # it has ended, and all that it said has been read
