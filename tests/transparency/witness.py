"""Run a program, then write how many functions of the process are traced: ``witness.py FILE PROGRAM [ARG...]``."""

import gc
import os
import runpy
import sys
import types


def instrumented():
    """0 in a process that erni-run has not started: it has no module of ours."""
    trampoline = sys.modules.get("erni_run.inside.functions.trampoline")
    functions = [value for value in gc.get_objects() if type(value) is types.FunctionType]
    return sum(map(trampoline.is_instrumented, functions)) if trampoline is not None else 0


def main():
    file, program = sys.argv[1], sys.argv[2]
    del sys.argv[:2]
    sys.path[0] = os.path.dirname(os.path.abspath(program))
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        with open(file, "w") as count:
            count.write(str(instrumented()))


if __name__ == "__main__":
    main()
