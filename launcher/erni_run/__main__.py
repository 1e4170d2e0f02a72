"""The outermost shell of the command ``erni-run``: the process's arguments and environment in, its exit code out."""

import os
import sys

from erni_run.errors import ErniRunError


def main() -> int:
    """Run the command line of this process. Returns the exit code; does not return where the command was started."""
    from erni_run.cli import run

    try:
        return run(sys.argv[1:], _environment())
    except ErniRunError as error:
        sys.stderr.write(f"erni-run: {error}\n")
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read our standard output has left: Python must not flush
        return 0


def _environment() -> "dict[str, str]":
    from erni_run.start.environment import as_inherited

    try:
        with open("/proc/self/environ", "rb") as initial:
            return as_inherited(os.environ, initial.read())
    except OSError:  # not Linux
        return dict(os.environ)


if __name__ == "__main__":
    sys.exit(main())
