"""The three derivatives of a circuit, never called by one name: each has its oracle beside it.

``reverse_derivative``
    the chain rule over a ring, Z_2 or Z/2**b; addition over Z_2 is XOR. The result is again a circuit.
``variation``
    the chain rule over the integers on what learning follows: for bits the signed Boolean variation, +1 where an output
    rises with an input, -1 where it falls; for words the partial derivative or the integer difference within a window
    (``circuits.arithmetic``). For bits it is, modulo 2, the reverse derivative.
``observability``
    the exact Boolean difference of the whole circuit: what really happens when one wire or parameter flips.

The first two follow paths one by one and so differ from the third where a fan-out meets itself again: for
``y = x and x`` the chain rule gives 0 over Z_2 and the exact difference is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuits.algebra import Algebra, Interval
from circuits.arithmetic import reach
from circuits.check import word_gates
from circuits.circuit import Builder, Circuit, Term, Terms
from circuits.errors import CircuitError, TableError
from circuits.gates import GATE, GATES, Gate
from circuits.gates import evaluate as evaluate_gate
from circuits.simulate import fitting, masked, simulate_oracle, simulate_wires, trace
from circuits.values import ARRAYS, exact_in_int64, wire_values
from circuits.wires import BIT, Word, checked
from circuits.words import Words, unpack, word_count

SIGNAL_LIMIT = np.iinfo(np.int32).max
"""Signals saturate here: a signal counts paths, and their number can double at every level."""


# --- 1. The reverse derivative over a ring ---------------------------------------------------------------------------


def _fresh(wanted: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Return the wanted names, lengthened by underscores where a name is already taken."""
    used, names = set(taken), []
    for name in wanted:
        while name in used:
            name += "_"
        used.add(name)
        names.append(name)
    return names


def reverse_derivative(circuit: Circuit, *, ring: Word | None = None) -> Circuit:
    """Return the reverse derivative R[f] over a ring as a circuit.

    Its inputs are those of ``circuit``, then one per output, ``d_<output>``: the change asked of that output. Its
    outputs are one per input, ``d_<input>``, then one per parameter, ``d_p0, d_p1, ...``. A name that is taken gets
    an underscore more. Gates that only the original outputs need are left in; simplify the result to drop them.

    Every change is an element of one ring Z/2**b, b the width of ``ring``; that over fewer bits is the same modulo 2
    to their number. Bit gates count as the multilinear polynomials over Z that agree with them (a xor b is a + b - 2ab,
    which modulo 2 is a + b), wires that wrap as the identity, wires that saturate as the identity within their range
    and as constants outside. With more bits than any value has, the ring is as good as Z.

    Args:
        circuit: the circuit f.
        ring: the type of all changes, one that wraps; by default a bit for a circuit of bits, else the signed word as
            wide as the widest wire.

    Raises:
        CircuitError: a ring that saturates, or a wire of more than 62 bits that does.

    Source: Cockett et al., "Reverse derivative categories" (arXiv 1910.07065); over Z_2: Wilson and Zanasi, "Reverse
    derivative ascent" (arXiv 2101.10488); over Z/2**b: their "Reverse derivative categories for learning polynomial
    circuits" (arXiv 2203.06430).
    """
    kinds = [circuit.type_of(w) for w in range(circuit.num_wires)]
    if ring is None:
        ring = Word(max(word.bits for word in kinds)) if circuit.has_words else BIT
    ring = checked(ring)
    if ring.saturate:
        raise CircuitError(
            f"reverse derivative of {circuit.name!r}: got the type {ring}, expected a ring: one that wraps"
        )
    changes = _fresh([f"d_{name}" for name in circuit.output_names], circuit.input_names)
    inputs = [*circuit.input_names, *changes]
    wanted = [f"d_{name}" for name in circuit.input_names] + [f"d_p{i}" for i in range(len(circuit.params))]
    types = [*circuit.input_types, *[ring] * circuit.num_outputs]
    builder = Builder(inputs, name=f"{circuit.name}_reverse", types=types)
    pull = _Pull(builder, ring)

    gates = list(zip(circuit.gates(), word_gates(circuit).tolist(), kinds[circuit.num_inputs :], strict=True))
    wire = [builder.term(w) for w in range(circuit.num_inputs)]
    for (op, fanin, params), _, word in gates:
        wire.append(builder.term(builder.add(op, *(wire[f].wire for f in fanin), params=params, type=word)))

    change = _Changes(pull)
    for o, w in enumerate(circuit.outputs.tolist()):
        change.add(w, Term(builder, circuit.num_inputs + o, ring))
    param_change: list[list[Term]] = []
    for g, ((op, fanin, params), on_words, word) in reversed(list(enumerate(gates))):
        d = change.of(circuit.num_inputs + g)
        to_inputs, to_params = pull(GATE[op], [wire[f] for f in fanin], params, d, on_words, word)
        param_change.append([pull.element(part) for part in to_params])
        for f, part in zip(fanin, to_inputs, strict=True):
            change.add(f, part)
    results = [change.of(w) for w in range(circuit.num_inputs)]
    results += [t for part in reversed(param_change) for t in part]
    return builder.circuit(zip(_fresh(wanted, inputs), (t.wire for t in results), strict=True))


