"""What a program can observe of a library: results, exceptions with their tracebacks, warnings, and its functions."""

import asyncio
import importlib
import inspect
import logging
import pkgutil
import traceback
import types
import warnings

described = set()


def show(name, call, *args, **options):
    """Print what ``call`` gives: its result, or its exception with the traceback; and the warnings on the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(*args, **options)
            if inspect.isawaitable(result):
                result = asyncio.run(awaited(result))
            print(f"{name}: {result!r}")
        except BaseException as error:
            print(f"{name}: raised {type(error).__module__}.{type(error).__qualname__} {error.args!r}")
            print("".join(traceback.format_exception(error)))
    for warning in caught:
        print(f"{name}: warned {warning.category.__name__} {warning.message} {warning.filename}:{warning.lineno}")


async def awaited(awaitable):
    return await awaitable


def describe(*packages):
    """Print all that inspect tells of every function that the modules of ``packages`` define."""
    logging.disable()
    for package in packages:
        for module in modules(package):
            for name, value in sorted(vars(module).items()):
                if getattr(value, "__module__", None) == module.__name__:
                    describe_value(f"{module.__name__}:{name}", value)
    logging.disable(logging.NOTSET)


def modules(package):
    top = importlib.import_module(package)
    yield top
    for info in pkgutil.walk_packages(getattr(top, "__path__", ()), f"{package}.", onerror=lambda name: None):
        if info.name.rpartition(".")[2] not in ("__main__", "pytest_plugin"):
            try:
                yield importlib.import_module(info.name)
            except Exception as error:
                print(info.name, "cannot be imported:", error)


def describe_value(name, value):
    if isinstance(value, type):
        if id(value) in described:
            return
        described.add(id(value))
        print(name, value.__mro__, sorted(vars(value)))
        for attribute, member in sorted(vars(value).items()):
            describe_value(f"{name}.{attribute}", member)
    elif isinstance(value, (staticmethod, classmethod)):
        describe_value(name, value.__func__)
    elif isinstance(value, property):
        for accessor in filter(None, (value.fget, value.fset, value.fdel)):
            describe_value(name, accessor)
    elif isinstance(value, types.FunctionType) and id(value) not in described:
        described.add(id(value))
        describe_function(name, value)


def describe_function(name, function):
    code = function.__code__
    flavour = [
        kind.__name__
        for kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
        if kind(function)
    ]
    try:
        lines, first = inspect.getsourcelines(function)
        source = first, len(lines), hash_of("".join(lines))
    except (OSError, TypeError) as error:  # made by exec, or wrapped round a built-in
        source = error.args
    try:
        signature = inspect.signature(function)
    except ValueError as error:
        signature = error.args
    print(name, type(function).__name__, flavour, signature, source, sep=" | ")
    print("   ", function.__qualname__, function.__module__, function.__defaults__, function.__kwdefaults__, sep=" | ")
    print("   ", sorted(vars(function)), code.co_name, code.co_firstlineno, code.co_freevars, sep=" | ")
    print(
        "   ", inspect.getfullargspec(function) if not isinstance(signature, tuple) else "", repr(function), sep=" | "
    )


def hash_of(text):
    import zlib

    return zlib.crc32(text.encode())
