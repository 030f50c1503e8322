"""Products of packed Boolean matrices: 64 multiplications a word are one XOR and one population count.

A matrix of signs, -1 and +1, is packed 64 entries a ``uint64`` word, bit 1 for +1 (``circuits.words``), along the axis
that a product sums over: the left factor as rows of words, the right one as words over columns. Then

    (left @ right)[i, j] = n - 2 popcount(left word XOR right word, summed over words),

an integer without rounding. Eight columns are one vector, whose population count is one instruction where the processor
has it (``vpopcntq``) and a few otherwise: LLVM writes both from the same text. Matrices of -1, 0 and +1, the three
values of BOLD's logic, are half the difference of two of signs.

Importing this module imports numba; import it inside the function that needs it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic as _numba_intrinsic
from numpy.typing import NDArray

from circuits.words import WORD_BITS, Words, pack, word_count

Integers = NDArray[np.int32]

ROWS, VECTORS, LANES = 4, 4, 8
"""A tile is 4 rows by 4 vectors of 8 columns: its 16 sums stay in registers, and 8 words read make 16 products."""
COLUMNS = VECTORS * LANES
BLOCK = 256
"""Rows of the left factor that are multiplied while one strip of columns of the right one stays in the cache."""

_U = np.uint64
_WORD = ir.IntType(64)
_V = ir.VectorType(_WORD, LANES)
_HALF = ir.VectorType(ir.IntType(32), LANES)


def _tile(typing: Any, left: Any, at: Any, words: Any, right: Any, to: Any, columns: Any, out: Any, place: Any) -> Any:
    """Write the counts of differing bits of 4 rows and 32 columns into ``out``, int32 with ``columns`` a row."""
    wire = types.uint64
    signature = types.void(left, wire, wire, right, wire, wire, out, wire)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        left, at, words, right, to, columns, out, place = args
        zero, one = ir.Constant(_WORD, 0), ir.Constant(_WORD, 1)
        lane = ir.Constant(ir.IntType(32), 0)

        def pointer(kind: Any, array: Any, index: Any) -> Any:
            return builder.gep(context.make_array(kind)(context, builder, array).data, [index])

        kind = ir.FunctionType(_V, [_V])
        count = builder.module.globals.get("llvm.ctpop.v8i64") or ir.Function(builder.module, kind, "llvm.ctpop.v8i64")
        before = builder.block
        loop, after = builder.append_basic_block("words"), builder.append_basic_block("done")
        builder.cbranch(builder.icmp_unsigned("==", words, zero), after, loop)
        builder.position_at_end(loop)
        k = builder.phi(_WORD)
        k.add_incoming(zero, before)
        sums = [[builder.phi(_V) for _ in range(VECTORS)] for _ in range(ROWS)]
        start = builder.add(to, builder.mul(k, columns))
        places = [builder.add(start, ir.Constant(_WORD, LANES * v)) for v in range(VECTORS)]
        vectors = [
            builder.load(builder.bitcast(pointer(sig.args[3], right, index), _V.as_pointer()), align=8)
            for index in places
        ]
        added = []
        for r in range(ROWS):
            index = builder.add(builder.add(at, k), builder.mul(words, ir.Constant(_WORD, r)))
            word = builder.load(pointer(sig.args[0], left, index))
            single = builder.insert_element(ir.Constant(_V, ir.Undefined), word, lane)
            splat = builder.shuffle_vector(single, ir.Constant(_V, ir.Undefined), ir.Constant(_HALF, [0] * LANES))
            row = [
                builder.add(total, builder.call(count, [builder.xor(splat, vector)]))
                for total, vector in zip(sums[r], vectors, strict=True)
            ]
            added.append(row)
        following = builder.add(k, one)
        k.add_incoming(following, builder.block)
        for totals, row in zip(sums, added, strict=True):
            for total, value in zip(totals, row, strict=True):
                total.add_incoming(ir.Constant(_V, [0] * LANES), before)
                total.add_incoming(value, builder.block)
        end = builder.block
        builder.cbranch(builder.icmp_unsigned("<", following, words), loop, after)
        builder.position_at_end(after)
        for r in range(ROWS):
            for v in range(VECTORS):
                total = builder.phi(_V)
                total.add_incoming(ir.Constant(_V, [0] * LANES), before)
                total.add_incoming(added[r][v], end)
                added[r][v] = total
        for r in range(ROWS):
            for v in range(VECTORS):
                index = builder.add(builder.mul(columns, ir.Constant(_WORD, r)), ir.Constant(_WORD, LANES * v))
                target = builder.bitcast(pointer(sig.args[6], out, builder.add(place, index)), _HALF.as_pointer())
                builder.store(builder.trunc(added[r][v], _HALF), target, align=4)
        return context.get_dummy_value()

    return signature, generate


_count_tile: Any = _numba_intrinsic(_tile)


def _count(typing: Any, word: Any) -> Any:
    """Return the number of ones of a word."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), generate


