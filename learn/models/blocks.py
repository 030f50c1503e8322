"""Blocks of inputs that a few controls recode: units that do one of several operations on words.

Under each value of the controls a block of two inputs matters only by its class, one of at most three. Where the
classes can be named so that the same function of them, and of the inputs that are in no block, answers under every
value of the controls, the table is that function of a recoder for each block: a decomposition with bound sets that
share the controls (Curtis 1962, A New Approach to the Design of Switching Circuits).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]

MOST_CONTROLS = 4
CLASSES = 3
TRIES = 100_000
"""Names of a class that are tried, at most."""


class Recoding(NamedTuple):
    """How a table falls into recoders and a function of their classes.

    Attributes:
        controls: the inputs that all recoders read.
        blocks: the two further inputs of each recoder.
        rest: the other inputs.
        classes: int64 (blocks, 2**controls, 4): the class of each value of a block.
        values: bool (functions, 3, ..., 3, 2, ..., 2): the functions, an axis for each block and each other input.
    """

    controls: tuple[int, ...]
    blocks: tuple[tuple[int, int], ...]
    rest: tuple[int, ...]
    classes: Integers
    values: Bools


def _apart(cube: Bools, pair: tuple[int, int]) -> Bools:
    """Say where two values of a pair of inputs tell functions apart: bool (6, 2, ..., 2), the pair's axes of length 1.

    Args:
        cube: bool (functions, 2, ..., 2): an axis for each input.
        pair: the two inputs.
    """
    parts = [np.take(np.take(cube, [u], pair[0] + 1), [v], pair[1] + 1) for u, v in product((0, 1), repeat=2)]
    return np.stack([(x != y).any(axis=0) for x, y in combinations(parts, 2)])


def controlled_pairs(cube: Bools) -> Iterator[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]]:
    """Yield sets of controls, and disjoint pairs of inputs that have at most three classes under each of their values.

    An input without which a pair has four classes somewhere has to be a control of it; no other one is.

    Args:
        cube: bool (functions, 2, ..., 2): an axis for each input.
    """
    n = cube.ndim - 1
    found: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for pair in combinations(range(n), 2):
        apart = _apart(cube, pair)
        others = [i for i in range(n) if i not in pair]
        controls = tuple(i for i in others if apart.any(axis=i + 1).all(axis=0).any())
        free = tuple(i + 1 for i in range(n) if i not in controls)
        if 0 < len(controls) <= MOST_CONTROLS and not apart.any(axis=free).all(axis=0).any():
            found.setdefault(controls, []).append(pair)
    for controls, pairs in sorted(found.items()):
        chosen: list[tuple[int, int]] = []
        for pair in pairs:
            if all(i not in other for other in chosen for i in pair):
                chosen.append(pair)
        if len(chosen) > 1:
            yield controls, tuple(chosen)


def recoded(cube: Bools, controls: Sequence[int], blocks: Sequence[tuple[int, int]]) -> Recoding | None:
    """Name the classes of blocks under all values of the controls, or return None where that cannot be.

    Args:
        cube: bool (functions, 2, ..., 2): an axis for each input.
        controls: the inputs that recode.
        blocks: pairs of inputs.
    """
    n = cube.ndim - 1
    rest = tuple(i for i in range(n) if i not in controls and all(i not in block for block in blocks))
    axes = [*controls, *(i for block in blocks for i in block), *rest]
    shape = (len(cube), 1 << len(controls), *[4] * len(blocks), 1 << len(rest))
    parts = np.moveaxis(cube.transpose([0, *(i + 1 for i in axes)]).reshape(shape), 1, 0)
    named = [[_classes(part, k + 1) for k in range(len(blocks))] for part in parts]
    counts = [[max(row) + 1 for row in rows] for rows in named]
    model = max(range(len(parts)), key=lambda s: sum(counts[s]))
    if max(counts[model]) > CLASSES:
        return None
    values = parts[model]
    for k, row in enumerate(named[model]):
        values = np.take(values, [row.index(min(c, counts[model][k] - 1)) for c in range(CLASSES)], axis=k + 1)
    classes = []
    for part in parts:
        names = _named(part, values, counts[model])
        if names is None:
            return None
        classes.append(names)
    values = values.reshape(*values.shape[:-1], *[2] * len(rest))
    return Recoding(tuple(controls), tuple(blocks), rest, np.array(classes).transpose(1, 0, 2), values)


def _classes(part: Bools, axis: int) -> list[int]:
    """Number the values along an axis, equal ones the same, in the order in which they come."""
    slices = [row.tobytes() for row in np.moveaxis(part, axis, 0)]
    seen = {each: i for i, each in enumerate(dict.fromkeys(slices))}
    return [seen[each] for each in slices]


def _named(part: Bools, values: Bools, counts: Sequence[int]) -> list[list[int]] | None:
    """Find the class of each value of each block under which a function of classes is the one given, or None.

    The names are found one after the other; a name is checked where all blocks' values have got one.
    """
    blocks = len(counts)
    names: list[list[int]] = [[] for _ in range(blocks)]
    # the first value of every block, then the second of each, ...: so that every name is checked as it is given
    turns = [(k, v) for v in range(4) for k in range(blocks)]
    tries = 0

    def assign(turn: int) -> bool:
        nonlocal tries
        if turn == len(turns):
            return True
        k, v = turns[turn]
        for name in range(counts[k]):
            tries += 1
            if tries > TRIES:
                return False
            names[k].append(name)
            if all(names):
                known = [range(len(row)) if j != k else [v] for j, row in enumerate(names)]
                given = part[np.ix_(range(len(part)), *known)]
                wanted = values[np.ix_(range(len(part)), *([names[j][i] for i in row] for j, row in enumerate(known)))]
                fits = np.array_equal(given, wanted)
            else:
                fits = True
            if fits and assign(turn + 1):
                return True
            names[k].pop()
        return False

    return names if assign(0) else None
