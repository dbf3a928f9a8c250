"""The documentation site: every public name is in the reference, and the site stands alone."""

import ast
import importlib
import importlib.util
import inspect
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

sys.path.append(str(DOCS))
import pages  # noqa: E402 - the folder is no package

# Modules that are imported by their full names, as the guides and the examples do.
IMPORTED = (
    "jaxgan.core",
    "jaxgan.data.preparation",
    "jaxgan.data.scenes",
    "jaxgan.data.sentences",
    "jaxgan.data.toys",
    "jaxgan.metrics.classifiers",
    "jaxgan.metrics.inception",
    "jaxgan.metrics.pictures",
    "jaxgan.metrics.scenes",
    "jaxgan.metrics.solids",
    "jaxgan.metrics.sound",
    "jaxgan.runs.config",
    "jaxgan.runs.measures.answers",
    "jaxgan.runs.networks",
    "jaxgan.runs.restore",
    "jaxgan.runs.settings",
    "jaxgan.runs.trained",
    "jaxgan.runs.variants.variant",
)


def find(name: str):
    """The object of a dotted name: `jaxgan.losses`, `jaxgan.losses.hinge`."""
    module, _, attribute = name.rpartition(".")
    if module and hasattr(importlib.import_module(module), attribute):
        return getattr(importlib.import_module(module), attribute)
    return importlib.import_module(name)


def public_names(module: ModuleType) -> list[str]:
    """`__all__`, or what the module itself defines without a leading underscore."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    names = []
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.append(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
    return [name for name in names if not name.startswith("_")]


def public_modules() -> list[str]:
    """`jaxgan`, the modules that `__all__` leads to from there, and those of `IMPORTED`."""
    found, queue = [], ["jaxgan", *IMPORTED]
    while queue:
        module = find(queue.pop())
        found.append(module.__name__)
        queue += [
            f"{module.__name__}.{name}"
            for name in public_names(module)
            if inspect.ismodule(getattr(module, name))
        ]
    return sorted(found)


def canonical(name: str) -> str:
    """The dotted name of the place where an object is defined, which all its names share."""
    value = find(name)
    defined = inspect.isfunction(value) or inspect.isclass(value)
    if defined and value.__module__.startswith("jaxgan."):
        return f"{value.__module__}.{value.__name__}"
    return name  # a constant, or another name for a type of elsewhere


def objects(module: str) -> list[str]:
    """The dotted names of what a module exports, but for modules."""
    names = [f"{module}.{name}" for name in public_names(find(module))]
    return [name for name in names if not inspect.ismodule(find(name))]


@cache
def entries() -> list[str]:
    """What the reference has entries for: a module's directive makes one for all it exports."""
    names = []
    for name in pages.directives():
        names += objects(name) if inspect.ismodule(find(name)) else [name]
    return names


@pytest.mark.parametrize("module", public_modules())
def test_every_public_name_is_in_the_reference(module):
    documented = set(map(canonical, entries()))
    missing = [name for name in objects(module) if canonical(name) not in documented]
    assert not missing, f"add '::: NAME' to a page of docs/api for each of {missing}"


@pytest.mark.parametrize("name", pages.directives())
def test_every_directive_names_something_public(name):
    module, _, attribute = name.rpartition(".")
    assert name in public_modules() or attribute in public_names(find(module)), name


def test_nothing_has_two_entries():
    names = list(map(canonical, entries()))
    assert not {name for name in names if names.count(name) > 1}


def test_what_docstrings_and_guides_name_exists():
    texts = [ROOT / "README.md", *DOCS.glob("*.md"), *(ROOT / "jaxgan").rglob("*.py")]
    for path in texts:
        for name in re.findall(r"`(jaxgan(?:\.\w+)+)`", path.read_text()):
            find(name)


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    for page in [*DOCS.glob("*.md"), *DOCS.glob("api/*.md")]:
        assert re.search(rf"[ :-] {page.relative_to(DOCS)}$", navigation, re.M), page


