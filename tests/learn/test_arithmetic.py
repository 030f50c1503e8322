import itertools
import shutil
import subprocess
from functools import cache, partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import formats
from circuits.circuit import Builder
from circuits.polynomial import Polynomial, polynomial_wire
from circuits.reverse import variation
from circuits.values import simulate_values
from circuits.wires import BIT, Word, holding
from learn.arithmetic import filter_circuit
from learn.errors import ModelError
from learn.keys import Key
from learn.models.arithmetic import STEPPERS, Samples, answers, circuit_of, learn_function
from learn.models.arithmetic.affine import descended, fitted, normal, solved
from learn.models.arithmetic.approximate import learned, wanted
from learn.models.arithmetic.cells import minterms, quiet, readout, run
from learn.models.arithmetic.gf2 import solution
from learn.models.arithmetic.mlp import drawn as untrained
from learn.models.arithmetic.mlp import encoder, perceptron_circuit
from learn.models.arithmetic.pieces import cut
from learn.models.arithmetic.ring import binomials, exponents, from_low_bits, monomial_form
from learn.models.arithmetic.threshold import level

COMPILER = shutil.which("gcc") or shutil.which("cc")
U8, S8, U16 = Word(8, False), Word(8), Word(16, False)


def drawn(key, lo, hi, shape):
    return key.integers(hi - lo + 1, shape) + lo


def samples_of(function, types, count, key, word=None):
    """Draw evenly from what the types hold; with no type of the result it is to be found."""
    x = np.stack([drawn(key.fold(i), t.lo, t.hi, count) for i, t in enumerate(types)], axis=1)
    y = np.asarray(function(x), np.int64)
    return Samples(x, y, tuple(types), word or holding(int(y.min()), int(y.max())), word is not None)


def best(samples, key, **options):
    *_, found = learn_function(samples, key=key, **options)
    return found


def affine_of(key):
    weights, bias = drawn(key.fold("w"), -128, 127, 8), int(drawn(key.fold("b"), -999, 999, 1)[0])
    return lambda x: x @ weights + bias


def quadratic_of(key):
    c = drawn(key, 0, 255, 10)
    pairs = list(itertools.combinations_with_replacement(range(3), 2))
    return lambda x: (sum(c[n] * x[:, i] * x[:, j] for n, (i, j) in enumerate(pairs)) + x @ c[6:9] + c[9]) % 256


def cubic_of(key):
    c = drawn(key, 0, 65535, 4).tolist()
    return lambda x: [sum(a * v**k for k, a in enumerate(c)) % 65536 for v in x[:, 0].tolist()]


def extreme_of(key):
    weights, bias = drawn(key.fold("w"), -8, 8, (2, 2)), drawn(key.fold("b"), -50, 50, 2)
    return lambda x: (x @ weights.T + bias).max(axis=1)


def clip_of(key):
    a, b = int(drawn(key.fold("a"), 1, 9, 1)[0]), int(drawn(key.fold("b"), -200, 0, 1)[0])
    return lambda x: np.clip(a * x[:, 0] + b, 0, 255)


def register_of(key):
    taps = int(drawn(key, 0, 32767, 1)[0]) * 2 + 1
    return lambda x: [v >> 1 | ((v & taps).bit_count() & 1) << 15 for v in x[:, 0].tolist()]


def crc_of(width, polynomial):
    def one(octets):
        register = 0
        for octet in octets:
            register ^= octet << width - 8
            for _ in range(8):
                top = register >> width - 1 & 1
                register = (register << 1 ^ polynomial * top) % (1 << width)
        return register

    return lambda key: lambda x: [one(row) for row in x.tolist()]


