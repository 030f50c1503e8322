"""Sums of products of a complete table, shared between its outputs and factored: what sparse decoders are made of.

A cube is a set of literals, 2 * v where it wants variable v to be 1 and 2 * v + 1 where it wants it to be 0. A variable
is an input or, from number ``inputs`` on, a divisor found before.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.circuit import Builder
from circuits.words import Words, pack, popcount
from learn.models.structure import tree_of

Bools = NDArray[np.bool_]
Cube = frozenset[int]

WIDEST = 4
"""Literals that a cube of a divisor has at most."""
MOST_PAIRS = 1 << 15
"""Pairs of cubes of one function, over all functions, at most: each may be a divisor."""
MOST_VALUES = 1 << 22
"""Values of all functions at most: covering takes about a microsecond each."""


def irredundant(values: int, inputs: int) -> list[Cube]:
    """Return an irredundant sum of products of a function (Minato 1992, ISOP; after Morreale 1970).

    Args:
        values: the truth table, the value at pattern p in bit p; the last input is split first.
        inputs: how many inputs.
    """
    seen: dict[tuple[int, int, int], tuple[list[Cube], int]] = {}

    def cover(low: int, high: int, level: int) -> tuple[list[Cube], int]:
        full = (1 << (1 << level)) - 1
        if not low:
            return [], 0
        if high == full:
            return [frozenset()], full
        key = (low, high, level)
        if key not in seen:
            half = 1 << level - 1
            ones = (1 << half) - 1
            low0, low1, high0, high1 = low & ones, low >> half, high & ones, high >> half
            cubes0, done0 = cover(low0 & ~high1, high0, level - 1)
            cubes1, done1 = cover(low1 & ~high0, high1, level - 1)
            cubes, done = cover(low0 & ~done0 | low1 & ~done1, high0 & high1, level - 1)
            literal = 2 * (level - 1)
            seen[key] = (
                [*(c | {literal + 1} for c in cubes0), *(c | {literal} for c in cubes1), *cubes],
                done0 | done | (done1 | done) << half,
            )
        return seen[key]

    return cover(values, values, inputs)[0]


def covers(rows: Bools, order: Sequence[int]) -> list[tuple[bool, list[Cube]]] | None:
    """Cover functions by prime cubes, those that several share first.

    Args:
        rows: bool (functions, 2**inputs).
        order: the inputs, the one split last first: another order, other cubes.

    Returns:
        for each function whether its complement is covered, which then takes fewer literals, and the cubes; None
        where there are more than ``MOST_PAIRS`` pairs of cubes or ``MOST_VALUES`` values.
    """
    if rows.size > MOST_VALUES:
        return None
    inputs = len(order)
    columns = pack(np.arange(rows.shape[1]) >> np.arange(inputs)[:, None] & 1)
    full = pack(np.ones(rows.shape[1], bool))
    literals = np.stack([columns, full ^ columns], axis=1).reshape(2 * inputs, -1)
    axes = [inputs - 1 - i for i in reversed(order)]
    names = [2 * i + s for i in order for s in (0, 1)]
    sides: list[bool] = []
    wanted: list[Words] = []
    pool: dict[Cube, None] = {}
    pairs = 0
    for row in rows:
        both = []
        for complement in (False, True):
            values = np.packbits((row ^ complement).reshape([2] * inputs).transpose(axes), bitorder="little")
            found = irredundant(int.from_bytes(values.tobytes(), "little"), inputs)
            both.append([frozenset(names[x] for x in cube) for cube in found])
        complement = _literals(both[1]) < _literals(both[0])
        pairs += len(both[complement]) ** 2 // 2
        if pairs > MOST_PAIRS:
            return None
        sides.append(complement)
        wanted.append(pack(row ^ complement))
        pool.update(dict.fromkeys(_expanded(cube, full ^ wanted[-1], literals) for cube in both[complement]))
    cubes = list(pool)
    if not cubes:
        return [(side, []) for side in sides]
    masks = np.stack([_product(cube, literals, full) for cube in cubes])
    sizes = np.array([len(cube) for cube in cubes])
    used = np.zeros(len(cubes), bool)
    chosen: list[list[Cube]] = [[] for _ in rows]
    for j in sorted(range(len(rows)), key=lambda j: int(popcount(wanted[j]))):
        inside = np.flatnonzero(~(masks & ~wanted[j]).any(axis=1))
        left = wanted[j].copy()
        picked: list[int] = []
        while left.any():
            gains = popcount(masks[inside] & left) / np.where(used[inside], 1, sizes[inside] + 1)
            best = int(inside[gains.argmax()])
            picked.append(best)
            left &= ~masks[best]
        for each in list(picked):  # what the later ones cover was picked in vain
            others = [masks[k] for k in picked if k != each]
            if others and not (masks[each] & ~np.bitwise_or.reduce(others)).any():
                picked.remove(each)
        used[picked] = True
        chosen[j] = [cubes[k] for k in picked]
    return list(zip(sides, chosen, strict=True))


def _literals(cubes: Sequence[Cube]) -> int:
    return sum(len(cube) + 1 for cube in cubes)


def _product(cube: Cube, literals: Words, full: Words) -> Words:
    return np.bitwise_and.reduce(literals[sorted(cube)], axis=0, initial=full[0]) & full if cube else full


def _expanded(cube: Cube, off: Words, literals: Words) -> Cube:
    """Drop literals while the cube stays outside the off-set."""
    kept = sorted(cube)
    for literal in sorted(cube):
        rest = [x for x in kept if x != literal]
        if rest and not (np.bitwise_and.reduce(literals[rest], axis=0) & off).any():
            kept = rest
    return frozenset(kept)


class Network(NamedTuple):
    """Sums of products of inputs and of divisors.

    Attributes:
        inputs: how many variables are inputs.
        divisors: the cubes of each further variable.
        sums: the cubes of each function.
    """

    inputs: int
    divisors: list[list[Cube]]
    sums: list[list[Cube]]


def _divisor(p: Cube, q: Cube) -> tuple[tuple[Cube, ...], bool]:
    """Return the variable that a sum of two cubes is, and whether it is its complement.

    The complement of x + y is a cube; those of xy + x'z are of the same form.
    """
    if len(p) == len(q) == 1:
        return (frozenset(x ^ 1 for x in p | q),), True
    if len(p) == len(q) == 2:
        for x in sorted(p):
            if x ^ 1 in q:
                (y,), (z,) = p - {x}, q - {x ^ 1}
                if x & 1:
                    x, y, z = x ^ 1, z, y
                flip = y & 1
                return (frozenset((x, y ^ flip)), frozenset((x ^ 1, z ^ flip))), bool(flip)
    return tuple(sorted((p, q), key=sorted)), False


def extracted(inputs: int, sums: Sequence[Sequence[Cube]]) -> Network:
    """Factor sums by what saves most, time and again: two literals of a cube, or two cubes without what both have.

    The greedy extraction of Rajski and Vasudevamurthy (1992), doi 10.1109/43.140435, counted in AND nodes.

    Args:
        inputs: how many variables there are.
        sums: the cubes of each function.
    """
    cubes: dict[int, tuple[int, Cube]] = {}
    members: list[set[int]] = []
    places: dict[tuple[Cube, ...], dict[tuple[int, ...], int]] = {}  # divisor -> where it is -> what it saves there
    found_in: dict[int, set[tuple[tuple[Cube, ...], tuple[int, ...]]]] = {}
    divisors: list[int] = []
    heap: list[tuple[int, int, tuple[Cube, ...]]] = []
    born: dict[tuple[Cube, ...], int] = {}

    def note(divisor: tuple[Cube, ...], place: tuple[int, ...], saved: int) -> None:
        spots = places.setdefault(divisor, {})
        spots[place] = saved
        for each in place[:2]:
            found_in[each].add((divisor, place))
        fresh.add(divisor)

    def add(node: int, cube: Cube) -> None:
        if any(cubes[k][1] == cube for k in members[node]):
            return
        new = len(found_in)
        found_in[new] = set()
        for pair in combinations(sorted(cube), 2):
            note((frozenset(pair),), (new,), 1)
        for other in sorted(members[node]):
            base = cube & cubes[other][1]
            p, q = cube - base, cubes[other][1] - base
            if p and q and max(len(p), len(q)) <= WIDEST:
                divisor, flip = _divisor(p, q)
                note(divisor, (other, new, int(flip)), len(base) + len(p) + len(q) - 1)
        cubes[new] = (node, cube)
        members[node].add(new)

    def drop(k: int) -> None:
        for divisor, place in found_in[k]:
            places[divisor].pop(place, None)
        found_in[k] = set()
        members[cubes[k][0]].discard(k)
        del cubes[k]

    def gain(divisor: tuple[Cube, ...]) -> int:
        return sum(places[divisor].values()) - sum(map(len, divisor)) + 1

    def push() -> None:
        for divisor in fresh:
            if (won := gain(divisor)) > 0:
                heappush(heap, (-won, born.setdefault(divisor, len(born)), divisor))
        fresh.clear()

    fresh: set[tuple[Cube, ...]] = set()
    for node, each in enumerate(sums):
        members.append(set())
        for cube in each:
            add(node, cube)
    heapify(heap)
    push()
    while heap:
        won, age, divisor = heappop(heap)
        now = gain(divisor)
        if now != -won:
            if now > 0:
                heappush(heap, (-now, age, divisor))
            continue
        variable = 2 * (inputs + len(divisors))
        divisors.append(len(members))
        for place in sorted(places[divisor]):
            if any(k not in cubes for k in place[:2]) or place not in places[divisor]:
                continue
            if len(place) == 1:
                node, cube = cubes[place[0]]
                drop(place[0])
                add(node, cube - divisor[0] | {variable})
            else:
                node, base = cubes[place[0]][0], cubes[place[0]][1] & cubes[place[1]][1]
                drop(place[0])
                drop(place[1])
                add(node, base | {variable | place[2]})
        members.append(set())
        for cube in divisor:
            add(divisors[-1], cube)
        push()
    nodes = [[cubes[k][1] for k in sorted(row)] for row in members]
    return Network(inputs, nodes[len(sums) :], nodes[: len(sums)])


def build(b: Builder, inputs: Sequence[int], network: Network) -> list[int]:
    """Add a network's gates to a builder, given the wires of its inputs; return the wire of each sum."""
    wires = dict(enumerate(inputs))

    def wire_of(literal: int) -> int:
        variable = literal >> 1
        if variable not in wires:
            wires[variable] = total(network.divisors[variable - network.inputs])
        return b.add("not", wires[variable]) if literal & 1 else wires[variable]

    def total(cubes: Sequence[Cube]) -> int:
        return tree_of(b, "or", [tree_of(b, "and", [wire_of(x) for x in sorted(cube)], none=1) for cube in cubes])

    return [total(cubes) for cubes in network.sums]
