"""Pictures of more than 8 bits that do not use them, and would become dark."""

from PIL import Image

_MOST_BITS = 14  # pictures that use more of 16 bits are not dark
_WHOLE, _FRACTIONS = "whole", "fractions"


class Depth:
    """How many pictures of 16 bits and of fractions were seen, and their largest values.

    Args:
        seen: what `seen` was before, to go on from there.
    """

    def __init__(self, seen: dict[str, list[float]] | None = None):
        self.seen = {_WHOLE: [0, 0.0], _FRACTIONS: [0, 0.0]} | (seen or {})

    def see(self, image: Image.Image) -> None:
        """Look at a picture; those of 8 bits do not matter."""
        self.add(look(image))

    def add(self, largest: tuple[str, float] | None) -> None:
        """Add what `look` found."""
        if largest is not None:
            kind, value = largest
            count, most = self.seen[kind]
            self.seen[kind] = [count + 1, max(most, value)]

    @property
    def remarks(self) -> list[str]:
        """What is unusual, for the user: if no picture uses all bits, the file's maker did not."""
        found = []
        count, most = self.seen[_WHOLE]
        bits = int(most).bit_length()
        if 8 <= bits <= _MOST_BITS:
            found.append(
                f"{count} pictures of 16 bits use {bits} of them and are dark (white "
                f"is {2**bits // 256 - 1} of 255): multiply them by {2 ** (16 - bits)}"
            )
        count, most = self.seen[_FRACTIONS]
        if 0 < most <= 1:
            found.append(
                f"{count} pictures of fractions from 0 to 1 are black: multiply them by 255"
            )
        return found


def look(image: Image.Image) -> tuple[str, float] | None:
    """Return the kind of a picture and its largest value, if it has more than 8 bits."""
    kind = _WHOLE if image.mode.startswith("I") else _FRACTIONS if image.mode == "F" else ""
    if not kind:
        return None
    _, largest = image.getextrema()
    assert isinstance(largest, int | float)  # of a single channel
    return kind, float(largest)
