"""The photographs to send: the user's, else two that an installed package carries."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_MOST = 20


class NoPhotosError(Exception):
    """There is nothing to send; ``str()`` says why."""


def photographs(folder: str | None) -> list[Path]:
    """Paths of at most 20 photographs in ``folder``; None takes those of scikit-learn. Raises NoPhotosError."""
    place = Path(folder).expanduser().resolve() if folder is not None else _carried()
    if not place.is_dir():
        raise NoPhotosError(f"{place} is not a folder: name one with `make demo PHOTOS=folder`")
    found = sorted(path for path in place.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise NoPhotosError(f"no photographs in {place}: it should hold {', '.join(sorted(_SUFFIXES))}")
    return found[:_MOST]


def _carried() -> Path:
    """china.jpg and flower.jpg, both CC-BY 2.0, as scikit-learn's sample images."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise NoPhotosError("scikit-learn, which carries two photographs, is not installed")
    return Path(spec.origin).parent / "datasets" / "images"
