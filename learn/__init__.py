"""How a circuit is learned: keys, spaces, update rules, data and the exact search.

The public names load when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from learn.classify import classes_of, learn_classifier, plan_for
    from learn.data import DATASETS, EXAMPLES, GENERATORS, Dataset, load, load_dataset
    from learn.errors import DataError, SearchError
    from learn.estimators import CircuitClassifier, CircuitRegressor
    from learn.evaluate import Score, score
    from learn.keys import Key
    from learn.models.kinds import MODELS
    from learn.models.readouts import READOUTS
    from learn.rules import RULES, Rule, make_rule
    from learn.search import Event, learn
    from learn.spaces import Bit, Choice, Int, Real, Sign, Ternary

_NAMES = {
    "classify": ("classes_of", "learn_classifier", "plan_for"),
    "data": ("DATASETS", "EXAMPLES", "GENERATORS", "Dataset", "load", "load_dataset"),
    "errors": ("DataError", "SearchError"),
    "estimators": ("CircuitClassifier", "CircuitRegressor"),
    "evaluate": ("Score", "score"),
    "keys": ("Key",),
    "models.kinds": ("MODELS",),
    "models.readouts": ("READOUTS",),
    "rules": ("RULES", "Rule", "make_rule"),
    "search": ("Event", "learn"),
    "spaces": ("Bit", "Choice", "Int", "Real", "Sign", "Ternary"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "DATASETS",
    "EXAMPLES",
    "GENERATORS",
    "MODELS",
    "READOUTS",
    "RULES",
    "Bit",
    "Choice",
    "CircuitClassifier",
    "CircuitRegressor",
    "DataError",
    "Dataset",
    "Event",
    "Int",
    "Key",
    "Real",
    "Rule",
    "Score",
    "SearchError",
    "Sign",
    "Ternary",
    "classes_of",
    "learn",
    "learn_classifier",
    "load",
    "load_dataset",
    "make_rule",
    "plan_for",
    "score",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
