"""Functions of integer words, learned from samples: FORMS is the table of what they may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic
from typing import NamedTuple

import numpy as np

from circuits.errors import CircuitError
from learn.errors import ModelError
from learn.keys import Key
from learn.models.arithmetic.affine import STEPPERS, affine
from learn.models.arithmetic.cells import cells
from learn.models.arithmetic.forms import Learned, Recipe, Samples, answers, circuit_of, constant
from learn.models.arithmetic.gf2 import gf2
from learn.models.arithmetic.graph import graphs
from learn.models.arithmetic.pieces import clip, extremes, piecewise
from learn.models.arithmetic.ring import degrees, ring
from learn.models.arithmetic.threshold import threshold
from learn.models.arithmetic.words import on_words

__all__ = ["FORMS", "STEPPERS", "Found", "Learned", "Recipe", "Samples", "answers", "circuit_of", "learn_function"]

HELD_OUT = 4
"""One sample in this many judges what the others taught."""


NEARLY = 0.98
"""A form that gets this share of the samples held out right is learned again, from all of them: they may decide."""


def _constant(samples: Samples, *, key: Key, rule: str) -> Iterator[Learned | None]:
    """Learn the constant that is wrong by least in all."""
    value = int(np.sort(samples.y)[len(samples.y) // 2])
    yield Learned("constant", str(value), lambda b, wires: constant(b, value, samples.word))


def _one(learner: Callable[..., Learned | None]) -> Callable[..., Iterator[Learned | None]]:
    def learn(samples: Samples, *, key: Key, rule: str) -> Iterator[Learned | None]:
        yield learner(samples, key=key, rule=rule)

    return learn


def _ring(samples: Samples, *, key: Key, rule: str) -> Iterator[Learned | None]:
    for degree in degrees(samples):
        yield ring(samples, degree)


def _extremes(samples: Samples, *, key: Key, rule: str) -> Iterator[Learned | None]:
    for count in (2, 3, 4):
        for greater in (True, False):
            yield extremes(samples, count, greater, key=key.fold(count, int(greater)), rule=rule)


def _words(samples: Samples, *, key: Key, rule: str) -> Iterator[Learned | None]:
    yield from on_words(threshold, samples)


def _cells(samples: Samples, *, key: Key, rule: str) -> Iterator[Learned | None]:
    for states in (2, 3, 4):
        yield from cells(samples, key=key.fold(states), states=states)


FORMS: dict[str, Callable[..., Iterator[Learned | None]]] = {
    "constant": _constant,
    "affine": _one(affine),
    "clip": _one(clip),
    "gf2": _one(lambda samples, *, key, rule: gf2(samples)),
    "ring": _ring,
    "words": _words,
    "threshold": _one(lambda samples, *, key, rule: threshold(samples)),
    "extremes": _extremes,
    "pieces": lambda samples, *, key, rule: piecewise(samples),
    "graph": lambda samples, *, key, rule: graphs(samples, key=key),
    "cell": _cells,
}
"""Name -> what it learns from samples, one try after the other, the simplest first; None where it cannot be."""


class Found(NamedTuple):
    """The best function so far.

    Attributes:
        learned: it.
        exact: all samples are right, those held out too.
        error: the mean absolute error on the samples held out.
        right: the share of those that are right.
        seconds: since the start.
        tried: forms tried.
    """

    learned: Learned
    exact: bool
    error: float
    right: float
    seconds: float
    tried: int


def learn_function(
    samples: Samples,
    *,
    key: Key,
    rule: str = "rounding",
    forms: tuple[str, ...] = tuple(FORMS),
    seconds: float | None = None,
) -> Iterator[Found]:
    """Try forms, the simplest first, until one gets every sample right; a quarter of the samples judges.

    Args:
        samples: at least two.
        key: decides every draw.
        rule: what steps weights, a name of ``STEPPERS``.
        forms: names of ``FORMS``.
        seconds: no form is begun after so many.

    Yields:
        the best so far, whenever there is a better one: of the least error on the samples held out.

    Raises:
        ModelError: fewer samples, or an unknown rule or form.
    """
    began = monotonic()
    if len(samples.x) < 2:
        raise ModelError(f"arithmetic: got {len(samples.x)} samples, expected at least 2")
    if rule not in STEPPERS or not set(forms) <= set(FORMS):
        raise ModelError(
            f"arithmetic: got rule {rule} and forms {', '.join(forms)}, expected one of {', '.join(STEPPERS)} and some "
            f"of {', '.join(FORMS)}"
        )
    order = np.argsort(key.fold("held out").words(len(samples.x)), kind="stable")
    out, train = order[: len(order) // HELD_OUT], order[len(order) // HELD_OUT :]
    given, judging = samples.at(train), samples.at(out if len(out) else train)
    best: Found | None = None
    tried = 0
    for name in forms:
        nearly = False
        for taught, judges in ((given, judging), (samples, samples)):
            if judges is samples and not nearly:
                break
            for learned in FORMS[name](taught, key=key.fold(name), rule=rule):
                if seconds is not None and best is not None and monotonic() - began > seconds:
                    return
                if learned is None:
                    continue
                tried += 1
                try:
                    wrong = np.abs(answers(learned, judges) - judges.y)
                except CircuitError:  # a result on the way needs more than 64 bits
                    continue
                exact = not wrong.any() and (judges is samples or not (answers(learned, given) != given.y).any())
                error, right = float(wrong.mean()), float((wrong == 0).mean())
                found = Found(learned, exact, error, right, monotonic() - began, tried)
                nearly = nearly or found.right >= NEARLY
                if best is None or exact or (judges is judging and found.error < best.error):
                    best = found
                    yield best
                if exact:
                    return
