"""Covers of look-up tables by ANDs, and circuits lowered by them: the kernels beside their oracles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import cover_kernels as kernels
from circuits.aig import _lowering, and_count, lowered, lowered_oracle, to_literals
from circuits.circuit import Builder
from circuits.covers import FULL, INPUT_MASK, repeated, search, structure, table_structure
from circuits.mapping import lut_count, lut_mapping
from circuits.rewrite import bit_blasted
from circuits.simulate import simulate
from circuits.wires import Word
from circuits.words import mixed_words


def value(ands, out, inputs):
    """Evaluate ANDs on all addresses."""
    values = [0, *INPUT_MASK[:inputs]]

    def of(literal):
        return values[literal >> 1] ^ (FULL if literal & 1 else 0)

    for p, q in ands:
        values.append(of(p) & of(q))
    return of(out)


@st.composite
def partial_tables(draw):
    inputs = draw(st.integers(1, 4))
    entries = draw(st.lists(st.sampled_from("01-"), min_size=1 << inputs, max_size=1 << inputs))
    return inputs, *(repeated([int(e == bit) for e in entries]) for bit in "10")


@settings(max_examples=60, deadline=None)
@given(partial_tables())
def test_the_kernel_chooses_as_the_oracle_and_what_is_chosen_is_the_table(given_):
    inputs, ones, zeros = given_
    joins, fills = np.zeros((1, 3**inputs), np.uint8), np.zeros(1, np.uint64)
    pins = np.zeros_like(joins)
    total = kernels.cover(np.array([ones], np.uint64), np.array([zeros], np.uint64), inputs, joins, pins, fills)
    chosen = search(ones, zeros, inputs)
    root = chosen[3**inputs - 1]
    assert (total, int(fills[0])) == (root.cost, root.fill)
    assert all((joins[0, cube], pins[0, cube]) == choice[2:] for cube, choice in chosen.items())
    assert not root.fill & zeros and not ~root.fill & ones
    ands, out = structure(lambda cube: chosen[cube][2:], inputs)
    assert value(ands, out, inputs) == root.fill
    assert len(ands) <= root.cost


@pytest.mark.parametrize(
    ("table", "inputs", "cost"),
    [
        (lambda a, b, c: a, 3, 0),
        (lambda a, b, c: a & b, 3, 1),
        (lambda a, b, c: a & b | c, 3, 2),
        (lambda a, b, c: a ^ b, 3, 3),
        (lambda a, b, c: c if a else b, 3, 3),
        (lambda a, b, c: a ^ b ^ c, 3, 6),
        (lambda a, b, c: a + b + c > 1, 3, 4),
    ],
)
def test_known_tables_cost_what_they_should(table, inputs, cost):
    entries = tuple(int(table(*(v >> i & 1 for i in range(inputs)))) for v in range(1 << inputs))
    assert len(table_structure(entries)[0]) == cost


def mixed_circuit(tables=40):
    """Return a circuit of words, bits and look-up tables of six inputs."""
    random = np.random.Generator(np.random.Philox(1))
    builder = Builder(["a", "b", "c", "d"], types=[Word(5), Word(5), Word(4, signed=False), Word(1, signed=False)])
    a, b, c, d = builder.inputs
    total = builder.add("add", builder.add("mul", a, b), c)
    bits = [d, *(builder.add("threshold", w, params=(level,)) for w in (a, b, c, total) for level in (1, 3, 4))]
    for _ in range(tables):
        pins = random.choice(len(bits), 6, replace=False).tolist()
        entries = random.integers(0, 2, 64).tolist()
        bits.append(builder.add("lut6", *(bits[p] for p in pins), params=entries))
    return builder.circuit({"sum": total, "votes": builder.add("popcount", *bits[-tables:]), "last": bits[-1]})


def test_lowering_is_the_circuit_and_the_same_by_kernel_and_oracle():
    circuit = mixed_circuit()
    graph = lowered(circuit)
    inputs = mixed_words(graph.num_inputs, 40)
    assert np.array_equal(simulate(graph, inputs), simulate(bit_blasted(circuit), inputs))
    lowering = _lowering(circuit)
    bits = int(lowering.place[circuit.num_wires])
    literal = [*range(2, 2 * graph.num_inputs + 2, 2), *[0] * (bits - graph.num_inputs)]
    pairs, known = kernels.lowered(lowering.gates, lowering.templates, literal, graph.num_inputs + 1)
    assert pairs.tolist() == [list(pair) for pair in lowered_oracle(lowering, literal, graph.num_inputs + 1)]
    assert known.tolist() == literal
    assert and_count(graph) == len(to_literals(circuit).ands)


def test_tables_are_counted_part_by_part():
    builder = Builder([f"x{i}" for i in range(6)])
    one = builder.add("lut6", *builder.inputs, params=[k % 3 % 2 for k in range(64)])
    assert lut_count(builder.circuit({"y": one})) == 1
    words = Builder(["a", "b"], types=[Word(8, signed=False)] * 2)
    a, b = words.inputs
    difference = words.circuit({"y": words.add("threshold", words.add("sub", a, b), params=(3,))})
    mapped = lut_mapping(difference)  # one part: the threshold with the difference that only it reads
    assert lut_count(difference) == sum(op != "const" for op, _, _ in mapped.gates())
    twice = Builder(["a", "b", "c"], types=[Word(8, signed=False)] * 3)
    a, b, c = twice.inputs
    pairs = [twice.add("threshold", twice.add("sub", x, y), params=(3,)) for x, y in ((a, b), (b, c))]
    assert lut_count(twice.circuit(zip("yz", pairs, strict=True))) == 2 * lut_count(difference)
