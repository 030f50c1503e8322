import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from circuits.circuit import Builder
from circuits.simulate import simulate
from circuits.words import pack, unpack
from learn.keys import Key
from learn.models.structure import (
    OPERATORS,
    Trees,
    answers,
    decision_list,
    forest,
    grown,
    layouts,
    polynomial,
    solved,
    symmetric,
    word_bit,
)


def drawn(seed, samples, inputs):
    return Key(seed).integers(2, (samples, inputs)).astype(bool)


def answered(recipe, x):
    """Simulate the circuit of a recipe on samples."""
    builder = Builder([f"x{i}" for i in range(x.shape[1])])
    circuit = builder.circuit([("y", recipe(builder))])
    return unpack(simulate(circuit, pack(x.T), patterns=len(x)), len(x))[0]


def number(x, word):
    return sum(x[:, i].astype(object) << k for k, i in enumerate(word))


def signed(value, n):
    return np.where(value >= 1 << n - 1, value - (1 << n), value)


def root(value):
    return np.array([int(v**0.5) for v in value], object)  # of few bits: exact


ORACLES = {
    "sum": lambda a, b, n: a + b,
    "signed sum": lambda a, b, n: signed(a, n) + signed(b, n),
    "difference": lambda a, b, n: a - b,
    "signed less": lambda a, b, n: (signed(a, n) < signed(b, n)).astype(object),
    "equal": lambda a, b, n: (a == b).astype(object),
    "product": lambda a, b, n: a * b,
    "signed product": lambda a, b, n: signed(a, n) * signed(b, n),
    "quotient": lambda a, b, n: np.where(b == 0, -1, a // np.where(b == 0, 1, b)),
    "remainder": lambda a, b, n: np.where(b == 0, a, a % np.where(b == 0, 1, b)),
    "quotient or 0": lambda a, b, n: np.where(b == 0, 0, a // np.where(b == 0, 1, b)),
    "remainder or 0": lambda a, b, n: np.where(b == 0, 0, a % np.where(b == 0, 1, b)),
    "root": lambda a, b, n: root(a),
    "square": lambda a, b, n: a * a,
}
BITS = {"signed less": 0, "equal": 0, "sum": 5, "difference": 5, "signed sum": 6, "quotient": 1, "remainder": 1}
BITS |= {f"{name} or 0": BITS[name] for name in ("quotient", "remainder")}


def test_every_operator_has_an_oracle():
    assert set(ORACLES) == set(OPERATORS)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("layout", [0, -1])
def test_a_bit_of_an_operator_is_recovered_from_samples(name, layout):
    words = list(layouts(12, OPERATORS[name].words))[layout]
    n, bit = len(words[0]), BITS.get(name, 3)

    def wanted(x):
        a, b = number(x, words[0]), number(x, words[-1])
        return np.array([int(v) >> bit & 1 for v in ORACLES[name](a, b, n)], bool)

    x, fresh = drawn(1, 1500, 12), drawn(2, 3000, 12)
    if name == "equal":  # rare among random words
        x[::2, list(words[0])] = x[::2, list(words[1])]
    found = word_bit(x, wanted(x))
    assert found.right == len(x)
    np.testing.assert_array_equal(answered(found.recipe(0), fresh), wanted(fresh))
    np.testing.assert_array_equal(answered(word_bit(x, ~wanted(x)).recipe(0), fresh), ~wanted(fresh))


@pytest.mark.parametrize(
    ("name", "bit", "cut", "least"),
    [("quotient", 0, 8, 0.97), ("remainder", 0, 8, 0.97), ("remainder", 2, 8, 0.97), ("product", 20, 12, 0.95),
     ("root", 0, 5, 0.95), ("root", 3, 5, 0.95)],
)  # fmt: skip
def test_what_is_cut_from_an_operator_costs_little_accuracy(name, bit, cut, least):
    words = next(layouts(40, OPERATORS[name].words))
    x = drawn(3, 4000, 40)
    values = ORACLES[name](number(x, words[0]), number(x, words[-1]), 20)
    y = np.array([int(v) >> bit & 1 for v in values], bool)
    sizes = []
    for k in (0, cut):
        builder = Builder([f"x{i}" for i in range(40)])
        wire = OPERATORS[name].build(builder, [list(w) for w in words], bit, k)
        circuit = builder.circuit([("y", wire)])
        right = (unpack(simulate(circuit, pack(x.T), patterns=4000), 4000)[0] == y).mean()
        assert right == 1.0 if k == 0 else least < right
        sizes.append(builder.num_gates)
    assert sizes[1] < sizes[0] * 0.8


def test_a_function_of_a_count_is_recovered():
    x, fresh = drawn(4, 3000, 10), drawn(5, 2000, 10)

    def some(x):  # a count of 5 of the inputs, two complemented
        return np.isin(x[:, [1, 3, 4]].sum(axis=1) + (~x[:, [6, 8]]).sum(axis=1), [0, 3, 4])

    def every(x):
        return np.isin(x.sum(axis=1), [1, 4, 5, 6, 9])

    np.testing.assert_array_equal(answered(symmetric(x, every(x), 0), fresh), every(fresh))
    assert (answered(symmetric(x, some(x), 0), fresh) == some(fresh)).mean() < 0.8
    np.testing.assert_array_equal(answered(symmetric(x, some(x), 8), fresh), some(fresh))


@given(st.data())
def test_a_system_over_z2_is_solved_wherever_there_is_a_solution(data):
    equations, unknowns = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 5))
    a = data.draw(hnp.arrays(bool, (equations, unknowns)))
    y = data.draw(hnp.arrays(bool, equations))
    every = [np.array(v, bool) for v in itertools.product((0, 1), repeat=unknowns)]
    solutions = [v for v in every if ((a & v).sum(axis=1) % 2 == y).all()]
    found = solved(a, y)
    assert (found is None) == (not solutions)
    assert found is None or any(np.array_equal(found, v) for v in solutions)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_polynomial_over_z2_is_recovered_at_its_degree_and_not_below(degree):
    def function(x):
        product = x[:, [2, 5, 8][:degree]].all(axis=1)
        return product ^ x[:, 0] ^ x[:, 7] ^ True

    x, fresh = drawn(6, 1000, 12), drawn(7, 1000, 12)
    np.testing.assert_array_equal(answered(polynomial(x, function(x), degree), fresh), function(fresh))
    assert degree == 1 or polynomial(x, function(x), degree - 1) is None
    assert polynomial(x[:50], function(x[:50]), degree) is None  # too few to tell


