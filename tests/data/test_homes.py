"""Accounts of every kind load data: without a home, or with one that cannot be written."""

import os
import pwd
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import DataError, _homes, emoji, load
from jaxgan.data.cache import default_root


@pytest.fixture(autouse=True)
def temporary(monkeypatch, tmp_path):
    """The folder of temporary files, which is not that of the machine."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    _homes._say.cache_clear()
    return tmp_path / "tmp"


@pytest.fixture
def no_home(monkeypatch):
    """An account as in a container: a number without a name, and no HOME."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("L", (4, 4), 7).save(tmp_path / "pictures" / "a.png")
    return f"folder:{tmp_path / 'pictures'}"


def mode(path):
    return path.stat().st_mode & 0o777


def test_sets_without_a_cache_ask_for_no_home(no_home, temporary, caplog):
    assert len(load("ring").x) == 50_000
    assert not list(temporary.iterdir())
    assert not caplog.text


def test_without_a_home_the_cache_is_a_private_folder_and_that_is_said_once(
    no_home, pictures, temporary, caplog
):
    for _ in range(2):
        assert load(pictures).x[0, 0, 0, 0] == 7
    private = temporary / f"jaxgan-{os.getuid()}"
    assert mode(private) == mode(private / "data") == 0o700
    assert len(list((private / "data").iterdir())) == 1
    messages = [record.getMessage() for record in caplog.records]
    (warning,) = [message for message in messages if not message.startswith("folder:")]
    assert str(private) in warning
    assert "cache_dir=" in warning


@pytest.mark.parametrize("home", ["/proc", "/dev/null"])
def test_a_home_that_cannot_be_written_is_like_none(home, pictures, temporary, monkeypatch):
    monkeypatch.setenv("HOME", home)
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert load(pictures).x[0, 0, 0, 0] == 7
    assert len(list((temporary / f"jaxgan-{os.getuid()}" / "data").iterdir())) == 1


@pytest.mark.parametrize("taken", ["open", "link", "file", "foreign"])
def test_a_folder_that_others_control_is_not_used(
    no_home, pictures, temporary, tmp_path, monkeypatch, caplog, taken
):
    private = temporary / f"jaxgan-{os.getuid()}"
    (tmp_path / "theirs").mkdir(mode=0o700)
    if taken == "open":
        private.mkdir()
        private.chmod(0o777)
    elif taken == "link":
        private.symlink_to(tmp_path / "theirs")
    elif taken == "file":
        private.write_text("")
    else:
        private.mkdir(mode=0o700)
        another = os.getuid() + 1
        monkeypatch.setattr(os, "getuid", lambda: another)
        private.rename(temporary / f"jaxgan-{os.getuid()}")
    with pytest.raises(OSError, match="jaxgan-"):
        default_root()
    assert load(pictures).x[0, 0, 0, 0] == 7  # decoded, and not cached
    assert "cache_dir=" in caplog.text
    assert not list((tmp_path / "theirs").iterdir())


def test_the_cache_is_for_its_user_alone(pictures, own_cache, tmp_path):
    before = os.umask(0)
    try:
        load(pictures)
        load(pictures, cache_dir=tmp_path / "mine")
    finally:
        os.umask(before)
    assert mode(own_cache) == mode(tmp_path / "mine") == 0o700


@pytest.mark.parametrize("argument", ["data_dir", "manual_dir", "cache_dir"])
def test_a_tilde_without_a_home_is_refused_in_one_line(no_home, argument):
    with pytest.raises(DataError, match=f"^{argument}=~/x: .*home.*give"):
        load("digits", **{argument: "~/x"})
    with pytest.raises(DataError, match=r"^name=folder:~/x: .*home.*give"):
        load("folder:~/x")


def test_fonts_are_searched_for_without_a_home(no_home):
    assert emoji._font_folders()


def test_the_data_sets_of_tfds_have_a_place_without_a_home():
    code = """
import os, pwd
os.environ.pop("HOME", None)
def unknown(uid):
    raise KeyError(uid)
pwd.getpwuid = unknown
from jaxgan.data import DataError, load, network
network.answers = lambda *_: False
try:
    load("mnist")
except DataError as error:
    print(error)
"""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TMPDIR": folder}
        for name in ("XDG_CACHE_HOME", "TFDS_DATA_DIR"):
            environment.pop(name, None)
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"{folder}/jaxgan-{os.getuid()}/tensorflow_datasets" in done.stdout
        assert "manual_dir=DIRECTORY" in done.stdout
        assert "~" not in os.listdir(folder)


@pytest.mark.parametrize(
    "name", ["..", "../../x", "/etc/passwd", "a\nb\0c", "\ud800", "x" * 5000, ".", "~", "C:\\x"]
)
def test_entries_never_land_outside_the_cache(tmp_path, name):
    from jaxgan.data.cache import Decoded, cached
    from jaxgan.data.dataset import Dataset
    from jaxgan.data.stack import stack

    def build(directory):
        x, y = stack([(np.zeros((2, 2, 1), np.uint8), None)], 1, directory)
        return Decoded(Dataset(x, y, name))

    root = tmp_path / "outer" / "cache"
    dataset = cached(root, name, {}, build)
    assert isinstance(dataset.x, np.memmap)
    assert os.listdir(tmp_path / "outer") == ["cache"]
    (entry,) = root.iterdir()
    assert sorted(os.listdir(entry)) == ["entry.json", "x.npy"]
    assert isinstance(cached(root, name, {}, None).x, np.memmap)
