import numpy as np
import pytest

from learn.errors import RuleError
from learn.keys import Key
from learn.rules.bold import ROOM, BoldState, bold, decayed
from learn.spaces import Bit, Choice, Int, Sign

KEY = Key(30, ("bold",))


EMBED = {Bit(): lambda w: 2 * w - 1, Sign(): lambda w: w}
OTHER = {Bit(): lambda w: 1 - w, Sign(): lambda w: -w}


def real_valued(space, params, signals, *, eta, threshold):
    """The published rule in real numbers: flip where m e(w) >= threshold, beta the share that stayed."""
    w, m, beta = params.astype(float), np.zeros(params.shape), 0.0
    for g in signals:
        m = beta * m + eta * g
        flip = m * EMBED[space](w) >= threshold
        yield flip, np.where(flip, 0.0, m)
        w, m = np.where(flip, OTHER[space](w), w), np.where(flip, 0.0, m)
        beta = 1 - flip.sum() / w.size


@pytest.mark.parametrize("space", [Bit(), Sign()], ids=str)
@pytest.mark.parametrize(("eta", "threshold", "shape"), [(0.0625, 1.0, (40, 30)), (1.0, 500.0, (64,)), (0.3, 7.0, ())])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_equals_the_real_valued_rule(space, eta, threshold, shape, dtype):
    rule, params = bold(space, eta=eta, threshold=threshold), space.init(shape, key=KEY)
    signals = [
        ((KEY.fold("signal", i).integers(401, shape) - 200) * 0.11 * threshold / eta / 10).round().astype(dtype)
        for i in range(100)
    ]
    state, flips = rule.init(params), 0
    for g, (flip, m) in zip(signals, real_valued(space, params, signals, eta=eta, threshold=threshold), strict=True):
        steps, state = rule.update(g, state, params, key=KEY)
        assert np.array_equal(steps != 0, flip)
        assert np.allclose(state.votes / 2.0**20, m, rtol=1e-4, atol=1e-3 * threshold)
        params = space.add(params, steps)
        flips += flip.sum()
    assert 0 < flips < 100 * flip.size


@pytest.mark.parametrize(("flipped", "size"), [(0, 7), (7, 7), (3, 7), (1, 10**6)])
def test_decay_is_rounded_to_nearest(flipped, size):
    votes = np.array([-(2**40), -1000, -7, -1, 0, 1, 5, 7, 1000, 2**40])
    exact = [v * (size - flipped) for v in votes.tolist()]
    assert all(
        abs(d * size - e) * 2 <= size for d, e in zip(decayed(votes, flipped, size).tolist(), exact, strict=True)
    )


def test_beta_is_zero_before_the_first_update_and_one_without_flips():
    rule, params = bold(Bit(), threshold=10.0), np.zeros(4, np.int8)
    state = rule.init(params)
    assert int(state.flipped) == 4
    for expected in (3, 6, 9):
        steps, state = rule.update(np.full(4, -3), state, params, key=KEY)
        assert not steps.any() and np.allclose(state.votes / 2.0**20, expected * -1, atol=1e-4)
    steps, state = rule.update(np.array([-3, -3, -3, 0]), state, params, key=KEY)
    assert steps.tolist() == [1, 1, 1, 0] and int(state.flipped) == 3
    steps, state = rule.update(np.array([0, 0, 0, 0]), state, params, key=KEY)
    assert np.allclose(state.votes / 2.0**20, [0, 0, 0, -9 / 4], atol=1e-4)


def test_a_parameter_that_cannot_move_keeps_its_votes():
    rule, params = bold(Bit()), np.array([0, 1], np.int8)
    steps, state = rule.update(np.array([5, 5]), rule.init(params), params, key=KEY)
    assert steps.tolist() == [0, -1] and state.votes.tolist() == [5 << 20, 0]


def test_ranges_step_by_one():
    rule, params = bold(Int(-2, 2)), np.array([2, 2, -2, 0], np.int8)
    steps, _ = rule.update(np.array([90, -90, 90, -90]), rule.init(params), params, key=KEY)
    assert steps.tolist() == [-1, 0, 0, 1]


@pytest.mark.parametrize(("cap", "most"), [(0.25, 5), (0.01, 1), (1.0, 20)])
def test_the_cap_takes_the_most_certain_first(cap, most):
    rule, params = bold(Bit(), cap=cap), np.zeros((4, 5), np.int8)
    signal = -(KEY.fold("cap").integers(100, (4, 5)) + 1)
    steps, state = rule.update(signal, rule.init(params), params, key=KEY)
    first = np.argsort(signal.ravel(), stable=True)[:most]
    assert np.flatnonzero(steps).tolist() == sorted(first) and int(state.flipped) == most
    assert not state.votes.ravel()[first].any() and np.count_nonzero(state.votes) == 20 - most


def test_votes_saturate():
    rule, params = bold(Bit()), np.zeros(8, np.int8)
    state = rule.init(params)
    for _ in range(5):
        _, state = rule.update(np.full(8, 2**62), state, params, key=KEY)
    assert state.votes.tolist() == [ROOM // 8] * 8
    assert decayed(state.votes, 7, 8).tolist() == [ROOM // 64] * 8


def test_choice_takes_the_best_accumulated_gain():
    rule, params = bold(Choice(4), threshold=5.0), np.array([1, 3])
    state = rule.init(params)
    steps, state = rule.update(np.array([[-3, 0, -4, 1], [2, 9, 9, 0]]), state, params, key=KEY)
    assert steps.tolist() == [0, 0]
    steps, state = rule.update(np.array([[-3, 0, -1, 1], [2, -1, 9, 0]]), state, params, key=KEY)
    assert steps.tolist() == [3, 0]  # from 1 to 0 modulo 4: gains 6 against 5
    assert state.votes[0].tolist() == [0] * 4
    assert np.allclose(state.votes[1] / 2.0**20, [4, 8, 18, 0], atol=1e-4)


def test_a_threshold_that_many_votes_could_never_reach():
    with pytest.raises(RuleError, match="for 4194304 parameters"):
        bold(Bit(), threshold=2.0**20).init(np.zeros(2**22, np.int8))


def test_state_layout():
    state = bold(Choice(4)).init(np.zeros((2, 3), np.int8))
    assert isinstance(state, BoldState) and state.votes.shape == (2, 3, 4) and state.votes.dtype == np.int64


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"eta": 0.0}, "bold: eta: got 0.0"),
        ({"threshold": -1.0}, "bold: threshold: got -1.0"),
        ({"eta": 1e-9}, "bold: eta: got 1e-09, expected"),
        ({"threshold": float("nan")}, "bold: threshold: got nan"),
        ({"cap": 0.0}, "cap 0.0"),
        ({"cap": 1.1}, "cap 1.1"),
    ],
)
def test_errors(settings, message):
    with pytest.raises(RuleError, match=message):
        bold(Bit(), **settings)
