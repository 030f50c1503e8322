"""Print how well small tables of features are learned: ``python tests/benchmarks/bench_tabular.py [WHAT]``.

WHAT is ``classify`` and ``regress`` (default both), ``encodings`` or ``tries``. Everyone gets the same folds, of five,
stratified for classes, by five seeds (three for regression); MONK's problems their published training set, tested on
all 432 samples, and five seeds of the models. Accuracy in percent, or the coefficient of determination, on what was not
trained on: the mean over folds, then mean and standard deviation over seeds; and the processor seconds of a fit, on one
thread. ``tries`` compares settings by cross-validation inside the training folds of one seed, so that what is chosen by
it has seen no test fold. Needs scikit-learn.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_friedman1,
    make_friedman2,
    make_friedman3,
)
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from learn import CircuitClassifier, CircuitRegressor, load_dataset
from learn.encoders import ENCODINGS

FOLDS = 5
CLASSIFY_SEEDS, REGRESS_SEEDS, TRIED_SEEDS = (10, 11, 12, 13, 14), (10, 11, 12), (0,)
Split = tuple[int, Any, Any, Any, Any]
Splits = Callable[[tuple[int, ...]], Iterator[Split]]
Make = Callable[[int], Any]


def folded(folds: type, make: Callable[[], tuple[Any, Any]], seeds: tuple[int, ...]) -> Iterator[Split]:
    """Yield seed, training features and targets, test features and targets."""
    x, y = make()
    for seed in seeds:
        for train, test in folds(FOLDS, shuffle=True, random_state=seed).split(x, y):
            yield seed, x[train], y[train], x[test], y[test]


def published(name: str, seeds: tuple[int, ...]) -> Iterator[Split]:
    """Yield the same, the split always that of the data set."""
    train, test = load_dataset(name), load_dataset(name, split="test")
    for seed in seeds:
        yield seed, train.features, train.labels, test.features, test.labels


CLASSES: dict[str, Splits] = {
    **{
        name: partial(folded, StratifiedKFold, partial(loader, return_X_y=True))
        for name, loader in {
            "iris": load_iris,
            "wine": load_wine,
            "breast cancer": load_breast_cancer,
            "digits": load_digits,
        }.items()
    },
    **{f"MONK-{k}": partial(published, f"monk{k}") for k in (1, 2, 3)},
}
TARGETS: dict[str, Splits] = {
    name: partial(folded, KFold, make)
    for name, make in {
        "diabetes": partial(load_diabetes, return_X_y=True),
        "Friedman 1": partial(make_friedman1, 500, noise=1.0, random_state=7),
        "Friedman 2": partial(make_friedman2, 500, noise=100.0, random_state=7),
        "Friedman 3": partial(make_friedman3, 500, noise=0.1, random_state=7),
    }.items()
}

CLASSIFIERS: dict[str, Make] = {
    "CircuitClassifier": lambda seed: CircuitClassifier(random_state=seed),
    "random forest of 100": lambda seed: RandomForestClassifier(100, random_state=seed),
    "histogram gradient boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    "perceptron, standardised": lambda seed: make_pipeline(
        StandardScaler(), MLPClassifier(max_iter=500, random_state=seed)
    ),
}
REGRESSORS: dict[str, Make] = {
    "CircuitRegressor": lambda seed: CircuitRegressor(random_state=seed),
    "random forest of 100": lambda seed: RandomForestRegressor(100, random_state=seed),
    "gradient boosting": lambda seed: GradientBoostingRegressor(random_state=seed),
    "histogram gradient boosting": lambda seed: HistGradientBoostingRegressor(random_state=seed),
    "perceptron, standardised": lambda seed: make_pipeline(
        StandardScaler(), MLPRegressor(max_iter=1000, random_state=seed)
    ),
    "ridge, standardised": lambda seed: make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13))),
}
TRIED_CLASSIFIERS: tuple[dict[str, Any], ...] = (
    {},
    *({"encoding": name} for name in ENCODINGS if name != "quantile"),
    {"pins": 4},
    {"tables": 2000},
    {"layers": 2},
    {"levels": 8},
    {"levels": 128},
    {"swap": 0.1},
    {"epochs": 100},
)
TRIED_REGRESSORS: tuple[dict[str, Any], ...] = (
    {},
    *({"encoding": name} for name in ENCODINGS if name != "quantile"),
    {"pins": 3},
    {"pins": 6},
    {"tables": 2000},
    {"levels": 128},
    {"spread": 0.1},
    {"spread": 0.3},
    {"swap": 0.05},
    {"swap": 0.3},
)


def measured(make: Make, splits: Splits, seeds: tuple[int, ...]) -> tuple[float, float, float]:
    """Return the mean score, its standard deviation over seeds, and seconds a fit."""
    scores: dict[int, list[float]] = {}
    spent = []
    for seed, x, y, x_test, y_test in splits(seeds):
        start = time.process_time()
        model = make(seed).fit(x, y)
        spent.append(time.process_time() - start)
        scores.setdefault(seed, []).append(model.score(x_test, y_test))
    means = [float(np.mean(found)) for found in scores.values()]
    return float(np.mean(means)), float(np.std(means)), float(np.mean(spent))


def tried(make: Make, splits: Splits, seeds: tuple[int, ...]) -> tuple[float, float, float]:
    """Return the same of cross-validation in the training folds."""
    start, scores = time.process_time(), []
    for seed, x, y, _, _ in splits(seeds):
        scores += cross_val_score(make(seed), x, y, cv=3).tolist()
    spent = (time.process_time() - start) / len(scores)
    return float(np.mean(scores)), float(np.std(scores)), spent


def report(
    title: str,
    models: Mapping[str, Make],
    data: Mapping[str, Splits],
    seeds: tuple[int, ...],
    cell: str,
    measure: Callable[[Make, Splits, tuple[int, ...]], tuple[float, float, float]] = measured,
) -> None:
    """Print a line a model, in Markdown."""
    print(f"| {title} | {' | '.join(data)} |\n|---{'|---' * len(data)}|", flush=True)
    for name, make in models.items():
        cells = [cell.format(*measure(make, splits, seeds)) for splits in data.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print()


def options(kind: type, settings: tuple[dict[str, Any], ...]) -> dict[str, Make]:
    """Return models with these settings, by what they say."""
    return {
        ", ".join(f"{k}={v}" for k, v in given.items()) or "defaults": partial(
            lambda seed, **chosen: kind(random_state=seed, **chosen), **given
        )
        for given in settings
    }


PERCENT, SHARE = "{0:.1%} ± {1:.1%}, {2:.2f} s", "{0:.3f} ± {1:.3f}, {2:.2f} s"
ENCODED = tuple({"encoding": name} for name in ENCODINGS)
TABLES: dict[str, tuple[tuple[Any, ...], ...]] = {
    "classify": (("accuracy", CLASSIFIERS, CLASSES, CLASSIFY_SEEDS, PERCENT),),
    "regress": (("R²", REGRESSORS, TARGETS, REGRESS_SEEDS, SHARE),),
    "encodings": (
        ("accuracy", options(CircuitClassifier, ENCODED), CLASSES, CLASSIFY_SEEDS[:1], PERCENT),
        ("R²", options(CircuitRegressor, ENCODED), TARGETS, REGRESS_SEEDS[:1], SHARE),
    ),
    "tries": (
        ("accuracy inside", options(CircuitClassifier, TRIED_CLASSIFIERS), CLASSES, TRIED_SEEDS, PERCENT, tried),
        ("R² inside", options(CircuitRegressor, TRIED_REGRESSORS), TARGETS, TRIED_SEEDS, SHARE, tried),
    ),
}
"""What to print, by name."""


def main() -> None:
    """Print the tables that are asked for."""
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        for name in sys.argv[1:] or ("classify", "regress"):
            for table in TABLES[name]:
                report(*table)


if __name__ == "__main__":
    main()
