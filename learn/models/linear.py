"""Linear structures of Boolean functions: directions in which a function changes everywhere or nowhere.

A direction a is a linear structure of f where f(x + a) + f(x) is the same bit for every x, sums modulo 2. They form a
subspace, and f is a function of as many parities fewer as it has dimensions, plus a parity: the derivative along a is a
constant, which the autocorrelation tells (Lai 1995, doi 10.1007/3-540-60590-8_6; Carlet 2021, Boolean Functions for
Cryptography and Coding Theory, section 3.1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


def transformed(values: Integers) -> Integers:
    """Return the Walsh-Hadamard transform, without a factor: int64 (2**n,) to int64 (2**n,)."""
    found, half = values, 1
    while half < len(found):
        pairs = found.reshape(-1, 2, half)
        found = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).reshape(-1)
        half *= 2
    return found


def autocorrelation(row: Bools) -> Integers:
    """Return, for each direction a, the sum over x of (-1)**(f(x) + f(x + a)): bool (2**n,) to int64 (2**n,)."""
    spectrum = transformed(1 - 2 * row.astype(np.int64))
    return transformed(spectrum * spectrum) // len(row)


def autocorrelation_oracle(row: Bools) -> Integers:
    """Return what :func:`autocorrelation` does."""
    at = np.arange(len(row))
    return np.array([(1 - 2 * (row ^ row[at ^ a]).astype(np.int64)).sum() for a in range(len(row))])


class Structures(NamedTuple):
    """The linear structures of a function, as a basis in which each has a pivot, an input only it contains.

    Attributes:
        basis: masks of inputs, bit i for input i.
        pivots: an input each.
        changes: whether the function changes along it.
    """

    basis: tuple[int, ...]
    pivots: tuple[int, ...]
    changes: tuple[bool, ...]

    @property
    def mixed(self) -> bool:
        """Whether any of them is more than one input."""
        return any(each.bit_count() > 1 for each in self.basis)


def structures(row: Bools) -> Structures:
    """Return the linear structures of a function given by its table: bool (2**n,), input i bit i of an address."""
    found = autocorrelation(row)
    basis: list[int] = []
    pivots: list[int] = []
    for a in sorted(np.flatnonzero(np.abs(found) == len(row)).tolist(), key=int.bit_count):  # of few inputs first
        for each, pivot in zip(basis, pivots, strict=True):
            if a >> pivot & 1:
                a ^= each
        if not a:
            continue
        pivot = a.bit_length() - 1
        basis = [each ^ a if each >> pivot & 1 else each for each in basis]
        basis.append(a)
        pivots.append(pivot)
    return Structures(tuple(basis), tuple(pivots), tuple(bool(found[each] < 0) for each in basis))


def parities(found: Structures, inputs: int) -> tuple[dict[int, list[int]], list[int]]:
    """Return what a function is made of: f(x) = g(parities of inputs) + a parity of inputs.

    g is f where all pivots are 0.

    Args:
        found: the linear structures.
        inputs: how many there are.

    Returns:
        for each input that is no pivot, the inputs whose parity stands in its place; the inputs of the parity added.
    """
    rest = [j for j in range(inputs) if j not in found.pivots]
    pairs = list(zip(found.basis, found.pivots, strict=True))
    stands = {j: [j, *(pivot for each, pivot in pairs if each >> j & 1)] for j in rest}
    return stands, [pivot for pivot, change in zip(found.pivots, found.changes, strict=True) if change]
