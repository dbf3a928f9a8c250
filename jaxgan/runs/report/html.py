"""HTML in which all text is escaped, unless it is HTML already."""

import html
import json
from typing import Any

Child = Any
"""The content of an element: HTML, text, a number, None for nothing, or a list of these."""


class Html(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


def element(tag: str, /, attributes: dict[str, Any] | None = None, *children: Child) -> Html:
    """Make an element, as in `element("p", {"class": "note"}, "1 < 2")`.

    Args:
        tag: name of the element.
        attributes: True gives an attribute without a value; None and False leave it out.
        *children: content of the element; text is escaped.
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
    """Concatenate the HTML of a child or a list of children."""
    if isinstance(children, Html):
        return children
    if isinstance(children, list | tuple):
        return Html("".join(join(child) for child in children))
    return Html("" if children is None else html.escape(str(children)))


def data(value: Any) -> Html:
    """Make a script element that holds JSON, which cannot end the element or start another."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return element("script", {"type": "application/json"}, Html(text))


_VOID = {"br", "img", "input", "link", "meta"}
