"""And-inverter graphs: literals, aigverse networks and gates say the same, and no AND node is added on the way."""

from __future__ import annotations

import numpy as np
import pytest
from aigverse.algorithms import simulate as aig_simulate
from aigverse.networks import Aig
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import circuits

from circuits import aig
from circuits.aig import (
    Literals,
    and_count,
    and_levels,
    from_aig,
    from_literals,
    natural_gates,
    optimised,
    optimised_together,
    to_aig,
    to_literals,
    xor_and_count,
)
from circuits.circuit import Builder, Circuit
from circuits.errors import CircuitError
from circuits.gates import GATE
from circuits.simulate import truth_table
from circuits.words import unpack

ONE_AND = ["and", "or", "nand", "nor", "andnot", "ornot"]
ONE_AND_ROWS = [GATE[row] for row in ["const", "buf", "not", *ONE_AND]]
MIXED_ROWS = [GATE[row] for row in ["xor", "xor", "xnor", "and", "nor", "andnot", "not", "mux", "maj"]]


def values_of(lits: Literals) -> list[int]:
    """Evaluate literals by their definition: per output its truth table as an integer."""
    size = 1 << lits.num_inputs
    full = (1 << size) - 1
    variables = [0, *(sum(1 << v for v in range(size) if v >> i & 1) for i in range(lits.num_inputs))]

    def at(literal: int) -> int:
        return variables[literal >> 1] ^ full * (literal & 1)

    for a, b in lits.ands.tolist():
        variables.append(at(a) & at(b))
    return [at(o) for o in lits.outputs.tolist()]


def values(circuit: Circuit) -> list[int]:
    """Return a circuit's truth tables as integers."""
    table = truth_table(circuit)
    return [sum(1 << v for v in np.flatnonzero(row).tolist()) for row in unpack(table.outputs, table.patterns)]


def aig_values(network: Aig) -> list[int]:
    """Return a network's truth tables as aigverse itself simulates them."""
    return [int(table.to_binary(), 2) for table in aig_simulate(network)] if network.num_pos else []


@st.composite
def literals(draw: st.DrawFn) -> Literals:
    """Draw any graph: constants, repeated and opposite operands, dead and equal ANDs among it."""
    n, count = draw(st.integers(0, 4)), draw(st.integers(0, 12))
    ands = [[draw(st.integers(0, 2 * (n + i) + 1)) for _ in range(2)] for i in range(count)]
    outputs = draw(st.lists(st.integers(0, 2 * (n + count) + 1), max_size=4))
    return Literals(n, np.array(ands, np.int64).reshape(-1, 2), np.array(outputs, np.int64))


def named(make, lits: Literals) -> Circuit:
    """Make a circuit from literals, its ports numbered."""
    return make(lits, tuple(f"x{i}" for i in range(lits.num_inputs)), tuple(f"y{i}" for i in range(len(lits.outputs))))


def hashed(circuit: Circuit) -> Literals:
    return to_literals(from_aig(to_aig(circuit), circuit.input_names, circuit.output_names))


# --- literals ---


@given(circuits(rows=ONE_AND_ROWS, max_gates=14, outputs=(0, 4)))
def test_gates_that_are_one_and_stay_one(circuit):
    lits = to_literals(circuit)
    assert len(lits.ands) == sum(op in ONE_AND for op, _, _ in circuit.gates())
    assert values_of(lits) == values(circuit)


@given(circuits(outputs=(0, 4)))
def test_literals_of_any_circuit_compute_it(circuit):
    lits = to_literals(circuit)
    assert lits.num_inputs == circuit.num_inputs
    assert values_of(lits) == values(circuit)
    assert all(max(pair) < 2 * (lits.num_inputs + 1 + i) for i, pair in enumerate(lits.ands.tolist()))


@given(literals())
def test_literals_survive_the_round_trip(lits):
    circuit = named(from_literals, lits)
    assert values(circuit) == values_of(lits)
    assert {op for op, _, _ in circuit.gates()} <= {"const", "and", "andnot", "nor", "not"}
    back = to_literals(circuit)
    assert back.num_inputs == lits.num_inputs
    assert np.array_equal(np.sort(back.ands), np.sort(lits.ands))
    assert np.array_equal(back.outputs, lits.outputs)


