"""Evaluate circuits of words: one integer a wire and pattern, as arrays of int64.

The exact result of a gate can need more than 64 bits on the way to its wire. Ranges tell beforehand: where everything
fits, or only the value modulo a power of two matters, int64 computes; else Python's integers do, slowly. Large work
whose gates are all of the first kind goes to :mod:`circuits.value_kernels`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuits.algebra import INTERVALS, Arrays, fitted, interval
from circuits.arithmetic import in_int64, within_int64
from circuits.check import word_gates
from circuits.circuit import Circuit
from circuits.errors import TableError
from circuits.gates import GATES
from circuits.instructions import Int64Error
from circuits.rewrite import bit_blasted
from circuits.simulate import BLOCK_WORDS, KERNEL_WORK, MAX_WORDS, simulate
from circuits.wires import TYPES, Word
from circuits.words import Words, pack, unpack, word_count

Values = NDArray[np.int64]
ARRAYS = Arrays(np)
_LO = np.array([word.lo if word else 0 for word in TYPES])
_HI = np.array([word.hi if word else 0 for word in TYPES])
_BLOCK = 1 << 12  # patterns evaluated at a time: long enough for numpy, short enough for the cache


def exact_in_int64(compute: Callable[[Sequence[Any], Any], Any], types: Sequence[Word]) -> bool:
    """Tell whether ``compute(x, algebra)`` meets only numbers of 64 bits for all fan-ins of these types."""
    result = compute([interval(word) for word in types], INTERVALS)
    return all(within_int64(interval(part)) for part in (result if isinstance(result, list) else [result]))


def _step(circuit: Circuit, gate: int, on_words: bool) -> Callable[[Values], Any]:
    """Return what computes a gate from all wires' values."""
    row, fanin, params = GATES[circuit.op[gate]], circuit.fanins(gate), circuit.gate_params(gate)
    face, word = row.word, circuit.type_of(circuit.num_inputs + gate)
    if face is None or not on_words:
        return lambda values: row.forward([values[f] for f in fanin], params, np.int64(0)) & 1
    forward, types = face.forward, [circuit.type_of(f) for f in fanin]
    exact = interval(forward([interval(t) for t in types], params, INTERVALS))
    if in_int64(face, exact, word):
        held = [np.int64(p) for p in params] if len(params) < 64 else np.array(params, np.int64)
        return lambda values: fitted(forward([values[f] for f in fanin], held, ARRAYS), word, ARRAYS)
    return lambda values: fitted(forward([values[f].astype(object) for f in fanin], params, ARRAYS), word, ARRAYS)


def checked_values(circuit: Circuit, given: ArrayLike, types: Sequence[Word], what: str) -> Values:
    """Return integers (wires, patterns) that lie in the range of their types.

    Raises:
        TableError: other shapes or numbers; ``what`` says of what.
    """
    values = np.asarray(given)
    if values.ndim != 2 or len(values) != len(types) or values.dtype.kind not in "iub":
        raise TableError(
            f"{what} {circuit.name!r}: got {values.dtype} of shape {values.shape}, expected integers of shape "
            f"({len(types)}, patterns)"
        )
    if values.size:
        least, greatest = values.min(axis=1).tolist(), values.max(axis=1).tolist()
        for k, (lo, hi, word) in enumerate(zip(least, greatest, types, strict=True)):
            if not word.lo <= lo <= hi <= word.hi:
                raise TableError(
                    f"{what} {circuit.name!r}: row {k} holds {lo}..{hi}, expected {word.lo}..{word.hi} ({word})"
                )
    return values.astype(np.int64, copy=False)


def fitting_values(circuit: Circuit, inputs: ArrayLike, *, rows: int | None = None) -> Values:
    """Return the inputs as int64 if they fit the circuit and an answer of so many rows, the outputs, fits memory.

    Raises:
        TableError: saying what does not fit.
    """
    given, codes = np.asarray(inputs), circuit.types[: circuit.num_inputs]
    usual = given.dtype == np.int64 and given.ndim == 2 and len(given) == len(codes) and given.size
    if not (usual and np.all(given.min(axis=1) >= _LO[codes]) and np.all(given.max(axis=1) <= _HI[codes])):
        given = checked_values(circuit, inputs, circuit.input_types, "values of")  # names what is wrong, if anything
    count = circuit.num_outputs if rows is None else rows
    if count * given.shape[1] > MAX_WORDS:
        raise TableError(
            f"values of {circuit.name!r}: the answer has {count} x {given.shape[1]} integers, expected at most "
            f"{MAX_WORDS}; give fewer patterns at a time"
        )
    return given


