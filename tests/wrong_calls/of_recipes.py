"""Wrong calls of what makes a GAN: recipes, and the engine."""

import flax.linen as nn
import jax
import numpy as np
import optax
from networks import mlp
from wrong_calls.parts import (
    BYTES,
    GROWTH,
    KEY,
    LABELS,
    LOGITS,
    NAN,
    PICTURES,
    PLAYERS,
    POINTS,
    POOL,
    SGD,
    VARIABLES,
    gan,
    translating,
)

import jaxgan
from jaxgan import (
    Batch,
    augment,
    losses,
    masks,
    recipes,
)

# Of each function: wrong calls, by words of the message that name the argument.
TABLE = {
    "jaxgan.population": {
        "make is None": lambda: jaxgan.population(None),
        "devices is empty": lambda: jaxgan.population(gan, devices=[]),
        "[2, 3] members": lambda: jaxgan.population(
            lambda s: gan(), {"a": np.ones(2), "b": np.ones(3)}
        ).init(np.zeros((2, 2), np.uint32), Batch(POINTS)),
    },
    "jaxgan.fit": {
        "gan is None": lambda: jaxgan.fit(None, POINTS, 1),
        "data is 'digits'": lambda: jaxgan.fit(gan(), "digits", 1),
        "data.y has shape (3,)": lambda: jaxgan.fit(gan(), Batch(POINTS, LABELS[:3]), 1),
        "steps is 0": lambda: jaxgan.fit(gan(), POINTS, 0),
        "a callback is the function print": lambda: jaxgan.fit(gan(), POINTS, 1, callbacks=[print]),
        "every is 0": lambda: jaxgan.fit(gan(), POINTS, 1, callbacks=[(0, print)]),
    },
    "jaxgan.two_player": {
        "d_steps is 0": lambda: gan(d_steps=0),
        "ema_decay is nan": lambda: gan(ema_decay=NAN),
    },
    "jaxgan.shard_map": {
        "'other'": lambda: jaxgan.shard_map(
            gan(), mesh=jaxgan.parallel.row(jax.devices()[:1], "one"), axis_name="other"
        ),
    },
    "jaxgan.shard_optimizer": {
        "'other'": lambda: jaxgan.shard_optimizer(
            gan(), mesh=jaxgan.parallel.row(jax.devices()[:1], "one"), axis_name="other"
        ),
        "batch_axis: PER_DEVICE": lambda: jaxgan.shard_optimizer(
            gan(), batch_axis=jaxgan.parallel.PER_DEVICE
        ),
    },
    # Recipes: what they are made with. Their batches: tests/test_wrong_batches.py.
    "recipes.gan": {
        "generator is a Dense": lambda: recipes.gan(nn.Dense(2), mlp(), **PLAYERS),
        "discriminator is None": lambda: recipes.gan(mlp(2), None, **PLAYERS),
        "g_optimizer is the function adam": lambda: gan(g_optimizer=optax.adam),
        "d_optimizer is 0.1": lambda: gan(d_optimizer=0.1),
    },
    "recipes.players": {
        "loss is 'hinge'": lambda: gan(loss="hinge"),
        "penalty_weight is nan": lambda: gan(penalty_weight=NAN),
        "penalty_weight is -1": lambda: gan(penalty_weight=-1),
        "penalty_weight is a ndarray of shape (2,)": lambda: gan(penalty_weight=np.ones(2)),
        "penalty_every is 0": lambda: gan(penalty_every=0),
        "augment_pairs is True": lambda: gan(augment_pairs=True),
        "fake_gradient_norm is 0": lambda: gan(fake_gradient_norm=0),
        "packing is 0": lambda: gan(packing=0),
        "packing=2 and D sees the labels": lambda: gan(packing=2, conditional=True),
        "penalty_every is 1.5": lambda: gan(penalty_every=1.5),
        "regularizer_weight is inf": lambda: gan(regularizer_weight=float("inf")),
        "augment is 'color'": lambda: gan(augment="color"),
        "latent is 3": lambda: gan(latent=3),
        "penalty is 'r1'": lambda: gan(penalty="r1"),
        "regularizer is the function": lambda: gan(regularizer=lambda real, fake: real),
    },
    "recipes.aae": {
        "encoder is None": lambda: recipes.aae(None, mlp(2), mlp(), **PLAYERS),
        "decoder is None": lambda: recipes.aae(mlp(2), None, mlp(), **PLAYERS),
        "reconstruction_weight is nan": lambda: gan(recipes.aae, 3, reconstruction_weight=NAN),
    },
    "recipes.acgan": {"class_weight is -1": lambda: gan(recipes.acgan, class_weight=-1)},
    "recipes.bigan": {
        "encoder is None": lambda: recipes.bigan(mlp(2), None, mlp(), **PLAYERS),
        "penalty_every is 0": lambda: gan(recipes.bigan, 3, penalty_every=0),
    },
    "recipes.ccgan": {
        "class_weight is nan": lambda: translating(
            recipes.ccgan, mask=masks.center(), class_weight=NAN
        ),
        "mask is None": lambda: translating(recipes.ccgan, mask=None),
    },
    "recipes.classification": {
        "y is float32": lambda: recipes.classification(LOGITS, np.zeros(4, np.float32)),
        "y has shape (4, 1)": lambda: recipes.classification(LOGITS, LABELS[:, None]),
        "y has labels from 0 to 3": lambda: recipes.classification(LOGITS, LABELS),
        "class logits are missing": lambda: recipes.classification((), LABELS),
    },
    "recipes.slicing": {
        "D gives no directions": lambda: recipes.slicing(recipes.Seen(None, (), POINTS, (), ())),
    },
    "recipes.cogan": {"discriminator is 1": lambda: recipes.cogan(mlp(2), 1, **PLAYERS)},
    "recipes.context_encoder": {
        "content_weight is -1": lambda: translating(
            recipes.context_encoder, mask=masks.center(), content_weight=-1
        ),
    },
    "recipes.cyclegan": {
        "pool_size is -1": lambda: translating(recipes.cyclegan, pool_size=-1),
        "pool_size is 1.5": lambda: translating(recipes.cyclegan, pool_size=1.5),
        "cycle_weight is nan": lambda: translating(recipes.cyclegan, cycle_weight=NAN),
        "generator are named ['a']": lambda: recipes.cyclegan({"a": mlp(2)}, mlp(), **SGD),
        "discriminator is None": lambda: recipes.cyclegan(mlp(2), None, **SGD),
        "distance is 'l1'": lambda: translating(recipes.cyclegan, distance="l1"),
    },
    "recipes.text_to_image": {
        "wrong_share is 1": lambda: gan(recipes.text_to_image, wrong_share=1),
        "encoder is 'glove'": lambda: gan(recipes.text_to_image, encoder="glove"),
        "loss is the function losses.hinge": lambda: gan(recipes.text_to_image, loss=losses.hinge),
        "discriminator is 1": lambda: recipes.text_to_image(mlp(2), 1, **PLAYERS),
    },
    "recipes.exchange": {
        "new has examples of shape (2,)": lambda: recipes.exchange(POOL, KEY, POINTS),
        "pool.examples has shape (0, 2)": lambda: recipes.exchange(
            POOL._replace(examples=POINTS[:0]), KEY, POINTS
        ),
    },
    "recipes.grown": {
        "growth is a tuple": lambda: recipes.grown(mlp, (4, 8)),
        "growth.resolutions is (4, 9)": lambda: recipes.grown(
            mlp, GROWTH._replace(resolutions=(4, 9))
        ),
    },
    "recipes.gat": {
        "shares is (0.1, 0.5)": lambda: gan(recipes.gat, shares=(0.1, 0.5)),
        "shares is 1.0": lambda: gan(recipes.gat, shares=(1.0, 0.5)),
        "augment is the function": lambda: gan(recipes.gat, augment=augment.differentiable),
        "consistency_weight is -1": lambda: gan(recipes.gat, consistency_weight=-1),
    },
    "recipes.infogan": {
        "codes is 3": lambda: gan(recipes.infogan, codes=3),
        "codes.categories is 0": lambda: gan(recipes.infogan, codes=recipes.Codes((0,))),
        "codes.continuous is -1": lambda: gan(recipes.infogan, codes=recipes.Codes((2,), -1)),
        "needs codes": lambda: gan(recipes.infogan, codes=recipes.Codes()),
        "categories has 3": lambda: recipes.Codes((3,)).place(np.zeros((2, 5)), [3]),
        "categories has shape (3,)": lambda: recipes.Codes((3,)).place(np.zeros((2, 5)), [1, 2, 0]),
        "z has shape (5,)": lambda: recipes.Codes((3,)).place(np.zeros(5)),
    },
    "recipes.alignment": {
        "levels has shape (4,)": lambda: recipes.alignment(POINTS[:, 0]),
        "at least two levels": lambda: recipes.alignment(POINTS[:, :1]),
    },
    "recipes.level_consistency": {
        "levels is uint8": lambda: recipes.level_consistency(BYTES),
    },
    "recipes.last_level": {"generator is None": lambda: recipes.last_level(None)},
    "recipes.masked": {
        "x has shape (4, 2)": lambda: recipes.masked(POINTS, PICTURES),
        "mask (4, 8, 7, 1)": lambda: recipes.masked(PICTURES, PICTURES[:, :, 1:]),
    },
    "recipes.noise_shares": {"levels is 0": lambda: recipes.noise_shares(0)},
    "recipes.noised": {
        "x has shape (4,)": lambda: recipes.noised(KEY, POINTS[:, 0], (0.5, 0.1)),
        "expected 2 numbers": lambda: recipes.noised(KEY, POINTS, (0.5, 0.4, 0.1)),
        "shares is ()": lambda: recipes.noised(KEY, POINTS, ()),
    },
    "recipes.path_lengths": {
        "generator is None": lambda: recipes.path_lengths(None, VARIABLES, KEY, POINTS, layers=1),
        "z has shape (4,)": lambda: recipes.path_lengths(
            mlp(2), VARIABLES, KEY, POINTS[:, 0], layers=1
        ),
        "no averages": lambda: recipes.path_lengths(mlp(2), VARIABLES, KEY, POINTS, layers=1),
        "layers is 0": lambda: recipes.path_lengths(mlp(2), VARIABLES, KEY, POINTS, layers=0),
    },
    "recipes.pix2pix": {
        "content_weight is nan": lambda: translating(recipes.pix2pix, content_weight=NAN),
    },
    "recipes.progressive": {
        "stable_steps is 0": lambda: gan(
            recipes.progressive, growth=GROWTH._replace(stable_steps=0)
        ),
        "fade_steps is 0.5": lambda: gan(
            recipes.progressive, growth=GROWTH._replace(fade_steps=0.5)
        ),
        "growth.resolutions is 4.0": lambda: gan(
            recipes.progressive, growth=GROWTH._replace(resolutions=(4.0, 8.0))
        ),
        "drift is -1": lambda: recipes.progressive(mlp, mlp, growth=GROWTH, drift=-1, **PLAYERS),
        "generator is a Network": lambda: gan(recipes.progressive, growth=GROWTH),
    },
    "recipes.r3gan": {
        "settings is 'cifar10'": lambda: recipes.r3gan(mlp(2), mlp(), "cifar10"),
        "images is -1": lambda: recipes.r3gan(
            mlp(2), mlp(), recipes.R3GAN_SETTINGS["cifar10"]._replace(burn_in=-1)
        ),
    },
    "recipes.restarting": {
        "optimizer is the function": lambda: recipes.restarting(optax.adam, [1]),
        "at_steps is -1": lambda: recipes.restarting(optax.sgd(0.1), [-1]),
    },
    "recipes.sgan": {
        "class_weight is -1": lambda: gan(recipes.sgan, class_weight=-1),
        "loss is the function losses.hinge": lambda: gan(recipes.sgan, loss=losses.hinge),
    },
    "recipes.srgan": {
        "content_weight is -1": lambda: translating(recipes.srgan, content_weight=-1),
        "features is 3": lambda: translating(recipes.srgan, features=3),
    },
    "recipes.stylegan2": {
        "path_every is 0": lambda: gan(recipes.stylegan2, layers=2, path_every=0),
        "path_weight is -1": lambda: gan(recipes.stylegan2, layers=2, path_weight=-1),
        "path_decay is 2": lambda: gan(recipes.stylegan2, layers=2, path_decay=2),
        "layers is 0.5": lambda: gan(recipes.stylegan2, layers=0.5),
    },
    "recipes.width_rate": {
        "width is 0": lambda: recipes.width_rate(0),
        "rate is -1": lambda: recipes.width_rate(768, rate=-1),
    },
}
