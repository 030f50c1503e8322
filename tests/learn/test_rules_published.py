"""Rules against the published words in real numbers, and how rules combine over groups, batches and schedules."""

from functools import partial
from statistics import NormalDist

import numpy as np
import pytest

from learn.errors import RuleError
from learn.keys import Key
from learn.rules import (
    RULES,
    accumulated,
    adam_rounding,
    bop,
    chain,
    dq,
    grouped,
    linear,
    make_rule,
    moments,
    nearest,
    reverse_ascent,
    rounding,
    scheduled,
    state_arrays,
    vote,
    zim,
)
from learn.rules.quantisers import D4_EFFICIENCY, exact, lattice, sign, top_k, uniform
from learn.spaces import Bit, Int, Real, Sign

KEY = Key(70)


def signals_of(shape, count, *, size=40):
    return [KEY.fold("signal", i).integers(2 * size + 1, shape) - size for i in range(count)]


# --- Rounding to nearest, Bop, reverse derivative ascent, Adam


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_nearest_is_the_published_rounding_away_from_ties(dtype):
    space, params = Int(-1000, 1000), np.zeros(500, np.int16)
    signal = signals_of(500, 1)[0].astype(dtype)
    steps, _ = nearest(space, rate=0.37, scale=3.0).update(signal, (), params, key=KEY)
    w = -0.37 * signal / 3.0
    assert np.array_equal(steps, np.sign(w) * np.floor(np.abs(w) + 0.5))
    halves, _ = nearest(space, rate=0.5, scale=1.0).update(np.array([1, -1, 3]), (), np.zeros(3, int), key=KEY)
    assert halves.tolist() == [-1, 1, -2]
    assert not nearest(space, rate=0.49, scale=1.0).update(np.ones(9), (), np.zeros(9, int), key=KEY)[0].any()


@pytest.mark.parametrize("space", [Bit(), Sign(), Int(-3, 3)], ids=str)
@pytest.mark.parametrize(("gamma", "threshold", "scale"), [(0.05, 0.2, 1.0), (0.001, 0.002, 20.0), (1.0, 5.0, 1.0)])
def test_bop_is_the_published_rule(space, gamma, threshold, scale):
    rule = bop(space, gamma=gamma, threshold=threshold, scale=scale)
    params = space.init((30, 20), key=KEY)
    state, mean, flips = rule.init(params), np.zeros(params.shape), 0
    gamma, threshold = round(gamma * 2**20) / 2**20, round(threshold * 2**20) / 2**20
    for signal in signals_of(params.shape, 150):
        steps, state = rule.update(signal, state, params, key=KEY)
        mean = (1 - gamma) * mean + gamma * signal / scale
        wanted = -np.sign(mean) * (np.abs(mean) > threshold)
        possible = (params + space.stride * wanted >= space.lo) & (params + space.stride * wanted <= space.hi)
        sure = np.abs(np.abs(mean) - threshold) > 1e-8
        assert np.array_equal(steps[sure], (wanted * possible)[sure]) and sure.all() | (gamma == 1)
        assert np.allclose(state.mean / 2.0**40, mean, rtol=0, atol=1e-9 / gamma)
        params = space.add(params, steps)
        flips += np.count_nonzero(steps)
    assert flips > 500


def test_bop_refuses_a_mean_that_overshoots():
    with pytest.raises(RuleError, match=r"gamma: got 1\.5, expected 2\*\*-20 to 1"):
        bop(Bit(), gamma=1.5)


def test_reverse_ascent_is_exclusive_or():
    params, change = Bit().init(200, key=KEY), KEY.fold("change").integers(2, 200)
    steps, _ = reverse_ascent(Bit()).update(change, (), params, key=KEY)
    assert np.array_equal(Bit().add(params, steps), params ^ change) and set(steps.tolist()) == {-1, 0, 1}


def test_moments_are_adams():
    rule, params = moments(Int(-9, 9), beta1=0.8, beta2=0.95), np.zeros(50, np.int8)
    state, history = rule.init(params), signals_of(50, 30)
    for t, signal in enumerate(history, 1):
        direction, state = rule.update(signal, state, params, key=KEY)
        fading = np.arange(t)[::-1, None]
        first = 0.2 * (0.8**fading * np.array(history[:t])).sum(0) / (1 - 0.8**t)
        second = 0.05 * (0.95**fading * np.array(history[:t]) ** 2).sum(0) / (1 - 0.95**t)
        assert np.allclose(direction, first / (np.sqrt(second) + 1e-8), rtol=1e-9)
    for settings in ({"beta1": 1.0}, {"beta2": -0.1}, {"epsilon": 0.0}):
        with pytest.raises(RuleError, match=r"moments: "):
            moments(Int(-9, 9), **settings)