def _by_kernel(circuit: Circuit, inputs: Values, *, all_wires: bool) -> Values | None:
    """Evaluate all wires or the outputs by the kernel, if that is worth it and every gate is exact in 64 bits."""
    if (circuit.num_gates + len(circuit.fanin)) * (inputs.shape[1] + 1024) < KERNEL_WORK:
        return None
    from circuits import value_kernels

    try:
        program = (value_kernels.wires_program if all_wires else value_kernels.outputs_program)(circuit)
    except Int64Error:
        return None
    answers = np.empty((len(program.answers), inputs.shape[1]), np.int64)
    value_kernels.run(program, np.ascontiguousarray(inputs), answers)
    return answers


def wire_values(circuit: Circuit, inputs: ArrayLike) -> Values:
    """Evaluate every wire.

    Args:
        circuit: any circuit; bits are the numbers 0 and 1.
        inputs: integers (inputs, patterns).

    Returns:
        int64 (wires, patterns).

    Raises:
        TableError: inputs that do not fit, or an answer beyond 1 GiB.
    """
    given = fitting_values(circuit, inputs, rows=circuit.num_wires)
    found = _by_kernel(circuit, given, all_wires=True)
    if found is not None:
        return found
    values = np.empty((circuit.num_wires, given.shape[1]), np.int64)
    values[: circuit.num_inputs] = given
    steps = _steps(circuit)
    for start in range(0, values.shape[1], _BLOCK):
        _fill(steps, values[:, start : start + _BLOCK])
    return values


_Step = Callable[[Values], Any]


@lru_cache(maxsize=8)
def _steps(circuit: Circuit) -> list[_Step]:
    return [_step(circuit, g, on_words) for g, on_words in enumerate(word_gates(circuit).tolist())]


def _fill(steps: Sequence[_Step], values: Values) -> None:
    """Evaluate all gates in place; input rows are given."""
    with np.errstate(over="ignore"):  # the overflow of int64 is the ring's
        for wire, step in enumerate(steps, len(values) - len(steps)):
            values[wire] = step(values)


def simulate_values(circuit: Circuit, inputs: ArrayLike) -> Values:
    """Evaluate the outputs.

    Args:
        circuit: any circuit; bits are the numbers 0 and 1.
        inputs: integers (inputs, patterns).

    Returns:
        int64 (outputs, patterns).

    Raises:
        TableError: inputs that do not fit, or an answer beyond 1 GiB.
    """
    given = fitting_values(circuit, inputs)
    found = _by_kernel(circuit, given, all_wires=False)
    if found is not None:
        return found
    outputs = np.empty((circuit.num_outputs, given.shape[1]), np.int64)
    block = max(1, min(_BLOCK, BLOCK_WORDS // max(1, circuit.num_wires)))
    steps, values = _steps(circuit), np.empty((circuit.num_wires, min(block, given.shape[1])), np.int64)
    for start in range(0, given.shape[1], block):
        part = values[:, : given.shape[1] - start]
        part[: circuit.num_inputs] = given[:, start : start + block]
        _fill(steps, part)
        outputs[:, start : start + block] = part[circuit.outputs]
    return outputs


def to_bits(values: Values, types: Sequence[Word]) -> Words:
    """Return integers (wires, patterns) as the packed bits that store them: uint64 (sum of the widths, words)."""
    widths = np.array([word.bits for word in types], np.int64)
    most, starts = int(widths.max(initial=1)), np.cumsum(widths) - widths
    stored = values.astype(np.uint8) if most <= 8 else values  # an eighth of the memory to go through
    bits = np.empty((int(widths.sum()), word_count(values.shape[1])), np.uint64)
    for k in range(most):
        wide = np.flatnonzero(widths > k)
        rows = stored if len(wide) == len(stored) else stored[wide]
        bits[starts[wide] + k] = pack((rows >> k & 1).astype(bool))
    return bits


def from_bits(bits: Words, types: Sequence[Word], patterns: int) -> Values:
    """Undo :func:`to_bits`: uint64 (sum of the widths, words) to int64 (wires, patterns)."""
    values = np.zeros((len(types), patterns), np.int64)
    rows = iter(unpack(bits, patterns).astype(np.int64))
    for value, word in zip(values, types, strict=True):
        for k in range(word.bits):
            value |= next(rows) << k
        if word.signed:
            value |= -(value >> (word.bits - 1) & 1) << (word.bits - 1)
    return values


def simulate_by_bits(circuit: Circuit, inputs: ArrayLike) -> Values:
    """Evaluate the outputs by the bits of the words, 64 patterns at a time; as :func:`simulate_values`."""
    given = checked_values(circuit, inputs, circuit.input_types, "values of")
    found = simulate(bit_blasted(circuit), to_bits(given, circuit.input_types))
    return from_bits(found, circuit.output_types, given.shape[1])
