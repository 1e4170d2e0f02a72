import sys

from greetings import order
from jobs import divide, welcome

print(order(welcome, "ada"))
if "divide" in sys.argv:
    try:
        order(divide, 1, 0)
    except ZeroDivisionError as error:
        print(repr(error))
