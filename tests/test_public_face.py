"""Every public thing is reached by the path that the documentation gives."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import types
from importlib import resources

import pytest

import jaxgan

MODULES = [module.name for module in pkgutil.walk_packages(jaxgan.__path__, "jaxgan.")]


@pytest.mark.parametrize("name", MODULES)
def test_no_function_or_class_hides_a_module(name):
    module = importlib.import_module(name)
    package, _, last = name.rpartition(".")
    assert getattr(importlib.import_module(package), last) is module


@pytest.mark.parametrize("name", ["jaxgan", *MODULES])
def test_what_a_module_says_is_public_is_there_and_has_a_docstring(name):
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        assert not inspect.isclass(value) or value.__doc__, public
        assert not inspect.isfunction(value) or value.__doc__, public


def test_recipes_are_a_flat_namespace_without_modules():
    public = [getattr(jaxgan.recipes, name) for name in dir(jaxgan.recipes) if name[0] != "_"]
    assert not any(isinstance(value, types.ModuleType) for value in public)
    assert {name for name in dir(jaxgan.recipes) if name[0] != "_"} == set(jaxgan.recipes.__all__)


def test_a_population_is_made_by_the_name_that_the_readme_gives():
    assert inspect.isfunction(jaxgan.population)


def test_what_is_imported_when_it_is_used_is_shown_before():
    found = subprocess.run(
        [sys.executable, "-c", "import jaxgan; print(*dir(jaxgan))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert {"checkpoint", "data", "metrics", "models"} <= set(found)
    assert set(jaxgan.__all__) <= set(found)


def test_type_checkers_are_told_that_there_are_types():
    assert resources.files("jaxgan").joinpath("py.typed").is_file()
