"""Protocol buffers' wire format: the fields of a message, read and written without protobuf's objects and imports.

Field numbers are below 16 throughout OTLP where we write them, so that a key is one byte (protobuf.dev, "Encoding").
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5  # wire types
_INT64 = 1 << 63

_fixed64 = Struct("<BQ").pack
_double = Struct("<Bd").pack


def fields(message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Each field of ``message``: its number, all of its bytes, and its content. Raises ValueError if it is none."""
    position, end = 0, len(message)
    while position < end:
        start = position
        key, position = read_varint(message, position)
        wire = key & 7
        begin = position
        if wire == _LENGTH:
            length, begin = read_varint(message, position)
            position = begin + length
        elif wire == _VARINT:
            _, position = read_varint(message, position)
        elif wire in (_FIXED64, _FIXED32):
            position += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire} at {start}")
        if position > end:
            raise ValueError(f"a field at {start} is cut off")
        yield key >> 3, message[start:position], message[begin:position]


def last(message: bytes | memoryview, number: int) -> memoryview:
    """The content of the last field ``number`` of ``message``, which is the one that counts; empty without one.

    Raises ValueError if ``message`` is none.
    """
    found = memoryview(b"")
    for field_number, _, content in fields(memoryview(message)):
        if field_number == number:
            found = content
    return found


def integer(content: memoryview) -> int:
    """The content of an int32 or int64 field; 0 for an empty one. Raises ValueError."""
    value = read_varint(content, 0)[0] & (2 * _INT64 - 1) if content else 0
    return value - 2 * _INT64 if value >= _INT64 else value


def read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """The number that begins at ``position``, and where it ends. Raises ValueError."""
    value = shift = 0
    while position < len(message) and shift < 64:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError(f"a number at {position} has no end")


def field(number: int, content: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return tag(number, len(content)) + content


def tag(number: int, length: int) -> bytes:
    """What stands before the ``length`` bytes of a field."""
    key = number << 3 | _LENGTH
    if length < 0x80:
        return bytes((key, length))
    if length < 0x4000:  # as most spans
        return bytes((key, length & 0x7F | 0x80, length >> 7))
    return bytes((key,)) + varint(length)


def varint_field(number: int, value: int) -> bytes:
    """A field that is a boolean, an enumeration's value or a number of at least 0."""
    return bytes((number << 3 | _VARINT,)) + varint(value)


def fixed64_field(number: int, value: int) -> bytes:
    """A fixed64 or an sfixed64 field."""
    return _fixed64(number << 3 | _FIXED64, value & (2 * _INT64 - 1))


def double_field(number: int, value: float) -> bytes:
    """A double field."""
    return _double(number << 3 | _FIXED64, value)


def varint(value: int) -> bytes:
    """``value``, of at least 0."""
    if value < 0x80:
        return bytes((value,))
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
