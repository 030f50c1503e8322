"""Evaluate circuits: on packed words, as a complete truth table, on one pattern, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from circuits.circuit import Circuit
from circuits.errors import TableError
from circuits.gates import GATE
from circuits.table import MAX_COMPLETE_INPUTS, TruthTable, complete_table
from circuits.words import Words, enumerate_inputs, mask_words, word_count

BLOCK_WORDS = 1 << 21
"""Wire values held at once while simulating: 16 MiB, whatever the number of patterns."""

KERNEL_WORK = 1 << 22
"""Less work than this, gates x (words + 1024), goes to numpy: a few milliseconds, less than loading numba."""

MAX_WORDS = 1 << 27
"""Words an answer may hold (1 GiB); larger ones are refused before allocation."""


class Step(NamedTuple):
    """One line of a trace: a wire's name, the op that drives it (``input`` for an input), its value 0 or 1."""

    wire: str
    op: str
    value: int


def fitting(circuit: Circuit, inputs: Words, *, rows: int) -> Words:
    """Return the inputs if they fit the circuit and an answer of ``rows`` word rows fits memory.

    Raises:
        TableError: saying what does not fit.
    """
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

        kernels.outputs_of(kernels.compiled(circuit), np.ascontiguousarray(given), outputs)
        return masked(circuit, outputs, patterns)
    block = max(1, BLOCK_WORDS // max(1, circuit.num_wires))
    for start in range(0, given.shape[1], block):
        part = slice(start, start + block)
        outputs[:, part] = simulate_oracle(circuit, given[:, part])[circuit.outputs]
    return masked(circuit, outputs, patterns)


def truth_table(circuit: Circuit) -> TruthTable:
    """Tabulate the circuit on all its input patterns.

    Raises:
        TableError: more than 20 inputs.
    """
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


def _wire_bits(circuit: Circuit, bits: Sequence[int]) -> list[int]:
    if len(bits) != circuit.num_inputs or any(b not in (0, 1) for b in bits):
        raise TableError(f"evaluate {circuit.name!r}: got {list(bits)}, expected {circuit.num_inputs} values 0 or 1")
    values = [int(b) for b in bits]
    for op, fanin, params in circuit.gates():
        values.append(GATE[op].forward([values[f] for f in fanin], params, 0) & 1)
    return values


def evaluate(circuit: Circuit, bits: Sequence[int]) -> tuple[int, ...]:
    """Evaluate one pattern in plain Python.

    Args:
        bits: one 0 or 1 per input.

    Returns:
        one 0 or 1 per output.

    Raises:
        TableError: a wrong number of bits, or a value other than 0 and 1.
    """
    values = _wire_bits(circuit, bits)
    return tuple(values[w] for w in circuit.outputs.tolist())


def trace(circuit: Circuit, bits: Sequence[int]) -> list[Step]:
    """Evaluate one pattern and return every wire in order: its name, the op that drives it, its value.

    Raises:
        TableError: as :func:`evaluate`.
    """
    ops = ["input"] * circuit.num_inputs + [op for op, _, _ in circuit.gates()]
    return [Step(*step) for step in zip(circuit.wire_names(), ops, _wire_bits(circuit, bits), strict=True)]
