"""Words, gates, circuits, their builder, laws, order and truth tables: properties and edges."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import circuits, complete_tables, sampled_tables

from circuits import order
from circuits.check import LAWS, check
from circuits.circuit import Builder, Circuit
from circuits.errors import CircuitError, FormatError, TableError
from circuits.simulate import evaluate, simulate, truth_table
from circuits.table import agreement, complete_table, joined, merged, sampled_table
from circuits.words import enumerate_inputs, mask_words, pack, popcount, tail_mask, unpack, word_count

# --- words ---


@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=140)))
def test_pack_round_trip(bits):
    packed = pack(bits)
    assert packed.dtype == np.uint64
    assert packed.shape == (*bits.shape[:-1], word_count(bits.shape[-1]))
    assert np.array_equal(unpack(packed, bits.shape[-1]), bits)
    assert np.array_equal(popcount(packed), bits.sum(axis=-1))
    assert np.array_equal(packed & mask_words(bits.shape[-1]), packed)


@given(st.integers(0, 300))
def test_masks_hold_exactly_the_patterns(patterns):
    mask = mask_words(patterns)
    assert np.array_equal(mask, pack(np.ones(patterns, bool)))
    assert patterns == 0 or mask[-1] == tail_mask(patterns)


@given(st.integers(0, 9), st.integers(0, 7), st.none() | st.integers(0, 200))
def test_enumerated_inputs_spell_the_pattern_number(inputs, block, patterns):
    rows = enumerate_inputs(inputs, 64 * block, patterns)
    count = 1 << inputs if patterns is None else patterns
    number = np.arange(count) + 64 * block
    assert rows.shape == (inputs, word_count(count))
    for k in range(inputs):
        assert np.array_equal(unpack(rows[k], count), number >> k & 1)
    assert np.array_equal(rows & mask_words(count), rows)


# --- circuits and the builder ---


@given(circuits())
def test_folding_and_sharing_keep_the_function(circuit):
    builder = Builder(circuit.input_names)
    wires = builder.inputs
    for op, fanin, params in circuit.gates():
        wires.append(builder.add(op, *(wires[f] for f in fanin), params=params))
    outputs = [wires[w] for w in circuit.outputs.tolist()]
    folded = builder.circuit(zip(circuit.output_names, outputs, strict=True))
    assert truth_table(folded) == truth_table(circuit)
    # a constant or an inverter may appear beside each gate, nothing more
    assert folded.num_gates <= 2 * circuit.num_gates


def test_equal_gates_are_shared_and_inverters_cancel():
    builder = Builder(["a", "b"])
    assert builder.add("and", 0, 1) == builder.add("and", 1, 0)
    assert builder.add("not", builder.add("not", 0)) == 0
    assert builder.add("xor", 0, 0) == builder.const(0)
    assert builder.add("lut2", 0, 1, params=(0, 1, 0, 1)) == 0
    assert builder.add("andnot", 0, 1) != builder.add("andnot", 1, 0)


def test_circuit_prints_as_an_s_expression():
    builder = Builder(["a", "b"], name="half")
    x = builder.add("xor", 0, 1)
    t = builder.add("lut2", 0, x, params=(0, 1, 1, 1))
    assert repr(builder.circuit({"s": x, "t": t})) == (
        "(circuit half\n  (inputs a b)\n  (g0 xor a b)\n  (g1 lut2 1110 a g0)\n  (outputs (s g0) (t g1)))"
    )


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda b: b.add("nope", 0), "unknown op 'nope'"),
        (lambda b: b.add("and", 0), "1 fan-ins and 0 parameters, expected 2 and 0"),
        (lambda b: b.add("lut1", 0, params=(0,)), "1 fan-ins and 1 parameters, expected 1 and 2"),
        (lambda b: b.add("and", 0, 2), r"fan-in 2 is not a wire yet, expected 0\.\.1"),
        (lambda b: b.add("and", 0, -1), "fan-in -1 is not a wire yet"),
        (lambda b: b.add("lut1", 0, params=(0, 2)), r"parameter 2 is out of range, expected 0\.\.1"),
        (lambda b: b.circuit({"y": 7}), "outputs are wires"),
        (lambda b: b.circuit([("y", 0), ("y", 1)]), "output names are distinct"),
        (lambda b: b.circuit({"": 0}), "not empty"),
        (lambda b: b.circuit({"a b": 0}), "without spaces"),
    ],
)
def test_builder_says_what_is_wrong(build, said):
    with pytest.raises(CircuitError, match=said):
        build(Builder(["a", "b"]))


@given(circuits())
def test_equal_circuits_are_equal_and_hash_alike(circuit):
    twin = replace(circuit, op=circuit.op.copy())
    assert twin == circuit
    assert hash(twin) == hash(circuit)
    assert twin.renamed(name="other") == circuit
    if circuit.num_inputs:
        assert circuit.renamed(inputs=[f"n{i}" for i in range(circuit.num_inputs)]) != circuit


@given(circuits(), st.data())
def test_with_params_replaces_parameters_and_nothing_else(circuit, data):
    params = data.draw(hnp.arrays(np.int64, circuit.params.shape, elements=st.integers(0, 1)))
    other = circuit.with_params(params)
    assert np.array_equal(other.params, params)
    assert other.with_params(circuit.params) == circuit
    for s in other.param_slices:
        assert other.gate_params(s.gate) == tuple(params[s.start : s.stop].tolist())
    assert sum(s.stop - s.start for s in other.param_slices) == len(circuit.params)


def test_with_params_refuses_wrong_shapes_types_and_values():
    builder = Builder(["a"], fold=False)
    circuit = builder.circuit({"y": builder.add("lut1", 0, params=(0, 1))})
    for params in ([0], [0.0, 1.0], [0, 2], [-1, 0]):
        with pytest.raises(CircuitError, match="params: "):
            circuit.with_params(np.array(params))


@given(circuits())
def test_arrays_are_frozen_copies(circuit):
    for field in ("op", "fanin_start", "fanin", "param_start", "params", "outputs"):
        assert not getattr(circuit, field).flags.writeable


def test_wire_names_step_aside_for_inputs():
    builder = Builder(["g0", "g_0"])
    builder.add("and", 0, 1)
    names = builder.circuit({}).wire_names()
    assert names[:2] == ["g0", "g_0"]
    assert len(set(names)) == 3


@given(circuits())
def test_networkx_round_trip(circuit):
    graph = circuit.to_networkx()
    assert nx.is_directed_acyclic_graph(graph)
    back = Circuit.from_networkx(graph)
    assert back.input_names == circuit.input_names
    assert truth_table(back) == truth_table(circuit)
    assert back.num_gates == circuit.num_gates


def test_networkx_graphs_that_are_no_circuits_are_refused():
    loop = nx.DiGraph([(0, 1), (1, 0)])
    bare = nx.DiGraph([(0, 1)])
    undriven = nx.DiGraph()
    undriven.add_node(0, op="output", name="y")
    for graph, said in [(loop, "cycle"), (bare, "no 'op'"), (undriven, "driven by 0 wires")]:
        with pytest.raises(CircuitError, match=said):
            Circuit.from_networkx(graph)


# --- laws ---

BREAKS = {
    "every op is a row of the gate table": {"op": [250]},
    "fan-in slices match the rows' arity": {"fanin_start": [0, 1]},
    "parameter slices match the rows": {"param_start": [0, 1]},
    "gates read only earlier wires": {"fanin": [0, 2]},
    "parameters are in their gate's range": {"params": [0, 1, 1, 2]},
    "one type per wire": {"types": [0, 0]},
    "word gates fit the types and parameters they have": {"types": [0, 0, 7]},
    "outputs are wires": {"outputs": [3]},
    "one name per output": {"output_names": ("y", "z")},
    "input names are distinct": {"input_names": ("a", "a")},
    "output names are distinct": {"output_names": ("y", "y"), "outputs": [0, 1]},
    "names are printable, without spaces, not empty": {"input_names": ("a", "b\n")},
}


@pytest.mark.parametrize("law", [name for name, _ in LAWS])
def test_every_law_is_enforced(law):
    builder = Builder(["a", "b"], fold=False)
    circuit = builder.circuit({"y": builder.add("lut2", 0, 1, params=(0, 1, 1, 0))})
    with pytest.raises(CircuitError) as caught:
        check(replace(circuit, **BREAKS[law]))
    assert law in str(caught.value)


@given(circuits())
def test_drawn_circuits_obey_the_laws(circuit):
    assert check(circuit) is circuit


# --- order ---


@given(circuits())
def test_levels_count_the_gates_on_the_longest_path(circuit):
    level = order.levels(circuit)
    free = {"const", "buf", "not"}
    for wire, (op, fanin, _) in enumerate(circuit.gates(), circuit.num_inputs):
        assert level[wire] == (max(level[f] for f in fanin) + (op not in free) if fanin else 0)
    assert not level[: circuit.num_inputs].any()
    assert order.depth(circuit) == max((level[w] for w in circuit.outputs), default=0)


@given(circuits(inputs=(1, 5)), st.data())
def test_cones_are_descendants_and_ancestors(circuit, data):
    wire = data.draw(st.integers(0, circuit.num_wires - 1))
    graph = circuit.to_networkx().subgraph(range(circuit.num_wires))
    assert set(np.flatnonzero(order.fanout_cone(circuit, wire))) == nx.descendants(graph, wire) | {wire}
    assert set(np.flatnonzero(order.fanin_cone(circuit, [wire]))) == nx.ancestors(graph, wire) | {wire}


@given(circuits())
def test_fanout_counts_are_readers(circuit):
    counts = order.fanout_counts(circuit)
    read = [f for _, fanin, _ in circuit.gates() for f in fanin] + circuit.outputs.tolist()
    assert counts.tolist() == [read.count(w) for w in range(circuit.num_wires)]


@given(circuits())
def test_statistics_add_up(circuit):
    stats = order.statistics(circuit)
    assert sum(stats["kinds"].values()) == stats["gates"] == circuit.num_gates
    assert (stats["inputs"], stats["outputs"]) == (circuit.num_inputs, circuit.num_outputs)
    assert (stats["levels"], stats["params"]) == (order.depth(circuit), len(circuit.params))


# --- tables ---


@given(complete_tables())
def test_complete_tables_hold_every_pattern_and_zero_without_care(table):
    assert table.complete
    assert table.patterns == 1 << table.num_inputs
    assert np.array_equal(table.inputs, enumerate_inputs(table.num_inputs))
    assert not (table.outputs & ~table.care).any()
    assert table.fully_specified == bool(unpack(table.care, table.patterns).all())


@given(sampled_tables())
def test_merged_tables_settle_repeats_by_majority(table):
    x, y, c = (unpack(part, table.patterns).T for part in (table.inputs, table.outputs, table.care))
    votes: dict[tuple, np.ndarray] = {}
    for row, values, care in zip(x, y, c, strict=True):
        count = votes.setdefault(tuple(row.tolist()), np.zeros((2, table.num_outputs), int))
        count[0] += ~values & care
        count[1] += values & care
    merged_, repeats = merged(table)
    mx, my, mc = (unpack(part, merged_.patterns).T for part in (merged_.inputs, merged_.outputs, merged_.care))
    assert [tuple(row.tolist()) for row in mx] == list(votes)  # distinct, in the order of first appearance
    both = [(n > 0).all(axis=0) for n in votes.values()]
    assert repeats.repeated_patterns == len(x) - len(votes)
    assert repeats.contradictory_values == sum(int(b.sum()) for b in both)
    assert repeats.contradictory_patterns == sum(bool(b.any()) for b in both)
    if repeats.repeated_patterns:
        for row, values, care in zip(mx, my, mc, strict=True):
            zeros, ones = votes[tuple(row.tolist())]
            assert np.array_equal(care, zeros != ones)
            assert np.array_equal(values, ones > zeros)
    else:
        assert merged_ is table


@given(sampled_tables(inputs=(2, 2), outputs=(1, 1)), sampled_tables(inputs=(2, 2), outputs=(1, 1)))
def test_joined_tables_hold_both_in_order(a, b):
    both = joined([a, b])
    assert both.patterns == a.patterns + b.patterns
    for field in ("inputs", "outputs", "care"):
        parts = [unpack(getattr(t, field), t.patterns) for t in (a, b)]
        assert np.array_equal(unpack(getattr(both, field), both.patterns), np.hstack(parts))
    assert joined([a]) is a


def test_tables_that_do_not_fit_are_refused():
    with pytest.raises(TableError, match=r"expected 0\.\.20"):
        complete_table(np.zeros((1, 2)), inputs=21)
    with pytest.raises(TableError, match=r"expected \(outputs, 4\)"):
        complete_table(np.zeros((1, 3)), inputs=2)
    with pytest.raises(TableError, match=r"expected \(outputs, 2\)"):
        complete_table(np.zeros((1, 1), np.uint64), inputs=7)
    with pytest.raises(TableError, match=r"expected \(patterns, \.\.\.\) both"):
        sampled_table(np.zeros((2, 1)), np.zeros((3, 1)))
    with pytest.raises(TableError, match="got care"):
        sampled_table(np.zeros((2, 1)), np.zeros((2, 1)), care=np.zeros((2, 2)))
    one, two = (sampled_table(np.zeros((2, n)), np.zeros((2, 1))) for n in (1, 2))
    with pytest.raises(TableError, match="join tables of one function only"):
        joined([one, two])


@given(circuits(inputs=(1, 4), outputs=(1, 3)), st.data())
def test_agreement_counts_wrong_values_and_patterns(circuit, data):
    n = circuit.num_inputs
    table = data.draw(complete_tables(inputs=(n, n), outputs=(circuit.num_outputs, circuit.num_outputs)))
    report = agreement(table, simulate(circuit, table.inputs))
    wrong = cared = bad = 0
    wanted, care = unpack(table.outputs, table.patterns), unpack(table.care, table.patterns)
    for v in range(table.patterns):
        outputs = np.array(evaluate(circuit, [v >> i & 1 for i in range(n)]), bool)
        here = (outputs != wanted[:, v]) & care[:, v]
        wrong, cared, bad = wrong + here.sum(), cared + care[:, v].sum(), bad + here.any()
    assert report["errors"] == wrong
    assert report["patterns"] == table.patterns
    assert report["accuracy"] == pytest.approx(1 - bad / table.patterns)
    assert report["bit_accuracy"] == pytest.approx(1 - wrong / cared if cared else 1.0)


def test_a_circuit_agrees_with_its_own_table_and_empty_tables_are_right():
    builder = Builder(["a", "b"])
    circuit = builder.circuit({"y": builder.add("nor", 0, 1)})
    table = truth_table(circuit)
    assert agreement(table, simulate(circuit, table.inputs))["accuracy"] == 1.0
    empty = sampled_table(np.zeros((0, 2)), np.zeros((0, 1)))
    assert agreement(empty, np.zeros((1, 0), np.uint64)) == {
        "accuracy": 1.0,
        "bit_accuracy": 1.0,
        "patterns": 0,
        "errors": 0,
    }


# --- errors ---


@pytest.mark.parametrize(
    ("path", "line", "text"),
    [(None, None, "bad"), ("x.pla", None, "x.pla: bad"), ("x.pla", 3, "x.pla:3: bad")],
)
def test_format_errors_say_where(path, line, text):
    assert str(FormatError("bad", path=path, line=line)) == text
