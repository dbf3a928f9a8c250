"""Train a classifier whose features compare images: --dataset=digits --out=digits.npz.

The weights in `jaxgan/metrics/weights` were made by these commands, on 2 cores of an Intel Xeon
without an accelerator, with jax 0.10.2, flax 0.12.8 and optax 0.2.8:

    python experiments/train_classifier.py --out=FILE.npz    epochs  core minutes  accuracy
      --dataset=digits                                           20           2.4   99.05 %
      --dataset=mnist --manual_dir=DIRECTORY                      6           4.8   99.36 %
      --dataset=fashion_mnist --manual_dir=DIRECTORY             14          10.8   92.79 %
      --dataset=cifar10 --manual_dir=DIRECTORY                    6           7.5   78.13 %

The last was made on 2 cores of an AMD EPYC that were shared with other programs, from pictures that
had been re-encoded as JPEG, in the class folders train/ and test/ of the directory.
The times are processor times, summed over both cores. The accuracies are those of the files, which
hold float16, on images that were not trained on: every fifth of `digits`, the test splits of the
others. These were watched after every epoch, but only the recipes below were chosen by them.
Everything random follows from --seed; another machine or XLA version rounds differently.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import flags
from jax import Array, lax
from jax.scipy.ndimage import map_coordinates

from jaxgan import data
from jaxgan.metrics import classifiers
from jaxgan.metrics.classifiers import Classifier
from jaxgan.runs.commands.entry import start
from jaxgan.runs.devices import check_platform, compiler_options
from jaxgan.runs.flags import define
from jaxgan.runs.paths import check_output

_BATCH = 128
_RATE = 2e-3  # peak learning rate
_DECAY = 1e-3
_TESTED_AT_ONCE = 500


class Recipe(NamedTuple):
    """The training recipe of a data set.

    Attributes:
        epochs: how often every training image is seen.
        shift: largest shift of an image, in pixels.
        turn: largest rotation, in degrees.
        zoom: largest change of scale, as a fraction.
        mirror: whether images are mirrored half of the time.
    """

    epochs: int
    shift: int
    turn: float = 0.0
    zoom: float = 0.0
    mirror: bool = False


RECIPES = {
    "digits": Recipe(epochs=20, shift=2, turn=12, zoom=0.1),
    "mnist": Recipe(epochs=6, shift=2, turn=10, zoom=0.1),
    "fashion_mnist": Recipe(epochs=14, shift=1, mirror=True),
    "cifar10": Recipe(epochs=6, shift=2, mirror=True),
}


class Examples(NamedTuple):
    """uint8 images `[N, H, W, C]` of a classifier's shape, and their classes, int32 `[N]`."""

    x: Any
    y: Any


class State(NamedTuple):
    """The state of the training."""

    params: Any
    batch_stats: Any
    optimizer: Any

    def variables(self) -> dict[str, Any]:
        """Return the variables that a `Classifier` is applied with."""
        return {"params": self.params, "batch_stats": self.batch_stats}


def examples(
    name: str, manual_dir: str | None = None, cache_dir: str | None = None
) -> tuple[Examples, Examples]:
    """Load training and test examples; every fifth image of `digits` is a test example.

    `cifar10` is read from the class folders `train` and `test` of `manual_dir`, if it is given.

    Raises:
        DataError: the data cannot be loaded.
    """
    if name == "digits":
        digits = data.load(name)
        x, y = digits.x, np.asarray(digits.y)
        unseen = np.arange(len(x)) % 5 == 4
        return Examples(x[~unseen], y[~unseen]), Examples(x[unseen], y[unseen])
    load = partial(data.load, manual_dir=manual_dir, cache_dir=cache_dir)
    if name == "cifar10" and manual_dir:
        train, test = (load(f"folder:{Path(manual_dir) / part}") for part in ("train", "test"))
    else:
        train, test = (load(name, split=part) for part in ("train", "test"))
    return Examples(train.x, train.y), Examples(test.x, test.y)


def train(
    recipe: Recipe,
    seen: Examples,
    unseen: Examples,
    *,
    seed: int = 0,
    say: Callable[[str], Any] = print,
) -> dict[str, Any]:
    """Train a classifier with AdamW and a one-cycle learning rate schedule.

    Args:
        recipe: the training recipe.
        seen: training examples, at least 128.
        unseen: test examples.
        seed: seed of everything random.
        say: called with a line about the accuracy after each epoch, which is one compiled program.

    Returns:
        The variables of a `Classifier`.
    """
    steps = len(seen.x) // _BATCH
    rate = optax.cosine_onecycle_schedule(recipe.epochs * steps, _RATE, pct_start=0.15)
    optimizer = optax.adamw(rate, weight_decay=_DECAY)
    key = jax.random.key(seed)
    classifier = Classifier(seen.x.shape[-1])
    state = jax.jit(partial(_begin, classifier, optimizer))(key)
    epoch = _compile(partial(_epoch, classifier, recipe, optimizer, steps))
    logits = _compile(lambda variables, x: classifier.apply(variables, x, train=False)[1])
    seen = jax.device_put(seen)
    for i in range(1, recipe.epochs + 1):
        state, loss = epoch(state, jax.random.fold_in(key, i), seen)
        right = accuracy(partial(logits, state.variables()), unseen)
        say(f"epoch {i} of {recipe.epochs}: loss {loss:.4f}, accuracy {right:.2%}")
    return state.variables()


