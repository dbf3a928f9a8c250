"""InfoGAN (Chen et al. 2016, arXiv:1606.03657): part of the latent is a code that x has to show."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import latents
from jaxgan._checks import check_array, check_integers, check_types
from jaxgan.core import two_player
from jaxgan.recipes._gan import Seen, players
from jaxgan.recipes._weights import Weight, check_weights
from jaxgan.types import GAN, Batch, Network, Variables

__all__ = ["Codes", "infogan"]


class Codes(NamedTuple):
    """The part c of the latent that is to mean something; it is behind the noise, `[noise | c]`.

    c has one-hot categories, one code after the other, and then continuous codes.

    Attributes:
        categories: of each categorical code, how many categories; all are equally likely.
        continuous: how many continuous codes, each uniform on [-1, 1).
    """

    categories: tuple[int, ...] = ()
    continuous: int = 0

    @property
    def size(self) -> int:
        """Components of c."""
        return sum(self.categories) + self.continuous

    @property
    def features(self) -> int:
        """Outputs of a recognizer: logits, then means and log standard deviations."""
        return self.size + self.continuous

    @property
    def latent(self) -> latents.Latent:
        """A sampler of c, `(key, n) -> [n, size]`."""
        parts = [latents.categorical(count) for count in self.categories]
        rest = [latents.uniform(self.continuous)] if self.continuous else []
        return latents.concatenate(*parts, *rest)

    def place(self, z: jax.Array, categories: Any = None, continuous: Any = None) -> jax.Array:
        """Latents with a code of one's choice.

        Args:
            z: `[n, noise + size]`.
            categories: int, `[categorical codes]` or `[n, categorical codes]`, or None to leave
                them as they are.
            continuous: numbers in [-1, 1], `[continuous]` or `[n, continuous]`, or None.

        Returns:
            Like z.

        Raises:
            ValueError: there are other codes than that, or z is too short, or a category is not one
                of its code.
        """
        check_array("z", z, "[n, latent]")
        if z.shape[-1] < self.size:
            raise ValueError(f"z has {z.shape[-1]} components; the codes alone have {self.size}")
        if categories is not None:
            _check_rows("categories", categories, len(z), len(self.categories))
            _check_categories(categories, self.categories)
        if continuous is not None:
            _check_rows("continuous", continuous, len(z), self.continuous)
        parts = self._split(z[..., z.shape[-1] - self.size :])
        if categories is not None:
            chosen = _rows(categories, len(z), len(self.categories))
            parts[:-1] = [
                jax.nn.one_hot(chosen[:, i], count, dtype=z.dtype)
                for i, count in enumerate(self.categories)
            ]
        if continuous is not None:
            parts[-1] = _rows(continuous, len(z), self.continuous).astype(z.dtype)
        return jnp.concatenate([z[..., : z.shape[-1] - self.size], *parts], axis=-1)

    def _split(self, columns: jax.Array) -> list[jax.Array]:
        """One part for each categorical code, and one for what follows."""
        ends = [sum(self.categories[: i + 1]) for i in range(len(self.categories))]
        return jnp.split(columns, ends, axis=-1)


def infogan(
    generator: Network,
    discriminator: Network,
    *,
    codes: Codes,
    latent: latents.Latent,
    code_weight: float | jax.Array = 1.0,
    continuous_weight: float | jax.Array = 0.1,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
    **settings,
) -> GAN:
    """Make an InfoGAN: G maximizes the information that its samples have about the code c.

        D and Q minimize  that of `recipes.gan` - sum_i lambda_i mean L_I(c_i)
        G minimizes       that of `recipes.gan` - sum_i lambda_i mean L_I(c_i),
            L_I(c) = log Q(c | G(z)) + H(c)  <=  I(c; G(z))  in the mean (equation 5)

    with one lambda for the categorical codes and one for the continuous ones. Q gives each
    categorical code a softmax, and each continuous one a normal distribution. As in the paper, it
    shares all layers of D but the last (section 6), and its parameters are among D's.

    The bound is about what Q can read, not about what one sees: with plenty of noise beside the
    code, G can leave it to the noise what a picture shows, and Q reads the code from small traces.
    A small `latent` and a slow D leave the code something to mean (docs/adr/0011).

    Both players' further metrics are `information`, the mean of L_I in nats without weights, and
    `code_accuracy`, the share of categorical codes that Q reads rightly.

    Args:
        generator: called with z `[B, noise + codes.size]`; gives `[B, ...]`, like x.
        discriminator: called with x; gives logits `[B]` and Q's outputs `[B, codes.features]`, as
            `models.mlp.Discriminator(classes=codes.features)` and that of `models.dcgan` do.
        codes: which codes there are.
        latent: sampler of the noise, which comes before the code in z.
        code_weight: the lambda of the categorical codes; 1 is enough for them (section 6).
        continuous_weight: that of the continuous codes. Their L_I has no upper bound, and so the
            paper takes a smaller lambda, which keeps it on the scale of the GAN's own loss. (The
            authors' code has a lambda of 1 for both on MNIST, but fixes Q's deviations at 1.)
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none.
        **settings: further keywords of `recipes.players`.

    Returns:
        The GAN; `sample` draws codes at random. To choose them, apply the generator to
        `codes.place(z, ...)`.

    Raises:
        TypeError: `codes` are no `Codes`, a number no number; or as in `recipes.gan`.
        ValueError: there is no code, or a weight or a number of codes is negative; or when it is
            initialized, Q has not `codes.features` outputs, or as in `recipes.gan`.

    Example:
        >>> codes = recipes.Codes(categories=(3,), continuous=1)
        >>> generator = nets.stateless(lambda key, z: jnp.ones((6, 2)), lambda w, z: z @ w)
        >>> discriminator = nets.stateless(
        ...     lambda key, x: jnp.ones((2, 1 + codes.features)),
        ...     lambda w, x: ((x @ w)[:, 0], (x @ w)[:, 1:]),
        ... )
        >>> noise = latents.normal(2)
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.infogan(generator, discriminator, codes=codes, latent=noise, **sgd)
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> "g_information" in metrics
        True
        >>> print(codes.place(jnp.zeros((1, 6)), [2], [0.5]))
        [[0.  0.  0.  0.  1.  0.5]]
    """
    _check_codes(codes)
    check_weights(code_weight=code_weight, continuous_weight=continuous_weight)

    def term(seen: Seen):
        categorical, continuous, accuracy = _information(codes, seen.z, seen.fake_heads)
        metrics = {"information": jnp.mean(categorical + continuous)}
        if codes.categories:
            metrics["code_accuracy"] = accuracy
        return -(code_weight * categorical + continuous_weight * continuous), metrics

    g, d, sample = players(
        generator,
        discriminator,
        latent=latents.concatenate(latent, codes.latent),
        g_term=term,
        d_term=term,
        **settings,
    )

    def d_init(key: jax.Array, batch: Batch) -> Variables:
        def judged():
            params, state = discriminator.init(key, batch.x)
            return discriminator.apply(params, state, key, batch.x, train=False)[0]

        outputs = jax.eval_shape(judged)
        found = outputs[1].shape[1:] if isinstance(outputs, tuple) else "none"
        if found != (codes.features,):
            raise ValueError(
                f"the discriminator gives {found} beside its logits, these codes need "
                f"{codes.features} features; expected a pair of [B] and [B, codes.features]"
            )
        return d.init(key, batch)

    return two_player(
        g, d._replace(init=d_init), sample=sample, d_steps=d_steps, ema_decay=ema_decay
    )


def _information(codes: Codes, z: jax.Array, found: jax.Array):
    """L_I of the categorical and of the continuous codes, `[B]` each, and Q's accuracy."""
    *chosen, values = codes._split(z[:, z.shape[-1] - codes.size :])
    *logits, normal = codes._split(found.astype(z.dtype))
    means, log_deviations = jnp.split(normal, 2, axis=-1)
    errors = (values - means) * jnp.exp(-log_deviations)
    log_densities = -(jnp.square(errors) + math.log(2 * math.pi)) / 2 - log_deviations
    continuous = jnp.sum(log_densities + math.log(2), axis=-1)  # the entropy of U[-1, 1)
    categorical, right = jnp.zeros_like(continuous), jnp.zeros_like(continuous)
    for one_hot, one in zip(chosen, logits, strict=True):
        entropy = math.log(one.shape[-1])
        categorical += jnp.sum(one_hot * jax.nn.log_softmax(one), axis=-1) + entropy
        right += jnp.argmax(one, axis=-1) == jnp.argmax(one_hot, axis=-1)
    return categorical, continuous, jnp.mean(right) / max(len(logits), 1)


