"""Evaluate circuits: on packed words, as a complete truth table, on one pattern, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from circuits.algebra import INTEGERS
from circuits.check import word_gates
from circuits.circuit import Circuit
from circuits.errors import TableError
from circuits.gates import GATE
from circuits.rewrite import bit_blasted
from circuits.table import MAX_COMPLETE_INPUTS, TruthTable, complete_table
from circuits.words import Words, enumerate_inputs, mask_words, word_count

BLOCK_WORDS = 1 << 21
"""Wire values held at once while simulating: 16 MiB, whatever the number of patterns."""

KERNEL_WORK = 1 << 22
"""Less work than this, gates x (words + 1024), goes to numpy: a few milliseconds, less than loading numba."""

MAX_WORDS = 1 << 27
"""Words an answer may hold (1 GiB); larger ones are refused before allocation."""


class Step(NamedTuple):
    """One line of a trace: a wire's name, the op that drives it (``input`` for an input), its value."""

    wire: str
    op: str
    value: int


def fitting(circuit: Circuit, inputs: Words, *, rows: int) -> Words:
    """Return the inputs if they fit the circuit and an answer of ``rows`` word rows fits memory.

    Raises:
        TableError: saying what does not fit.
    """
    if circuit.has_words:
        raise TableError(
            f"simulate {circuit.name!r}: it has words, expected a circuit of bits; call values.simulate_values, or "
            "rewrite.bit_blasted first"
        )
    given = np.asarray(inputs)
    if given.dtype != np.uint64 or given.ndim != 2 or len(given) != circuit.num_inputs:
        raise TableError(
            f"simulate {circuit.name!r}: got {given.dtype} inputs of shape {given.shape}, "
            f"expected uint64 of shape ({circuit.num_inputs}, words); pack the patterns with words.pack"
        )
    if rows * given.shape[1] > MAX_WORDS:
        raise TableError(
            f"simulate {circuit.name!r}: the answer has {rows} x {given.shape[1]} words, "
            f"expected at most {MAX_WORDS}; give fewer patterns at a time"
        )
    return given


def masked(circuit: Circuit, words: Words, patterns: int | None) -> Words:
    """Clear, in place, the bits past the last pattern along the last axis, if a number of patterns is given.

    Raises:
        TableError: the words are not as many as the patterns fill.
    """
    if patterns is None:
        return words
    if word_count(patterns) != words.shape[-1]:
        raise TableError(
            f"simulate {circuit.name!r}: got patterns={patterns}, which fill {word_count(patterns)} words, "
            f"but the inputs have {words.shape[-1]}"
        )
    words &= mask_words(patterns)
    return words


def simulate_oracle(circuit: Circuit, inputs: Words) -> Words:
    """Evaluate every wire gate by gate with the rows' own ``forward`` on numpy words.

    Args:
        inputs: uint64 (inputs, words).

    Returns:
        uint64 (wires, words).
    """
    wires = np.empty((circuit.num_wires, inputs.shape[1]), np.uint64)
    wires[: circuit.num_inputs] = inputs
    zero = np.zeros(inputs.shape[1], np.uint64)
    for wire, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        wires[wire] = GATE[op].forward([wires[f] for f in fanin], params, zero)
    return wires


def _by_kernel(circuit: Circuit, words: int) -> bool:
    """Tell whether the work is worth compiling; a numpy operation costs as much as about 1024 words of it."""
    return circuit.num_gates * (words + 1024) >= KERNEL_WORK


def simulate_wires(circuit: Circuit, inputs: Words, *, patterns: int | None = None) -> Words:
    """Evaluate every wire on packed patterns.

    Args:
        inputs: uint64 (inputs, words).
        patterns: how many patterns the words hold; clears the bits past the last one.

    Returns:
        uint64 (wires, words); bits past the last pattern are arbitrary unless ``patterns`` is given.

    Raises:
        TableError: inputs that do not fit the circuit, or an answer beyond 1 GiB.
    """
    given = fitting(circuit, inputs, rows=circuit.num_wires)
    if not _by_kernel(circuit, given.shape[1]):
        return masked(circuit, simulate_oracle(circuit, given), patterns)
    from circuits import kernels

    wires = np.empty((circuit.num_wires, given.shape[1]), np.uint64)
    wires[: circuit.num_inputs] = given
    kernels.fill(kernels.compiled(circuit), wires)
    return masked(circuit, wires, patterns)