RECOVERED = {
    "affine": ([U8] * 8, affine_of, None),
    "affine, modulo 256": ([U8] * 8, lambda key: lambda x: affine_of(key)(x) % 256, U8),
    "quadratic": ([U8] * 3, quadratic_of, U8),
    "cubic": ([U16], cubic_of, U16),
    "max": ([U8] * 2, lambda key: lambda x: x.max(axis=1), U8),
    "max of two": ([S8] * 2, extreme_of, None),
    "difference": ([U8] * 2, lambda key: lambda x: np.abs(x[:, 0] - x[:, 1]), U8),
    "clip": ([U8], clip_of, U8),
    "register": ([U16], register_of, U16),
    "crc-8": ([U8] * 4, crc_of(8, 0x07), U8),
    "crc-16": ([U8] * 4, crc_of(16, 0x1021), U16),
}


@pytest.mark.parametrize("name", RECOVERED)
@pytest.mark.parametrize("seed", range(3))
def test_functions_are_recovered(name, seed):
    types, make, word = RECOVERED[name]
    key = Key(seed, (name,))
    function = make(key)
    found = best(samples_of(function, types, 400, key.fold("train"), word), key)
    fresh = samples_of(function, types, 2000, key.fold("test"), word)
    assert found.exact
    np.testing.assert_array_equal(answers(found.learned, fresh), fresh.y)


def brackets(x):
    return np.select([x[:, 0] < 10_000, x[:, 0] < 30_000], [x[:, 0], 5 * x[:, 0] - 40_000], 2 * x[:, 0] + 50_000)


PIECES = {
    "brackets that join": ([U16], brackets, [10_000, 30_000]),
    "powers": ([U8], lambda x: np.where(x[:, 0] < 100, x[:, 0] ** 2, 3 * x[:, 0] ** 3 + 7), None),
    "of two variables": ([S8] * 2, lambda x: np.where(x[:, 1] < -20, 3 * x[:, 0] + x[:, 1], x[:, 1] - x[:, 0]), None),
}


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("seed", range(3))
def test_pieces_side_by_side_are_recovered(name, seed):
    types, function, cuts = PIECES[name]
    key = Key(seed, (name,))
    found = best(samples_of(function, types, 400, key.fold("train")), key, forms=("affine", "pieces"))
    assert found.exact and "pieces" in found.learned.form
    fresh = samples_of(function, types, 2000, key.fold("test"))
    right = answers(found.learned, fresh) == fresh.y
    assert right.all() if cuts else right.mean() > 0.99  # where pieces do not join, the cut is known up to samples
    for at in cuts or []:
        assert f"= {at} on" in found.learned.text


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-9, 9)), min_size=8, max_size=60))
def test_pieces_give_what_they_were_cut_from(pairs):
    at, y = (np.array(column, np.int64) for column in zip(*dict(pairs).items(), strict=True))
    pieces = cut(at, at[:, None], y)
    for value, target in zip(at.tolist(), y.tolist(), strict=True) if pieces else ():
        piece = [p for k, p in enumerate(pieces) if k == 0 or p.start <= value][-1]
        assert piece.weights[0] * value + piece.bias == target


def number(x, places):
    return sum(x[:, i].astype(object) << k for k, i in enumerate(places))


BITS = {
    "less": lambda x: number(x, range(16)) < number(x, range(16, 32)),
    "not less, alternating, highest first": lambda x: number(x, range(30, -1, -2)) >= number(x, range(31, 0, -2)),
    "level": lambda x: number(x, range(32)) >= 0x63ABCDEF,
    "count": lambda x: x.sum(axis=1) >= 18,
    "parity": lambda x: x.sum(axis=1) % 2,
    "carry": lambda x: (number(x, range(16)) + number(x, range(16, 32))) >> 16,
    "bit of a sum": lambda x: (number(x, range(16)) + number(x, range(16, 32))) >> 5 & 1,
}


@cache
def function_of_bits(name):
    key = Key(3, (name,))
    return best(samples_of(BITS[name], [BIT] * 32, 6400, key.fold("train"), BIT), key)


@pytest.mark.parametrize("name", BITS)
def test_functions_of_bits_are_recovered(name):
    found = function_of_bits(name)
    fresh = samples_of(BITS[name], [BIT] * 32, 20000, Key(3, (name,)).fold("test"), BIT)
    assert found.exact
    assert (answers(found.learned, fresh) == fresh.y).mean() >= 0.999


