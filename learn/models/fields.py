"""Inversion in a finite field, found in a table and built over a tower of subfields.

An element of GF(2**n), n a power of two, is a natural below 2**n. Its halves are its coordinates over GF(2**(n/2)) in
a normal basis (Y**q, Y), Y**q + Y = 1 and Y**(q+1) = nu, as in Canright (2005), doi 10.1007/11545262_32. Everything
linear is left open until the end: a wire is a set of generators, the inputs and the AND gates, and pairs of generators
that many sets have are added once (Paar 1997, doi 10.1109/ISIT.1997.613165).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from circuits.circuit import Builder
from learn.models.structure import tree_of

Integers = NDArray[np.int64]
Tower = tuple[int, ...]
"""The norm nu of each extension, from that of GF(2) to the last."""
Form = int
"""A sum of generators: bit g of it is set where it has generator g."""


def times(a: int, b: int, norms: Tower) -> int:
    """Multiply two elements of the field that a tower ends in."""
    if not norms:
        return a & b
    half = 1 << len(norms) - 1
    low = (1 << half) - 1
    below = norms[:-1]
    (a1, a0), (b1, b0) = divmod(a, low + 1), divmod(b, low + 1)
    both = times(times(a1 ^ a0, b1 ^ b0, below), norms[-1], below)
    return (times(a1, b1, below) ^ both) << half | times(a0, b0, below) ^ both


@cache
def towers(height: int) -> tuple[Tower, ...]:
    """Return all towers of so many quadratic extensions of GF(2)."""
    if not height:
        return ((),)
    return tuple(
        (*below, norm)
        for below in towers(height - 1)
        for norm in range(1 << (1 << height - 1))
        if all(times(y, y, below) ^ y != norm for y in range(1 << (1 << height - 1)))  # y * y + y + norm has no root
    )


@cache
def inverses(norms: Tower) -> Integers:
    """Return the inverse of every element, 0 for 0: int64 (elements,)."""
    bits = 1 << len(norms)
    found = [(1 << bits) - 1] * (1 << bits)  # one, whose coordinates are all one
    for a in range(1 << bits):
        square = a
        for _ in range(bits - 1):  # the inverse is the power 2**bits - 2 = 2 + 4 + 8 + ...
            square = times(square, square, norms)
            found[a] = times(found[a], square, norms)
    return np.array(found)


@cache
def bases(norms: Tower) -> list[tuple[Integers, Integers]]:
    """Return the changes to the tower from the powers of each element that are a basis, and back: int64 (elements,)."""
    bits = 1 << len(norms)
    found = []
    for element in range(1 << bits):
        powers = [(1 << bits) - 1]
        while len(powers) < bits:
            powers.append(times(powers[-1], element, norms))
        into = _spread(0, powers)
        out = np.argsort(into)
        if np.array_equal(into[out], np.arange(1 << bits)):
            found.append((into, out))
    return found


def affine(images: Integers) -> bool:
    """Say whether a map, given by its values at all naturals below a power of two, is affine over GF(2)."""
    return np.array_equal(_spread(images[0], images[1 << np.arange(len(images).bit_length() - 1)] ^ images[0]), images)


def _spread(constant: int, columns: Sequence[int] | Integers) -> Integers:
    """Return all values of an affine map: int64 (2**len(columns),)."""
    images = np.array([constant], np.int64)
    for column in columns:
        images = np.concatenate([images, images ^ column])
    return images


def inversions(images: Integers) -> Iterator[tuple[Tower, Integers, Integers]]:
    """Yield towers over which a map is an affine map of the inverse of an affine map of its argument.

    One of the two has to be a change to the basis of the powers of an element, as fields are mostly written down.

    Args:
        images: int64 (2**bits,): the map's values.

    Yields:
        the tower, all values of the map within and all values of the map without.
    """
    bits = len(images).bit_length() - 1
    permutes = np.array_equal(np.sort(images), np.arange(len(images)))
    for norms in towers(bits.bit_length() - 1):
        inverse = inverses(norms)
        for into, out in bases(norms):
            through = out[inverse[into]]
            if affine(images[through]):
                yield norms, into, images[through][out]
            elif permutes and affine(through[images]):
                yield norms, into[through[images]], out


class _Program:
    """Products of forms, in order, the generators being the constant one, the inputs and the products."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.factors: list[tuple[Form, Form]] = []

    def times(self, a: Sequence[Form], b: Sequence[Form], norms: Tower) -> list[Form]:
        """Multiply two elements, given by the forms of their bits."""
        if not norms:
            pair = (min(a[0], b[0]), max(a[0], b[0]))
            if pair not in self.factors:
                self.factors.append(pair)
            return [1 << 1 + self.inputs + self.factors.index(pair)]
        half, below = len(a) // 2, norms[:-1]
        both = self.times(_added(a[:half], a[half:]), _added(b[:half], b[half:]), below)
        both = _linear(both, [times(1 << i, norms[-1], below) for i in range(half)], half)
        low, high = self.times(a[:half], b[:half], below), self.times(a[half:], b[half:], below)
        return _added(low, both) + _added(high, both)

    def inverse(self, a: Sequence[Form], norms: Tower) -> list[Form]:
        """Invert an element; the norm to the subfield is inverted there."""
        half, below = len(a) // 2, norms[:-1]
        if half < 2:
            return [*a[half:], *a[:half]]
        low, high = a[:half], a[half:]
        squares = [times(times(1 << i, 1 << i, below), norms[-1], below) for i in range(half)]
        norm = _added(self.times(low, high, below), _linear(_added(low, high), squares, half))
        inverted = self.inverse(norm, below)
        return self.times(inverted, high, below) + self.times(inverted, low, below)