class _Pull:
    """Take a change from a gate back to its fan-ins and parameters, by gates of a builder."""

    def __init__(self, builder: Builder, ring: Word) -> None:
        self.builder, self.ring, self.algebra = builder, ring, Terms(builder, ring)

    def element(self, value: Term | int) -> Term:
        """Return a value as a term of the ring."""
        if isinstance(value, Term) and self.builder.type_of(value.wire) == self.ring:
            return Term(self.builder, value.wire, self.ring)
        if isinstance(value, Term):
            return self.algebra.wrapped(value, self.ring)
        return Term(self.builder, self.builder.add("const", params=(self.ring.fit(value),), type=self.ring), self.ring)

    def __call__(
        self, row: Gate, x: list[Term], params: Sequence[int], d: Term, on_words: bool, word: Word
    ) -> tuple[list[Any], list[Any]]:
        if row.word is None or not on_words:
            return self._bit_gate(row, x, params, d)
        if word.saturate:
            # one bit more than the wire has tells what is out of its range
            wider = checked(Word(word.bits + 1 + (not word.signed), saturate=True))
            wires = [term.wire for term in x]
            seen = Term(self.builder, self.builder.add(row.name, *wires, params=params, type=wider))
            for outside in (self.algebra.less(seen, word.lo), self.algebra.less(word.hi, seen)):
                d = self.algebra.where(outside, 0, d)
        return row.word.reverse(x, params, d, self.algebra)

    def _bit_gate(self, row: Gate, x: list[Term], params: Sequence[int], d: Term) -> tuple[list[Any], list[Any]]:
        zero = self.builder.term(self.builder.const(0))
        if self.ring == BIT:
            return row.reverse(x, params, d, zero)

        def weighed(masks: tuple[Term, Term]) -> Term:
            rises, falls = masks
            return self.algebra.where(rises, d, self.algebra.where(falls, -d, 0))

        to_inputs, to_params = row.variation(x, params, zero)
        return [weighed(masks) for masks in to_inputs], [weighed(masks) for masks in to_params]


class _Changes:
    """The change of every wire, as the sum of what its readers ask for."""

    def __init__(self, pull: _Pull) -> None:
        self.pull, self.sums = pull, dict[int, Term]()

    def add(self, wire: int, part: Term | int) -> None:
        """Add a reader's part."""
        if isinstance(part, int) and not part:
            return
        term = self.pull.element(part)
        if wire in self.sums:
            total = self.sums[wire]
            term = total ^ term if self.pull.ring == BIT else total + term
        self.sums[wire] = term

    def of(self, wire: int) -> Term:
        """Return the sum."""
        return self.sums.get(wire) or self.pull.element(0)


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
    circuit: Circuit, inputs: ArrayLike, signals: ArrayLike, *, per_pattern: bool = False
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Back-propagate integer signals from the outputs to the inputs and parameters.

    A positive signal on a wire means the loss grows with the wire. On their way signals are multiplied by the
    variation of each gate: +1, 0 or -1 for bits; what the row's word face says for words (``circuits.arithmetic``), and
    nothing passes a wire that saturates where the exact result is out of range. They add up at fan-out. Signals, and
    the integers they are multiplied by, saturate at +-(2**31 - 1).

    Args:
        circuit: the circuit.
        inputs: uint64 (inputs, words), packed patterns; for a circuit with words integers (inputs, patterns).
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
    pull = (_values_pull if circuit.has_words else _bits_pull)(circuit, inputs, patterns, per_pattern)
    signal: dict[int, Signal] = {}
    silence = np.zeros(patterns, np.int64)
    for w, row in zip(circuit.outputs.tolist(), given, strict=True):
        signal[w] = signal.get(w, silence) + _saturated(np.minimum(row, SIGNAL_LIMIT).astype(np.int64))
    to_params = np.zeros((len(circuit.params), *([patterns] if per_pattern else [])), np.int64)
    starts, pstarts = circuit.fanin_start.tolist(), circuit.param_start.tolist()
    for g in reversed(range(circuit.num_gates)):
        if circuit.num_inputs + g not in signal:
            continue
        to_pins, to_own = pull(g, _saturated(signal.pop(circuit.num_inputs + g)))
        for f, part in zip(circuit.fanin[starts[g] : starts[g + 1]].tolist(), to_pins, strict=True):
            signal[f] = signal.get(f, silence) + _saturated(part)
        for p, part in enumerate(to_own, pstarts[g]):
            part = np.broadcast_to(_saturated(part), patterns)
            to_params[p] = part if per_pattern else part.sum()
    to_inputs = np.zeros((circuit.num_inputs, patterns), np.int32)
    for w, total in signal.items():
        to_inputs[w] = _saturated(total)
    return to_inputs, to_params


