"""Rules in fixed point: against exact fractions and the published rules in real numbers; and where floats take part."""

import math
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learn.errors import RuleError
from learn.keys import Key
from learn.rules import (
    RULES,
    annealed,
    binary_connect,
    bold,
    constant,
    heat_bath,
    rounding,
    rules_in,
    scheduled,
    thinned,
    zim,
)
from learn.rules.base import ONE, ROOM, in_fixed_point
from learn.rules.binary_connect import Latent
from learn.spaces import Bit, Choice, Int, Sign

KEY = Key(60)
BOTH = [np.int64, np.float64]


# --- Fixed point


@given(
    st.lists(st.integers(-(2**62), 2**62) | st.integers(-9, 9), min_size=1, max_size=9),
    st.integers(1, ONE * ONE),
    st.none() | st.integers(1, ONE * ONE),
)
def test_it_is_the_rounded_product(signal, rate, scale):
    found = in_fixed_point(np.array(signal, np.int64), rate=rate, scale=scale)
    held = [max(-(ROOM // len(signal)), min(ROOM // len(signal), g)) for g in signal]  # a sum must fit 64 bits
    mean = Fraction(sum(map(abs, held)), len(held))
    factor = Fraction(rate * ONE, scale) if scale else Fraction(rate, mean or 1)
    for g, x in zip(held, found.tolist(), strict=True):
        exact = max(-ROOM, min(ROOM, g * factor))
        assert abs(x - exact) <= Fraction(1, 2) + abs(exact) * Fraction(max(map(abs, held)), 2**60)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=9), st.none() | st.integers(1, ONE * ONE))
def test_floats_are_rounded_to_digits_of_their_largest(signal, scale):
    found = in_fixed_point(np.array(signal), rate=3 * ONE, scale=scale)
    exact = [Fraction(g) for g in signal]
    largest, mean = max(map(abs, exact)), sum(map(abs, exact)) / len(exact)
    factor = Fraction(3 * ONE * ONE, scale) if scale else 3 * ONE / (mean or 1)
    for g, x in zip(exact, found.tolist(), strict=True):
        clipped = max(-ROOM, min(ROOM, g * factor))
        assert abs(x - clipped) <= 1 + (abs(clipped) + min(ROOM, largest * factor)) / 2**28


@pytest.mark.parametrize("dtype", BOTH)
def test_integers_and_floats_agree(dtype):
    signal = KEY.fold("agree").integers(2001, (30, 20)) - 1000
    found = in_fixed_point(signal.astype(dtype), rate=ONE // 7, scale=None)
    exact = signal * (ONE // 7) / np.abs(signal).mean()
    assert np.abs(found - exact).max() <= 0.51
    assert not in_fixed_point(np.zeros((3, 2), dtype), rate=ONE, scale=None).any()
    assert in_fixed_point(np.zeros((0, 2), dtype), rate=ONE, scale=None).shape == (0, 2)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_what_is_not_finite(bad):
    with pytest.raises(RuleError, match="expected finite numbers"):
        in_fixed_point(np.array([1.0, bad]), rate=ONE, scale=None)


# --- Stochastic rounding


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize(("rate", "scale"), [(0.15, None), (1.7, None), (0.3, 40.0)])
def test_rounding_takes_one_of_the_two_integers_around_and_is_right_on_average(dtype, rate, scale):
    space, signal = Int(-100, 100), (KEY.fold("rounding").integers(201, 50) - 100).astype(dtype)
    real = -rate * signal / (scale or np.abs(signal).mean())
    rule, params, draws = rounding(space, rate=rate, scale=scale), np.zeros(50, np.int8), 4000
    steps = np.array([rule.update(signal, (), params, key=KEY.fold(i))[0] for i in range(draws)])
    assert np.isin(steps - np.floor(real - 1e-5), [0, 1, 2]).all() and (np.abs(steps - real) < 1 + 1e-5).all()
    spread = np.sqrt((real - np.floor(real)) * (np.ceil(real) - real) / draws)
    assert (np.abs(steps.mean(axis=0) - real) < 5 * spread + 1e-4).all()


def test_rounding_draws_independently():
    signal, params = np.full((400,), 10), np.zeros(400, np.int8)
    steps, _ = rounding(Int(-9, 9), rate=0.5, scale=10.0).update(signal, (), params, key=KEY)
    assert 150 < -steps.sum() < 250 and set(steps.tolist()) == {0, -1}
    assert 120 < np.count_nonzero(np.diff(steps)) < 280


# --- BinaryConnect


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("space", [Bit(), Sign(), Int(-5, 4), Int(-1, 0)], ids=str)
@pytest.mark.parametrize(("rate", "scale"), [(0.1, None), (0.013, 3.0)])
def test_binary_connect_is_the_real_valued_rule(space, dtype, rate, scale):
    """Real latents, moved by -rate g / scale, clipped to the space, and rounded to its nearest value."""
    params = space.init((12, 9), key=KEY.fold("start"))
    latent, rule = params.astype(float), binary_connect(space, rate=rate, scale=scale)
    state, changed = rule.init(params), 0
    for i in range(80):
        signal = (KEY.fold("signal", i).integers(41, (12, 9)) - 20).astype(dtype)
        steps, state = rule.update(signal, state, params, key=KEY)
        size = scale or np.abs(signal).mean()
        latent = np.clip(latent - space.stride * rate * signal / size, space.lo, space.hi)
        params = space.add(params, steps)
        sure = np.abs(((latent - space.lo) / space.stride) % 1 - 0.5) > 1e-3
        nearest = space.lo + space.stride * np.rint((latent - space.lo) / space.stride)
        assert np.array_equal(params[sure], nearest[sure]) and sure.mean() > 0.9
        assert np.allclose((state.latent / ONE) * space.stride + space.lo, latent, atol=1e-2)
        changed += np.count_nonzero(steps)
    assert changed > 100


def test_binary_connect_starts_on_the_parameters_and_is_an_integer():
    rule, params = binary_connect(Sign()), np.array([-1, 1], np.int8)
    state = rule.init(params)
    assert isinstance(state, Latent) and state.latent.tolist() == [0, ONE] and state.latent.dtype == np.int64
    steps, _ = rule.update(np.array([-1.0, 1.0]), state, params, key=KEY)
    assert not steps.any()  # less than half way
    with pytest.raises(RuleError, match=r"at most 2\*\*40 values"):
        binary_connect(Int(0, 1 << 50))


@pytest.mark.parametrize("make", [rounding, binary_connect])
@pytest.mark.parametrize("settings", [{"rate": 0.0}, {"rate": -1.0}, {"scale": 1e9}, {"scale": math.nan}])
def test_settings_out_of_range(make, settings):
    with pytest.raises(RuleError, match=f"{make.__name__}: .*expected 2"):
        make(Bit(), **settings)


# --- What drives whole networks


def test_bold_measured_by_the_mean_does_not_see_the_size_of_the_signal():
    rule, params = bold(Int(-9, 9), eta=0.2, scale=None), np.zeros(40, np.int8)
    signal = KEY.fold("mean").integers(21, 40) - 10
    histories = []
    for size in (1, 1000):
        state, history = rule.init(params), []
        for _ in range(20):
            steps, state = rule.update(size * signal, state, params, key=KEY)
            history.append(steps)
        histories.append(np.array(history))
    assert np.array_equal(*histories) and histories[0].any()


def test_a_share_of_trials():
    signal, params = np.full((20, 30), 5), np.zeros((20, 30), np.int8)
    for share, trials in ((0.05, 30), (2.0, 1200), (0.0, 0)):
        steps, _ = zim(Int(-99, 99), share=share).update(signal, (), params, key=KEY)
        assert -steps.sum() == trials
    with pytest.raises(RuleError, match=r"share 0\.1 and n = 5"):
        zim(Bit(), share=0.1, n=5)


def test_thinned_steps_are_a_share_of_the_rules():
    signal, params = np.full(3000, -50), np.zeros(3000, np.int8)
    rule = heat_bath(Int(-9, 9))
    every, _ = rule.update(signal, (), params, key=KEY)
    steps, _ = thinned(rule, 0.2).update(signal, (), params, key=KEY)
    assert every.all() and np.isin(steps, [0, 1]).all() and 500 < steps.sum() < 700
    again, _ = thinned(rule, 0.2).update(signal, (), params, key=KEY.fold("other"))
    assert 50 < (steps * again).sum() < 200
    with pytest.raises(RuleError, match=r"thinned: share: got 0"):
        thinned(rule, 0.0)


@pytest.mark.parametrize("name", rules_in(Int))
def test_the_rate_is_what_a_parameter_moves_on_average(name):
    """At the start of a schedule, whatever the size of the signal; a hundredth of it at its end."""
    space, params = Int(-1000, 1000), np.zeros((50, 40), np.int16)
    rule = annealed(name, space, rate=0.1, end=0.01, steps=40)
    for size in (1, 300):
        state, moved = rule.init(params), []
        for i in range(80):
            signal = size * (KEY.fold(size, i).integers(61, (50, 40)) - 40)
            steps, state = rule.update(signal, state, params, key=KEY.fold("rate", size, i))
            moved.append(np.abs(steps).mean())
            params = space.add(params, steps)
        assert (0.01 < np.mean(moved[:20]) < 0.12) is not RULES[name].freezes
        assert np.mean(moved[40:]) < 0.02


def test_annealed_refuses_what_make_rule_refuses():
    for name, space in (("votes", Bit()), ("rounding", Choice(3))):
        with pytest.raises(RuleError, match="expected one of"):
            annealed(name, space, rate=0.1, end=0.1, steps=5)


# --- No float


class Watched(np.ndarray):
    """An array that notes the kind of every array made from it."""

    kinds: ClassVar = set()

    def __array_finalize__(self, other):
        Watched.kinds.add(self.dtype.kind)


@pytest.mark.parametrize("name", rules_in(Int))
@pytest.mark.parametrize("make", ["factory", "at_rate"])
def test_floats_take_part_only_in_chances(name, make, monkeypatch):
    """What is made of an integer signal is integer in every rule, but for chances and for states that are floats."""
    monkeypatch.setattr(np, "asarray", np.asanyarray)  # which the rules' arrays go through, and which would hide them
    row, space = RULES[name], Int(-8, 7)
    rule = (
        row.factory(space)
        if make == "factory"
        else scheduled(lambda rate: row.at_rate(space, rate), rate=constant(0.1))
    )
    params = space.init((30, 20), key=KEY)
    state = rule.init(params)
    Watched.kinds.clear()
    for i in range(9):
        signal = (KEY.fold(i).integers(41, (30, 20)) - 20).view(Watched)
        steps, state = rule.update(signal, state, params.view(Watched), key=KEY.fold(i))
        params = space.add(params, np.array(steps))
    assert "i" in Watched.kinds
    assert ("f" in Watched.kinds) is (row.has_chances or row.has_latent)
