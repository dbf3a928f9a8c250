"""Compiled programs on disk: what is kept, what is damaged, and what others do to them."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import zlib
from collections import Counter

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from jaxgan.runs import program_cache as programs
from jaxgan.runs.config import make
from jaxgan.runs.training import loop

pytestmark = pytest.mark.usefixtures("no_cache_yet")

RING = {"dataset": "ring", "model": "mlp", "width": 16, "latent_dim": 4, "parallel": "jit"}
EVENTS = "/jax/compilation_cache/"


def another_start(directory):
    """What a process does that finds the programs of an earlier one."""
    jax.config.update("jax_compilation_cache_dir", None)
    reset_cache()  # the folder that was used first would stay
    jax.clear_caches()
    if directory is not None:
        programs.keep_compiled(str(directory))


@pytest.fixture
def events():
    """How often a program was asked for, found and written."""
    seen = Counter()

    def listen(event, **_):
        if event.startswith(EVENTS):
            seen[event.removeprefix(EVENTS)] += 1

    jax.monitoring.register_event_listener(listen)
    yield seen
    jax.monitoring.unregister_event_listener(listen)


def test_programs_are_kept_only_where_nobody_else_may_write(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    programs.keep_compiled(str(shared))
    assert jax.config.jax_compilation_cache_dir is None
    (tmp_path / "file").touch()
    programs.keep_compiled(str(tmp_path / "file" / "below"))
    assert jax.config.jax_compilation_cache_dir is None
    programs.keep_compiled("none")
    assert jax.config.jax_compilation_cache_dir is None
    programs.keep_compiled("")
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "mine/jaxgan/compiled")
    programs.keep_compiled(str(tmp_path / "another"))
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "mine/jaxgan/compiled")


@pytest.mark.parametrize("place", ["/dev/null", "/proc/programs", "/dev/full/below"])
def test_a_cache_that_cannot_be_written_only_costs_time(place, caplog):
    programs.keep_compiled(place)
    assert jax.config.jax_compilation_cache_dir is None
    assert "compiled programs are not cached" in caplog.text


def test_without_any_folder_of_its_own_nothing_is_kept(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    programs.keep_compiled("")
    private = tmp_path / f"jaxgan-{os.getuid()}" / "compiled"
    assert jax.config.jax_compilation_cache_dir == str(private)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    jax.config.update("jax_compilation_cache_dir", None)
    private.parent.chmod(0o777)
    programs.keep_compiled("")
    assert jax.config.jax_compilation_cache_dir is None
    assert "compiled programs are not cached" in caplog.text


def twice(x):
    return 2 * x


def thrice(x):
    return 3 * x


def summed(x, y):
    return x + y


def entry(directory, name):
    (path,) = directory.glob(f"jit_{name}-*-cache")
    return path


@pytest.fixture
def kept(tmp_path):
    """A cache with three programs, as a process leaves it."""
    directory = tmp_path / "programs"
    another_start(directory)
    jax.jit(twice)(np.float32(3))
    jax.jit(thrice)(np.float32(3))
    jax.jit(summed)(np.float32(3), np.float32(4))
    programs.tidy(directory)
    return directory


def exchange(a, b):
    a.rename(a.with_name("aside"))
    b.rename(a)
    a.with_name("aside").rename(b)


@pytest.mark.parametrize("other", ["thrice", "summed"])
def test_programs_that_were_exchanged_are_compiled_again(kept, events, other, caplog):
    exchange(entry(kept, "twice"), entry(kept, other))
    another_start(kept)
    assert caplog.text.count("it is compiled again") == 2
    assert float(jax.jit(twice)(np.float32(3))) == 6
    assert float(jax.jit(thrice)(np.float32(3))) == 9
    assert float(jax.jit(summed)(np.float32(3), np.float32(4))) == 7
    assert events["cache_misses"] == 2
    another_start(kept)
    assert float(jax.jit(twice)(np.float32(3))) == 6
    assert events["cache_misses"] == 2


@pytest.mark.parametrize(
    "damage", [lambda content: content[:99], lambda content: content[::-1], lambda content: b""]
)
@pytest.mark.parametrize("noted", [True, False])
def test_a_damaged_program_is_compiled_again_once(kept, events, damage, noted):
    if not noted:  # as after the end of a process that was killed
        (kept / "programs.json").unlink()
    path = entry(kept, "twice")
    path.write_bytes(damage(path.read_bytes()))
    for misses in 1, 1:
        another_start(kept)
        assert float(jax.jit(twice)(np.float32(3))) == 6
        assert float(jax.jit(thrice)(np.float32(3))) == 9
        assert events["cache_misses"] == misses


def test_what_is_damaged_while_it_is_used_is_compiled_again(kept):
    path = entry(kept, "twice")
    path.write_bytes(path.read_bytes()[:99])
    jax.clear_caches()
    with pytest.warns(UserWarning, match="persistent compilation cache"):
        assert float(jax.jit(twice)(np.float32(3))) == 6


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": [1]}', "\xff", '{"a": {}}'])
def test_damaged_notes_cost_nothing(kept, events, text):
    (kept / "programs.json").write_bytes(text.encode("latin-1"))
    another_start(kept)
    assert float(jax.jit(twice)(np.float32(3))) == 6
    assert not events["cache_misses"]
    assert set(json.loads((kept / "programs.json").read_bytes())) == {
        path.name for path in kept.glob("*-cache")
    }


def test_a_cache_that_was_copied_is_found(kept, events, tmp_path):
    shutil.copytree(kept, tmp_path / "copy")
    shutil.rmtree(kept)
    another_start(tmp_path / "copy")
    jax.jit(twice)(np.float32(3))
    assert not events["cache_misses"]


def test_the_least_recently_used_programs_make_room(kept, events, monkeypatch):
    names = "summed", "twice", "thrice"
    for day, name in enumerate(names):
        os.utime(entry(kept, name), (86400 * day, 0))
    monkeypatch.setattr(
        programs, "MOST", sum(entry(kept, name).stat().st_size for name in names[1:])
    )
    others = [path for path in kept.glob("*-cache") if path != entry(kept, "summed")]
    for path in {*others} - {entry(kept, name) for name in names[1:]}:
        path.unlink()  # the programs of random numbers and the like
    another_start(kept)
    assert {path.name for path in kept.glob("*-cache")} == {
        entry(kept, name).name for name in names[1:]
    }
    jax.jit(summed)(np.float32(3), np.float32(4))
    assert events["cache_misses"] == 1


def test_only_programs_that_changed_are_read(kept, monkeypatch):
    def read(path, *_):
        raise AssertionError(path)

    monkeypatch.setattr(programs, "_is_whole", read)
    monkeypatch.setattr(programs.hashlib, "sha256", read)
    programs.tidy(kept)


_TIDY = """
import sys, pathlib
from jaxgan.runs import program_cache
for _ in range(30):
    program_cache.tidy(pathlib.Path(sys.argv[1]))
