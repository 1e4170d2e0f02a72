import sys

from greetings import order
from jobs import divide, welcome

ORDERS = {"welcome": (welcome, "ada"), "divide": (divide, 6, 3), "fail": (divide, 1, 0)}

for name in sys.argv[1:]:
    try:
        print(order(*ORDERS[name]))
    except ZeroDivisionError as error:
        print(repr(error))
