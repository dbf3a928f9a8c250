"""The error that every problem with data ends in."""


class DataError(ValueError):
    """Data that cannot be loaded as asked.

    The message is one line for the person at the keyboard: what is wrong, what was expected and
    what to do about it, with the flag that does it.
    """
