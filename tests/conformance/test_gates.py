"""Every row of the gate table, every face of it: one test a property."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits import kernels
from circuits.circuit import Builder
from circuits.gates import BIT_GATES, GATE, OP, TWO_INPUT, Gate, evaluate, gate_table, row_of, symmetric, table_bits
from circuits.simulate import truth_table
from circuits.words import enumerate_inputs, unpack

every_row = pytest.mark.parametrize("row", BIT_GATES, ids=lambda row: row.name)


def parameters(row: Gate) -> st.SearchStrategy[tuple[int, ...]]:
    lo, hi = row.param_range
    return st.lists(st.integers(lo, hi), min_size=row.param_count, max_size=row.param_count).map(tuple)


def address_bits(row: Gate, v: int) -> list[int]:
    return [v >> i & 1 for i in range(row.arity)]


def brute_force(row: Gate, p: tuple[int, ...]) -> list[int]:
    """Return the output at every address, one Python bit at a time."""
    return [evaluate(row, address_bits(row, v), p) for v in range(1 << row.arity)]


def single_gate(row: Gate, p: tuple[int, ...], *, fold: bool):
    builder = Builder([f"x{i}" for i in range(row.arity)], fold=fold)
    return builder.circuit({"y": builder.add(row.name, *builder.inputs, params=p)})


@every_row
@given(data=st.data())
def test_table_round_trip(row, data):
    p = data.draw(parameters(row))
    table = gate_table(OP[row.name], p)
    assert list(table_bits(table, row.arity)) == brute_force(row, p)
    if row.name.startswith("lut"):
        assert table_bits(table, row.arity) == p


@every_row
@given(data=st.data())
def test_forward_agrees_on_numpy_words(row, data):
    p = data.draw(parameters(row))
    x = enumerate_inputs(row.arity)
    out = row.forward(list(x), p, np.zeros(x.shape[1], np.uint64))
    assert unpack(out, 1 << row.arity).tolist() == [bool(b) for b in brute_force(row, p)]


@every_row
@given(data=st.data())
def test_forward_agrees_in_the_kernel(row, data):
    p = data.draw(parameters(row))
    x = np.repeat(enumerate_inputs(row.arity), 13, axis=1)  # eight lanes, four lanes and single words
    wires = np.vstack([x, np.zeros((1, 13), np.uint64)])
    kernels.fill(kernels.compiled(single_gate(row, p, fold=False)), wires)
    expected = [bool(b) for b in brute_force(row, p)]
    for word in range(13):
        assert unpack(wires[row.arity, word : word + 1], 1 << row.arity).tolist() == expected


@every_row
@pytest.mark.parametrize("fold", [False, True])
@given(data=st.data())
def test_forward_agrees_as_a_circuit_of_its_own(row, fold, data):
    p = data.draw(parameters(row))
    table = truth_table(single_gate(row, p, fold=fold))
    assert unpack(table.outputs[0], 1 << row.arity).tolist() == [bool(b) for b in brute_force(row, p)]


@every_row
@pytest.mark.parametrize("fold", [False, True])
@given(data=st.data())
def test_forward_recorded_on_terms_is_the_gate(row, fold, data):
    p = data.draw(parameters(row))
    builder = Builder([f"x{i}" for i in range(row.arity)], fold=fold)
    zero = builder.term(builder.const(0))
    out = row.forward([builder.term(w) for w in builder.inputs], p, zero)
    table = truth_table(builder.circuit({"y": out.wire}))
    assert unpack(table.outputs[0], 1 << row.arity).tolist() == [bool(b) for b in brute_force(row, p)]


@every_row
@given(data=st.data())
def test_forward_agrees_on_torch_tensors(row, data):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    p = data.draw(parameters(row))
    x = [torch.tensor([bool(v >> i & 1) for v in range(1 << row.arity)]) for i in range(row.arity)]
    out = row.forward(x, p, torch.zeros(1 << row.arity, dtype=torch.bool))
    assert out.tolist() == [bool(b) for b in brute_force(row, p)]


@every_row
@given(data=st.data())
def test_builder_keeps_the_function_when_fanins_are_shared_constant_or_inverted(row, data):
    p = data.draw(parameters(row))
    tables = []
    picks = data.draw(st.lists(st.integers(0, 5), min_size=row.arity, max_size=row.arity))
    for fold in (False, True):
        builder = Builder(["a", "b"], fold=fold)
        sources = [0, 1, builder.const(0), builder.const(1), builder.add("not", 0), builder.add("not", 1)]
        wire = builder.add(row.name, *(sources[i] for i in picks), params=p)
        tables.append(truth_table(builder.circuit({"y": wire})))
    assert tables[0] == tables[1]


@every_row
@given(data=st.data())
def test_reverse_equals_brute_force_differences(row, data):
    p, d = data.draw(parameters(row)), data.draw(st.integers(0, 1))
    x = address_bits(row, data.draw(st.integers(0, (1 << row.arity) - 1)))
    to_inputs, to_params = row.reverse(x, p, -d, 0)
    out = evaluate(row, x, p)
    for i in range(row.arity):
        moved = evaluate(row, [*x[:i], 1 - x[i], *x[i + 1 :]], p)
        assert to_inputs[i] & 1 == (out ^ moved) & d
    for i in range(row.param_count):
        moved = evaluate(row, x, [*p[:i], 1 - p[i], *p[i + 1 :]])
        assert to_params[i] & 1 == (out ^ moved) & d


@every_row
@given(data=st.data())
def test_reverse_follows_from_the_tables_cofactors(row, data):
    p = data.draw(parameters(row))
    size = 1 << row.arity
    table = gate_table(OP[row.name], p)
    variables = [sum(1 << v for v in range(size) if v >> i & 1) for i in range(row.arity)]
    to_inputs, to_params = row.reverse(variables, p, -1, 0)
    assert len(to_params) == row.param_count
    for i, change in enumerate(to_inputs):
        for v in range(size):
            assert change >> v & 1 == (table >> v ^ table >> (v ^ 1 << i)) & 1


@every_row
@given(data=st.data())
def test_variation_equals_brute_force_signed_differences(row, data):
    p = data.draw(parameters(row))
    x = address_bits(row, data.draw(st.integers(0, (1 << row.arity) - 1)))
    to_inputs, to_params = row.variation(x, p, 0)
    for i, (rises, falls) in enumerate(to_inputs):
        hi, lo = (evaluate(row, [*x[:i], b, *x[i + 1 :]], p) for b in (1, 0))
        assert (rises & 1) - (falls & 1) == hi - lo
    for i, (rises, falls) in enumerate(to_params):
        hi, lo = (evaluate(row, x, [*p[:i], b, *p[i + 1 :]]) for b in (1, 0))
        assert (rises & 1) - (falls & 1) == hi - lo


@every_row
def test_symmetric_rows_do_not_change_under_any_swap(row):
    op = OP[row.name]
    if row.param_count:
        assert not symmetric(op)
        return
    bits = brute_force(row, ())
    swapped = [
        bits[v ^ ((v >> i ^ v >> j) & 1) * (1 << i | 1 << j)]
        for i in range(row.arity)
        for j in range(i)
        for v in range(len(bits))
    ]
    assert symmetric(op) == (swapped == bits * (row.arity * (row.arity - 1) // 2))


@every_row
def test_row_states_its_name_range_and_source(row):
    assert GATE[row.name] is row
    assert BIT_GATES[OP[row.name]] is row
    assert row.source
    assert row.param_range == (0, 1)
    assert row.param_count in (0, 1 << row.arity)


def test_two_input_rows_cover_every_function_of_both_inputs():
    depends = {t for t in range(16) if (t ^ t >> 1) & 0b0101 and (t ^ t >> 2) & 0b0011}
    assert set(TWO_INPUT) == depends
    for table, (name, swap) in TWO_INPUT.items():
        for v in range(4):
            x = address_bits(GATE[name], v)
            assert evaluate(GATE[name], x[::-1] if swap else x) == table >> v & 1


@pytest.mark.parametrize("inputs", range(4))
def test_every_table_finds_its_row(inputs):
    for table in range(1 << (1 << inputs)):
        op, swap, params = row_of(table, inputs)
        row = BIT_GATES[op]
        assert row.arity == inputs
        values = [[v >> i & 1 for i in range(inputs)] for v in range(1 << inputs)]
        computed = [evaluate(row, x[::-1] if swap else x, params) for x in values]
        assert computed == [table >> v & 1 for v in range(1 << inputs)]
        named = [other for other in BIT_GATES if not other.param_count and other.arity == inputs]
        if any(gate_table(OP[other.name]) == table for other in named):
            assert not row.param_count
