"""Linear maps over Z_2 between the bits of words: cyclic redundancy checks, shift registers, scramblers, parities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from circuits.circuit import Builder
from learn.models.arithmetic.forms import Bools, Learned, Samples, bit_columns, bits_of, word_of
from learn.models.structure import SPARE


def solution(x: Bools, y: Bools) -> Bools | None:
    """Find the matrix W with x W = y over Z_2, by reverse-derivative ascent along the null space of what is fitted.

    The reverse derivative of a linear map moves its matrix along the sample whose answer is wrong, which may spoil
    samples fitted before (on random samples: a random walk). A step along a vector that is orthogonal to those, and not
    to this one, puts this one right and spoils none; so every step fits a sample, and there are at most as many as
    there are inputs. The ascent: Wilson and Zanasi 2021, arXiv 2101.10488; the projection is ours.

    Args:
        x: bool (samples, inputs).
        y: bool (samples, outputs).

    Returns:
        bool (inputs, outputs); None if there is none.
    """
    matrix = np.zeros((x.shape[1], y.shape[1]), bool)
    free = np.eye(x.shape[1], dtype=bool)  # a basis of the vectors orthogonal to every sample fitted so far
    wrong = y.copy()
    while True:
        rows = wrong.any(axis=1)
        if not rows.any():
            return matrix
        sample = int(rows.argmax())
        moved = (free & x[sample]).sum(axis=1) % 2 == 1
        if not moved.any():
            return None
        place = int(moved.argmax())
        step, signal = free[place], wrong[sample].copy()
        matrix ^= step[:, None] & signal
        wrong ^= ((x & step).sum(axis=1) % 2 == 1)[:, None] & signal
        moved[place] = False
        free[moved] ^= step
        free = np.delete(free, place, axis=0)


def shared_sums(b: Builder, wires: Sequence[int], rows: Iterable[Iterable[int]]) -> list[int]:
    """Return the exclusive or of some wires for each row of positions, pairs that occur most often first shared.

    Paar 1997, Optimized arithmetic for Reed-Solomon encoders, greedy.
    """
    sums, place = [set(row) for row in rows], list(wires)
    while True:
        pairs = Counter(pair for row in sums for pair in combinations(sorted(row), 2))
        if not pairs:
            return [place[next(iter(row))] if row else b.const(0) for row in sums]
        pair = max(pairs, key=lambda each: (pairs[each], -each[0], -each[1]))
        place.append(b.add("xor", place[pair[0]], place[pair[1]]))
        for row in sums:
            if row.issuperset(pair):
                row.difference_update(pair)
                row.add(len(place) - 1)


def gf2(samples: Samples) -> Learned | None:
    """Learn an affine map over Z_2 from the bits of the variables to those of the result, if there is one."""
    x = bit_columns(samples.x, samples.types)
    if len(x) < x.shape[1] + 1 + SPARE:
        return None
    given = np.column_stack([x, np.ones(len(x), bool)])
    matrix = solution(given, bit_columns(samples.y[:, None], [samples.word]))
    if matrix is None:
        return None
    rows = [np.flatnonzero(column).tolist() for column in matrix.T]

    def recipe(b: Builder, wires: Sequence[int]) -> int:
        bits = [bit for wire in wires for bit in bits_of(b, wire)]
        return word_of(b, shared_sums(b, [*bits, b.const(1)], rows), samples.word)

    return Learned("gf2", f"{len(rows)} sums modulo 2 of {sum(map(len, rows))} bits", recipe)
