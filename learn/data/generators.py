"""Truth tables made by arithmetic: ``adder:4``, ``majority:7``, ... GENERATORS is the table of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.table import TruthTable, complete_table
from circuits.words import pack, word_count
from learn.errors import DataError
from learn.keys import Key

Numbers = NDArray[np.int64]
Bits = dict[str, NDArray[np.bool_]]


class Generator(NamedTuple):
    """One row of the table of generators; N is the number behind the colon.

    Attributes:
        description: what the table says, for a person; ``N`` stands for the argument.
        smallest: the smallest N.
        largest: the largest N; it keeps complete tables within 20 inputs.
        operands: ``operands(n)``: operand name -> bits, in the order of the inputs, least significant bit first.
        outputs: ``outputs(n, *operands)``: output name -> its value on every pattern, from int64 (patterns,) each.
        defined: ``defined(n, *operands)``: on which patterns the outputs matter; None for all.
    """

    description: str
    smallest: int
    largest: int
    operands: Callable[[int], dict[str, int]]
    outputs: Callable[..., Bits]
    defined: Callable[..., NDArray[np.bool_]] | None = None


def _bus(name: str, values: Numbers, bits: int) -> Bits:
    """Return the lowest ``bits`` bits of numbers as outputs ``name0, name1, ...``."""
    return {f"{name}{k}": (values >> k & 1).astype(bool) for k in range(bits)}


def _pair(n: int) -> dict[str, int]:
    return {"a": n, "b": n}


def _single(n: int) -> dict[str, int]:
    return {"x": n}


def _ones(x: Numbers) -> Numbers:
    return np.bitwise_count(x).astype(np.int64)


def _compare(n: int, a: Numbers, b: Numbers) -> Bits:
    return {"eq": a == b, "lt": a < b, "gt": a > b}


def _divide(n: int, a: Numbers, b: Numbers) -> Bits:
    divisor = np.maximum(b, 1)  # what is returned for 0 is a don't-care
    return _bus("q", a // divisor, n) | _bus("r", a % divisor, n)


def _root(n: int, x: Numbers) -> Bits:
    # Doubles hold these numbers exactly and their root is correctly rounded, so the floor is right.
    return _bus("r", np.sqrt(x).astype(np.int64), -(-n // 2))


def _random(n: int, x: Numbers) -> Bits:
    words = Key(0, ("random", n)).words(word_count(1 << n)).astype("<u8")
    return {"y": np.unpackbits(words.view(np.uint8), count=1 << n, bitorder="little").astype(bool)}


GENERATORS: dict[str, Generator] = {
    "adder": Generator(
        "s = a + b: two N-bit numbers, N + 1 bits out", 1, 10, _pair,
        lambda n, a, b: _bus("s", a + b, n + 1),
    ),
    "subtractor": Generator(
        "d = a - b modulo 2^N, and the borrow", 1, 10, _pair,
        lambda n, a, b: _bus("d", a - b, n) | {"borrow": a < b},
    ),
    "multiplier": Generator(
        "p = a * b: two N-bit numbers, 2N bits out", 1, 10, _pair,
        lambda n, a, b: _bus("p", a * b, 2 * n),
    ),
    "divider": Generator(
        "q = a / b and the rest r of two N-bit numbers; nothing is asked where b = 0", 1, 10, _pair,
        _divide, lambda n, a, b: b != 0,
    ),
    "square": Generator(
        "p = x * x of an N-bit number, 2N bits out", 1, 20, _single,
        lambda n, x: _bus("p", x * x, 2 * n),
    ),
    "square_root": Generator("r = square root of an N-bit number, rounded down", 1, 20, _single, _root),
    "comparator": Generator("eq, lt, gt: how two N-bit numbers a and b compare (2N inputs)", 1, 10, _pair, _compare),
    "parity": Generator(
        "y = exclusive or of N bits", 1, 20, _single,
        lambda n, x: {"y": _ones(x) % 2 == 1},
    ),
    "majority": Generator(
        "y = 1 where more than half of N bits are 1", 1, 20, _single,
        lambda n, x: {"y": 2 * _ones(x) > n},
    ),
    "popcount": Generator(
        "c = how many of N bits are 1", 1, 20, _single,
        lambda n, x: _bus("c", _ones(x), n.bit_length()),
    ),
    "sorter": Generator(
        "y = N bits sorted, the ones first", 1, 20, _single,
        lambda n, x: {f"y{k}": _ones(x) > k for k in range(n)},
    ),
    "decoder": Generator(
        "y = 2^N lines, the one numbered x is 1", 1, 8, _single,
        lambda n, x: {f"y{k}": x == k for k in range(1 << n)},
    ),
    "multiplexer": Generator(
        "y = the one of 2^N data bits d that the N bits of s name", 1, 4, lambda n: {"s": n, "d": 1 << n},
        lambda n, s, d: {"y": (d >> s & 1).astype(bool)},
    ),
    "random": Generator(
        "y = a fixed pseudorandom function of N bits: the words of Key(0, ('random', N))", 1, 20, _single, _random,
    ),
}  # fmt: skip


def generate(name: str, n: int) -> TruthTable:
    """Make the complete table of a generator.

    Raises:
        DataError: an unknown generator, or an argument outside its range.
    """
    row = GENERATORS.get(name)
    if row is None:
        raise DataError(f"generator: got {name!r}, expected one of {', '.join(GENERATORS)}")
    if not row.smallest <= n <= row.largest:
        raise DataError(f"{name}:{n}: expected a number in {row.smallest}..{row.largest}, as in {name}:{row.smallest}")
    widths = row.operands(n)
    inputs = sum(widths.values())
    pattern = np.arange(1 << inputs, dtype=np.int64)
    shifts = [sum(list(widths.values())[:k]) for k in range(len(widths))]
    values = [pattern >> shift & (1 << bits) - 1 for shift, bits in zip(shifts, widths.values(), strict=True)]
    outputs = row.outputs(n, *values)
    packed = np.stack([pack(bits) for bits in outputs.values()])
    care = None if row.defined is None else np.broadcast_to(pack(row.defined(n, *values)), packed.shape)
    return complete_table(
        packed,
        inputs=inputs,
        care=care,
        input_names=tuple(f"{name}{k}" for name, bits in widths.items() for k in range(bits)),
        output_names=tuple(outputs),
        name=f"{name}{n}",
    )
