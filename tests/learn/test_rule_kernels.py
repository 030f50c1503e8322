"""The loops of rules on large arrays against the array forms: every number is the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learn import arrays
from learn.keys import Key
from learn.rules import bold
from learn.rules.base import in_fixed_point
from learn.rules.bold import BoldState
from learn.spaces import Bit, Int, Sign, Ternary

SIZES = {np.int8: 120, np.int16: 30_000, np.int32: 2**31 - 1, np.int64: 2**62 - 1}


@pytest.fixture
def forms(monkeypatch):
    """Return what a function gives by kernels and by arrays."""

    def both(function):
        found = []
        for large in (1, 1 << 60):
            monkeypatch.setattr(arrays, "LARGE", large)
            found.append(function())
        return found

    return both


@pytest.mark.parametrize("dtype", SIZES)
@pytest.mark.parametrize("scale", [None, 1, 1 << 20, 1 << 38])
@pytest.mark.parametrize("rate", [1, 157_286, 1 << 40])
def test_fixed_point(forms, dtype, scale, rate):
    for i, most in enumerate((0, 1, SIZES[dtype] // 3, SIZES[dtype])):
        signal = (Key(1).fold(i).integers(2 * most + 1, (7, 50)) - most).astype(dtype)
        signal[0, 0] = max(most, 1)  # of a mean near 0 the factor would be too long for both
        by_kernels, by_arrays = forms(lambda signal=signal: in_fixed_point(signal, rate=rate, scale=scale))
        assert by_kernels.dtype == by_arrays.dtype == np.int64
        assert np.array_equal(by_kernels, by_arrays)


@pytest.mark.parametrize("space", [Bit(), Sign(), Ternary(), Int(-3, 2), Int(-32, 31)], ids=str)
@pytest.mark.parametrize("cap", [None, 0.01, 0.3])
@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_bold(forms, space, cap, dtype):
    rule, key = bold(space, eta=0.3, scale=None, cap=cap), Key(2)

    def run():
        params = space.init((11, 30), key=key)
        state, trace = rule.init(params), []
        for i in range(25):
            signal = (key.fold("signal", i).integers(401, params.shape) - 200).astype(dtype)
            steps, state = rule.update(signal, state, params, key=key)
            params = space.add(params, steps)
            trace.append((steps, state.votes, state.flipped, params))
        return trace

    by_kernels, by_arrays = forms(run)
    assert any(steps.any() for steps, *_ in by_kernels)
    for found, expected in zip(by_kernels, by_arrays, strict=True):
        assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(found, expected, strict=True))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(1 << 50), 1 << 50), min_size=1, max_size=20), st.data())
def test_bold_from_any_votes(votes, data):
    size = len(votes)
    flipped = data.draw(st.integers(0, size))
    before = np.array(data.draw(st.lists(st.integers(-(1 << 56), 1 << 56), min_size=size, max_size=size)))
    params, signal = np.arange(size, dtype=np.int8) % 3 - 1, np.array(votes)
    rule, found = bold(Ternary(), threshold=data.draw(st.sampled_from([2.0**-20, 1.0, 2.0**20]))), []
    with pytest.MonkeyPatch.context() as patch:
        for large in (1, 1 << 60):
            patch.setattr(arrays, "LARGE", large)
            found.append(rule.update(signal, BoldState(before, np.asarray(flipped)), params, key=Key(0)))
    (steps, state), (expected, after) = found
    assert np.array_equal(steps, expected)
    assert np.array_equal(state.votes, after.votes)
    assert int(state.flipped) == int(after.flipped)


@pytest.mark.parametrize("space", [Sign(), Ternary(), Int(-3, 2), Int(-128, 127), Int(-(2**61), 2**61)], ids=str)
@pytest.mark.parametrize("most", [0, 1, 2**61])
def test_sums_in_a_space(forms, space, most):
    params = space.init((9, 31), key=Key(4))
    steps = Key(5).integers(2 * most + 1, params.shape) - most
    by_kernels, by_arrays = forms(lambda: space.add(params, steps))
    assert np.array_equal(by_kernels, by_arrays) and by_kernels.dtype == by_arrays.dtype == params.dtype
    assert space.contains(by_kernels)


def test_arguments_are_left_as_they_are():
    space, key = Int(-32, 31), Key(3)
    params, rule = space.init((80, 64), key=key), bold(space, eta=1.0, scale=None)
    signal = (key.fold("signal").integers(401, params.shape) - 200).astype(np.int32)
    state = rule.init(params)
    _, state = rule.update(signal, state, params, key=key)
    held = [array.copy() for array in (signal, state.votes, params)]
    rule.update(signal, state, params, key=key)
    assert all(np.array_equal(a, b) for a, b in zip(held, (signal, state.votes, params), strict=True))
