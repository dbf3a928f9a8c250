"""HTML in which every text is escaped, unless it is HTML already."""

import html
import json
from typing import Any

Child = Any
"""What an element may contain: HTML, text, a number, None for nothing, or a list of these."""


class Html(str):
    """Text that is HTML: it is not escaped again."""

    __slots__ = ()


def element(tag: str, /, attributes: dict[str, Any] | None = None, *children: Child) -> Html:
    """An element, as `element("p", {"class": "note"}, "1 < 2")`.

    Args:
        tag: its name.
        attributes: True gives an attribute without a value; None and False leave it out.
        *children: what it contains; text is escaped.
    """
    given = ""
    for name, value in (attributes or {}).items():
        if value is True:
            given += f" {name}"
        elif value is not None and value is not False:
            given += f' {name}="{html.escape(str(value))}"'
    if tag in _VOID:
        return Html(f"<{tag}{given}>")
    return Html(f"<{tag}{given}>{join(children)}</{tag}>")


def join(children: Child) -> Html:
    """HTML of one child or a list of them, one after the other."""
    if isinstance(children, Html):
        return children
    if isinstance(children, list | tuple):
        return Html("".join(join(child) for child in children))
    return Html("" if children is None else html.escape(str(children)))


def data(value: Any) -> Html:
    """A script element that holds JSON: nothing in it can end the element or start another."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return element("script", {"type": "application/json"}, Html(text))


_VOID = {"br", "img", "input", "link", "meta"}
