"""Every public function has an example in its docstring, and every example runs as it stands."""

import doctest
import importlib
import inspect
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation

import jaxgan
import jaxgan.core

WITHOUT = ("jaxgan.runs",)
"""What is no library: what the commands are made of."""


def modules():
    """The public modules, without those in them."""
    names = [module.name for module in pkgutil.walk_packages(jaxgan.__path__, "jaxgan.")]
    public = [name for name in names if "._" not in name]
    return ["jaxgan", *(name for name in public if not name.startswith(WITHOUT))]


def functions(name):
    """The public functions of a module, by name; those of a package's modules come with them."""
    module = importlib.import_module(name)
    found = {public: getattr(module, public) for public in getattr(module, "__all__", ())}
    return {public: value for public, value in found.items() if inspect.isfunction(value)}


def names():
    """What examples assume: the imports that `jaxgan`'s docstring shows."""
    public = {name: getattr(jaxgan, name) for name in jaxgan.__all__}
    return public | {"jax": jax, "jnp": jnp, "np": np, "optax": optax, "jaxgan": jaxgan}


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


@pytest.mark.parametrize("name", modules())
def test_every_public_function_has_an_example(name):
    without = [
        public
        for public, function in functions(name).items()
        if "\nExample:\n    >>> " not in (inspect.getdoc(function) or "")
    ]
    assert not without, f"without an Example in the docstring: {', '.join(without)}"


@pytest.mark.parametrize("name", modules())
def test_every_example_runs_as_it_stands(name):
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    report = []
    for public, function in functions(name).items():
        if name == "jaxgan" and function.__module__ not in ("jaxgan", "jaxgan._population"):
            continue  # they are run where they are defined
        for example in finder.find(function, f"{name}.{public}", globs=names()):
            runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)
