"""What the command refuses before it loads anything, and where it writes."""

from functools import partial

import pytest
from absl import flags

from jaxgan.runs import restore
from jaxgan.runs.commands import sample
from jaxgan.runs.paths import check_output, is_folder, make_room
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.show import films


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Runs the command in a directory with a `run` and an `input.png`; nothing may be restored."""

    def never(*_, **__):
        raise AssertionError("restored")

    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "flags.txt").write_text("--recipe=gan\n--dataset=digits\n")
    (tmp_path / "input.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(restore, "restore", never)

    values = flags.FlagValues()
    define, define_options = sample.define, sample.define_options
    monkeypatch.setattr(sample, "define", partial(define, flag_values=values))
    monkeypatch.setattr(sample, "define_options", lambda groups, _: define_options(groups, values))
    monkeypatch.setattr(sample.flags, "FLAGS", values)
    sample.define_flags()

    def call(*arguments):
        values(["sample", "--workdir=run", *arguments])
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(ConfigError) as error:
            sample.run([])
        assert sorted(tmp_path.rglob("*")) == before
        return str(error.value)

    return call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out=x.jpg"], "--out=x.jpg: expected a name that ends in .png, .npz, .zip"),
        (["--out=input.png/x.png"], "--out=input.png"),
        (["--out=x.png", "--seeds=a"], "--seeds=a: expected whole numbers"),
        (["--out=x.png", "--seeds=1", "--n=3"], "--n=3: not used with --seeds"),
        (["--out=x.png", "--classes=1", "--label=3"], "--label=3: not used with --classes"),
        (["--out=x.npz", "--input=input.png"], "--out=x.npz: expected a name that ends in .png"),
        (["--out=x.png", "--evolution"], "--out=x.png: expected a name that ends in .gif or .mp4"),
        (["--out=x.gif", "--evolution", "--n=2"], "--n=2: not used with --evolution"),
        (["--out=x.mp4"], "--out=x.mp4: PyAV is needed"),
    ],
)
def test_what_is_wrong_is_refused_before_the_run_is_loaded(
    refused, arguments, message, monkeypatch
):
    monkeypatch.setattr(films.importlib.util, "find_spec", lambda name: None)
    assert refused(*arguments).startswith(message)


def test_a_directory_that_is_going_to_be_made_may_be_missing(tmp_path):
    out = tmp_path / "new" / "deep" / "x.PNG"
    check_output("out", out, (".png",), made=True)
    assert not (tmp_path / "new").exists()
    make_room(out)
    assert out.parent.is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"--out=.*file: it is a file"):
        check_output("out", tmp_path / "file" / "x.png", (".png",), made=True)


def test_what_names_a_folder(tmp_path):
    (tmp_path / "there.v2").mkdir()
    assert all(map(is_folder, ("new", "new/", "x.y/", tmp_path / "there.v2")))
    assert not any(map(is_folder, ("x.png", "a/x.zip", tmp_path / "x.v2")))
