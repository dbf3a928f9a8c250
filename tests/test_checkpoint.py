import errno
import os
import threading
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import PlayerState, TrainState, Variables
from jaxgan.checkpoint import CheckpointError, Checkpoints, digest


def make_state(seed: int = 0) -> TrainState:
    key = jax.random.key(seed)
    params = {
        "kernel": jax.random.normal(key, (64, 128)),
        "bias": jax.random.normal(key, (5,)).astype(jnp.bfloat16),
    }
    statistics = {"mean": jax.random.normal(key, (3,)), "nothing": ()}
    opt_state = optax.chain(optax.clip(1.0), optax.adam(1e-3)).init(params)
    player = PlayerState(jnp.int32(seed), params, statistics, opt_state)
    return TrainState(key, player, player, Variables(params, statistics))


def data_files(directory, step):
    files = [p for p in (directory / str(step) / "state").rglob("*") if p.parent.name == "d"]
    assert files
    return sorted(files, key=lambda path: path.stat().st_size)


def test_what_comes_back_is_what_went_in_bit_for_bit(tmp_path):
    state = make_state()
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(7, state, {"shape": [28, 28, 1], "class_names": ["a"]})
    with Checkpoints(tmp_path) as checkpoints:
        step, restored = checkpoints.restore(jax.eval_shape(lambda: state))
        assert checkpoints.notes(7) == {"shape": [28, 28, 1], "class_names": ["a"]}
    assert step == 7
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    for new, old in zip(jax.tree.leaves(restored), jax.tree.leaves(state), strict=True):
        assert new.dtype == old.dtype
        assert isinstance(new, jax.Array)
    assert digest(restored) == digest(state)
    assert (jax.random.bits(restored.key) == jax.random.bits(state.key)).all()


def test_the_newest_few_are_kept_and_the_newest_is_restored(tmp_path):
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, make_state(step))
        assert checkpoints.steps() == [2, 3]
        step, state = checkpoints.restore(make_state())
        assert (step, int(state.g.step)) == (3, 3)
        step, state = checkpoints.restore(make_state(), step=2)
        assert (step, int(state.g.step)) == (2, 2)


