"""Simulation: kernels, blocks, tables, single patterns and traces against the gate-by-gate oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import circuits, words

from circuits import kernels
from circuits.circuit import Builder, Circuit
from circuits.errors import TableError
from circuits.gates import BIT_GATES, gate_table
from circuits.simulate import evaluate, simulate, simulate_oracle, simulate_wires, trace, truth_table
from circuits.words import enumerate_inputs, mask_words, pack, unpack


def with_words(count: tuple[int, int] = (0, 45)) -> st.SearchStrategy:
    return circuits().flatmap(lambda c: st.tuples(st.just(c), words(c.num_inputs, count)))


def large_circuit(num_inputs: int, num_gates: int, seed: int = 0) -> Circuit:
    """Return a random circuit over all rows, the same on every run."""
    draw = np.random.Generator(np.random.Philox(seed))
    builder = Builder([f"x{i}" for i in range(num_inputs)], fold=False)
    for g in range(num_gates):
        row = BIT_GATES[draw.integers(len(BIT_GATES))]
        fanin = draw.integers(0, num_inputs + g, row.arity).tolist()
        builder.add(row.name, *fanin, params=draw.integers(0, 2, row.param_count).tolist())
    return builder.circuit({f"y{i}": num_inputs + num_gates - 1 - i for i in range(9)})


def joined(parts: tuple[int, ...]) -> int:
    """Return 64-bit parts as one integer, the first the least significant."""
    return sum(part << 64 * i for i, part in enumerate(parts))


@given(with_words())
def test_kernels_equal_the_oracle(case):
    circuit, inputs = case
    expected = simulate_oracle(circuit, inputs)
    program = kernels.compiled(circuit)
    wires = np.full_like(expected, 0xA5)
    wires[: circuit.num_inputs] = inputs
    kernels.fill(program, wires)
    assert np.array_equal(wires, expected)
    sharing = kernels.sharing_rows(program, circuit.num_inputs)
    assert sharing.rows <= program.rows
    for each in (program, sharing):
        outputs = np.full((circuit.num_outputs, inputs.shape[1]), 0xA5, np.uint64)
        kernels.outputs_of(each, inputs, outputs)
        assert np.array_equal(outputs, expected[circuit.outputs])


@pytest.mark.parametrize("count", [1, 4, 5, 8, 31, 32, 33, 77])
def test_large_circuits_equal_the_oracle_at_every_number_of_words(count):
    circuit = large_circuit(7, 500)
    inputs = np.random.Generator(np.random.Philox(count)).integers(0, 2**64, (7, count), np.uint64)
    expected = simulate_oracle(circuit, inputs)
    wires = np.vstack([inputs, np.zeros((500, count), np.uint64)])
    kernels.fill(kernels.compiled(circuit), wires)
    assert np.array_equal(wires, expected)
    assert np.array_equal(simulate(circuit, inputs), expected[circuit.outputs])


def test_simulation_is_the_same_on_both_sides_of_the_threshold(monkeypatch):
    circuit = large_circuit(6, 60)
    inputs = np.random.Generator(np.random.Philox(1)).integers(0, 2**64, (6, 50), np.uint64)
    answers = []
    for work in (0, 1 << 60):
        monkeypatch.setattr("circuits.simulate.KERNEL_WORK", work)
        monkeypatch.setattr("circuits.simulate.BLOCK_WORDS", 7 * circuit.num_wires)
        answers.append((simulate(circuit, inputs[:, ::2]), simulate_wires(circuit, inputs[:, ::2])))
    assert np.array_equal(answers[0][0], answers[1][0])
    assert np.array_equal(answers[0][1], answers[1][1])
    assert np.array_equal(answers[0][0], answers[0][1][circuit.outputs])


@given(circuits())
def test_gate_tables_of_a_program_come_from_the_gate_table(circuit):
    expected = [gate_table(int(op), circuit.gate_params(g)) for g, op in enumerate(circuit.op)]
    assert kernels.tables(circuit).tolist() == expected


@given(circuits())
def test_truth_table_holds_every_evaluation(circuit):
    table = truth_table(circuit)
    n = circuit.num_inputs
    columns = unpack(table.outputs, 1 << n).T.astype(int).tolist()
    assert table.fully_specified
    assert table.input_names == circuit.input_names
    assert table.output_names == circuit.output_names
    for v in range(1 << n):
        assert evaluate(circuit, [v >> i & 1 for i in range(n)]) == tuple(columns[v])


@given(circuits(inputs=(1, 4)), st.integers(0, 15))
def test_trace_names_every_wire_with_its_value(circuit, v):
    bits = [v >> i & 1 for i in range(circuit.num_inputs)]
    steps = trace(circuit, bits)
    assert [s.wire for s in steps] == circuit.wire_names()
    wires = simulate_oracle(circuit, pack(np.array(bits)[:, None]))
    assert [s.value for s in steps] == (wires[:, 0] & np.uint64(1)).tolist()
    assert [s.op for s in steps] == ["input"] * circuit.num_inputs + [op for op, _, _ in circuit.gates()]


@given(circuits(inputs=(2, 4)), st.integers(1, 200))
def test_patterns_clear_the_tail(circuit, patterns):
    inputs = np.full((circuit.num_inputs, -(-patterns // 64)), 0x0123456789ABCDEF, np.uint64)
    wires = simulate_wires(circuit, inputs, patterns=patterns)
    assert np.array_equal(wires, simulate_oracle(circuit, inputs) & mask_words(patterns))
    assert np.array_equal(simulate(circuit, inputs, patterns=patterns), wires[circuit.outputs])


def test_circuits_without_inputs_outputs_or_gates():
    nothing = Builder([]).circuit({})
    assert truth_table(nothing).outputs.shape == (0, 1)
    assert evaluate(nothing, []) == ()
    builder = Builder([])
    one = builder.circuit({"y": builder.const(1)})
    assert truth_table(one).outputs.tolist() == [[1]]
    wire = Builder(["a"]).circuit({"y": 0})
    assert truth_table(wire).outputs.tolist() == [[2]]
    for count in (1, kernels.SHARED_FROM):
        outputs = np.zeros((1, count), np.uint64)
        kernels.outputs_of(kernels.for_outputs(one, count), np.zeros((0, count), np.uint64), outputs)
        assert outputs.tolist() == [[2**64 - 1] * count]


def test_programs_are_made_once_a_circuit():
    circuit = large_circuit(5, 20)
    assert kernels.compiled(circuit) is kernels.compiled(circuit) is kernels.for_outputs(circuit, 1)
    assert kernels.for_outputs(circuit, 8) is kernels.for_outputs(circuit, 32)


def test_rows_are_shared_by_wires_that_are_never_alive_together():
    builder = Builder(["a", "b"], fold=False)
    wire = 0
    for _ in range(100):
        wire = builder.add("xor", wire, 1)
    circuit = builder.circuit({"y": wire})
    assert kernels.for_outputs(circuit, 8).rows == 3  # b, a wire and the one made of it; a is read once


def test_bad_inputs_are_named():
    circuit = Builder(["a", "b"]).circuit({"y": 0})
    with pytest.raises(TableError, match=r"uint64 of shape \(2, words\)"):
        simulate(circuit, np.zeros((3, 1), np.uint64))
    with pytest.raises(TableError, match="got int64"):
        simulate(circuit, np.zeros((2, 1), np.int64))
    with pytest.raises(TableError, match="patterns=65"):
        simulate(circuit, np.zeros((2, 1), np.uint64), patterns=65)
    with pytest.raises(TableError, match="expected 2 values 0 or 1"):
        evaluate(circuit, [1])
    with pytest.raises(TableError, match="expected 2 values 0 or 1"):
        trace(circuit, [0, 2])
    with pytest.raises(TableError, match="at most 20"):
        truth_table(Builder([f"x{i}" for i in range(21)]).circuit({}))
    huge = np.broadcast_to(np.zeros(1, np.uint64), (2, 1 << 40))
    with pytest.raises(TableError, match="fewer patterns"):
        simulate_wires(circuit, huge)


@given(st.tuples(*[st.integers(0, 2**64 - 1)] * 2), st.tuples(*[st.sampled_from([0, 1, 2**64 - 1])] * 4))
def test_philox_draws_what_numpy_draws(key, counter):
    state = kernels.philox_state(key, counter)
    draws = np.zeros(9, np.uint64)
    kernels.philox_fill(state[:], draws[:5])
    kernels.philox_fill(state[:], draws[5:])
    expected = np.random.Philox(key=joined(key), counter=joined(counter)).random_raw(9)
    assert draws.tolist() == expected.tolist()


@given(st.tuples(*[st.integers(0, 2**64 - 1)] * 6))
def test_philox_block_is_numpys_first_block_after_the_counter_steps(numbers):
    words_ = np.array(numbers, np.uint64)
    block = kernels.philox4x64(*words_)
    before = (joined(numbers[2:]) - 1) % 2**256
    expected = np.random.Philox(key=joined(numbers[:2]), counter=before).random_raw(4)
    assert [int(b) for b in block] == expected.tolist()


def test_complete_input_words_reach_twenty_inputs():
    builder = Builder([f"x{i}" for i in range(20)])
    parity = 0
    for i in range(1, 20):
        parity = builder.add("xor", parity, i)
    outputs = truth_table(builder.circuit({"y": parity})).outputs
    index = np.arange(1 << 20, dtype=np.uint64)
    assert np.array_equal(outputs[0], pack(np.bitwise_count(index) & 1))
    assert enumerate_inputs(20).shape == (20, 1 << 14)
