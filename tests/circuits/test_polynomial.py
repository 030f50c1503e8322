"""Polynomials over Z_n: tables, circuits and polynomials agree with sums of powers of Python integers."""

from __future__ import annotations

import re
from itertools import product
from math import factorial, gcd, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import circuits

from circuits.aig import and_count
from circuits.circuit import Builder, Circuit
from circuits.errors import CircuitError, TableError
from circuits.polynomial import (
    MAX_MODULUS,
    Polynomial,
    indicator_circuit,
    polynomial_circuit,
    polynomials_of,
    reciprocal,
    to_polynomial,
)
from circuits.rewrite import bit_blasted
from circuits.simulate import evaluate, truth_table
from circuits.values import simulate_by_bits, simulate_values
from circuits.wires import BIT, Word
from circuits.words import unpack

MODULI = [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16]
PRIMES = [2, 3, 5, 7, 11, 13]
every_modulus = pytest.mark.parametrize("n", MODULI)


def value(p: Polynomial, x: tuple[int, ...]) -> int:
    """Evaluate by the definition."""
    return sum(c * prod(v**e for v, e in zip(x, exponents, strict=True)) for exponents, c in p.terms) % p.modulus


def places(n: int, variables: int) -> list[tuple[int, ...]]:
    """List all inputs, variable 0 fastest."""
    return [x[::-1] for x in product(range(n), repeat=variables)]


def tabulated(p: Polynomial) -> list[int]:
    return [value(p, x) for x in places(p.modulus, p.variables)]


def outputs(circuit: Circuit, n: int) -> list[list[int]]:
    """Tabulate a circuit by its words and by its bits."""
    x = places(n, circuit.num_inputs)
    inputs = np.array(x, np.int64).reshape(len(x), circuit.num_inputs).T
    found = simulate_values(circuit, inputs)
    assert np.array_equal(found, simulate_by_bits(circuit, inputs))
    return found.tolist()


@st.composite
def polynomials(draw: st.DrawFn, moduli: st.SearchStrategy[int], *, patterns: int = 300, most: int = 9) -> Polynomial:
    """Draw a polynomial with exponents up to ``most`` whose table has at most so many patterns."""
    n = draw(moduli)
    variables = draw(st.integers(0, max(v for v in range(5) if n**v <= patterns)))
    exponents = st.tuples(*[st.integers(0, most)] * variables)
    terms = draw(st.dictionaries(exponents, st.integers(1, n - 1), max_size=6))
    return Polynomial.of(terms, modulus=n, variables=variables)


