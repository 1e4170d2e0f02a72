"""What a function refers to, for those who read it off its instructions, as newer CPythons' ``inspect`` does.

A trampoline looks nothing up. So it ends in instructions that are never reached and load what the function loads. Knows
the arguments of two instructions as these CPythons have them; the instructions themselves are the compiler's.
"""

from __future__ import annotations

import inspect
from dis import opmap
from types import CodeType

_ARE_READ = "dis" in inspect.getclosurevars.__code__.co_names
_EXTENDED, _GLOBAL, _ATTRIBUTE = opmap["EXTENDED_ARG"], opmap["LOAD_GLOBAL"], opmap["LOAD_ATTR"]
_MENTION = {_GLOBAL: "n{0}", _ATTRIBUTE: "''.n{0}"}
_NO_LOAD = "del ''.n{0}"


def loading(code: CodeType) -> bytes:
    """Instructions that load the globals and attributes which ``code`` loads, for code with the names of ``code``."""
    loads = _loads(code) if _ARE_READ else set()
    if not loads:
        return b""
    lines = []
    for index in range(len(code.co_names)):  # each is mentioned, in order, so that the compiler numbers them alike
        mentions = [mention for operation, mention in _MENTION.items() if (operation, index) in loads] or [_NO_LOAD]
        lines += [mention.format(index) for mention in mentions]
    module = compile(f"def f(): {';'.join(lines)}", "", "exec", dont_inherit=True)
    return next(constant.co_code for constant in module.co_consts if isinstance(constant, CodeType))


def _loads(code: CodeType) -> set[tuple[int, int]]:
    """Operations and the indices of the names that they load."""
    loads = set()
    prefix = 0
    for operation, low in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        argument = prefix | low
        prefix = argument << 8 if operation == _EXTENDED else 0
        if operation in _MENTION:
            loads.add((operation, argument >> 1))
    return loads
