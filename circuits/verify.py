"""Proof or counterexample: do two circuits, a circuit and a table, or two tables agree?

Inequivalence is a result, not an error. Up to 16 inputs every pattern is tried; beyond, simulation and a SAT solver
decide (``circuits.sweep``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from circuits.aig import and_count, optimised
from circuits.circuit import Circuit
from circuits.errors import CircuitError, TableError, ToolError
from circuits.rewrite import bit_blasted, folded, from_bits
from circuits.simulate import evaluate, simulate
from circuits.sweep import Joint, decide, joined, minimised
from circuits.table import TruthTable
from circuits.words import Words, enumerate_inputs, mask_words, pack, unpack

EXHAUSTIVE_INPUTS = 16
CONFLICT_LIMIT = 200_000


class Proof(NamedTuple):
    """The two agree.

    Attributes:
        method: "exhaustive", "sat" or "all given patterns".
        patterns: how many patterns were compared (0 for sat).
    """

    method: str
    patterns: int

    def __str__(self) -> str:
        count = f", {self.patterns} pattern{'s' * (self.patterns != 1)}" if self.patterns else ""
        return f"equal ({self.method}{count})"


class Counterexample(NamedTuple):
    """An input pattern on which the two differ.

    Attributes:
        inputs: input name -> its bit, or the value of the word.
        outputs: names of the differing outputs -> (value of the first, value of the second).
        matter: names of the inputs that matter: whatever the others are, these outputs differ in this way; None if
            that was not asked.
    """

    inputs: dict[str, int]
    outputs: dict[str, tuple[int, int]]
    matter: tuple[str, ...] | None = None

    def __str__(self) -> str:
        shown = self.inputs if self.matter is None else self.matter
        free = len(self.inputs) - len(shown)
        at = " ".join(f"{name}={self.inputs[name]}" for name in shown) or ("any inputs" if free else "no inputs")
        if free and shown:
            at += f", whatever the other {free} inputs are" if free > 1 else ", whatever the other input is"
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


def equivalent(a: Circuit, b: Circuit, *, seconds: float | None = None, conflict_limit: int | None = None) -> Verdict:
    """Decide whether two circuits compute the same outputs for every input; ports are matched by position.

    Words are compared by the bits that store them, so a circuit of words may meet one of bits.

    Args:
        a: the first circuit; its port names appear in a counterexample, unless only the second has words.
        b: the second.
        seconds: give up (``Unknown``) after this time.
        conflict_limit: give up when the SAT solver has spent this many conflicts, 0 is no limit; by default 200,000
            without ``seconds``, so that verdicts do not depend on the clock, and no limit with them.

    Raises:
        CircuitError: different numbers of inputs or outputs, or seconds that are not above 0.
    """
    ports = b if b.has_words and not a.has_words else a
    counted = " (words counted by their bits)" if ports.has_words else ""
    a, b = bit_blasted(a), bit_blasted(b)
    if (a.num_inputs, a.num_outputs) != (b.num_inputs, b.num_outputs):
        raise CircuitError(
            f"verify: {a.name} has {a.num_inputs} inputs and {a.num_outputs} outputs, "
            f"{b.name} has {b.num_inputs} and {b.num_outputs}{counted}; expected the same numbers"
        )
    if seconds is not None and not seconds > 0:
        raise CircuitError(f"verify: got {seconds} seconds, expected a number above 0")
    stop = None if seconds is None else time.monotonic() + seconds
    if a.num_inputs <= EXHAUSTIVE_INPUTS:
        patterns = 1 << a.num_inputs
        return _tried(a, b, ports) or Proof("exhaustive", patterns)
    conflicts = conflict_limit if conflict_limit is not None else 0 if seconds is not None else CONFLICT_LIMIT
    joint = joined(a, b)
    decided = decide(joint, stop=stop, conflicts=conflicts or None)
    if decided is True:
        return Proof("sat", 0)
    if decided is None:
        limits = [f"{amount:,g} {what}" for amount, what in ((seconds, "seconds"), (conflicts, "conflicts")) if amount]
        return Unknown(f"neither a proof nor a difference within {' or '.join(limits)}")
    return _explained(a, b, ports, joint, decided) or Unknown(
        "the pattern that the SAT solver gives shows no difference"
    )


def _tried(a: Circuit, b: Circuit, ports: Circuit) -> Counterexample | None:
    """Try every pattern; return a difference at a pattern with as few ones as there can be."""
    inputs = enumerate_inputs(a.num_inputs)
    wrong = (simulate(a, inputs) ^ simulate(b, inputs)) & mask_words(1 << a.num_inputs)
    hits = np.flatnonzero(unpack(np.bitwise_or.reduce(wrong, axis=0), 1 << a.num_inputs)) if len(wrong) else wrong
    if not len(hits):
        return None
    pattern = int(hits[np.argmin(np.bitwise_count(hits))])
    return _explained(a, b, ports, joined(a, b), [pattern >> i & 1 for i in range(a.num_inputs)])


def _explained(a: Circuit, b: Circuit, ports: Circuit, joint: Joint, bits: list[int]) -> Counterexample | None:
    """Make the pattern simple and say what two circuits of bits do on it, in the words of ``ports``."""
    bits, matter = minimised(joint, bits)
    first, second = (from_bits(evaluate(circuit, bits), ports.output_types) for circuit in (a, b))
    pairs = zip(ports.output_names, first, second, strict=True)
    outputs = {name: (x, y) for name, x, y in pairs if x != y}
    named = dict(zip(ports.input_names, from_bits(bits, ports.input_types), strict=True))
    owners = [name for name, word in zip(ports.input_names, ports.input_types, strict=True) for _ in range(word.bits)]
    shown = tuple(dict.fromkeys(owners[i] for i in sorted(matter)))
    return Counterexample(named, outputs, shown) if outputs else None


def satisfies(circuit: Circuit, table: TruthTable) -> Proof | Counterexample:
    """Decide whether a circuit has every cared-for output value of a table; ports are matched by position.

    The words of a circuit are matched by the bits that store them, least significant first.

    Raises:
        TableError: different numbers of inputs or outputs.
    """
    circuit = bit_blasted(circuit)
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


Tool = Callable[[Circuit], Circuit]
"""Makes a circuit smaller, as it promises, or raises ``ToolError``."""


def simplified(
    circuit: Circuit, *, tools: Sequence[Tool] = (optimised,), report: Callable[[ToolError], None] | None = None
) -> tuple[Circuit, Verdict]:
    """Shrink a circuit by folding and by tools, one after the other, and prove the result equal.

    Args:
        circuit: the circuit; one of words is taken by the bits that store them.
        tools: what to try: ``circuits.aig.optimised``, ``circuits.tools.abc``; each gets the best circuit so far.
        report: is told of a tool that fails, or whose answer differs or is not proved equal; such a tool is passed
            over.

    Returns:
        the circuit with the fewest AND nodes that is proved equal to the input, never more than the input has, and its
        proof.
    """
    circuit = bit_blasted(circuit)
    verdict: Verdict = Proof("unchanged", 0)
    best, size = circuit, and_count(circuit)
    for tool in (folded, *tools):
        try:
            candidate = tool(best)
            count = and_count(candidate)
            if count < size or (count == size and candidate.num_gates < best.num_gates):
                proof = equivalent(circuit, candidate)
                if not isinstance(proof, Proof):
                    name = getattr(tool, "__name__", "tool")
                    raise ToolError(f"{name}: its answer is not proved equal to {circuit.name}: {proof}")
                best, size, verdict = candidate, count, proof
        except ToolError as error:
            if report:
                report(error)
    return best, verdict
