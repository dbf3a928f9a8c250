"""CycleGAN (Zhu et al. 2017, arXiv:1703.10593): translation between two domains without pairs.

DiscoGAN (Kim et al. 2017, arXiv:1703.05192) and DualGAN (Yi et al. 2017, arXiv:1704.02510) are the
same idea with other settings.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgan import losses, monitor
from jaxgan._checks import (
    check_array,
    check_batch,
    check_callable,
    check_integers,
    check_lengths,
    check_types,
)
from jaxgan._handed import check_networks, check_optimizers, refuse_factories
from jaxgan.core import mean_over_devices, of_first_device, two_player
from jaxgan.recipes._gan import checked, upcast
from jaxgan.recipes._weights import Weight, check_weights
from jaxgan.types import GAN, Batch, Network, Player, Variables

__all__ = ["CYCLEGAN_SETTINGS", "Distance", "Pool", "cyclegan", "exchange"]

Distance = Callable[[jax.Array, jax.Array], jax.Array]
"""`(a, b) -> scalar`: how far examples `[B, ...]` are from others, in the mean."""


def _l1(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.mean(jnp.abs(a - b))


def _l2(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.mean(jnp.square(a - b))


def _least_squares() -> losses.AdversarialLoss:
    """The paper halves D's squares but not G's, which count against the cycles."""
    halved = losses.least_squares()
    return halved._replace(generator=lambda real, fake: 2 * halved.generator(real, fake))


_NEITHER = {"identity_weight": 0.0, "pool_size": 0}

CYCLEGAN_SETTINGS: dict[str, dict[str, Any]] = {
    "cyclegan": {
        "loss": _least_squares(),
        "distance": _l1,
        "cycle_weight": 10.0,
        "identity_weight": 5.0,
        "pool_size": 50,
    },
    "discogan": {"loss": losses.non_saturating(), "distance": _l2, "cycle_weight": 1.0} | _NEITHER,
    # Its weight is any from 100 to 1000, its `d_steps` 2 to 4, and its `d_optimizer` is
    # `optax.chain(optax.rmsprop(5e-5), penalties.clip_weights(c))` with c from 0.01 to 0.1.
    "dualgan": {"loss": losses.wasserstein(), "distance": _l1, "cycle_weight": 500.0} | _NEITHER,
}
"""What the papers minimize, as keywords of `cyclegan`."""


class Pool(NamedTuple):
    """Fake examples of the past.

    Attributes:
        examples: `[size, ...]`.
        filled: how many of them there are so far, int32.
    """

    examples: jax.Array
    filled: jax.Array


def cyclegan(
    generator: Network | dict[str, Network],
    discriminator: Network | dict[str, Network],
    *,
    g_optimizer: optax.GradientTransformation,
    d_optimizer: optax.GradientTransformation,
    loss: losses.AdversarialLoss | None = None,
    distance: Distance = _l1,
    cycle_weight: float | jax.Array = 10.0,
    identity_weight: float | jax.Array = 5.0,
    pool_size: int = 50,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
) -> GAN:
    """Make a CycleGAN of two translators, to_x and to_y, and a discriminator for each domain.

        D minimizes  mean loss.discriminator(D_x(x), D_x(past to_x(y))) + the same in y
        G minimizes  mean loss.generator(D_x(x), D_x(to_x(y))) + the same in y
                     + cycle_weight (|to_x(to_y(x)) - x| + |to_y(to_x(y)) - y|)
                     + identity_weight (|to_x(x) - x| + |to_y(y) - y|)

    where |.| is the distance, a mean over everything. `batch.x` and `batch.y` are examples of the
    two domains; their order has no meaning. Each D sees fakes of a pool of the past
    ones (Shrivastava et al. 2016, arXiv:1612.07828, section 2.3; see `exchange`); on several
    devices it is the first one's.

    G's further metrics are `cycle` and `identity`, unweighted sums over both directions, and
    `diversity`; D's are those of `monitor.judgment`; the last two are means over both domains.

    `sample(state, key, n, y)` translates y to x. The other way is

        variables = state.ema, or state.g without a running average
        generator.apply(variables.params["to_y"], variables.state["to_y"], key, x, train=False)

    Args:
        generator: called with an example `[B, ...]` of one domain; gives one of the other. A dict
            `{"to_x", "to_y"}` if the directions need different networks. The paper's is
            `models.translator`.
        discriminator: called with examples `[B, ...]`; gives logits `[B, ...]`. A dict
            `{"x", "y"}` likewise. The paper's is `models.patch`.
        g_optimizer: optimizer of both translators; the paper's is Adam(2e-4, b1=0.5).
        d_optimizer: optimizer of both discriminators, likewise.
        loss: the pair of losses; by default least squares, G's twice `losses.least_squares`.
        distance: `(a, b) -> scalar`; see `CYCLEGAN_SETTINGS`.
        cycle_weight: weight of the way there and back.
        identity_weight: weight of leaving alone what is in the right domain already; 0 for domains
            of different shapes.
        pool_size: past fakes in each domain that D may see again; 0 for none.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none.

    Returns:
        The GAN.

    Raises:
        TypeError: a network is no `Network`, an optimizer no optimizer, a number no number.
        ValueError: `pool_size` or a weight is negative; when the GAN is initialized: a translator
            makes other shapes than the domain has, or there is a weight on the identity of domains
            that differ in shape; or, then or in a step, a batch is empty, is not of floats, or has
            no y or not as many as x.

    Example:
        >>> translator = nets.stateless(lambda key, x: jnp.zeros(2), lambda w, x: x + w)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.cyclegan(translator, discriminator, pool_size=4, **sgd)
        >>> batch = Batch(jnp.ones((4, 2)), -jnp.ones((4, 2)))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> float(metrics["g_cycle"])
        0.0
        >>> gan.sample(state, jax.random.key(1), 4, batch.y).shape
        (4, 2)
    """
    refuse_factories(loss=loss)
    check_optimizers(g_optimizer=g_optimizer, d_optimizer=d_optimizer)
    check_callable("a function (a, b) -> scalar", distance=distance)
    check_integers(0, pool_size=pool_size)
    check_weights(cycle_weight=cycle_weight, identity_weight=identity_weight)
    loss = _least_squares() if loss is None else loss
    check_types(losses.AdversarialLoss, loss=loss)
    translators = _both("generator", generator, ("to_x", "to_y"))
    discriminators = _both("discriminator", discriminator, ("x", "y"))
    translate, discriminate = partial(_apply, translators), partial(_apply, discriminators)
    # A traced weight, as in a population, has no value yet that could be looked at.
    keeps_identity = isinstance(identity_weight, jax.Array) or identity_weight != 0

    def discriminate_both(which: str, variables: Variables, key: jax.Array, real, fake):
        """Logits of either, and D's variables."""
        real_key, fake_key = jax.random.split(key)
        real_logits, variables = discriminate(which, variables, real_key, real)
        fake_logits, variables = discriminate(which, variables, fake_key, fake)
        return real_logits, fake_logits, variables

    def g_loss(params, state, opponent, batch: Batch, key, step):
        del step
        keys = jax.random.split(key, 8)
        x, y, own = batch.x, batch.y, Variables(params, state)
        fake_x, own = translate("to_x", own, keys[0], y)
        fake_y, own = translate("to_y", own, keys[1], x)
        again_x, own = translate("to_x", own, keys[2], fake_y)
        again_y, own = translate("to_y", own, keys[3], fake_x)
        cycle = distance(again_x, x) + distance(again_y, y)
        value, metrics = cycle_weight * cycle, {"cycle": cycle}
        if keeps_identity:
            same_x, own = translate("to_x", own, keys[4], x)
            same_y, own = translate("to_y", own, keys[5], y)
            metrics["identity"] = distance(same_x, x) + distance(same_y, y)
            value += identity_weight * metrics["identity"]
        opposed = opponent._replace(state=opponent.state["networks"])
        for which, real, fake, d_key in ("x", x, fake_x, keys[6]), ("y", y, fake_y, keys[7]):
            # Where the loss does not look at the real logits, XLA removes their forward pass.
            real_logits, fake_logits, _ = discriminate_both(which, opposed, d_key, real, fake)
            value += jnp.mean(loss.generator(real_logits, fake_logits))
        if len(x) > 1:  # a single example has no neighbor to differ from
            both = monitor.diversity(x, fake_x) + monitor.diversity(y, fake_y)
            metrics["diversity"] = both / 2
        return value, (own.state, metrics)

    def d_loss(params, state, opponent, batch: Batch, key, step):
        del step
        own, pools = Variables(params, state["networks"]), dict(state["pools"])
        value, judgments = 0.0, []
        for which, real, source in ("x", batch.x, batch.y), ("y", batch.y, batch.x):
            key, fake_key, pool_key, d_key = jax.random.split(key, 4)
            fake, _ = translate(f"to_{which}", opponent, fake_key, source)
            if pool_size:
                fake, pools[which] = exchange(pools[which], pool_key, fake)
            real_logits, fake_logits, own = discriminate_both(which, own, d_key, real, fake)
            value += jnp.mean(loss.discriminator(real_logits, fake_logits))
            judgments.append(monitor.judgment(loss, real_logits, fake_logits))
        metrics = jax.tree.map(lambda a, b: (a + b) / 2, *judgments)
        return value, ({"networks": own.state, "pools": pools}, metrics)

    def g_init(key: jax.Array, batch: Batch) -> Variables:
        x, y = batch
        variables = _init(translators, key, {"to_x": y, "to_y": x})
        for which, source, wanted in ("to_x", y, x), ("to_y", x, y):
            made, _ = jax.eval_shape(partial(translate, which, train=False), variables, key, source)
            if made.shape != wanted.shape:
                raise ValueError(
                    f"{which} makes {made.shape[1:]}, its domain has {wanted.shape[1:]}; "
                    f"expected the same shape"
                )
        return variables

    def d_init(key: jax.Array, batch: Batch) -> Variables:
        domains = {"x": batch.x, "y": batch.y}
        params, state = _init(discriminators, key, domains)
        pools = {which: _empty_pool(pool_size, domains[which]) for which in domains if pool_size}
        return Variables(params, {"networks": state, "pools": pools})

    def merge(state, axis_name):
        return {
            "networks": mean_over_devices(state["networks"], axis_name),
            "pools": of_first_device(state["pools"], axis_name),
        }

    def sample(variables: Variables, key: jax.Array, n: int, y=None):
        if y is None:
            raise ValueError("CycleGAN's samples are translations of y, which is None")
        check_integers(n=n)
        check_lengths("y", y, n, "n")
        return translate("to_x", variables, key, y, train=False)[0]

    check = partial(_check_domains, keeps_identity)
    return two_player(
        checked(Player(g_init, g_loss, g_optimizer), check),
        checked(Player(d_init, d_loss, d_optimizer, merge), check),
        sample=sample,
        d_steps=d_steps,
        ema_decay=ema_decay,
    )


