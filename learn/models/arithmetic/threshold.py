"""Thresholds of linear forms with small weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from circuits.circuit import Builder
from circuits.wires import BIT
from learn.models.arithmetic.affine import dot
from learn.models.arithmetic.forms import Bools, Integers, Learned, Samples, as_sum

MOST_WEIGHT = 7
MOST_FORMS = 64
"""Variables of a linear form."""
FEW = 2000
"""Samples that all pairs of weights are tried on."""
ROUNDS = 200
SHORT = 1 << 14


def level(sums: Integers, y: Bools) -> tuple[int, int]:
    """Return the level t for which [sum >= t] is right most often, and how often it is.

    Of all levels between two samples, which nothing tells apart, it is 0 or else 1, that two words are compared with;
    or else the one with the most zeros at its end.
    """
    lo = int(sums.min())
    if int(sums.max()) - lo < SHORT:
        ones = np.bincount(sums[y] - lo, minlength=int(sums.max()) - lo + 1)
        zeros = np.bincount(sums[~y] - lo, minlength=len(ones))
        values = np.flatnonzero(ones + zeros)
        ones, zeros = ones[values], zeros[values]
        values = values + lo
    else:
        values, place = np.unique(sums, return_inverse=True)
        ones = np.bincount(place[y], minlength=len(values))
        zeros = np.bincount(place[~y], minlength=len(values))
    right = np.concatenate([[0], np.cumsum(zeros - ones)]) + ones.sum()  # below values[0], values[1], ..., above all
    best = int(right.argmax())
    below = int(values[best - 1]) if best else int(values[0]) - 1
    above = int(values[best]) if best < len(values) else below + 1
    for natural in (0, 1):
        if below < natural <= above:
            return natural, int(right[best])
    shared = (above ^ below).bit_length() - 1  # the highest bit in which they differ: all below it can be 0
    return above >> shared << shared, int(right[best])


def _pair(x: Integers, y: Bools) -> list[int]:
    """Return the best of all pairs of small weights, the least of equals; of one variable its sign."""
    choices = sorted(range(-MOST_WEIGHT, MOST_WEIGHT + 1), key=abs)
    x, y = x[:FEW], y[:FEW]
    pairs = sorted(product(choices, repeat=x.shape[1]), key=lambda w: sum(map(abs, w)))
    return list(max(pairs, key=lambda w: level(x @ np.array(w, np.int64), y)[1]))


def _direction(x: Integers, y: Bools) -> Integers:
    """Return large weights that tell most samples apart.

    The signal of a weight is what a threshold passes at the samples it gets wrong: their sum, those that want less
    less those that want more. At weights of 0 that is the correlation with y, Chow's parameters, which determine a
    threshold function (Chow 1961, doi 10.1109/FOCS.1961.24). The best weights of all steps are kept.
    """
    centred = len(x) * x - x.sum(axis=0)
    centred //= max(1, int(np.abs(centred).max()) >> 16)
    weights = centred.T @ (2 * y.astype(np.int64) - 1)
    best, most = weights, -1
    for _ in range(ROUNDS):
        size = max(1, int(np.abs(weights).max()) >> 20)
        sums = centred @ (weights // size)
        t, right = level(sums, y)
        if right > most:
            best, most = weights, right
        if right == len(y):
            break
        weights = weights - centred.T @ ((sums >= t).astype(np.int64) - y)
    return best


def _small(x: Integers, y: Bools) -> list[int]:
    """Return small weights: a direction rounded, at the least size that errs least, then stepped by ones."""
    direction = _direction(x, y)
    top = max(1, int(np.abs(direction).max()))

    def right(weights: Integers) -> int:
        return level(x @ weights, y)[1]

    sizes = [(2 * direction * k + top) // (2 * top) for k in range(1, 2 * MOST_WEIGHT + 2)]
    ranked = sorted(sizes, key=right, reverse=True)[:3]
    found = []
    for weights in ranked:
        now = right(weights)
        while now < len(y):
            steps = [step * unit for unit in np.eye(len(weights), dtype=np.int64) for step in (-1, 1)]
            scores = [right(weights + step) for step in steps]
            if max(scores) <= now:
                break
            now = max(scores)
            weights = weights + steps[scores.index(now)]
        found.append((now, -int(np.abs(weights).sum()), weights.tolist()))
    return max(found)[2]


def threshold(samples: Samples) -> Learned | None:
    """Learn [w . x >= t] with small weights; the level of every choice is the best there is."""
    x, y = samples.x, samples.y.astype(bool)
    most = int(np.abs(x).max(initial=1))
    if samples.word != BIT or x.shape[1] > MOST_FORMS or most * x.shape[1] * MOST_WEIGHT * 4 >= 1 << 62:
        return None
    weights = _pair(x, y) if x.shape[1] <= 2 else _small(x, y)
    t, _ = level(x @ np.array(weights, np.int64), y)
    names = [samples.name(i) for i in range(len(weights))]

    def recipe(b: Builder, wires: Sequence[int]) -> int:
        wire = dot(b, wires, weights, 0)
        word = b.type_of(wire)
        return b.add("threshold", wire, params=(min(max(t, word.lo), word.hi + 1),))

    return Learned("threshold", f"[{as_sum(weights, 0, names)} >= {t}]", recipe)
