"""Orders of the inputs under which the decision diagram of a complete table is small.

A cofactor is known by a fingerprint: the value of its multilinear extension at fixed random points, modulo 2**64. Equal
cofactors have equal fingerprints and, but for a chance of about 2**-60, only they: as in the probabilistic equivalence
test of Blum, Chandra and Wegman (1980), doi 10.1016/S0020-0190(80)90078-2. What is counted here only guides the choice
of an order; no circuit depends on it being right.

Importing this module imports numba; import it inside the function that needs it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from circuits.table import TruthTable
from circuits.words import Words, unpack
from learn.keys import Key

Costs = NDArray[np.int64]

PASSES = 3
"""Every input is moved to its best place this often, unless a pass gains nothing."""
MAX_VALUES = 1 << 22
"""Output values that are sifted; more take seconds and a gigabyte."""
MUX, GATE = 3, 1
"""AND nodes of a multiplexer, and of one whose branch is a constant."""


@njit(cache=True, nogil=True)
def _tally(a: np.uint64, b: np.uint64, point: np.uint64, seen: Words, stamp: Costs, age: int) -> int:
    """Return what the node with branches of fingerprints ``a`` and ``b`` costs, the first time it is met at ``age``."""
    if a == b:
        return 0
    one = np.uint64(1)
    flat_a, flat_b = a == 0 or a == one, b == 0 or b == one
    if flat_a and flat_b:
        return 0
    key = a + point * (b - a)
    key = min(key, one - key)
    last = np.uint64(len(seen) - 1)
    at = (key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20) & last
    while stamp[at] == age:
        if seen[at] == key:
            return 0
        at = (at + one) & last
    stamp[at] = age
    seen[at] = key
    return GATE if flat_a or flat_b else MUX


@njit(cache=True, nogil=True)
def sift_costs(values: Words, points: Words, seen: Words, stamp: Costs) -> Costs:
    """Count the nodes that levels of the diagram have when one input, the moved one, is at every possible place.

    Args:
        values: uint64 (outputs * 2**inputs,): the table's values, 0 and 1; bit 0 of the position is the moved input,
            the others follow from the bottom of the diagram to its top. Overwritten.
        points: uint64 (inputs,): where the multilinear extension is evaluated, the moved input's first.
        seen: uint64 (power of two, at least len(values) and 2): working memory.
        stamp: int64, like ``seen``, zeros: working memory.

    Returns:
        int64 (3, inputs): for j = 0, 1, ...: the cost of the moved input with j others below it; of the j-th other with
        the moved input below it; of the j-th other with the moved input above it.
    """
    inputs = len(points)
    costs = np.zeros((3, inputs), np.int64)
    size, age = len(values), 0
    for j in range(inputs):
        age += 1
        for e in range(0, size, 2):
            costs[0, j] += _tally(values[e], values[e + 1], points[0], seen, stamp, age)
        if j == inputs - 1:
            break
        point = points[j + 1]
        age += 1
        for e in range(0, size, 4):
            a = values[e] + points[0] * (values[e + 1] - values[e])
            b = values[e + 2] + points[0] * (values[e + 3] - values[e + 2])
            costs[1, j] += _tally(a, b, point, seen, stamp, age)
        age += 1
        for e in range(0, size, 4):
            costs[2, j] += _tally(values[e], values[e + 2], point, seen, stamp, age)
            costs[2, j] += _tally(values[e + 1], values[e + 3], point, seen, stamp, age)
        size //= 2
        for e in range(0, size, 2):  # what is written lies before what is read later
            for bit in range(2):
                low, high = values[2 * e + bit], values[2 * e + 2 + bit]
                values[e + bit] = low + point * (high - low)
    return costs


def sift_costs_oracle(values: Words, points: Words) -> Costs:
    """Count as :func:`sift_costs` does, with sets of cofactors instead of fingerprints."""
    inputs = len(points)
    costs = np.zeros((3, inputs), np.int64)
    bits = values.reshape((-1, *[2] * inputs)).astype(np.uint8)  # axis of input i of the position: inputs - i

    def cost(above: list[int], tested: int) -> int:
        below = [i for i in range(inputs) if i not in above and i != tested]
        axes = [0, *(inputs - i for i in above), inputs - tested, *(inputs - i for i in below)]
        rows = bits.transpose(axes).reshape(-1, 2, 1 << len(below))
        nodes = {}
        for low, high in rows:
            flat = [len(set(half.tolist())) == 1 for half in (low, high)]
            if not np.array_equal(low, high) and not all(flat):
                node = np.concatenate([low, high])
                nodes[min(node.tobytes(), (1 - node).tobytes())] = GATE if any(flat) else MUX
        return sum(nodes.values())

    for j in range(inputs):
        costs[0, j] = cost([*range(j + 1, inputs)], 0)
        if j < inputs - 1:
            costs[1, j] = cost([*range(j + 2, inputs)], j + 1)
            costs[2, j] = cost([0, *range(j + 2, inputs)], j + 1)
    return costs


def sifted(table: TruthTable, key: Key, passes: int = PASSES) -> tuple[int, list[int]]:
    """Find an order of the inputs by sifting from a random one: each input in turn moves to its best place.

    Args:
        table: a complete table; don't-cares count as 0.
        key: draws the first order, the points of the fingerprints and the order in which inputs move.
        passes: most rounds over all inputs; none of a table of more than ``MAX_VALUES`` output values.

    Returns:
        the AND nodes of the diagram's multiplexers, and the inputs from the bottom of the diagram to its top.
    """
    n = table.num_inputs
    if n == 0 or table.num_outputs == 0:
        return 0, [*range(n)]
    bits = unpack(table.outputs, table.patterns).reshape((-1, *[2] * n))  # input i is axis n - i
    points = key.fold("points").words(n) | np.uint64(1)
    order = np.argsort(key.fold("order").uniform(n), kind="stable").tolist()
    seen = np.zeros(1 << (bits.size - 1).bit_length(), np.uint64)  # a level tells at most half as many nodes apart
    stamp = np.zeros(len(seen), np.int64)
    least: int | None = None
    for turn in range(passes if bits.size <= MAX_VALUES else 0):
        before = least
        for moved in np.argsort(key.fold("turn", turn).uniform(n), kind="stable").tolist():
            others = [i for i in order if i != moved]
            axes = [0, *(n - i for i in reversed(others)), n - moved]
            values = np.ascontiguousarray(bits.transpose(axes), np.uint64).reshape(-1)
            stamp[:] = 0
            alone, below, above = sift_costs(values, points[[moved, *others]], seen, stamp)
            # with j others below it, those j have the moved input above them and the rest have it below
            totals = alone + np.cumsum([0, *above[: n - 1]]) + np.cumsum([0, *below[n - 2 :: -1]])[::-1]
            place = int(totals.argmin())
            least = int(totals[place])
            order = [*others[:place], moved, *others[place:]]
        if least == before:
            break
    return least or 0, order