def kempner(n: int) -> int:
    """Return the number of polynomial functions of one variable over Z_n."""
    return prod(n // gcd(n, factorial(k)) for k in range(n))


# --- Polynomials -----------------------------------------------------------------------------------------------------


def test_text():
    assert str(Polynomial.of({(2, 1): 3, (0, 0): 1}, modulus=8, variables=2)) == "3*x0^2*x1 + 1 mod 8"
    assert str(Polynomial.of({(1, 1): 1, (0, 1): 1}, modulus=2, variables=2)) == "x0*x1 + x1 mod 2"
    assert str(Polynomial(5, 1, ())) == "0 mod 5"
    assert str(Polynomial(5, 0, (((), 3),))) == "3 mod 5"


def test_of_sums_reduces_and_sorts():
    terms = [((1,), -1), ((0,), 7), ((1,), 3), ((2,), 10)]
    assert Polynomial.of(terms, modulus=5, variables=1).terms == (((0,), 2), ((1,), 2))


@pytest.mark.parametrize(
    "terms",
    [(((1,), 1),), (((0, -1), 1),), (((0, 0), 0),), (((0, 0), 5),), (((0, 1), 1), ((0, 0), 1)), (((0, 1), 1),) * 2],
)
def test_terms_out_of_order_are_refused(terms):
    with pytest.raises(CircuitError, match=r"^polynomial over Z_5: expected terms in the order .*2 exponents"):
        Polynomial(5, 2, terms)


WIDE = st.sampled_from([1 << 31, (1 << 31) + 1, 1 << 63, 10**30])


@given(p=polynomials(st.integers(2, 40) | WIDE, patterns=10**120), data=st.data())
def test_numbers_and_arrays_give_the_value(p, data):
    numbers = st.integers(-(1 << 63), (1 << 63) - 1)
    rows = data.draw(st.lists(st.tuples(*[numbers] * p.variables), min_size=1, max_size=5))
    wanted = [value(p, x) for x in rows]
    assert [p(*x) for x in rows] == wanted
    if p.variables:
        columns = np.array(rows, np.int64).T
        found = p(*columns)
        assert found.tolist() == wanted
        assert found.dtype == (object if p.modulus > 1 << 31 else np.int64)
        assert np.atleast_1d(p(*columns[:-1], rows[0][-1]))[0] == wanted[0]


def test_arrays_are_broadcast():
    p = Polynomial.of({(1, 2): 2, (0, 1): 1}, modulus=7, variables=2)
    x, y = np.arange(7, dtype=np.int8)[:, None], np.arange(6, dtype=np.uint64)
    assert p(x, y).tolist() == [[(2 * i * j * j + j) % 7 for j in range(6)] for i in range(7)]
    assert Polynomial(7, 2, ())(x, y).shape == (7, 6)
    with pytest.raises(TableError, match="got 1 values, expected one for each of 2 variables"):
        p(x)
    with pytest.raises(TableError, match="got values of float64, expected integers"):
        p(x, np.array([0.5]))


# --- Tables ----------------------------------------------------------------------------------------------------------


@every_modulus
def test_powers_come_back(n):
    for e in range(6):
        table = [x**e % n for x in range(n)]
        assert tabulated(to_polynomial(table, modulus=n, variables=1)) == table


@given(p=polynomials(st.sampled_from(MODULI)))
def test_a_polynomial_function_is_accepted_and_equal_functions_get_equal_polynomials(p):
    table = tabulated(p)
    found = to_polynomial(table, modulus=p.modulus, variables=p.variables)
    assert tabulated(found) == table
    assert to_polynomial(tabulated(found), modulus=p.modulus, variables=p.variables) == found


@given(n=st.sampled_from(PRIMES), data=st.data())
def test_over_a_prime_every_function_is_a_polynomial(n, data):
    variables = data.draw(st.integers(0, max(v for v in range(5) if n**v <= 200)))
    table = data.draw(st.lists(st.integers(0, n - 1), min_size=n**variables, max_size=n**variables))
    p = to_polynomial(table, modulus=n, variables=variables)
    assert tabulated(p) == table
    assert all(e < n for exponents, _ in p.terms for e in exponents)


@pytest.mark.parametrize(("n", "variables"), [(2, 1), (2, 2), (2, 3), (3, 1), (5, 1)])
def test_over_a_prime_terms_of_low_exponents_are_unique(n, variables):
    found = {to_polynomial(table, modulus=n, variables=variables) for table in product(range(n), repeat=n**variables)}
    assert len(found) == n ** (n**variables)


def test_kempner_counts():
    assert [kempner(n) for n in (4, 6, 8)] == [64, 108, 1024]


@pytest.mark.parametrize("n", [4, 6])
def test_exactly_the_polynomial_functions_are_accepted(n):
    # powers from the degree bound on are sums of lower ones
    wanted = {
        tuple(sum(c * x**e for e, c in enumerate(cs)) % n for x in range(n)) for cs in product(range(n), repeat=n)
    }
    assert len(wanted) == kempner(n)
    accepted = set()
    for table in product(range(n), repeat=n):
        try:
            p = to_polynomial(table, modulus=n, variables=1)
        except CircuitError:
            continue
        assert tuple(tabulated(p)) == table
        accepted.add(table)
    assert accepted == wanted


def test_exactly_the_polynomial_functions_are_accepted_over_z8():
    powers = [[x**e % 8 for x in range(8)] for e in range(8)]
    wanted = {
        tuple(sum(c * powers[e][x] for e, c in enumerate(cs)) % 8 for x in range(8))
        for cs in product(range(8), repeat=5)  # 8 divides 4!, and so (x)_4
    }
    assert len(wanted) == kempner(8)
    for table in wanted:
        assert tuple(tabulated(to_polynomial(table, modulus=8, variables=1))) == table
        for x, step in ((3, 4), (0, 1), (7, 2)):
            other = (*table[:x], (table[x] + step) % 8, *table[x + 1 :])
            assert other not in wanted
            with pytest.raises(CircuitError, match="no polynomial over Z_8"):
                to_polynomial(other, modulus=8, variables=1)


@given(n=st.sampled_from([4, 6, 8, 9, 10, 12]), data=st.data())
def test_an_accepted_table_is_right_and_a_refusal_names_a_difference(n, data):
    variables = data.draw(st.integers(1, 2))
    p = data.draw(polynomials(st.just(n)).filter(lambda p: p.variables == variables) | st.just(None))
    table = tabulated(p) if p else [0] * n**variables
    for _ in range(data.draw(st.integers(0, 2))):
        table[data.draw(st.integers(0, n**variables - 1))] = data.draw(st.integers(0, n - 1))
    try:
        assert tabulated(to_polynomial(table, modulus=n, variables=variables)) == table
    except CircuitError as error:
        found = re.search(r"difference of order \((.*?),?\) at 0 is (\d+), expected a multiple of (\d+)", str(error))
        order, difference, divisor = tuple(map(int, found[1].split(","))), int(found[2]), int(found[3])
        f = dict(zip(places(n, variables), table, strict=True))
        wanted = sum(
            f[j] * prod((-1) ** (k - i) * factorial(k) // factorial(i) // factorial(k - i) for i, k in pairs)
            for j in product(*(range(k + 1) for k in order))
            for pairs in [list(zip(j, order, strict=True))]
        )
        assert difference == wanted % n
        assert divisor == gcd(n, prod(map(factorial, order)))
        assert difference % divisor


@pytest.mark.parametrize("order", [(0, 5, 0), (1, 5, 0), (5, 1, 0), (1, 0, 5), (0, 1, 5), (1, 5, 1)])
def test_a_difference_above_the_degree_bound_is_named(order):
    # the differences of [x = 5] at 0 are 0, 0, 0, 0, 0, 1 and those of x are 0, 1
    table = [prod(int(v == 5) if k == 5 else v**k for v, k in zip(x, order, strict=True)) % 6 for x in places(6, 3)]
    with pytest.raises(CircuitError, match=re.escape(f"order {order} at 0 is 1, expected a multiple of 6;")):
        to_polynomial(table, modulus=6, variables=3)


@given(bits=st.integers(0, 5).flatmap(lambda v: st.lists(st.integers(0, 1), min_size=1 << v, max_size=1 << v)))
def test_over_z2_it_is_the_algebraic_normal_form(bits):
    variables = len(bits).bit_length() - 1
    p = to_polynomial(bits, modulus=2, variables=variables)
    wanted = {
        tuple(s >> i & 1 for i in range(variables))
        for s in range(len(bits))
        if sum(bits[t] for t in range(len(bits)) if t & s == t) % 2
    }
    assert p == Polynomial(2, variables, tuple((e, 1) for e in sorted(wanted)))


def test_tables_of_a_million_values():
    x = np.arange(1 << 20)
    wanted = Polynomial.of({(1, *[0] * 18, 1): 1, (0, 1, 1, *[0] * 17): 1, (0,) * 20: 1}, modulus=2, variables=20)
    bits = (x & x >> 19 ^ x >> 1 & x >> 2 ^ 1) & 1
    assert to_polynomial(bits, modulus=2, variables=20) == wanted
    wide = Polynomial.of({(5,): 3, (1,): 7, (0,): 9}, modulus=1 << 20, variables=1)
    assert to_polynomial(wide(x), modulus=1 << 20, variables=1) == wide
    cube = Polynomial.of({(100, 3, 1): 1, (2, 99, 0): 5, (0, 1, 7): 7}, modulus=101, variables=3)
    x = np.arange(101)
    assert to_polynomial(cube(x, x[:, None], x[:, None, None]).ravel(), modulus=101, variables=3) == cube


@pytest.mark.parametrize(
    ("values", "modulus", "variables", "error", "words"),
    [
        ([0], 1, 0, CircuitError, "got modulus 1 and 0 variables, expected a modulus of 2 or more"),
        ([0], 2, -1, CircuitError, "got modulus 2 and -1 variables"),
        ([0, 1, 2], 2, 1, TableError, r"got int64 of shape \(3,\), expected integers of shape \(2,\)"),
        ([[0, 1]], 2, 1, TableError, r"got int64 of shape \(1, 2\)"),
        ([0.0, 1.0], 2, 1, TableError, "got float64"),
        ([0, 2], 2, 1, TableError, r"holds 0\.\.2, expected 0\.\.1"),
        ([-1, 0], 2, 1, TableError, r"holds -1\.\.0, expected 0\.\.1"),
        ([0], 2, 21, TableError, r"got 2\*\*21 values, expected n and n\*\*variables of at most 1048576"),
        ([0], 3, 10**9, TableError, r"got 3\*\*1000000000 values"),
        ([0], 1 << 64, 0, TableError, "values, expected n and n"),
    ],
)
@pytest.mark.parametrize("build", [to_polynomial, indicator_circuit])
def test_bad_tables_are_refused(build, values, modulus, variables, error, words):
    with pytest.raises(error, match=words):
        build(values, modulus=modulus, variables=variables)


def test_a_degree_that_takes_too_long_is_refused():
    with pytest.raises(TableError, match=r"can have degree 65536, which takes more than 1073741824 steps"):
        to_polynomial(np.zeros(65537, int), modulus=65537, variables=1)


# --- Circuits --------------------------------------------------------------------------------------------------------


@given(p=polynomials(st.sampled_from(MODULI), patterns=150), early=st.booleans())
def test_polynomial_to_circuit_to_table_to_polynomial(p, early):
    circuit = polynomial_circuit(p, early=early)
    (table,) = outputs(circuit, p.modulus)
    assert table == tabulated(p)
    (found,) = polynomials_of(circuit, p.modulus)
    assert tabulated(found) == table
    assert all(word.bits == (p.modulus - 1).bit_length() for word in (*circuit.input_types, *circuit.output_types))
    assert not any(word.signed or word.saturate for word in map(circuit.type_of, range(circuit.num_wires)))


@pytest.mark.parametrize(("n", "variables"), [(2, 3), (3, 1), (4, 1)])
def test_every_polynomial_function_has_a_circuit(n, variables):
    found = set()
    for table in product(range(n), repeat=n**variables):
        try:
            p = to_polynomial(table, modulus=n, variables=variables)
        except CircuitError:
            continue
        assert outputs(polynomial_circuit(p), n) == [list(table)]
        found.add(table)
    assert len(found) == (kempner(n) if variables == 1 else n ** (n**variables))


@given(
    p=polynomials(
        st.sampled_from([11, 100, 255, 1000, 4095, 32749, MAX_MODULUS - 1, MAX_MODULUS, 65536, 1 << 40, 1 << 63]),
        patterns=1 << 63,
        most=40,
    ),
    early=st.booleans(),
    data=st.data(),
)
@settings(max_examples=100)
def test_wide_moduli(p, early, data):
    rows = data.draw(st.lists(st.tuples(*[st.integers(0, p.modulus - 1)] * p.variables), max_size=3))
    rows += [(p.modulus - 1,) * p.variables, (p.modulus - 2,) * p.variables]
    circuit = polynomial_circuit(p, early=early)
    inputs = np.array(rows, np.int64).reshape(len(rows), p.variables).T
    assert simulate_values(circuit, inputs).tolist() == [[value(p, x) for x in rows]]
    assert evaluate(circuit, rows[-1]) == (value(p, rows[-1]),)


def test_by_bits_at_a_wide_modulus():
    p = Polynomial.of({(5, 0): 32748, (2, 1): 3, (1, 3): 32747, (0, 0): 1}, modulus=32749, variables=2)
    inputs = np.array([[32748, 32748, 0, 1, 12345], [32748, 0, 32748, 32747, 31000]])
    found = simulate_by_bits(polynomial_circuit(p), inputs)
    assert found.tolist() == [[value(p, x) for x in inputs.T.tolist()]]


def test_inputs_beyond_the_modulus_count_as_their_residues():
    p = Polynomial.of({(1,): 1}, modulus=6, variables=1)
    assert simulate_values(polynomial_circuit(p), [[5, 6, 7]]).tolist() == [[5, 0, 1]]


def test_over_z2_a_circuit_is_xors_of_ands():
    p = Polynomial.of({(1, 1, 1): 1, (0, 1, 1): 1, (1, 0, 0): 1, (0, 0, 0): 1}, modulus=2, variables=3)
    circuit = polynomial_circuit(p)
    assert not circuit.has_words
    assert {op for op, _, _ in circuit.gates()} <= {"xor", "and", "not"}
    assert truth_table(circuit).num_inputs == 3


def test_a_square_over_z2_is_the_variable():
    builder = Builder(["x"], fold=False)
    square = builder.circuit({"y": builder.add("and", 0, 0)})
    assert polynomials_of(square) == (Polynomial(2, 1, (((1,), 1),)),)
    p = Polynomial.of({(2,): 1}, modulus=2, variables=1)
    assert polynomial_circuit(p).num_gates == 0
    assert to_polynomial([value(p, (0,)), value(p, (1,))], modulus=2, variables=1) != p


def test_powers_and_equal_parts_are_shared():
    square = Polynomial.of({(8,): 1}, modulus=256, variables=1)
    assert [op for op, _, _ in polynomial_circuit(square).gates()] == ["mul"] * 3
    two = [square, Polynomial.of({(8,): 1, (0,): 5}, modulus=256, variables=1)]
    circuit = polynomial_circuit(two, input_names=["a"], output_names=["p", "q"], name="pair")
    assert (circuit.num_gates, circuit.input_names, circuit.output_names) == (5, ("a",), ("p", "q"))
    assert circuit.name == "pair"


def test_coefficients_are_scaled_by_their_least_residue():
    for n, gates in ((256, [("scale", (0,), (-1,))]), (1 << 40, [("scale", (0,), (-1,))])):
        assert list(polynomial_circuit(Polynomial(n, 1, (((1,), n - 1),))).gates()) == gates
    wide = polynomial_circuit(Polynomial(1 << 40, 1, (((1,), 1 << 33),)))
    assert [op for op, _, _ in wide.gates()] == ["const", "mul"]


def test_numbers_are_reduced_no_sooner_than_needed():
    p = Polynomial.of({(12,): 1}, modulus=3, variables=1)
    ops = [op for op, _, _ in polynomial_circuit(p).gates()]
    assert ops.count("sub") == 1  # 2**24 can be reduced
    wide = Polynomial.of({(3,): 1}, modulus=MAX_MODULUS - 1, variables=1)
    assert [op for op, _, _ in polynomial_circuit(wide).gates()].count("sub") == 2


def test_numbers_that_are_reduced_early_take_fewer_ands():
    p = Polynomial.of({(12,): 1}, modulus=3, variables=1)
    late, soon = (and_count(bit_blasted(polynomial_circuit(p, early=early))) for early in (False, True))
    assert 4 * soon < late
    wide = polynomial_circuit(p, early=True)
    assert max(wide.type_of(wire).bits for wire in range(wide.num_wires)) <= 8


def test_a_thousand_variables():
    p = Polynomial.of({tuple(int(i == j) for i in range(1000)): 1 for j in range(1000)}, modulus=2, variables=1000)
    assert polynomial_circuit(p).num_gates == 999
    assert p(*[1] * 1000) == 0


def test_circuits_that_cannot_be_are_refused():
    p, q = Polynomial(5, 1, ()), Polynomial(5, 2, ())
    for wanted, words in (([p, q], "got 2 polynomials of .*expected one or more of the same"), ([], "got 0")):
        with pytest.raises(CircuitError, match=words):
            polynomial_circuit(wanted)
    with pytest.raises(CircuitError, match="got 2 input names and 1 output names, expected 1 and 1"):
        polynomial_circuit(p, input_names=["a", "b"])
    with pytest.raises(CircuitError, match="got 1 input names and 0 output names"):
        polynomial_circuit(p, output_names=[])
    for n in (MAX_MODULUS + 1, 1 << 64, 10**30):
        with pytest.raises(CircuitError, match=f"got modulus {n}, expected a power of two"):
            polynomial_circuit(Polynomial(n, 1, ()))


# --- Division by multiplication --------------------------------------------------------------------------------------


@given(n=st.integers(2, 300), hi=st.integers(0, 3000))
def test_a_reciprocal_divides_exactly_and_is_the_least(n, hi):
    m, k = reciprocal(n, hi)
    hi = max(hi, n - 1)
    assert all(x * m >> k == x // n for x in range(hi + 1))
    less = -(-(1 << (k - 1)) // n) if k else 0
    assert not k or any(x * less >> (k - 1) != x // n for x in range(hi + 1))


@given(n=st.integers(2, MAX_MODULUS), hi=st.integers(0, (1 << 30) - 1), data=st.data())
def test_a_reciprocal_is_exact_at_the_ends_of_its_range(n, hi, data):
    m, k = reciprocal(n, hi)
    q = data.draw(st.integers(0, hi // n))
    for x in (hi, hi - hi % n, hi - hi % n - 1, q * n, q * n + n - 1, q * n - 1, 0):
        assert not 0 <= x <= hi or x * m >> k == x // n


def test_every_modulus_has_a_reciprocal_for_products_of_its_words():
    assert all(reciprocal(n, (1 << 30) - 1) for n in range(2, MAX_MODULUS + 1))
    assert reciprocal(3, 1 << 40) is None


# --- Any function ----------------------------------------------------------------------------------------------------


@every_modulus
@pytest.mark.parametrize("variables", [0, 1, 2])
def test_an_indicator_circuit_equals_its_table(n, variables):
    count = n**variables
    table = [(5 * i * i + i // 3 + i // n) % n for i in range(count)]
    assert outputs(indicator_circuit(table, modulus=n, variables=variables), n) == [table]


@given(n=st.sampled_from(MODULI), data=st.data())
@settings(max_examples=30)
def test_an_indicator_circuit_computes_any_function(n, data):
    variables = data.draw(st.integers(0, max(v for v in range(4) if n**v <= 64)))
    table = data.draw(st.lists(st.integers(0, n - 1), min_size=n**variables, max_size=n**variables))
    circuit = indicator_circuit(table, modulus=n, variables=variables)
    assert outputs(circuit, n) == [table]
    assert all(op in ("eq", "and", "const", "dot") for op, _, _ in circuit.gates())


def test_an_indicator_circuit_is_zero_beyond_the_modulus():
    circuit = indicator_circuit([5, 5, 5, 5, 5, 5], modulus=6, variables=1, input_names=["a"], name="five")
    assert simulate_values(circuit, [[0, 5, 6, 7]]).tolist() == [[5, 5, 0, 0]]
    assert (circuit.input_names, circuit.name) == (("a",), "five")
    with pytest.raises(CircuitError, match="got 2 input names, expected 1"):
        indicator_circuit([0, 1], modulus=2, variables=1, input_names=["a", "b"])


# --- Polynomials of circuits -----------------------------------------------------------------------------------------


@given(circuit=circuits(inputs=(1, 5), outputs=(1, 3)))
def test_the_algebraic_normal_forms_of_a_circuit(circuit):
    table = truth_table(circuit)
    bits = unpack(table.outputs, table.patterns).astype(int).tolist()
    found = polynomials_of(circuit)
    assert [tabulated(p) for p in found] == bits
    assert outputs(polynomial_circuit(found), 2) == bits


def test_word_circuits_are_polynomials_over_their_ring():
    for word in (Word(4), Word(4, signed=False)):
        builder = Builder(["a", "b"], types=[word, word])
        product_ = builder.add("mul", 0, 1, type=word)
        less = builder.add("sub", product_, 0, type=word)
        circuit = builder.circuit({"p": product_, "d": less})
        assert list(map(str, polynomials_of(circuit))) == ["x0*x1 mod 16", "x0*x1 + 15*x0 mod 16"]
    builder = Builder(["a", "b"], types=[Word(3), Word(3)])
    greatest = builder.circuit({"y": builder.add("max", 0, 1)})
    with pytest.raises(CircuitError, match="no polynomial over Z_8"):
        polynomials_of(greatest)


def test_circuits_without_one_ring_are_refused():
    mixed = Builder(["a", "b"], types=[Word(3), BIT])
    circuit = mixed.circuit({"y": mixed.add("add", 0, 1, type=Word(3))})
    with pytest.raises(CircuitError, match=r"got words of \[1, 3\] bits, expected one width, or a modulus"):
        polynomials_of(circuit)
    with pytest.raises(CircuitError, match=r"got an input of type bit, expected one that holds 0\.\.2"):
        polynomials_of(circuit, 3)
    assert str(polynomials_of(circuit, 2)[0]) == "x0 + x1 mod 2"
    wide = Builder(["a", "b"], types=[Word(16)] * 2)
    with pytest.raises(TableError, match=r"polynomials of 'circuit': got 65536\*\*2 values"):
        polynomials_of(wide.circuit({"y": wide.add("add", 0, 1, type=Word(16))}))
