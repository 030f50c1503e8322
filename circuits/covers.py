"""Look-up tables as ANDs: the cheapest tree of multiplexers, ANDs, ORs and XORs over subcubes, don't-cares filled.

A subcube of a table fixes some inputs; what is left is split by one input into two, and how the two halves are joined
costs AND nodes: none if one half does for both, one for an AND or OR with the input, two if one half implies the other,
three for an exclusive or and for a multiplexer. Dynamic programming over all 3**k subcubes finds the least sum of such
expansions (Shannon, The synthesis of two-terminal switching circuits, 1949); that equal parts are shared afterwards is
not foreseen. Don't-cares of a half are filled by the choice made for it before the halves are joined.

A table is an integer: bit v is the entry at address v, input 0 the least significant bit of an address.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

INPUTS = 6
FULL = (1 << (1 << INPUTS)) - 1
INPUT_MASK = tuple(sum(1 << v for v in range(1 << INPUTS) if v >> i & 1) for i in range(INPUTS))
"""The entries at which an input is 1."""
CUBES = 3**INPUTS
"""Subcubes, numbered in base 3, digit i for input i: 0 and 1 fix it, 2 leaves it free."""

JOINS = ("zero", "one", "low", "high", "and", "and not", "or not", "or", "xor", "xnor", "implied", "implies", "mux")
"""How the halves (low: input 0, high: input 1) of a subcube are joined."""
COST = (0, 0, 0, 0, 1, 1, 1, 1, 3, 3, 2, 2, 3)


class Choice(NamedTuple):
    """What is best for one subcube.

    Attributes:
        cost: AND nodes.
        fill: the table it becomes, repeated over fixed inputs.
        join: of its halves, a number of JOINS.
        pin: the input that splits it.
    """

    cost: int
    fill: int
    join: int
    pin: int


def halves(table: int, pin: int) -> tuple[int, int]:
    """Return a table with an input fixed to 0 and to 1, each repeated over that input."""
    low, high = table & ~INPUT_MASK[pin] & FULL, table & INPUT_MASK[pin]
    return low | low << (1 << pin), high | high >> (1 << pin)


def joined(low: Choice, high: Choice, ones: tuple[int, int], zeros: tuple[int, int], pin: int) -> Choice:
    """Return the cheapest join of two halves; ``ones`` and ``zeros`` are the entries each half must have."""
    x, (f, g) = INPUT_MASK[pin], (low.fill, high.fill)

    def fits(table: int, half: int) -> bool:
        return not (table & zeros[half] or ~table & ones[half])

    both = low.cost + high.cost
    offers = (
        (fits(f, 1), low.cost, f, 2),
        (fits(g, 0), high.cost, g, 3),
        (f == 0, high.cost + (g != FULL), x & g, 4),
        (g == 0, low.cost + (f != FULL), ~x & f, 5),
        (f == FULL, high.cost + (g != 0), ~x | g, 6),
        (g == FULL, low.cost + (f != 0), x | f, 7),
        (fits(~f & FULL, 1), low.cost + 3, f ^ x, 8),
        (fits(~g & FULL, 0), high.cost + 3, ~(g ^ x), 9),
        (not f & zeros[1], both + 2, f | x & g, 10),
        (not g & zeros[0], both + 2, g | ~x & f, 11),
        (True, both + 3, x & g | ~x & f, 12),
    )
    cost, table, join = min(((c, t & FULL, j) for possible, c, t, j in offers if possible), key=lambda o: (o[0], o[2]))
    return Choice(cost, table, join, pin)


def search(ones: int, zeros: int, inputs: int) -> dict[int, Choice]:
    """Return the best choice for every subcube that the whole table's depends on: the oracle of ``cover_kernels``.

    Args:
        ones: entries that must be 1, repeated over absent inputs; ``zeros``: that must be 0.
        zeros: see there.
        inputs: of the table; the others are fixed to 0 in the subcubes' numbers.
    """
    chosen: dict[int, Choice] = {}

    def best(cube: int, ones: int, zeros: int) -> Choice:
        if cube in chosen:
            return chosen[cube]
        if not ones or not zeros:
            found = Choice(0, 0 if not ones else FULL, int(bool(ones)), 0)
        else:
            options = []
            for pin in range(inputs):
                if cube // 3**pin % 3 == 2:
                    (o0, o1), (z0, z1) = halves(ones, pin), halves(zeros, pin)
                    low, high = best(cube - 2 * 3**pin, o0, z0), best(cube - 3**pin, o1, z1)
                    options.append(joined(low, high, (o0, o1), (z0, z1), pin))
            found = min(options, key=lambda choice: choice.cost)  # the first of equals
        chosen[cube] = found
        return found

    best(3**inputs - 1, ones, zeros)
    return chosen


def structure(decided: Callable[[int], tuple[int, int]], inputs: int) -> tuple[list[tuple[int, int]], int]:
    """Return the ANDs of a cover over the inputs, variables 1, 2, ..., and the literal of its output.

    Args:
        decided: ``decided(cube) -> (join, pin)``.
        inputs: of the table.
    """
    ands: list[tuple[int, int]] = []
    seen: dict[tuple[int, int], int] = {}

    def both(a: int, b: int) -> int:
        key = (a, b) if a <= b else (b, a)
        if key[0] == 0 or key[0] == key[1] ^ 1:
            return 0
        if key[0] == 1 or key[0] == key[1]:
            return key[1]
        if key not in seen:
            ands.append(key)
            seen[key] = 2 * (inputs + len(ands))
        return seen[key]

    def either(a: int, b: int) -> int:
        return both(a ^ 1, b ^ 1) ^ 1

    def exclusive(a: int, b: int) -> int:
        return both(both(a, b) ^ 1, both(a ^ 1, b ^ 1) ^ 1)

    rules: tuple[Callable[[int, Callable[[], int], Callable[[], int]], int], ...] = (
        lambda x, low, high: 0,
        lambda x, low, high: 1,
        lambda x, low, high: low(),
        lambda x, low, high: high(),
        lambda x, low, high: both(x, high()),
        lambda x, low, high: both(x ^ 1, low()),
        lambda x, low, high: either(x ^ 1, high()),
        lambda x, low, high: either(x, low()),
        lambda x, low, high: exclusive(x, low()),
        lambda x, low, high: exclusive(x, high()) ^ 1,
        lambda x, low, high: either(low(), both(x, high())),
        lambda x, low, high: either(high(), both(x ^ 1, low())),
        lambda x, low, high: either(both(x, high()), both(x ^ 1, low())),
    )

    def wire(cube: int) -> int:
        join, pin = decided(cube)
        return rules[join](2 * (pin + 1), lambda: wire(cube - 2 * 3**pin), lambda: wire(cube - 3**pin))

    out = wire(3**inputs - 1)
    return ands, out


def repeated(entries: Sequence[int]) -> int:
    """Return a table of 2**k entries 0 and 1 as an integer, repeated over absent inputs."""
    table = sum(bit << v for v, bit in enumerate(entries))
    size = len(entries)
    while size < 1 << INPUTS:
        table |= table << size
        size *= 2
    return table


@lru_cache(maxsize=1 << 16)
def table_structure(entries: tuple[int, ...]) -> tuple[list[tuple[int, int]], int]:
    """Return the ANDs of a complete table, variables 1, 2, ... its inputs, and the literal of its output."""
    inputs = len(entries).bit_length() - 1
    table = repeated(entries)
    chosen = search(table, ~table & FULL, inputs)
    return structure(lambda cube: chosen[cube][2:], inputs)