def test_stochastic_rounding_of_adam_is_right_on_average():
    """Moments of the steps of SR-ADAM's first update, |direction| = 1, at 1e-3: u = -sign(g) with chance rate."""
    signal, params, runs = np.where(np.arange(20_000) % 2, 3, -7), np.zeros(20_000, np.int8), 20_000
    steps, _ = (rule := adam_rounding(Int(-9, 9), rate=0.3)).update(signal, rule.init(params), params, key=KEY)
    down = -steps * np.sign(signal)
    limit = NormalDist().inv_cdf(1 - 1e-3 / 2) * np.sqrt(0.3 * 0.7 / runs) + 1e-6
    assert set(down.tolist()) == {0, 1} and abs(down.mean() - 0.3) < limit


# --- Big batches, groups, schedules


def test_a_big_batch_steps_once_by_the_sum():
    space, params = Int(-500, 500), np.zeros(40, np.int16)
    rule, history = accumulated(space, rounding(space, rate=2.0), every=3, scale=1.0), signals_of(40, 6)
    state, steps = rule.init(params), []
    for i, signal in enumerate(history):
        step, state = rule.update(signal, state, params, key=KEY.fold(i))
        steps.append(step)
    assert [bool(step.any()) for step in steps] == [False, False, True] * 2
    for end in (2, 5):
        whole = sum(history[end - 2 : end + 1])
        expected, _ = rounding(space, rate=2.0).update(whole, (), params, key=KEY.fold(end))
        assert np.array_equal(steps[end], expected)
    with pytest.raises(RuleError, match="got every 0"):
        accumulated(space, rounding(space), every=0)


def test_the_noise_of_a_big_batch_is_smaller():
    """Weak signals under strong noise: the share of right steps grows with the batch."""
    space, params = Int(-500, 500), np.zeros(2000, np.int16)
    right = []
    for every in (1, 16):
        rule = accumulated(space, rounding(space, rate=0.5), every=every)
        state, up, moved = rule.init(params), 0, 0
        for i in range(32):
            noise = KEY.fold("noise", i).integers(201, 2000) - 100 + 20
            steps, state = rule.update(noise, state, params, key=KEY.fold(i))
            up, moved = up + np.count_nonzero(steps < 0), moved + np.count_nonzero(steps)
        right.append(up / moved)
    assert right[0] < 0.7 and right[1] > right[0] + 0.1


def test_groups_have_rules_of_their_own():
    first, last = np.zeros((3, 4), np.int8), np.zeros(5, np.int8)
    rule = grouped(vote(Int(-9, 9), rate=0.9), chain(moments(Real()), make_rule("sgd", Real())), zim(Int(-9, 9), n=5))
    params = (first, last.astype(float), last)
    signal = (np.ones((3, 4), int), np.ones(5), np.ones(5, int))
    steps, state = rule.update(signal, rule.init(params), params, key=KEY)
    alone, _ = vote(Int(-9, 9), rate=0.9).update(signal[0], (), first, key=KEY.fold("group", 0))
    assert np.array_equal(steps[0], alone) and np.allclose(steps[1], -0.01) and steps[2].sum() == -5
    assert sorted(state_arrays(state)) == [f"state.1.0.{name}" for name in ("first", "second", "updates")]
    with pytest.raises(RuleError, match="got 2 groups, expected 3"):
        rule.init(params[:2])


def test_schedules_of_zim():
    """n, c and lambda as functions of the number of updates."""
    params, signal = np.zeros(100, np.int16), np.ones(100, int)
    settings = {"n": linear(40, 10, steps=3), "laplace": linear(1, 0, steps=3), "zero_inflation": linear(0, 0, steps=1)}
    rule = scheduled(partial(zim, Int(-99, 99)), **settings)
    state, trials = rule.init(params), []
    for i in range(5):
        steps, state = rule.update(signal, state, params, key=KEY.fold(i))
        trials.append(-int(steps.sum()))
    assert trials == [40, 30, 20, 10, 10]
    rule = scheduled(partial(zim, Int(-99, 99), n=50), zero_inflation=linear(0, 1, steps=4))
    state, moved = rule.init(params), []
    for i in range(6):
        steps, state = rule.update(signal, state, params, key=KEY.fold(i))
        moved.append(bool(steps.any()))
    assert moved[0] and not any(moved[4:])


# --- Differential quantisation

N, RATE = 12, 0.08
QUANTISERS = {
    "uniform": uniform(3),
    "one bit": uniform(1, 5.0),
    "shrinking": uniform(4, lambda t: 20 * 0.8**t),
    "lattice": lattice(2),
    "sign": sign,
    "top": top_k(2),
    "exact": exact,
    "nothing": lambda u, t: 0 * u,
    "noise": lambda u, t: u + KEY.fold("noise", t).uniform(u.shape),
}


def least_squares():
    matrix = KEY.fold("matrix").uniform((20, N)) - 0.5
    return lambda x: matrix.T @ (matrix @ x) - matrix.T @ np.arange(20.0)


