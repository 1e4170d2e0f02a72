from dramatiq.results import ResultFailure
from jobs import divide, greet

print(greet.send("ada").get_result(block=True, timeout=50_000))
try:
    divide.send(1, 0).get_result(block=True, timeout=50_000)
except ResultFailure as error:
    print(error)
