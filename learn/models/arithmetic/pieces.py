"""Functions of pieces: affine ones of which the greater or lesser counts, a clipped one, and pieces side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np

from circuits.circuit import Builder
from circuits.wires import BIT
from learn.keys import Key
from learn.models.arithmetic.affine import WEIGHTS, dot, fitted, nearest, normal, solved
from learn.models.arithmetic.forms import Integers, Learned, Samples, as_sum, result
from learn.models.structure import SPARE

FINE = 8
"""Fraction bits of pieces while samples still change between them."""
ROUNDS = 30
FEW = 600
"""Samples that pieces are looked for with."""
PIECES, SURE = 16, 4
"""Most pieces that stand side by side; samples of each beyond those that its terms need."""
AFFINE, DEGREE = 8, 3
"""Most variables of pieces side by side, and of one variable the greatest degree."""


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


def _exact(x: Integers, y: Integers) -> tuple[list[int], int] | None:
    """Return integer weights and a bias that give every y; None if there are none."""
    sums = normal(x, y)
    weights = solved(sums.gram, sums.right)
    bias = sums.bias(weights)
    if max(map(abs, [*weights, bias]), default=0) > WEIGHTS.hi or (x.astype(object) @ weights + bias != y).any():
        return None
    return [int(w) for w in weights], bias


class Piece(NamedTuple):
    """A polynomial that holds from some value of a variable on.

    Attributes:
        start: the value.
        weights: of the terms.
        bias: see there.
    """

    start: int
    weights: list[int]
    bias: int


def cut(at: Integers, terms: Integers, y: Integers) -> list[Piece] | None:
    """Cut samples into the fewest pieces that are linear in some terms, from the lowest value on.

    A piece goes on as long as one linear form gives all its samples; so no other cuts are fewer. Of the values between
    two samples a cut is where the pieces meet, if they do, else the one with the most zeros at its end.

    Args:
        at: int64 (samples,), the values along which pieces stand side by side.
        terms: int64 (samples, terms).
        y: int64 (samples,).

    Returns:
        the pieces; None where one has few samples to be sure of, or there are more than ``PIECES``.
    """
    order = np.argsort(at, kind="stable")
    at, terms, y = at[order], terms[order], y[order]
    ends = np.append(np.flatnonzero(np.diff(at)) + 1, len(at))  # samples of one value are not parted
    found: list[Piece] = []
    begun = 0  # place in ends of the end of the piece before
    first = 0
    while first < len(at):
        low, size = begun, 1  # the longest piece ends at ends[low - 1]
        best = None
        while size:
            tried = min(low + size, len(ends))
            form = _exact(terms[first : ends[tried - 1]], y[first : ends[tried - 1]]) if tried > low else None
            if form is not None:
                low, best, size = tried, form, 2 * size
            else:
                size //= 2
        if best is None or len(found) == PIECES:
            return None
        last = int(ends[low - 1])
        if last - first < terms.shape[1] + SURE:
            return None
        found.append(Piece(int(at[first]), *best))
        begun, first = low, last
    for k in range(1, len(found)):
        start = found[k].start
        below = int(at[np.searchsorted(at, start) - 1])
        found[k] = found[k]._replace(start=_between(below, start, found[k - 1], found[k], terms.shape[1] == 1))
    return found


def _between(below: int, above: int, left: Piece, right: Piece, plain: bool) -> int:
    """Return a cut in below + 1..above: where two lines of one term meet, or a number with many zeros at its end."""
    slope = left.weights[0] - right.weights[0]
    if plain and slope and below < (meet := nearest(right.bias - left.bias, slope) if slope > 0
                                    else nearest(left.bias - right.bias, -slope)) <= above:  # fmt: skip
        return meet
    if below < 0 < above:
        return 0
    shared = (above ^ below).bit_length() - 1
    return above >> shared << shared


def piecewise(samples: Samples) -> Iterator[Learned | None]:
    """Learn pieces along one variable: affine in all variables, or of one variable of a degree up to ``DEGREE``.

    Where pieces begin, and their coefficients, are integers and learned.
    """
    x, y = samples.x, samples.y
    if samples.word == BIT or x.shape[1] > AFFINE:
        return
    largest = int(np.abs(x).max(initial=1))
    for degree in range(1, DEGREE + 1):
        if degree > 1 and (x.shape[1] > 1 or largest**degree >= 1 << 40):
            return
        terms = np.column_stack([x**d for d in range(1, degree + 1)]) if degree > 1 else x
        for variable in range(x.shape[1]):
            found = cut(x[:, variable], terms, y)
            yield _side_by_side(found, variable, degree, samples) if found and len(found) > 1 else None


def _side_by_side(pieces: list[Piece], variable: int, degree: int, samples: Samples) -> Learned:
    names = [samples.name(i) for i in range(samples.x.shape[1])]
    names += [f"{names[0]}^{d}" for d in range(2, degree + 1)]

    def recipe(b: Builder, wires: Sequence[int]) -> int:
        terms = [*wires]
        for _ in range(degree - 1):
            terms.append(b.add("mul", terms[-1], wires[0]))
        made = [dot(b, terms, piece.weights, piece.bias) for piece in pieces]
        found = made[0]
        for piece, wire in zip(pieces[1:], made[1:], strict=True):
            found = b.add("mux", b.add("threshold", wires[variable], params=(piece.start,)), found, wire)
        return result(b, found, samples)

    forms = [as_sum(piece.weights, piece.bias, names) for piece in pieces]
    text = f"{forms[0]}, " + ", ".join(
        f"from {names[variable]} = {piece.start} on {form}" for piece, form in zip(pieces[1:], forms[1:], strict=True)
    )
    return Learned(f"{len(pieces)} pieces", text, recipe)


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
