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
