"""The classes that a command line names: by their names, or by their numbers."""

from absl import logging

from jaxgan.data.image_files import named
from jaxgan.runs.settings import ConfigError


def class_of(text: str, names: tuple[str, ...], flag: str) -> int:
    """Return the number of a class.

    The name of a class is a name, whatever number it may be; anything else has to be a number. If
    it could be both and they differ, as with folders 0, 1, 10, 2, it is said which was taken.

    Args:
        text: what the flag gives.
        names: the names of all classes.
        flag: its name.

    Raises:
        ConfigError: there is no such class.
    """
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else len(names)
    if text in names:
        found = names.index(text)
        if number < len(names) and number != found:
            logging.warning(
                "--%s=%s: the class that is named %s, which is number %d; number %d is %r",
                *(flag, text, text, found, number, names[number]),
            )
        return found
    if number < len(names):
        return number
    raise ConfigError(
        f"--{flag}={text}: expected a class, by its name or by a number from 0 to "
        f"{len(names) - 1}: {named(names)}"
    )


def classes_of(text: str, names: tuple[str, ...], flag: str) -> tuple[int, ...]:
    """Return the numbers of classes that are separated by commas.

    Raises:
        ConfigError: there is no such class, or one is given twice.
    """
    found = tuple(class_of(one.strip(), names, flag) for one in text.split(","))
    twice = [names[one] for one in found if found.count(one) > 1]
    if twice:
        raise ConfigError(f"--{flag}={text}: {twice[0]} is given twice; give it once")
    return found
