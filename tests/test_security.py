"""The promises of SECURITY.md: what a file says is never run, and nothing is open to others."""

import ast
import io
import os
import pickle
import re
import socket
import stat
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.data import load
from jaxgan.data.cache import Decoded, cached
from jaxgan.data.dataset import Dataset
from jaxgan.data.stack import stack
from jaxgan.metrics import classifiers, inception
from jaxgan.runs import program_cache as programs
from jaxgan.runs.config import make
from jaxgan.runs.report.write import write
from jaxgan.runs.training import loop

sys.path.append(str(Path(__file__).parent / "runs" / "report"))
import report_pages

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "jaxgan").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")])

# Modules whose formats run code when they are read, and functions that run what they are given.
MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}
MODULES |= {"jax.experimental.serialize_executable"}
FUNCTIONS = {"eval", "exec", "compile", "__import__", "yaml.load", "torch.load", "os.system"}
FUNCTIONS |= {"os.popen", "tempfile.mktemp", "mktemp", "pickletools.optimize"}
LOADERS = {"np.load", "numpy.load", "jnp.load", "jax.numpy.load"}


def violations(source: str) -> list[str]:
    """What in a program could run code from a file or a string."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [one.name for one in names if forbidden(one.name)]
            case ast.ImportFrom(module=str(module), names=names):
                full = [module, *(f"{module}.{one.name}" for one in names)]
                found += [name for name in full if forbidden(name) or name in FUNCTIONS]
            case ast.Call(func=function, keywords=keywords):
                given = {one.arg: ast.unparse(one.value) for one in keywords}
                name = ast.unparse(function)
                if name in FUNCTIONS or forbidden(name):
                    found.append(name)
                if given.get("allow_pickle", "False") != "False":
                    found.append("allow_pickle")
                if name in LOADERS and "allow_pickle" not in given:
                    found.append(f"{name} without allow_pickle=False")
                if given.get("shell", "False") != "False":
                    found.append("shell")
    return found


def forbidden(module: str) -> bool:
    return module in MODULES or module.split(".", maxsplit=1)[0] in MODULES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_can_run_what_it_reads(path):
    assert violations(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import dill as harmless",
        "from jax.experimental import serialize_executable",
        "eval(text)",
        "lambda: exec(text)",
        "import yaml; yaml.load(text)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "np.save(path, x, allow_pickle=True)",
        "torch.load(path, weights_only=True)",
        "subprocess.run(command, shell=True)",
        "from tempfile import mktemp",
        "os.system(command)",
    ],
)
def test_the_check_of_sources_finds(source):
    assert violations(source)


def test_the_check_of_sources_leaves_in_peace():
    assert not violations("np.load(path, allow_pickle=False); model.eval(); re.compile(x)")
    assert not violations("subprocess.run(['ls']); yaml.safe_load(text); import pickletools")


def test_the_tests_that_security_md_names_exist():
    path, found = "", 0
    for file, name in re.findall(r"`([\w/]+\.py)?::(\w+)`", (ROOT / "SECURITY.md").read_text()):
        path = file or path  # as in `::test_that`, of the file before
        assert f"def {name}(" in (ROOT / path).read_text(), (path, name)
        found += 1
    assert found > 15


class Trap:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def trap(tmp_path):
    sprung = tmp_path / "sprung"
    yield Trap(sprung)
    assert not sprung.exists()
    pickle.loads(pickle.dumps(Trap(sprung))).close()
    assert sprung.exists()  # it would have worked


def npy(trap) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([trap] * 3, object), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("name", ["x.npy", "y.npy"])
@pytest.mark.parametrize("pickled", [npy, pickle.dumps], ids=["npy", "pickle"])
def test_a_cache_entry_runs_nothing(tmp_path, trap, name, pickled):
    def build(directory):
        examples = [(np.zeros((2, 2, 1), np.uint8), 0)] * 3
        return Decoded(Dataset(*stack(examples, 3, directory), "set", ("a",)))

    cached(tmp_path / "cache", "set", {}, build)
    (entry,) = (tmp_path / "cache").iterdir()
    (entry / name).write_bytes(pickled(trap))
    assert cached(tmp_path / "cache", "set", {}, build).y.tolist() == [0, 0, 0]


def weights_files(trap):
    """Files of weights with a trap in them, in all layouts."""
    yield "a.npz", npz({name: npy(trap) for name in inception.shapes()})
    yield "b.pth", pickle.dumps(trap)
    yield "c.pth", npz({"weights/data.pkl": pickle.dumps({"w": trap}, 2)}, ending="")
    start = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."
    yield "d.pth", start + pickle.dumps({"w": trap}, 2)
    yield "e.npz", pickle.dumps(trap)


def npz(members: dict[str, bytes], ending=".npy") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name + ending, content)
    return file.getvalue()


def test_weights_run_nothing(tmp_path, trap):
    for name, content in weights_files(trap):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(inception.WeightsError):
            inception.load(tmp_path / name, sha256=None)
        with pytest.raises(ValueError, match=name):
            classifiers.read(tmp_path / name, "mine")


def tiny_run(workdir: Path):
    settings = {"dataset": "ring", "model": "mlp", "width": 8, "latent_dim": 2, "parallel": "jit"}
    return make(**settings, steps=2, steps_per_call=2, log_every=1, workdir=str(workdir))


def internet_sockets() -> set[str]:
    """The open internet sockets of this process, of Python and of the libraries below it."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("needs /proc")
    ours = set()
    for descriptor in descriptors.iterdir():
        try:
            ours.add(os.readlink(descriptor))
        except OSError:  # that of the listing itself
            continue
    lines = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        lines += (Path("/proc/net") / table).read_text().splitlines()[1:]
    return {line for line in lines if f"socket:[{line.split()[9]}]" in ours}


