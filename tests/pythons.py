"""The launcher's tests on every other supported CPython: each in a virtual environment of its own, made once.

Versions that are not installed are named. Interpreters are looked for on PATH and where pyenv keeps them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
SUITE = ("tests/launcher", "tests/inside", "tests/config")
ROOT = Path(__file__).resolve().parent.parent


def interpreter(version: str) -> str | None:
    """The path of a CPython ``version``, None if there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    kept = sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
    return str(kept[-1]) if kept else shutil.which(f"python{version}")


def run(version: str, python: str) -> bool:
    """Whether the suite passes on ``python``."""
    venv = ROOT / f".venv-{version}"
    ready = venv / ".ready"
    if not ready.exists() or ready.stat().st_mtime < (ROOT / "pyproject.toml").stat().st_mtime:
        subprocess.run([python, "-m", "venv", "--clear", str(venv)], check=True)
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--upgrade", "pip>=25"], check=True)
        subprocess.run([*pip, "-c", "constraints.txt", "-e", ".[agency,view,dev]"], check=True, cwd=ROOT)
        ready.touch()
    command = [str(venv / "bin" / "python"), "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", *SUITE]
    return subprocess.run(command, cwd=ROOT).returncode == 0


def main() -> int:
    """Run the suite on each version but this one. Returns 1 if it fails on any."""
    failed = False
    for version in VERSIONS:
        if version == f"{sys.version_info.major}.{sys.version_info.minor}":
            continue
        python = interpreter(version)
        if python is None:
            print(f"CPython {version}: not installed, skipped")
            continue
        passed = run(version, python)
        print(f"CPython {version}: {'passed' if passed else 'FAILED'}", flush=True)
        failed = failed or not passed
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
