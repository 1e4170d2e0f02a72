"""The suite on other CPythons, each in a virtual environment of its own, made once: ``pythons.py [VERSION...]``.

Without versions, on every supported one but this. Interpreters are looked for on PATH and where pyenv keeps them; those
that Debian has and this machine has not are unpacked by newer_pythons.sh.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
ROOT = Path(__file__).resolve().parent.parent
UNPACKED = ROOT / ".pythons"


def interpreter(version: str) -> str | None:
    """The path of a CPython ``version``, None if there is none and none can be brought."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    kept = sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
    installed = str(kept[-1]) if kept else shutil.which(f"python{version}")
    return installed or _unpacked(version)


def _unpacked(version: str) -> str | None:
    python = str(UNPACKED / "usr" / "bin" / f"python{version}")
    if not _runs(python):
        print(f"CPython {version}: not installed, trying Debian's", flush=True)
        subprocess.run([ROOT / "tests" / "newer_pythons.sh", UNPACKED, version], check=False)
    return python if _runs(python) else None


def _runs(python: str) -> bool:
    return os.path.exists(python) and subprocess.run([python, "-c", ""], check=False).returncode == 0


def prepare(version: str, python: str) -> Path:
    """A virtual environment on ``python`` with all that the suite needs. Returns its interpreter."""
    venv = ROOT / f".venv-{version}"
    ready, made = venv / ".ready", venv / "bin" / "python"
    wanted = max((ROOT / name).stat().st_mtime for name in ("pyproject.toml", "constraints.txt"))
    if not ready.exists() or ready.stat().st_mtime < wanted:
        # Debian's CPythons come without ensurepip
        subprocess.run([python, "-m", "venv", "--clear", "--without-pip", venv], check=True)
        pip = [sys.executable, "-m", "pip", "--python", made, "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-c", "constraints.txt", "-e", ".[agency,view,dev]"], check=True, cwd=ROOT)
        ready.touch()
    return made


def passes(version: str, python: str) -> bool:
    """Whether the suite passes on ``python``."""
    command = [prepare(version, python), "-m", "pytest", "-p", "no:cacheprovider", "-n", "3", "--dist", "worksteal"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main(asked: list[str]) -> int:
    """Run the suite on each version. Returns 1 if it fails on any, or if one that is asked for is not to be had."""
    failed = False
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    for version in asked or [version for version in VERSIONS if version != ours]:
        python = interpreter(version)
        outcome = "not to be had" if python is None else "passed" if passes(version, python) else "FAILED"
        print(f"CPython {version}: {outcome}", flush=True)
        failed = failed or outcome == "FAILED" or (python is None and version in asked)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
