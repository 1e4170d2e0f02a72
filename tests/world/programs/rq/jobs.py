def greet(name):
    return f"Hello, {name}"


def divide(dividend, divisor):
    return dividend // divisor
