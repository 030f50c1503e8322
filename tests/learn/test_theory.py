"""Every bound against what is simulated."""

import json
import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learn import cli, theory
from learn.errors import RuleError
from learn.keys import Key
from learn.rules import binary_connect, bold, dq, powers, rounding, scheduled, zim
from learn.rules.quantisers import D4_EFFICIENCY, lattice, uniform
from learn.rules.zim import mean_step, second_moment
from learn.spaces import Int, Real, Sign

KEY = Key(80, ("theory",))

# --- ZIM and BOLD


@given(
    st.lists(st.integers(-300, 300), min_size=2, max_size=30).filter(any),
    st.integers(1, 20),
    st.floats(0, 0.9),
    st.floats(1e-3, 5) | st.just(0.0),
    st.floats(0.01, 5),
)
def test_zim_constants_bound_the_exact_moments(gradient, n, zero_inflation, laplace, smoothness):
    g = np.array(gradient) / 100
    settings = {"n": n, "zero_inflation": zero_inflation, "laplace": laplace}
    found = theory.zim_bound(d=g.size, smoothness=smoothness, gradient=float(np.linalg.norm(g)), **settings)
    lam, square = 1 - zero_inflation, float(g @ g)
    assert -g @ mean_step(g, **settings) >= lam * found.mu * square * (1 - 1e-9)
    limit = lam * (found.spread + found.spread_per_gradient * square)
    assert second_moment(g, **settings) <= limit * (1 + 1e-9)
    assert 0 < found.descent <= found.mu and found.total == found.floor + found.transient


def quadratic(d):
    """L-smooth F(w) = sum h_i (w_i - w*_i)^2 / 2 with h from L/10 to L = 0.05, its zero between integers."""
    h = 0.05 * np.linspace(0.1, 1, d)
    return h, KEY.fold("zero").uniform(d)


@pytest.mark.parametrize(("n", "laplace"), [(1, 0.0), (1, 0.2), (10, 1.0), (10, 0.1)])
def test_zim_stays_below_its_bound(n, laplace):
    d, steps = 100, 1500
    h, zero = quadratic(d)
    rule, w, norms = zim(Int(-99, 99), n=n, laplace=laplace), np.full(d, 6), []
    gap = float((h * (w - zero) ** 2).sum() / 2)
    for i in range(steps):
        g = h * (w - zero)
        norms.append(float(g @ g))
        w = w + rule.update(g, (), w, key=KEY.fold(n, i))[0]
    found = theory.zim_bound(
        d=d, smoothness=0.05, gradient=max(norms) ** 0.5, n=n, laplace=laplace, gap=gap, steps=steps
    )
    assert 0.02 * found.total < np.mean(norms) < found.total


def test_the_floor_of_zim_is_there_and_bold_grows_with_d():
    """Neither settles: both hold a mean squared gradient above 0, BOLD's linear in d and below L d kappa / 2."""
    levels = []
    for d in (50, 200):
        rule, zero, smoothness = bold(Sign(), eta=0.5), KEY.fold("bold").uniform(d) - 0.5, 0.5
        w = Sign().init(d, key=KEY)
        state, norms = rule.init(w), []
        for _ in range(800):
            g = smoothness * (w - zero)
            norms.append(float(g @ g))
            steps, state = rule.update(g, state, w, key=KEY)
            w = Sign().add(w, steps)
        levels.append(np.mean(norms[400:]))
        assert 0.2 < levels[-1] / theory.bold_floor(d=d, smoothness=smoothness, kappa=2 * smoothness) < 1
    assert 3.2 < levels[1] / levels[0] < 4.8


def test_crossover():
    """n = 1, c = 0: L = kappa sqrt(d) / diameter; at that L both floors are equal."""
    for d, diameter, kappa in ((10_000, 1.0, 1.0), (79_510, 3.0, 2.0)):
        at = theory.crossover(d=d, n=1, laplace=0.0, diameter=diameter, kappa=kappa)
        assert math.isclose(at, kappa * math.sqrt(d) / diameter, rel_tol=1e-6)
        zim_floor = theory.zim_bound(d=d, smoothness=at, gradient=at * diameter, n=1, laplace=0.0).floor
        assert math.isclose(zim_floor, theory.bold_floor(d=d, smoothness=at, kappa=kappa), rel_tol=1e-6)
    assert theory.crossover(d=100, n=10, laplace=1.0) == 0.0  # c = 1 costs L d / 2 by itself


def test_the_best_laplace_is_no_worse_than_others():
    settings = {"d": 79_510, "smoothness": 2.0, "gradient": 2.0}
    best = theory.best_laplace(**settings)
    floor = theory.zim_bound(**settings, laplace=best).floor
    assert all(
        floor <= theory.zim_bound(**settings, laplace=c).floor * (1 + 1e-9) for c in (0.0, 0.5 * best, 2 * best, 1)
    )


