"""What a wire carries: a bit, or an integer word of a declared width, sign and overflow.

A bit is the unsigned word of one bit, so every word gate reads bits as the numbers 0 and 1.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from circuits.errors import CircuitError

MAX_BITS = 64
"""Every value of a wire fits a signed 64-bit integer: words have up to 64 bits, unsigned ones up to 63."""

_TEXT = re.compile(r"(?P<sign>[su])(?P<bits>[1-9][0-9]?)(?P<saturate>sat)?")


class Word(NamedTuple):
    """The type of a wire.

    Attributes:
        bits: width, 1..64 if signed, 1..63 if not.
        signed: two's complement, else a natural.
        saturate: what becomes of a result out of range: the nearest value in range; else it wraps, which makes the
            words the ring Z/2**bits.
    """

    bits: int
    signed: bool = True
    saturate: bool = False

    @property
    def lo(self) -> int:
        """The least value."""
        return -1 << (self.bits - 1) if self.signed else 0

    @property
    def hi(self) -> int:
        """The greatest value."""
        return (1 << (self.bits - self.signed)) - 1

    @property
    def code(self) -> int:
        """The type as a number 0..255; a bit is 0."""
        return (self.bits - 1) | self.signed << 6 | self.saturate << 7

    def __str__(self) -> str:
        """Return ``bit``, or ``s8``, ``u4`` with ``sat`` behind it where it saturates."""
        return "bit" if self == BIT else f"{'su'[not self.signed]}{self.bits}{'sat' * self.saturate}"

    def fit(self, value: int) -> int:
        """Return the value a wire of this type stores for an exact integer result."""
        if self.saturate:
            return min(max(value, self.lo), self.hi)
        return (value - self.lo) % (1 << self.bits) + self.lo


BIT = Word(1, signed=False)


def _possible(word: Word) -> bool:
    return 1 <= word.bits <= MAX_BITS - (not word.signed)


TYPES: tuple[Word | None, ...] = tuple(
    word if _possible(word) else None
    for code in range(256)
    for word in [Word((code & 63) + 1, bool(code >> 6 & 1), bool(code >> 7))]
)
"""Code -> type; the two codes of no type are None."""


def checked(word: Word) -> Word:
    """Return the type, its fields plain numbers and truth values.

    Raises:
        CircuitError: a width that no wire has.
    """
    plain = Word(int(word.bits), bool(word.signed), bool(word.saturate))
    if not _possible(plain):
        most = MAX_BITS - (not plain.signed)
        raise CircuitError(f"wire type: got {plain.bits} bits, expected 1..{most} for {_SIGN[plain.signed]} words")
    return plain


_SIGN = ("unsigned", "signed")


@lru_cache(maxsize=1 << 10)
def parsed(text: str) -> Word:
    """Undo ``str(type)``.

    Raises:
        CircuitError: text that names no type.
    """
    if text == "bit":
        return BIT
    match = _TEXT.fullmatch(text)
    if match is None:
        raise CircuitError(f"wire type: got {text[:20]!r}, expected bit, or s or u and a width, such as s8, u4, s16sat")
    return checked(Word(int(match["bits"]), match["sign"] == "s", match["saturate"] is not None))


def narrowest(lo: int, hi: int) -> Word:
    """Return the narrowest type for every integer in lo..hi, unsigned if there is no negative one, however wide."""
    signed = lo < 0
    return Word(max(1, max(hi, ~lo if signed else 0).bit_length() + signed), signed)


def holding(lo: int, hi: int) -> Word:
    """Return :func:`narrowest`, which a wire can have.

    Raises:
        CircuitError: numbers beyond 64 bits.
    """
    return checked(narrowest(lo, hi))
