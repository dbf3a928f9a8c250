"""The convolutions of CPU equal those of lax, with all their derivatives."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.extend import core
from jax.sharding import AxisType, PartitionSpec
from networks import compilation

from jaxgan.convolution import conv, conv_transpose, depth_to_space, space_to_depth


def lax_conv(x, kernel, *, strides=1, padding="SAME"):
    return lax.conv_general_dilated(
        x,
        kernel,
        np.broadcast_to(strides, x.ndim - 2).tolist(),
        padding,
        dimension_numbers=layout(x),
    )


def lax_conv_transpose(x, kernel, *, strides=1, padding="SAME"):
    return lax.conv_transpose(
        x,
        kernel,
        np.broadcast_to(strides, x.ndim - 2).tolist(),
        padding,
        dimension_numbers=layout(x),
    )


def layout(x):
    space = "DHW"[5 - x.ndim :]
    return f"N{space}C", f"{space}IO", f"N{space}C"


PAIRS = [(conv, lax_conv), (conv_transpose, lax_conv_transpose)]
IDS = ["conv", "conv_transpose"]

# (function pair, side of x, C, F, window, stride): every convolution of the shipped networks, with
# fewer channels but the same form.
LAYERS = [
    pytest.param(*PAIRS[0], 12, 1, 8, 4, 2, id="first-of-discriminator"),
    pytest.param(*PAIRS[0], 14, 8, 16, 4, 2, id="hidden-of-discriminator"),
    pytest.param(*PAIRS[0], 7, 8, 8, 3, 1, id="after-interpolation"),
    pytest.param(*PAIRS[0], 7, 16, 1, 3, 1, id="last-after-interpolation"),
    pytest.param(*PAIRS[0], 7, 8, 12, 3, 1, id="pixel-shuffle"),
    pytest.param(*PAIRS[0], 9, 3, 8, 7, 1, id="first-of-translator"),
    pytest.param(*PAIRS[0], 9, 8, 1, 9, 1, id="last-of-super-resolution"),
    pytest.param(*PAIRS[0], 7, 8, 12, 3, 2, id="strided-of-translator"),
    pytest.param(*PAIRS[0], 5, 8, 12, 1, 1, id="pixelwise"),
    pytest.param(*PAIRS[0], 2, 8, 12, 4, 2, id="bottleneck-of-unet"),
    pytest.param(*PAIRS[1], 1, 12, 8, 4, 2, id="behind-the-bottleneck"),
    pytest.param(*PAIRS[1], 7, 16, 8, 4, 2, id="hidden-of-generator"),
    pytest.param(*PAIRS[1], 4, 16, 1, 4, 2, id="last-of-generator"),
]


def arrays(*shapes, seed=0, dtype=jnp.float32):
    """Normal values, scaled to keep the sums of a convolution near 1."""
    random = np.random.default_rng(seed)
    return [jnp.asarray(random.normal(size=shape), dtype) / 8 for shape in shapes]


def assert_close(got, want, tolerance=1e-5):
    """Equality of two trees, relative to the largest value of each array."""
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        scale = np.abs(np.asarray(b, np.float64)).max(initial=1e-3)
        np.testing.assert_allclose(
            np.asarray(a, np.float64), np.asarray(b, np.float64), rtol=0, atol=tolerance * scale
        )


def derivatives(function, stride, padding):
    """Value, both gradients, jvp, and the gradients of a gradient penalty."""

    def energy(x, kernel):
        return jnp.sum(jnp.tanh(function(x, kernel, strides=stride, padding=padding)))

    def penalty(x, kernel):
        return jnp.sum(jax.grad(energy)(x, kernel) ** 2)

    def every(x, kernel):
        return {
            "value": function(x, kernel, strides=stride, padding=padding),
            "gradients": jax.grad(energy, (0, 1))(x, kernel),
            "second": jax.grad(penalty, (0, 1))(x, kernel),
            "jvp": jax.jvp(energy, (x, kernel), (kernel.sum() * x, kernel**2)),
        }

    return every


def value_and_pullback(function, stride, padding):
    """Value, and one vector-Jacobian product with both arguments."""

    def run(x, kernel):
        y, pullback = jax.vjp(
            lambda *inputs: function(*inputs, strides=stride, padding=padding), x, kernel
        )
        return y, pullback(jnp.cos(y))

    return run


def both(derivative, ours, theirs, stride=2, padding="SAME"):
    """One program, so one compilation, for what must be equal."""
    functions = [derivative(function, stride, padding) for function in (ours, theirs)]
    return jax.jit(lambda *inputs: [function(*inputs) for function in functions])


@pytest.mark.parametrize(("ours", "theirs", "side", "c", "f", "window", "stride"), LAYERS)
def test_model_layers_equal_lax_in_every_derivative(ours, theirs, side, c, f, window, stride):
    x, kernel = arrays((3, side, side, c), (window, window, c, f))
    assert_close(*both(derivatives, ours, theirs, stride)(x, kernel))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
@settings(max_examples=7, deadline=None, derandomize=True)
@given(
    window=st.integers(1, 7),
    stride=st.integers(1, 4),
    size=st.tuples(st.integers(7, 9), st.integers(7, 9)),
    channels=st.tuples(st.sampled_from([1, 3, 8]), st.integers(1, 3)),
    padding=st.one_of(
        st.sampled_from(["SAME", "VALID"]),
        st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
    ),
)
def test_any_small_convolution_equals_lax(ours, theirs, window, stride, size, channels, padding):
    x, kernel = arrays((2, *size, channels[0]), (window, window, *channels))

    assert_close(*both(value_and_pullback, ours, theirs, stride, padding)(x, kernel))


@pytest.mark.slow
@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
@pytest.mark.parametrize("window", range(1, 8))
@pytest.mark.parametrize("stride", range(1, 5))
@pytest.mark.parametrize("padding", ["SAME", "VALID", ((1, 2), (0, 3))], ids=str)
def test_every_window_and_stride_equals_lax(ours, theirs, window, stride, padding):
    x, kernel = arrays((2, 9, 8, 8), (window, window, 8, 2))
    assert_close(*both(value_and_pullback, ours, theirs, stride, padding)(x, kernel))


@pytest.mark.parametrize("channels", [(8, 8), (3, 8), (8, 3)], ids=["wide", "first", "last"])
@pytest.mark.parametrize(
    ("window", "stride", "padding"), [(3, 1, "SAME"), (4, 2, ((1, 0), (3, 2)))]
)
@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
def test_float64_equals_lax_to_its_own_precision(ours, theirs, window, stride, padding, channels):
    with jax.enable_x64(True), compilation(optimized=False):
        x, kernel = arrays((2, 7, 6, channels[0]), (window, window, *channels), dtype=jnp.float64)
        every = both(derivatives, ours, theirs, stride, padding)
        assert_close(*every(x, kernel), 1e-13)


def primitives_of(jaxpr):
    """The names of all operations of a program, also within others."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in core.jaxprs_in_params(equation.params):
            yield from primitives_of(inner)


