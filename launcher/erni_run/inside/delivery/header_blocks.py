"""hpack, as a package of our own: header blocks are compressed and read without a word to anybody.

hpack logs every header that it sees. An application that logs at level DEBUG would read of ours, values included, and
the hpack that it uses itself must go on logging. So the same files are executed again under a name of ours, and what
logs in them is exchanged.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpack import Decoder, Encoder, HPACKError

__all__ = ["Decoder", "Encoder", "HPACKError"]

_NAME = f"{__name__}_hpack"


class _Silent:
    @staticmethod
    def debug(*_: object) -> None:
        """Say nothing."""


def _imported() -> ModuleType:
    original = find_spec("hpack")
    if original is None or original.origin is None:
        raise ModuleNotFoundError("No module named 'hpack'", name="hpack")
    spec = spec_from_file_location(
        _NAME, original.origin, submodule_search_locations=original.submodule_search_locations
    )
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("hpack is no package of Python files", name="hpack")
    made = sys.modules[_NAME] = module_from_spec(spec)
    spec.loader.exec_module(made)
    for name in ("hpack", "table"):
        sys.modules[f"{_NAME}.{name}"].log = _Silent  # type: ignore[attr-defined]  # the two modules that log
    return made


if not TYPE_CHECKING:
    _hpack = _imported()
    Decoder, Encoder, HPACKError = _hpack.Decoder, _hpack.Encoder, _hpack.HPACKError