def exchange(pool: Pool, key: jax.Array, new: jax.Array) -> tuple[jax.Array, Pool]:
    """Mix new fakes with those of the past, one after the other, as CycleGAN's authors do.

        while there is room         the new one is stored, and shown
        then with probability 1/2   the new one takes the place of any stored one, which is shown
        else                        the new one is shown

    Args:
        pool: the past.
        key: random key.
        new: `[B, ...]`.

    Returns:
        What is shown, `[B, ...]`, and the pool after.

    Raises:
        ValueError: the pool has no room at all, or holds examples of another shape.

    Example:
        >>> pool = recipes.Pool(jnp.zeros((2, 1)), jnp.int32(0))
        >>> shown, pool = recipes.exchange(pool, jax.random.key(0), jnp.array([[1.0], [2.0]]))
        >>> print(shown.ravel(), pool.examples.ravel(), pool.filled)
        [1. 2.] [1. 2.] 2
    """
    check_array("pool.examples", pool.examples, "[size, ...]")
    if new.shape[1:] != pool.examples.shape[1:]:
        raise ValueError(
            f"new has examples of shape {new.shape[1:]}, the pool {pool.examples.shape[1:]}; "
            f"expected the same"
        )
    coin_key, place_key = jax.random.split(key)
    size, order = len(pool.examples), jnp.arange(len(new))
    is_full = pool.filled + order >= size
    swaps = jax.random.bernoulli(coin_key, shape=order.shape) & is_full
    any_place = jax.random.randint(place_key, order.shape, 0, size)
    places = jnp.where(is_full, any_place, pool.filled + order)
    stores = swaps | ~is_full
    everything = jnp.concatenate([pool.examples, new.astype(pool.examples.dtype)])

    def holds(place, time):
        """Which of everything is there: the pool's own, or the last that was stored by then."""
        stored = stores & (places == place) & (order < time)
        return jnp.maximum(place, jnp.max(jnp.where(stored, size + order, 0)))

    shown = jnp.where(swaps, jax.vmap(holds)(places, order), size + order)
    after = jax.vmap(holds, in_axes=(0, None))(jnp.arange(size), len(new))
    filled = jnp.minimum(pool.filled + len(new), size)
    return everything[shown], Pool(everything[after], filled)