Signal = NDArray[np.int64]
_PullBack = Callable[[int, Signal], tuple[Sequence[Any], Sequence[Any]]]
"""``pull(gate, signal)``: the signals of its fan-ins and of its parameters, from that of the gate."""


def _saturated(signal: Any) -> Signal:
    # numbers of 64 bits alone would be clipped after they overflow
    return np.clip(np.asarray(signal), -SIGNAL_LIMIT, SIGNAL_LIMIT).astype(np.int64)


def _bits_pull(circuit: Circuit, inputs: ArrayLike, patterns: int, per_pattern: bool) -> _PullBack:
    given = fitting(
        circuit, np.asarray(inputs), rows=(len(circuit.params) if per_pattern else 0) * 64 + circuit.num_wires
    )
    if given.shape[-1] != word_count(patterns):
        raise TableError(
            f"variation of {circuit.name!r}: got signals for {patterns} patterns, which fill {word_count(patterns)} "
            f"words, but the inputs have {given.shape[-1]}"
        )
    wires = simulate_wires(circuit, given)
    zero = np.zeros(wires.shape[1], np.uint64)

    def pull(g: int, signal: Signal) -> tuple[Sequence[Any], Sequence[Any]]:
        def weighed(masks: tuple[Words, Words]) -> Signal:
            rises, falls = (unpack(mask, patterns).astype(np.int8) for mask in masks)
            return signal * (rises - falls)

        x = [wires[f] for f in circuit.fanins(g)]
        pins, params = GATES[circuit.op[g]].variation(x, circuit.gate_params(g), zero)
        return [weighed(masks) for masks in pins], [weighed(masks) for masks in params]

    return pull


def _values_pull(circuit: Circuit, inputs: ArrayLike, patterns: int, per_pattern: bool) -> _PullBack:
    values = wire_values(circuit, inputs)
    if values.shape[1] != patterns:
        raise TableError(
            f"variation of {circuit.name!r}: got signals for {patterns} patterns, but inputs for {values.shape[1]}"
        )
    on_words = word_gates(circuit).tolist()
    zero = np.zeros(patterns, np.int64)

    def pull(g: int, signal: Signal) -> tuple[Sequence[Any], Sequence[Any]]:
        row, params, fanin = GATES[circuit.op[g]], circuit.gate_params(g), circuit.fanins(g)
        x, word = [values[f] for f in fanin], circuit.type_of(circuit.num_inputs + g)
        face, types = row.word, [circuit.type_of(f) for f in fanin]
        if face is None or not on_words[g]:
            pins, own = ([(up & 1) - (down & 1) for up, down in part] for part in row.variation(x, params, zero))
            return [signal * step for step in pins], [signal * step for step in own]
        near = reach(min((t.lo for t in types), default=0), max((t.hi for t in types), default=1))

        def compute(x: Sequence[Any], d: Any, o: Algebra) -> tuple[list[Any], list[Any]]:
            if word.saturate:
                exact = face.forward(x, params, o)
                d = o.where(o.less(exact, word.lo), 0, o.where(o.less(word.hi, exact), 0, d))
            return face.variation(x, params, d, o, near)

        limit = Interval(-SIGNAL_LIMIT, SIGNAL_LIMIT)
        if not exact_in_int64(lambda x, o: list(chain(*compute(x, limit, o))), types):
            x, signal = [value.astype(object) for value in x], signal.astype(object)
        return compute(x, signal, ARRAYS)

    return pull


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
    given = fitting(circuit, np.asarray(inputs), rows=circuit.num_wires * (circuit.num_outputs + 2))
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
    given = fitting(circuit, np.asarray(inputs), rows=2 * circuit.num_wires)
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
    given = fitting(
        circuit, np.asarray(inputs), rows=len(circuit.params) * (circuit.num_outputs + 1) + 2 * circuit.num_wires
    )
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
