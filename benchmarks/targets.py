"""Functions that do nothing, for benchmarks to measure what is put around them."""


def bare() -> None:
    """What everything is compared with."""


def untouched(photo_id: str) -> None:  # a captured argument needs a parameter
    """The same, with an argument."""


def noop() -> None:
    """Instrumented with hooks that do nothing."""


def traced() -> None:
    """A span with three attributes that never change."""


def without_capture(photo_id: str) -> None:  # as above
    """The same, with an argument."""


def with_capture(photo_id: str) -> None:  # as above
    """The same, and the argument is captured."""


def handoff(photo_id: str) -> None:  # as above
    """What benchmarks/handoffs.py does."""


def top() -> None:
    """The root below which spans are measured as children."""
    inside[0]()


inside = [bare]
"""What ``top`` calls."""
