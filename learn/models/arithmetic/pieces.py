"""Functions of affine pieces: the greater or the lesser of some, and a clipped one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from circuits.circuit import Builder
from circuits.wires import BIT
from learn.keys import Key
from learn.models.arithmetic.affine import dot, fitted, normal, solved
from learn.models.arithmetic.forms import Integers, Learned, Samples, as_sum, result
from learn.models.structure import SPARE

FINE = 8
"""Fraction bits of pieces while samples still change between them."""
ROUNDS = 30
FEW = 600
"""Samples that pieces are looked for with."""


def clip(samples: Samples, *, key: Key, rule: str = "rounding") -> Learned | None:
    """Learn an affine function that stops at two ends: those of the samples, where many lie.

    Where the ends are, the clip passes no signal; so what lies between them is fitted alone.
    """
    lo, hi = int(samples.y.min()), int(samples.y.max())
    inside = (samples.y > lo) & (samples.y < hi)
    if hi - lo < 2 or inside.sum() < samples.x.shape[1] + SPARE // 4:
        return None
    weights, bias = fitted(samples.x[inside], samples.y[inside], key=key, rule=rule)
    names = [samples.name(i) for i in range(len(weights))]

    def recipe(b: Builder, wires: Sequence[int]) -> int:
        clipped = b.add("clip", dot(b, wires, weights, bias), params=(lo, hi))
        return result(b, clipped, samples._replace(declared=True))

    return Learned("clip", f"clip({as_sum(weights, bias, names)}, {lo}, {hi})", recipe)


def _planes(x: Integers, y: Integers, parts: Integers, count: int) -> list[tuple[list[int], int]] | None:
    """Fit a plane of FINE fraction bits to the samples of each part; None where one has too few."""
    found = []
    for k in range(count):
        mine = parts == k
        if mine.sum() <= x.shape[1]:
            return None
        sums = normal(x[mine], y[mine] << FINE)
        weights = solved(sums.gram, sums.right)
        found.append(([int(w) for w in weights], sums.bias(weights)))
    return found


def extremes(samples: Samples, count: int, greater: bool, *, key: Key, rule: str, tries: int = 40) -> Learned | None:
    """Learn the greatest, or the least, of some affine functions.

    Each sample belongs to the piece that wins it, to which alone the gate passes a signal; pieces are fitted to theirs
    until none changes hands (Magnani and Boyd 2009, doi 10.1007/s11081-008-9045-3), from random pieces, again and
    again. At the end the pieces' weights are integers, stepped by the rule.
    """
    sign = 1 if greater else -1
    few = samples.at(slice(0, FEW))
    x, y = few.x, sign * few.y
    most = x.shape[1] + 2
    if samples.word == BIT or len(x) < count * (x.shape[1] + 1) + SPARE:
        return None
    for trial in range(tries):
        order = np.argsort(key.fold(trial).words(len(x)), kind="stable")
        parts = np.full(len(x), -1)
        for k in range(count):
            parts[order[k * most : (k + 1) * most]] = k
        for _ in range(ROUNDS):
            planes = _planes(x, y, parts, count)
            if planes is None:
                break
            values = np.stack([x @ np.array(w, np.int64) + c for w, c in planes])
            now = values.argmax(axis=0)
            if (now == parts).all():
                break
            parts = now
        if planes is None or np.abs(values.max(axis=0) - (y << FINE)).max() >= 1 << FINE:
            continue
        exact = [fitted(x[parts == k], y[parts == k], key=key.fold(trial, k), rule=rule) for k in range(count)]
        values = np.stack([x @ np.array(w, np.int64) + c for w, c in exact])
        if (values.max(axis=0) == y).all():
            forms = sorted(([sign * w for w in weights], sign * bias) for weights, bias in exact)
            return _extreme("max" if greater else "min", forms, samples)
    return None


def _extreme(gate: str, forms: list[tuple[list[int], int]], samples: Samples) -> Learned:
    names = [samples.name(i) for i in range(samples.x.shape[1])]

    def recipe(b: Builder, wires: Sequence[int]) -> int:
        pieces = [dot(b, wires, weights, bias) for weights, bias in forms]
        return result(b, reduce(lambda p, q: b.add(gate, p, q), pieces), samples)

    text = ", ".join(as_sum(weights, bias, names) for weights, bias in forms)
    return Learned(f"{gate} of {len(forms)}", f"{gate}({text})", recipe)