def test_a_comparator_is_one_where_the_words_are_near():
    key = Key(5)
    found = best(samples_of(BITS["less"], [BIT] * 32, 6400, key, BIT), key, forms=("cell",))
    near = drawn(key.fold("near"), 0, 1, (4000, 32))
    near[:, 16:] = near[:, :16]
    near[np.arange(4000), 16 + key.fold("flip").integers(16, 4000)] ^= 1
    fresh = Samples(near, BITS["less"](near).astype(np.int64), (BIT,) * 32, BIT)
    np.testing.assert_array_equal(answers(found.learned, fresh), fresh.y)


@pytest.mark.parametrize("rule", STEPPERS)
def test_rules_recover_weights(rule):
    key = Key(1, (rule,))
    samples = samples_of(affine_of(key), [U8] * 8, 300, key.fold("train"))
    weights, steps = descended(normal(samples.x, samples.y), key=key, rule=rule)
    assert (
        samples.y.tolist()
        == (samples.x @ weights.astype(np.int64) + normal(samples.x, samples.y).bias(weights)).tolist()
    )
    assert steps < (20 if rule in ("rounding", "zim") else 200)


@given(st.integers(0, 1 << 30), st.integers(2, 30), st.integers(1, 4))
def test_the_gradient_is_the_variation_of_the_circuit(seed, count, variables):
    key = Key(seed)
    x, y = drawn(key.fold("x"), -9, 9, (count, variables)), drawn(key.fold("y"), -99, 99, count)
    weights = drawn(key.fold("w"), -5, 5, variables)
    b = Builder([f"x{i}" for i in range(variables)], types=[Word(24)] * variables)
    circuit = b.circuit({"y": b.add("dot", *b.inputs, params=(*weights.tolist(), 0))})
    centred = count * x - x.sum(axis=0)
    error = centred @ weights - (count * y - y.sum())
    _, signals = variation(circuit, centred.T, error[None])
    assert (signals[:-1] == count * normal(x, y).gradient(weights.astype(object))).all()


@given(st.integers(0, 1 << 30), st.integers(1, 6))
def test_normal_equations_are_solved_exactly(seed, d):
    key = Key(seed)
    x, w = drawn(key.fold("x"), -9, 9, (12, d)), drawn(key.fold("w"), -99, 99, d)
    sums = normal(x, x @ w)
    found = solved(sums.gram, sums.right)
    assert not sums.gradient(found).any()


def test_dependent_variables_are_no_obstacle():
    x = drawn(Key(0), -50, 50, (200, 3))
    x[:, 2] = 7 * x[:, 0] + 6 * x[:, 1] + (np.arange(200) % 2)
    weights, bias = fitted(x, x @ [5, -3, 2] + 11, key=Key(0))
    np.testing.assert_array_equal(x @ weights + bias, x @ [5, -3, 2] + 11)


@given(st.integers(0, 1 << 30), st.integers(1, 10), st.integers(1, 4), st.integers(1, 30))
def test_matrices_over_z2_are_found_from_any_samples(seed, inputs, outputs, count):
    key = Key(seed)
    x = drawn(key.fold("x"), 0, 1, (count, inputs)).astype(bool)
    matrix = drawn(key.fold("m"), 0, 1, (inputs, outputs))
    y = (x @ matrix % 2).astype(bool)
    np.testing.assert_array_equal(x @ solution(x, y).astype(int) % 2, y)


def test_no_matrix_is_said():
    x = np.array([[1, 0], [0, 1], [1, 1]], bool)
    assert solution(x, np.array([[1], [1], [1]], bool)) is None


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1 << 30), st.integers(1, 2), st.integers(0, 3), st.integers(1, 12))
def test_sums_of_binomials_become_polynomials(seed, variables, degree, bits):
    """Any integer-valued polynomial, also one that is no polynomial over the ring: x (x - 1) / 2."""
    key = Key(seed)
    terms = exponents(variables, degree)
    coefficients = drawn(key.fold("c"), 0, (1 << bits) - 1, len(terms)).tolist()
    x = drawn(key.fold("x"), -100, 100, (60, variables))
    y = (binomials(x, terms, 1 << bits) @ np.array(coefficients, object)) % (1 << bits)
    found = from_low_bits(x, y, terms, bits)
    np.testing.assert_array_equal((binomials(x, terms, 1 << bits) @ np.array(found, object)) % (1 << bits), y)
    polynomial, shift = monomial_form(found, terms, bits)
    np.testing.assert_array_equal((np.array(polynomial(*x.T.astype(object)), object) >> shift), y)


