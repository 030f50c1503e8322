"""The word rows of the gate table: integer arithmetic, comparison and choice.

A row's ``forward`` gives the exact integer result; the type of the gate's wire then wraps or saturates it. The bit
form is the operator of :mod:`circuits.library` that computes the same.

Two derivatives, which differ only where a row is no polynomial:

reverse
    the ring reverse derivative (Cockett et al., arXiv 1910.07065): a change times the partial derivative. It is
    additive in the change over Z and over every Z/2**b. Rows that are constant almost everywhere (comparisons, shifts
    to the right, look-up in a table, argmax) are given the derivative 0; where two pieces meet (minimum, maximum, relu,
    clip) it is that of the piece that ``forward`` takes, the first among equals.
variation
    what learning follows: the same, but rows that are constant almost everywhere pass a signal by their integer
    difference within a window about the step. The window is a rectangle of the height and area of BOLD's weight
    tanh'(pi x / (2 sqrt(3 m))) (arXiv 2405.16339), m half the range of what is compared: ``reach(lo, hi)`` to each
    side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
from math import isqrt
from typing import Any, NamedTuple

from circuits import library
from circuits.algebra import Algebra, Interval
from circuits.wires import BIT, Word

V = Any  # a value of an algebra
Parts = tuple[list[V], list[V]]  # one a fan-in, one a parameter
Types = Sequence[Word]

ANY = -1
"""The arity of rows that take any number of fan-ins from one on."""

INT32 = (-(1 << 31), (1 << 31) - 1)
INT64 = (-(1 << 63), (1 << 63) - 1)
MAX_ADDRESS = 16
"""Bits of the address of a ``table``."""


class WordFace(NamedTuple):
    """What a row of the gate table is on words.

    Attributes:
        arity: number of fan-ins; ANY for any number from one on.
        forward: ``forward(x, p, o)``: the exact result, from fan-ins and parameters, in the algebra ``o``.
        blast: ``blast(builder, x, p)``: the same on two's complement lists of wires, as :mod:`circuits.library` has it.
        reverse: ``reverse(x, p, d, o)``: the ring reverse derivative at change d, (per fan-in, per parameter).
        variation: ``variation(x, p, d, o, reach)``: the signals for signal d; windows reach so far.
        count: ``count(types)``: number of parameters, from the types of the fan-ins.
        space: ``space(types, word)``: inclusive range (lo, hi) of every parameter, for a gate of type ``word``.
        accepts: ``accepts(types, word)``: nothing, or what was expected of the types.
        ring: sums, products and shifts alone: 64-bit integers, whose overflow wraps, give its result modulo 2**64.
        predicate: the result is a truth value: its wire is a bit unless another type is asked for.
        source: where the definition is stated.
    """

    arity: int
    forward: Callable[[Sequence[V], Sequence[int], Algebra], V]
    blast: Callable[..., list[int]]
    reverse: Callable[[Sequence[V], Sequence[int], V, Algebra], Parts]
    variation: Callable[[Sequence[V], Sequence[int], V, Algebra, int], Parts]
    count: Callable[[Types], int]
    space: Callable[[Types, Word], tuple[int, int]]
    accepts: Callable[[Types, Word], str]
    ring: bool
    predicate: bool
    source: str


def within_int64(exact: Interval) -> bool:
    """Tell whether a result and everything on the way to it fits a signed integer of 64 bits."""
    return INT64[0] <= exact.peak[0] and exact.peak[1] <= INT64[1]


def in_int64(face: WordFace, exact: Interval, word: Word) -> bool:
    """Tell whether 64-bit integers, whose overflow wraps, compute a gate of type ``word`` of that exact result."""
    return (face.ring and not word.saturate) or within_int64(exact)


def reach(lo: int, hi: int) -> int:
    """Return how far the window of a comparison reaches, for values in lo..hi: about 1/alpha = 2 sqrt(3 m) / pi."""
    m = (hi - lo + 1) // 2
    return max(1, isqrt(12 * m * 10_000) * 100 // 31_416)


def _none_wrong(types: Types, word: Word) -> str:
    return ""


def _face(
    arity: int,
    forward: Callable[..., V],
    blast: Callable[..., list[int]],
    reverse: Callable[..., Parts],
    *,
    variation: Callable[..., Parts] | None = None,
    count: Callable[[Types], int] = lambda types: 0,
    space: Callable[[Types, Word], tuple[int, int]] = lambda types, word: (word.lo, word.hi),
    accepts: Callable[[Types, Word], str] = _none_wrong,
    ring: bool = False,
    predicate: bool = False,
    source: str = "integer arithmetic",
) -> WordFace:
    follows = variation or (lambda x, p, d, o, near: reverse(x, p, d, o))
    return WordFace(arity, forward, blast, reverse, follows, count, space, accepts, ring, predicate, source)


def _truth(wire: int, b: Any) -> list[int]:
    """Return a truth value as a word."""
    return library.unsigned(b, [wire])


def _dot(x: Sequence[V], p: Sequence[int], o: Algebra) -> V:
    return reduce(lambda total, pair: total + pair[0] * pair[1], zip(x, p[:-1], strict=True), p[-1])


def _shift(x: Sequence[V], p: Sequence[int], o: Algebra) -> V:
    return x[0] << p[0] if p[0] >= 0 else x[0] >> -p[0]


def _rounded(d: V, amount: int) -> V:
    """Return d / 2**amount, rounded to the nearest."""
    return (d + (1 << (amount - 1))) >> amount if amount else d


def _shift_variation(x: Sequence[V], p: Sequence[int], d: V, o: Algebra, near: int) -> Parts:
    more, now = _shift(x, [p[0] + 1], o), _shift(x, p, o)
    return [d << p[0] if p[0] >= 0 else _rounded(d, -p[0])], [d * (more - now)]


def _chosen(c: V, d: V, o: Algebra) -> list[V]:
    """Return the change for what is taken where c is 0, and for what is taken where it is 1."""
    return [o.where(c, 0, d), o.where(c, d, 0)]


def _clip_blast(b: Any, x: Sequence[list[int]], p: Sequence[int]) -> list[int]:
    return library.maximum(b, library.minimum(b, x[0], library.constant(b, p[1])), library.constant(b, p[0]))


def _clip_reverse(x: Sequence[V], p: Sequence[int], d: V, o: Algebra) -> Parts:
    rest, to_lo = _chosen(o.less(o.minimum(x[0], p[1]), p[0]), d, o)
    to_x, to_hi = _chosen(o.less(p[1], x[0]), rest, o)
    return [to_x], [to_lo, to_hi]


def _within(x: V, y: V, near: int, o: Algebra) -> V:
    """Return whether x and y are at most ``near`` apart, by their difference, in 0..1."""
    return o.where(o.less(near, x - y), 0, 1 - o.less(near, y - x))


def _less_variation(x: Sequence[V], p: Sequence[int], d: V, o: Algebra, near: int) -> Parts:
    passed = o.where(_within(x[0], x[1], near, o), d, 0)
    return [-passed, passed], []


def _threshold_variation(x: Sequence[V], p: Sequence[int], d: V, o: Algebra, near: int) -> Parts:
    passed = o.where(_within(x[0], p[0], near, o), d, 0)
    return [passed], [-passed]


def _equal_variation(x: Sequence[V], p: Sequence[int], d: V, o: Algebra, near: int) -> Parts:
    towards = o.less(x[0], x[1]) - o.less(x[1], x[0])
    passed = o.where(_within(x[0], x[1], near, o), d * towards, 0)
    return [passed, -passed], []


def _table_reverse(x: Sequence[V], p: Sequence[int], d: V, o: Algebra) -> Parts:
    return [0], [o.where(o.equal(x[0], v), d, 0) for v in range(len(p))]


def _table_variation(x: Sequence[V], p: Sequence[int], d: V, o: Algebra, near: int) -> Parts:
    ahead = [after - before for before, after in pairwise(p)]
    return [d * o.take([*ahead, ahead[-1]], x[0])], _table_reverse(x, p, d, o)[1]


def _argmax(x: Sequence[V], p: Sequence[int], o: Algebra) -> V:
    best, place = x[0], 0
    for i, value in enumerate(x[1:], 1):
        later = o.less(best, value)
        best, place = o.maximum(best, value), o.where(later, i, place)
    return place


def _argmax_variation(x: Sequence[V], p: Sequence[int], d: V, o: Algebra, near: int) -> Parts:
    """Raise what may win: i takes the place of the winner w, which moves the result by i - w, if it is near it."""
    winner, best = _argmax(x, p, o), reduce(o.maximum, x)
    return [o.where(_within(value, best, near, o), d * (i - winner), 0) for i, value in enumerate(x)], []


def _all_bits(types: Types, word: Word) -> str:
    return "" if all(t == BIT for t in types) else "bits as fan-ins"


def _select_bit(types: Types, word: Word) -> str:
    return "" if types[0] == BIT else "a bit as fan-in 0"


def _address(types: Types, word: Word) -> str:
    fits = not types[0].signed and types[0].bits <= MAX_ADDRESS
    return "" if fits else f"an unsigned address of at most {MAX_ADDRESS} bits"


def _wraps(types: Types, word: Word) -> str:
    return "a type that wraps" if word.saturate else ""


def _sum(x: Sequence[V], p: Sequence[int], o: Algebra) -> V:
    return reduce(lambda total, value: total + value, x)


WORD_FACES: dict[str, WordFace] = {
    "const": _face(
        0, lambda x, p, o: p[0], lambda b, x, p: library.constant(b, p[0]), lambda x, p, d, o: ([], [d]),
        count=lambda types: 1, ring=True,
    ),
    "add": _face(
        2, lambda x, p, o: x[0] + x[1], lambda b, x, p: library.add(b, *x), lambda x, p, d, o: ([d, d], []),
        ring=True,
    ),
    "sub": _face(
        2, lambda x, p, o: x[0] - x[1], lambda b, x, p: library.subtract(b, *x), lambda x, p, d, o: ([d, -d], []),
        ring=True,
    ),
    "neg": _face(
        1, lambda x, p, o: -x[0], lambda b, x, p: library.negate(b, *x), lambda x, p, d, o: ([-d], []),
        ring=True,
    ),
    "mul": _face(
        2, lambda x, p, o: x[0] * x[1], lambda b, x, p: library.multiply(b, *x),
        lambda x, p, d, o: ([d * x[1], d * x[0]], []),
        ring=True,
    ),
    "scale": _face(
        1, lambda x, p, o: x[0] * p[0], lambda b, x, p: library.scale(b, x[0], p[0]),
        lambda x, p, d, o: ([d * p[0]], [d * x[0]]),
        count=lambda types: 1, space=lambda types, word: INT32, ring=True,
    ),
    "dot": _face(
        ANY, _dot, lambda b, x, p: library.dot(b, x, p[:-1], p[-1]),
        lambda x, p, d, o: ([d * weight for weight in p[:-1]], [*(d * value for value in x), d]),
        count=lambda types: len(types) + 1, space=lambda types, word: INT32, ring=True,
        source="weights, then a bias",
    ),
    "shift": _face(
        1, _shift, lambda b, x, p: library.shift(b, x[0], p[0]),
        lambda x, p, d, o: ([d << p[0] if p[0] >= 0 else 0], [0]),
        variation=_shift_variation, count=lambda types: 1, space=lambda types, word: (-63, 63), ring=True,
        source="times 2**amount, rounded down",
    ),
    "min": _face(
        2, lambda x, p, o: o.minimum(*x), lambda b, x, p: library.minimum(b, *x),
        lambda x, p, d, o: (_chosen(o.less(x[1], x[0]), d, o), []),
    ),
    "max": _face(
        2, lambda x, p, o: o.maximum(*x), lambda b, x, p: library.maximum(b, *x),
        lambda x, p, d, o: (_chosen(o.less(x[0], x[1]), d, o), []),
    ),
    "relu": _face(
        1, lambda x, p, o: o.maximum(x[0], 0), lambda b, x, p: library.relu(b, *x),
        lambda x, p, d, o: ([o.where(o.less(x[0], 0), 0, d)], []),
    ),
    "clip": _face(
        1, lambda x, p, o: o.maximum(o.minimum(x[0], p[1]), p[0]), _clip_blast,
        _clip_reverse, count=lambda types: 2, space=lambda types, word: INT64,
        source="lo, then hi; lo where they cross",
    ),
    "eq": _face(
        2, lambda x, p, o: o.equal(*x), lambda b, x, p: _truth(library.equal(b, *x), b),
        lambda x, p, d, o: ([0, 0], []), variation=_equal_variation, predicate=True,
        source="functional completeness over Z_n",
    ),
    "lt": _face(
        2, lambda x, p, o: o.less(*x), lambda b, x, p: _truth(library.less_than(b, *x), b),
        lambda x, p, d, o: ([0, 0], []), variation=_less_variation, predicate=True,
    ),
    "threshold": _face(
        1, lambda x, p, o: 1 - o.less(x[0], p[0]), lambda b, x, p: _truth(library.threshold(b, x[0], p[0]), b),
        lambda x, p, d, o: ([0], [0]), variation=_threshold_variation, count=lambda types: 1,
        space=lambda types, word: (types[0].lo, min(types[0].hi + 1, INT64[1])), predicate=True,
        source="[x >= level]; BOLD, arXiv 2405.16339",
    ),
    "mux": _face(
        3, lambda x, p, o: o.where(x[0], x[2], x[1]),
        lambda b, x, p: library.mux(b, x[0][0], x[1], x[2]),
        lambda x, p, d, o: ([d * (x[2] - x[1]), *_chosen(x[0], d, o)], []),
        accepts=_select_bit,
    ),
    "table": _face(
        1, lambda x, p, o: o.take(p, x[0]), lambda b, x, p: library.lookup(b, x[0][:-1], p), _table_reverse,
        variation=_table_variation, count=lambda types: 1 << types[0].bits, accepts=_address,
        source="look-up table",
    ),
    "popcount": _face(
        ANY, _sum, lambda b, x, p: library.popcount(b, [word[0] for word in x]),
        lambda x, p, d, o: ([d] * len(x), []),
        accepts=_all_bits, ring=True,
    ),
    "pack": _face(
        ANY, lambda x, p, o: _sum([value << i for i, value in enumerate(x)], p, o),
        lambda b, x, p: library.unsigned(b, [word[0] for word in x]),
        lambda x, p, d, o: ([d << i for i in range(len(x))], []),
        accepts=_all_bits, ring=True, source="bits to a word, least significant first",
    ),
    "slice": _face(
        1, lambda x, p, o: x[0] >> p[0], lambda b, x, p: library.shift(b, x[0], -p[0]),
        lambda x, p, d, o: ([0 if p[0] else d], [0]),
        variation=lambda x, p, d, o, near: ([_rounded(d, p[0])], [d * ((x[0] >> (p[0] + 1)) - (x[0] >> p[0]))]),
        count=lambda types: 1, space=lambda types, word: (0, 63), accepts=_wraps,
        source="bits of a word from one on, as many as the type has",
    ),
    "argmax": _face(
        ANY, _argmax, lambda b, x, p: library.argmax(b, x), lambda x, p, d, o: ([0] * len(x), []),
        variation=_argmax_variation, source="the first among the greatest",
    ),
}  # fmt: skip
"""Row name -> its word face; ``const`` and ``mux`` have a bit face too."""
