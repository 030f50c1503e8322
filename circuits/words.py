"""Packed patterns: 64 patterns per ``uint64`` word, pattern ``i`` is bit ``i % 64`` of word ``i // 64``.

Bits past the last pattern (the tail) are always zero in arrays this package hands out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Words = NDArray[np.uint64]
WORD_BITS = 64
FULL = np.uint64(0xFFFFFFFFFFFFFFFF)

# Words of the first six variables of a complete truth table: variable k alternates every 2**k patterns.
_SMALL = tuple(
    np.uint64(sum(1 << i for i in range(WORD_BITS) if i >> k & 1))
    for k in range(6)
)  # fmt: skip


def word_count(patterns: int) -> int:
    """Return how many words hold ``patterns`` bits."""
    return -(-patterns // WORD_BITS)


def tail_mask(patterns: int) -> np.uint64:
    """Return the mask of the valid bits in the last word of ``patterns`` bits."""
    rest = patterns % WORD_BITS
    return FULL if rest == 0 else np.uint64((1 << rest) - 1)


def mask_words(patterns: int) -> Words:
    """Return a word vector with exactly the first ``patterns`` bits set."""
    words = np.full(word_count(patterns), FULL, np.uint64)
    if patterns:
        words[-1] = tail_mask(patterns)
    return words


def pack(bits: ArrayLike) -> Words:
    """Pack 0/1 values along the last axis.

    Args:
        bits: array of bool or 0/1 integers, shape (..., patterns).

    Returns:
        uint64 array, shape (..., ceil(patterns / 64)), tail zero.
    """
    values = np.asarray(bits, bool)
    patterns = values.shape[-1]
    packed = np.packbits(values, axis=-1, bitorder="little")
    padding = word_count(patterns) * 8 - packed.shape[-1]
    packed = np.pad(packed, [(0, 0)] * (packed.ndim - 1) + [(0, padding)])
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64, copy=False)


def unpack(words: Words, patterns: int) -> NDArray[np.bool_]:
    """Undo :func:`pack`: shape (..., words) to bool (..., patterns)."""
    octets = np.ascontiguousarray(words, "<u8").view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=patterns, bitorder="little").astype(bool)


def popcount(words: Words) -> NDArray[np.int64]:
    """Count the set bits along the last axis: uint64 (..., words) to int64 (...)."""
    return np.bitwise_count(words).sum(axis=-1, dtype=np.int64)


def mixed_words(rows: int, words: int, start: int = 0) -> Words:
    """Return fixed, well mixed words: SplitMix64 of their position (Steele, Lea and Flood 2014).

    They probe a circuit where not every pattern can be tried; nothing is drawn, so every call gives the same.

    Args:
        rows: how many rows.
        words: words a row.
        start: position of the first word.

    Returns:
        uint64 (rows, words).
    """
    z = np.arange(1 + start, 1 + start + rows * words, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return (z ^ z >> np.uint64(31)).reshape(rows, words)


def enumerate_inputs(inputs: int, start: int = 0, patterns: int | None = None) -> Words:
    """Return the input words of a complete truth table: pattern ``i`` assigns bit ``k`` of ``i`` to input ``k``.

    Args:
        inputs: number of inputs.
        start: first pattern, a multiple of 64.
        patterns: how many patterns, default all ``2**inputs``.

    Returns:
        uint64 (inputs, ceil(patterns / 64)), tail zero.
    """
    if patterns is None:
        patterns = 1 << inputs
    index = np.arange(start // WORD_BITS, start // WORD_BITS + word_count(patterns), dtype=np.uint64)
    rows = np.empty((inputs, len(index)), np.uint64)
    for k in range(inputs):
        rows[k] = _SMALL[k] if k < 6 else np.where(index >> np.uint64(k - 6) & np.uint64(1), FULL, np.uint64(0))
    return rows & mask_words(patterns)
