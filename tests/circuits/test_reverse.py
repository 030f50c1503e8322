"""The three derivatives: each against its oracle, their laws, and where they differ from each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import circuits, words

from circuits.circuit import Builder, Circuit
from circuits.errors import CircuitError, TableError
from circuits.gates import BIT_GATES
from circuits.reverse import (
    SIGNAL_LIMIT,
    observability,
    observability_of,
    observability_oracle,
    parameter_observability,
    parameter_observability_oracle,
    reverse_derivative,
    reverse_derivative_oracle,
    variation,
    variation_oracle,
)
from circuits.simulate import evaluate, simulate
from circuits.words import enumerate_inputs, mask_words, pack, unpack

SMALL = circuits(max_gates=6)
WIRED = circuits(inputs=(1, 4), max_gates=6, outputs=(1, 3))
TREES = circuits(inputs=(1, 6), max_gates=6, outputs=(1, 3), fanout_free=True)


def bits(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 1), min_size=count, max_size=count)


def on_one_pattern(circuits_: st.SearchStrategy[Circuit]) -> st.SearchStrategy:
    """Draw (circuit, one bit per input, one bit per output)."""
    return circuits_.flatmap(lambda c: st.tuples(st.just(c), bits(c.num_inputs), bits(c.num_outputs)))


def compose(f: Circuit, g: Circuit) -> Circuit:
    """Return f;g: the outputs of f are the inputs of g. Parameters of f come first."""
    builder = Builder(f.input_names, fold=False, types=f.input_types)

    def replay(circuit: Circuit, wires: list[int]) -> list[int]:
        wires = list(wires)
        for w, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
            wires.append(builder.add(op, *(wires[f] for f in fanin), params=params, type=circuit.type_of(w)))
        return [wires[w] for w in circuit.outputs.tolist()]

    outputs = replay(g, replay(f, builder.inputs))
    return builder.circuit(zip(g.output_names, outputs, strict=True))


def square() -> Circuit:
    """Return y = x and x, kept as one gate read twice by x."""
    builder = Builder(["x"], fold=False)
    return builder.circuit({"y": builder.add("and", 0, 0)})


# --- reverse derivative ---


@given(on_one_pattern(SMALL))
def test_reverse_derivative_equals_the_sum_over_paths(case):
    circuit, x, d = case
    to_inputs, to_params = reverse_derivative_oracle(circuit, x, d)
    assert evaluate(reverse_derivative(circuit), [*x, *d]) == (*to_inputs, *to_params)


@given(WIRED.flatmap(lambda c: st.tuples(st.just(c), bits(c.num_inputs), bits(c.num_outputs), bits(c.num_outputs))))
def test_reverse_derivative_is_additive_in_its_last_argument(case):
    circuit, x, d, e = case
    r = reverse_derivative(circuit)
    both = evaluate(r, [*x, *(a ^ b for a, b in zip(d, e, strict=True))])
    apart = zip(evaluate(r, [*x, *d]), evaluate(r, [*x, *e]), strict=True)
    assert both == tuple(a ^ b for a, b in apart)
    assert not any(evaluate(r, [*x, *[0] * len(d)]))


@given(st.data())
def test_reverse_derivative_of_a_composite_is_the_composite_of_reverse_derivatives(data):
    f = data.draw(circuits(inputs=(1, 4), max_gates=5, outputs=(1, 3)))
    g = data.draw(circuits(inputs=(f.num_outputs, f.num_outputs), max_gates=5, outputs=(1, 3)))
    x, d = data.draw(bits(f.num_inputs)), data.draw(bits(g.num_outputs))
    middle = evaluate(f, x)
    back = evaluate(reverse_derivative(g), [*middle, *d])
    to_middle, to_g = back[: g.num_inputs], back[g.num_inputs :]
    front = evaluate(reverse_derivative(f), [*x, *to_middle])
    to_inputs, to_f = front[: f.num_inputs], front[f.num_inputs :]
    assert evaluate(reverse_derivative(compose(f, g)), [*x, *d]) == (*to_inputs, *to_f, *to_g)


@pytest.mark.parametrize("a", [0, 1])
@pytest.mark.parametrize("d", [0, 1])
@pytest.mark.parametrize("e", [0, 1])
def test_reverse_derivatives_of_identity_copy_discard_add_and_mul(a, d, e):
    one, two = Builder(["x"]), Builder(["x", "y"])
    assert evaluate(reverse_derivative(one.circuit({"y": 0})), [a, d]) == (d,)
    assert evaluate(reverse_derivative(one.circuit({"y": 0, "z": 0})), [a, d, e]) == (d ^ e,)
    assert evaluate(reverse_derivative(one.circuit({})), [a]) == (0,)
    assert evaluate(reverse_derivative(two.circuit({"s": two.add("xor", 0, 1)})), [a, e, d]) == (d, d)
    assert evaluate(reverse_derivative(two.circuit({"p": two.add("and", 0, 1)})), [a, e, d]) == (e & d, a & d)


@given(on_one_pattern(TREES))
def test_on_fanout_free_circuits_the_chain_rule_is_the_boolean_difference(case):
    circuit, x, d = case
    base = evaluate(circuit, x)
    expected = []
    for i in range(circuit.num_inputs):
        moved = evaluate(circuit, [*x[:i], 1 - x[i], *x[i + 1 :]])
        expected.append(sum((m ^ b) & e for m, b, e in zip(moved, base, d, strict=True)) % 2)
    for p in range(len(circuit.params)):
        params = circuit.params.copy()
        params[p] ^= 1
        moved = evaluate(circuit.with_params(params), x)
        expected.append(sum((m ^ b) & e for m, b, e in zip(moved, base, d, strict=True)) % 2)
    assert evaluate(reverse_derivative(circuit), [*x, *d]) == tuple(expected)


def test_chain_rule_and_boolean_difference_of_a_square_disagree():
    circuit, x = square(), enumerate_inputs(1)
    assert simulate(reverse_derivative(circuit), enumerate_inputs(2), patterns=4).tolist() == [[0]]
    assert observability_of(circuit, x, 0, patterns=2).tolist() == [[0b11]]
    assert variation(circuit, x, np.ones((1, 2), int))[0].tolist() == [[0, 2]]


def test_reverse_derivative_names_never_collide():
    builder = Builder(["x", "d_y", "d_y_", "d_d_y"])
    circuit = builder.circuit({"y": builder.add("and", 0, 1), "y_": 2, "x": 3})
    r = reverse_derivative(circuit)
    assert r.input_names == ("x", "d_y", "d_y_", "d_d_y", "d_y__", "d_y___", "d_x")
    assert r.output_names == ("d_x_", "d_d_y_", "d_d_y__", "d_d_d_y")


def test_reverse_derivative_of_a_table_prints_as_a_circuit():
    builder = Builder(["a"], fold=False)
    circuit = builder.circuit({"y": builder.add("lut1", 0, params=(1, 0))})
    r = reverse_derivative(circuit)
    assert r.input_names == ("a", "d_y")
    assert r.output_names == ("d_a", "d_p0", "d_p1")
    assert simulate(r, enumerate_inputs(2), patterns=4).tolist() == [[0b1100], [0b0100], [0b1000]]


# --- variation ---


@given(st.data())
def test_variation_equals_the_sum_over_paths(data):
    circuit = data.draw(SMALL)
    patterns = data.draw(st.integers(1, 3))
    x = np.array([data.draw(bits(circuit.num_inputs)) for _ in range(patterns)], int).reshape(patterns, -1)
    signals = np.array(
        [[data.draw(st.integers(-50, 50)) for _ in range(patterns)] for _ in range(circuit.num_outputs)], int
    ).reshape(circuit.num_outputs, patterns)
    to_inputs, to_params = variation(circuit, pack(x.T), signals, per_pattern=True)
    for i in range(patterns):
        expected = variation_oracle(circuit, x[i].tolist(), signals[:, i].tolist())
        assert (tuple(to_inputs[:, i].tolist()), tuple(to_params[:, i].tolist())) == expected
    summed = variation(circuit, pack(x.T), signals)
    assert np.array_equal(summed[0], to_inputs)
    assert np.array_equal(summed[1], to_params.sum(axis=1))
    assert (to_inputs.dtype, to_params.dtype, summed[1].dtype) == (np.int32, np.int64, np.int64)


@given(on_one_pattern(SMALL))
def test_variation_modulo_two_is_the_reverse_derivative(case):
    circuit, x, d = case
    to_inputs, to_params = variation(circuit, pack(np.array(x, int)[:, None]), np.array(d, int)[:, None])
    both = [*to_inputs[:, 0].tolist(), *to_params.tolist()]
    assert tuple(s % 2 for s in both) == evaluate(reverse_derivative(circuit), [*x, *d])


@given(on_one_pattern(TREES))
def test_on_fanout_free_circuits_the_variation_is_the_difference_of_the_weighed_outputs(case):
    circuit, x, signals = case
    to_inputs, _ = variation(circuit, pack(np.array(x)[:, None]), np.array(signals)[:, None])
    for i in range(circuit.num_inputs):
        hi, lo = (evaluate(circuit, [*x[:i], v, *x[i + 1 :]]) for v in (1, 0))
        assert to_inputs[i, 0] == sum(s * (h - b) for s, h, b in zip(signals, hi, lo, strict=True))


@pytest.mark.parametrize(
    ("op", "other_is_0", "other_is_1"),
    [("and", 0, 1), ("or", 1, 0), ("xor", 1, -1), ("xnor", -1, 1), ("nand", 0, -1), ("nor", -1, 0)],
)
def test_variation_table_of_the_two_input_gates(op, other_is_0, other_is_1):
    builder = Builder(["x", "a"])
    circuit = builder.circuit({"y": builder.add(op, 0, 1)})
    to_inputs, _ = variation(circuit, enumerate_inputs(2), np.ones((1, 4), int))
    assert to_inputs[0].tolist() == [other_is_0, other_is_0, other_is_1, other_is_1]


def test_signals_saturate_where_paths_double_at_every_level():
    builder = Builder(["x"], fold=False)
    wire = 0
    for _ in range(70):
        wire = builder.add("and", wire, wire)
    circuit = builder.circuit({"y": wire})
    to_inputs, _ = variation(circuit, pack(np.ones((1, 2))), np.array([[1, -1]]))
    assert to_inputs.tolist() == [[SIGNAL_LIMIT, -SIGNAL_LIMIT]]
    shallow, _ = variation(builder.circuit({"y": 10}), pack(np.ones((1, 1))), np.array([[-3]]))
    assert shallow.tolist() == [[-3 * 2**10]]


def test_variation_names_what_does_not_fit():
    circuit = square()
    x = enumerate_inputs(1)
    with pytest.raises(TableError, match=r"expected integers of shape \(1, patterns\)"):
        variation(circuit, x, np.ones((2, 2), int))
    with pytest.raises(TableError, match="got float64 signals"):
        variation(circuit, x, np.ones((1, 2)))
    with pytest.raises(TableError, match="65 patterns"):
        variation(circuit, x, np.ones((1, 65), int))


# --- observability ---


@given(circuits(inputs=(0, 5), max_gates=10).flatmap(lambda c: st.tuples(st.just(c), words(c.num_inputs, (0, 10)))))
def test_observability_equals_building_the_inverter_in(case):
    circuit, x = case
    every = observability(circuit, x)
    assert every.shape == (circuit.num_wires, circuit.num_outputs, x.shape[1])
    for wire in range(circuit.num_wires):
        expected = observability_oracle(circuit, x, wire)
        assert np.array_equal(every[wire], expected)
        assert np.array_equal(observability_of(circuit, x, wire), expected)


@given(circuits(max_gates=6, rows=[g for g in BIT_GATES if g.arity <= 3]))
def test_parameter_observability_equals_flipping_the_parameter(circuit):
    x = enumerate_inputs(circuit.num_inputs)
    every = parameter_observability(circuit, x)
    assert every.shape == (len(circuit.params), circuit.num_outputs, x.shape[1])
    for p in range(len(circuit.params)):
        assert np.array_equal(every[p], parameter_observability_oracle(circuit, x, p))


@given(circuits(inputs=(1, 5)))
def test_input_observability_is_the_difference_between_neighbouring_patterns(circuit):
    patterns = 1 << circuit.num_inputs
    x = enumerate_inputs(circuit.num_inputs)
    values = unpack(simulate(circuit, x), patterns)
    for i in range(circuit.num_inputs):
        difference = values ^ values[:, np.arange(patterns) ^ 1 << i]
        assert np.array_equal(unpack(observability_of(circuit, x, i), patterns), difference)


@given(TREES)
def test_on_fanout_free_circuits_observability_is_where_the_variation_is_not_zero(circuit):
    patterns = 1 << circuit.num_inputs
    x = enumerate_inputs(circuit.num_inputs)
    for o in range(circuit.num_outputs):
        signals = np.zeros((circuit.num_outputs, patterns), int)
        signals[o] = 1
        to_inputs, _ = variation(circuit, x, signals)
        exact = observability(circuit, x, patterns=patterns)[: circuit.num_inputs, o]
        assert np.array_equal(unpack(exact, patterns), to_inputs != 0)


def test_observability_clears_the_tail_and_names_what_does_not_fit():
    circuit = square()
    x = enumerate_inputs(1)
    assert (observability(circuit, x, patterns=2) <= mask_words(2)).all()
    with pytest.raises(CircuitError, match=r"got wire 2, expected 0\.\.1"):
        observability_of(circuit, x, 2)
    with pytest.raises(TableError, match="expected uint64"):
        observability(circuit, x.astype(np.int64))
    with pytest.raises(TableError, match="fewer patterns"):
        parameter_observability(circuit, np.broadcast_to(x, (1, 1 << 27)))
