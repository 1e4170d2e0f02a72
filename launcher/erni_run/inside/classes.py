"""What a class is, asked of CPython itself: its metaclass, which may be the application's, is not."""

bases = vars(type)["__mro__"].__get__
"""The classes that a class is made of, itself first."""

attributes = vars(type)["__dict__"].__get__
"""What a class defines itself, by name."""

module = vars(type)["__module__"].__get__
"""The name of the module in which a class was written, or whatever stands there."""

qualname = vars(type)["__qualname__"].__get__
"""The name of a class in its module."""


def type_name(kind: type, separator: str = ".") -> str:
    """The module and qualified name of a class, without the module if that is builtins and ``separator`` a dot."""
    origin, name = module(kind), qualname(kind)
    return str(name) if separator == "." and origin in ("builtins", None, "") else f"{origin}{separator}{name}"
