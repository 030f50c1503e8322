"""The loops of learning a graph of word gates: what every choice at a node, and every step of a constant, would cost.

A graph is arrays. Wires are numbered: variables, constants, nodes; a node reads up to three wires before it,
``read[wire]``, by the function ``FUNCTIONS[function[wire]]``; the last node is the result. Choice
``((f + c) * wire + a) * wire + b`` of a node is function f of the wires a, b and c; only the last function,
``select``, has a c.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

FUNCTIONS = (
    *("add", "mul", "sub", "less", "equal", "min", "max", "difference"),
    *("half", "quarter", "eighth", "sixteenth", "select"),
)
"""What a node may be; see ``learn.models.arithmetic.graph.GATES``."""
SUB, LESS, HALF, SELECT = (FUNCTIONS.index(name) for name in ("sub", "less", "half", "select"))
PINS = tuple(3 if f == SELECT else 1 if f >= HALF else 2 for f in range(len(FUNCTIONS)))
"""How many wires each function reads."""
LIMIT = 1 << 31
"""Values on the way stay below this: products of two fit 64 bits."""
FAR = 1 << 40
"""The cost of a choice that is not there, or whose values are too large."""
STEPS = tuple(sorted({0, *(s << k for k in range(18) for s in (-1, 1))}))
"""Steps of a constant."""
EXACT, WRAPPED, SATURATED = range(3)
"""How the result is compared with what is wanted: as it is, modulo 2**bits, or clamped to the word's range."""


@njit(cache=True, nogil=True, inline="always")
def apply(function: int, a: int, b: int, c: int) -> int:
    """Return a function of numbers below ``LIMIT``; ``select`` is a where c > 0, else b."""
    if function == 0:
        return a + b
    if function == 1:
        return a * b
    if function == 2:
        return a - b
    if function == 3:
        return 1 if a < b else 0
    if function == 4:
        return 1 if a == b else 0
    if function == 5:
        return min(a, b)
    if function == 6:
        return max(a, b)
    if function == 7:
        return abs(a - b)
    if function == SELECT:
        return a if c > 0 else b
    return a >> (function - HALF + 1)


@njit(cache=True, nogil=True, inline="always")
def is_choice(function: int, a: int, b: int, c: int) -> bool:
    """Say whether a function of three wires is a choice: of those that are the same always, one is."""
    if function == SELECT:
        return a != b and c != a and c != b
    if c != 0:
        return False
    if function >= HALF:
        return b == 0
    if function in (SUB, LESS):
        return a != b
    return a < b or (a == b and function < SUB)


@njit(cache=True, nogil=True)
def cost_of(given: Array, wanted: Array, kind: int, lo: int, hi: int) -> int:
    """Return how many bits the errors take in all.

    Args:
        given: int64 (samples,).
        wanted: int64 (samples,).
        kind: EXACT, WRAPPED or SATURATED.
        lo: the least value of the result's word.
        hi: the greatest; the word has ``hi - lo + 1`` values.
    """
    total = 0
    for s in range(len(wanted)):
        value = given[s]
        if kind == SATURATED:
            value = min(max(value, lo), hi)
        error = value - wanted[s]
        if kind == WRAPPED:
            error &= hi - lo
            error = min(error, hi - lo + 1 - error)
        error = abs(error)
        while error:
            error >>= 1
            total += 1
    return total


@njit(cache=True, nogil=True)
def evaluate(function: Array, read: Array, value: Array, first: int) -> None:
    """Compute the values of the nodes from ``first`` on, clamped to below ``LIMIT``.

    Args:
        function: int64 (wires,), of nodes.
        read: int64 (wires, 3).
        value: int64 (wires, samples).
        first: a wire.
    """
    for w in range(first, len(function)):
        x, y, z, f = value[read[w, 0]], value[read[w, 1]], value[read[w, 2]], function[w]
        for s in range(value.shape[1]):
            value[w, s] = min(max(apply(f, x[s], y[s], z[s]), -LIMIT + 1), LIMIT - 1)


@njit(cache=True, nogil=True)
def _led(function: Array, read: Array, wire: int, nodes: int, led: Array) -> bool:
    """Mark what depends on a wire, itself included; say whether the result does."""
    last = len(function) - 1
    for w in range(last + 1):
        led[w] = w == wire
    for w in range(max(wire + 1, nodes), last + 1):
        led[w] = led[read[w, 0]]
        for pin in range(1, PINS[function[w]]):
            led[w] = led[w] or led[read[w, pin]]
    return led[last]


@njit(cache=True, nogil=True)
def _followed(function: Array, read: Array, value: Array, led: Array, first: int, other: Array) -> bool:
    """Compute in ``other`` what nodes from ``first`` on would be; say whether all stay below ``LIMIT``."""
    for w in range(first, len(function)):
        if not led[w]:
            continue
        x = other[read[w, 0]] if led[read[w, 0]] else value[read[w, 0]]
        y = other[read[w, 1]] if led[read[w, 1]] else value[read[w, 1]]
        z = other[read[w, 2]] if led[read[w, 2]] else value[read[w, 2]]
        f = function[w]
        most = 0
        for s in range(value.shape[1]):
            found = apply(f, x[s], y[s], z[s])
            other[w, s] = found
            most = max(most, abs(found))
        if most >= LIMIT:
            return False
    return True


@njit(cache=True, nogil=True)
def score(
    function: Array,
    read: Array,
    value: Array,
    wire: int,
    nodes: int,
    wanted: Array,
    kind: int,
    lo: int,
    hi: int,
    other: Array,
    led: Array,
    costs: Array,
    selects: bool,
) -> int:
    """Put into ``costs`` what the result would cost after every choice of a node, or every step of a constant.

    Args:
        function: int64 (wires,).
        read: int64 (wires, 3).
        value: int64 (wires, samples), of the graph as it is.
        wire: a constant or a node.
        nodes: the first node.
        wanted: int64 (samples,).
        kind: see :func:`cost_of`, as ``lo`` and ``hi``.
        lo: see there.
        hi: see there.
        other: int64 (wires, samples), working memory.
        led: bool (wires,), working memory.
        costs: int64 (at least as many as there are choices,); FAR where there is no such choice.
        selects: whether ``select`` is a choice.

    Returns:
        how many choices there are; 0 where the result does not depend on the wire.
    """
    if not _led(function, read, wire, nodes, led):
        return 0
    last, after = len(function) - 1, max(wire + 1, nodes)
    if wire < nodes:
        for i in range(len(STEPS)):
            stepped = value[wire, 0] + STEPS[i]
            for s in range(value.shape[1]):
                other[wire, s] = stepped
            fine = abs(stepped) < LIMIT and _followed(function, read, value, led, after, other)
            costs[i] = cost_of(other[last], wanted, kind, lo, hi) if fine else FAR
        return len(STEPS)
    rows = SELECT + wire if selects else SELECT
    for row in range(rows):
        f, c = min(row, SELECT), max(0, row - SELECT)
        for a in range(wire):
            for b in range(wire):
                at = (row * wire + a) * wire + b
                costs[at] = FAR
                if not is_choice(f, a, b, c):
                    continue
                x, y, z = value[a], value[b], value[c]
                most = 0
                for s in range(value.shape[1]):
                    found = apply(f, x[s], y[s], z[s])
                    other[wire, s] = found
                    most = max(most, abs(found))
                if most < LIMIT and _followed(function, read, value, led, after, other):
                    costs[at] = cost_of(other[last], wanted, kind, lo, hi)
    return rows * wire * wire
