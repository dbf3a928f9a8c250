"""Whatever a metric is given, it gives finite numbers or says in one line why it cannot."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jaxgan import metrics
from jaxgan.metrics import pictures, solids, sound

FLOATS = [0.0, 1.0, -1.0, 0.5, 3.0, np.nan, np.inf, -np.inf, 1e30, 1e200, 5e-324]
DTYPES = [np.dtype(name) for name in ("f8", "f4", "f2", "i8", "u1", "?", "c8", "U1", "O")]
KNOBS = st.sampled_from([-1, 0, 1, 2, 3, 1.5, float("nan"), None, "2"])


def any_array(least=0, most=4):
    """Arrays of any type and shape, empty ones too, often matrices of a few rows."""
    shapes = st.one_of(
        arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
        arrays.array_shapes(min_dims=least, max_dims=most, min_side=0, max_side=5),
    )

    def of(dtype):
        elements = st.sampled_from(FLOATS) if dtype == np.float64 else None
        return arrays.arrays(dtype, shapes, elements=elements, fill=st.nothing())

    return st.sampled_from(DTYPES).flatmap(of)


def ok(call):
    """The result is finite, or a refusal in one line."""
    lines = ["no error"]
    try:
        result = call()
    except (ValueError, TypeError) as error:
        result, lines = (), str(error).splitlines()
    assert len(lines) == 1, lines
    for leaf in jax.tree.leaves(result):
        assert np.isfinite(leaf).all(), result


# Of each metric: how it is called with two arrays and a number.
METRICS = {
    "class_shares": lambda a, b, k: metrics.class_shares(a),
    "classifier_score": lambda a, b, k: metrics.classifier_score(a, splits=k),
    "density_coverage": lambda a, b, k: metrics.density_coverage(a, b, k=k),
    "frechet_distance": lambda a, b, k: metrics.frechet_distance(
        metrics.moments(a), metrics.moments(b)
    ),
    "kernel_distance": lambda a, b, k: metrics.kernel_distance(a, b, subsets=k, subset_size=k),
    "merge": lambda a, b, k: metrics.merge(metrics.moments(a), metrics.moments(b)),
    "mode_coverage": lambda a, b, k: metrics.mode_coverage(a, k),
    "nearest": lambda a, b, k: metrics.nearest(a, b),
    "path_length": lambda a, b, k: metrics.path_length(a),
    "point_modes": metrics.point_modes,
    "precision_recall": lambda a, b, k: metrics.precision_recall(a, b, k=k),
    "sharpness": lambda a, b, k: pictures.sharpness(a),
    "closed": lambda a, b, k: solids.closed(a, k),
    "volume": lambda a, b, k: solids.volume(a, k),
}


@pytest.fixture(autouse=True, scope="module")
def _run_op_by_op():
    """Every shape would be compiled anew: the same operations, one by one."""
    with jax.disable_jit():
        yield


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=60, deadline=None)
@given(a=any_array(), b=any_array(), k=KNOBS)
@example(a=np.full((4, 2), 1e200), b=np.full((4, 2), 1.0), k=2)
@example(a=np.array([[1e200, -1e200]] * 4), b=np.eye(4, 2), k=3)
@example(a=np.full((4, 2), np.nan).astype(jnp.bfloat16), b=np.zeros((4, 2)), k=1)
@example(a=[[1.0], [1.0, 2.0]], b=None, k=1)
def test_a_metric_gives_finite_numbers_or_says_why_not(name, a, b, k):
    ok(lambda: METRICS[name](a, b, k))


@settings(max_examples=60, deadline=None)
@given(a=any_array(), b=any_array(most=1), k=KNOBS)
def test_a_sound_has_a_pitch_or_none_or_the_measure_says_why_not(a, b, k):
    ok(lambda: sound.pitch_class(a, k, b))
    ok(lambda: np.nan_to_num(sound.pitch(a, k)))
