def total(prices):
    if not prices:
        raise ValueError("nothing to add up")
    return sum(prices)


async def fetch(name):
    return {"apple": 3}[name]
