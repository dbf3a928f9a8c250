"""Assemble the pages of the documentation site, in Markdown, from the files of the repository.

The README is the home page, CONTRIBUTING and CHANGELOG are pages, and the gallery is made from the
heads of the presets. Links between files of the repository become links between pages.
"""

import posixpath
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PRESETS = "experiments/presets"
GALLERY = "gallery/index.md"
FENCES = r"```.*?```"
ALONE = "---\nhide: [navigation]\n---\n\n"  # what has no pages beside it needs no list of them
MOVED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}


class Preset(NamedTuple):
    """The head of a preset, and its flags."""

    name: str
    title: str
    entries: dict[str, str]
    flags: str


def assemble(out: Path) -> None:
    """Write all pages and images to a new directory.

    Args:
        out: the directory; what it held before is deleted.
    """
    shutil.rmtree(out, ignore_errors=True)
    names = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/**/*.md"))]
    for name in [*MOVED, *names]:
        text = (ROOT / name).read_text()
        if not name.startswith(
            ("docs/adr", "CHANGELOG")
        ):  # these name what there was at their time
            text = link_names(text)
        _write(out / (page_of(name) or name), link_papers(link_pages(text, name)))
    _write(out / "index.md", ALONE + (out / "index.md").read_text())
    _write(out / GALLERY, ALONE + link_papers(gallery()))
    _write(out / "adr/index.md", decisions())
    shutil.copytree(ROOT / "docs/gallery", out / "gallery", dirs_exist_ok=True)
    shutil.copytree(ROOT / "docs/assets", out / "assets")


def page_of(name: str) -> str | None:
    """Find the page of the site that shows a file of the repository.

    Args:
        name: the file's path from the root of the repository.

    Returns:
        The page's path from the root of the site, or None if there is no such page.
    """
    if name in MOVED:
        return MOVED[name]
    if name.startswith(f"{PRESETS}/"):
        return f"{GALLERY}#{Path(name).stem}"
    if name.startswith("docs/"):
        return name.removeprefix("docs/")
    return None


def link_pages(text: str, name: str) -> str:
    """Turn a file's relative links into links between pages.

    A link to a file that has no page becomes its text. A link to a file that does not exist stays
    as it is, and fails when the site is built.

    Args:
        text: Markdown.
        name: path of the file that holds it, from the root of the repository.

    Returns:
        The text of its page.
    """
    here = page_of(name)
    if here is None:
        raise ValueError(f"{name} has no page; expected a file under docs/ or one of {list(MOVED)}")

    def replace(match: re.Match[str]) -> str:
        label, target, anchor = match.groups()
        file = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        if "://" in target or not (ROOT / file).exists():
            return match[0]
        page = page_of(file)
        if page is None:
            return label.removeprefix("!")[1:-1]
        return f"{label}({posixpath.relpath(page, posixpath.dirname(here) or '.')}{anchor or ''})"

    link = re.compile(r"(!?\[[^\]]*\])\(([^)\s#]+)(#[^)\s]*)?\)")
    return _outside(FENCES, text, lambda prose: link.sub(replace, prose))


def link_papers(text: str) -> str:
    """Link `arXiv:1406.2661` to its abstract, unless it is a link already.

    Args:
        text: Markdown.

    Returns:
        The same with links.
    """
    paper = re.compile(r"(?<!\[)arXiv:(\d{4}\.\d{4,5})")
    link = r"[arXiv:\1](https://arxiv.org/abs/\1)"
    return _outside(rf"{FENCES}|`[^`]*`", text, lambda prose: paper.sub(link, prose))


@cache
def directives() -> list[str]:
    """List what the pages of the API reference document, such as `jaxgan.losses`."""
    text = "\n".join(page.read_text() for page in sorted(ROOT.glob("docs/api/*.md")))
    return re.findall(r"^::: (\S+)$", text, re.M)


def link_names(text: str) -> str:
    """Link `jaxgan.losses.hinge` to its entry in the API reference, if it has one.

    Args:
        text: Markdown.

    Returns:
        The same with links.
    """
    documented = set(directives())

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        module = (ROOT / name.replace(".", "/")).with_suffix(".py").exists()
        if name in documented or (not module and name.rpartition(".")[0] in documented):
            return f"[`{name}`][{name}]"
        return match[0]

    names = re.compile(r"(?<!\[)`(jaxgan(?:\.\w+)+)`")
    return _outside(FENCES, text, lambda prose: names.sub(replace, prose))


def read_preset(path: Path) -> Preset:
    """Read the head of a preset and its flags.

    Args:
        path: file whose first line is `# title`, followed by entries `# Name:   value` that may go
            on over further lines.

    Raises:
        ValueError: the file has no such head.
    """
    lines = path.read_text().splitlines()
    head = "\n".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    flags = "\n".join(line for line in lines if not line.startswith("#"))
    title, *entries = re.split(r"^([A-Z][a-z]+):\s", head, flags=re.M)
    if not title or "Command" not in entries:
        raise ValueError(f"{path} has no head; expected '# title (paper)', then '# Command: ...'")
    values = [" ".join(value.split()) for value in [title, *entries]]
    return Preset(path.stem, values[0], dict(zip(values[1::2], values[2::2], strict=True)), flags)


def gallery() -> str:
    """Write the page of all presets: what each one drew, what it took, and its flags."""
    presets = [read_preset(path) for path in sorted((ROOT / PRESETS).glob("*.flags"))]
    if not presets:
        raise ValueError(f"there are no presets in {PRESETS}; expected *.flags")
    introduction = (
        f"# Gallery\n\nOne section for each preset in `{PRESETS}`: the samples it drew, how long "
        "it took on the machine it names, what was measured, and the flags that reproduce it."
    )
    return "\n\n".join([introduction, *map(_section, presets)]) + "\n"


def decisions() -> str:
    """Write the page that lists the architecture decision records by their titles."""
    parts = ["# Decisions", "Why the library is the way it is, one decision per page."]
    for path in sorted(ROOT.glob("docs/adr/[0-9]*.md")):
        number, title = path.read_text().splitlines()[0].removeprefix("# ").split(". ", 1)
        parts.append(f"- {number} · [{title}]({path.name})")
    return "\n\n".join(parts) + "\n"


def _section(preset: Preset) -> str:
    entries = dict(preset.entries)
    command = entries.pop("Command")
    parts = [f"## {preset.name}", preset.title]
    if (ROOT / f"docs/gallery/{preset.name}.png").exists():
        parts.append(f"![Samples of {preset.name}]({preset.name}.png){{ loading=lazy }}")
    rows = "\n".join(f"- **{name}**: {value}" for name, value in entries.items())
    parts.append(rows.replace(f" (docs/gallery/{preset.name}.png)", ""))  # it is just above
    flags = preset.flags.replace("\n", "\n    ")
    parts += [f"```\n{command}\n```", f'??? note "Flags"\n\n    ```\n    {flags}\n    ```']
    return "\n\n".join(parts)


def _outside(pattern: str, text: str, change: Callable[[str], str]) -> str:
    """Change what lies between the matches of a pattern, such as blocks of code."""
    parts = re.split(f"({pattern})", text, flags=re.DOTALL)
    return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
