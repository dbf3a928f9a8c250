import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, mlp
from scipy import ndimage

import jaxgan
from jaxgan import Batch, augment, data, distortions, losses, penalties, recipes
from jaxgan.nets import stateless

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
SIDE = 16
MANY = 400


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def pictures(n, *, height=SIDE, width=SIDE, channels=1):
    return RNG.uniform(-1, 1, (n, height, width, channels)).astype(np.float32)


def copies(picture, n=MANY):
    return np.broadcast_to(picture, (n, *picture.shape))


def shifted(picture, down, right, **padding):
    """The picture moved by whole pixels, by NumPy."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((4, 4), (4, 4), (0, 0)), **padding)
    return padded[4 - down : 4 - down + height, 4 - right : 4 - right + width]


def find(candidates, outputs):
    """Of each output the names of the candidates that it equals, to the last bit."""
    names, table = zip(*candidates.items(), strict=True)
    table = np.stack(table).reshape(len(names), -1)
    flat = np.asarray(outputs).reshape(len(outputs), -1)
    return [
        [name for name, row in zip(names, table, strict=True) if (row == output).all()]
        for output in flat
    ]


@pytest.mark.parametrize("shape", [(5, 8, 8, 1), (5, 6, 9, 3)])
def test_at_probability_0_every_picture_stays_as_it_is_to_the_last_bit(shape):
    x = RNG.uniform(-1, 1, shape).astype(np.float32)
    same = jax.jit(distortions.pipeline())(KEY, x, 0.0)
    np.testing.assert_array_equal(same, x)
    ada = augment.adaptive(batch_size=5)
    np.testing.assert_array_equal(jax.jit(ada.apply)(ada.init(), KEY, x), x)


def test_translation_moves_by_whole_pixels_up_to_an_eighth_and_fills_with_0():
    picture = pictures(1)[0]
    outputs = jax.jit(distortions.translation())(KEY, copies(picture))
    moves = itertools.product(range(-2, 3), repeat=2)
    candidates = {move: shifted(picture, *move, mode="constant") for move in moves}
    found = find(candidates, outputs)
    assert all(len(names) == 1 for names in found)
    assert {name for (name,) in found} == set(candidates)


def test_cutout_takes_a_rectangle_of_half_the_sides_anywhere():
    height, width = 12, 16
    x = pictures(MANY, height=height, width=width, channels=3)
    outputs = np.asarray(jax.jit(distortions.cutout())(KEY, x))
    gone = (outputs == 0).all(axis=-1)
    np.testing.assert_array_equal(outputs, np.where(gone[..., None], 0, x))
    rows, columns = gone.any(axis=2), gone.any(axis=1)
    np.testing.assert_array_equal(gone, rows[:, :, None] & columns[:, None, :])  # a rectangle
    for stretch, side in ((rows, height), (columns, width)):
        assert (np.abs(np.diff(np.pad(stretch, ((0, 0), (1, 1))), axis=1)).sum(axis=1) == 2).all()
        assert stretch.sum(axis=1).max() == side // 2
        assert stretch.sum(axis=1).min() >= side // 4  # at most half of it over the edge
        # Its center is uniform, so the pixels in the middle are taken in half of all pictures.
        assert abs(stretch[:, side // 2].mean() - 0.5) < 0.1


def test_color_is_brightness_then_saturation_then_contrast():
    x = pictures(MANY, height=4, width=4, channels=3)
    y = np.asarray(jax.jit(distortions.color())(KEY, x))

    def parts(x):
        """Of each picture the mean, what its grays differ from it, what its colors differ."""
        mean, grey = x.mean(axis=(1, 2, 3), keepdims=True), x.mean(axis=3, keepdims=True)
        return mean, grey - mean, x - grey

    (mean, greys, colors), (new_mean, new_greys, new_colors) = parts(x), parts(y)
    brightness = (new_mean - mean).ravel()
    contrast = (new_greys / greys).reshape(MANY, -1)
    saturation = (
        np.sum(new_colors * colors, axis=(1, 2, 3))
        / np.sum(colors**2, axis=(1, 2, 3))
        / np.median(contrast, axis=1)
    )
    np.testing.assert_allclose(
        new_greys, np.median(contrast, axis=1)[:, None, None, None] * greys, atol=1e-5
    )
    np.testing.assert_allclose(
        new_colors,
        (saturation * np.median(contrast, axis=1))[:, None, None, None] * colors,
        atol=1e-5,
    )
    for drawn, (low, high) in (
        (brightness, (-0.5, 0.5)),
        (saturation, (0, 2)),
        (np.median(contrast, axis=1), (0.5, 1.5)),
    ):
        assert low - 1e-4 < drawn.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < drawn.max() < high + 1e-4


def test_blits_are_flips_quarter_turns_and_whole_pixels_and_lose_nothing():
    picture = pictures(1)[0]
    distort = distortions.pipeline(geometry=0, color=0, cutout=0)
    outputs = jax.jit(distort)(KEY, copies(picture), 1.0)
    candidates = {}
    for flip, turns in itertools.product([False, True], range(4)):
        turned = np.rot90(picture[:, ::-1] if flip else picture, turns)
        for move in itertools.product(range(-2, 3), repeat=2):
            candidates[flip, turns, *move] = shifted(turned, *move, mode="reflect")
    found = find(candidates, outputs)
    assert all(len(names) == 1 for names in found)
    flips, turns, downs, rights = zip(*(name for (name,) in found), strict=True)
    assert abs(np.mean(flips) - 0.5) < 0.1
    assert min(np.bincount(turns)) > MANY / 8
    assert set(downs) == set(rights) == set(range(-2, 3))


def test_geometry_is_one_affine_map_sampled_bilinearly_with_mirrored_edges():
    # Channels that hold their own column and row tell from where a pixel was taken.
    row, column = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    picture = np.stack([column, row, RNG.uniform(-1, 1, (SIDE, SIDE))], axis=-1).astype(np.float32)
    distort = distortions.pipeline(blit=0, color=0, cutout=0)
    outputs = np.asarray(jax.jit(distort)(KEY, copies(picture), 1.0), np.float64)

    middle = slice(SIDE // 2 - 2, SIDE // 2 + 2)
    places = np.stack([column, row, np.ones_like(row)], axis=-1)
    inside = places[middle, middle].reshape(-1, 3)
    maps = []
    for output in outputs:
        taken_from = output[middle, middle, :2].reshape(-1, 2)
        matrix, *_ = np.linalg.lstsq(inside, taken_from, rcond=None)
        if np.abs(inside @ matrix - taken_from).max() > 1e-4:
            continue  # the middle was taken from the edge, where the picture is mirrored
        maps.append(matrix)
        expected = ndimage.map_coordinates(
            picture[..., 2].astype(np.float64),
            (places @ matrix).transpose(2, 0, 1)[::-1],
            order=1,
            mode="mirror",
        )
        np.testing.assert_allclose(output[..., 2], expected, atol=2e-3)
    assert len(maps) > MANY / 2
    linear = np.stack(maps)[:, :2]
    determinant = np.linalg.det(linear)
    singular = np.linalg.svd(linear, compute_uv=False)
    assert (determinant > 0).all()  # nothing is flipped
    np.testing.assert_allclose(np.std(np.log2(determinant) / 2), 0.2, rtol=0.2)
    stretch = np.log2(singular[:, 0] / singular[:, 1]) / 2
    np.testing.assert_allclose(np.sqrt(np.mean(stretch**2)), 0.2, rtol=0.2)
    angle = np.arctan2(linear[:, 0, 1] - linear[:, 1, 0], linear[:, 0, 0] + linear[:, 1, 1])
    assert min(np.histogram(angle, 4, (-np.pi, np.pi))[0]) > len(angle) / 8  # all directions


def test_colors_of_the_pipeline_are_the_papers_affine_maps():
    x = pictures(MANY, height=4, width=4, channels=3)
    y = jax.jit(distortions.pipeline(blit=0, geometry=0, cutout=0))(KEY, x, 1.0)
    axis = np.ones(3) / np.sqrt(3)
    contrasts, saturations, brightnesses, angles = [], [], [], []
    for before, after in zip(
        x.reshape(MANY, -1, 3), np.asarray(y).reshape(MANY, -1, 3), strict=True
    ):
        augmented = np.concatenate([before, np.ones((len(before), 1))], axis=1)
        solution, residual, *_ = np.linalg.lstsq(augmented, after, rcond=None)
        assert residual.max() < 1e-6  # affine in the color
        matrix, offset = solution[:3], solution[3]
        greys = axis @ matrix @ axis
        np.testing.assert_allclose(axis @ matrix, greys * axis, atol=1e-4)  # greys stay grey
        across = (matrix - greys * np.outer(axis, axis)) / np.abs(greys)
        saturation = np.linalg.norm(across) / np.sqrt(2)
        rotation = across / saturation + np.outer(axis, axis)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=2e-3)
        assert np.linalg.det(rotation) > 0
        contrasts.append(greys)
        saturations.append(saturation)
        brightnesses.append(offset.mean() / greys)
        angles.append(
            np.arctan2(rotation[0, 1] - rotation[1, 0], (np.trace(rotation) - 1) * axis[0])
        )
    assert abs(np.mean(np.array(contrasts) < 0) - 0.5) < 0.1  # the greys' negative
    np.testing.assert_allclose(np.std(np.log2(np.abs(contrasts))), 0.5, rtol=0.15)
    np.testing.assert_allclose(np.std(np.log2(saturations)), 1.0, rtol=0.15)
    np.testing.assert_allclose(np.std(brightnesses), 0.2, rtol=0.15)
    assert min(np.histogram(angles, 4, (-np.pi, np.pi))[0]) > MANY / 8


def test_grey_pictures_get_what_needs_no_color():
    x = pictures(MANY, height=4, width=4)
    y = np.asarray(jax.jit(distortions.pipeline(blit=0, geometry=0, cutout=0))(KEY, x, 1.0))
    lines = [np.polyfit(a.ravel(), b.ravel(), 1) for a, b in zip(x, y, strict=True)]
    slopes, offsets = np.transpose(lines)
    np.testing.assert_allclose(
        y, slopes[:, None, None, None] * x + offsets[:, None, None, None], atol=1e-5
    )
    np.testing.assert_allclose(np.std(np.log2(np.abs(slopes))), 0.5, rtol=0.15)
    assert abs(np.mean(slopes < 0) - 0.5) < 0.1


def test_the_share_of_changed_pictures_follows_the_probability():
    x = pictures(2000, height=8, width=8)
    groups = ("blit", "geometry", "color", "cutout")

    @jax.jit
    def shares(p):
        def changed(name, factor, p):
            factors = dict.fromkeys(groups, 0.0) | {name: factor}
            y = distortions.pipeline(**factors)(KEY, x, p)
            return jnp.mean(jnp.any(jnp.abs(y - x) > 1e-6, axis=(1, 2, 3)))

        return {name: changed(name, 1.0, p) for name in groups}, changed("cutout", 0.5, p)

    for p in (0.1, 0.5):
        whole, halved = shares(p)
        unchanged = {
            # Half of the flips, a quarter of the turns and of the moves by up to 1 change nothing.
            "blit": (1 - p / 2) * (1 - 3 * p / 4) ** 2,
            "geometry": (1 - p) ** 4,  # scale, rotation, stretch, drift
            "color": (1 - p) ** 2 * (1 - p / 2),  # brightness, contrast, half of the negatives
            "cutout": 1 - p,
        }
        for name, share in unchanged.items():
            np.testing.assert_allclose(whole[name], 1 - share, atol=0.045, err_msg=name)
        np.testing.assert_allclose(halved, p / 2, atol=0.03)


AUGMENTATIONS = {
    "differentiable": augment.differentiable(),
    "adaptive": augment.adaptive(batch_size=4, initial=0.8),
    "scheduled": augment.scheduled(0.8),
}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_gradients_flow_back_to_the_picture(name):
    augmentation = AUGMENTATIONS[name]
    x, direction, weights = pictures(12, height=8, width=8, channels=3).reshape(3, 4, 8, 8, 3)

    @jax.jit
    def both(x):
        def apply(x):
            return augmentation.apply(augmentation.init(), KEY, x)

        y, pullback = jax.vjp(apply, x)
        return y, apply(x + direction), pullback(weights)[0]

    # All changes are affine in the picture, so that differences are not only finite but exact.
    y, moved, gradient = both(x)
    np.testing.assert_allclose(
        np.sum(weights * (moved - y)), np.sum(gradient * direction), rtol=1e-4, atol=1e-4
    )
    assert (np.abs(gradient).max(axis=(1, 2, 3)) > 0).all()


def twice():
    """An augmentation that doubles, and counts what it is told."""
    return augment.Augmentation(
        lambda: jnp.int32(0), lambda state, key, x: 2 * x, lambda state, real, fake: state + 1
    )


def test_a_network_sees_its_first_input_augmented_in_training_only():
    network = mlp(width=3)
    wrapped = augment.before(network, twice())
    x, y = pictures(2, height=2, width=2), jnp.array([0, 1])
    params, state = wrapped.init(KEY, x, y)
    assert state == {"network": (), "augment": 0}
    jax.tree.map(np.testing.assert_array_equal, params, network.init(KEY, x, y)[0])
    for train, seen in ((True, 2 * x), (False, x)):
        outputs, state = wrapped.apply(params, state, KEY, x, y, train=train)
        expected, _ = network.apply(params, (), KEY, seen, y, train=train)
        np.testing.assert_array_equal(outputs, expected)
        assert state == {"network": (), "augment": 0}  # only the training loop updates it


def test_gradient_penalties_are_taken_at_the_picture_before_augmentation():
    slope = RNG.normal(size=(2, 2, 1)).astype(np.float32)
    linear = stateless(lambda key, x: (), lambda params, x: jnp.sum(slope * x, axis=(1, 2, 3)))
    wrapped = augment.before(linear, twice())
    x = pictures(3, height=2, width=2)
    params, state = wrapped.init(KEY, x)
    value = penalties.r1()(lambda x: wrapped.apply(params, state, KEY, x, train=True)[0], x, x, KEY)
    np.testing.assert_allclose(value, 4 * np.sum(slope**2) / 2, rtol=1e-5)


def test_adaptive_p_moves_by_the_pictures_seen_and_stays_above_0():
    settings = {"images": 10, "target": 0.5, "initial": 0.5, "threshold": 1.0, "every": 1}
    ada = augment.adaptive(batch_size=4, **settings)
    update = jax.jit(ada.update)
    sure, unsure = jnp.float32([2, 3, 4, 5]), jnp.float32([2, 3, 4, 0.5])  # r = 1 and 1/2
    wrong, fake = jnp.float32([2, 0, 0, 0]), jnp.float32([7, 7, 7, 7])  # r = -1/2
    state = ada.init()
    assert state.p.dtype == jnp.float32
    seen = []
    for real in (sure, sure, unsure, wrong, wrong, wrong, wrong):
        state = update(state, real, fake)
        seen.append(float(state.p))
    np.testing.assert_allclose(seen, [0.9, 1.3, 1.3, 0.9, 0.5, 0.1, 0.0], atol=1e-6)


def test_adaptive_p_above_1_changes_as_much_as_at_1():
    x = pictures(4)
    ada = augment.adaptive(batch_size=4)
    above, at = (jax.jit(ada.apply)(ada.init()._replace(p=jnp.float32(p)), KEY, x) for p in (2, 1))
    np.testing.assert_array_equal(above, at)


def test_adaptive_p_moves_every_so_many_updates_by_the_mean_of_them():
    ada = augment.adaptive(batch_size=2, images=60, target=0.6, initial=0.5, every=3)
    sure, unsure = jnp.float32([1, 1]), jnp.float32([1, -1])  # r = 1 and 0
    state, seen = ada.init(), []
    for real in (sure, sure, unsure, unsure, sure, unsure, sure):  # means of three: 2/3, 1/3
        state = ada.update(state, real, sure)
        seen.append(float(state.p))
    np.testing.assert_allclose(seen, [0.5, 0.5, 0.6, 0.6, 0.6, 0.5, 0.5], atol=1e-6)


def test_adaptive_p_rises_where_d_learns_100_pictures_by_heart_and_stays_low_on_plenty():
    digits = np.asarray(data.load("digits").x, np.float32) / 127.5 - 1
    digits = digits.reshape(-1, 7, 4, 7, 4, 1).mean((2, 4))
    known, other = digits[::2], jnp.asarray(digits[1::2])
    steps, size = 400, 32
    # A perfect generator draws other digits: what D can tell apart, it has learned by heart.
    perfect = stateless(
        lambda key, u: jnp.zeros(()),
        lambda params, u: other[(len(other) * u[:, 0]).astype(jnp.int32)] + params,
    )
    gan = jaxgan.scan(
        recipes.gan(
            perfect,
            mlp(width=128),
            latent=lambda key, n: jax.random.uniform(key, (n, 1)),
            g_optimizer=optax.sgd(0.0),
            d_optimizer=optax.adam(0.01),
            augment=augment.adaptive(
                distortions.pipeline(geometry=0, color=0),
                batch_size=size,
                target=0.3,
                images=200 * size,
            ),
        )
    )

    def strength(index, key):
        state = gan.init(key, Batch(known[:size]))
        state, _ = gan.d_step(state, Batch(jnp.asarray(known)[index]))
        return state.d.state["augment"].p

    indices = np.stack([RNG.integers(0, pool, (steps, size)) for pool in (100, len(known))])
    few, plenty = jax.jit(jax.vmap(strength))(indices, jax.random.split(KEY, 2))
    assert few > 0.2
    assert plenty < 0.1


def test_scheduled_p_is_a_function_of_the_discriminators_step():
    def record(key, x, p):
        return p * x

    plan = augment.scheduled(lambda step: 0.1 * step, record)
    x = pictures(2, height=2, width=2)
    state = plan.init()
    for step in range(3):
        np.testing.assert_allclose(plan.apply(state, KEY, x), 0.1 * step * x, rtol=1e-6)
        state = plan.update(state, None, None)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"'hue'.*'color', 'translation', 'cutout'"):
        augment.differentiable(("hue",))
    with pytest.raises(ValueError, match=r"geometry is 1\.5"):
        distortions.pipeline(geometry=1.5)
    for wrong in (
        {"target": 1.0},
        {"initial": -0.1},
        {"images": 0},
        {"batch_size": 0},
        {"every": 0},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            augment.adaptive(**({"batch_size": 4} | wrong))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_points_of_the_plane_are_no_pictures(name):
    augmentation = AUGMENTATIONS[name]
    with pytest.raises(ValueError, match=r"\(5, 2\).*\[B, H, W, C\]"):
        augmentation.apply(augmentation.init(), KEY, jnp.zeros((5, 2)))


AUGMENTATIONS = {
    "differentiable": augment.differentiable(),
    "adaptive": augment.adaptive(batch_size=6, initial=0.7),
    "scheduled": augment.scheduled(0.7),
}


@pytest.mark.parametrize("one_batch", [False, True])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_in_pairs_equal_real_and_fake_images_are_changed_alike(name, one_batch):
    x = pictures(6)
    g = stateless(lambda key, z: jnp.zeros(()), lambda shift, z: x + shift)
    # A logit for each pixel, in D's and in G's loss, shows what D has seen.
    d = stateless(lambda key, x: jnp.ones(()), lambda scale, x: scale * x.reshape(len(x), -1))
    seen = []

    def record(real, fake):
        jax.debug.callback(lambda *both: seen.append(both), real, fake)
        return jnp.mean(real + fake, axis=1)

    loss = losses.AdversarialLoss(discriminator=record, generator=record, threshold=0.0)
    for pairs in (True, False):
        seen.clear()
        gan = recipes.gan(
            g,
            d,
            latent=lambda key, n: jnp.zeros((n, 1)),
            loss=loss,
            augment=AUGMENTATIONS[name],
            augment_pairs=pairs,
            one_batch=one_batch,
            g_optimizer=optax.sgd(0.0),
            d_optimizer=optax.sgd(0.0),
        )
        jax.block_until_ready(jax.jit(gan.train_step)(gan.init(KEY, Batch(x)), Batch(x)))
        jax.effects_barrier()
        assert len(seen) == 2
        for real, fake in seen:
            assert not np.array_equal(real, x.reshape(6, -1))
            assert np.allclose(real, fake, atol=1e-6) == pairs
        assert not np.allclose(seen[0][0], seen[1][0])  # D's step and G's draw their own
