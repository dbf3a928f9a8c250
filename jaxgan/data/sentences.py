"""Sentences as numbers of words, and back."""

from collections.abc import Sequence

import numpy as np

from jaxgan._checks import check_array, check_integers
from jaxgan.data.errors import DataError

__all__ = ["to_sentences", "to_tokens"]


def to_tokens(sentences: Sequence[str], words: Sequence[str], length: int) -> np.ndarray:
    """Write sentences as the numbers of their words, with -1 after the last one.

    Words are what is between spaces; capital letters, full stops and commas make no difference.

    Args:
        sentences: the sentences.
        words: the vocabulary.
        length: the most words of a sentence.

    Returns:
        int32 `[N, length]`.

    Raises:
        DataError: a sentence is empty or too long, or has a word that is not in the vocabulary.
        TypeError: a single sentence is given.
        ValueError: `length` is below 1.

    Example:
        >>> from jaxgan.data.sentences import to_tokens
        >>> to_tokens(["A red circle.", "a circle"], ("a", "red", "circle"), length=4).tolist()
        [[0, 1, 2, -1], [0, 2, -1, -1]]
    """
    check_integers(length=length)
    if isinstance(sentences, str):
        raise TypeError(f"sentences is {sentences!r}; expected a sequence of sentences")
    tokens = np.full((len(sentences), length), -1, np.int32)
    number = {word: i for i, word in enumerate(words)}
    for row, sentence in zip(tokens, sentences, strict=True):
        split = sentence.lower().replace(".", " ").replace(",", " ").split()
        unknown = next((word for word in split if word not in number), None)
        if unknown is not None:
            raise DataError(f"{unknown!r} is not a word it knows; expected {', '.join(words)}")
        if not 0 < len(split) <= length:
            raise DataError(f"{sentence!r} has {len(split)} words; expected 1 to {length}")
        row[: len(split)] = [number[word] for word in split]
    return tokens


def to_sentences(tokens: np.ndarray, words: Sequence[str]) -> list[str]:
    """Read sentences from the numbers of their words, the inverse of `to_tokens`.

    Args:
        tokens: int32 `[N, L]`, -1 where there is no word.
        words: the vocabulary.

    Raises:
        ValueError: tokens are not integers `[N, L]`, or one is no word's number.

    Example:
        >>> import numpy as np
        >>> from jaxgan.data.sentences import to_sentences
        >>> to_sentences(np.array([[0, 2, -1]]), ("a", "red", "circle"))
        ['a circle']
    """
    check_array("tokens", tokens, "[N, L]", "integers")
    if tokens.min() < -1 or tokens.max() >= len(words):
        raise ValueError(
            f"tokens are from {tokens.min()} to {tokens.max()}; expected 0 to {len(words) - 1}, or "
            f"-1 where there is no word"
        )
    names = tuple(words)
    return [" ".join(names[token] for token in row if token >= 0) for row in tokens.tolist()]
