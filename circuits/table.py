"""TruthTable: what a circuit should do, on every input pattern or on a sample of them, with don't-cares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuits.errors import TableError
from circuits.words import Words, enumerate_inputs, mask_words, pack, popcount, unpack, word_count

MAX_COMPLETE_INPUTS = 20
"""Complete tables are stored whole up to this many inputs (2**20 patterns, 128 KiB an output)."""


@dataclass(frozen=True, eq=False)
class TruthTable:
    """Patterns and the outputs wanted for them, packed 64 patterns a word.

    Attributes:
        inputs: uint64 (inputs, words): the input patterns.
        outputs: uint64 (outputs, words): the wanted values; 0 where there is no care.
        care: uint64 (outputs, words): 1 where the value matters.
        patterns: how many patterns.
        complete: every input pattern occurs, pattern i being the number i (input 0 its least significant bit).
        input_names: one a input.
        output_names: one an output.
        name: a name for reports.
    """

    inputs: Words
    outputs: Words
    care: Words
    patterns: int
    complete: bool
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    name: str = "table"

    @property
    def num_inputs(self) -> int:
        """Number of inputs."""
        return len(self.input_names)

    @property
    def num_outputs(self) -> int:
        """Number of outputs."""
        return len(self.output_names)

    @property
    def fully_specified(self) -> bool:
        """Whether every output of every input pattern is given: the table defines one function."""
        return self.complete and bool(np.all(self.care == mask_words(self.patterns)))

    def __eq__(self, other: object) -> bool:
        """Compare patterns, wanted values, cares and names."""
        if not isinstance(other, TruthTable):
            return NotImplemented
        return (self.patterns, self.complete, self.input_names, self.output_names) == (
            other.patterns,
            other.complete,
            other.input_names,
            other.output_names,
        ) and all(np.array_equal(getattr(self, f), getattr(other, f)) for f in ("inputs", "outputs", "care"))

    __hash__ = None  # type: ignore[assignment]  # arrays inside


def default_names(prefix: str, count: int) -> tuple[str, ...]:
    """Return ``prefix0, prefix1, ...``."""
    return tuple(f"{prefix}{i}" for i in range(count))


def complete_table(
    outputs: ArrayLike | Words,
    *,
    inputs: int,
    care: Words | None = None,
    input_names: tuple[str, ...] | None = None,
    output_names: tuple[str, ...] | None = None,
    name: str = "table",
) -> TruthTable:
    """Make a complete table.

    Args:
        outputs: packed uint64 (outputs, words), or 0/1 values (outputs, 2**inputs).
        inputs: number of inputs, at most 20.
        care: packed like ``outputs``; default everything matters.

    Raises:
        TableError: too many inputs, or a shape that does not fit.
    """
    if not 0 <= inputs <= MAX_COMPLETE_INPUTS:
        raise TableError(
            f"complete table: got {inputs} inputs, expected 0..{MAX_COMPLETE_INPUTS}; give sampled patterns"
        )
    patterns = 1 << inputs
    wanted = np.asarray(outputs)
    if wanted.dtype != np.uint64:
        if wanted.ndim != 2 or wanted.shape[1] != patterns:
            raise TableError(f"complete table: got shape {wanted.shape}, expected (outputs, {patterns})")
        wanted = pack(wanted)
    if wanted.ndim != 2 or wanted.shape[1] != word_count(patterns):
        raise TableError(f"complete table: got {wanted.shape} words, expected (outputs, {word_count(patterns)})")
    mask = mask_words(patterns)
    care = np.broadcast_to(mask, wanted.shape).copy() if care is None else care & mask
    return TruthTable(
        enumerate_inputs(inputs),
        wanted & care,
        care,
        patterns,
        True,
        input_names or default_names("x", inputs),
        output_names or default_names("y", len(wanted)),
        name,
    )


def sampled_table(
    inputs: ArrayLike,
    outputs: ArrayLike,
    *,
    care: ArrayLike | None = None,
    input_names: tuple[str, ...] | None = None,
    output_names: tuple[str, ...] | None = None,
    name: str = "table",
) -> TruthTable:
    """Make a table from sampled patterns.

    Args:
        inputs: 0/1 values (patterns, inputs).
        outputs: 0/1 values (patterns, outputs).
        care: 0/1 values like ``outputs``; default everything matters.

    Raises:
        TableError: shapes that do not fit together.
    """
    x, y = np.asarray(inputs, bool), np.asarray(outputs, bool)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise TableError(f"sampled table: got inputs {x.shape} and outputs {y.shape}, expected (patterns, ...) both")
    c = np.ones_like(y) if care is None else np.asarray(care, bool)
    if c.shape != y.shape:
        raise TableError(f"sampled table: got care {c.shape}, expected {y.shape}")
    return TruthTable(
        pack(x.T),
        pack((y & c).T),
        pack(c.T),
        len(x),
        False,
        input_names or default_names("x", x.shape[1]),
        output_names or default_names("y", y.shape[1]),
        name,
    )


def joined(tables: list[TruthTable]) -> TruthTable:
    """Join tables of one function: their patterns in order; a single table comes back as it is.

    Raises:
        TableError: they differ in the number of inputs or outputs.
    """
    if len(tables) == 1:
        return tables[0]
    first = tables[0]
    for t in tables[1:]:
        if (t.num_inputs, t.num_outputs) != (first.num_inputs, first.num_outputs):
            raise TableError(
                f"{t.name}: has {t.num_inputs} inputs and {t.num_outputs} outputs, expected "
                f"{first.num_inputs} and {first.num_outputs} as {first.name} has; join tables of one function only"
            )

    def rows(field: str) -> NDArray[np.bool_]:
        return np.concatenate([unpack(getattr(t, field), t.patterns).T for t in tables])

    return sampled_table(
        rows("inputs"),
        rows("outputs"),
        care=rows("care"),
        input_names=first.input_names,
        output_names=first.output_names,
        name=first.name,
    )


@dataclass(frozen=True)
class Repeats:
    """What :func:`merged` found: repeated patterns, and output values that repeats give both ways."""

    repeated_patterns: int
    contradictory_patterns: int
    contradictory_values: int


def merged(table: TruthTable) -> tuple[TruthTable, Repeats]:
    """Merge repeated patterns of a sampled table.

    A value given both ways is settled by majority; a tie becomes a don't-care. Patterns keep the order of their first
    appearance.

    Returns:
        the table with distinct patterns, and the counts of what was merged.
    """
    if table.complete:
        return table, Repeats(0, 0, 0)
    x = unpack(table.inputs, table.patterns).T
    y = unpack(table.outputs, table.patterns).T
    c = unpack(table.care, table.patterns).T
    keys = np.ascontiguousarray(np.packbits(x, axis=1)) if x.shape[1] else np.zeros((len(x), 1), np.uint8)
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    if len(first) == len(x):
        return table, Repeats(0, 0, 0)
    group = group.reshape(-1)
    ones = np.zeros((len(first), y.shape[1]), np.int64)
    zeros = np.zeros_like(ones)
    np.add.at(ones, group, y & c)
    np.add.at(zeros, group, ~y & c)
    order = np.argsort(first)
    both = (ones > 0) & (zeros > 0)
    settled = sampled_table(
        x[np.sort(first)],
        (ones > zeros)[order],
        care=(ones != zeros)[order],
        input_names=table.input_names,
        output_names=table.output_names,
        name=table.name,
    )
    return settled, Repeats(len(x) - len(first), int(both.any(axis=1).sum()), int(both.sum()))


def agreement(table: TruthTable, outputs: Words) -> dict[str, Any]:
    """Compare a circuit's outputs with the wanted ones.

    Args:
        table: what is wanted.
        outputs: uint64 (outputs, words), as simulated on ``table.inputs``.

    Returns:
        accuracy: share of patterns with all cared-for outputs right; bit_accuracy: share of cared-for values that are
        right; patterns; errors: wrong values. Both shares are 1.0 where there is nothing to get wrong.
    """
    wrong = (outputs ^ table.outputs) & table.care
    bad_patterns = int(popcount(np.bitwise_or.reduce(wrong, axis=0))) if len(wrong) else 0
    errors, cared = int(popcount(wrong).sum()), int(popcount(table.care).sum())
    return {
        "accuracy": 1 - bad_patterns / table.patterns if table.patterns else 1.0,
        "bit_accuracy": 1 - errors / cared if cared else 1.0,
        "patterns": table.patterns,
        "errors": errors,
    }
