"""What a command ends with where something that the user gave is wrong."""

from __future__ import annotations


class BadInput(ValueError):
    """Something that the user gave is wrong. The message is one line: what, where, what is allowed."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """The text without line breaks and terminal codes, which keys and file names may hold."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