def test_a_tree_fits_what_a_tree_can_say():
    def function(x):
        return np.where(x[:, 3], x[:, 0] & x[:, 1], ~x[:, 5])

    x, fresh = drawn(8, 2000, 8), drawn(9, 2000, 8)
    tree = grown(x, function(x), np.ones(2000, np.int64), 4, 1, np.ones(8, bool))
    np.testing.assert_array_equal(answers(tree, fresh), function(fresh))
    np.testing.assert_array_equal(answered(Trees((), (tree,)).recipe, fresh), function(fresh))
    blind = grown(x, function(x), np.ones(2000, np.int64), 4, 1, np.arange(8) != 3)
    assert (answers(blind, fresh) == function(fresh)).mean() < 0.95


def test_weights_count_as_repeated_samples():
    x, y, weights = drawn(10, 60, 6), drawn(11, 60, 1)[:, 0], 1 + Key(12).integers(4, 60)
    again = np.repeat(np.arange(60), weights)
    everything, ones = np.ones(6, bool), np.ones(len(again), np.int64)
    assert grown(x, y, weights, 3, 1, everything) == grown(x[again], y[again], ones, 3, 1, everything)


def test_a_forest_is_the_majority_of_its_trees_and_made_features_help():
    def function(x):
        return (x[:, 0] ^ x[:, 1]) & (x[:, 2] | x[:, 3]) ^ (x[:, 4] & x[:, 5])

    x, fresh = drawn(13, 1500, 20), drawn(14, 1500, 20)
    many = forest(x, function(x), Key(0), trees=5, depth=4)
    votes = sum(answers(tree, fresh).astype(int) for tree in many.trees)
    assert many.made == () and len(set(many.trees)) == 5
    np.testing.assert_array_equal(answered(many.recipe, fresh), votes >= 3)
    plain, made = (forest(x, function(x), Key(0), trees=1, depth=6, fringes=k) for k in (0, 6))
    right = [(answered(f.recipe, fresh) == function(fresh)).mean() for f in (plain, made)]
    assert made.made and right[1] > right[0]


def test_a_decision_list_is_found_and_answers_as_its_rules_do():
    def function(x):
        return np.where(x[:, 3] & ~x[:, 7], True, np.where(x[:, 1], False, np.where(x[:, 9] & x[:, 2], True, False)))

    x, fresh = drawn(15, 1500, 16), drawn(16, 1500, 16)
    found = decision_list(x, function(x), literals=2, rules=12)
    first = [
        next((r.answer for r in found.rules if all(row[i] == v for i, v in r.cube)), found.default) for row in fresh
    ]
    np.testing.assert_array_equal(answered(found.recipe, fresh), first)
    assert (np.array(first) == function(fresh)).mean() > 0.99
    assert len(found.rules) <= 12 and all(len(rule.cube) <= 2 for rule in found.rules)


@pytest.mark.parametrize("value", [False, True])
def test_a_decision_list_of_a_constant_has_no_rules(value):
    found = decision_list(drawn(17, 70, 3), np.full(70, value), literals=2, rules=3)
    assert found.rules == () and found.default is value