def _rows(values: Any, n: int, columns: int) -> jax.Array:
    return jnp.broadcast_to(jnp.asarray(values), (n, columns))


def _check_rows(name: str, values: Any, n: int, columns: int) -> None:
    shape = np.shape(values)
    if shape not in ((), (columns,), (1, columns), (n, columns)):
        raise ValueError(
            f"{name} has shape {shape} for {columns} codes and {n} latents; expected [{columns}] "
            f"or [n, {columns}]"
        )


def _check_categories(chosen: Any, categories: tuple[int, ...]) -> None:
    """Check categories that are known already, of which another one would be a code of zeros."""
    if isinstance(chosen, jax.Array):
        return
    wrong = (np.asarray(chosen) < 0) | (np.asarray(chosen) >= np.asarray(categories))
    if wrong.any():
        raise ValueError(
            f"categories has {np.broadcast_to(chosen, wrong.shape)[wrong][0]}; expected numbers "
            f"from 0 to below {categories}"
        )


def _check_codes(codes: Codes) -> None:
    check_types(Codes, codes=codes)
    for count in codes.categories:
        check_integers(**{"codes.categories": count})
    check_integers(0, **{"codes.continuous": codes.continuous})
    if codes.size == 0:
        raise ValueError("infogan needs codes; expected categories or continuous codes")
