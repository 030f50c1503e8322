"""Hypothesis strategies: random circuits of bits and of integer words, random packed words and random tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from circuits.arithmetic import ANY
from circuits.circuit import Builder, Circuit
from circuits.gates import BIT_GATES, GATES, Gate, misfit, param_space
from circuits.table import TruthTable, complete_table, sampled_table
from circuits.wires import BIT, MAX_BITS, Word
from circuits.words import Words, pack


def words(rows: int, count: int | tuple[int, int]) -> st.SearchStrategy[Words]:
    """Draw uint64 words of shape (rows, count), ``count`` a number or an inclusive range."""
    lo, hi = (count, count) if isinstance(count, int) else count
    return st.integers(lo, hi).flatmap(lambda n: hnp.arrays(np.uint64, (rows, n)))


@st.composite
def gates(draw: st.DrawFn, rows: Sequence[Gate] = BIT_GATES) -> tuple[Gate, tuple[int, ...]]:
    """Draw a gate row and parameters in its range."""
    row = draw(st.sampled_from(rows))
    lo, hi = row.param_range
    return row, tuple(draw(st.lists(st.integers(lo, hi), min_size=row.param_count, max_size=row.param_count)))


@st.composite
def circuits(
    draw: st.DrawFn,
    *,
    inputs: tuple[int, int] = (0, 5),
    max_gates: int = 10,
    outputs: tuple[int, int] = (0, 3),
    rows: Sequence[Gate] = BIT_GATES,
    fold: bool = False,
    fanout_free: bool = False,
) -> Circuit:
    """Draw a circuit over ``rows``; gates read any earlier wires, outputs are any wires.

    With ``fanout_free`` no wire is read twice, by gates and outputs together.
    """
    builder = Builder([f"x{i}" for i in range(draw(st.integers(*inputs)))], fold=fold)
    free = builder.inputs
    for _ in range(draw(st.integers(0, max_gates))):
        possible = [row for row in rows if row.arity <= (len(free) if fanout_free else row.arity * len(free))]
        if not possible:
            break
        row, params = draw(gates(possible))
        if row.arity:
            wires = st.sampled_from(free)
            fanin = draw(st.lists(wires, min_size=row.arity, max_size=row.arity, unique=fanout_free))
        else:
            fanin = []
        if fanout_free:
            free = [w for w in free if w not in fanin]
        free.append(builder.add(row.name, *fanin, params=params))
    lo, hi = (min(n, len(free)) if fanout_free or not free else n for n in outputs)
    driven = draw(st.lists(st.sampled_from(free), min_size=lo, max_size=hi, unique=fanout_free)) if free else []
    return builder.circuit({f"y{i}": wire for i, wire in enumerate(driven)})


@st.composite
def word_types(draw: st.DrawFn, *, bits: tuple[int, int] = (1, 8), saturate: bool = True) -> Word:
    """Draw the type of a word, its width within ``bits``; type BIT is among them where they start at 1."""
    signed = draw(st.booleans())
    width = draw(st.integers(*(min(n, MAX_BITS - (not signed)) for n in bits)))
    return Word(width, signed, saturate and draw(st.booleans()))


def integers_within(lo: int, hi: int) -> st.SearchStrategy[int]:
    """Draw an integer in lo..hi, its ends and those about 0 often."""
    special = sorted({v for v in (lo, lo + 1, -1, 0, 1, hi - 1, hi) if lo <= v <= hi})
    return st.sampled_from(special) | st.integers(lo, hi)


@st.composite
def patterns_of(draw: st.DrawFn, types: Sequence[Word], *, count: tuple[int, int] = (1, 8)) -> list[list[int]]:
    """Draw patterns: a list with a value in range for every type, extremes often."""
    return [[draw(integers_within(t.lo, t.hi)) for t in types] for _ in range(draw(st.integers(*count)))]


WORD_ROWS = tuple(gate for gate in GATES if gate.word)
MAX_TABLE_ADDRESS = 4
"""A drawn ``table`` reads an address of at most so many bits: every entry is drawn."""


def _pins(row: Gate, on_words: bool, types: Sequence[Word], word: Word) -> list[list[int]]:
    """Return the wires each fan-in of a gate may read; one list if it may have any number of them."""
    everything = list(range(len(types)))
    bits = [w for w in everything if types[w] == BIT]
    if not on_words:
        return [bits] * row.arity
    if row.name in ("popcount", "pack"):
        return [bits]
    if row.name == "mux":
        return [bits, everything, everything]
    if row.name == "table":
        return [[w for w in everything if not types[w].signed and types[w].bits <= MAX_TABLE_ADDRESS]]
    return [everything] * (1 if row.arity == ANY else row.arity)


@st.composite
def word_circuits(
    draw: st.DrawFn,
    *,
    inputs: tuple[int, int] = (1, 4),
    max_gates: int = 8,
    outputs: tuple[int, int] = (1, 3),
    bits: tuple[int, int] = (1, 8),
    rows: Sequence[Gate] | None = None,
    saturate: bool = True,
    types: Sequence[Word] | None = None,
) -> Circuit:
    """Draw a circuit of words and bits; gates read any earlier wires their row takes, outputs are any wires.

    Args:
        inputs: how many inputs there are, an inclusive range.
        max_gates: the most gates.
        outputs: how many outputs there are, an inclusive range.
        bits: the widths of words, an inclusive range; signed words have up to 64 bits, unsigned ones up to 63.
        rows: rows of the gate table; one with two faces shows either. By default all, word rows as often as others.
        saturate: whether some words saturate.
        types: the types of the inputs, instead of drawn ones.
    """
    drawn = word_types(bits=bits, saturate=saturate) | st.just(BIT)
    types = [draw(drawn) for _ in range(draw(st.integers(*inputs)))] if types is None else list(types)
    builder = Builder([f"x{i}" for i in range(len(types))], fold=False, types=types)
    for _ in range(draw(st.integers(0, max_gates))):
        row = draw(st.sampled_from(WORD_ROWS) | st.sampled_from(BIT_GATES) if rows is None else st.sampled_from(rows))
        on_words = row.word is not None and (not row.has_bits or draw(st.booleans()))
        word = draw(word_types(bits=bits, saturate=saturate and row.name != "slice")) if on_words else BIT
        if row.word and row.word.predicate and draw(st.booleans()):
            word = BIT
        pins = _pins(row, on_words, types, word)
        if not all(pins):
            continue
        if row.arity == ANY:
            pins *= draw(st.integers(1, 4))
        fanin = [draw(st.sampled_from(wires)) for wires in pins]
        read = [types[w] for w in fanin]
        lo, hi = param_space(row, read, word)
        count = row.word.count(read) if on_words and row.word else row.param_count
        params = [draw(integers_within(lo, hi)) for _ in range(count)]
        if misfit(row, read, word, params):  # a word gate that bits alone make one of bits, with other parameters
            continue
        builder.add(row.name, *fanin, params=params, type=word)
        types.append(word)
    driven = draw(st.lists(st.sampled_from(range(len(types))), min_size=outputs[0], max_size=outputs[1]))
    return builder.circuit({f"y{i}": wire for i, wire in enumerate(driven)})


@st.composite
def complete_tables(
    draw: st.DrawFn, *, inputs: tuple[int, int] = (0, 7), outputs: tuple[int, int] = (0, 3), dont_cares: bool = True
) -> TruthTable:
    """Draw a complete table, with don't-cares unless told otherwise."""
    n, m = draw(st.integers(*inputs)), draw(st.integers(*outputs))
    values = draw(hnp.arrays(np.bool_, (m, 1 << n)))
    care = pack(draw(hnp.arrays(np.bool_, (m, 1 << n)))) if dont_cares and draw(st.booleans()) else None
    return complete_table(values, inputs=n, care=care)


@st.composite
def sampled_tables(
    draw: st.DrawFn, *, inputs: tuple[int, int] = (0, 5), outputs: tuple[int, int] = (0, 3), max_patterns: int = 70
) -> TruthTable:
    """Draw a table of sampled patterns, repeats and contradictions among them."""
    n, m, count = draw(st.integers(*inputs)), draw(st.integers(*outputs)), draw(st.integers(0, max_patterns))
    x, y, care = (draw(hnp.arrays(np.bool_, (count, width))) for width in (n, m, m))
    return sampled_table(x, y, care=care)
