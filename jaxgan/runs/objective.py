"""Losses, penalties, augmentation and optimizers from the settings."""

from typing import Any

import optax
from jax.core import Tracer

from jaxgan import augment, distortions, losses, optimizers, penalties, regularizers, schedules
from jaxgan.runs.settings import APPROXIMATE, SMOOTHED, Game, Objective, Optimization


def keywords(objective: Objective, optimization: Optimization, game: Game) -> dict[str, Any]:
    """Return the keywords of `recipes.players` and `two_player`, except the latent."""
    return {
        "g_optimizer": _optimizer(objective, optimization, game, optimization.g_lr, 1),
        "d_optimizer": _d_optimizer(objective, optimization, game),
        "loss": _loss(objective),
        **_penalty(objective, optimization),
        **_regularizer(objective),
        "augment": _augmentation(objective, optimization),
        "augment_pairs": objective.augment_pairs,
        "conditional": objective.conditional,
        "one_batch": objective.one_batch,
        "packing": objective.packing,
        "fake_gradient_norm": objective.fake_gradient_norm or None,
        "d_steps": optimization.d_steps,
        "ema_decay": _ema_decay(optimization),
    }


def _is_on(value: Any) -> bool:
    """Whether a setting is on: 0 means off, and a traced value is never 0 (see `members`)."""
    return isinstance(value, Tracer) or bool(value)


def _loss(objective: Objective) -> losses.AdversarialLoss:
    pair = getattr(losses, objective.loss)
    if objective.loss in SMOOTHED:
        return pair(label_smoothing=objective.label_smoothing)
    return pair()


def _penalty(objective: Objective, optimization: Optimization) -> dict[str, Any]:
    settings = {}
    if objective.penalty in APPROXIMATE:
        settings = {"epsilon": objective.penalty_epsilon, "share": objective.penalty_share}
    is_on = objective.penalty != "none"
    penalty = getattr(penalties, objective.penalty)(**settings) if is_on else None
    weight = _moving(optimization, objective.penalty_weight, objective.penalty_weight_end)
    if objective.consistency:
        shifted = penalties.consistency(augment.differentiable(("translation",)), fake_weight=1)
        terms = [(shifted, objective.consistency)] + ([(penalty, weight)] if penalty else [])
        penalty, weight = penalties.combine(*terms), 1.0
    return {
        "penalty": penalty,
        "penalty_weight": weight,
        "penalty_every": objective.penalty_every,
    }


def _regularizer(objective: Objective) -> dict[str, Any]:
    terms = [
        (make(), weight)
        for make, weight in (
            (regularizers.lecam, objective.lecam),
            (regularizers.centering, objective.centering),
        )
        if weight
    ]
    if not terms:
        return {}
    regularizer, weight = terms[0] if len(terms) == 1 else (regularizers.combine(*terms), 1.0)
    return {"regularizer": regularizer, "regularizer_weight": weight}


def _augmentation(objective: Objective, optimization: Optimization) -> augment.Augmentation | None:
    match objective.augment:
        case "diffaugment":
            return augment.differentiable(tuple(objective.augment_policy.split(",")))
        case "ada":
            threshold = _loss(objective).threshold
            assert threshold is not None  # guaranteed by `checks`
            return augment.adaptive(
                batch_size=optimization.batch_size,
                target=objective.ada_target,
                images=objective.ada_images,
                threshold=threshold,
            )
        case "scheduled":
            probability = schedules.cosine(
                0,
                objective.augment_end,
                optimization.burn_in,
                batch_size=optimization.batch_size,
            )
            return augment.scheduled(probability, distortions.pipeline(color=0.5))
    return None


def _optimizer(
    objective: Objective,
    optimization: Optimization,
    game: Game,
    learning_rate: Any,
    updates: int,
) -> optax.GradientTransformation:
    """Make the optimizer of a player with so many updates in each step."""
    learning_rate = _scheduled(optimization, learning_rate, updates)
    beta2: Any = optimization.beta2
    adam: Any = optax.adam
    if optimization.burn_in and optimization.beta2_end:
        beta2 = _moving(optimization, beta2, optimization.beta2_end / beta2)
        adam = optax.inject_hyperparams(adam, static_args=("b1", "eps", "eps_root"))
    match optimization.optimizer:
        case "adam":
            optimizer = adam(learning_rate, b1=optimization.beta1, b2=beta2)
        case "rmsprop":
            optimizer = optax.rmsprop(learning_rate, momentum=_momentum(game))
        case _:
            optimizer = optax.sgd(learning_rate, momentum=_momentum(game))
    if objective.orthogonal:
        optimizer = optax.chain(regularizers.orthogonal(objective.orthogonal), optimizer)
    if optimization.clip_norm:
        optimizer = optax.chain(optax.clip_by_global_norm(optimization.clip_norm), optimizer)
    if game.optimistic:
        optimizer = optimizers.optimistic(optimizer)
    if game.lookahead:
        optimizer = optimizers.lookahead(optimizer, updates * game.lookahead)
    return optimizer


def _momentum(game: Game) -> Any:
    return game.momentum if _is_on(game.momentum) else None


def _d_optimizer(
    objective: Objective, optimization: Optimization, game: Game
) -> optax.GradientTransformation:
    updates = optimization.d_steps
    optimizer = _optimizer(objective, optimization, game, optimization.d_lr, updates)
    if _is_on(objective.clip_weights):
        return optax.chain(optimizer, penalties.clip_weights(objective.clip_weights))
    return optimizer


def _scheduled(optimization: Optimization, learning_rate: Any, updates: int) -> Any:
    """Let a learning rate change over the updates of its player."""
    rate = _moving(optimization, learning_rate, optimization.lr_end)
    counted = {"batch_size": 1}  # in updates, not in images
    if optimization.lr_schedule != "constant":
        start, end = (updates * n for n in (optimization.lr_decay_start, optimization.lr_decay_end))
        schedule = getattr(schedules, optimization.lr_schedule)
        share = schedule(1.0, 0.0, end - start, after=start, **counted)
        rate = lambda step: learning_rate * share(step)  # noqa: E731
    if optimization.warmup_steps:
        rate = schedules.warm_up(rate, updates * optimization.warmup_steps, **counted)
    return rate


def _moving(optimization: Optimization, start: Any, share: float) -> Any:
    """Move a setting from its start to a share of it during the burn-in."""
    if not optimization.burn_in or share == 1:
        return start
    return schedules.cosine(
        start, share * start, optimization.burn_in, batch_size=optimization.batch_size
    )


def _ema_decay(optimization: Optimization) -> Any:
    if optimization.ema_sigma:
        return schedules.power_ema(optimization.ema_sigma)
    batch_size = optimization.batch_size
    if optimization.ema_half_life:
        half_life = schedules.cosine(
            0, optimization.ema_half_life, optimization.burn_in, batch_size=batch_size
        )
        return schedules.ema_decay(half_life, batch_size=batch_size)
    return optimization.ema_decay if _is_on(optimization.ema_decay) else None
