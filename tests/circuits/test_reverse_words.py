"""The derivatives of circuits of words and bits: the laws over every ring, oracles, and what the variation follows."""

import numpy as np
import pytest
from dual import Dual
from hypothesis import given
from hypothesis import strategies as st
from strategies import circuits, patterns_of, word_circuits, word_types
from test_reverse import compose

from circuits.circuit import Builder, Circuit
from circuits.errors import CircuitError, TableError
from circuits.gates import BIT_GATES, GATE
from circuits.reverse import SIGNAL_LIMIT, reverse_derivative, variation
from circuits.rewrite import bit_blasted
from circuits.simulate import evaluate
from circuits.verify import Proof, equivalent
from circuits.wires import BIT, Word
from circuits.words import pack

MIXED = word_circuits(inputs=(1, 3), max_gates=6, outputs=(1, 3))
RINGS = word_types(bits=(1, 16), saturate=False)
WIDE = Word(64)  # as good as Z for the small circuits here

POLYNOMIAL = [GATE[name] for name in ("const", "add", "sub", "neg", "mul", "scale", "dot", "pack", "popcount", "mux")]
PIECEWISE = [GATE[name] for name in ("min", "max", "relu", "clip")]
MULTILINEAR = [row for row in BIT_GATES if row.arity <= 2 and not row.param_count]


def change(data: st.DataObject, circuit: Circuit, ring: Word) -> list[int]:
    return data.draw(patterns_of([ring] * circuit.num_outputs, count=(1, 1)))[0]


def pattern(data: st.DataObject, circuit: Circuit) -> list[int]:
    return data.draw(patterns_of(circuit.input_types, count=(1, 1)))[0]


@given(st.data())
def test_additive_in_the_change(data):
    circuit, ring = data.draw(MIXED), data.draw(RINGS)
    r, x = reverse_derivative(circuit, ring=ring), pattern(data, circuit)
    d, e = change(data, circuit, ring), change(data, circuit, ring)
    both = evaluate(r, [*x, *(ring.fit(a + b) for a, b in zip(d, e, strict=True))])
    apart = zip(evaluate(r, [*x, *d]), evaluate(r, [*x, *e]), strict=True)
    assert both == tuple(ring.fit(a + b) for a, b in apart)
    assert set(r.output_types) <= {ring}


@given(st.data())
def test_a_composite_has_the_composite_of_reverse_derivatives(data):
    f = data.draw(MIXED)
    g = data.draw(word_circuits(types=f.output_types, max_gates=6, outputs=(1, 3)))
    ring = data.draw(RINGS)
    x, d = pattern(data, f), change(data, g, ring)
    back = evaluate(reverse_derivative(g, ring=ring), [*evaluate(f, x), *d])
    to_middle, to_g = back[: g.num_inputs], back[g.num_inputs :]
    front = evaluate(reverse_derivative(f, ring=ring), [*x, *to_middle])
    to_inputs, to_f = front[: f.num_inputs], front[f.num_inputs :]
    assert evaluate(reverse_derivative(compose(f, g), ring=ring), [*x, *d]) == (*to_inputs, *to_f, *to_g)


@given(st.data())
def test_over_fewer_bits_it_is_the_same_modulo_their_number(data):
    circuit, wide = data.draw(MIXED), data.draw(RINGS)
    narrow = Word(data.draw(st.integers(1, wide.bits)), wide.signed)
    x, d = pattern(data, circuit), change(data, circuit, wide)
    whole = evaluate(reverse_derivative(circuit, ring=wide), [*x, *d])
    part = evaluate(reverse_derivative(circuit, ring=narrow), [*x, *map(narrow.fit, d)])
    assert part == tuple(map(narrow.fit, whole))


@pytest.mark.parametrize("ring", [BIT, Word(3), Word(8), Word(8, False), Word(64)], ids=str)
@given(data=st.data())
def test_identity_copy_discard_add_mul_and_const(ring, data):
    a, b, d, e = data.draw(patterns_of([ring] * 4, count=(1, 1)))[0]
    one, two = Builder(["x"], types=[ring]), Builder(["x", "y"], types=[ring] * 2)
    fit = ring.fit

    def back(circuit: Circuit, *values: int) -> tuple[int, ...]:
        return evaluate(reverse_derivative(circuit, ring=ring), list(values))

    assert back(one.circuit({"y": 0}), a, d) == (d,)
    assert back(one.circuit({"y": 0, "z": 0}), a, d, e) == (fit(d + e),)
    assert back(one.circuit({}), a) == (0,)
    assert back(two.circuit({"s": two.add("add", 0, 1, type=ring)}), a, b, d) == (d, d)
    assert back(two.circuit({"p": two.add("mul", 0, 1, type=ring)}), a, b, d) == (fit(b * d), fit(a * d))
    assert back(two.circuit({"q": two.add("mul", 0, 0, type=ring)}), a, b, d) == (fit(2 * a * d), 0)
    constant = two.circuit({"c": two.add("const", params=(fit(5),), type=ring)})
    assert back(constant, a, b, d) == (0, 0, d)