def simulate(circuit: Circuit, inputs: Words, *, patterns: int | None = None) -> Words:
    """Evaluate the outputs on packed patterns.

    Args:
        inputs: uint64 (inputs, words).
        patterns: how many patterns the words hold; clears the bits past the last one.

    Returns:
        uint64 (outputs, words); bits past the last pattern are arbitrary unless ``patterns`` is given.

    Raises:
        TableError: inputs that do not fit the circuit, or an answer beyond 1 GiB.
    """
    given = fitting(circuit, inputs, rows=circuit.num_outputs)
    outputs = np.empty((circuit.num_outputs, given.shape[1]), np.uint64)
    if _by_kernel(circuit, given.shape[1]):
        from circuits import kernels

        kernels.outputs_of(kernels.for_outputs(circuit, given.shape[1]), np.ascontiguousarray(given), outputs)
        return masked(circuit, outputs, patterns)
    block = max(1, BLOCK_WORDS // max(1, circuit.num_wires))
    for start in range(0, given.shape[1], block):
        part = slice(start, start + block)
        outputs[:, part] = simulate_oracle(circuit, given[:, part])[circuit.outputs]
    return masked(circuit, outputs, patterns)


def truth_table(circuit: Circuit) -> TruthTable:
    """Tabulate the circuit on all its input patterns; words count as their bits.

    Raises:
        TableError: more than 20 inputs.
    """
    circuit = bit_blasted(circuit)
    if circuit.num_inputs > MAX_COMPLETE_INPUTS:
        raise TableError(
            f"truth table of {circuit.name!r}: got {circuit.num_inputs} inputs, "
            f"expected at most {MAX_COMPLETE_INPUTS}; simulate sampled patterns instead"
        )
    patterns = 1 << circuit.num_inputs
    return complete_table(
        simulate(circuit, enumerate_inputs(circuit.num_inputs), patterns=patterns),
        inputs=circuit.num_inputs,
        input_names=circuit.input_names,
        output_names=circuit.output_names,
        name=circuit.name,
    )


def _wire_values(circuit: Circuit, given: Sequence[int]) -> list[int]:
    values = [int(v) for v in given]
    if len(values) != circuit.num_inputs or any(v not in (0, 1) for v in values if not circuit.has_words):
        raise TableError(f"evaluate {circuit.name!r}: got {list(given)}, expected {circuit.num_inputs} values 0 or 1")
    for name, value, word in zip(circuit.input_names, values, circuit.input_types, strict=True):
        if not word.lo <= value <= word.hi:
            raise TableError(f"evaluate {circuit.name!r}: got {name}={value}, expected {word.lo}..{word.hi} ({word})")
    for w, ((op, fanin, params), on_words) in enumerate(
        zip(circuit.gates(), word_gates(circuit).tolist(), strict=True), circuit.num_inputs
    ):
        row, x = GATE[op], [values[f] for f in fanin]
        if on_words and row.word:
            values.append(circuit.type_of(w).fit(row.word.forward(x, params, INTEGERS)))
        else:
            values.append(row.forward(x, params, 0) & 1)
    return values


def evaluate(circuit: Circuit, inputs: Sequence[int]) -> tuple[int, ...]:
    """Evaluate one pattern in plain Python.

    Args:
        circuit: the circuit.
        inputs: one 0 or 1 per bit, one integer in range per word.

    Returns:
        the same per output.

    Raises:
        TableError: a wrong number of values, or one out of its input's range.
    """
    values = _wire_values(circuit, inputs)
    return tuple(values[w] for w in circuit.outputs.tolist())


def trace(circuit: Circuit, inputs: Sequence[int]) -> list[Step]:
    """Evaluate one pattern and return every wire in order: its name, the op that drives it, its value.

    Raises:
        TableError: as :func:`evaluate`.
    """
    ops = ["input"] * circuit.num_inputs + [op for op, _, _ in circuit.gates()]
    return [Step(*step) for step in zip(circuit.wire_names(), ops, _wire_values(circuit, inputs), strict=True)]
