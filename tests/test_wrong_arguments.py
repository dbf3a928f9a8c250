"""A wrong argument of a public function ends in one line that names it, and compiles nothing."""

import importlib
import inspect
import logging
import pkgutil
from typing import Any

import flax.linen as nn
import jax
import pytest
from wrong_calls import of_handed, of_measured, of_models, of_recipes

import jaxgan

TABLE = of_recipes.TABLE | of_handed.TABLE | of_measured.TABLE | of_models.TABLE

EXEMPT = {
    "jaxgan.jit": "takes a GAN; its batches: tests/test_wrong_batches.py",
    "jaxgan.pmap": "likewise",
    "jaxgan.scan": "likewise",
    "checkpoint.digest": "takes any tree of arrays",
    "core.mean_over_devices": "takes any tree of arrays, in a mapped function",
    "core.of_first_device": "likewise",
    "parallel.greatest": "takes an integer that is the caller's own",
    "data.image_files.image_files": "lists what is there, and warns of what is not",
    "data.images.opened": "takes what Pillow takes, whose errors are of many types",
    "data.images.decode": "reads a file: what is wrong with one is Pillow's OSError",
    "metrics.classifiers.read": "reads a file: tests/metrics/test_classifiers.py",
    "models.layers.BatchNorm": "takes settings that flax checks",
    "models.layers.InstanceNorm": "likewise",
    "models.layers.at_least_float32": "takes a dtype, which NumPy checks",
    "models.layers.leaky_relu": "takes any array",
}
CALLS = [(name, words, call) for name, calls in TABLE.items() for words, call in calls.items()]
COMPILED = "Compiling jit("


@pytest.fixture
def compiled(caplog):
    """What has been compiled so far."""
    caplog.set_level(logging.WARNING, logger="jax")
    with jax.log_compiles():
        yield lambda: [text for text in caplog.messages if text.startswith(COMPILED)]


@pytest.mark.parametrize(("name", "words", "call"), CALLS, ids=[f"{a}: {b}" for a, b, _ in CALLS])
def test_a_wrong_argument_is_named_in_one_line_before_anything_is_compiled(
    name, words, call, compiled
):
    del name
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    message = str(error.value)
    assert words in message.replace("real logits have", "real_logits has")
    assert "\n" not in message
    assert not compiled()


def public():
    """Everything public that can be called, by its name without `jaxgan`."""
    modules = [module.name for module in pkgutil.walk_packages(jaxgan.__path__, "jaxgan.")]
    found = {}
    for module in ["jaxgan", *(name for name in modules if "._" not in name)]:
        if module.startswith("jaxgan.runs"):
            continue  # the commands
        for name in getattr(importlib.import_module(module), "__all__", ()):
            value = getattr(importlib.import_module(module), name)
            if callable(value) and value not in found.values():
                found[f"{module}.{name}".removeprefix("jaxgan." * ("." in module))] = value
    return found


def has_rows(value):
    """Not so what only holds values, only says a type, is an error, or takes or sets nothing."""
    if not inspect.isclass(value) or value is Any:
        return bool(getattr(value, "__code__", None)) and bool(inspect.signature(value).parameters)
    if issubclass(value, nn.Module):
        own = set(value.__dataclass_fields__) - {"parent", "name", "dtype", "kernel_init"}
        return bool(own - {"train", "axis_name"})
    return not issubclass(value, tuple | Exception) and not getattr(value, "_is_protocol", False)


def test_every_public_function_and_module_has_rows():
    missing = {name for name, value in public().items() if has_rows(value)} - set(TABLE)
    assert missing == set(EXEMPT), missing ^ set(EXEMPT)


def test_every_row_is_of_something_public():
    assert not set(TABLE) - set(public()), set(TABLE) - set(public())