def test_a_link_between_files_becomes_one_between_pages():
    text = "[a](docs/metrics.md#numbers) ![b](docs/gallery/x.png) [`p`](experiments/presets/%s)"
    text %= "gan_ring.flags"
    linked = pages.link_pages(text.replace("x.png", "gan_ring.png"), "README.md")
    assert linked == (
        "[a](metrics.md#numbers) ![b](gallery/gan_ring.png) [`p`](gallery/index.md#gan_ring)"
    )
    assert pages.link_pages("[c](../README.md)", "docs/study.md") == "[c](index.md)"
    assert pages.link_pages("[c](../study.md)", "docs/adr/0001-x.md") == "[c](../study.md)"


def test_a_link_to_what_has_no_page_is_text_and_a_broken_one_stays():
    text = "[the license](LICENSE) [x](nowhere.md) [y](https://example.org/a)"
    expected = "the license [x](nowhere.md) [y](https://example.org/a)"
    assert pages.link_pages(text, "README.md") == expected


def test_code_is_left_as_it_is():
    text = "```\n[a](README.md) arXiv:1406.2661\n```\n`arXiv:1406.2661`"
    assert pages.link_papers(pages.link_pages(text, "README.md")) == text


def test_papers_are_linked_once():
    linked = "[arXiv:1406.2661](https://arxiv.org/abs/1406.2661)"
    assert pages.link_papers("(arXiv:1406.2661)") == f"({linked})"
    assert pages.link_papers(linked) == linked


def test_the_gallery_has_every_preset_and_every_picture():
    text = pages.gallery()
    for preset in (ROOT / pages.PRESETS).glob("*.flags"):
        assert f"\n## {preset.stem}\n" in text
    pictures = {path.name for path in (DOCS / "gallery").glob("*.png")} - {"report.png"}
    assert pictures == set(re.findall(r"\]\((\w+\.png)\)", text))


def test_a_preset_without_a_head_is_refused(tmp_path):
    path = tmp_path / "x.flags"
    path.write_text("--steps=3\n")
    with pytest.raises(ValueError, match=r"x\.flags has no head; expected"):
        pages.read_preset(path)


SOURCES = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}


class Page(HTMLParser):
    """What a page loads when it is opened, and the places in it that links can name."""

    def __init__(self, text: str):
        super().__init__()
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids.add(attributes.get("id") or "")
        source = attributes.get(SOURCES.get(tag, ""))
        if source and attributes.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(source)


@pytest.fixture(scope="module")
def site():
    """The folder of the site, built as `make docs` builds it."""
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("the site generator is not installed: make docs")
    command = [sys.executable, "docs/make.py"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return ROOT / "build/docs"


def test_the_site_loads_nothing_from_elsewhere(site):
    assert len(list(site.rglob("*.html"))) > 30
    for page in site.rglob("*.html"):
        for source in Page(page.read_text()).loads:
            assert not re.match(r"(\w+:)?//", source), f"{page} loads {source}"
            if not source.startswith(("/", "data:")):
                assert (page.parent / source.partition("#")[0]).exists(), f"{page}: {source}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(\w+:)?//", style.read_text()), style


def test_the_site_has_an_entry_for_every_public_name(site):
    ids = set().union(*(Page(p.read_text()).ids for p in (site / "api").glob("*.html")))
    assert set(entries()) <= ids, set(entries()) - ids


def test_formulas_of_docstrings_are_blocks_of_code(site):
    text = re.sub(r"<[^>]+>", "", (site / "api/objectives.html").read_text())
    assert "(f - 1)^2 / 2" in text
    blocks = re.findall(r"<pre>(.*?)</pre>", (site / "api/objectives.html").read_text(), re.S)
    assert any("(f - 1)^2 / 2" in re.sub(r"<[^>]+>", "", block) for block in blocks)
