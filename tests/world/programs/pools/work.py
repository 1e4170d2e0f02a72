def square(number):
    return number * number


def root(number):
    if number < 0:
        raise ValueError(f"{number} has no root")
    return number**0.5
