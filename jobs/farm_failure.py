"""What a command ends with where its farm fails it."""


class FarmFailure(RuntimeError):
    """A part of the embedded farm can't be started. The message is one line."""