def test_a_step_is_saved_once(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, make_state(1))
        checkpoints.save(1, make_state(2))
        assert int(checkpoints.restore(make_state())[1].g.step) == 1


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, damage, caplog):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, make_state(1))
        checkpoints.save(2, make_state(2))
    largest = data_files(tmp_path, 2)[-1]
    content = bytearray(largest.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        largest.write_bytes(content)
    elif damage == "truncate":
        largest.write_bytes(content[: len(content) // 2])
    else:
        largest.unlink()
    with Checkpoints(tmp_path) as checkpoints:
        step, state = checkpoints.restore(make_state())
    assert (step, digest(state)) == (1, digest(make_state(1)))
    assert "checkpoint 2 cannot be restored" in caplog.text


def test_if_none_is_whole_the_reason_is_told(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        with pytest.raises(CheckpointError, match="there is none"):
            checkpoints.restore(make_state())
        checkpoints.save(1, make_state(1))
        data_files(tmp_path, 1)[-1].unlink()
        with pytest.raises(CheckpointError, match=str(tmp_path)) as caught:
            checkpoints.restore(make_state())
        assert "\n" not in str(caught.value)


def test_a_state_of_another_shape_or_type_is_refused(tmp_path):
    state = make_state()
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state)
        wider = state._replace(ema=Variables({"kernel": jnp.zeros((64, 129))}))
        integer = state._replace(d=state.d._replace(step=jnp.float32(0)))
        for other in wider, integer:
            with pytest.raises(CheckpointError):
                checkpoints.restore(other)


def test_a_restored_state_lies_where_the_old_one_did(tmp_path):
    mesh = jax.make_mesh((4,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    state = jax.device_put(make_state(), everywhere)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state)
        _, restored = checkpoints.restore(state)
    assert all(leaf.sharding == everywhere for leaf in jax.tree.leaves(restored))


def test_what_an_interrupted_save_left_behind_is_cleared_away(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, make_state(1))
    (tmp_path / "2.orbax-checkpoint-tmp").mkdir()
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.steps() == [1]
        checkpoints.save(2, make_state(2))
    assert not list(tmp_path.glob("*.orbax-checkpoint-tmp"))


def test_the_digest_sees_bits_shapes_and_types():
    zero = {"a": np.zeros(4, np.float32)}
    others = [
        {"a": np.array([0, 0, 0, -0.0], np.float32)},
        {"a": np.zeros((2, 2), np.float32)},
        {"a": np.zeros(4, np.int32)},
    ]
    assert digest(zero) == digest({"a": jnp.zeros(4)})
    assert len({digest(state) for state in [zero, *others]}) == 4


def test_keep_must_be_at_least_one(tmp_path):
    with pytest.raises(ValueError, match="keep is 0"):
        Checkpoints(tmp_path, keep=0)


NUMBERS = ["bool", "int8", "uint8", "int32", "int64", "uint64", "float16", "bfloat16", "float64"]


@pytest.mark.parametrize("dtype", [*NUMBERS, "complex64"])
def test_numpy_arrays_come_back_as_they_went_in(tmp_path, dtype):
    state = {"a": np.arange(6).reshape(2, 3).astype(jnp.dtype(dtype)), "b": np.ones((), dtype)}
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state)
        _, restored = checkpoints.restore(like=state)
    for name, array in state.items():
        assert isinstance(restored[name], np.ndarray)
        assert restored[name].dtype == array.dtype
        np.testing.assert_array_equal(restored[name], array)


@pytest.mark.parametrize(
    "leaf",
    [np.array(["a"]), np.array([None]), np.array("2026-01-01", "datetime64[D]"), 1.5],
    ids=["text", "object", "time", "number"],
)
def test_what_is_no_array_of_numbers_is_refused_before_anything_is_written(tmp_path, leaf):
    with Checkpoints(tmp_path / "run") as checkpoints, pytest.raises(TypeError, match="weights"):
        checkpoints.save(1, {"weights": leaf})
    assert not (tmp_path / "run").exists()


def injuries(file):
    """Every kind of damage to one file: a flipped bit anywhere, a cut, nothing left, gone."""
    content = file.read_bytes()
    for i in sorted({0, len(content) // 3, len(content) // 2, len(content) - 1}):
        yield content[:i] + bytes([content[i] ^ 4]) + content[i + 1 :]
    yield content[: len(content) // 2]
    yield b""
    yield None


def test_damage_to_any_file_is_noticed_by_every_reader(tmp_path):
    state = {"weights": jnp.arange(300.0)}
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {"weights": jnp.zeros(300)}, {"of": 1})
        checkpoints.save(2, state, {"of": 2})
    tried = 0
    with Checkpoints(tmp_path) as checkpoints:
        for file in sorted(path for path in (tmp_path / "2").rglob("*") if path.is_file()):
            whole = file.read_bytes()
            for content in injuries(file) if whole else [None]:
                tried += 1
                if content is None:
                    file.unlink()
                else:
                    file.write_bytes(content)
                assert checkpoints.restore(state)[0] == 1, file
                # What the notes say is right, or they are those of the step before.
                assert checkpoints.notes() in ({"of": 1}, {"of": 2})
                file.write_bytes(whole)
        assert checkpoints.restore(state)[0] == 2
    assert tried > 30


def test_a_damaged_record_gives_no_notes(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, make_state(), {"shape": [28, 28, 1]})
        record = tmp_path / "1" / "record.json"
        record.write_text(record.read_text().replace("28", "29", 1))
        with pytest.raises(CheckpointError, match="its record does not match its SHA-256"):
            checkpoints.notes(1)


def test_the_checkpoint_of_another_step_is_noticed(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(20, make_state(20))
        (tmp_path / "20").rename(tmp_path / "40")
        with pytest.raises(CheckpointError, match="it is the checkpoint of step 20"):
            checkpoints.restore(make_state())


def test_a_checkpoint_of_version_0_1_is_read(tmp_path):
    workdirs = Path(__file__).parent / "runs" / "training" / "workdirs"
    with zipfile.ZipFile(workdirs / "ring.zip") as archive:
        archive.extractall(tmp_path)
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        (step,) = checkpoints.steps()
        assert checkpoints.notes(step)["class_names"][0] == "+0.80,+0.00"
        with pytest.raises(CheckpointError, match="it holds the state of something else"):
            checkpoints.restore(make_state())


def files_of(directory):
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*")}


def test_opening_and_reading_change_nothing(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, make_state(1), {"of": 1})
    for name in ".2.partial", ".0.deleted", "3.orbax-checkpoint-tmp":
        (tmp_path / name).mkdir()
    before = files_of(tmp_path)
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.steps() == [1]
        assert checkpoints.notes() == {"of": 1}
        checkpoints.restore(make_state())
    assert files_of(tmp_path) == before
    with Checkpoints(tmp_path / "nowhere") as checkpoints:
        assert checkpoints.steps() == []
    assert files_of(tmp_path) == before


def test_readers_and_a_writer_do_not_disturb_each_other(tmp_path):
    """One thread saves step after step; meanwhile others open, list and restore."""
    over = threading.Event()
    state = {"weights": np.zeros(1000, np.float32)}
    read, wrong = [], []

    def reader():
        while not over.is_set():
            with Checkpoints(tmp_path) as checkpoints:
                try:
                    step, restored = checkpoints.restore(state)
                    read.append(step)
                    wrong.extend([step] * bool((restored["weights"] != step).any()))
                except CheckpointError:
                    wrong.extend(["none"] * bool(read))

    readers = [threading.Thread(target=reader) for _ in range(2)]
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        for thread in readers:
            thread.start()
        for step in range(1, 31):
            checkpoints.save(step, {"weights": np.full(1000, step, np.float32)})
        over.set()
        for thread in readers:
            thread.join()
        assert checkpoints.steps() == [29, 30]
    assert wrong == []
    assert len(set(read)) > 2


def test_a_save_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, make_state(1))
        before = files_of(tmp_path)

        def full(self, *arguments):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as broken:
            broken.setattr(Path, "write_text", full)
            with pytest.raises(CheckpointError, match=r"2 cannot be written: No space left"):
                checkpoints.save(2, make_state(2))
        assert files_of(tmp_path).keys() == before.keys()
        checkpoints.save(2, make_state(2))
        assert checkpoints.steps() == [1, 2]


def test_a_directory_that_was_moved_away_is_not_made_anew(tmp_path):
    (tmp_path / "run").mkdir()
    with Checkpoints(tmp_path / "run" / "checkpoints", parents=False) as checkpoints:
        checkpoints.save(1, make_state(1))
        (tmp_path / "run").rename(tmp_path / "elsewhere")
        with pytest.raises(CheckpointError, match="No such file or directory"):
            checkpoints.save(2, make_state(2))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("moment", ["mkdir", "save"])
def test_nor_is_one_that_is_moved_away_while_it_is_written_to(tmp_path, monkeypatch, moment):
    run = tmp_path / "run"
    run.mkdir()
    with Checkpoints(run / "checkpoints", parents=False) as checkpoints:
        checkpoints.save(1, make_state(1))
        orbax = checkpoints._orbax
        write = orbax.save

        def save(path, **arguments):
            if moment == "mkdir":
                run.rename(tmp_path / "elsewhere")
            write(path, **arguments)
            if moment == "save":
                run.rename(tmp_path / "elsewhere")

        monkeypatch.setattr(orbax, "save", save)
        with pytest.raises(CheckpointError, match="2 cannot be written"):
            checkpoints.save(2, make_state(2))
    assert not run.exists()
    with Checkpoints(tmp_path / "elsewhere" / "checkpoints") as checkpoints:
        assert checkpoints.steps() == [1]


def test_later_checkpoints_are_set_aside(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        for step in 1, 2:
            checkpoints.save(step, make_state(step))
        checkpoints.set_aside_after(1)
        assert checkpoints.steps() == [1]
        assert (tmp_path / "2.aside" / "record.json").exists()
        checkpoints.save(2, make_state(3))
        assert int(checkpoints.restore(make_state())[1].g.step) == 3