@given(literals())
def test_a_complemented_output_costs_one_inverter(lits):
    circuit = named(from_literals, lits)
    inverted = {o for o in lits.outputs.tolist() if o & 1}
    assert sum(op == "not" for op, _, _ in circuit.gates()) == len(inverted)


def test_literals_refuse_names_that_do_not_fit():
    lits = Literals(2, np.array([[2, 4]]), np.array([6]))
    with pytest.raises(CircuitError, match="one name per output"):
        from_literals(lits, ("a", "b"), ())
    with pytest.raises(CircuitError, match="distinct"):
        from_literals(lits, ("a", "a"), ("y",))


# --- gates a person would draw ---


@given(literals())
def test_natural_gates_keep_the_function(lits):
    circuit = named(natural_gates, lits)
    assert values(circuit) == values_of(lits)
    assert circuit.num_gates <= len(lits.ands) + 2 * len(set(lits.outputs.tolist())) + int((lits.ands < 2).sum())


@given(circuits(rows=MIXED_ROWS, inputs=(1, 5), max_gates=14, outputs=(1, 5)))
def test_natural_gates_cost_no_and_nodes(circuit):
    lits = hashed(circuit)
    natural = named(natural_gates, lits)
    assert values(natural) == values_of(lits)
    assert and_count(natural) <= len(lits.ands)


def test_natural_gates_find_the_adder():
    b = Builder(["a", "b", "c"])
    half = b.add("xor", 0, 1)
    carry = b.add("or", b.add("and", 0, 1), b.add("and", half, 2))
    natural = named(natural_gates, hashed(b.circuit({"sum": b.add("xor", half, 2), "carry": carry})))
    rows = [op for op, _, _ in natural.gates()]
    assert sum(row in ("xor", "xnor") for row in rows) == 2
    assert natural.num_gates == 5
    assert and_count(natural) == 7


@pytest.mark.parametrize("flip", [0, 1])
@pytest.mark.parametrize("shared", [(2, 3), (2,), (3,), ()])
def test_shared_inner_ands_are_not_paid_twice(flip, shared):
    # the XOR of x0 and x1, inner ANDs (variables 3 and 4) in either polarity, each perhaps an output too
    ands = np.array([[2, 4 ^ flip], [3, 5 ^ flip], [7, 9]])
    lits = Literals(2, ands, np.array([10, *(2 * v + 2 for v in shared)]))
    natural = named(natural_gates, lits)
    assert values(natural) == values_of(lits)
    assert and_count(natural) == 3
    found = any(op in ("xor", "xnor") for op, _, _ in natural.gates())
    assert found == (not (shared and flip))
    assert natural.num_gates == (3 if shared and flip else 1 + len(shared))


def test_operands_of_a_shared_exclusive_or_keep_one_polarity():
    # x = a XOR b shares NOR(a, b); a is read both ways and b only complemented
    lits = Literals(4, np.array([[2, 4], [6, 8], [11, 13], [10, 12], [15, 17]]), np.array([18, 14, 10]))
    natural = named(natural_gates, lits)
    assert [op for op, _, _ in natural.gates()] == ["and", "and", "nor", "xor"]
    assert values(natural) == values_of(lits)
    assert and_count(natural) == 5


def test_an_and_read_only_complemented_becomes_the_complemented_gate():
    lits = Literals(3, np.array([[2, 4], [9, 6], [3, 7]]), np.array([10, 13]))
    natural = named(natural_gates, lits)
    assert [op for op, _, _ in natural.gates()] == ["nand", "and", "or"]
    assert values(natural) == values_of(lits)


# --- aigverse ---


@given(circuits(outputs=(0, 4)))
def test_networks_compute_the_circuit_and_come_back(circuit):
    network = to_aig(circuit)
    assert (network.num_pis, network.num_pos) == (circuit.num_inputs, circuit.num_outputs)
    assert aig_values(network) == values(circuit)
    back = from_aig(network, circuit.input_names, circuit.output_names, circuit.name)
    assert truth_table(back) == truth_table(circuit)
    assert and_count(back) == network.num_gates == and_count(circuit)


