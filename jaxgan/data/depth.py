"""Pictures of more than 8 bits that do not use them, and would become dark."""

from PIL import Image

_MOST_BITS = 14  # pictures that use more of 16 bits are not dark


class Depth:
    """The largest values of the pictures of 16 bits and of fractions that were seen."""

    def __init__(self):
        self._whole: list[float] = []
        self._fractions: list[float] = []

    def see(self, image: Image.Image) -> None:
        """Look at a picture; those of 8 bits do not matter."""
        if image.mode.startswith("I"):
            self._whole.append(_largest(image))
        elif image.mode == "F":
            self._fractions.append(_largest(image))

    @property
    def remarks(self) -> list[str]:
        """What is unusual, for the user: if no picture uses all bits, the file's maker did not."""
        found = []
        bits = int(max(self._whole, default=0)).bit_length()
        if 8 <= bits <= _MOST_BITS:
            found.append(
                f"{len(self._whole)} pictures of 16 bits use {bits} of them and are dark (white "
                f"is {2**bits // 256 - 1} of 255): multiply them by {2 ** (16 - bits)}"
            )
        if self._fractions and 0 < max(self._fractions) <= 1:
            found.append(
                f"{len(self._fractions)} pictures of fractions from 0 to 1 are black: multiply "
                "them by 255"
            )
        return found


def _largest(image: Image.Image) -> float:
    _, largest = image.getextrema()
    assert isinstance(largest, int | float)  # of a single channel
    return float(largest)
