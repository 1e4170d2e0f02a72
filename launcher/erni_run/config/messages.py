"""The values of ERNI_RUN_MESSAGES: where our lines go while the application runs. ``inside/notice.py`` acts on them."""

from __future__ import annotations

import os

from erni_run.config.rules import Wrong


def place(text: str) -> str:
    """``text``: "stderr", "off", or the absolute path of a file in a folder that is there. Raises Wrong."""
    if text in ("stderr", "off"):
        return text
    if not os.path.isabs(text):
        raise Wrong("messages", f'{text!r} is neither "stderr" nor "off" nor the absolute path of a file')
    if not os.path.isdir(os.path.dirname(text)):
        raise Wrong("messages", f"{os.path.dirname(text)} is no folder: make it, or name another file")
    if os.path.lexists(text) and (os.path.islink(text) or not os.path.isfile(text)):
        raise Wrong("messages", f"{text} is no regular file: name another one")
    return text
