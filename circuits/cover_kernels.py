"""The numba loops that lower circuits: covers of many look-up tables, and and-inverter graphs out of templates.

Importing this module imports numba; import it inside the function that needs it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from circuits.covers import CUBES, INPUT_MASK, INPUTS, repeated, structure
from circuits.words import Words

_U = np.uint64
_MASKS = np.array(INPUT_MASK, np.uint64)
_ALL = _U(0xFFFFFFFFFFFFFFFF)
_NONE = _U(0)
_POWERS = 3 ** np.arange(INPUTS)
_SIZE = CUBES


@njit(cache=True, nogil=True)
def cover(
    ones: Words, zeros: Words, inputs: int, joins: NDArray[np.uint8], pins: NDArray[np.uint8], fills: Words
) -> int:
    """Find the cheapest cover of every table, as :func:`circuits.covers.search` does.

    Args:
        ones: uint64 (tables,), entries that must be 1, repeated over absent inputs; ``zeros``: that must be 0.
        zeros: see there.
        inputs: of the tables.
        joins: uint8 (tables, 3**inputs), written: the join of every subcube; ``pins``: its input.
        pins: see there.
        fills: uint64 (tables,), written: the tables with don't-cares filled.

    Returns:
        the sum of the AND nodes, nothing shared.
    """
    cubes = _POWERS[inputs - 1] * 3
    must, never, fill = np.empty(_SIZE, np.uint64), np.empty(_SIZE, np.uint64), np.empty(_SIZE, np.uint64)
    cost, total = np.empty(_SIZE, np.int64), 0
    for t in range(len(ones)):
        must[cubes - 1], never[cubes - 1] = ones[t], zeros[t]
        for c in range(cubes - 2, -1, -1):  # a subcube's table is half of that of the subcube with one input more
            rest, pin = c, 0
            while rest % 3 == 2:
                rest //= 3
                pin += 1
            high, mask, shift = rest % 3 == 1, _MASKS[pin], _U(1 << pin)
            above = c + (1 if high else 2) * _POWERS[pin]
            if high:
                o, z = must[above] & mask, never[above] & mask
                must[c], never[c] = o | o >> shift, z | z >> shift
            else:
                o, z = must[above] & ~mask, never[above] & ~mask
                must[c], never[c] = o | o << shift, z | z << shift
        for c in range(cubes):
            if must[c] == _NONE or never[c] == _NONE:
                one = must[c] != _NONE
                cost[c], fill[c], joins[t, c], pins[t, c] = 0, _ALL if one else _NONE, 1 if one else 0, 0
                continue
            least = 1 << 30
            for pin in range(inputs):
                if c // _POWERS[pin] % 3 != 2:
                    continue
                low, high_ = c - 2 * _POWERS[pin], c - _POWERS[pin]
                x, f, g = _MASKS[pin], fill[low], fill[high_]
                cf, cg = cost[low], cost[high_]
                o0, z0, o1, z1 = must[low], never[low], must[high_], never[high_]
                price, join, table = cf + cg + 3, 12, (x & g) | (~x & f)
                # from the last join to the first, so that of equals the first stays
                if g & z0 == _NONE and cf + cg + 2 <= price:
                    price, join, table = cf + cg + 2, 11, g | (~x & f)
                if f & z1 == _NONE and cf + cg + 2 <= price:
                    price, join, table = cf + cg + 2, 10, f | (x & g)
                if ~g & z0 == _NONE and g & o0 == _NONE and cg + 3 <= price:
                    price, join, table = cg + 3, 9, ~(g ^ x)
                if ~f & z1 == _NONE and f & o1 == _NONE and cf + 3 <= price:
                    price, join, table = cf + 3, 8, f ^ x
                extra = cf + (1 if f != _NONE else 0)
                if g == _ALL and extra <= price:
                    price, join, table = extra, 7, x | f
                extra = cg + (1 if g != _NONE else 0)
                if f == _ALL and extra <= price:
                    price, join, table = extra, 6, ~x | g
                extra = cf + (1 if f != _ALL else 0)
                if g == _NONE and extra <= price:
                    price, join, table = extra, 5, ~x & f
                extra = cg + (1 if g != _ALL else 0)
                if f == _NONE and extra <= price:
                    price, join, table = extra, 4, x & g
                if g & z0 == _NONE and ~g & o0 == _NONE and cg <= price:
                    price, join, table = cg, 3, g
                if f & z1 == _NONE and ~f & o1 == _NONE and cf <= price:
                    price, join, table = cf, 2, f
                if price < least:
                    least = price
                    cost[c], fill[c], joins[t, c], pins[t, c] = price, table, join, pin
        fills[t] = fill[cubes - 1]
        total += cost[cubes - 1]
    return total


@njit(cache=True, nogil=True)
def instantiate(
    templates: NDArray[np.int32],
    fanin_start: NDArray[np.int64],
    fanin: NDArray[np.int64],
    out_place: NDArray[np.int64],
    and_start: NDArray[np.int64],
    template_ands: NDArray[np.int64],
    out_start: NDArray[np.int64],
    template_outs: NDArray[np.int64],
    literal: NDArray[np.int64],
    first: int,
    ands: NDArray[np.int64],
) -> int:
    """Put templates in place of gates, sharing equal ANDs, as :func:`circuits.aig.lowered_oracle` does.

    Args:
        templates: int32 (gates,), which template stands for a gate.
        fanin_start: int64 (gates + 1,); ``fanin[fanin_start[g]:fanin_start[g + 1]]`` are the bits gate g reads, as
            places in ``literal``.
        fanin: see there.
        out_place: int64 (gates,), where in ``literal`` the gate's bits go.
        and_start: int64 (templates + 1,), the rows of ``template_ands`` (ands, 2) of each; literals are local: 0 and 1,
            then the bits read, then its ANDs.
        template_ands: see there.
        out_start: likewise for ``template_outs``, the literals of the gate's bits.
        template_outs: see there.
        literal: int64, of every bit; those of the inputs are given.
        first: the first variable that is an AND.
        ands: int64 (at most, 2), written.

    Returns:
        how many ANDs there are.
    """
    size = 16
    while size < 2 * len(ands):
        size *= 2
    slots, count, local = np.full(size, -1, np.int64), 0, np.zeros(16, np.int64)
    for g in range(len(templates)):
        t, pins = templates[g], fanin_start[g + 1] - fanin_start[g]
        need = 1 + pins + and_start[t + 1] - and_start[t]
        if need > len(local):
            local = np.zeros(2 * need, np.int64)
        for i in range(pins):
            local[1 + i] = literal[fanin[fanin_start[g] + i]]
        for k in range(and_start[t], and_start[t + 1]):
            p, q = template_ands[k, 0], template_ands[k, 1]
            a, b = local[p >> 1] ^ (p & 1), local[q >> 1] ^ (q & 1)
            if a > b:
                a, b = b, a
            if a == 0 or a == b ^ 1:
                found = 0
            elif a == 1 or a == b:
                found = b
            else:
                mixed = (_U(a) * _U(0x9E3779B97F4A7C15)) ^ (_U(b) * _U(0xC2B2AE3D27D4EB4F))
                at = np.int64((mixed ^ (mixed >> _U(29))) * _U(0x9E3779B97F4A7C15) >> _U(20)) & (size - 1)
                while slots[at] >= 0 and (ands[slots[at], 0] != a or ands[slots[at], 1] != b):
                    at = (at + 1) & (size - 1)
                if slots[at] < 0:
                    slots[at] = count
                    ands[count, 0], ands[count, 1] = a, b
                    count += 1
                found = 2 * (first + slots[at])
            local[1 + pins + k - and_start[t]] = found
        for k in range(out_start[t + 1] - out_start[t]):
            o = template_outs[out_start[t] + k]
            literal[out_place[g] + k] = local[o >> 1] ^ (o & 1)
    return count


# --- On lists --------------------------------------------------------------------------------------------------------

Template = tuple[list[tuple[int, int]], list[int]]


def structures(tables: Sequence[tuple[int, ...]], inputs: int) -> list[Template]:
    """Return the ANDs of complete tables and the literals of their outputs: many :func:`covers.table_structure`."""
    ones = np.array([repeated(entries) for entries in tables], np.uint64)
    joins = np.zeros((len(tables), 3**inputs), np.uint8)
    pins, fills = np.zeros_like(joins), np.zeros(len(tables), np.uint64)
    cover(ones, ~ones, inputs, joins, pins, fills)
    found = []
    for join, pin in zip(joins.tolist(), pins.tolist(), strict=True):
        ands, out = structure(lambda cube: (join[cube], pin[cube]), inputs)  # noqa: B023  (used at once)
        found.append((ands, [out]))
    return found


def _flat(parts: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return lists as one array and where each starts."""
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)])
    return starts, np.array([x for part in parts for x in part], np.int64)


def lowered(
    gates: Sequence[tuple[int, int, list[int]]], templates: Sequence[Template], literal: Sequence[int], first: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ANDs (ands, 2) of instances of templates and the literals of all bits: see :func:`instantiate`."""
    sizes = [len(ands) for ands, _ in templates]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    pairs = np.array([pair for ands, _ in templates for pair in ands], np.int64).reshape(-1, 2)
    out_start, outs = _flat([outputs for _, outputs in templates])
    fanin_start, fanin = _flat([reads for _, _, reads in gates])
    chosen = np.array([template for template, _, _ in gates], np.int32)
    places, known = np.array([place for _, place, _ in gates], np.int64), np.array(literal, np.int64)
    ands = np.empty((int(np.array(sizes)[chosen].sum()), 2), np.int64)
    count = instantiate(chosen, fanin_start, fanin, places, starts, pairs, out_start, outs, known, first, ands)
    return ands[:count], known