@pytest.mark.parametrize("name", QUANTISERS)
@pytest.mark.parametrize(("momentum", "lookahead"), [(0.0, False), (0.7, False), (0.7, True)], ids=["gd", "hb", "nag"])
def test_the_quantised_path_is_the_unquantised_one_but_for_the_last_error(name, momentum, lookahead):
    """x_t = x_t of the method - rate e_{t-1}, for any quantiser, to 1e-12 of the sizes that take part."""
    gradient = least_squares()
    rule = dq(Real(), rate=RATE, momentum=momentum, lookahead=lookahead, quantiser=QUANTISERS[name])
    x = plain = before = np.zeros(N)
    state = rule.init(x)
    for i in range(100):
        steps, state = rule.update(gradient(x + state.shift), state, x, key=KEY.fold(i))
        x = x + steps
        y = plain + momentum * (plain - before)
        plain, before = y - RATE * gradient(y if lookahead else plain), plain
        size = max(1, np.abs(plain).max(), RATE * np.abs(state.error).max())
        assert np.abs(x - (plain - RATE * state.error)).max() <= 1e-12 * size
    assert bool(np.abs(x - plain).max() > 1e-9) is (name != "exact")


def test_dq_errors():
    for settings, message in (({"rate": 0.0}, "dq: rate"), ({"momentum": 1.0}, "momentum 1.0")):
        with pytest.raises(RuleError, match=message):
            dq(Real(), **settings)
    for make, message in (
        (lambda: uniform(0), "uniform: got 0 bits"),
        (lambda: lattice(60), "lattice: got 60 bits"),
        (lambda: uniform(2, -1.0), "uniform: radius"),
        (lambda: top_k(0), "k = 0"),
    ):
        with pytest.raises(RuleError, match=message):
            make()


def vectors(n, count=2000):
    """Vectors in the unit ball, some on its rim."""
    directions = np.array([KEY.fold("vector", i).gumbel(n) - KEY.fold("other", i).gumbel(n) for i in range(count)])
    radii = np.minimum(1, 1.5 * KEY.fold("radius").uniform(count))
    return directions / np.linalg.norm(directions, axis=1)[:, None] * radii[:, None]


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_covering_efficiencies(bits):
    """No error is larger than rho radius 2**-bits, and some are nearly as large."""
    for quantiser, rho in ((uniform(bits, 1.0), 2.0), (lattice(bits, 1.0), D4_EFFICIENCY)):
        errors = [np.linalg.norm(quantiser(u, 0) - u) for u in vectors(4)]
        assert 0.75 * rho * 2.0**-bits < max(errors) <= rho * 2.0**-bits * (1 + 1e-12)


def test_the_lattice_point_is_the_nearest_of_even_sum():
    unit = D4_EFFICIENCY * 2.0**-2
    corners = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 4), -1).reshape(-1, 4)
    corners = corners[corners.sum(1) % 2 == 0] * unit
    for u in vectors(4, 100):
        found = lattice(2, 1.0)(u, 0)
        assert np.isclose(np.linalg.norm(found - u), np.linalg.norm(corners - u, axis=1).min())
        assert round(found.sum() / unit) % 2 == 0


def test_what_quantisers_say():
    u = np.array([[3.0, -1.0, 0.5], [0.0, -4.0, 2.5]])
    assert uniform(1, 4.0)(u, 0).tolist() == [[2, -2, 2], [2, -2, 2]]
    assert uniform(2)(u, 0).tolist() == [[3, -1, 1], [1, -3, 3]]
    assert np.allclose(sign(u, 0), np.sign(u) * 11 / 6)
    assert top_k(2)(u, 0).tolist() == [[3, 0, 0], [0, -4, 0]]
    assert lattice(3)(u, 0).shape == (2, 3) and not uniform(3)(0 * u, 0).any() and not lattice(3)(0 * u, 0).any()


# --- numpy and torch


CASES = [
    (name, space)
    for name, row in RULES.items()
    for space in (Bit(), Sign(), Int(-8, 7), Real())
    if type(space) in row.spaces
]


@pytest.mark.parametrize(("name", "space"), CASES, ids=str)
@pytest.mark.parametrize("make", ["factory", "at_rate"])
def test_numpy_and_torch_agree_bit_for_bit(name, space, make):
    torch = pytest.importorskip("torch")
    row = RULES[name]
    rule = row.factory(space) if make == "factory" else row.at_rate(space, 0.1)
    ours = space.init((30, 20), key=KEY)
    theirs = torch.from_numpy(ours.copy())
    states, moved = [rule.init(ours), rule.init(theirs)], False
    for i, signal in enumerate(signals_of((30, 20), 50)):
        steps, states[0] = rule.update(signal, states[0], ours, key=KEY.fold(i))
        same, states[1] = rule.update(torch.from_numpy(signal), states[1], theirs, key=KEY.fold(i))
        ours, theirs, moved = space.add(ours, steps), space.add(theirs, same), moved | bool(steps.any())
        assert np.array_equal(ours, theirs.numpy()) and theirs.numpy().dtype == ours.dtype
    assert moved or row.freezes


@pytest.mark.parametrize("quantise", [uniform(3), lattice(3), sign, top_k(3), exact])
def test_quantisers_of_tensors(quantise):
    torch = pytest.importorskip("torch")
    u = KEY.fold("tensor").gumbel((6, 5))
    assert np.allclose(quantise(torch.from_numpy(u), 0).numpy(), quantise(u, 0), rtol=1e-12)
