from greetings import order
from jobs import divide, welcome

print(order(welcome, "ada"))
try:
    order(divide, 1, 0)
except ZeroDivisionError as error:
    print(repr(error))