@given(st.integers(0, 1 << 30), st.integers(1, 3), st.integers(1, 16))
def test_polynomials_of_words_of_any_type(seed, variables, bits):
    key = Key(seed)
    terms = {e: int(c) for e, c in zip(exponents(variables, 2), key.integers(1 << bits, 10))}  # noqa: B905
    polynomial = Polynomial.of(terms, modulus=1 << bits, variables=variables)
    b = Builder(
        [f"x{i}" for i in range(variables)], types=[(S8, Word(4, False), Word(16))[i] for i in range(variables)]
    )
    circuit = b.circuit({"y": polynomial_wire(b, polynomial, b.inputs)})
    x = np.stack([drawn(key.fold(i), t.lo, t.hi, 20) for i, t in enumerate(circuit.input_types)])
    np.testing.assert_array_equal(simulate_values(circuit, x)[0], polynomial(*x))


@given(st.lists(st.tuples(st.integers(-20, 20), st.booleans()), min_size=1, max_size=40))
def test_levels_are_the_best(pairs):
    sums, y = np.array([s for s, _ in pairs]), np.array([w for _, w in pairs])
    t, right = level(sums, y)
    assert right == ((sums >= t) == y).sum() == max(((sums >= k) == y).sum() for k in range(-21, 22))


@pytest.mark.parametrize(
    ("zeros", "ones", "wanted"), [(-9, 9, 0), (-9, 0, 0), (0, 9, 1), (-1, 1, 0), (3, 13, 8), (-13, -3, -8), (0, 1, 1)]
)
def test_levels_between_samples_are_natural(zeros, ones, wanted):
    assert level(np.array([zeros, ones]), np.array([False, True])) == (wanted, 2)


@given(st.integers(0, 1 << 30), st.integers(2, 4))
def test_cells_run_as_automata_do(seed, states):
    key = Key(seed)
    x = drawn(key.fold("x"), 0, 1, (30, 6)).astype(bool)
    words = ((0, 1, 2), (3, 4, 5))
    table = key.fold("t").integers(states, states * 4).tolist()
    at = run(table, states, minterms(x, words), (1 << 30) - 1)
    for sample, row in enumerate(x):
        state = 0
        for i in range(3):
            state = table[state + states * (int(row[i]) + 2 * int(row[3 + i]))]
        assert [mask >> sample & 1 for mask in at] == [int(s == state) for s in range(states)]
    wanted = sum(int(row[0]) << k for k, row in enumerate(x))
    right, entries = readout(at, [(1 << 30) - 1], wanted)
    said = sum(mask for mask, entry in zip(at, entries, strict=True) if entry)
    assert right == 30 - (said ^ wanted).bit_count()


@given(st.integers(0, 1 << 30), st.integers(2, 4))
def test_cells_that_begin_elsewhere_are_the_same_automaton(seed, states):
    key = Key(seed)
    table = key.fold("t").integers(states, states * 4).tolist()
    table[:states] = [1, *range(1, states)]  # zeros keep every state but the first
    answer = key.fold("a").integers(2, states).tolist()
    addresses = key.fold("x").integers(4, 9).tolist()

    def walked(table, answer, state):
        for address in addresses:
            state = table[state + states * address]
        return answer[state]

    for first, (moved, said) in enumerate(quiet(table, answer, states), 1):
        assert moved[0] == 0 and walked(moved, said, 0) == walked(table, answer, first)
    assert first == states - 1


def test_the_same_key_learns_the_same():
    samples = samples_of(extreme_of(Key(2)), [S8] * 2, 300, Key(2).fold("train"))
    assert best(samples, Key(7)).learned.text == best(samples, Key(7)).learned.text


