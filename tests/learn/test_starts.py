"""Starting circuits: what each row of the table recognises, and that all of them are exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.aig import and_count, from_literals
from circuits.circuit import Builder
from circuits.simulate import simulate
from circuits.table import complete_table
from circuits.words import unpack
from learn.keys import Key
from learn.models import starts
from learn.models.ordering import sift_costs, sift_costs_oracle, sifted
from learn.models.structure import OPERATORS

KEY = Key(1)


def table_of(rows):
    return complete_table(np.asarray(rows, bool), inputs=len(rows[0]).bit_length() - 1)


def ands(table, lits):
    """Check that a start computes the table and return its AND nodes."""
    circuit = from_literals(lits, table.input_names, table.output_names)
    assert np.array_equal(simulate(circuit, table.inputs, patterns=table.patterns), table.outputs)
    return and_count(circuit)


def shuffled(rows, key):
    """Return functions with their inputs and their order mixed."""
    n = rows.shape[1].bit_length() - 1
    mixed = starts.reordered(rows, np.argsort(key.fold("inputs").uniform(n)).tolist())
    return mixed[np.argsort(key.fold("outputs").uniform(len(rows)))]


def neuron(weights, bias, shift, outputs):
    bits = np.arange(1 << len(weights))[:, None] >> np.arange(len(weights)) & 1
    code = np.clip(bits @ np.array(weights) + bias >> shift, 0, (1 << outputs) - 1)
    return (code >> np.arange(outputs)[:, None] & 1).astype(bool)


random_rows = st.integers(0, 6).flatmap(
    lambda n: st.lists(st.lists(st.booleans(), min_size=1 << n, max_size=1 << n), min_size=1, max_size=3)
)


@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 1 << 30))
@settings(max_examples=25)
def test_costs_of_all_places_are_those_counted_with_sets(inputs, outputs, seed):
    key = Key(seed)
    values = key.fold("values").integers(2, outputs << inputs).astype(np.uint64)
    points = key.fold("points").words(inputs) | np.uint64(1)
    slots = 1 << (len(values) - 1).bit_length()
    found = sift_costs(values.copy(), points, np.zeros(slots, np.uint64), np.zeros(slots, np.int64))
    assert np.array_equal(found, sift_costs_oracle(values, points))


@pytest.mark.parametrize("seed", range(4))
def test_sifting_puts_together_what_belongs_together(seed):
    bits = np.arange(1 << 10)[:, None] >> np.arange(10) & 1
    table = table_of([(bits[:, :5] & bits[:, 5:]).any(axis=1)])  # Bryant's example: 62 multiplexers as it stands
    cost, order = sifted(table, Key(seed))
    assert sorted(order) == [*range(10)]
    assert all(order[i] % 5 == order[i + 1] % 5 for i in range(0, 10, 2)), order
    assert cost == 4 * 4 + 1


@given(random_rows, st.integers(0, 1 << 30))
@settings(max_examples=40)
def test_diagrams_compute_their_rows(rows, seed):
    rows = np.array(rows, bool)
    n = rows.shape[1].bit_length() - 1
    order = np.argsort(Key(seed).uniform(n)).tolist()
    b = Builder([f"x{i}" for i in range(n)])
    wires = starts.diagram(b, starts.reordered(rows, order), [b.inputs[i] for i in order])
    circuit = b.circuit([(f"y{i}", wire) for i, wire in enumerate(wires)])
    table = table_of(rows)
    assert np.array_equal(simulate(circuit, table.inputs, patterns=table.patterns), table.outputs)


@given(random_rows)
@settings(max_examples=25)
def test_every_start_is_exact(rows):
    table = table_of(rows)
    found = starts.ranked(table, KEY, 2)
    sizes = [ands(table, lits) for lits in found]
    assert sizes == sorted(sizes)
    assert len(found) >= 1


def test_starts_repeat():
    table = table_of(KEY.integers(2, (2, 256)))
    one, two = (starts.ranked(table, KEY, 3) for _ in range(2))
    assert [lits.ands.tolist() for lits in one] == [lits.ands.tolist() for lits in two]


def test_a_sorter_is_a_count_and_its_thresholds():
    ones = np.bitwise_count(np.arange(1 << 9))
    table = table_of([ones > i for i in range(9)])
    assert min(ands(table, lits) for lits in starts.symmetric(table, KEY)) <= 60
    off = unpack(table.outputs, table.patterns)
    off[0, 3] ^= True
    assert not list(starts.symmetric(table_of(off), KEY))


def test_quantised_sums_are_recognised():
    for weights, bias, shift in (
        ([3, 6, 12, -5, -10, -20, 7, 14, 28], -9, 3),
        ([5, -3, 9, 14, -22, 6, 1, 2], 11, 2),
    ):
        table = table_of(neuron(weights, bias, shift, 3))
        sizes = [ands(table, lits) for lits in starts.quantised_sums(table, KEY)]
        assert sizes
        assert min(sizes) < min(ands(table, lits) for lits in starts.diagrams(table, KEY)) * 1.1


def test_what_is_no_quantised_sum_is_none():
    rows = neuron([3, 6, 12, -5, -10, -20], 7, 3, 3)
    rows[:, 5] ^= True
    assert not list(starts.quantised_sums(table_of(rows), KEY))


def test_relaxation_keeps_its_margin_or_gives_nothing():
    columns = np.array([[1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1]])
    lo, hi = np.array([3000, -9000, 0, -500]), np.array([6000, -3000, 900, 800])
    weights = starts.relaxed(columns, lo, hi, 100, 200)
    sums = weights @ columns
    assert np.all(lo + 50 <= sums) and np.all(sums <= hi - 50)
    assert starts.relaxed(columns, lo, np.where(lo == 0, -1, hi), 100, 200) is None


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_recognised_whatever_the_order(name):
    row = OPERATORS[name]
    n = 8 // row.words
    rows = shuffled(starts._operator_values(name, n), KEY.fold(name))[: max(2, row.width(n) // 2)]
    table = table_of(rows)
    found = list(starts.operators(table, KEY))
    assert found
    for lits in found:
        ands(table, lits)


def test_what_is_no_operator_is_none():
    rows = starts._operator_values("product", 3).copy()
    rows[4, [9, 10]] ^= True
    assert not list(starts.operators(table_of(rows), KEY))
    assert starts.matched(rows, starts._operator_values("product", 3)) is None
