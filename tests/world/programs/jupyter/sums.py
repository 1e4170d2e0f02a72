def total(numbers):
    return sum(numbers)


async def later(numbers):
    return total(numbers)
