"""Print how well small tables of features are classified: ``python tests/benchmarks/bench_tabular.py [--tries]``.

Five stratified folds, seeds 0, 1 and 2, the same for everyone, and MONK-1 with 124 of its 432 samples drawn, tested on
all of them, ten times. Accuracy and log-loss on what was not trained on, and seconds a fit. With ``--tries`` other
settings of the classifier, on the folds of seed 0. Needs scikit-learn.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from learn import CircuitClassifier, Key

SEEDS = (0, 1, 2)
LOADERS = {"iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer, "digits": load_digits}
MONK, DRAWS = "MONK-1", 10

MODELS: dict[str, Callable[[int], Any]] = {
    "CircuitClassifier": lambda seed: CircuitClassifier(random_state=seed),
    "RandomForest": lambda seed: RandomForestClassifier(100, random_state=seed),
    "HistGradientBoosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    "MLP, standardised": lambda seed: make_pipeline(StandardScaler(), MLPClassifier(max_iter=500, random_state=seed)),
}
TRIES: tuple[dict[str, Any], ...] = (
    {},
    {"pins": 4},
    {"pins": 3},
    {"tables": 300},
    {"tables": 4000},
    {"layers": 2},
    {"levels": 8},
    {"levels": 128},
    {"bound": 8},
    {"tau": 5.0},
    {"tau": 60.0},
    {"swap": 0.0},
    {"swap": 0.3},
    {"epochs": 30},
    {"epochs": 300},
    {"validation_fraction": 0.2},
)


def folds(name: str, seeds: tuple[int, ...]) -> Iterator[tuple[int, Any, Any, Any, Any]]:
    """Yield seed, training features and labels, test features and labels."""
    if name == MONK:
        x = 1 + np.array(list(product(*map(range, (3, 3, 2, 3, 4, 2)))))
        y = ((x[:, 0] == x[:, 1]) | (x[:, 4] == 1)).astype(int)
        for seed in range(DRAWS):
            drawn = np.argsort(Key(seed).fold("monk").words(len(x)), kind="stable")[:124]
            yield seed, x[drawn], y[drawn], x, y
        return
    x, y = LOADERS[name](return_X_y=True)
    for seed in seeds:
        for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(x, y):
            yield seed, x[train], y[train], x[test], y[test]


def measured(make: Callable[[int], Any], name: str, seeds: tuple[int, ...]) -> tuple[float, float, float]:
    """Return the mean accuracy in percent, log-loss and seconds a fit."""
    rows = []
    for seed, x, y, x_test, y_test in folds(name, seeds):
        start = time.perf_counter()
        model = make(seed).fit(x, y)
        seconds = time.perf_counter() - start
        shares = model.predict_proba(x_test)
        rows.append((100 * (model.predict(x_test) == y_test).mean(), log_loss(y_test, shares), seconds))
    accuracy, loss, seconds = np.mean(rows, axis=0)
    return float(accuracy), float(loss), float(seconds)


def report(models: dict[str, Callable[[int], Any]], seeds: tuple[int, ...] = SEEDS) -> None:
    """Print a line a model."""
    names = [*LOADERS, MONK]
    print(f"{'accuracy % / log-loss / s a fit':34}" + "".join(f"{name:>21}" for name in names))
    for title, make in models.items():
        cells = ("{:.2f} / {:.3f} / {:.2f}".format(*measured(make, name, seeds)) for name in names)
        print(f"{title:34}" + "".join(f"{cell:>21}" for cell in cells), flush=True)


def main() -> None:
    """Print the comparison, or the tries."""
    warnings.simplefilter("ignore")
    if "--tries" not in sys.argv:
        report(MODELS)
        return
    report(
        {
            ", ".join(f"{k}={v}" for k, v in settings.items()) or "defaults": partial(
                lambda seed, **given: CircuitClassifier(random_state=seed, **given), **settings
            )
            for settings in TRIES
        },
        seeds=SEEDS[:1],
    )


if __name__ == "__main__":
    main()
