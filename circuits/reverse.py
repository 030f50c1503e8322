"""The three derivatives of a circuit, never called by one name: each has its oracle beside it.

``reverse_derivative``
    the chain rule over the ring Z_2: addition is XOR. The result is again a circuit.
``variation``
    the chain rule over the integers on signed Boolean variations: +1 where an output rises with an input, -1 where it
    falls. Modulo 2 it is the reverse derivative.
``observability``
    the exact Boolean difference of the whole circuit: what really happens when one wire or parameter flips.

The first two follow paths one by one and so differ from the third where a fan-out meets itself again: for
``y = x and x`` the chain rule gives 0 over Z_2 and the exact difference is 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuits.circuit import Builder, Circuit, Term
from circuits.errors import CircuitError, TableError
from circuits.gates import GATE, GATES
from circuits.gates import evaluate as evaluate_gate
from circuits.simulate import fitting, masked, simulate_oracle, simulate_wires, trace
from circuits.words import Words, unpack, word_count

SIGNAL_LIMIT = np.iinfo(np.int32).max
"""Signals saturate here: a signal counts paths, and their number can double at every level."""


# --- 1. The reverse derivative over Z_2 ------------------------------------------------------------------------------


def _fresh(wanted: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Return the wanted names, lengthened by underscores where a name is already taken."""
    used, names = set(taken), []
    for name in wanted:
        while name in used:
            name += "_"
        used.add(name)
        names.append(name)
    return names


def reverse_derivative(circuit: Circuit) -> Circuit:
    """Return the reverse derivative R[f] over Z_2 as a circuit.

    Its inputs are those of ``circuit``, then one per output, ``d_<output>``: the change asked of that output. Its
    outputs are one per input, ``d_<input>``, then one per parameter, ``d_p0, d_p1, ...``. A name that is taken gets
    an underscore more. Gates that only the original outputs need are left in; simplify the result to drop them.

    Source: Cockett et al., "Reverse derivative categories" (arXiv 1910.07065); over Z_2: Wilson and Zanasi, "Reverse
    derivative ascent" (arXiv 2101.10488).
    """
    changes = _fresh([f"d_{name}" for name in circuit.output_names], circuit.input_names)
    inputs = [*circuit.input_names, *changes]
    wanted = [f"d_{name}" for name in circuit.input_names] + [f"d_p{i}" for i in range(len(circuit.params))]
    builder = Builder(inputs, name=f"{circuit.name}_reverse")
    terms = [builder.term(w) for w in builder.inputs]
    zero = builder.term(builder.const(0))

    gates = list(circuit.gates())
    wire = terms[: circuit.num_inputs]
    for op, fanin, params in gates:
        wire.append(builder.term(builder.add(op, *(wire[f].wire for f in fanin), params=params)))

    change: list[Term] = [zero] * circuit.num_wires
    for o, w in enumerate(circuit.outputs.tolist()):
        change[w] = change[w] ^ terms[circuit.num_inputs + o]
    param_change: list[list[Term]] = []
    for g, (op, fanin, params) in reversed(list(enumerate(gates))):
        to_inputs, to_params = GATE[op].reverse([wire[f] for f in fanin], params, change[circuit.num_inputs + g], zero)
        param_change.append(to_params)
        for f, term in zip(fanin, to_inputs, strict=True):
            change[f] = change[f] ^ term
    results = [*change[: circuit.num_inputs], *(t for part in reversed(param_change) for t in part)]
    return builder.circuit(zip(_fresh(wanted, inputs), (t.wire for t in results), strict=True))