def _check_domains(keeps_identity: bool, batch: Batch, *, values: bool = False) -> None:
    x, y = batch
    if y is None:
        raise ValueError("CycleGAN needs two domains: y, the other one, is None")
    check_batch(batch, pictures=True, values=values)
    if keeps_identity and x.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"identity_weight needs domains of one shape; x has {x.shape[1:]}, y has "
            f"{y.shape[1:]}; set it to 0"
        )


def _empty_pool(size: int, like: jax.Array) -> Pool:
    dtype = jnp.promote_types(like.dtype, jnp.float32)
    return Pool(jnp.zeros((size, *like.shape[1:]), dtype), jnp.zeros((), jnp.int32))


def _both(keyword: str, network: Any, names: tuple[str, str]) -> dict[str, Network]:
    both: dict[str, Any] = network if isinstance(network, dict) else dict.fromkeys(names, network)
    if set(both) != set(names):
        raise ValueError(
            f"the networks of {keyword} are named {sorted(both)}; expected {sorted(names)}"
        )
    for one in both.values():
        check_networks(**{keyword: one})
    return both


def _init(networks: dict[str, Network], key: jax.Array, inputs: dict[str, jax.Array]) -> Variables:
    """Variables that are dicts with the keys of the networks."""
    made = {
        name: network.init(jax.random.fold_in(key, i), inputs[name])
        for i, (name, network) in enumerate(networks.items())
    }
    params = {name: params for name, (params, _) in made.items()}
    return Variables(params, {name: state for name, (_, state) in made.items()})


def _apply(networks, which: str, variables: Variables, key, inputs, *, train: bool = True):
    """What one of the networks gives, and the variables of all with its new state."""
    params, state = variables
    outputs, new = networks[which].apply(params[which], state[which], key, inputs, train=train)
    return upcast(outputs), Variables(params, {**state, which: new})
