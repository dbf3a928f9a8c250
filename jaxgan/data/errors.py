"""The error for data that cannot be loaded."""

__all__ = ["DataError"]


class DataError(ValueError):
    """Data that cannot be loaded as requested.

    The message is one line for the user: what is wrong, what was expected and what to do about
    it. It names arguments of `jaxgan.data.load` in the form `image_size=32`.
    """
