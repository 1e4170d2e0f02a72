"""Text that may be shown in a terminal. Imports nothing."""


def printable(text: str) -> str:
    """``text`` as one line without control characters: parts of it come from anywhere, and a terminal obeys escapes."""
    return "".join(character if character.isprintable() else " " for character in text)
