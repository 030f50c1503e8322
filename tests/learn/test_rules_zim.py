from statistics import NormalDist

import numpy as np
import pytest

from learn.errors import RuleError
from learn.keys import Key
from learn.rules.zim import default_trials, mean_step, second_moment, zim
from learn.spaces import Bit, Choice, Int, Sign

WIDE = Int(-(10**6), 10**6)
KEY = Key(20, ("zim",))
SIGNAL = np.array([0, 3, -1, 7, 0, -9, 2, 1])
RUNS = 20_000


def z_limit(tests):
    """Two-sided bound at 1e-3 over all of ``tests``."""
    return NormalDist().inv_cdf(1 - 1e-3 / (2 * tests))


@pytest.mark.parametrize(
    ("n", "zero_inflation", "laplace"), [(8, 0.0, 1.0), (3, 0.4, 0.5), (20, 0.7, 0.0), (1, 0.0, 5.0)]
)
def test_moments(n, zero_inflation, laplace):
    settings = {"n": n, "zero_inflation": zero_inflation, "laplace": laplace}
    rule, params = zim(WIDE, **settings), np.zeros(SIGNAL.size, np.int64)
    u = np.array([rule.update(SIGNAL, rule.init(params), params, key=KEY.fold(n, i))[0] for i in range(RUNS)])
    square = (u**2).sum(axis=1)
    mean, moment = mean_step(SIGNAL, **settings), second_moment(SIGNAL, **settings)
    limit = z_limit(SIGNAL.size + 1)
    assert np.all(np.abs(u.mean(axis=0) - mean) <= limit * u.std(axis=0) / RUNS**0.5)
    assert abs(square.mean() - moment) <= limit * square.std() / RUNS**0.5 + 1e-12 * moment
    # The trials on a zero signal are lost; the others are all there unless inflated away.
    assert np.all(u[:, SIGNAL == 0] == 0)
    assert np.all(np.sign(u) * np.sign(SIGNAL) <= 0)


def test_moment_formulas_by_hand():
    """d = 3, g = (2, -1, 0), c = 1: p = (3, 2, 1) / 6."""
    assert mean_step([2, -1, 0], n=6, zero_inflation=0.5).tolist() == pytest.approx([-1.5, 1.0, 0.0])
    assert second_moment([2, -1, 0], n=6, zero_inflation=0.5) == pytest.approx(0.5 * (6 * 5 / 6 + 30 * 13 / 36))


def test_without_laplace_every_trial_counts():
    rule, params = zim(WIDE, n=50, laplace=0.0), np.zeros(8, np.int64)
    steps, _ = rule.update(SIGNAL, rule.init(params), params, key=KEY)
    assert np.abs(steps).sum() == 50
    steps, _ = rule.update(0 * SIGNAL, rule.init(params), params, key=KEY)
    assert not steps.any()


@pytest.mark.parametrize(
    ("shape", "n"), [((30, 30), 30), ((7, 9), 8), ((50,), 50), ((4, 4, 4), 4), ((), 1), ((2, 2, 2, 2), 2)]
)
def test_default_trials(shape, n):
    params = np.zeros(shape, np.int64)
    assert default_trials(params) == n
    rule = zim(WIDE, laplace=0.0)
    assert np.abs(rule.update(np.ones(shape), rule.init(params), params, key=KEY)[0]).sum() == n


def test_global_is_one_draw_over_all_arrays():
    rule = zim(WIDE, scope="all", laplace=0.5)
    params = [np.zeros((3, 4), np.int64), np.zeros(5, np.int64), np.zeros((), np.int64)]
    signal = [KEY.fold(i).integers(21, p.shape) - 10 for i, p in enumerate(params)]
    steps, _ = rule.update(signal, rule.init(params), params, key=KEY)
    flat_signal, flat = np.concatenate([np.ravel(s) for s in signal]), np.zeros(18, np.int64)
    flat_steps, _ = rule.update(flat_signal, rule.init(flat), flat, key=KEY)
    assert [s.shape for s in steps] == [(3, 4), (5,), ()]
    assert np.concatenate([np.ravel(s) for s in steps]).tolist() == flat_steps.tolist()
    by_hand, _ = zim(WIDE, n=18, laplace=0.5).update(flat_signal, (), flat, key=KEY)
    assert by_hand.tolist() == flat_steps.tolist()


@pytest.mark.parametrize("space", [Bit(), Sign()])
def test_a_bit_moves_once_however_many_trials(space):
    params = space.init(10, key=KEY)
    rule = zim(space, n=1000)
    steps, _ = rule.update(np.ones(10), rule.init(params), params, key=KEY)
    assert space.add(params, steps).tolist() == [space.lo] * 10


@pytest.mark.parametrize(("zero_inflation", "laplace"), [(0.0, 1.0), (0.3, 0.0)])
def test_choice_probabilities(zero_inflation, laplace):
    signal = np.array([4, -1, 0, -6, 0, -2, 9])
    current, counts = 2, np.zeros(7)
    rule, params = zim(Choice(7), zero_inflation=zero_inflation, laplace=laplace), np.array(2)
    for i in range(RUNS):
        steps, _ = rule.update(signal, (), params, key=KEY.fold("choice", i))
        counts[(current + int(steps)) % 7] += 1
    weights = np.where(signal < 0, laplace - signal, 0)
    p = (1 - zero_inflation) * weights / weights.sum()
    p[current] += zero_inflation
    assert np.all(np.abs(counts - RUNS * p) <= z_limit(7) * np.sqrt(RUNS * p * (1 - p)))


@pytest.mark.parametrize("laplace", [0.0, 3.0])
def test_choice_stays_where_nothing_is_better(laplace):
    signal = np.array([[0, 3, 5], [4, -1, 0]])
    steps, _ = zim(Choice(3), laplace=laplace).update(signal, (), np.array([0, 2]), key=KEY)
    assert steps.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": -1}, "n = -1"),
        ({"zero_inflation": 1.5}, "zero_inflation 1.5"),
        ({"laplace": -1.0}, "laplace -1.0"),
        ({"laplace": float("nan")}, "laplace nan"),
        ({"scope": "layer"}, "scope 'layer'"),
    ],
)
def test_errors(settings, message):
    with pytest.raises(RuleError, match=message):
        zim(Bit(), **settings)
