import sys


def main(names):
    try:
        for name in names:
            print(greet(name))
    except ValueError as error:
        print(f"greeter: {error}", file=sys.stderr)
        return 2
    return 0


def greet(name):
    if not name.isalpha():
        raise ValueError(f"{name!r} is no name")
    return f"Hello, {name}"
