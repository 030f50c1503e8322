"""Affine functions over the integers: weights and a bias that rules step, after integer centring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.arithmetic import INT32
from circuits.circuit import Builder
from circuits.wires import holding
from learn.keys import Key
from learn.models.arithmetic.forms import Integers, Learned, Samples, as_sum, result
from learn.rules import Rule, bold, rounding, vote, zim
from learn.spaces import Int

Numbers = NDArray[Any]  # Python integers: dtype object
FRACTION = 16
"""Fraction bits of a signal: a step of one is 2**16."""
STEPS = 200
WEIGHTS = Int(INT32[0], INT32[1])

STEPPERS: dict[str, Callable[[Int, float], Rule]] = {
    "rounding": lambda space, size: rounding(space, rate=1, scale=1 << FRACTION),
    "zim": lambda space, size: zim(space, n=round(size), laplace=0),
    "vote": lambda space, size: vote(space, rate=1, scale=1 << FRACTION),
    "bold": lambda space, size: bold(space, scale=1 << FRACTION),
}
"""Rule -> how it is made for steps that sum to a size: on average each parameter steps by its signal, at most by one
where the rule steps by ones."""


class Normal(NamedTuple):
    """The sums that the squared error of an affine function depends on, centred in integers.

    With N samples, A = N X - column sums and the same of y, the bias drops out; all sums are exact, divided by N.

    Attributes:
        samples: N.
        sums: of the columns, and of y.
        gram: A^T A / N, (d, d).
        right: A^T B / N, (d,), B the centred y.
    """

    samples: int
    sums: Numbers
    gram: Numbers
    right: Numbers

    def gradient(self, weights: Numbers) -> Numbers:
        """Return A^T (A w - B) / N: half the derivative of the centred squared error, over N."""
        return self.gram @ weights - self.right

    def loss(self, weights: Numbers) -> int:
        """Return the centred squared error over N, less a constant."""
        return int(weights @ (self.gram @ weights - 2 * self.right))

    def bias(self, weights: Numbers) -> int:
        """Return the bias that suits weights best."""
        return int((2 * (self.sums[-1] - self.sums[:-1] @ weights) + self.samples) // (2 * self.samples))


def normal(x: Integers, y: Integers) -> Normal:
    """Sum up samples: int64 (samples, variables), (samples,)."""
    both = np.column_stack([x, y])
    most = max(int(both.max(initial=1)), -int(both.min(initial=0)))
    both = both if most * most * len(x) < 1 << 62 else both.astype(object)
    products, sums = (both.T @ both).astype(object), both.sum(axis=0).astype(object)
    centred = len(x) * products - np.outer(sums, sums)
    return Normal(len(x), sums, centred[:-1, :-1], centred[:-1, -1])


def nearest(a: int, b: int) -> int:
    """Return a / b, rounded, for b above 0."""
    return (2 * a + b) // (2 * b)


def solved(gram: Numbers, right: Numbers) -> Numbers:
    """Return the solution of a symmetric system, rounded to integers; unknowns that are free are 0.

    Elimination without fractions: every division is exact (Bareiss 1968, doi 10.1090/S0025-5718-1968-0226829-0).
    """
    rows = np.column_stack([gram, right])
    pivots: list[int] = []
    last = 1
    for column in range(len(right)):
        rank = len(pivots)
        found = np.flatnonzero(rows[rank:, column])
        if not len(found):
            continue
        rows[[rank, rank + found[0]]] = rows[[rank + found[0], rank]]
        lead, pivot = rows[rank].copy(), rows[rank, column]
        rows = (pivot * rows - np.outer(rows[:, column], lead)) // last
        rows[rank] = lead
        pivots.append(column)
        last = pivot
    answer = np.zeros(len(right), object)
    for rank, column in enumerate(pivots):
        answer[column] = nearest(*((rows[rank, -1], last) if last > 0 else (-rows[rank, -1], -last)))
    return answer


def descended(sums: Normal, *, key: Key, rule: str = "rounding", start: Numbers | None = None) -> tuple[Numbers, int]:
    """Step weights by a rule until their gradient is 0, or no longer gets smaller.

    The signal of a weight is its gradient over the curvature along it, g_j / (A^T A)_jj: the step that ends there.

    Returns:
        the best weights, and how many steps were taken.
    """
    d = len(sums.right)
    curved = np.array([int(v) or 1 for v in sums.gram.diagonal()], object)
    weights = np.zeros(d, object) if start is None else start
    best, least, state = weights, sums.loss(weights), None
    for step in range(STEPS):
        gradient = sums.gradient(weights)
        if not gradient.any():
            return weights, step
        scaled = [nearest(int(g) << FRACTION, c) for g, c in zip(gradient, curved, strict=True)]
        signal = np.clip(np.array(scaled, object), -(1 << 50), 1 << 50).astype(np.int64)
        made = STEPPERS[rule](WEIGHTS, float(np.abs(signal).sum()) / (1 << FRACTION))
        now = weights.astype(np.int64)
        steps, state = made.update(signal, made.init(now) if state is None else state, now, key=key.fold(step))
        weights = WEIGHTS.add(now, steps).astype(object)
        if (loss := sums.loss(weights)) < least:
            best, least = weights, loss
    return best, STEPS


def fitted(x: Integers, y: Integers, *, key: Key, rule: str = "rounding") -> tuple[list[int], int]:
    """Fit weights and a bias to samples.

    The rule steps first. Where variables depend on each other its steps, one along each weight, may not settle; then
    the step along all at once is taken, which solves the normal equations, and single weights are stepped while one of
    them lowers the error.

    Returns:
        the weights and the bias.
    """
    sums = normal(x, y)
    weights, _ = descended(sums, key=key, rule=rule)
    gradient = sums.gradient(weights)
    if gradient.any():
        other = np.clip(solved(sums.gram, sums.right), WEIGHTS.lo, WEIGHTS.hi)
        weights = min(weights, other, key=sums.loss)
        curved = sums.gram.diagonal()
        for _ in range(STEPS):
            gradient = sums.gradient(weights)
            steps = np.array([-nearest(g, c) if c else 0 for g, c in zip(gradient, curved, strict=True)], object)
            changes = curved * steps**2 + 2 * gradient * steps
            j = int(changes.argmin())
            if changes[j] >= 0:
                break
            weights = weights.copy()
            weights[j] += steps[j]
    return [int(w) for w in weights], sums.bias(weights)


def dot(b: Builder, wires: Sequence[int], weights: Sequence[int], bias: int) -> int:
    """Add a linear form; weights of 0 read nothing."""
    used = [(wire, weight) for wire, weight in zip(wires, weights, strict=True) if weight]
    if not used:
        return b.add("const", params=(bias,), type=holding(bias, bias))
    return b.add("dot", *(wire for wire, _ in used), params=(*(weight for _, weight in used), bias))


def affine(samples: Samples, *, key: Key, rule: str = "rounding") -> Learned:
    """Learn ``w . x + c`` over the integers."""
    weights, bias = fitted(samples.x, samples.y, key=key, rule=rule)
    names = [samples.name(i) for i in range(len(weights))]
    return Learned(
        "affine", as_sum(weights, bias, names), lambda b, wires: result(b, dot(b, wires, weights, bias), samples)
    )