# --- Rounding


def strongly_convex(rule, space, grid, *, d, noise, steps, seed):
    """F(w) = ||w - w*||^2 / 2 with noisy gradients on a grid; returns F(mean w) and the largest E||g||^2."""
    zero = 3 * KEY.fold("convex").uniform(d) - 1.5
    w, total, largest = np.zeros(d, np.int64), np.zeros(d), 0.0
    state = rule.init(w)
    for t in range(steps):
        total += grid * w
        g = grid * w - zero
        largest = max(largest, float(g @ g) + d * noise**2)
        z = KEY.fold("noise", seed, t).uniform((d, 12)).sum(1) - 6
        step, state = rule.update(g + noise * z, state, w, key=KEY.fold("round", seed, t))
        w = space.add(w, step)
    return float(((total / steps - zero) ** 2).sum() / 2), largest**0.5


@pytest.mark.parametrize("grid", [0.5, 0.125])
def test_rounding_and_binary_connect_stay_below_their_bounds(grid):
    d, space, found = 20, Int(-1000, 1000), {}
    for name, make in (("sr", rounding), ("bc", binary_connect)):
        rule = scheduled(partial(make, space, scale=1.0), rate=powers(1 / grid, power=1))
        runs = [strongly_convex(rule, space, grid, d=d, noise=0.5, steps=400, seed=s) for s in range(4)]
        found[name] = np.mean([excess for excess, _ in runs])
        largest = max(gradient for _, gradient in runs)
    settings = {"d": d, "grid": grid, "gradient": largest, "convexity": 1.0, "steps": 400}
    transient, floor = theory.rounding_bound(**settings)
    assert 0 < found["sr"] < transient + floor
    transient, none = theory.binary_connect_bound(**settings, diameter=10.0, hessian=0.0)
    assert none == 0.0 and found["bc"] < transient  # a quadratic has no floor
    _, other = theory.binary_connect_bound(**settings, diameter=10.0, hessian=1.0)
    assert math.isclose(other, 10 * math.sqrt(d * grid) / 2)


GRID = np.arange(-2, 14) * 0.5
TOY = {"noise": 4.0, "grid": 0.5}


@pytest.mark.parametrize("rate", [0.3, 0.05])
def test_the_chain_is_what_rounding_does(rate):
    """2,000 walkers of the rule, 150 steps after 150, against the transition matrix and its stationary distribution."""
    matrix = theory.rounding_chain(theory.toy_slope(GRID), rate=rate, **TOY)
    assert np.allclose(matrix.sum(1), 1) and matrix.min() > -1e-12
    space, walkers = Int(0, len(GRID) - 1), 2000
    rule, at = rounding(space, rate=rate / 0.5, scale=1.0), space.init(walkers, key=KEY).astype(np.int64)
    counts = np.zeros((len(GRID), len(GRID)))
    for i in range(150):
        z = np.sqrt(2 * np.exp(-KEY.fold("walk", i).gumbel(walkers))) * np.cos(
            2 * np.pi * KEY.fold("turn", i).uniform(walkers)
        )
        g = theory.toy_slope(GRID[at]) + 4.0 * z
        after = space.add(at, rule.update(g, (), at, key=KEY.fold("round", i))[0])
        np.add.at(counts, (at, after), 1)
        at = after
    visits = counts.sum(1, keepdims=True)
    limit = 4.5 * np.sqrt(matrix * (1 - matrix) / visits) + 2 / visits
    assert np.all(np.abs(counts / visits - matrix) <= limit)


def test_its_stationary_distribution_tends_to_the_limit_and_is_positive():
    slopes = theory.toy_slope(GRID)
    limit = theory.stationary(theory.rounding_limit(slopes, noise=4.0))
    assert limit.min() > 1e-4 and 0.5 < limit[(GRID > 4) & (GRID < 5.5)].sum() < 0.54 and math.isclose(limit.sum(), 1)
    gaps = []
    for rate in (1.0, 0.3, 0.1, 0.02):
        matrix = theory.rounding_chain(slopes, rate=rate, **TOY)
        kept = theory.stationary(matrix)
        assert np.allclose(kept @ matrix, kept)
        gaps.append(np.abs(kept - limit).sum())
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] < 1e-6


def test_the_toy():
    w = np.array([0.0, 0.999, 1.0, 2.5, 3.5, 4.75])
    assert np.allclose(theory.toy_loss(w)[[0, 3, 5]], [2, 0.75, 0.19])
    step = 1e-6
    slopes = (theory.toy_loss(w + step) - theory.toy_loss(w)) / step
    assert np.allclose(theory.toy_slope(w)[[0, 2, 3, 4, 5]], slopes[[0, 2, 3, 4, 5]], atol=1e-4)


