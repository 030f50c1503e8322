"""Starting circuits: what each row of the table recognises, and that all of them are exact."""

from itertools import islice

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
from learn.models import blocks, cubes, fields, linear, starts
from learn.models.ordering import sift_costs, sift_costs_oracle, sifted
from learn.models.structure import OPERATORS

KEY = Key(1)
ROWS = starts.STARTS.items()


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
    sizes = [sorted(ands(table, lits) for lits in start(table, KEY.fold(0).fold(name)))[:2] for name, start in ROWS]
    first = sorted(size for each in sizes for size in each)
    found = [ands(table, lits) for lits in islice(starts.ranked(table, KEY, 2), len(first) + 1)]
    assert first and found[:-1] == first


def test_starts_repeat():
    table = table_of(KEY.integers(2, (2, 256)))
    one, two = (list(islice(starts.ranked(table, KEY, 3), 5)) for _ in range(2))
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


def test_towers_are_fields():
    for norms in [tower for height in range(4) for tower in fields.towers(height)]:
        size = 1 << (1 << len(norms))
        one, inverse = size - 1, fields.inverses(norms)
        a, b, c = KEY.integers(size, (3, 50)).tolist()
        for x, y, z in zip(a, b, c, strict=True):
            assert fields.times(x, one, norms) == x
            assert fields.times(x, y, norms) == fields.times(y, x, norms)
            assert fields.times(x, fields.times(y, z, norms), norms) == fields.times(
                fields.times(x, y, norms), z, norms
            )
            assert fields.times(x, y ^ z, norms) == fields.times(x, y, norms) ^ fields.times(x, z, norms)
            assert fields.times(x, int(inverse[x]), norms) == (one if x else 0)
    assert [len(fields.towers(height)) for height in range(4)] == [1, 1, 2, 16]


def field_inverse(polynomial, bits):
    """Invert every element of GF(2)[x] modulo an irreducible polynomial, by trying."""

    def times(a, b):
        total = 0
        for i in range(bits):
            total ^= (a << i) * (b >> i & 1)
        for i in reversed(range(bits, 2 * bits)):
            total ^= (polynomial << i - bits) * (total >> i & 1)
        return total

    return np.array([0] + [next(b for b in range(1 << bits) if times(a, b) == 1) for a in range(1, 1 << bits)])


def bits_of(values, width):
    return (np.asarray(values) >> np.arange(width)[:, None] & 1).astype(bool)


@pytest.mark.parametrize(("polynomial", "bits"), [(0b10011, 4), (0b11111, 4), (0b100011011, 8)])
def test_an_inversion_between_affine_maps_is_found_from_either_side(polynomial, bits):
    inverse = field_inverse(polynomial, bits)
    low = np.tril(KEY.integers(2, (bits, bits)), -1) + np.eye(bits, dtype=np.int64)  # a regular matrix
    mixed = (1 << np.arange(bits)) @ (low @ bits_of(np.arange(1 << bits), bits) % 2) ^ 5
    for values in (mixed[inverse], inverse[mixed], inverse):
        table = table_of(bits_of(values, bits))
        sizes = [ands(table, lits) for lits in starts.inversions(table, KEY)]
        assert sizes
        assert max(sizes) < {4: 100, 8: 450}[bits]  # a diagram of an S-box takes 750
    values = inverse.copy()
    values[[3, 7]] = values[[7, 3]]
    assert not list(starts.inversions(table_of(bits_of(values, bits)), KEY))


@given(st.lists(st.integers(0, (1 << 10) - 1), min_size=1, max_size=8))
@settings(max_examples=30)
def test_shared_sums_are_the_forms(forms):
    sums, rows = fields.shared_sums(forms, 10)
    value = [1 << g for g in range(10)]
    for i, j in sums:
        value.append(value[i] ^ value[j])
    for form, row in zip(forms, rows, strict=True):
        total = 0
        for g in row:
            total ^= value[g]
        assert total == form


def unit(width):
    """Return (left + right) + carry of words, two inputs choosing a + b, a - b, a XOR b or a + a."""
    p = np.arange(1 << 2 * width + 3)
    mask = (1 << width) - 1
    a, b, op, carry = p & mask, p >> width & mask, p >> 2 * width & 3, p >> 2 * width + 2
    left, right = np.choose(op, [a, a, a ^ b, a]), np.choose(op, [b, b ^ mask, 0 * b, a])
    return bits_of(left + right + carry, width + 1)


def test_words_under_controls_are_recoded():
    table = table_of(shuffled(unit(3), KEY))
    sizes = [ands(table, lits) for lits in starts.recoders(table, KEY)]
    assert sizes
    assert min(sizes) < min(ands(table, lits) for lits in starts.diagrams(table, KEY))


@given(random_rows.filter(lambda rows: len(rows[0]) == 64))
@settings(max_examples=20)
def test_controlled_pairs_have_few_classes_under_every_value_of_the_controls(rows):
    cube = np.array(rows, bool).reshape(-1, *[2] * 6)
    for controls, pairs in blocks.controlled_pairs(cube):
        for pair in pairs:
            axes = [*controls, *pair, *(i for i in range(6) if i not in (*controls, *pair))]
            parts = cube.transpose([0, *(i + 1 for i in axes)]).reshape(len(cube), 1 << len(controls), 4, -1)
            for s in range(parts.shape[1]):
                assert len({parts[:, s, v].tobytes() for v in range(4)}) <= blocks.CLASSES