def _added(a: Sequence[Form], b: Sequence[Form]) -> list[Form]:
    return [x ^ y for x, y in zip(a, b, strict=True)]


def _linear(a: Sequence[Form], columns: Sequence[int], bits: int) -> list[Form]:
    """Apply a linear map to so many bits, given by the images of the units, to an element."""
    found = [0] * bits
    for form, column in zip(a, columns, strict=True):
        found = [x ^ (form if column >> i & 1 else 0) for i, x in enumerate(found)]
    return found


def shared_sums(forms: Sequence[Form], new: int) -> tuple[list[tuple[int, int]], list[list[int]]]:
    """Share sums of two generators among forms, the pair that most of them have first.

    Args:
        forms: the sums wanted.
        new: the number of the first sum that becomes a generator.

    Returns:
        the pairs that become generators, and the generators of each form.
    """
    rows = [{g for g in range(form.bit_length()) if form >> g & 1} for form in forms]
    sums: list[tuple[int, int]] = []
    counts = Counter(pair for row in rows for pair in combinations(sorted(row), 2))
    while counts:
        pair, count = max(counts.items(), key=lambda item: (item[1], -item[0][1], -item[0][0]))
        if count < 2:
            break
        for row in rows:
            if row.issuperset(pair):
                counts.subtract(combinations(sorted(row), 2))
                row.difference_update(pair)
                row.add(new)
                counts.update(combinations(sorted(row), 2))
        sums.append(pair)
        new += 1
    return sums, [sorted(row) for row in rows]


def inversion(b: Builder, norms: Tower, within: Integers, without: Integers) -> list[int]:
    """Add an affine map of the inverse of an affine map of the inputs; return the wire of each bit.

    Args:
        b: the builder; its inputs are the bits of the argument.
        norms: the tower of the field.
        within: int64 (2**inputs,): all values of the map within.
        without: int64 (2**inputs,): all values of the map without.
    """
    bits = len(b.inputs)
    program = _Program(bits)
    units = 1 << np.arange(bits)

    def mapped(element: Sequence[Form], images: Integers) -> list[Form]:
        columns = [int(images[0]), *(images[units] ^ images[0]).tolist()]
        return _linear([1, *element], columns, bits)

    found = mapped(program.inverse(mapped([2 << i for i in range(bits)], within), norms), without)
    wanted = sorted({form for pair in program.factors for form in pair} | set(found))
    first = 1 + bits + len(program.factors)
    sums, rows = shared_sums([form & ~1 for form in wanted], first)
    place = {form: i for i, form in enumerate(wanted)}
    wires: dict[int, int] = {1 + i: wire for i, wire in enumerate(b.inputs)}

    def generator(g: int) -> int:
        if g not in wires:
            if g < first:
                wires[g] = b.add("and", *(sum_of(form) for form in program.factors[g - 1 - bits]))
            else:
                wires[g] = b.add("xor", *(generator(each) for each in sums[g - first]))
        return wires[g]

    def sum_of(form: Form) -> int:
        wire = tree_of(b, "xor", [generator(g) for g in rows[place[form]]])
        return b.add("not", wire) if form & 1 else wire

    return [sum_of(form) for form in found]