@given(literals())
@example(Literals(0, np.array([[0, 0], [1, 1], [1, 0], [0, 1]]), np.array([2, 4, 6, 8])))  # constants alone
@example(Literals(1, np.array([[2, 2], [3, 3], [3, 2]]), np.array([4, 6, 8])))  # x AND x, x AND NOT x
@example(Literals(2, np.array([[4, 2], [6, 2]]), np.array([6, 8])))  # falling pairs, XOR in an index list
def test_networks_compute_any_literals(lits):
    network = to_aig(named(from_literals, lits))
    assert aig_values(network) == values_of(lits)
    assert network.num_gates <= len(lits.ands)


@given(literals())
def test_counts_are_of_the_hashed_graph(lits):
    circuit = named(from_literals, lits)
    plain: dict[tuple[int, int], int] = {}  # hashed AND -> literal, by the rules of structural hashing
    literal, level = [0, *range(2, 2 * lits.num_inputs + 2, 2)], [0] * (lits.num_inputs + 1)
    for row in lits.ands.tolist():
        a, b = sorted(literal[x >> 1] ^ x & 1 for x in row)
        trivial = 0 if a == 0 or a == b ^ 1 else b if a in (1, b) else None
        if trivial is None:
            if (a, b) not in plain:
                plain[a, b] = 2 * len(level)
                level.append(1 + max(level[a >> 1], level[b >> 1]))
            trivial = plain[a, b]
        literal.append(trivial)
    assert and_count(circuit) == len(plain)
    assert and_levels(circuit) == max((level[literal[o >> 1] >> 1] for o in lits.outputs.tolist()), default=0)


@pytest.mark.parametrize(("row", "ands", "levels"), [("and", 1, 1), ("xor", 3, 2), ("mux", 3, 2), ("maj", 4, 3)])
def test_counts_of_single_gates(row, ands, levels):
    b = Builder(["a", "b", "c"])
    circuit = b.circuit({"y": b.add(row, *range(GATE[row].arity))})
    assert (and_count(circuit), and_levels(circuit)) == (ands, levels)


@settings(max_examples=10)  # each takes a quarter of a second, to load the library of rewriting
@given(circuits(inputs=(0, 5), max_gates=12, outputs=(0, 4)))
def test_optimising_keeps_the_function_and_adds_no_and(circuit):
    best = optimised(circuit)
    assert truth_table(best) == truth_table(circuit)
    assert and_count(best) <= and_count(circuit)
    assert best.name == circuit.name


def test_optimising_removes_what_is_redundant():
    b = Builder(["a", "b", "c"])
    either = b.add("or", b.add("and", 0, 1), b.add("and", 0, 2))  # a AND (b OR c)
    absorbed = b.add("or", 0, b.add("and", 0, 1))  # a
    best = optimised(b.circuit({"p": either, "q": absorbed}))
    assert and_count(best) == 2
    assert best.outputs.tolist()[1] == 0
    assert values(optimised(best, rounds=0)) == values(best)


def test_a_script_that_gains_nothing_or_fails_changes_nothing(monkeypatch):
    b = Builder(["a", "b"])
    circuit = b.circuit({"y": b.add("and", 0, 1)})
    larger = to_aig(b.circuit({"y": b.add("xor", 0, 1)}))
    monkeypatch.setattr(aig, "_scripts", lambda: (lambda g: None, lambda g: larger))
    assert optimised(circuit) == circuit


@given(circuits(outputs=(0, 4)))
def test_exclusive_ors_count_once(circuit):
    counted = xor_and_count(circuit)
    assert counted <= and_count(circuit)
    assert counted == xor_and_count(from_aig(to_aig(circuit), circuit.input_names, circuit.output_names))


def test_an_adder_of_exclusive_ors():
    b = Builder(["a", "b", "c"])
    half = b.add("xor", 0, 1)
    plain = b.circuit({"sum": b.add("xor", half, 2), "same": b.add("xnor", half, 2)})
    assert (xor_and_count(plain), and_count(plain)) == (2, 6)
    assert xor_and_count(b.circuit({"y": b.add("or", 0, 1), "z": b.add("not", 2)})) == 1


@settings(max_examples=4)
@given(st.lists(circuits(max_gates=12), min_size=1, max_size=3))
def test_circuits_are_optimised_side_by_side_as_each_alone(several: list[Circuit]):
    for before, after in zip(several, optimised_together(several, rounds=1), strict=True):
        assert (after.input_names, after.output_names, after.name) == (
            before.input_names,
            before.output_names,
            before.name,
        )
        assert values(after) == values(before) and and_count(after) <= and_count(before)