def accuracy(logits: Callable[[Any], Array], unseen: Examples) -> float:
    """Return the share of uint8 images for whose class `logits` is highest."""
    right = 0
    for first in range(0, len(unseen.x), _TESTED_AT_ONCE):
        rows = slice(first, first + _TESTED_AT_ONCE)
        right += int(np.sum(np.argmax(logits(unseen.x[rows]), axis=-1) == unseen.y[rows]))
    return right / len(unseen.x)


def distort(recipe: Recipe, key: Array, image: Array) -> Array:
    """Shift, rotate, zoom and mirror an image `[H, W, C]` at random, on a black background."""
    move, turn, zoom, mirror = jax.random.split(key, 4)
    # By whole pixels: fractions would blur every image, while test images are sharp.
    shift = jax.random.randint(move, (2, 1), -recipe.shift, recipe.shift + 1)
    angle = jnp.deg2rad(jax.random.uniform(turn, minval=-recipe.turn, maxval=recipe.turn))
    size = 1 + jax.random.uniform(zoom, minval=-recipe.zoom, maxval=recipe.zoom)
    side = jnp.where(recipe.mirror & jax.random.bernoulli(mirror), -1, 1)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    matrix = size * jnp.array([[cos, -side * sin], [sin, side * cos]])
    space = image.shape[:2]
    middle = (np.array([space]).T - 1) / 2
    seen_at = matrix @ (np.indices(space).reshape(2, -1) - middle) + middle + shift
    look = partial(map_coordinates, coordinates=list(seen_at), order=1)
    return jax.vmap(look, in_axes=-1, out_axes=-1)(image).reshape(image.shape)


def _begin(classifier: Classifier, optimizer: optax.GradientTransformation, key: Array) -> State:
    variables = classifier.init(key, jnp.zeros((1, *classifier.shape)), train=True)
    params = variables["params"]
    return State(params, variables["batch_stats"], optimizer.init(params))


def _epoch(
    classifier: Classifier,
    recipe: Recipe,
    optimizer: optax.GradientTransformation,
    steps: int,
    state: State,
    key: Array,
    seen: Examples,
) -> tuple[State, Array]:
    """Run all steps of an epoch in its own random order; also return their mean loss."""
    order_key, noise_key = jax.random.split(key)
    order = jax.random.permutation(order_key, len(seen.x))[: steps * _BATCH]

    def step(state: State, at):
        rows, key = at
        keys = jax.random.split(key, _BATCH)
        images = jax.vmap(partial(distort, recipe))(keys, seen.x[rows].astype(jnp.float32))

        def loss(params):
            variables = {"params": params, "batch_stats": state.batch_stats}
            (_, logits), changed = classifier.apply(
                variables, images, train=True, mutable=["batch_stats"]
            )
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, seen.y[rows])
            return jnp.mean(losses), changed["batch_stats"]

        (value, batch_stats), grads = jax.value_and_grad(loss, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(grads, state.optimizer, state.params)
        return State(optax.apply_updates(state.params, updates), batch_stats, opt_state), value

    batches = order.reshape(steps, _BATCH), jax.random.split(noise_key, steps)
    state, losses = lax.scan(step, state, batches)
    return state, jnp.mean(losses)


def _compile(function: Callable[..., Any]) -> Any:
    return jax.jit(function, compiler_options=compiler_options())


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flags of this command."""
    flag = partial(define, flag_values=flag_values)
    text = "data set whose classes are learned"
    flag("dataset", str, text, default="digits", choices=tuple(RECIPES))
    flag("manual_dir", str, "directory of manually downloaded files")
    flag("cache_dir", str, "directory of decoded data; the user's cache if not given")
    flag("out", str, "file to write: .npz", required=True)
    flag("epochs", int, "how often every image is seen", low=1, high=10_000)
    flag("seed", int, "seed of everything random", default=0, low=0)


def run(argv: list[str]) -> None:
    """Train what the flags ask for, and print the accuracy of the file."""
    del argv
    values = flags.FLAGS
    path = Path(values.out)
    recipe = RECIPES[values.dataset]
    recipe = recipe._replace(epochs=values.epochs or recipe.epochs)
    check_output("out", path, (".npz",))
    check_platform()
    seen, unseen = examples(values.dataset, values.manual_dir, values.cache_dir)
    variables = train(recipe, seen, unseen, seed=values.seed, say=partial(print, flush=True))
    classifiers.save(path, variables)
    network = classifiers.read(path, values.dataset)
    right = accuracy(jax.jit(lambda x: network.apply(x)[1]), unseen)
    print(f"{path}: {right:.2%} of {len(unseen.x)} images are classified correctly")


def main() -> None:
    """Run the command."""
    start(run, define_flags)


if __name__ == "__main__":
    main()
