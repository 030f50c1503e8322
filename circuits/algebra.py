"""Where a word gate is evaluated: one definition of a gate runs on integers, on arrays, on ranges, on anything here.

A word row computes by ``+ - *``, ``<< >>`` by a constant, and by what an :class:`Algebra` offers beside them. Truth
values are the numbers 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from circuits.wires import Word

V = Any  # a value of the algebra; a Python int stands for its constant


class Algebra:
    """Python integers: the oracle of all others."""

    def less(self, x: V, y: V) -> V:
        """Return [x < y]."""
        return int(x < y)

    def equal(self, x: V, y: V) -> V:
        """Return [x = y]."""
        return int(x == y)

    def where(self, condition: V, x: V, y: V) -> V:
        """Return x where the condition is 1 and y where it is 0."""
        return x if condition else y

    def take(self, entries: Sequence[int], x: V) -> V:
        """Return ``entries[x]``; x is never out of range."""
        return entries[x]

    def minimum(self, x: V, y: V) -> V:
        """Return the lesser value."""
        return self.where(self.less(y, x), y, x)

    def maximum(self, x: V, y: V) -> V:
        """Return the greater value."""
        return self.where(self.less(x, y), y, x)

    def wrapped(self, x: V, word: Word) -> V:
        """Return the value of the type that is congruent to x modulo 2**bits."""
        return word.fit(x)


INTEGERS = Algebra()


def fitted(x: V, word: Word, o: Algebra) -> V:
    """Return what a wire of the type stores for an exact result: wrapped, or the nearest value in range."""
    return o.minimum(o.maximum(x, word.lo), word.hi) if word.saturate else o.wrapped(x, word)


class Arrays(Algebra):
    """Arrays of integers of a namespace with ``where`` and ``asarray``: numpy, torch.

    Values are int64, whose overflow wraps, or (numpy) Python integers of dtype object, which have none.
    """

    def __init__(self, namespace: Any) -> None:
        self.namespace = namespace

    def less(self, x: V, y: V) -> V:
        """Return [x < y]."""
        return (x < y) * 1

    def equal(self, x: V, y: V) -> V:
        """Return [x = y]."""
        return (x == y) * 1

    def where(self, condition: V, x: V, y: V) -> V:
        """Return x where the condition is 1 and y where it is 0."""
        return self.namespace.where(condition != 0, x, y)

    def take(self, entries: Sequence[int], x: V) -> V:
        """Return ``entries[x]``."""
        return self.namespace.asarray(entries)[x]

    def wrapped(self, x: V, word: Word) -> V:
        """Return the value of the type that is congruent to x modulo 2**bits."""
        if word.bits == 64 and str(getattr(x, "dtype", None)) != "object":
            return x
        low = x & (2 * word.hi + 1 if word.signed else word.hi)
        return low - ((low & -word.lo) << 1) if word.signed else low


class Interval:
    """Every integer in lo..hi; ``peak`` is the range of all values met on the way to it."""

    __slots__ = ("hi", "lo", "peak")

    def __init__(self, lo: int, hi: int, *parts: Interval) -> None:
        self.lo, self.hi = lo, hi
        self.peak: tuple[int, int] = min([lo, *(p.peak[0] for p in parts)]), max([hi, *(p.peak[1] for p in parts)])

    def __repr__(self) -> str:
        return f"Interval({self.lo}, {self.hi})"

    def __add__(self, other: V) -> Interval:
        y = interval(other)
        return Interval(self.lo + y.lo, self.hi + y.hi, self, y)

    def __neg__(self) -> Interval:
        return Interval(-self.hi, -self.lo, self)

    def __sub__(self, other: V) -> Interval:
        y = interval(other)
        return Interval(self.lo - y.hi, self.hi - y.lo, self, y)

    def __rsub__(self, other: V) -> Interval:
        return interval(other) - self

    def __mul__(self, other: V) -> Interval:
        y = interval(other)
        ends = [p * q for p in (self.lo, self.hi) for q in (y.lo, y.hi)]
        return Interval(min(ends), max(ends), self, y)

    def __lshift__(self, amount: int) -> Interval:
        return Interval(self.lo << amount, self.hi << amount, self)

    def __rshift__(self, amount: int) -> Interval:
        return Interval(self.lo >> amount, self.hi >> amount, self)

    __radd__, __rmul__ = __add__, __mul__


def interval(value: V) -> Interval:
    """Return a value as an interval; a number is one of a single element, a type all it holds."""
    if isinstance(value, Interval):
        return value
    return Interval(value.lo, value.hi) if isinstance(value, Word) else Interval(value, value)


class Intervals(Algebra):
    """Ranges: what a gate's exact result can be, and what lies on the way to it."""

    def less(self, x: V, y: V) -> V:
        """Return the range of [x < y]."""
        x, y = interval(x), interval(y)
        return Interval(int(x.hi < y.lo), int(x.lo < y.hi), x, y)

    def equal(self, x: V, y: V) -> V:
        """Return the range of [x = y]."""
        x, y = interval(x), interval(y)
        return Interval(int(x.lo == x.hi == y.lo == y.hi), int(x.lo <= y.hi and y.lo <= x.hi), x, y)

    def where(self, condition: V, x: V, y: V) -> V:
        """Return the range of both, or of the one that is always chosen."""
        c, x, y = interval(condition), interval(x), interval(y)
        chosen = [v for v, possible in ((x, c.hi), (y, not c.lo)) if possible]
        return Interval(min(v.lo for v in chosen), max(v.hi for v in chosen), c, x, y)

    def take(self, entries: Sequence[int], x: V) -> V:
        """Return the range of the entries that x can point at."""
        part = entries[x.lo : x.hi + 1]
        return Interval(min(part), max(part), x)

    def minimum(self, x: V, y: V) -> V:
        """Return the range of the lesser value."""
        x, y = interval(x), interval(y)
        return Interval(min(x.lo, y.lo), min(x.hi, y.hi), x, y)

    def maximum(self, x: V, y: V) -> V:
        """Return the range of the greater value."""
        x, y = interval(x), interval(y)
        return Interval(max(x.lo, y.lo), max(x.hi, y.hi), x, y)


INTERVALS = Intervals()