@pytest.mark.parametrize("function", [conv, conv_transpose], ids=IDS)
def test_derivatives_of_every_order_are_of_the_same_three_maps(function, monkeypatch):
    """Those that autodiff would make of lax's convolutions are slow in compiled loops."""
    monkeypatch.setattr(lax, "platform_dependent", lambda *operands, cpu, default: cpu(*operands))
    x, kernel = arrays((2, 6, 6, 8), (3, 3, 8, 8))

    def energy(x, kernel):
        return jnp.sum(jnp.tanh(function(x, kernel)))

    def penalty(x, kernel):
        each = jax.vmap(lambda one: jax.grad(energy)(one[None], kernel))(x)
        return jnp.sum(each**2)

    program = jax.make_jaxpr(jax.grad(lambda *a: jnp.sum(jax.grad(penalty, 1)(*a) ** 2), (0, 1)))
    names = set(primitives_of(program(x, kernel).jaxpr))
    assert {"gather_windows", "paint_windows", "kernel_gradient"} <= names
    assert "conv_general_dilated" not in names


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
@pytest.mark.parametrize("dimensions", [1, 3])
def test_other_numbers_of_spatial_axes(ours, theirs, dimensions):
    x, kernel = arrays((2, *(6, 5, 7)[:dimensions], 3), (*(3, 4, 2)[:dimensions], 3, 4))
    assert_close(ours(x, kernel, strides=2), theirs(x, kernel, strides=2))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
