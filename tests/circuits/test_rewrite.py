"""Rewrites: the same function always, and exactly the gates each promises."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from strategies import circuits, complete_tables, sampled_tables

from circuits.circuit import Builder, Circuit
from circuits.errors import TableError
from circuits.gates import BIT_GATES
from circuits.rewrite import (
    folded,
    from_table,
    rebuild,
    to_and_not,
    to_two_input,
    without_dead_gates,
)
from circuits.simulate import simulate, truth_table
from circuits.table import complete_table

REWRITES = [without_dead_gates, folded, to_two_input, to_and_not]


def live_gates(circuit: Circuit) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """List the gates that outputs reach, renumbered without the others: what is left when the dead ones go."""
    gates, n = list(circuit.gates()), circuit.num_inputs
    live: set[int] = set()
    stack = circuit.outputs.tolist()
    while stack:
        wire = stack.pop()
        if wire >= n and wire not in live:
            live.add(wire)
            stack.extend(gates[wire - n][1])
    place = {w: w for w in range(n)} | {w: n + i for i, w in enumerate(sorted(live))}
    return [(op, tuple(place[f] for f in fanin), params) for op, fanin, params in (gates[w - n] for w in sorted(live))]


def edge_cases() -> dict[str, Circuit]:
    """Circuits at the borders: no inputs, no outputs, no gates, constants, repeated and complemented fan-ins."""
    empty = Builder([])
    constants = Builder([], fold=False)
    zero, one = constants.const(0), constants.const(1)
    wires = Builder(["a", "b"], fold=False)
    dead = Builder(["a", "b"], fold=False)
    dead.add("xor", 0, dead.add("and", 0, 1))
    fanins = Builder(["a"], fold=False)
    complement, buffer = fanins.add("not", 0), fanins.add("buf", 0)
    lut = fanins.add("lut3", 0, complement, 0, params=(0, 1, 1, 0, 1, 0, 0, 1))
    return {
        "nothing": empty.circuit({}),
        "constants": constants.circuit({"z": zero, "o": one, "a": constants.add("maj", zero, one, one)}),
        "outputs are inputs": wires.circuit({"p": 1, "q": 0, "r": 1}),
        "no outputs": dead.circuit({}),
        "dead gates": dead.circuit({"y": 0}),
        "one wire": fanins.circuit(
            {
                "same": fanins.add("and", 0, 0),
                "opposite": fanins.add("and", complement, buffer),
                "parity": fanins.add("xnor", buffer, 0),
                "chosen": fanins.add("mux", 0, complement, 0),
                "most": fanins.add("maj", complement, complement, 0),
                "lut": lut,
                "twice": fanins.add("not", complement),
            }
        ),
    }


@pytest.mark.parametrize("rewrite", REWRITES)
@given(circuit=circuits(max_gates=14, outputs=(0, 4)) | circuits(max_gates=14, outputs=(0, 4), fold=True))
def test_every_rewrite_keeps_function_and_names(rewrite, circuit):
    result = rewrite(circuit)
    assert truth_table(result) == truth_table(circuit)
    assert result.name == circuit.name
    assert live_gates(result) == list(result.gates())


@pytest.mark.parametrize("rewrite", REWRITES)
@pytest.mark.parametrize("name", edge_cases())
def test_every_rewrite_keeps_the_edge_cases(rewrite, name):
    circuit = edge_cases()[name]
    assert truth_table(rewrite(circuit)) == truth_table(circuit)


@given(circuits(max_gates=14))
def test_exactly_the_dead_gates_go(circuit):
    assert list(without_dead_gates(circuit).gates()) == live_gates(circuit)


@given(circuits(max_gates=14, outputs=(1, 4)))
def test_folding_never_adds_gates(circuit):
    assert folded(circuit).num_gates <= len(live_gates(circuit))


def test_folding_sees_through_repeated_and_complemented_fanins():
    assert Counter(op for op, _, _ in folded(edge_cases()["one wire"]).gates()) == {"const": 2, "not": 1}


def test_equal_gates_are_shared():
    b = Builder(["a", "b"], fold=False)
    circuit = b.circuit({"p": b.add("and", 0, 1), "q": b.add("and", 1, 0), "r": b.add("andnot", 0, 1)})
    assert folded(circuit).num_gates == 2


@given(circuits(max_gates=12, outputs=(1, 4)))
def test_two_input_circuits_have_no_wide_gates_and_no_tables(circuit):
    for op, fanin, _ in to_two_input(circuit).gates():
        assert len(fanin) <= 2
        assert not op.startswith("lut")


@given(circuits(max_gates=12, outputs=(1, 4)))
def test_and_not_circuits_have_nothing_else(circuit):
    assert {op for op, _, _ in to_and_not(circuit).gates()} <= {"and", "not", "const"}


def test_two_input_rows_stay_what_they_are():
    b = Builder(["a", "b"])
    rows = [row.name for row in BIT_GATES if row.arity == 2 and not row.param_count]
    result = to_two_input(b.circuit({row: b.add(row, 0, 1) for row in rows}))
    assert [op for op, _, _ in result.gates()] == rows


def test_the_and_of_an_exclusive_or_is_shared():
    b = Builder(["a", "b"])
    half_adder = b.circuit({"sum": b.add("xor", 0, 1), "carry": b.add("and", 0, 1)})
    assert sum(op == "and" for op, _, _ in to_and_not(half_adder).gates()) == 3


def test_rebuilding_hands_over_only_live_gates_with_their_new_wires():
    b = Builder(["a", "b"], name="chain", fold=False)
    b.add("or", 0, 1)
    wire = b.add("and", 0, 1)
    circuit = b.circuit({"y": b.add("xor", wire, wire)})
    seen = []

    def emit(builder, op, fanin, params, word):
        seen.append((op, fanin, params))
        return builder.add("nand", *fanin)

    result = rebuild(circuit, emit, fold=False)
    assert seen == [("and", (0, 1), ()), ("xor", (2, 2), ())]
    assert list(result.gates()) == [("nand", (0, 1), ()), ("nand", (2, 2), ())]
    assert result.name == "chain"


# --- from tables ---


@given(complete_tables(inputs=(0, 7), outputs=(0, 4)) | complete_tables(inputs=(8, 10), outputs=(1, 2)))
def test_a_diagram_computes_its_table(table):
    circuit = from_table(table)
    got = simulate(circuit, table.inputs, patterns=table.patterns)
    assert ((got ^ table.outputs) & table.care == 0).all()
    assert (got & ~table.care == 0).all()  # don't-cares are taken as 0
    assert (circuit.input_names, circuit.output_names, circuit.name) == (
        table.input_names,
        table.output_names,
        table.name,
    )


@pytest.mark.parametrize(
    ("value", "gates"),
    [
        (lambda v: v.bit_count() & 1, 9),  # one XOR an input after the first
        (lambda v: v >> 9, 0),  # an input
        (lambda v: v == 1023, 9),  # one AND an input after the first
        (lambda v: 1, 1),  # a constant
    ],
)
def test_diagrams_are_reduced_and_shared(value, gates):
    table = complete_table([[int(value(v)) for v in range(1024)]], inputs=10)
    assert from_table(table).num_gates == gates


@given(sampled_tables())
def test_a_sample_makes_no_diagram(table):
    with pytest.raises(TableError, match=rf"^table: got {table.patterns} sampled patterns, expected a complete table"):
        from_table(table)
