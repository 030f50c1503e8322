"""Proof or counterexample: do two circuits, a circuit and a table, or two tables agree?

Inequivalence is a result, not an error. Up to 16 inputs every pattern is tried; beyond, fixed probe patterns look for a
difference and a SAT solver decides.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from circuits.aig import and_count, optimised, to_aig
from circuits.circuit import Circuit
from circuits.errors import CircuitError, TableError
from circuits.rewrite import folded, restricted
from circuits.simulate import simulate
from circuits.table import TruthTable
from circuits.words import Words, enumerate_inputs, mask_words, pack, unpack

EXHAUSTIVE_INPUTS = 16
CONFLICT_LIMIT = 200_000
_PROBE_WORDS = 256


class Proof(NamedTuple):
    """The two agree.

    Attributes:
        method: "exhaustive", "sat" or "all given patterns".
        patterns: how many patterns were compared (0 for sat).
    """

    method: str
    patterns: int

    def __str__(self) -> str:
        return f"equal ({self.method}{f', {self.patterns} patterns' if self.patterns else ''})"


class Counterexample(NamedTuple):
    """An input pattern on which the two differ.

    Attributes:
        inputs: input name -> bit.
        outputs: names of the differing outputs -> (value of the first, value of the second).
    """

    inputs: dict[str, int]
    outputs: dict[str, tuple[int, int]]

    def __str__(self) -> str:
        at = " ".join(f"{name}={bit}" for name, bit in self.inputs.items()) or "no inputs"
        got = ", ".join(f"{name} is {a} in the first and {b} in the second" for name, (a, b) in self.outputs.items())
        return f"different at {at}: {got}"


class Unknown(NamedTuple):
    """Neither proved nor refuted within the limit."""

    reason: str

    def __str__(self) -> str:
        return f"unknown ({self.reason})"


Verdict = Proof | Counterexample | Unknown


def _first_difference(
    inputs: Words,
    first: Words,
    second: Words,
    care: Words,
    input_names: tuple[str, ...],
    output_names: tuple[str, ...],
) -> Counterexample | None:
    """Return the first pattern on which packed outputs differ where there is care."""
    wrong = (first ^ second) & care
    anywhere = np.bitwise_or.reduce(wrong, axis=0) if len(wrong) else np.zeros(0, np.uint64)
    hits = np.flatnonzero(anywhere)
    if not len(hits):
        return None
    word = int(hits[0])
    bit = (int(anywhere[word]) & -int(anywhere[word])).bit_length() - 1

    def at(words: Words) -> list[int]:
        return [int(row[word]) >> bit & 1 for row in words]

    differing = [
        (name, pair) for name, bad, *pair in zip(output_names, at(wrong), at(first), at(second), strict=True) if bad
    ]
    return Counterexample(
        dict(zip(input_names, at(inputs), strict=True)), {name: (pair[0], pair[1]) for name, pair in differing}
    )


def _probe_words(inputs: int) -> Words:
    """Return fixed, well mixed patterns (SplitMix64 of the position: Steele, Lea and Flood 2014)."""
    z = (np.arange(1, inputs * _PROBE_WORDS + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return (z ^ z >> np.uint64(31)).reshape(inputs, _PROBE_WORDS)


def _compare(a: Circuit, b: Circuit, inputs: Words, patterns: int) -> Counterexample | None:
    care = np.broadcast_to(mask_words(patterns), (a.num_outputs, inputs.shape[1]))
    return _first_difference(inputs, simulate(a, inputs), simulate(b, inputs), care, a.input_names, a.output_names)


def equivalent(a: Circuit, b: Circuit, *, conflict_limit: int = CONFLICT_LIMIT) -> Verdict:
    """Decide whether two circuits compute the same outputs for every input; ports are matched by position.

    Args:
        a: the first circuit; its port names appear in a counterexample.
        b: the second.
        conflict_limit: the SAT solver gives up (``Unknown``) after this many conflicts; 0 is no limit.

    Raises:
        CircuitError: different numbers of inputs or outputs.
    """
    if (a.num_inputs, a.num_outputs) != (b.num_inputs, b.num_outputs):
        raise CircuitError(
            f"verify: {a.name} has {a.num_inputs} inputs and {a.num_outputs} outputs, "
            f"{b.name} has {b.num_inputs} and {b.num_outputs}; expected the same numbers"
        )
    if a.num_inputs <= EXHAUSTIVE_INPUTS:
        patterns = 1 << a.num_inputs
        found = _compare(a, b, enumerate_inputs(a.num_inputs), patterns)
        return found or Proof("exhaustive", patterns)
    found = _compare(a, b, _probe_words(a.num_inputs), 64 * _PROBE_WORDS)
    if found:
        return found
    verdict = _sat(a, b, conflict_limit)
    if verdict is None:
        return Unknown(f"the SAT solver stopped after {conflict_limit} conflicts")
    return Proof("sat", 0) if verdict else _witness(a, b, conflict_limit)


def _sat(a: Circuit, b: Circuit, conflict_limit: int) -> bool | None:
    from aigverse.algorithms import equivalence_checking

    return equivalence_checking(to_aig(a), to_aig(b), conflict_limit=conflict_limit)


def _witness(a: Circuit, b: Circuit, conflict_limit: int) -> Counterexample | Unknown:
    """Find the pattern on which two circuits known to differ do so, by fixing one input after the other."""
    fixed: dict[int, int] = {}
    for i in range(a.num_inputs):
        verdict = _sat(restricted(a, {**fixed, i: 0}), restricted(b, {**fixed, i: 0}), conflict_limit)
        if verdict is None:
            return Unknown(f"different, but the SAT solver found no pattern within {conflict_limit} conflicts")
        fixed[i] = int(verdict)  # equal with 0, so they differ with 1
    inputs = np.array([[fixed[i]] for i in range(a.num_inputs)], np.uint64)
    found = _compare(a, b, inputs, 1)
    return found or Unknown("the SAT solver says different, but its pattern shows no difference")


def satisfies(circuit: Circuit, table: TruthTable) -> Proof | Counterexample:
    """Decide whether a circuit has every cared-for output value of a table; ports are matched by position.

    Raises:
        TableError: different numbers of inputs or outputs.
    """
    if (circuit.num_inputs, circuit.num_outputs) != (table.num_inputs, table.num_outputs):
        raise TableError(
            f"verify: {circuit.name} has {circuit.num_inputs} inputs and {circuit.num_outputs} outputs, "
            f"{table.name} has {table.num_inputs} and {table.num_outputs}; expected the same numbers"
        )
    outputs = simulate(circuit, table.inputs)
    found = _first_difference(table.inputs, outputs, table.outputs, table.care, table.input_names, table.output_names)
    return found or Proof("exhaustive" if table.complete else "all given patterns", table.patterns)


def tables_agree(a: TruthTable, b: TruthTable) -> Proof | Counterexample:
    """Decide whether two tables want the same values where both care.

    Raises:
        TableError: different numbers of inputs or outputs, or two sampled tables over different patterns.
    """
    if (a.num_inputs, a.num_outputs) != (b.num_inputs, b.num_outputs):
        raise TableError(
            f"verify: {a.name} has {a.num_inputs} inputs and {a.num_outputs} outputs, "
            f"{b.name} has {b.num_inputs} and {b.num_outputs}; expected the same numbers"
        )
    inputs, (a_out, a_care), (b_out, b_care) = a.inputs, (a.outputs, a.care), (b.outputs, b.care)
    if a.complete and not b.complete:
        inputs, (a_out, a_care) = b.inputs, _looked_up(a, b)
    elif b.complete and not a.complete:
        b_out, b_care = _looked_up(b, a)
    elif not (a.patterns == b.patterns and np.array_equal(a.inputs, b.inputs)):
        raise TableError(f"verify: {a.name} and {b.name} sample different patterns; compare each with a circuit")
    found = _first_difference(inputs, a_out, b_out, a_care & b_care, a.input_names, a.output_names)
    both = a.complete and b.complete
    return found or Proof("exhaustive" if both else "all given patterns", b.patterns if a.complete else a.patterns)


def _looked_up(complete: TruthTable, sample: TruthTable) -> tuple[Words, Words]:
    """Return the outputs and cares of a complete table on the patterns of a sampled one."""
    bits = unpack(sample.inputs, sample.patterns).astype(np.int64)
    index = (bits << np.arange(sample.num_inputs)[:, None]).sum(axis=0)
    return (
        pack(unpack(complete.outputs, complete.patterns)[:, index]),
        pack(unpack(complete.care, complete.patterns)[:, index]),
    )


def simplified(circuit: Circuit) -> tuple[Circuit, Verdict]:
    """Shrink a circuit by folding and by optimisation scripts, and prove the result equal.

    Returns:
        the circuit with the fewest AND nodes that is proved equal to the input, never more than the input has, and its
        proof; a shrunk circuit whose equality stays unknown is not used.
    """
    verdict: Verdict = Proof("unchanged", 0)
    best, size = circuit, and_count(circuit)
    for candidate in (folded(circuit), optimised(circuit)):
        count = and_count(candidate)
        smaller = count < size or (count == size and candidate.num_gates < best.num_gates)
        if smaller and isinstance(proof := equivalent(circuit, candidate), Proof):
            best, size, verdict = candidate, count, proof
    return best, verdict