@pytest.mark.parametrize("padding", ["SAME", "VALID", ((1, 0), (2, 1))], ids=str)
def test_steps_may_differ_from_axis_to_axis(ours, theirs, padding):
    x, kernel = arrays((2, 7, 6, 3), (3, 2, 3, 4))
    settings = {"strides": (2, 1), "padding": padding}
    assert_close(ours(x, kernel, **settings), theirs(x, kernel, **settings))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
def test_a_window_may_be_oblong(ours, theirs):
    x, kernel = arrays((2, 7, 6, 3), (5, 2, 3, 4))
    assert_close(ours(x, kernel, strides=3), theirs(x, kernel, strides=3))


@pytest.mark.parametrize("features", [1, 16])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
def test_bfloat16_accumulates_in_float32(ours, theirs, features):
    x, kernel = arrays((2, 6, 6, 16), (4, 4, 16, features), dtype=jnp.bfloat16)
    got = jax.jit(derivatives(ours, 2, "SAME"))(x, kernel)
    exact = jax.jit(derivatives(theirs, 2, "SAME"))(
        x.astype(jnp.float32), kernel.astype(jnp.float32)
    )
    assert all(leaf.dtype == jnp.bfloat16 for leaf in jax.tree.leaves(got))
    # The value is rounded once; derivatives also pass through rounded values.
    as_bfloat16 = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), exact)
    assert_close(got["value"], as_bfloat16["value"], 2**-8)
    assert_close(
        (got["gradients"], got["second"]), (as_bfloat16["gradients"], as_bfloat16["second"]), 0.1
    )


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
def test_scan(ours, theirs):
    x, kernel = arrays((2, 7, 7, 8), (4, 4, 8, 8))

    def descend(function):
        gradients = jax.grad(lambda x, kernel: jnp.sum(function(x, kernel, strides=2) ** 2), (0, 1))

        def body(inputs, _):
            return jax.tree.map(lambda a, b: a - 0.01 * b, inputs, gradients(*inputs)), None

        return jax.jit(lambda *inputs: lax.scan(body, inputs, length=3)[0])(x, kernel)

    assert_close(descend(ours), descend(theirs))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
def test_vmap_over_kernels_and_over_inputs(ours, theirs):
    x, kernel = arrays((3, 2, 7, 7, 4), (3, 4, 4, 4, 8))
    for axes in [(0, 0), (None, 0), (0, None)]:
        inputs = [a if axis == 0 else a[0] for a, axis in zip((x, kernel), axes, strict=True)]
        assert_close(*jax.vmap(both(value_and_pullback, ours, theirs), axes)(*inputs))


def data_parallel(derivative, mode):
    """Runs `derivative` on four devices; the kernel's gradients are summed over them."""
    if mode == "pmap":

        def run(x, kernel):
            x = x.reshape(4, -1, *x.shape[1:])
            by_device = jax.pmap(derivative, in_axes=(0, None))(x, kernel)
            return by_device[0].reshape(-1, *x.shape[2:]), by_device[1].sum(0)

        return run

    def body(x, kernel):
        kernel = lax.pcast(kernel, "data", to="varying") if mode == "checked" else kernel
        # A loop, since that is how training runs.
        (dx, dkernel), _ = lax.scan(
            lambda carry, _: (derivative(x, kernel), None), derivative(x, kernel), length=1
        )
        return dx, lax.psum(dkernel, "data")

    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
    batch, whole = PartitionSpec("data"), PartitionSpec()
    return jax.jit(
        jax.shard_map(
            body,
            mesh=mesh,
            in_specs=(batch, whole),
            out_specs=(batch, whole),
            check_vma=mode == "checked",
        )
    )


@pytest.mark.parametrize("mode", ["pmap", "checked", "unchecked"])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
def test_data_parallel_second_derivatives(ours, theirs, mode):
    x, kernel = arrays((8, 7, 7, 4), (4, 4, 4, 8))

    def second(function):
        return jax.jit(lambda *inputs: derivatives(function, 2, "SAME")(*inputs)["second"])

    assert_close(data_parallel(second(ours), mode)(x, kernel), second(theirs)(x, kernel))


