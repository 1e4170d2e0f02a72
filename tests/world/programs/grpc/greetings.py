def greet(name):
    return b"Hello, " + name
