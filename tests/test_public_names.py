"""The public names of both packages: they load late, from where type checkers think they do."""

import ast
import importlib
import importlib.util
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("circuits", "learn")
EXTRAS = {"learn.estimators": "sklearn"}
"""Homes of names that need a package which may be missing; then one line says so."""
every_package = pytest.mark.parametrize("package", PACKAGES)


@every_package
def test_every_name_loads_and_type_checkers_see_the_same(package):
    module = importlib.import_module(package)
    source = ast.parse(Path(module.__file__).read_text())
    checked = next(node for node in source.body if isinstance(node, ast.If))
    for_checkers = {alias.name: node.module for node in checked.body for alias in node.names}
    assert {name: f"{package}.{home}" for name, home in module._HOME.items()} == for_checkers
    assert sorted(for_checkers) == sorted(module.__all__)
    for name, home in for_checkers.items():
        if home in EXTRAS and importlib.util.find_spec(EXTRAS[home]) is None:
            with pytest.raises(ImportError, match="gatewright"):
                getattr(module, name)
            continue
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


@every_package
def test_no_public_name_is_a_module_too(package):
    module = importlib.import_module(package)
    assert set(module.__all__) & {found.name for found in pkgutil.iter_modules(module.__path__)} == set()


@every_package
def test_an_unknown_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = importlib.import_module(package).nothing


@every_package
def test_importing_loads_nothing(package):
    code = f"import sys, {package}; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