def covered(cubes_of, inputs):
    bits = np.arange(1 << inputs)[:, None] >> np.arange(inputs) & 1
    terms = [np.all([bits[:, x >> 1] != x & 1 for x in cube] or [bits[:, 0] >= 0], axis=0) for cube in cubes_of]
    return np.any(terms or [bits[:, 0] < 0], axis=0)


@given(random_rows.filter(lambda rows: len(rows[0]) > 1), st.integers(0, 1 << 30))
@settings(max_examples=40)
def test_covers_are_the_functions_by_primes_of_one_and_no_cube_is_in_vain(rows, seed):
    rows = np.array(rows, bool)
    n = rows.shape[1].bit_length() - 1
    order = np.argsort(Key(seed).uniform(n)).tolist()
    chosen = cubes.covers(rows, order)
    wanted = [row ^ complement for row, (complement, _) in zip(rows, chosen, strict=True)]
    for row, (_, found) in zip(wanted, chosen, strict=True):
        assert np.array_equal(covered(found, n), row)
        for cube in found:
            assert not np.array_equal(covered([c for c in found if c != cube], n), row)
            inside = [each for each in wanted if not (covered([cube], n) & ~each).any()]
            assert any(all((covered([cube - {x}], n) & ~each).any() for x in cube) for each in inside)


def test_extraction_shares_divisors_and_their_complements():
    # (a + b) c, (a + b) d and a' b' e: one divisor
    sums = [[{0, 4}, {2, 4}], [{0, 6}, {2, 6}], [{1, 3, 8}]]
    network = cubes.extracted(5, [[frozenset(c) for c in row] for row in sums])
    assert len(network.divisors) == 1
    b = Builder([f"x{i}" for i in range(5)])
    circuit = b.circuit([(f"y{i}", wire) for i, wire in enumerate(cubes.build(b, b.inputs, network))])
    assert and_count(circuit) == 4
    table = table_of([covered(row, 5) for row in sums])
    assert np.array_equal(simulate(circuit, table.inputs, patterns=table.patterns), table.outputs)


def test_sparse_tables_have_products():
    table = table_of(KEY.integers(40, (3, 256)) == 0)
    sizes = [ands(table, lits) for lits in starts.products(table, KEY)]
    assert sizes and min(sizes) > 0
    assert not list(starts.products(table_of(KEY.integers(2, (6, 64))), KEY))


def test_tables_of_few_values_have_products_of_each():
    value = KEY.integers(1 << 6, 5)[np.minimum.accumulate(KEY.integers(5, 256))]
    for rows in (bits_of(value, 6), bits_of(np.full(256, 5), 6)):
        table = table_of(rows)
        assert len([ands(table, lits) for lits in starts.products(table, KEY)]) >= 1


@given(st.integers(0, 6).flatmap(lambda n: st.lists(st.booleans(), min_size=1 << n, max_size=1 << n)))
def test_the_autocorrelation_is_that_of_its_definition(row):
    row = np.array(row)
    assert np.array_equal(linear.autocorrelation(row), linear.autocorrelation_oracle(row))


@given(st.integers(1, 7), st.integers(0, 3), st.integers(0, 1 << 30))
def test_functions_are_made_of_their_parities(n, dimensions, seed):
    rng = np.random.default_rng(seed)
    masks, at = rng.integers(1, 1 << n, max(1, n - dimensions)), np.arange(1 << n)
    address = (np.bitwise_count(at[:, None] & masks) & 1) @ (1 << np.arange(len(masks)))
    row = rng.integers(0, 2, 1 << len(masks)).astype(bool)[address]
    row ^= (np.bitwise_count(at & rng.integers(0, 1 << n)) & 1).astype(bool)
    found = linear.structures(row)
    everywhere = linear.autocorrelation_oracle(row)
    assert 1 << len(found.basis) == (np.abs(everywhere) == 1 << n).sum() >= 1 << max(0, n - len(masks) - 1)
    for mask, pivot, change in zip(*found, strict=True):
        assert mask >> pivot & 1 and sum(each >> pivot & 1 for each in found.basis) == 1
        assert (row[at ^ mask] == row ^ change).all()
    stands, added = linear.parities(found, n)
    bits = at[:, None] >> np.arange(n) & 1
    moved = sum(((bits[:, inputs].sum(axis=1) & 1) << j for j, inputs in stands.items()), np.zeros(1 << n, np.int64))
    assert np.array_equal(row, row[moved] ^ (bits[:, added].sum(axis=1) & 1).astype(bool))


def test_a_function_of_a_few_parities_of_many_inputs_is_found():
    rng, at = np.random.default_rng(0), np.arange(1 << 12)
    masks = rng.integers(1, 1 << 12, 6)
    address = (np.bitwise_count(at[:, None] & masks) & 1) @ (1 << np.arange(6))
    table = table_of(rng.integers(0, 2, (2, 64))[:, address])
    (made,) = starts.parity_functions(table, KEY)
    assert ands(table, made) < min(ands(table, lits) for lits in starts.diagrams(table, KEY)) / 3
    assert not [*starts.parity_functions(table_of(neuron([1, 2, 3, 4], 0, 1, 3)), KEY)]