_ones: Any = _numba_intrinsic(_count)


@njit(cache=True, nogil=True)
def differing(left: Words, right: Words, counts: Integers, first: int, last: int) -> None:
    """Count the differing bits of every row and column, of the rows ``first <= row < last``.

    Args:
        left: uint64 (rows, words), contiguous.
        right: uint64 (words, columns), contiguous.
        counts: int32 (rows, columns), written.
        first: the first row; ``last``: behind the last.
        last: see there.
    """
    words, columns = _U(left.shape[1]), _U(right.shape[1])
    rows, over, out = left.reshape(-1), right.reshape(-1), counts.reshape(-1)
    whole_rows = first + (last - first) // ROWS * ROWS
    whole_columns = right.shape[1] // COLUMNS * COLUMNS
    for block in range(first, whole_rows, BLOCK):
        for j in range(0, whole_columns, COLUMNS):
            for i in range(block, min(block + BLOCK, whole_rows), ROWS):
                place = _U(i) * columns + _U(j)
                _count_tile(rows, _U(i) * words, words, over, _U(j), columns, out, place)
    for i in range(first, last):
        for j in range(whole_columns if i < whole_rows else 0, right.shape[1]):
            total = 0
            for k in range(left.shape[1]):
                total += _ones(left[i, k] ^ right[k, j])
            counts[i, j] = total


@njit(cache=True, nogil=True)
def _pack_columns(bits: NDArray[np.bool_], words: Words) -> None:
    for i in range(bits.shape[0]):
        place = _U(i % WORD_BITS)
        for j in range(bits.shape[1]):
            words[i // WORD_BITS, j] |= _U(bits[i, j]) << place


def pack_columns(bits: NDArray[np.bool_]) -> Words:
    """Pack along the first axis: bool (n, columns) to uint64 (ceil(n / 64), columns), the tail zero."""
    words = np.zeros((word_count(len(bits)), bits.shape[1]), np.uint64)
    _pack_columns(bits, words)
    return words


def count_differing(left: Words, right: Words, *, threads: int = 1) -> Integers:
    """Return :func:`differing` of all rows, shared among threads: int32 (rows, columns)."""
    counts = np.empty((len(left), right.shape[1]), np.int32)
    share = -(-len(left) // (threads * ROWS)) * ROWS
    if threads == 1 or share >= len(left):
        differing(left, right, counts, 0, len(left))
        return counts
    with ThreadPoolExecutor(threads) as pool:
        starts = range(0, len(left), share)
        list(pool.map(lambda first: differing(left, right, counts, first, min(first + share, len(left))), starts))
    return counts


def sign_product(left: Words, right: Words, n: int, *, threads: int = 1) -> Integers:
    """Multiply two packed sign matrices.

    Args:
        left: uint64 (rows, words), signs packed along rows.
        right: uint64 (words, columns), signs packed along columns (:func:`pack_columns`).
        n: how many signs a row has; those past it are packed as 0 on both sides.
        threads: how many share the rows; the product does not depend on it.

    Returns:
        int32 (rows, columns).
    """
    return n - 2 * count_differing(left, right, threads=threads)


def ternary_product(left: NDArray[np.signedinteger], right: Words, *, threads: int = 1) -> Integers:
    """Multiply -1, 0 and +1, (rows, n), by packed signs: half the difference of two :func:`sign_product`."""
    fewer, more = (count_differing(pack(part), right, threads=threads) for part in (left > 0, left < 0))
    return more - fewer
