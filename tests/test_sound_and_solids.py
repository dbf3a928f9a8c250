"""The plain recipe makes sounds and solids, whose pitch and form can be measured."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation
from scipy import ndimage

import jaxgan
from jaxgan import Batch, latents, nets, recipes
from jaxgan.data.notes import FREQUENCIES, RATE, load_notes
from jaxgan.data.solids import load_solids
from jaxgan.models import voxels, wavegan

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


def trainer(generator, discriminator, *, conditional):
    """A function of a key, of `[STEPS, SIZE, ...]` batches and of D's learning rate.

    It gives 99 samples after training, with labels 0, 1 and 2 in turn if conditional.
    """
    asked = jnp.arange(99) % 3

    def train(key, batches, d_rate):
        gan = recipes.gan(
            generator,
            discriminator,
            latent=latents.normal(8),
            g_optimizer=optax.adam(2e-3, b1=0.5),
            d_optimizer=optax.adam(d_rate, b1=0.5),
            conditional=conditional,
            ema_decay=0.98,
        )
        state = gan.init(key, jax.tree.map(lambda leaf: leaf[0], batches))
        state, _ = jaxgan.scan(gan).train_step(state, batches)
        return gan.sample(state, key, len(asked), asked)

    return jax.jit(train)


def batches_of(x, y, steps, size):
    index = RNG.integers(0, len(x), (steps, size))
    return Batch(jnp.asarray(x[index]), jnp.asarray(y[index]))


@pytest.mark.slow
def test_wavegan_plays_the_note_that_is_asked_for():
    notes = load_notes()
    chord = (0, 4, 7)
    labels = np.asarray(notes.y)
    rows = np.isin(labels, chord)
    x, y = notes.x[rows][:, 128:384], np.searchsorted(chord, labels[rows]).astype(np.int32)
    train = trainer(
        nets.from_linen(wavegan.Generator(256, width=8, num_classes=3)),
        nets.from_linen(wavegan.Discriminator(256, width=8, num_classes=3), rngs=("phase",)),
        conditional=True,
    )

    def right(key, labels):
        """The share of sounds within a quarter of a tone of the note asked for."""
        sounds = np.asarray(train(key, batches_of(x, labels, steps=200, size=32), 2e-3))
        spectra = np.abs(np.fft.rfft(sounds[..., 0] * np.hanning(256), 2048))
        pitch = np.maximum(spectra.argmax(axis=1), 1) * RATE / 2048
        wanted = FREQUENCIES[np.asarray(chord)[np.arange(99) % 3]]
        return (np.abs(12 * np.log2(pitch / wanted)) < 0.5).mean()

    told, guessed = right(KEY, y), right(KEY, RNG.permutation(y))
    # 0.96 and 0.35 were measured.
    assert told > 0.8
    assert guessed < 0.6


@pytest.mark.slow
def test_3d_gan_makes_solids_in_one_piece():
    solids = load_solids()
    labels = np.asarray(solids.y)
    rows = labels < 2  # balls and boxes
    halved = solids.x[rows].reshape(-1, 8, 2, 8, 2, 8, 2, 1).mean(axis=(2, 4, 6))
    x = np.where(halved > 127, 1, -1).astype(np.float32)
    train = trainer(
        nets.from_linen(voxels.Generator(8, width=8)),
        nets.from_linen(voxels.Discriminator(8, width=8)),
        conditional=False,
    )

    def measure(samples):
        """Mean volume, and of each solid the share of its largest piece."""
        full = np.asarray(samples)[..., 0] > 0
        pieces = []
        for one in full:
            labelled = np.zeros(one.shape, np.int32)
            ndimage.label(one, output=labelled)
            pieces.append(np.bincount(labelled.ravel(), minlength=2)[1:])
        whole = np.mean([sizes.max() / max(sizes.sum(), 1) for sizes in pieces])
        return full.mean(), whole

    batches = batches_of(x, labels[rows], steps=200, size=16)
    with compilation(optimized=False):
        volume, whole = measure(train(KEY, batches, 2e-3))
        _, untaught = measure(train(KEY, batches, 0.0))
    wanted, _ = measure(x)
    # A ratio of 0.78, and shares of 0.998 and 0.81, were measured.
    assert 0.5 < volume / wanted < 1.5
    assert whole > 0.95
    assert untaught < 0.9
