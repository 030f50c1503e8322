"""How well a circuit does what data asks."""

from __future__ import annotations

from typing import NamedTuple

from circuits.circuit import Circuit
from circuits.errors import TableError
from circuits.rewrite import bit_blasted
from circuits.simulate import simulate
from circuits.table import TruthTable, agreement


class Score(NamedTuple):
    """What :func:`score` found.

    Attributes:
        accuracy: share of the patterns with every cared-for output right.
        bit_accuracy: share of the cared-for output values that are right.
        patterns: how many patterns, repeated ones counted as often as they occur.
        errors: how many cared-for output values are wrong.
    """

    accuracy: float
    bit_accuracy: float
    patterns: int
    errors: int


def score(circuit: Circuit, table: TruthTable) -> Score:
    """Compare a circuit with a table on the table's patterns, row by row as they are given; words by their bits.

    Raises:
        TableError: the circuit and the table differ in the number of inputs or outputs.
    """
    circuit = bit_blasted(circuit)
    if (circuit.num_inputs, circuit.num_outputs) != (table.num_inputs, table.num_outputs):
        raise TableError(
            f"circuit {circuit.name!r} has {circuit.num_inputs} inputs and {circuit.num_outputs} outputs, expected "
            f"{table.num_inputs} and {table.num_outputs} as the data {table.name!r} has"
        )
    return Score(**agreement(table, simulate(circuit, table.inputs, patterns=table.patterns)))
