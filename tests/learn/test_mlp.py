import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.formats import encode
from circuits.values import simulate_values
from circuits.wires import Word
from learn.errors import ModelError
from learn.keys import Key
from learn.models.arithmetic import mlp_kernels
from learn.models.arithmetic.mlp import RULES_OF_LAYERS, encoder, perceptron_circuit, train

LABELS = np.arange(180) % 3
CENTRES = np.array([[40, 200, 90, 30], [160, 60, 100, 120], [100, 120, 220, 200]])
FEATURES = CENTRES[LABELS] + Key(0).integers(61, (180, 4)) - 30
"""Three clouds."""


def encoded():
    found = encoder(FEATURES, [Word(8, False)] * 4)
    return found, found.codes(FEATURES)


@given(st.integers(0, 1 << 30), st.integers(1, 5), st.integers(1, 7), st.integers(1, 9))
def test_kernels_compute_products(seed, inputs, outputs, batch):
    key = Key(seed)
    x = (key.fold("x").integers(255, (8, inputs)) - 127).astype(np.int8)
    x[key.fold("zero").bernoulli(np.full(x.shape, 0.3))] = 0
    weights = (key.fold("w").integers(255, (inputs, outputs)) - 127).astype(np.int8)
    rows, bias = key.fold("rows").integers(8, batch), np.arange(outputs, dtype=np.int32)
    sums = np.empty((batch, outputs), np.int32)
    mlp_kernels.forward(x, rows, weights, bias, sums)
    np.testing.assert_array_equal(sums, mlp_kernels.forward_oracle(x, rows, weights, bias))
    products = np.empty((inputs, outputs), np.int32)
    mlp_kernels.outer(x, rows, sums, products)
    np.testing.assert_array_equal(products, mlp_kernels.outer_oracle(x, rows, sums))


@pytest.mark.parametrize("rule", RULES_OF_LAYERS)
def test_every_rule_learns(rule):
    _, x = encoded()
    *_, event = train(x, LABELS, 3, hidden=8, key=Key(0), rule=rule, epochs=60, batch=16)
    assert (event.perceptron.predict(x) == LABELS).mean() > 0.93


def test_the_circuit_is_the_model_and_all_of_it_is_integer():
    found, x = encoded()
    *_, event = train(x, LABELS, 3, hidden=4, key=Key(1), epochs=10, batch=16)
    net = event.perceptron
    assert [a.dtype.kind + str(a.dtype.itemsize) for a in net[:4]] == ["i1", "i4", "i1", "i4"]
    assert all(type(v) is int for v in net[4:]) and net.scores(x).dtype == np.int32
    circuit = perceptron_circuit(net, found, [f"x{i}" for i in range(4)])
    values = np.concatenate([FEATURES.T, Key(0).integers(256, (4, 2000))], axis=1)
    np.testing.assert_array_equal(simulate_values(circuit, values)[0], net.predict(found.codes(values.T)))
    assert encode(circuit, ".v")


FLOATS = {"rate", "now", "loss", "losses", "scales"}
"""How large steps are on average, and what is reported."""


def test_arrays_are_integers_all_through_training(monkeypatch):
    """Every array that a line of training holds, and that the rule sees and gives; and no other scalar is a float."""
    kinds, floats = set(), set()
    made = RULES_OF_LAYERS["rounding"]

    def noted(name, value):
        if isinstance(value, np.ndarray | np.generic):
            kinds.add(value.dtype.kind)
        elif isinstance(value, float):
            floats.add(name)
        elif isinstance(value, list | tuple):
            for part in value:
                noted(name, part)

    def watched(rate, scale, size):
        rule = made(rate, scale, size)

        def update(signal, state, params, *, key):
            steps, state = rule.update(signal, state, params, key=key)
            noted("rule", [signal, params, steps])
            return steps, state

        return rule._replace(update=update)

    def trace(frame, event, arg):
        if frame.f_code is train.__code__:
            for name, value in frame.f_locals.items():
                noted(name, value)
            return trace
        return None

    monkeypatch.setitem(RULES_OF_LAYERS, "rounding", watched)
    _, x = encoded()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        list(train(x, LABELS, 3, hidden=4, key=Key(1), epochs=2, batch=64))
    finally:
        sys.settrace(before)
    assert kinds <= {"i", "u", "b"} and {"i", "b"} <= kinds
    assert floats == FLOATS


def test_the_same_key_trains_the_same():
    _, x = encoded()
    first, second = ([event.loss for event in train(x, LABELS, 3, hidden=4, key=Key(3), epochs=3)] for _ in range(2))
    assert first == second


def test_bad_data_is_said():
    _, x = encoded()
    with pytest.raises(ModelError, match="expected int8"):
        next(train(x.astype(np.int64), LABELS, 3, hidden=4, key=Key(0)))
    with pytest.raises(ModelError, match="rule telepathy"):
        next(train(x, LABELS, 3, hidden=4, key=Key(0), rule="telepathy"))
