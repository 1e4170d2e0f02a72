"""Functions of the application, instrumented in place: the function object stays, its code object is exchanged."""
