import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.circuit import Builder
from circuits.values import simulate_values
from circuits.wires import BIT, Word, holding
from learn.keys import Key
from learn.models.arithmetic import Samples, answers, circuit_of, learn_function
from learn.models.arithmetic import graph_kernels as kernels
from learn.models.arithmetic.graph import GATES, Graph, Loss, grown, loss_on, random_choice, reduced

U8, S8 = Word(8, False), Word(8)

FOUND = {
    "if": lambda a, b, c, d: np.where(a < b, c, d),
    "two differences": lambda a, b, c, d: abs(a - b) + abs(c - d),
    "product of sums": lambda a, b, c, d: (a + b) * (c - d),
    "scaled": lambda a, b, c, d: (a * b + c) >> 2,
    "middle": lambda a, b, c, d: np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c)),
    "squares": lambda a, b, c, d: a * a - b * c,
    "sum or difference": lambda a, b, c, d: np.where(a < b, c - d, c + d),
}


def samples_of(function, count, key, word=None):
    x = key.integers(256, (count, 4))
    y = np.asarray(function(*x.T), np.int64)
    kept = word or holding(int(y.min()), int(y.max()))
    return Samples(x, y if word is None else y % (1 << word.bits), (U8,) * 4, kept, word is not None)


def drawn_graph(key, nodes, x):
    first = x.shape[1] + 1
    graph = Graph(x.shape[1], first, np.zeros(first + nodes, np.int64), np.zeros((first + nodes, 3), np.int64),
                  np.full((first + nodes, 1), int(key.fold("c").integers(99)) - 50))  # fmt: skip
    for wire in range(first, first + nodes):
        graph.choose(wire, random_choice(wire, key.fold(wire)))
    return graph.on(x)


def test_every_function_has_its_gates():
    assert tuple(GATES) == kernels.FUNCTIONS


@pytest.mark.parametrize("name", kernels.FUNCTIONS)
def test_functions_are_their_gates(name):
    f = kernels.FUNCTIONS.index(name)
    x = Key(f).integers(256, (3, 200)) - 128
    x[:, :20] = x[0, :20]
    b = Builder(["a", "b", "c"], types=[S8] * 3)
    circuit = b.circuit({"y": GATES[name][1](b, *list(b.inputs)[: kernels.PINS[f]])})
    np.testing.assert_array_equal(simulate_values(circuit, x)[0], [kernels.apply(f, *row) for row in x.T.tolist()])


@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([kernels.EXACT, kernels.WRAPPED, kernels.SATURATED]))
def test_scores_are_what_choices_cost(seed, nodes, kind):
    key = Key(seed)
    x = key.fold("x").integers(256, (9, 3))
    graph = drawn_graph(key, nodes, x)
    loss = Loss(key.fold("y").integers(256, 9), kind, 0, 255)
    size = len(graph.function)
    other, led = np.empty_like(graph.value), np.zeros(size, np.bool_)
    costs = np.empty(max((kernels.SELECT + size) * size**2, len(kernels.STEPS)), np.int64)
    wire = 3 + int(key.fold("wire").integers(size - 3))
    arrays = (graph.function, graph.read, graph.value)
    choices = kernels.score(*arrays, wire, graph.nodes, *loss, other, led, costs, True)
    reached = {size - 1}
    for w in reversed(range(graph.nodes, size)):
        reached |= set(graph.pins(w)) if w in reached else set()
    assert (choices > 0) == (wire in reached)
    for choice in key.fold("some").integers(max(choices, 1), 40).tolist() if choices else ():
        if costs[choice] == kernels.FAR:
            continue
        changed = graph.copy()
        if wire < graph.nodes:
            changed.value[wire] += kernels.STEPS[choice]
        else:
            changed.choose(wire, choice)
            assert changed.choice(wire) == choice
        assert loss.of(changed.on(x)) == costs[choice]
    present = kernels.STEPS.index(0) if wire < graph.nodes else graph.choice(wire)
    if choices and costs[present] != kernels.FAR:
        assert costs[present] == loss.of(graph)


@given(st.integers(0, 10**6))
def test_errors_are_counted_in_bits(seed):
    key = Key(seed)
    value, wanted = key.fold("v").integers(2000, 50) - 1000, key.fold("w").integers(256, 50) - 128
    for kind, errors in (
        (kernels.EXACT, value - wanted),
        (kernels.WRAPPED, (value - wanted + 128) % 256 - 128),
        (kernels.SATURATED, value.clip(-128, 127) - wanted),
    ):
        assert kernels.cost_of(value, wanted, kind, -128, 127) == sum(abs(e).bit_length() for e in errors.tolist())


@pytest.mark.parametrize("name", FOUND)
def test_functions_are_found(name):
    key = Key(1, (name,))
    *_, found = learn_function(samples_of(FOUND[name], 400, key.fold("train")), key=key, forms=("graph",))
    fresh = samples_of(FOUND[name], 2000, key.fold("test"))
    assert found.exact
    np.testing.assert_array_equal(answers(found.learned, fresh), fresh.y)


def test_declared_words_wrap():
    key = Key(2)
    *_, found = learn_function(samples_of(FOUND["product of sums"], 400, key, U8), key=key, forms=("graph",))
    assert found.exact and circuit_of({"y": found.learned.recipe}, "abcd", (U8,) * 4, "y").output_types == (U8,)


def test_constants_are_learned():
    x = Key(3).integers(256, (400, 2))
    y = np.maximum(x[:, 0] - 37, x[:, 1])
    *_, found = learn_function(Samples(x, y, (U8, U8), U8, False, ("a", "b")), key=Key(3), forms=("graph",))
    assert found.exact and "37" in found.learned.text


def test_reduced_graphs_cost_no_more():
    key = Key(4)
    samples = samples_of(FOUND["if"], 100, key)
    graph = grown(samples.x, loss_on(samples), 6, key=key)
    small = reduced(graph, samples.x, loss_on(samples))
    assert loss_on(samples).of(small) <= loss_on(samples).of(graph) and len(small.function) <= len(graph.function)


def test_the_same_key_grows_the_same():
    samples = samples_of(FOUND["middle"], 60, Key(5))
    one, two = (grown(samples.x, loss_on(samples), 4, key=Key(6)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_bits_alone_are_left_to_other_forms():
    x = Key(7).integers(2, (100, 4))
    found = list(
        learn_function(Samples(x, x[:, 0] ^ x[:, 1], (BIT,) * 4, BIT), key=Key(7), forms=("graph", "constant"))
    )
    assert [f.learned.form for f in found] == ["constant"]
