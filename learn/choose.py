"""Choose how a classifier is trained by short trials on samples that are held out, before the training itself."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learn.classify import FEW, Plan, in_integers, learn_classifier, samples_apart
from learn.data.datasets import Dataset
from learn.keys import Key

SHARE = 0.25
"""Of the time there is, for trials."""
PART = 0.25
"""Of the samples that are not held out, and of the tables, for trials, where there are many. Fewer passes over all of
them would tell another story: deformations pay late, and more in networks that are large for their samples."""
FOLDS = 5
"""Of fewer than ``FEW`` samples, all of which are held out in turn."""

USUAL = "usual"
"""The name of a plan as it is."""
IMAGES: tuple[dict[str, Any], ...] = ({"warps": "small"}, {"warps": "none"}, {"softness": 1.5})
TABLES: tuple[dict[str, Any], ...] = (
    {"encoding": "uniform"},
    {"encoding": "one_hot"},
    {"encoding": "gray"},
    {"pins": 4},
)
"""What is tried in place of the usual plan."""


class Trial(NamedTuple):
    """What one trial came to.

    Attributes:
        name: of what was tried.
        right: bool (samples,), which of the samples that it did not learn from it classified right.
        seconds: since the first trial began.
    """

    name: str
    right: NDArray[np.bool_]
    seconds: float


def alternatives(dataset: Dataset, plan: Plan, fixed: Collection[str] = ()) -> dict[str, Plan]:
    """Return the plans that are worth a trial, by what is different in them; the first is the plan itself.

    Args:
        dataset: what is learned.
        plan: the usual one.
        fixed: fields of the plan that stay as they are.
    """
    images = dataset.image_shape is not None and dataset.num_samples >= FEW and plan.encoding is None
    free = [{k: v for k, v in change.items() if k not in fixed} for change in (IMAGES if images else TABLES)]
    named = {" ".join(f"{k}={v}" for k, v in change.items()): plan._replace(**change) for change in free if change}
    return {USUAL: plan} | named


def folds(labels: NDArray[np.int64], key: Key) -> NDArray[np.int64]:
    """Share the samples of each class out among FOLDS folds: int64 (samples,)."""
    chosen = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        order = np.argsort(key.fold(int(label)).words(len(members)), kind="stable")
        chosen[members[order]] = (np.arange(len(members)) + int(label)) % FOLDS
    return chosen


def trials(
    dataset: Dataset, plans: Mapping[str, Plan], *, key: Key, seconds: float, threads: int = 1
) -> Iterator[Trial]:
    """Try plans in turn, on one fold of the samples after another, until SHARE of the time is over.

    Args:
        dataset: labelled samples.
        plans: what is tried, by name.
        key: decides folds and trainings; where there are many samples, there is one round, on a part of those that
            the training itself learns from, judged on all others.
        seconds: all the time there is, that of the training among it.
        threads: how many.

    Raises:
        DataError, TrainError: as :func:`learn.classify.learn_classifier`.
    """
    began, total, (features, _) = time.monotonic(), SHARE * seconds, in_integers(dataset)
    few = dataset.num_samples < FEW
    fold = folds(dataset.labels, key.fold("folds")) if few else None
    rounds = [samples_apart(dataset, key)] if fold is None else [fold == f for f in range(FOLDS)]
    share = 1 if few else PART
    for apart in rounds:
        kept = apart | (key.fold("part").uniform(dataset.num_samples) < share)
        judged = apart | ~kept
        part = replace(dataset, features=dataset.features[kept], labels=dataset.labels[kept])
        for name, plan in plans.items():
            if time.monotonic() - began >= total:
                return
            each = None if few else total / len(plans)
            own = plan._replace(tables=max(dataset.num_classes, round(share * plan.tables)))
            *_, last = learn_classifier(
                part, key=key.fold("trial"), plan=own, seconds=each, threads=threads, apart=apart[kept]
            )
            right = last.classifier.predict(features[judged]) == dataset.labels[judged]
            yield Trial(name, right, time.monotonic() - began)


def chosen(found: Iterable[Trial], names: Collection[str]) -> str:
    """Return the name of the plan to take: that which classified most samples right, if that says something.

    The first is taken unless another one is right on more of the samples by more than one standard error of the
    difference, which is the root of the number of samples on which just one of both is right (McNemar 1947, doi
    10.1007/bf02295996).

    Args:
        found: trials, in the order of :func:`trials`; those of rounds that did not end do not count.
        names: what was tried.
    """
    usual, *others = names
    done = list(found)
    rounds = {name: [trial.right for trial in done if trial.name == name] for name in names}
    whole = min(map(len, rounds.values()))
    if not whole:
        return usual
    right = {name: np.concatenate(parts[:whole]) for name, parts in rounds.items()}
    best, most = usual, int(right[usual].sum())
    for name in others:
        ahead, apart = int(right[name].sum()) - int(right[usual].sum()), int((right[name] != right[usual]).sum())
        if ahead > math.sqrt(apart) and int(right[name].sum()) > most:
            best, most = name, int(right[name].sum())
    return best


__all__ = ["SHARE", "Trial", "alternatives", "chosen", "folds", "trials"]
