"""Wrong calls of what recipes are handed, and of what networks are made of."""

from functools import partial

import flax.linen as nn
import jax
import numpy as np
import optax
from networks import mlp
from wrong_calls.parts import BYTES, KEY, LOGITS, NAN, PICTURES, POINTS, critic, gan

from jaxgan import (
    augment,
    averages,
    convolution,
    distortions,
    freezing,
    latents,
    losses,
    masks,
    monitor,
    nets,
    optimizers,
    penalties,
    regularizers,
    resample,
    rules,
    schedules,
)

GAME = rules.bilinear(optax.sgd(0.1))

# Of each function: wrong calls, by words of the message that name the argument.
TABLE = {
    # What recipes are handed.
    "latents.normal": {
        "dim is 0": lambda: latents.normal(0),
        "dim is 2.0": lambda: latents.normal(2.0),
    },
    "latents.uniform": {"dim is -1": lambda: latents.uniform(-1)},
    "latents.truncated": {
        "dim is 0": lambda: latents.truncated(0, 1.0),
        "threshold is nan": lambda: latents.truncated(2, NAN),
    },
    "latents.categorical": {"categories is 0": lambda: latents.categorical(0)},
    "latents.concatenate": {"latents is empty": latents.concatenate},
    "latents.describe": {
        "latent is the function latents.normal itself": lambda: latents.describe(latents.normal),
        "latent is the function": lambda: latents.describe(lambda key, n: None),
    },
    "latents.described": {
        "about is {'distribution': 'cauchy'}": lambda: latents.described(
            {"distribution": "cauchy"}
        ),
        "about is None": lambda: latents.described(None),
    },
    "freezing.freeze": {
        "optimizer is None": lambda: freezing.freeze(None, ["a"]),
        "names is 'a'": lambda: freezing.freeze(optax.sgd(0.1), "a"),
        "names is []": lambda: freezing.freeze(optax.sgd(0.1), []),
        "names has 'b'": lambda: freezing.freeze(optax.sgd(0.1), ["b"]).init({"a": POINTS}),
    },
    "freezing.layers": {
        "init is a Network": lambda: freezing.layers(mlp(2), POINTS),
        "params are a": lambda: freezing.layers(lambda key: (POINTS, ())),
    },
    "latents.slerp": {
        "end (4, 3)": lambda: latents.slerp(POINTS, LOGITS, 0.5),
        "start is a list": lambda: latents.slerp([1.0], POINTS, 0.5),
        "end is int32": lambda: latents.slerp(POINTS, POINTS.astype(np.int32), 0.5),
        "t is nan": lambda: latents.slerp(POINTS, POINTS, NAN),
    },
    "losses.accuracy": {
        "real_logits has shape (0,)": lambda: losses.accuracy(
            losses.hinge(), LOGITS[0, :0], LOGITS[0]
        ),
        "loss is 'hinge'": lambda: losses.accuracy("hinge", LOGITS, LOGITS),
    },
    **{
        f"losses.{make.__name__}": {"label_smoothing is nan": partial(make, label_smoothing=NAN)}
        for make in (losses.minimax, losses.non_saturating, losses.least_squares)
    },
    **{
        f"losses.{make.__name__}": {
            "fake ones (4,)": partial(make().generator, LOGITS, LOGITS[:, 0]),
            "real_logits is a list": partial(make().generator, [1.0], LOGITS),
            "fake_logits has shape (0, 3)": partial(make().discriminator, LOGITS, LOGITS[:0]),
        }
        for make in (
            losses.hinge,
            losses.boundary_seeking,
            losses.wasserstein,
            losses.relativistic_paired,
            losses.relativistic_average,
        )
    },
    "penalties.gradient_penalty": {
        "target is inf": lambda: penalties.gradient_penalty(target=float("inf")),
        "fake (1, 2)": lambda: penalties.gradient_penalty()(critic, POINTS, POINTS[:1], KEY),
    },
    "penalties.dragan": {"scale is nan": lambda: penalties.dragan(scale=NAN)},
    "penalties.r1": {"real is uint8": lambda: penalties.r1()(critic, BYTES, BYTES, KEY)},
    "penalties.r2": {"fake has shape (0, 2)": lambda: penalties.r2()(critic, 0, POINTS[:0], KEY)},
    "penalties.r1_r2": {"fake (1, 2)": lambda: penalties.r1_r2()(critic, POINTS, POINTS[:1], KEY)},
    "penalties.approximate_r1": {
        "epsilon is 0": lambda: penalties.approximate_r1(epsilon=0),
        "share is nan": lambda: penalties.approximate_r1(share=NAN),
        "real is uint8": lambda: penalties.approximate_r1()(critic, BYTES, BYTES, KEY),
    },
    "penalties.approximate_r2": {
        "epsilon is inf": lambda: penalties.approximate_r2(epsilon=float("inf")),
        "share is 0": lambda: penalties.approximate_r2(share=0),
        "fake has shape (0, 2)": lambda: penalties.approximate_r2()(critic, 0, POINTS[:0], KEY),
    },
    "penalties.approximate_r1_r2": {
        "epsilon is nan": lambda: penalties.approximate_r1_r2(epsilon=NAN),
        "share is 2": lambda: penalties.approximate_r1_r2(share=2),
        "fake (1, 2)": lambda: penalties.approximate_r1_r2()(critic, POINTS, POINTS[:1], KEY),
    },
    "penalties.consistency": {
        "fake_weight is nan": lambda: penalties.consistency(lambda key, x: x, fake_weight=NAN),
        "fake (1, 2)": lambda: penalties.consistency(lambda key, x: x)(
            critic, POINTS, POINTS[:1], KEY
        ),
        "change is 3": lambda: penalties.consistency(3),
    },
    "penalties.combine": {
        "terms is empty": penalties.combine,
        "a term is the function": lambda: penalties.combine(penalties.r1()),
        "weight is nan": lambda: penalties.combine((penalties.r1(), NAN)),
    },
    "penalties.lazy": {
        "every is 1.5": lambda: penalties.lazy(penalties.r1(), every=1.5),
        "penalty is None": lambda: penalties.lazy(None, every=1),
    },
    "penalties.clip_weights": {
        "limit is inf": lambda: penalties.clip_weights(float("inf")),
        "limit is '1'": lambda: penalties.clip_weights("1"),
    },
    "regularizers.centering": {
        "fake_logits (4,)": lambda: regularizers.centering().apply((), LOGITS, LOGITS[:, 0], 0),
    },
    "regularizers.combine": {
        "terms is empty": regularizers.combine,
        "a term is a Regularizer": lambda: regularizers.combine(regularizers.lecam()),
        "regularizer is the function": lambda: regularizers.combine((regularizers.lecam, 1.0)),
        "weight is nan": lambda: regularizers.combine((regularizers.lecam(), NAN)),
    },
    "regularizers.lecam": {
        "decay is nan": lambda: regularizers.lecam(decay=NAN),
        "fake_logits (4,)": lambda: regularizers.lecam().apply({}, LOGITS, LOGITS[:, 0], 0),
    },
    "regularizers.orthogonal": {"strength is -1": lambda: regularizers.orthogonal(-1)},
    "optimizers.optimistic": {"optimizer is None": lambda: optimizers.optimistic(None)},
    "optimizers.lookahead": {
        "optimizer is 3": lambda: optimizers.lookahead(3),
        "every is 0": lambda: optimizers.lookahead(optax.sgd(0.1), 0),
        "share is nan": lambda: optimizers.lookahead(optax.sgd(0.1), share=NAN),
    },
    "rules.bilinear": {"optimizer is None": lambda: rules.bilinear(None)},
    "rules.simultaneous": {
        "gan is None": lambda: rules.simultaneous(None),
        "gan has no players": lambda: rules.simultaneous(rules.simultaneous(GAME)),
        "d_steps is 2": lambda: rules.simultaneous(gan(d_steps=2)),
    },
    "rules.extragradient": {"gan is None": lambda: rules.extragradient(None)},
    "rules.consensus": {"gamma is -1": lambda: rules.consensus(GAME, -1)},
    "rules.symplectic": {"weight is nan": lambda: rules.symplectic(GAME, NAN)},
    "rules.competitive": {
        "learning_rate is -1": lambda: rules.competitive(GAME, -1),
        "iterations is 0": lambda: rules.competitive(GAME, 0.1, iterations=0),
    },
    "rules.unrolled": {
        "steps is -1": lambda: rules.unrolled(GAME, -1),
        "learning_rate is nan": lambda: rules.unrolled(GAME, 1, NAN),
    },
    "regularizers.normalize_gradient": {
        "norm is 0": lambda: regularizers.normalize_gradient(POINTS, 0),
        "x is uint8": lambda: regularizers.normalize_gradient(BYTES),
    },
    "schedules.linear": {
        "images is nan": lambda: schedules.linear(0, 1, NAN, batch_size=1),
        "start is nan": lambda: schedules.linear(NAN, 1, 10, batch_size=1),
        "batch_size is 0.5": lambda: schedules.linear(0, 1, 10, batch_size=0.5),
    },
    "schedules.cosine": {
        "after is -1": lambda: schedules.cosine(0, 1, 10, batch_size=1, after=-1),
        "end is inf": lambda: schedules.cosine(0, float("inf"), 10, batch_size=1),
        "batch_size is -1": lambda: schedules.cosine(0, 1, 10, batch_size=-1),
    },
    "schedules.warm_up": {
        "rate is nan": lambda: schedules.warm_up(NAN, 10, batch_size=1),
        "images is -1": lambda: schedules.warm_up(0.1, -1, batch_size=1),
    },
    "schedules.power_ema": {
        "sigma is 0": lambda: schedules.power_ema(0),
        "sigma is 0.31": lambda: schedules.power_ema(0.31),
        "sigma is nan": lambda: schedules.power_ema(NAN),
    },
    "averages.combination": {
        "snapshots are empty": lambda: averages.combination([], sigma=0.1),
        "step is 0": lambda: averages.combination([averages.Snapshot(0, 0.1)], sigma=0.1),
        "sigma is 0.4": lambda: averages.combination([averages.Snapshot(1, 0.1)], sigma=0.4),
        "sigma is -1": lambda: averages.combination([averages.Snapshot(1, -1)], sigma=0.1),
    },
    "averages.reconstruct": {"snapshots are empty": lambda: averages.reconstruct([], sigma=0.1)},
    "schedules.ema_decay": {"half_life is nan": lambda: schedules.ema_decay(NAN, batch_size=1)},
    "augment.adaptive": {
        "batch_size is 0": lambda: augment.adaptive(batch_size=0),
        "target is nan": lambda: augment.adaptive(batch_size=1, target=NAN),
        "images is inf": lambda: augment.adaptive(batch_size=1, images=float("inf")),
        "initial is 1.5": lambda: augment.adaptive(batch_size=1, initial=1.5),
        "distort is the function distortions.pipeline": lambda: augment.adaptive(
            distortions.pipeline, batch_size=1
        ),
    },
    "augment.before": {
        "discriminator is None": lambda: augment.before(None, augment.differentiable()),
        "augmentation is None": lambda: augment.before(mlp(), None),
    },
    "augment.differentiable": {
        "'hue'": lambda: augment.differentiable(("hue",)),
        "x has shape (4, 2)": lambda: augment.differentiable().apply((), KEY, POINTS),
    },
    "augment.paired": {
        "augmentation is the function": lambda: augment.paired(augment.differentiable),
        "augmentation is None": lambda: augment.paired(None),
        "a batch of 1 does not divide": lambda: augment.paired(augment.differentiable()).apply(
            (), KEY, PICTURES[:1]
        ),
    },
    "augment.scheduled": {
        "probability is nan": lambda: augment.scheduled(NAN),
        "probability is 2": lambda: augment.scheduled(2),
    },
    "distortions.color": {
        "x is uint8": lambda: distortions.color()(KEY, BYTES),
        "x has shape (0, 8, 8, 1)": lambda: distortions.color()(KEY, PICTURES[:0]),
    },
    "distortions.cutout": {"share is nan": lambda: distortions.cutout(share=NAN)},
    "distortions.translation": {"share is 2": lambda: distortions.translation(share=2)},
    "distortions.pipeline": {
        "color is nan": lambda: distortions.pipeline(color=NAN),
        "p is 1.5": lambda: distortions.pipeline()(KEY, PICTURES, 1.5),
    },
    "masks.center": {"share is nan": lambda: masks.center(NAN)},
    "masks.random_box": {"share is 1": lambda: masks.random_box(1)},
    "masks.random_blocks": {"count is 1.5": lambda: masks.random_blocks(1.5)},
    "masks.check": {
        "mask is a list": lambda: masks.check([1], 8, 8),
        "mask has shape (0, 8, 8, 1)": lambda: masks.check(PICTURES[:0], 8, 8),
    },
    "monitor.Monitor": {
        "certain is nan": lambda: monitor.Monitor(certain=NAN),
        "lines is 0": lambda: monitor.Monitor(lines=0),
    },
    "monitor.diversity": {
        "real has shape (1, 2)": lambda: monitor.diversity(POINTS[:1], POINTS),
        "fake has shape (0, 2)": lambda: monitor.diversity(POINTS, POINTS[:0]),
    },
    "monitor.judgment": {
        "fake_logits has shape (0,)": lambda: monitor.judgment(
            losses.hinge(), LOGITS[0], LOGITS[0, :0]
        ),
    },
    "nets.from_equinox": {"make is None": lambda: nets.from_equinox(None)},
    "nets.from_haiku": {"transformed is the function": lambda: nets.from_haiku(critic)},
    "nets.from_linen": {
        "module is the class Dense": lambda: nets.from_linen(nn.Dense),
        "module is the function": lambda: nets.from_linen(critic),
    },
    "nets.from_nnx": {"make is None": lambda: nets.from_nnx(None)},
    "nets.pack": {
        "size is 0": lambda: nets.pack(mlp(), 0),
        "network is None": lambda: nets.pack(None, 2),
    },
    "nets.microbatch": {
        "size is 0": lambda: nets.microbatch(mlp(), 0),
        "network is None": lambda: nets.microbatch(None, 1),
    },
    "nets.part": {
        "network is None": lambda: nets.part(None, "generator"),
        "name='encoder'": lambda: nets.part(mlp(), "encoder").apply(
            {"generator": ()}, {}, KEY, POINTS, train=True
        ),
    },
    "nets.remat": {"network is a Dense": lambda: nets.remat(nn.Dense(2))},
    "nets.spectral_norm": {
        "iterations is 0": lambda: nets.spectral_norm(mlp(), iterations=0),
        "min_ndim is -1": lambda: nets.spectral_norm(mlp(), min_ndim=-1),
        "exclude has 'b'": lambda: jax.eval_shape(
            nets.spectral_norm(mlp(), exclude=["b"]).init, KEY, POINTS
        ),
    },
    "nets.stateless": {
        "init is 0": lambda: nets.stateless(0, critic),
        "apply is None": lambda: nets.stateless(critic, None),
    },
    "resample.nearest_upsample": {
        "x has shape (4, 2)": lambda: resample.nearest_upsample(POINTS),
        "factor is 0": lambda: resample.nearest_upsample(PICTURES, 0),
    },
    "resample.box_downsample": {
        "factor=3": lambda: resample.box_downsample(PICTURES, 3),
        "factor is 2.0": lambda: resample.box_downsample(PICTURES, 2.0),
    },
    "resample.upsample": {
        "kernel is (1, -1)": lambda: resample.upsample(PICTURES, (1, -1)),
        "x is uint8": lambda: resample.upsample(BYTES),
    },
    "resample.downsample": {"kernel is ()": lambda: resample.downsample(PICTURES, ())},
    "convolution.conv": {
        "the kernel (3, 3, 2, 4)": lambda: convolution.conv(PICTURES, np.zeros((3, 3, 2, 4))),
        "strides is 0": lambda: convolution.conv(PICTURES, np.zeros((3, 3, 1, 4)), strides=0),
        "strides is (2,)": lambda: convolution.conv(PICTURES, np.zeros((3, 3, 1, 4)), strides=(2,)),
        "padding is [(1, 1)]": lambda: convolution.conv(
            PICTURES, np.zeros((3, 3, 1, 4)), padding=[(1, 1)]
        ),
    },
    "convolution.conv_transpose": {
        "x has shape (4, 2)": lambda: convolution.conv_transpose(POINTS, np.zeros((3, 3, 1, 4))),
    },
    "convolution.fast": {"function is None": lambda: convolution.fast(None)},
    "convolution.depth_to_space": {
        "x has 1 channels": lambda: convolution.depth_to_space(PICTURES, 2),
        "block is 0": lambda: convolution.depth_to_space(PICTURES, 0),
    },
    "convolution.space_to_depth": {"block=3": lambda: convolution.space_to_depth(PICTURES, 3)},
}