"""


def test_processes_may_tidy_one_directory_at_once(tmp_path):
    for i in range(50):
        (tmp_path / f"jit_f-{i:064x}-cache").write_bytes(zlib.compress(bytes([i] * 1000)))
    command = [sys.executable, "-W", "error", "-c", _TIDY, str(tmp_path)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    told = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told
    programs.tidy(tmp_path)
    assert len(list(tmp_path.glob("*-cache"))) == 50
    assert len(json.loads((tmp_path / "programs.json").read_bytes())) == 50


def test_a_second_start_compiles_nothing_whatever_else_changes(tmp_path, events, monkeypatch):
    cache = tmp_path / "programs"

    def start(name, **settings):
        """Run from a directory of its own, and return how many programs were asked for."""
        another_start(None)
        events.clear()
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        loop.run(make(**RING, workdir="run", compilation_cache=str(cache), **settings))
        return events["compile_requests_use_cache"]

    assert start("first", steps=4) == events["cache_misses"] > 3
    cache = cache.rename(tmp_path / "moved")
    settings = {"steps": 7, "log_every": 2, "sample_every": 3, "checkpoint_every": 5, "keep": 1}
    assert start("second", **settings) == events["cache_hits"] > 3
    assert not events["cache_misses"]


def test_what_is_no_program_of_jax_is_left_alone(tmp_path):
    """A directory that the user has chosen may hold files of theirs, with any name."""
    theirs = [
        tmp_path / name for name in ("browser-cache", "jit_mine-cache", "x-" + 64 * "g" + "-cache")
    ]
    for path in theirs:
        path.write_bytes(b"not compressed")
    (tmp_path / ("jit_f-" + 64 * "0" + "-cache")).write_bytes(b"half of a program")
    (tmp_path / "a folder-cache").mkdir()
    programs.tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*-cache")) == sorted(
        ["a folder-cache", *(path.name for path in theirs)]
    )
