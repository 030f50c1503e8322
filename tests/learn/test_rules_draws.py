"""The vote and the heat bath: the probabilities of what they draw."""

from statistics import NormalDist

import numpy as np
import pytest

from learn.errors import RuleError
from learn.keys import Key
from learn.rules import heat_bath, vote
from learn.spaces import Bit, Choice, Int, Sign, Ternary

KEY = Key(40, ("draws",))
RUNS = 20_000


def near(counts, p):
    """Whether counts of RUNS draws fit their probabilities, at 1e-3 over all of them."""
    p = np.asarray(p, float)
    limit = NormalDist().inv_cdf(1 - 1e-3 / (2 * p.size))
    return np.all(np.abs(counts - RUNS * p) <= limit * np.sqrt(RUNS * p * (1 - p)) + 1e-9)


def repeated(rule, signal, param):
    """Steps of RUNS independent parameters of one value and one signal."""
    params = np.full(RUNS, param)
    signals = np.broadcast_to(signal, (RUNS, *np.shape(signal)))
    return rule.update(signals, rule.init(params), params, key=KEY)[0]


@pytest.mark.parametrize("scale", [None, 10.0])
def test_vote_probabilities(scale):
    signal = np.array([0, 1, -4, 20, -100, 3])
    p = np.minimum(1, 0.5 * np.abs(signal) / (scale or np.abs(signal).mean()))
    rule, params, space = vote(Int(-9, 9), rate=0.5, scale=scale), np.zeros(6, np.int8), Int(-9, 9)
    assert space.contains(params)
    u = np.array([rule.update(signal, (), params, key=KEY.fold(i))[0] for i in range(RUNS)])
    assert near((u == -np.sign(signal)).sum(axis=0)[1:], p[1:])
    assert not u[:, 0].any()
    assert set(np.unique(u)) == {-1, 0, 1}


def test_vote_draws_parameters_independently():
    u = vote(Sign(), rate=0.5).update(np.ones((RUNS, 2)), (), np.ones((RUNS, 2), np.int8), key=KEY)[0]
    assert near((u.sum(axis=1) == -2).sum(), 0.25)


def test_vote_in_choice_takes_the_best_of_the_fired():
    signal = np.array([7, -1, 0, -6, -2])
    rule = vote(Choice(5), rate=0.5)
    u = np.array([rule.update(signal, (), np.array(2), key=KEY.fold(i))[0] for i in range(RUNS)])
    fires = {3: 1.0 * 0.5 * 6 / 3, 4: 0.5 * 2 / 3, 1: 0.5 * 1 / 3}
    assert fires[3] == 1.0 and np.all((2 + u) % 5 == 3)
    rule = vote(Choice(5), rate=0.25)
    u = np.array([rule.update(signal, (), np.array(2), key=KEY.fold(i))[0] for i in range(RUNS)])
    counts = np.bincount((2 + u) % 5, minlength=5)
    p3, p4, p1 = 0.5, 1 / 6, 1 / 12
    assert near(counts, [0, (1 - p3) * (1 - p4) * p1, (1 - p3) * (1 - p4) * (1 - p1), p3, (1 - p3) * p4])


@pytest.mark.parametrize("space", [Bit(), Sign()], ids=str)
@pytest.mark.parametrize("signal", [-3, 0, 2])
@pytest.mark.parametrize("temperature", [0.5, 4.0])
def test_heat_bath_flips(space, signal, temperature):
    for param, direction in ((space.lo, 1), (space.hi, -1)):
        steps = repeated(heat_bath(space, temperature=temperature), signal, param)
        assert set(np.unique(steps)) <= {0, direction}
        assert near((steps != 0).sum(), 1 / (1 + np.exp(signal * direction / temperature)))


@pytest.mark.parametrize(("param", "moves"), [(0, [-1, 0, 1]), (1, [-1, 0]), (-1, [0, 1])])
def test_heat_bath_in_ranges(param, moves):
    steps = repeated(heat_bath(Ternary(), temperature=2.0), 3, param)
    weights = np.exp(-3 * np.array(moves) / 2.0)
    counts = np.array([(steps == m).sum() for m in moves])
    assert counts.sum() == RUNS and near(counts, weights / weights.sum())


def test_heat_bath_in_choice_is_softmax():
    signal = np.array([1, -2, 0, 5])
    steps = repeated(heat_bath(Choice(4), temperature=1.5), signal, 2)
    weights = np.exp(-signal / 1.5)
    assert near(np.bincount((2 + steps) % 4, minlength=4), weights / weights.sum())


def test_a_cold_bath_takes_the_best_and_huge_signals_do_no_harm():
    signal = np.array([10**15, -(10**15), 0])
    assert repeated(heat_bath(Choice(3), temperature=1e-6), signal, 2).tolist() == [2] * RUNS
    assert repeated(heat_bath(Bit(), temperature=1e-6), 10**15, 1).tolist() == [-1] * RUNS


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
@pytest.mark.parametrize(
    "make",
    [
        lambda v: vote(Bit(), rate=v),
        lambda v: vote(Bit(), scale=v),
        lambda v: heat_bath(Bit(), temperature=v),
    ],
)
def test_settings_are_positive(make, value):
    with pytest.raises(RuleError, match="expected a number above 0"):
        make(value)
