"""`python -m agency.sandbox [port]`: the sandbox on its own; its first line of output is its URL."""

from __future__ import annotations

import signal
import sys
import threading

from .server import Sandbox, SandboxOptions


def main(argv: list[str]) -> int:
    """Serve until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sandbox = Sandbox(SandboxOptions(port=int(argv[0]) if argv else 0))
    print(sandbox.url, flush=True)
    stop.wait()
    sandbox.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
