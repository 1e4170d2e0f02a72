def greet(name):
    print(f"Hello, {name}", flush=True)


def divide(dividend, divisor):
    return dividend // divisor
