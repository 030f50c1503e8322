"""Hypothesis strategies: random circuits over all gate rows, random words and random tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from circuits.circuit import Builder, Circuit
from circuits.gates import BIT_GATES, Gate
from circuits.table import TruthTable, complete_table, sampled_table
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
