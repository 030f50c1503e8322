"""Circuits of words by their bits: simulation, tables, graphs, proofs and counterexamples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import circuits, patterns_of, word_circuits, word_types

from circuits.aig import and_count, hashed, optimised, xor_and_count
from circuits.circuit import Builder, Circuit
from circuits.errors import CircuitError, TableError
from circuits.mapping import lut_mapping
from circuits.order import statistics
from circuits.rewrite import bit_blasted, bit_names, folded, from_bits, to_two_input, without_dead_gates
from circuits.simulate import evaluate, simulate, trace, truth_table
from circuits.table import agreement
from circuits.values import from_bits as values_from_bits
from circuits.values import simulate_by_bits, simulate_values, to_bits, wire_values
from circuits.verify import Counterexample, Proof, equivalent, satisfies, simplified
from circuits.wires import BIT, Word
from circuits.words import pack

MIXED = word_circuits(inputs=(1, 3), max_gates=6, outputs=(1, 3), bits=(1, 6))


def adder(word: Word, *, op: str = "add") -> Circuit:
    b = Builder(["a", "b"], types=[Word(8), Word(8)], name="adder")
    return b.circuit({"sum": b.add(op, 0, 1, type=word)})


@given(st.data())
def test_values_and_bits_agree_on_whole_circuits(data):
    circuit = data.draw(word_circuits(bits=(1, 64)))
    rows = data.draw(patterns_of(circuit.input_types))
    wanted = [list(evaluate(circuit, row)) for row in rows]
    given_values = np.array(rows, np.int64).T
    assert simulate_values(circuit, given_values).T.tolist() == wanted
    assert simulate_by_bits(circuit, given_values).T.tolist() == wanted
    wires = wire_values(circuit, given_values)
    assert [step.value for step in trace(circuit, rows[0])] == wires[:, 0].tolist()


@given(st.data())
def test_bits_store_values_and_give_them_back(data):
    types = data.draw(st.lists(word_types(bits=(1, 64)), min_size=1, max_size=4))
    rows = data.draw(patterns_of(types))
    values = np.array(rows, np.int64).T
    packed = to_bits(values, types)
    assert packed.shape == (sum(t.bits for t in types), 1)
    assert np.array_equal(values_from_bits(packed, types, len(rows)), values)
    bits = [int(word) & 1 for word in packed[:, 0]]
    assert from_bits(bits, types) == rows[0]


@given(circuits())
def test_a_circuit_of_bits_stays_what_it_is(circuit):
    assert not circuit.has_words
    assert bit_blasted(circuit) is circuit
    rows = np.zeros((circuit.num_inputs, 3), np.int64)
    assert np.array_equal(simulate_values(circuit, rows) & 1, simulate_values(circuit, rows))
    assert simulate_values(circuit, rows)[:, 0].tolist() == list(evaluate(circuit, [0] * circuit.num_inputs))


@settings(max_examples=12)  # optimisation is slow
@given(MIXED)
def test_everything_that_asks_for_bits_takes_words(circuit):
    bits = bit_blasted(circuit)
    assert not bits.has_words
    assert bits.num_inputs == sum(t.bits for t in circuit.input_types)
    assert and_count(circuit) == and_count(bits)
    assert xor_and_count(circuit) == xor_and_count(bits)
    for lowered in (bits, hashed(circuit), optimised(circuit), lut_mapping(circuit), to_two_input(circuit)):
        assert (lowered.input_names, lowered.output_names) == (bits.input_names, bits.output_names)
        assert isinstance(equivalent(circuit, lowered), Proof)
    smaller, verdict = simplified(circuit)
    assert isinstance(verdict, Proof)
    assert isinstance(equivalent(smaller, circuit), Proof)
    assert and_count(smaller) <= and_count(circuit)
    table = truth_table(circuit) if bits.num_inputs <= 10 else None
    if table is not None:
        assert isinstance(satisfies(circuit, table), Proof)
        assert agreement(table, simulate(bits, table.inputs))["accuracy"] == 1.0


@given(MIXED)
def test_words_survive_folding_and_dropping_of_dead_gates(circuit):
    for kept in (folded(circuit), without_dead_gates(circuit)):
        assert (kept.input_types, kept.output_types) == (circuit.input_types, circuit.output_types)
        assert kept.num_gates <= circuit.num_gates
        assert isinstance(equivalent(circuit, kept), Proof)


@given(MIXED, st.data())
def test_other_parameters_make_the_circuit_with_those_parameters(circuit, data):
    slices = circuit.param_slices
    drawn = [data.draw(st.integers(s.lo, s.hi)) for s in slices for _ in range(s.start, s.stop)]
    other = circuit.with_params(np.array(drawn, np.int64))
    assert other.params.tolist() == drawn
    assert [s[3:] for s in other.param_slices] == [s[3:] for s in slices]
    assert Circuit.from_networkx(other.to_networkx()) == other
    if slices and slices[0].hi < (1 << 62):
        drawn[slices[0].start] = slices[0].hi + 1
        with pytest.raises(CircuitError, match="expected"):
            circuit.with_params(np.array(drawn, np.int64))


def test_bits_of_words_are_named_by_position_and_stay_distinct():
    assert bit_names(["a", "b"], [Word(2), BIT]) == ("a[0]", "a[1]", "b")
    assert bit_names(["a[1]", "a"], [BIT, Word(2)]) == ("a[1]", "a[0]", "a[1]_1")
    assert bit_names(["a"], [Word(1)]) == ("a[0]",)


def test_circuits_print_their_types():
    assert repr(adder(Word(8, saturate=True))) == (
        "(circuit adder\n  (inputs a:s8 b:s8)\n  (g0:s8sat add a b)\n  (outputs (sum g0)))"
    )
    assert statistics(adder(Word(9)))["kinds"] == {"add": 1}


def test_counterexamples_speak_of_words():
    wraps, saturates = adder(Word(8)), adder(Word(8, saturate=True))
    verdict = equivalent(wraps, saturates)
    assert isinstance(verdict, Counterexample)
    a, b = verdict.inputs["a"], verdict.inputs["b"]
    assert verdict.outputs == {"sum": (Word(8).fit(a + b), max(-128, min(127, a + b)))}
    assert verdict.outputs["sum"][0] != verdict.outputs["sum"][1]
    assert evaluate(wraps, [a, b]) == (verdict.outputs["sum"][0],)
    assert "a=" in str(verdict) and "sum is" in str(verdict)
    against_bits = equivalent(bit_blasted(wraps), saturates)
    assert isinstance(against_bits, Counterexample)
    assert set(against_bits.inputs) == {"a", "b"}


def test_wide_words_are_told_apart_by_sat():
    b = Builder(["a", "b"], types=[Word(32)] * 2)
    total = b.circuit({"y": b.add("add", 0, 1, type=Word(32))})
    c = Builder(["a", "b"], types=[Word(32)] * 2)
    minus = c.circuit({"y": c.add("sub", 0, c.add("neg", 1, type=Word(32)), type=Word(32))})
    assert isinstance(equivalent(total, minus), Proof)
    d = Builder(["a", "b"], types=[Word(32)] * 2)
    wrong = d.circuit({"y": d.add("sub", 0, 1, type=Word(32))})
    verdict = equivalent(total, wrong)
    assert isinstance(verdict, Counterexample)
    values = [verdict.inputs["a"], verdict.inputs["b"]]
    assert (evaluate(total, values)[0], evaluate(wrong, values)[0]) == verdict.outputs["y"]


def test_misfits_are_said_in_one_line():
    circuit = adder(Word(9))
    with pytest.raises(TableError, match="it has words, expected a circuit of bits; call values"):
        simulate(circuit, pack(np.zeros((2, 3))))
    with pytest.raises(TableError, match=r"a=128, expected -128\.\.127"):
        evaluate(circuit, [128, 0])
    with pytest.raises(TableError, match="expected integers of shape"):
        simulate_values(circuit, np.zeros((3, 1), np.int64))
    with pytest.raises(TableError, match="expected integers of shape"):
        simulate_values(circuit, np.zeros((2, 1)))
    with pytest.raises(TableError, match=r"row 1 holds -129\.\.0"):
        simulate_values(circuit, [[0, 0], [-129, 0]])
    with pytest.raises(CircuitError, match="words counted by their bits"):
        equivalent(circuit, adder(Word(8)))
    with pytest.raises(CircuitError, match="got 1 types for 2 names"):
        Builder(["a", "b"], types=[BIT])
