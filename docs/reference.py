"""An extension of griffe, which reads the docstrings of the API reference."""

from pathlib import Path
from runpy import run_path
from typing import Any

import griffe

pages = run_path(str(Path(__file__).with_name("pages.py")))


class Reference(griffe.Extension):
    """Links in docstrings, and entries for everything that a module exports."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Change the package once it has been read."""
        del kwargs
        _visit(pkg)


def _visit(parent: griffe.Object) -> None:
    for member in parent.members.values():
        if isinstance(member, griffe.Object):
            _link(member)
            _visit(member)
    if isinstance(parent, griffe.Module):
        _show_exports(parent)
        _show_constants(parent)


def _link(member: griffe.Object) -> None:
    if member.docstring:
        # griffe knows examples as code under the plural only; nothing in code is a link.
        text, example, code = member.docstring.value.partition("Example:\n")
        text = pages["link_papers"](pages["link_names"](text))
        member.docstring.value = text + example.replace("Example:", "Examples:") + code


def _show_exports(module: griffe.Module) -> None:
    """Let `jaxgan.data.load` be the function, as in Python, not the module that defines it."""
    for name, path in module.imports.items():
        if path == f"{module.path}.{name}.{name}":
            function = module.members[name].members[name]
            module.members[name] = griffe.Alias(name, function, parent=module)


def _show_constants(module: griffe.Module) -> None:
    """Give an entry to constants without a docstring: it shows their values."""
    for member in module.members.values():
        if isinstance(member, griffe.Attribute) and member.is_public and not member.docstring:
            member.docstring = griffe.Docstring("\N{NO-BREAK SPACE}", parent=member)