class Duals:
    """What the polynomial rows ask of an algebra."""

    def where(self, condition, x, y):
        return y + condition * (x - y)


def slopes(circuit: Circuit, x: list[int], place: int) -> list[int]:
    """Return the derivatives of the outputs with respect to one input, by dual numbers from the front."""
    values = [Dual(v, int(i == place)) for i, v in enumerate(x)]
    plain = [*x]
    for w, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        row, read = GATE[op], [values[f] for f in fanin]
        on_words = not row.has_bits or circuit.type_of(w) != BIT or any(circuit.type_of(f) != BIT for f in fanin)
        got = row.word.forward(read, params, Duals()) if on_words else row.forward(read, params, Dual(0))
        got = got if isinstance(got, Dual) else Dual(got)
        stored = circuit.type_of(w).fit(got.a)
        plain.append(stored)
        values.append(Dual(stored, got.b))  # wrapping is the identity
    return [values[w].b for w in circuit.outputs.tolist()]


@given(st.data())
def test_it_is_the_derivative_that_dual_numbers_give(data):
    rows = [row for row in POLYNOMIAL if not row.has_bits] + MULTILINEAR
    circuit = data.draw(word_circuits(inputs=(1, 3), max_gates=6, outputs=(1, 3), rows=rows, saturate=False))
    ring = data.draw(RINGS)
    x, d = pattern(data, circuit), change(data, circuit, ring)
    got = evaluate(reverse_derivative(circuit, ring=ring), [*x, *d])
    for i in range(circuit.num_inputs):
        assert got[i] == ring.fit(sum(a * b for a, b in zip(d, slopes(circuit, x, i), strict=True)))


@given(st.data())
def test_of_bits_over_z_it_is_the_variation(data):
    circuit = data.draw(circuits(inputs=(1, 4), max_gates=6, outputs=(1, 3)))
    x = pattern(data, circuit)
    d = data.draw(st.lists(st.integers(-9, 9), min_size=circuit.num_outputs, max_size=circuit.num_outputs))
    wide = evaluate(reverse_derivative(circuit, ring=WIDE), [*x, *d])
    got = variation(circuit, np.array(x, np.uint64)[:, None], np.array(d, np.int64)[:, None])
    assert wide == (*got[0][:, 0].tolist(), *got[1].tolist())


@given(st.data())
def test_where_rows_have_one_derivative_the_variation_is_the_reverse_derivative(data):
    rows = [*POLYNOMIAL, *PIECEWISE, *MULTILINEAR]
    circuit = data.draw(word_circuits(inputs=(1, 3), max_gates=4, outputs=(1, 3), bits=(1, 4), rows=rows))
    small = [max(-5, min(5, p)) if lo <= max(-5, min(5, p)) <= hi else p for p, (lo, hi) in bounds(circuit)]
    circuit = circuit.with_params(np.array(small, np.int64))
    x, d = data.draw(patterns_of(circuit.input_types, count=(1, 4))), data.draw(st.integers(-9, 9))
    signals = np.full((circuit.num_outputs, len(x)), d)
    given_values = np.array(x, np.int64).T
    if not circuit.has_words:
        given_values = pack(given_values)
    to_inputs, to_params = variation(circuit, given_values, signals, per_pattern=True)
    exact = reverse_derivative(circuit, ring=WIDE)
    for k, row in enumerate(x):
        wide = evaluate(exact, [*row, *signals[:, k].tolist()])
        got = [*to_inputs[:, k].tolist(), *to_params[:, k].tolist()]
        assert all(a == b or abs(b) >= SIGNAL_LIMIT or abs(a) == SIGNAL_LIMIT for a, b in zip(got, wide, strict=True))
    summed = variation(circuit, given_values, signals)
    assert np.array_equal(summed[1], to_params.sum(axis=1))


def bounds(circuit: Circuit) -> list[tuple[int, tuple[int, int]]]:
    """Return every parameter with its range."""
    ranges = [(s.lo, s.hi) for s in circuit.param_slices for _ in range(s.start, s.stop)]
    return list(zip(circuit.params.tolist(), ranges, strict=True))


