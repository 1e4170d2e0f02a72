def greet(name):
    return f"Hello, {name}"


def order(task, *arguments):
    return task.delay(*arguments).get(timeout=50)