_heard: list[tuple] | None = None
"""The events of sockets while a test listens; an audit hook cannot be removed again."""


def _hear(event: str, arguments: tuple) -> None:
    # asyncio wakes itself through a pair of connected sockets, which have no address.
    if _heard is not None and event.startswith("socket.") and event != "socket.__new__":
        _heard.append((event, *map(repr, arguments)))


sys.addaudithook(_hear)


def test_training_in_one_process_opens_no_connection(tmp_path, monkeypatch):
    before = internet_sockets()
    monkeypatch.setattr(sys.modules[__name__], "_heard", [])
    loop.run(tiny_run(tmp_path / "run"))
    assert [event for event in _heard if event[0] != "socket.gethostname"] == []
    assert internet_sockets() <= before
    with socket.create_server(("127.0.0.1", 0)):  # the test would have noticed
        assert _heard
        assert internet_sockets() - before


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755)]
)
def test_files_have_the_rights_that_the_user_wants(tmp_path, umask, file, folder):
    before = os.umask(umask)
    try:
        loop.run(tiny_run(tmp_path / "run"))
        write([tmp_path / "run"])
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "run").rglob("*")}
    assert len(modes) > 10
    wrong = {
        str(path.relative_to(tmp_path)): oct(mode)
        for path, mode in modes.items()
        if mode != (folder if path.is_dir() else file)
    }
    assert not wrong


def test_caches_are_for_their_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "pictures").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "pictures" / "a.png")
    directory = jax.config.jax_compilation_cache_dir
    before = os.umask(0)
    try:
        load(f"folder:{tmp_path / 'pictures'}")
        jax.config.update("jax_compilation_cache_dir", None)
        programs.keep_compiled("")
    finally:
        os.umask(before)
        jax.config.update("jax_compilation_cache_dir", directory)
    caches = sorted((tmp_path / "cache" / "jaxgan").iterdir())
    assert [path.name for path in caches] == ["compiled", "data"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in caches] == [0o700, 0o700]


HOSTILE = (
    "<script>harm()</script>",
    "</script><script>harm()</script>",
    "\"><img src=x onerror=harm()>'",
    "'><svg onload=harm()>",
    "<!--<script>",
    "]]></style></title>",
    "javascript:harm()",
    "&lt;script&gt;&#x3c;",
)


class Page(HTMLParser):
    """The tags, attributes and scripts of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.names, self.scripts = [], set(), []
        self._in_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._in_script &= tag != "script"

    def handle_data(self, data):
        if self._in_script:
            self.scripts[-1] += data

    def handle_comment(self, data):
        self.tags.append("comment")

    def unknown_decl(self, data):
        self.tags.append("declaration")


def written(path: Path, text: str) -> Page:
    """The page of a run in whose files every text from outside is `text`."""
    found = report_pages.evaluation(classes=(text, f"{text} too"))
    found |= {"reference": text, "versions": {text: text}, "features": text}
    found["rows"][0] |= {"title": text, "name": text, "better": text}
    found["distances"] |= {"unit": text, "held_out_name": text}
    found["projection"]["method"] = text
    settings = {"dataset": f"folder:{text}", "split": text, "data_dir": text, "manual_dir": text}
    run = report_pages.whole(path, text=text, found=found, **settings)
    remark = {"step": 300, "state": text, "text": text}
    report_pages.jsonl(run / "monitor.jsonl", [remark])
    report_pages.jsonl(run / "evaluations.jsonl", [{"step": 0, text: 1.0}, {"step": 9, text: 2.0}])
    metrics = [{"step": step, f"loss_{text}": 1.0, text: step} for step in range(3)]
    report_pages.jsonl(run / "metrics.jsonl", metrics)
    return Page(write([run], path.parent / "page.html").read_text())


@pytest.mark.parametrize("text", HOSTILE)
def test_a_report_shows_texts_and_never_runs_them(tmp_path, text):
    harmless = written(tmp_path / "harmless", "word")
    page = written(tmp_path / text.replace("/", "\N{DIVISION SLASH}"), text)
    assert page.tags == harmless.tags
    assert page.names == harmless.names
    assert page.scripts[-1] == harmless.scripts[-1]  # the only one that is run
    (tmp_path / "two").mkdir()
    other = report_pages.whole(tmp_path / "two" / "b")
    pages = write([tmp_path / text.replace("/", "\N{DIVISION SLASH}"), other], tmp_path / "2.html")
    assert "harm()>" not in " ".join(Page(pages.read_text()).names)