@given(st.data())
def test_the_variation_of_one_gate_is_that_of_its_row(data):
    circuit = data.draw(word_circuits(inputs=(1, 3), max_gates=1, outputs=(1, 1), bits=(1, 64)))
    if not circuit.num_gates or circuit.outputs[0] < circuit.num_inputs or not circuit.has_words:
        return
    x, signal = pattern(data, circuit), data.draw(st.integers(-9, 9))
    to_inputs, to_params = variation(circuit, np.array([x]).T.astype(np.int64), [[signal]])
    assert np.abs(to_inputs).max(initial=0) <= SIGNAL_LIMIT
    op, fanin, params = next(iter(circuit.gates()))
    face, word = GATE[op].word, circuit.type_of(circuit.num_inputs)
    types = [circuit.type_of(f) for f in fanin]
    if face is None or (GATE[op].has_bits and {word, *types} == {BIT}):
        return
    from circuits.algebra import INTEGERS
    from circuits.arithmetic import reach

    read = [x[f] for f in fanin]
    exact = face.forward(read, params, INTEGERS)
    passed = signal if not word.saturate or word.lo <= exact <= word.hi else 0
    near = reach(min((t.lo for t in types), default=0), max((t.hi for t in types), default=1))
    pins, own = face.variation(read, params, passed, INTEGERS, near)

    def clipped(value: int) -> int:
        return max(-SIGNAL_LIMIT, min(SIGNAL_LIMIT, value))

    wanted = [0] * circuit.num_inputs
    for f, part in zip(fanin, pins, strict=True):
        wanted[f] += clipped(part)
    assert to_inputs[:, 0].tolist() == [clipped(total) for total in wanted]
    assert to_params.tolist() == [clipped(part) for part in own]


def test_the_derivative_of_a_polynomial_circuit_is_proved_the_one_written_by_hand():
    ring = Word(5)
    b = Builder(["x", "y"], types=[ring] * 2)
    x, y = (type(b.term(w))(b, w, ring) for w in b.inputs)
    f = b.circuit({"z": (x * x * y + y * 3 - x).wire})
    h = Builder(["x", "y", "d"], types=[ring] * 3)
    x, y, d = (type(h.term(w))(h, w, ring) for w in h.inputs)
    by_hand = h.circuit({"dx": ((x * y * 2 - 1) * d).wire, "dy": ((x * x + 3) * d).wire})
    got = reverse_derivative(f)
    only_inputs = bit_blasted(got)
    assert got.input_types == (ring,) * 3
    kept = dict(zip(got.output_names[:2], got.outputs.tolist()[:2], strict=True))
    assert set(kept) == {"d_x", "d_y"}
    assert only_inputs.num_outputs == 5 * got.num_outputs
    for values in ([3, -5, 1], [15, -16, 7], [-1, -1, -1]):
        assert evaluate(got, values)[:2] == evaluate(by_hand, values)
    without_params = Circuit(
        got.input_names,
        got.output_names[:2],
        got.op,
        got.fanin_start,
        got.fanin,
        got.param_start,
        got.params,
        got.outputs[:2],
        types=got.types,
    )
    assert isinstance(equivalent(without_params, by_hand), Proof)


def test_a_saturated_wire_passes_nothing():
    b = Builder(["a", "b"], types=[Word(4)] * 2)
    circuit = b.circuit({"y": b.add("add", 0, 1, type=Word(4, True, True))})
    x = np.array([[3, 7, -8], [4, 1, -1]])
    to_inputs, _ = variation(circuit, x, np.full((1, 3), 5))
    assert to_inputs.tolist() == [[5, 0, 0]] * 2
    back = reverse_derivative(circuit, ring=Word(8))
    assert [evaluate(back, [*column, 5]) for column in x.T.tolist()] == [(5, 5), (0, 0), (0, 0)]


def test_signals_saturate_where_words_are_wide():
    b = Builder(["a", "b"], types=[Word(64)] * 2)
    circuit = b.circuit({"y": b.add("mul", 0, 1, type=Word(64))})
    to_inputs, _ = variation(circuit, np.array([[2], [-(1 << 63)]]), np.array([[SIGNAL_LIMIT]]))
    assert to_inputs.tolist() == [[-SIGNAL_LIMIT], [SIGNAL_LIMIT]]


def test_what_does_not_fit_is_named():
    b = Builder(["a"], types=[Word(4)])
    circuit = b.circuit({"y": b.add("neg", 0)})
    with pytest.raises(CircuitError, match="s4sat, expected a ring"):
        reverse_derivative(circuit, ring=Word(4, True, True))
    with pytest.raises(TableError, match=r"row 0 holds 9\.\.9, expected -8\.\.7"):
        variation(circuit, [[9]], [[1]])
    with pytest.raises(TableError, match="signals for 2 patterns, but inputs for 1"):
        variation(circuit, [[1]], [[1, 1]])
