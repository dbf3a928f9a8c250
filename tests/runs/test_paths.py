"""Paths are refused before anything is written to them, and what was tried leaves no trace."""

import os

import pytest

from jaxgan.runs.paths import check_directory, check_input, check_output, is_folder
from jaxgan.runs.settings import ConfigError


@pytest.fixture(autouse=True)
def room(tmp_path, monkeypatch):
    """A working directory with a file, a directory and a link, which no check changes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("kept")
    (tmp_path / "there" / "deep").mkdir(parents=True)
    (tmp_path / "lost").symlink_to("nowhere")
    before = listing(tmp_path)
    yield
    assert listing(tmp_path) == before
    assert (tmp_path / "file").read_text() == "kept"


def listing(path):
    return sorted(str(one.relative_to(path)) for one in path.rglob("*"))


@pytest.mark.parametrize(
    "good", ["new", "new/deep/er", "there", "there/deep", "there/new", "there/../new", ".", ""]
)
def test_a_directory_may_be_new(good):
    check_directory("workdir", good)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("file", "it is a file; expected a directory"),
        ("file/x", "file is a file; expected a directory"),
        ("new/../x", "there is no directory new; write the path without it"),
        ("there/new/../x", "there is no directory there/new; write"),
        ("x" * 300, "File name too long"),
        ("new/" + "x" * 300, "File name too long"),
        ("/dev/null/x", "/dev/null is a file"),
        ("/proc/x", "No such file or directory; expected a directory to write to"),
        ("lost", "lost is|it is a file|File exists|expected a directory"),
    ],
)
def test_a_directory_that_cannot_be_is_refused(bad, reason):
    with pytest.raises(ConfigError, match=rf"^--workdir={bad}: .*(?:{reason})") as caught:
        check_directory("workdir", bad)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_directory_that_others_own_is_refused():
    with pytest.raises(ConfigError, match="Permission denied"):
        check_directory("workdir", "/proc/1/x")


@pytest.mark.parametrize("good", ["new.png", "there/new.png", "file"])
def test_a_file_may_be_new_or_be_replaced(good):
    check_output("out", good, (".png", ""))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("x.txt", "expected a name that ends in .png or .npz"),
        ("no/x.png", "there is no directory no; make it first"),
        ("file/x.png", "there is no directory file; make it first"),
        ("/proc/x.png", "choose another file"),
        ("x" * 300 + ".png", "File name too long; choose another file"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(bad, reason):
    with pytest.raises(ConfigError, match=rf"^--out={bad}: .*{reason}"):
        check_output("out", bad, (".png", ".npz"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [("there", True), ("new/", True), ("new", True), ("a.png", False), ("x" * 300 + ".png", False)],
)
def test_what_a_folder_is_called(path, expected):
    assert is_folder(path) == expected


def test_a_directory_is_no_file():
    with pytest.raises(ConfigError, match=r"^--out=there: it is a directory"):
        check_output("out", "there")


def test_what_is_read_has_to_be_there():
    check_input("mask", "file")
    check_input("data_dir", "there", directory=True)
    for path, directory in (("no", False), ("there", False), ("no", True), ("file", True)):
        with pytest.raises(ConfigError, match=f"^--x={path}: there is no such"):
            check_input("x", path, directory=directory)
    for path in ("x" * 300, "~nobody-has-this-name/x"):
        with pytest.raises(ConfigError, match=f"^--x={path}: .*; give an existing file"):
            check_input("x", path)
