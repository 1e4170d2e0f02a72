"""`make demo`: the agency traced, real photographs, the trace as a tree in the terminal."""