@pytest.mark.parametrize("check_vma", [True, False])
@pytest.mark.parametrize("split", [(0, 1), (0,), (1,)], ids=["both", "inputs", "kernel"])
@pytest.mark.parametrize("channels", [(8, 12), (8, 2)], ids=["wide", "narrow"])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
def test_operands_may_differ_between_devices_or_not(ours, theirs, channels, split, check_vma):
    """As where G learns: the samples differ between the devices, and D's kernel does not."""
    axes = [0 if i in split else None for i in (0, 1)]
    shapes = (2, 6, 6, channels[0]), (4, 4, *channels)
    operands = arrays(*[(4,) * (axis == 0) + s for axis, s in zip(axes, shapes, strict=True)])

    def gradients(function):
        def energy(x, kernel):
            return jnp.sum(jnp.tanh(function(x, kernel, strides=2)))

        def penalized(x, kernel):
            slopes = jax.grad(energy, split)(x, kernel)
            return energy(x, kernel) + sum(jnp.sum(slope**2) for slope in slopes)

        return jax.grad(penalized, (0, 1))

    def on_a_device(*operands):
        own = [a[0] if axis == 0 else a for a, axis in zip(operands, axes, strict=True)]
        found = gradients(ours)(*own)
        # With `check_vma`, gradients of what is the same on all devices arrive summed over them.
        whole = (lambda a: a) if check_vma else partial(lax.psum, axis_name="data")
        return [a[None] if axis == 0 else whole(a) for a, axis in zip(found, axes, strict=True)]

    def on_one_device(*operands):
        found = jax.vmap(gradients(theirs), axes)(*operands)
        return [a if axis == 0 else a.sum(0) for a, axis in zip(found, axes, strict=True)]

    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
    specs = tuple(PartitionSpec("data") if axis == 0 else PartitionSpec() for axis in axes)
    on_devices = jax.shard_map(
        on_a_device, mesh=mesh, in_specs=specs, out_specs=list(specs), check_vma=check_vma
    )
    with compilation(optimized=False):
        assert_close(jax.jit(on_devices)(*operands), jax.jit(on_one_device)(*operands))


@pytest.mark.parametrize("function", [conv, conv_transpose], ids=IDS)
def test_cpu_runs_products_and_other_platforms_run_convolutions(function):
    x, kernel = arrays((2, 7, 7, 4), (4, 4, 4, 8))
    traced = jax.jit(lambda *inputs: function(*inputs, strides=2)).trace(x, kernel)
    on_cpu, on_gpu, on_tpu = (
        traced.lower(lowering_platforms=(platform,)).as_text()
        for platform in ("cpu", "cuda", "tpu")
    )
    assert "stablehlo.convolution" not in on_cpu
    assert "stablehlo.convolution" in on_gpu
    assert "stablehlo.dot_general" not in on_gpu
    assert "stablehlo.convolution" in on_tpu


@pytest.mark.parametrize("function", [conv, conv_transpose], ids=IDS)
def test_unknown_padding_is_an_error(function):
    x, kernel = arrays((1, 4, 4, 1), (3, 3, 1, 1))
    with pytest.raises(ValueError, match="explicit pairs, not 'WRAP'"):
        function(x, kernel, padding="WRAP")


def test_depth_to_space_places_pixels_in_rows():
    x = jnp.arange(8.0).reshape(1, 1, 2, 4)
    np.testing.assert_array_equal(
        depth_to_space(x, 2)[0, :, :, 0], [[0.0, 1.0, 4.0, 5.0], [2.0, 3.0, 6.0, 7.0]]
    )


def test_space_to_depth_is_the_inverse_of_depth_to_space():
    for shape, block in [((2, 6, 3, 8), 2), ((1, 2, 18), 3), ((1, 2, 3, 1, 8), 2)]:
        (x,) = arrays(shape)
        np.testing.assert_array_equal(space_to_depth(depth_to_space(x, block), block), x)
