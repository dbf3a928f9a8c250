"""InfoGAN on a toy: codes that nobody has named come to mean what varies in the data."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, headed, mlp
from scipy import stats

import jaxgan
from jaxgan import Batch, Variables, latents
from jaxgan.nets import stateless
from jaxgan.recipes import Codes, infogan

KEY = jax.random.key(0, impl="unsafe_rbg")  # its random numbers are compiled quickly
STEPS, SIZE, SEEDS, HELD_OUT = 400, 64, 3, 1000
CODES = Codes((4,), 1)
NOISE = latents.normal(3)
CENTERS = np.float32([[-0.6, -0.6], [-0.6, 0.6], [0.6, -0.6], [0.6, 0.6]])


# Q has layers of its own here: on points it need not share those of D.
G, D = mlp(2, width=32), headed(mlp(width=32), mlp(CODES.features, width=32))


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def make(code_weight=1.0, discriminator=D, codes=CODES):
    return infogan(
        G,
        discriminator,
        codes=codes,
        latent=NOISE,
        code_weight=code_weight,
        continuous_weight=0.1 * code_weight,
        g_optimizer=optax.adam(5e-3, b1=0.5),
        d_optimizer=optax.adam(5e-3, b1=0.5),
        ema_decay=0.99,
    )


def bars(*shape):
    """Points on four bars, which of them, and where along it, in [-1, 1]."""
    rng = np.random.default_rng(len(shape))
    which, where = rng.integers(0, 4, shape), rng.uniform(-1, 1, shape)
    noise = 0.04 * rng.normal(size=(*shape, 2))
    return np.float32(CENTERS[which] + where[..., None] * [0.35, 0] + noise), which, where


def read_categories(variables, x):
    """The likeliest categories by Q, whose logits come first in the head of D."""
    (_, of_q), _ = D.apply(*variables, KEY, x, train=False)
    return jnp.argmax(of_q[:, : CODES.categories[0]], axis=-1)


@functools.cache
def trained():
    """Of each weight, with and without the codes in the loss, and of each seed: what came of it."""
    batches = Batch(jnp.asarray(bars(STEPS, SIZE)[0]))
    real, which, _ = bars(HELD_OUT)
    z = latents.concatenate(NOISE, CODES.latent)(jax.random.key(9), HELD_OUT)

    def train(key, code_weight):
        gan = make(code_weight)
        state = gan.init(key, Batch(batches.x[0]))
        state, metrics = jaxgan.scan(gan).train_step(state, batches)
        fake, _ = G.apply(*state.ema, key, z, train=False)
        judge = Variables(state.d.params, state.d.state)
        read = [read_categories(judge, x) for x in (fake, jnp.asarray(real))]
        return fake, *read, metrics["g_information"][-50:].mean()

    runs = jax.vmap(jax.vmap(train, in_axes=(0, None)), in_axes=(None, 0))
    results = jax.jit(runs)(jax.random.split(KEY, SEEDS), jnp.array([1.0, 0.0]))
    code, value = np.asarray(z[:, 3:7]).argmax(axis=1), np.asarray(z[:, 7])

    def judge(fake, of_fake, of_real, information):
        bar = np.linalg.norm(fake[:, None] - CENTERS, axis=-1).argmin(axis=-1)
        along = [abs(stats.pearsonr(fake[code == k, 0], value[code == k])[0]) for k in range(4)]
        return {
            "fake_purity": purity(code, bar),
            "real_purity": purity(of_real, which),
            "recovered": np.mean(of_fake == code),
            "along": np.median(along),
            "information": information,
        }

    results = jax.tree.map(np.asarray, results)
    one = [
        [jax.tree.map(lambda leaf, at=(i, j): leaf[at], results) for j in range(SEEDS)]
        for i in (0, 1)
    ]
    rows = [[judge(*seed) for seed in row] for row in one]
    return [{name: np.array([seed[name] for seed in row]) for name in row[0]} for row in rows]


def purity(found, true):
    """The share of examples that are told by one-to-one naming of the groups."""
    table = np.zeros((4, 4))
    np.add.at(table, (found, true), 1)
    return table.max(axis=1).sum() / len(true) if len(set(table.argmax(axis=1))) == 4 else 0.0


def test_each_category_is_one_bar():
    told, silent = trained()
    assert told["fake_purity"].min() > 0.9  # 1.00 for each seed
    assert silent["fake_purity"].max() < 0.7  # 0: the categories are not even different bars


def test_q_finds_the_bars_in_data_whose_codes_nobody_knows():
    assert trained()[0]["real_purity"].min() > 0.9  # 1.00 for each seed


def test_q_reads_the_categories_of_new_samples():
    told, silent = trained()
    assert told["recovered"].min() > 0.95  # 1.00 for each seed; by chance 0.25
    assert silent["recovered"].max() < 0.6  # 0.18, 0.24, 0.12


def test_the_continuous_code_is_the_place_along_the_bar():
    told, silent = trained()
    assert told["along"].min() > 0.7  # 0.86, 0.81, 0.99
    assert silent["along"].mean() < 0.5  # 0.05, 0.11, 0.36


def test_the_bound_is_above_all_that_the_categories_have():
    told, silent = trained()
    assert told["information"].min() > np.log(4)  # 2.1, 2.0, 1.8, of which 1.39
    assert silent["information"].max() < 0


@pytest.mark.parametrize(
    "weights",
    [{}, {"code_weight": 0.0}, {"continuous_weight": 0.0}, {"continuous_weight": 1.0}],
    ids=str,
)
def test_the_bound_and_its_weights_are_those_of_the_formula(weights):
    codes = Codes((3, 2), 2)
    rng = np.random.default_rng(0)
    found = jnp.float32(rng.normal(size=(5, codes.features)))
    reading = stateless(lambda key, x: jnp.zeros(()), lambda params, x: (params + x[:, 0], found))
    gan = infogan(
        stateless(lambda key, z: jnp.zeros(()), lambda params, z: z + params),
        reading,
        codes=codes,
        latent=NOISE,
        **weights,
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
    )
    x = jnp.zeros((5, 3 + codes.size))
    state = gan.init(KEY, Batch(x))
    steps = {"g": (0, 2, gan.g_step), "d": (1, 3, gan.d_step)}
    for player, (which, keys, step) in steps.items():
        _, metrics = jax.jit(step)(state, Batch(x))
        # The generator shows z itself, which is drawn again with the step's key.
        step_key = jax.random.fold_in(jax.random.fold_in(state.key, which), 0)
        latent_key, _ = jax.random.split(jax.random.split(step_key, keys)[0])
        z = np.asarray(latents.concatenate(NOISE, codes.latent)(latent_key, 5))
        categorical, continuous = information(z[:, 3:], np.asarray(found))
        np.testing.assert_allclose(
            metrics[f"{player}_information"], categorical + continuous, rtol=1e-4
        )
        logits = z[:, 0] if player == "d" else -z[:, 0]  # those of real examples are 0
        adversarial = np.logaddexp(0, logits).mean() + (np.log(2) if player == "d" else 0)
        lambdas = {"code_weight": 1.0, "continuous_weight": 0.1} | weights
        expected = adversarial - lambdas["code_weight"] * categorical
        expected -= lambdas["continuous_weight"] * continuous
        np.testing.assert_allclose(metrics[f"{player}_loss"], expected, rtol=1e-4)


def information(codes, found):
    """Mean L_I of categories of 3 and of 2, and of two continuous codes."""
    categorical, continuous = np.log(3) + np.log(2), 2 * np.log(2)
    for columns in ([0, 1, 2], [3, 4]):
        logits = found[:, columns]
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        categorical += np.log((probabilities * codes[:, columns]).sum(axis=1))
    for value, mean, log_deviation in ((5, 5, 7), (6, 6, 8)):
        normal = stats.norm(found[:, mean], np.exp(found[:, log_deviation]))
        continuous += normal.logpdf(codes[:, value])
    return categorical.mean(), continuous.mean()


def test_codes_are_placed_behind_the_noise():
    codes = Codes((3, 2), 2)
    assert (codes.size, codes.features) == (7, 9)
    z = latents.concatenate(NOISE, codes.latent)(KEY, 4)
    assert z.shape == (4, 3 + 7)
    np.testing.assert_array_equal(z[:, 3:6].sum(axis=1), 1)
    np.testing.assert_array_equal(z[:, 6:8].sum(axis=1), 1)
    placed = codes.place(z, [2, 0], [[0.5, -0.5]])
    np.testing.assert_array_equal(placed[:, :3], z[:, :3])
    np.testing.assert_array_equal(placed[:, 3:], np.tile([0, 0, 1, 1, 0, 0.5, -0.5], (4, 1)))
    np.testing.assert_array_equal(codes.place(z), z)
    one = Codes((3,)).place(jnp.zeros((3, 3)), np.arange(3)[:, None])
    np.testing.assert_array_equal(one, np.eye(3))


def test_errors():
    x = Batch(jnp.zeros((2, 2)))
    with pytest.raises(ValueError, match="needs codes"):
        make(codes=Codes())
    with pytest.raises(ValueError, match="these codes need 6 features"):
        jax.eval_shape(make(discriminator=headed(mlp(), mlp(5))).init, KEY, x)
    with pytest.raises(ValueError, match="gives none beside its logits"):
        jax.eval_shape(make(discriminator=mlp()).init, KEY, x)
    with pytest.raises(ValueError, match="expected \\[1\\]"):
        CODES.place(jnp.zeros((2, 8)), [1, 2])
    with pytest.raises(ValueError, match="the codes alone have 5"):
        CODES.place(jnp.zeros((2, 4)), 1)