def reverse_derivative_oracle(
    circuit: Circuit, bits: Sequence[int], changes: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Evaluate R[f] on one pattern by the sum over all paths modulo 2 (exponential in depth).

    Args:
        circuit: the circuit f.
        bits: one 0 or 1 per input.
        changes: one 0 or 1 per output.

    Returns:
        one 0 or 1 per input, and one per parameter.
    """
    to_inputs, to_params = variation_oracle(circuit, bits, changes)
    return tuple(s % 2 for s in to_inputs), tuple(s % 2 for s in to_params)


# --- 2. The signed variation over the integers -----------------------------------------------------------------------


def variation(
    circuit: Circuit, inputs: Words, signals: ArrayLike, *, per_pattern: bool = False
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Back-propagate integer signals from the outputs to the inputs and parameters.

    A positive signal on a wire means the loss grows where the wire turns from 0 to 1. Signals multiply by the
    variation of each gate on their way (+1, 0 or -1) and add up at fan-out; they saturate at +-(2**31 - 1).

    Args:
        circuit: the circuit.
        inputs: uint64 (inputs, words), packed patterns.
        signals: integers (outputs, patterns).
        per_pattern: give the parameters' signals for every pattern instead of their sums.

    Returns:
        int32 (inputs, patterns), and int64 (params,) summed over the patterns, or (params, patterns).

    Raises:
        TableError: shapes that do not fit the circuit or each other, or signals that are not integers.

    Source: Nguyen et al., "BOLD: Boolean logic deep learning" (arXiv 2405.16339), section 3.
    """
    given = np.asarray(signals)
    if given.ndim != 2 or len(given) != circuit.num_outputs or given.dtype.kind not in "iub":
        raise TableError(
            f"variation of {circuit.name!r}: got {given.dtype} signals of shape {given.shape}, "
            f"expected integers of shape ({circuit.num_outputs}, patterns)"
        )
    patterns = given.shape[1]
    inputs = fitting(circuit, inputs, rows=(len(circuit.params) if per_pattern else 0) * 64 + circuit.num_wires)
    if inputs.shape[-1] != word_count(patterns):
        raise TableError(
            f"variation of {circuit.name!r}: got signals for {patterns} patterns, which fill {word_count(patterns)} "
            f"words, but the inputs have {inputs.shape[-1]}"
        )
    wires = simulate_wires(circuit, inputs)
    zero = np.zeros(wires.shape[1], np.uint64)

    def saturated(signal: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.clip(signal, -SIGNAL_LIMIT, SIGNAL_LIMIT)

    def weighed(signal: NDArray[np.int64], masks: tuple[Words, Words]) -> NDArray[np.int64]:
        rises, falls = (unpack(mask, patterns).astype(np.int8) for mask in masks)
        return signal * (rises - falls)

    signal: dict[int, NDArray[np.int64]] = {}
    silence = np.zeros(patterns, np.int64)
    for w, values in zip(circuit.outputs.tolist(), given, strict=True):
        signal[w] = signal.get(w, silence) + saturated(values.astype(np.int64))
    to_params = np.zeros((len(circuit.params), *([patterns] if per_pattern else [])), np.int64)
    starts, pstarts = circuit.fanin_start.tolist(), circuit.param_start.tolist()
    for g in reversed(range(circuit.num_gates)):
        if circuit.num_inputs + g not in signal:
            continue
        here = saturated(signal.pop(circuit.num_inputs + g))
        fanin = circuit.fanin[starts[g] : starts[g + 1]].tolist()
        pin_masks, param_masks = GATES[circuit.op[g]].variation(
            [wires[f] for f in fanin], circuit.params[pstarts[g] : pstarts[g + 1]].tolist(), zero
        )
        for f, masks in zip(fanin, pin_masks, strict=True):
            signal[f] = signal.get(f, silence) + weighed(here, masks)
        for p, masks in enumerate(param_masks, pstarts[g]):
            to_params[p] = weighed(here, masks) if per_pattern else weighed(here, masks).sum()
    to_inputs = np.zeros((circuit.num_inputs, patterns), np.int32)
    for w, values in signal.items():
        to_inputs[w] = saturated(values)
    return to_inputs, to_params


def _differences(op: str, x: Sequence[int], p: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return output(v = 1) - output(v = 0) of one gate, by trying both, for every fan-in and every parameter v."""

    def tried(values: Sequence[int], i: int) -> tuple[list[int], list[int]]:
        return [*values[:i], 1, *values[i + 1 :]], [*values[:i], 0, *values[i + 1 :]]

    row = GATE[op]
    pins = [[evaluate_gate(row, v, p) for v in tried(x, i)] for i in range(len(x))]
    params = [[evaluate_gate(row, x, v) for v in tried(p, i)] for i in range(len(p))]
    return [hi - lo for hi, lo in pins], [hi - lo for hi, lo in params]


def variation_oracle(
    circuit: Circuit, bits: Sequence[int], signals: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sum, over every path from an output, the product of the gates' differences on it (exponential in depth).

    Args:
        circuit: the circuit.
        bits: one 0 or 1 per input.
        signals: one integer per output.

    Returns:
        one integer per input, and one per parameter.
    """
    values = [step.value for step in trace(circuit, bits)]
    gates = list(circuit.gates())
    local = [_differences(op, [values[f] for f in fanin], params) for op, fanin, params in gates]

    def paths(wire: int, product: int) -> Iterator[tuple[int, int]]:
        """Yield (wire, product of differences) at the end of every path from ``wire`` towards the inputs."""
        yield wire, product
        if wire >= circuit.num_inputs:
            g = wire - circuit.num_inputs
            for f, difference in zip(gates[g][1], local[g][0], strict=True):
                if difference:
                    yield from paths(f, product * difference)

    total = [0] * circuit.num_wires
    for wire, signal in zip(circuit.outputs.tolist(), signals, strict=True):
        for end, product in paths(wire, signal):
            total[end] += product
    to_params = [
        total[circuit.num_inputs + g] * difference for g, (_, params) in enumerate(local) for difference in params
    ]
    return tuple(total[: circuit.num_inputs]), tuple(to_params)


# --- 3. Observability: the exact Boolean difference ------------------------------------------------------------------


def _observed(circuit: Circuit, wires: Words, chosen: NDArray[np.int64]) -> Words:
    from circuits import kernels

    differences = np.empty((len(chosen), circuit.num_outputs, wires.shape[1]), np.uint64)
    kernels.observe(kernels.compiled(circuit), wires, chosen, differences)
    return differences


def observability(circuit: Circuit, inputs: Words, *, patterns: int | None = None) -> Words:
    """Find, for every wire and output, the patterns where inverting the wire inverts the output.

    Args:
        circuit: the circuit.
        inputs: uint64 (inputs, words).
        patterns: how many patterns the words hold; clears the bits past the last one.

    Returns:
        uint64 (wires, outputs, words).

    Raises:
        TableError: inputs that do not fit the circuit, or an answer beyond 1 GiB.
    """
    given = fitting(circuit, inputs, rows=circuit.num_wires * (circuit.num_outputs + 2))
    chosen = np.arange(circuit.num_wires, dtype=np.int64)
    return masked(circuit, _observed(circuit, simulate_wires(circuit, given), chosen), patterns)


def observability_of(circuit: Circuit, inputs: Words, wire: int, *, patterns: int | None = None) -> Words:
    """Find, for one wire and every output, the patterns where inverting the wire inverts the output.

    Args:
        circuit: the circuit.
        inputs: uint64 (inputs, words).
        wire: the wire.
        patterns: how many patterns the words hold; clears the bits past the last one.

    Returns:
        uint64 (outputs, words).

    Raises:
        CircuitError: no such wire.
        TableError: inputs that do not fit the circuit, or an answer beyond 1 GiB.
    """
    if not 0 <= wire < circuit.num_wires:
        raise CircuitError(f"observability in {circuit.name!r}: got wire {wire}, expected 0..{circuit.num_wires - 1}")
    given = fitting(circuit, inputs, rows=2 * circuit.num_wires)
    chosen = np.array([wire], np.int64)
    return masked(circuit, _observed(circuit, simulate_wires(circuit, given), chosen)[0], patterns)


def parameter_observability(circuit: Circuit, inputs: Words, *, patterns: int | None = None) -> Words:
    """Find, for every bit parameter and output, the patterns where flipping the parameter inverts the output.

    Flipping a parameter inverts its gate exactly on the patterns that address it, so this is the gate's observability
    on those patterns.

    Args:
        circuit: the circuit.
        inputs: uint64 (inputs, words).
        patterns: how many patterns the words hold; clears the bits past the last one.

    Returns:
        uint64 (params, outputs, words).

    Raises:
        TableError: inputs that do not fit the circuit, or an answer beyond 1 GiB.
    """
    given = fitting(circuit, inputs, rows=len(circuit.params) * (circuit.num_outputs + 1) + 2 * circuit.num_wires)
    wires = simulate_wires(circuit, given)
    zero = np.zeros(wires.shape[1], np.uint64)
    slices = circuit.param_slices
    owners = np.array([circuit.num_inputs + s.gate for s in slices], np.int64)
    observed = _observed(circuit, wires, owners)
    result = np.empty((len(circuit.params), circuit.num_outputs, wires.shape[1]), np.uint64)
    for s, differences in zip(slices, observed, strict=True):
        params = circuit.gate_params(s.gate)
        _, masks = GATES[circuit.op[s.gate]].variation([wires[f] for f in circuit.fanins(s.gate)], params, zero)
        for p, (rises, falls) in enumerate(masks, s.start):
            result[p] = differences & (rises | falls)
    return masked(circuit, result, patterns)


def observability_oracle(circuit: Circuit, inputs: Words, wire: int) -> Words:
    """Compare the outputs with those of the circuit with an inverter built in behind ``wire``.

    Returns:
        uint64 (outputs, words).
    """
    builder = Builder(circuit.input_names, fold=False)
    place = builder.inputs
    if wire < circuit.num_inputs:
        place[wire] = builder.add("not", wire)
    for w, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        place.append(builder.add(op, *(place[f] for f in fanin), params=params))
        if w == wire:
            place[w] = builder.add("not", place[w])
    inverted = builder.circuit(zip(circuit.output_names, (place[w] for w in circuit.outputs.tolist()), strict=True))
    return simulate_oracle(circuit, inputs)[circuit.outputs] ^ simulate_oracle(inverted, inputs)[inverted.outputs]


def parameter_observability_oracle(circuit: Circuit, inputs: Words, param: int) -> Words:
    """Compare the outputs with those of the circuit with bit parameter ``param`` flipped.

    Returns:
        uint64 (outputs, words).
    """
    params = circuit.params.copy()
    params[param] ^= 1
    flipped = circuit.with_params(params)
    return simulate_oracle(circuit, inputs)[circuit.outputs] ^ simulate_oracle(flipped, inputs)[circuit.outputs]
