"""The text of a gate, recorded from the gate's own row: of bits by ``& | ^ ~``, of words by integer arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from circuits.algebra import INTERVALS, Algebra, Interval, interval
from circuits.arithmetic import INT64
from circuits.gates import GATE

# --- Bits ------------------------------------------------------------------------------------------------------------


class Text:
    """A term that records itself as text; parentheses where two different operators meet."""

    __slots__ = ("operations", "sign", "text")

    def __init__(self, text: str, sign: str = "", operations: int = 0) -> None:
        self.text, self.sign, self.operations = text, sign, operations

    def _beside(self, sign: str) -> str:
        return f"({self.text})" if self.sign and self.sign != sign else self.text

    def _two(self, sign: str, other: Text) -> Text:
        text = f"{self._beside(sign)} {sign} {other._beside(sign)}"
        return Text(text, sign, self.operations + other.operations + 1)

    def __and__(self, other: Text) -> Text:
        return self._two("&", other)

    def __or__(self, other: Text) -> Text:
        return self._two("|", other)

    def __xor__(self, other: Text) -> Text:
        return self._two("^", other)

    def __invert__(self) -> Text:
        return Text(f"~{self._beside('~')}", "", self.operations)


@lru_cache(maxsize=1 << 16)
def template(op: str, params: tuple[int, ...], zero: str, ones: str) -> Text:
    """Return a gate's expression, with ``{0}``, ``{1}``, ... for its fan-ins.

    Args:
        op: a row of the gate table.
        params: its parameters.
        zero: how the language writes the constant 0.
        ones: how it writes the constant 1; a row never has a constant within an expression.
    """
    row = GATE[op]
    made: Text = row.forward([Text(f"{{{k}}}") for k in range(row.arity)], params, Text(zero))
    return Text(ones) if made.text == f"~{zero}" else made


# --- Words -----------------------------------------------------------------------------------------------------------

V = Any  # a phrase, or a Python integer, which stands for its constant

CHOICE, EQUALITY, ORDER, SHIFT, SUM, PRODUCT, UNARY, ATOM = range(8)
"""How strongly an expression holds together, in C as in Verilog."""


class Phrase:
    """An integer that records itself as text; what its range shows to be one number becomes that number.

    Attributes:
        language: the algebra that spells it.
        text: the expression.
        level: how strongly it holds together: from CHOICE to ATOM.
        range: what it can be.
        signed: whether the language takes it for signed.
        truth: a comparison, whose text stands alone.
    """

    __slots__ = ("language", "level", "range", "signed", "text", "truth")

    def __init__(
        self, language: Texts, text: str, level: int, range: Interval, *, signed: bool = True, truth: bool = False
    ) -> None:
        self.language, self.text, self.level, self.range = language, text, level, range
        self.signed, self.truth = signed, truth

    def __add__(self, other: V) -> V:
        if isinstance(other, int) and INT64[0] < other <= 0:
            return self - -other if other else self
        return self.language.joined(self, "+", SUM, other, self.range + _range(other))

    def __radd__(self, other: int) -> V:
        return self.language.joined(other, "+", SUM, self, self.range + other) if other else self

    def __sub__(self, other: V) -> V:
        if isinstance(other, int) and INT64[0] < other <= 0:
            return self + -other if other else self
        return self.language.joined(self, "-", SUM, other, self.range - _range(other))

    def __rsub__(self, other: int) -> V:
        if other == 0:
            return -self
        if other == 1 and self.truth:
            return Phrase(self.language, f"!({self.text})", UNARY, 1 - self.range, signed=self.signed, truth=True)
        return self.language.joined(other, "-", SUM, self, other - self.range)

    def __neg__(self) -> V:
        return self.language.negative(self)

    def __mul__(self, other: V) -> V:
        if isinstance(other, int) and -1 <= other <= 1:
            return 0 if not other else self if other > 0 else -self
        return self.language.joined(self, "*", PRODUCT, other, self.range * _range(other))

    def __lshift__(self, amount: int) -> V:
        return self.language.shifted_left(self, amount) if amount else self

    def __rshift__(self, amount: int) -> V:
        return self.language.shifted_right(self.language.named(self), amount) if amount else self

    __rmul__ = __mul__


def _range(value: V) -> Interval:
    return value.range if isinstance(value, Phrase) else interval(value)


class Texts(Algebra):
    """The algebra of texts: what is computed becomes an expression, and statements that name parts of it.

    Sums, products, shifts to the left and choices may be cut to any width before or after; everything else reads named
    parts, and a name holds the whole of its value.
    """

    def __init__(self) -> None:
        self.statements: list[str] = []
        self._named: dict[str, Phrase] = {}

    # what a language says

    def constant(self, value: int, signed: bool) -> str:
        """Return an integer as the language writes it among operands that are signed or not."""
        raise NotImplementedError

    def declare(self, phrase: Phrase) -> Phrase:
        """Add a statement that names a value."""
        raise NotImplementedError

    def read(self, phrase: Phrase, signed: bool) -> Phrase:
        """Return a value as an operand of arithmetic that is signed or not."""
        raise NotImplementedError

    def signed(self, *values: V) -> bool:
        """Tell whether arithmetic on these values is signed."""
        return True

    def shifted_left(self, x: Phrase, amount: int) -> V:
        """Return x * 2**amount."""
        raise NotImplementedError

    def shifted_right(self, x: Phrase, amount: int) -> V:
        """Return x / 2**amount, rounded down, of a named value."""
        raise NotImplementedError

    def table(self, entries: Sequence[int], x: Phrase) -> Phrase:
        """Return ``entries[x]`` of a named value."""
        raise NotImplementedError

    # what all say alike

    def named(self, value: V) -> V:
        """Return a value that may be read again and again: a number, a name."""
        if isinstance(value, int) or value.level == ATOM:
            return value
        found = self._named.get(value.text)
        if found is None:
            found = self._named[value.text] = self.declare(value)
        return found

    def operand(self, value: V, signed: bool, level: int) -> str:
        """Return a value as operand of something that holds together as strongly as ``level``."""
        if isinstance(value, int):
            text, own = self.constant(value, signed), UNARY if value < 0 else ATOM
        else:
            phrase = self.read(value, signed)
            text, own = phrase.text, phrase.level
        return text if own >= level else f"({text})"

    def joined(self, x: V, sign: str, level: int, y: V, range: Interval, *, truth: bool = False) -> V:
        """Return two operands with an operator between."""
        if range.lo == range.hi:
            return range.lo
        signed = self.signed(x, y)
        text = f"{self.operand(x, signed, level)} {sign} {self.operand(y, signed, level + 1)}"
        return Phrase(self, text, level, range, signed=signed and not truth, truth=truth)

    def negative(self, x: Phrase) -> V:
        """Return -x."""
        signed = self.signed(x)
        return Phrase(self, f"-{self.operand(x, signed, ATOM)}", UNARY, -x.range, signed=signed)

    def less(self, x: V, y: V) -> V:
        """Return [x < y]."""
        range = INTERVALS.less(_range(x), _range(y))
        if range.lo == range.hi:
            return range.lo
        x, y = self.named(x), self.named(y)
        if isinstance(x, int):
            return self.joined(y, ">", ORDER, x, range, truth=True)
        return self.joined(x, "<", ORDER, y, range, truth=True)

    def equal(self, x: V, y: V) -> V:
        """Return [x = y]."""
        range = INTERVALS.equal(_range(x), _range(y))
        if range.lo == range.hi:
            return range.lo
        x, y = self.named(x), self.named(y)
        return self.joined(x, "==", EQUALITY, y, range, truth=True)

    def where(self, condition: V, x: V, y: V) -> V:
        """Return x where the condition is 1 and y where it is 0."""
        if isinstance(condition, int):
            return x if condition else y
        range, signed = INTERVALS.where(condition.range, _range(x), _range(y)), self.signed(x, y)
        if range.lo == range.hi:
            return range.lo
        test = condition.text if condition.level > CHOICE else f"({condition.text})"
        text = f"{test} ? {self.operand(x, signed, CHOICE + 1)} : {self.operand(y, signed, CHOICE)}"
        return Phrase(self, text, CHOICE, range, signed=signed)

    def take(self, entries: Sequence[int], x: V) -> V:
        """Return ``entries[x]``."""
        if isinstance(x, int):
            return entries[x]
        return entries[0] if len(set(entries)) == 1 else self.table(entries, self.named(x))

    def minimum(self, x: V, y: V) -> V:
        """Return the lesser value."""
        known = self._ordered(x, y)
        return known[0] if known else self._tight(super().minimum, x, y, INTERVALS.minimum)

    def maximum(self, x: V, y: V) -> V:
        """Return the greater value."""
        known = self._ordered(x, y)
        return known[1] if known else self._tight(super().maximum, x, y, INTERVALS.maximum)

    def _ordered(self, x: V, y: V) -> tuple[V, V] | None:
        """Return the lesser and the greater value if the ranges tell."""
        p, q = _range(x), _range(y)
        return (x, y) if p.hi <= q.lo else (y, x) if q.hi <= p.lo else None

    def _tight(self, choose: Callable[[V, V], V], x: V, y: V, ranged: Callable[[V, V], Interval]) -> V:
        """Return a choice between two values, with the range it has, which is less than that of its arms."""
        found = choose(self.named(x), self.named(y))
        return Phrase(self, found.text, found.level, ranged(_range(x), _range(y)), signed=found.signed)