def test_what_no_form_says_is_learned_as_well_as_can_be():
    samples = samples_of(lambda x: 3 * x[:, 0] + (x[:, 0] * 7919 % 31), [U8], 250, Key(0))
    found = best(samples, Key(0))
    assert not found.exact and found.error < 15


def test_bad_settings_are_said():
    samples = samples_of(affine_of(Key(0)), [U8] * 8, 20, Key(0))
    with pytest.raises(ModelError, match="expected at least 2"):
        best(samples.at(slice(0, 1)), Key(0))
    with pytest.raises(ModelError, match="rule telepathy"):
        best(samples, Key(0), rule="telepathy")


def function_circuit(name):
    if name in BITS:
        types, found = [BIT] * 32, function_of_bits(name)
    else:
        types, make, word = RECOVERED[name]
        key = Key(0, (name,))
        found = best(samples_of(make(key), types, 400, key.fold("train"), word), key)
    return circuit_of({"y": found.learned.recipe}, [f"x{i}" for i in range(len(types))], types, "learned")


@cache
def approximations():
    return {each.text.split(":")[0]: each.circuit for each in learned(wanted("sin", 6, 6), 6, 6)}


def small_perceptron():
    features = drawn(Key(0), 0, 255, (40, 3))
    encoding = encoder(features, [U8] * 3)
    net = untrained(3, 4, 3, encoding.codes(features), key=Key(1))
    return perceptron_circuit(net, encoding, ["x0", "x1", "x2"])


def form_circuit(types, function, form):
    found = best(samples_of(function, types, 300, Key(4, (form,))), Key(4), forms=(form,))
    assert found.exact
    return circuit_of({"y": found.learned.recipe}, [f"x{i}" for i in range(len(types))], types, "form")


EXPORTED = {
    "pieces": lambda: form_circuit([U16], brackets, "pieces"),
    "graph": lambda: form_circuit(
        [U8] * 4, lambda x: np.where(x[:, 0] < x[:, 1], x[:, 2] - x[:, 3], x[:, 2] + x[:, 3]), "graph"
    ),
    **{name: partial(function_circuit, name) for name in [*RECOVERED, *BITS]},
    **{name: lambda name=name: approximations()[name] for name in ("table", "two tables", "lines")},
    "filter of adders": lambda: filter_circuit([3, -5, 7, 7, -5, 3], 4, U8, "fir"),
    "perceptron": small_perceptron,
}


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
@pytest.mark.parametrize("name", EXPORTED)
def test_verilog_agrees(name, tmp_path):
    circuit = EXPORTED[name]()
    (tmp_path / "c.v").write_bytes(formats.encode(circuit, ".v"))
    (tmp_path / "tb.v").write_bytes(formats.testbench(circuit, 500))
    subprocess.run(["iverilog", "-g2001", "-o", "sim", "c.v", "tb.v"], cwd=tmp_path, check=True)
    assert subprocess.run(["./sim"], cwd=tmp_path, capture_output=True, text=True).stdout.startswith("PASS")


@pytest.mark.skipif(COMPILER is None, reason="needs gcc or cc")
@pytest.mark.parametrize("name", EXPORTED)
def test_c_agrees(name, tmp_path):
    circuit = EXPORTED[name]()
    (tmp_path / "c.c").write_bytes(formats.encode(circuit, ".c"))
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-DGATEWRIGHT_TEST_MAIN"]
    subprocess.run([COMPILER, *strict, "-o", "run", "c.c"], cwd=tmp_path, check=True)
    x = np.stack([drawn(Key(0).fold(i), t.lo, t.hi, 500) for i, t in enumerate(circuit.input_types)])
    between = " " if circuit.has_words else ""
    text = "".join(between.join(map(str, row)) + "\n" for row in x.T.tolist())
    said = subprocess.run(["./run"], cwd=tmp_path, input=text, capture_output=True, text=True, check=True).stdout
    assert said.split() == list(map(str, simulate_values(circuit, x)[0].tolist()))