# --- Differential quantisation

L, MU, N = 1.0, 0.1, 4


def contraction(method, ranges, quantiser, rho, bits, *, naive=False, steps=120):
    """The worst contraction an update over 20 starts, from the middle of the path to its end."""
    curvature = np.geomspace(MU, L, N)
    worst = 0.0
    for start in range(20):
        x = KEY.fold("start", start).gumbel(N)
        distance = float(np.linalg.norm(x))
        message = quantiser(bits, ranges(method, bits=bits, rho=rho, first=L * distance))
        rule = dq(Real(), rate=method.rate, momentum=method.momentum, lookahead=method.lookahead, quantiser=message)
        state, path = rule.init(x), []
        for i in range(steps):
            if naive:
                x = x - method.rate * message(curvature * x, i)
            else:
                step, state = rule.update(curvature * (x + state.shift), state, x, key=KEY)
                x = x + step
            path.append(float(np.linalg.norm(x)))
        late = max(path[-5:]) / max(path[steps // 2 - 5 : steps // 2])
        worst = max(worst, late ** (2 / steps))
    return worst


@pytest.mark.parametrize("name", theory.METHODS)
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("quantiser", "rho"), [(uniform, 2.0), (lattice, D4_EFFICIENCY)], ids=["uniform", "lattice"])
def test_dq_contracts_as_fast_as_the_theory_says(name, bits, quantiser, rho):
    method = theory.METHODS[name](L, MU)
    factor = theory.dq_factor(method, bits=bits, rho=rho)
    measured = contraction(method, theory.dq_ranges, quantiser, rho, bits)
    assert measured <= factor * 1.03
    assert measured > max(0.9 * method.factor, 0.8 * factor)


def test_naive_quantisation_is_slower():
    method = theory.gradient_descent(L, MU)
    for bits in (5, 6, 8):
        factor = theory.naive_factor(method, bits=bits, rho=2.0)
        measured = contraction(method, theory.naive_ranges, uniform, 2.0, bits, naive=True)
        assert measured <= factor * 1.01
        assert factor > theory.dq_factor(method, bits=bits, rho=2.0) == method.factor


def test_factors():
    method = theory.gradient_descent(3.0, 1.0)
    assert method.factor == 0.5 and method.rate == 0.5
    assert theory.dq_factor(method, bits=1, rho=1.5) == 0.75 and theory.dq_factor(method, bits=2, rho=1.5) == 0.5
    assert theory.naive_factor(method, bits=2, rho=1.0) == 0.5 + 1.5 / 4
    radius = theory.dq_ranges(method, bits=2, rho=1.0, first=8.0)
    assert [radius(i) for i in (2, 0, 1)] == [2 + 0.25 * (4 + 0.25 * 8), 8.0, 4 + 2]
    assert math.isclose(theory.nesterov(5.0, 1.0).factor, 0.5) and math.isclose(theory.heavy_ball(9.0, 1.0).factor, 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.zim_bound(d=0, smoothness=1, gradient=1), "d: got 0"),
        (lambda: theory.zim_bound(d=9, smoothness=1, gradient=1, laplace=-1), "laplace -1"),
        (lambda: theory.bold_floor(d=9, smoothness=-1), "smoothness: got -1"),
        (lambda: theory.dq_factor(theory.nesterov(2, 1), bits=0, rho=1), "bits: got 0"),
    ],
)
def test_errors(call, message):
    with pytest.raises(RuleError, match=message):
        call()


# --- The command line


@pytest.mark.parametrize(
    ("verb", "fact", "value"),
    [
        (["zim", "--n", "1", "--laplace", "0", "--d", "10000"], "crossover", 100.0),
        (["zim"], "bold", 10 * 79_510 / 2),
        (["rounding", "--d", "100"], "rounding", 0.5),
        (["dq", "--bits", "1", "--rho", "1.8"], "dq_gd", 0.9),
        (["chain", "--rate", "0.01"], "values", [-1 + k / 2 for k in range(16)]),
    ],
    ids=["zim", "bold", "rounding", "dq", "chain"],
)
def test_command(verb, fact, value, capsys):
    outputs = []
    for options in (["--json"], []):
        with pytest.raises(SystemExit) as ended:
            cli.app(["theory", *verb, *options])
        assert ended.value.code == 0
        outputs.append(capsys.readouterr().out)
    facts = json.loads(outputs[0])
    assert facts[fact] == pytest.approx(value, rel=1e-6)
    assert all(name in outputs[1] for name in facts if name not in ("values", "limit"))


def test_a_bad_number_is_one_line(capsys):
    for options in (["zim", "--smoothness", "-1"], ["chain", "--grid", "9"], ["dq", "--rho", "0"], []):
        with pytest.raises(SystemExit) as ended:
            cli.app(["theory", *options])
        assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1
