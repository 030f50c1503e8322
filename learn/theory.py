"""What is proved of the rules: bounds, floors, contraction factors, and the chain of stochastic rounding, in numbers.

Every bound is on real-valued losses: F is L-smooth, G bounds the norm of its gradient, gap is F at the start less its
infimum. What the sources leave to the reader, and what is ours, is said at each function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learn.errors import RuleError
from learn.rules.base import Schedule

Reals = NDArray[np.float64]


class Quantity(NamedTuple):
    """A number with its meaning.

    Attributes:
        name: as formulas call it.
        value: the number.
        meaning: one line.
    """

    name: str
    value: float
    meaning: str


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise RuleError(f"{name}: got {value}, expected a number above 0")


# --- ZIM and BOLD


class ZimBound(NamedTuple):
    """Constants of the bound on ZIM's mean squared gradient after K updates.

        (1/K) sum E||grad F||^2 <= gap / (K lambda mu') + L M / (2 mu'),   mu' = mu - L M_G / 2

    Attributes:
        mu: -grad F . E[u] >= lambda mu ||grad F||^2.
        spread: M, and
        spread_per_gradient: M_G: E||u||^2 <= lambda (M + M_G ||grad F||^2).
        descent: mu', above 0.
        floor: L M / (2 mu'), which no number of updates and no lambda lowers.
        transient: gap / (K lambda mu').
        total: their sum.
    """

    mu: float
    spread: float
    spread_per_gradient: float
    descent: float
    floor: float
    transient: float
    total: float


def zim_bound(
    *,
    d: int,
    smoothness: float,
    gradient: float,
    n: int | None = None,
    laplace: float = 1.0,
    zero_inflation: float = 0.0,
    gap: float = 1.0,
    steps: int = 1,
) -> ZimBound:
    """Bound the mean squared gradient of ZIM on exact gradients.

    With ||g||_1 <= sqrt(d) G, p_i >= |g_i| / (sqrt(d) G + d c), hence mu = n / (sqrt(d) G + d c). Of the second moment
    lambda (n + n (n - 1) sum p_i^2) two bounds hold: sum p_i^2 <= 1, so M = n^2, M_G = 0; and, as
    p_i <= |g_i| / (d c) + 1 / d, sum p_i^2 <= 2 / d + 2 ||g||^2 / (d c)^2, so M = n + 2 n (n - 1) / d and
    M_G = 2 n (n - 1) / (d c)^2. The one with the lower floor is taken. Smoothness then gives, an update,
    E F(w + u) - F(w) <= -lambda mu' ||g||^2 + lambda L M / 2, and the sum over K updates the bound.

    Args:
        d: parameters.
        smoothness: L, above 0.
        gradient: G, above 0; L times the diameter of the region where it holds a zero of the gradient.
        n: trials; default round(sqrt(d)).
        laplace: c, at least 0.
        zero_inflation: 1 - lambda, below 1.
        gap: F at the start less its infimum.
        steps: K.

    Raises:
        RuleError: a number out of range.

    Source: Wilson, Zanasi and Constantinides 2025, arXiv 2512.04051, propositions 2.4 and 3.3, whose shape this is.
    The constants are derived here (their formulas could not be read in the source); it writes 2 gap / (K mu alpha), as
    mu' >= mu / 2 where L M_G <= mu.
    """
    n = round(math.sqrt(d)) if n is None else n
    _positive(d=d, smoothness=smoothness, gradient=gradient, n=n, gap=gap, steps=steps)
    if not 0 <= zero_inflation < 1 or not 0 <= laplace < math.inf:
        raise RuleError(
            f"zim: got zero_inflation {zero_inflation} and laplace {laplace}, expected 0 to below 1, and >= 0"
        )
    mu = n / (math.sqrt(d) * gradient + d * laplace)
    moments = [(float(n * n), 0.0)]
    if laplace > 0:
        moments.append((n + 2 * n * (n - 1) / d, 2 * n * (n - 1) / (d * laplace) ** 2))
    valid = [(m, m_g, mu - smoothness * m_g / 2) for m, m_g in moments if smoothness * m_g / 2 < mu]
    m, m_g, descent = min(valid, key=lambda one: one[0] / one[2])
    floor = smoothness * m / (2 * descent)
    transient = gap / (steps * (1 - zero_inflation) * descent)
    return ZimBound(mu, m, m_g, descent, floor, transient, floor + transient)


def best_laplace(*, d: int, smoothness: float, gradient: float, n: int | None = None) -> float:
    """Return the c of the lowest floor, among 10 powers a decade."""
    candidates = [10 ** (k / 10) for k in range(-80, 11)]
    return min(candidates, key=lambda c: zim_bound(d=d, smoothness=smoothness, gradient=gradient, n=n, laplace=c).floor)


def bold_floor(*, d: int, smoothness: float, kappa: float = 1.0) -> float:
    """Return the floor of BOLD's mean squared gradient, L d kappa / 2: linear in d.

    kappa bounds the second moment, per parameter, of what the discrete step differs from the accumulator's; the
    source states it as an assumption, so its value is the reader's.

    Source: BOLD 2024, arXiv 2405.16339, its convergence theorem.
    """
    _positive(d=d, smoothness=smoothness, kappa=kappa)
    return smoothness * d * kappa / 2


def crossover(
    *, d: int, n: int | None = None, laplace: float | None = None, diameter: float = 1.0, kappa: float = 1.0
) -> float:
    """Return the L below which ZIM's floor is lower than BOLD's, with G = L diameter; 0 where it never is.

    With n = 1 and c = 0 ZIM's floor is L^2 sqrt(d) diameter / 2, so that L = kappa sqrt(d) / diameter: ZIM's bound is
    tighter when L grows slower than sqrt(d).

    Args:
        d: parameters.
        n: trials; default round(sqrt(d)).
        laplace: c; default the best for each L.
        diameter: of the region that holds the path and a zero of the gradient.
        kappa: of BOLD.
    """
    _positive(d=d, diameter=diameter, kappa=kappa)

    def lower(smoothness: float) -> bool:
        gradient = smoothness * diameter
        c = best_laplace(d=d, smoothness=smoothness, gradient=gradient, n=n) if laplace is None else laplace
        zim = zim_bound(d=d, smoothness=smoothness, gradient=gradient, n=n, laplace=c)
        return zim.floor < bold_floor(d=d, smoothness=smoothness, kappa=kappa)

    low, high = -12.0, 12.0  # decades
    if not lower(10**low):
        return 0.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if lower(10**middle) else (low, middle)
    return float(10**low)


def zim_report(
    *,
    d: int,
    smoothness: float,
    diameter: float,
    n: int | None = None,
    laplace: float | None = None,
    zero_inflation: float = 0.0,
    gap: float = 1.0,
    steps: int = 1,
    kappa: float = 1.0,
) -> list[Quantity]:
    """Return every constant of ZIM's bound and of BOLD's, with their crossover; G is L times the diameter.

    Args:
        d: as all others in :func:`zim_bound` and :func:`crossover`; ``laplace`` None takes the best.

    Raises:
        RuleError: a number out of range.
    """
    _positive(d=d, smoothness=smoothness, diameter=diameter)
    n, gradient = round(math.sqrt(d)) if n is None else n, smoothness * diameter
    c = best_laplace(d=d, smoothness=smoothness, gradient=gradient, n=n) if laplace is None else laplace
    settings = {"d": d, "smoothness": smoothness, "gradient": gradient, "n": n, "laplace": c}
    bound = zim_bound(**settings, zero_inflation=zero_inflation, gap=gap, steps=steps)  # type: ignore[arg-type]
    return [
        Quantity("d", d, "parameters"),
        Quantity("n", n, "trials an update"),
        Quantity("c", c, "Laplace constant" if laplace is not None else "Laplace constant, the best for the floor"),
        Quantity("lambda", 1 - zero_inflation, "chance of a step; the learning rate"),
        Quantity("L", smoothness, "Lipschitz constant of the gradient"),
        Quantity("G", gradient, "largest gradient: L times the diameter of the region"),
        Quantity("mu", bound.mu, "n / (sqrt(d) G + d c): how well a mean step descends, over lambda"),
        Quantity("M", bound.spread, "E||u||^2 <= lambda (M + M_G ||grad F||^2)"),
        Quantity("M_G", bound.spread_per_gradient, "see M; 0 where M = n^2 is the better bound"),
        Quantity("mu'", bound.descent, "mu - L M_G / 2, which must be above 0"),
        Quantity("transient", bound.transient, f"gap / (K lambda mu') after K = {steps} updates from a gap of {gap:g}"),
        Quantity("floor", bound.floor, "L M / (2 mu'): of the mean squared gradient, whatever K and lambda"),
        Quantity("bold", bold_floor(d=d, smoothness=smoothness, kappa=kappa), "BOLD's floor: L d kappa / 2"),
        Quantity(
            "crossover",
            crossover(d=d, n=n, laplace=laplace, diameter=diameter, kappa=kappa),
            "ZIM's floor is the lower one for L below this",
        ),
        Quantity(
            "crossover, n = 1",
            crossover(d=d, n=1, laplace=0.0, diameter=diameter, kappa=kappa),
            "the same at n = 1, c = 0: kappa sqrt(d) / diameter",
        ),
    ]


# --- Rounding


def rounding_bound(*, d: int, grid: float, gradient: float, convexity: float, steps: int) -> tuple[float, float]:
    """Return (transient, floor) of E[F(mean w) - F*] for stochastic rounding with rates 1 / (mu (t + 1)).

    (1 + log(T + 1)) G^2 / (2 mu T) and sqrt(d) Delta G / 2.

    Args:
        d: parameters.
        grid: Delta, the distance of neighbouring values.
        gradient: G, E||g||^2 <= G^2.
        convexity: mu.
        steps: T.

    Source: Li et al. 2017, arXiv 1706.02379, theorem 1.
    """
    _positive(d=d, grid=grid, gradient=gradient, convexity=convexity, steps=steps)
    return _transient(gradient, convexity, steps), math.sqrt(d) * grid * gradient / 2


def binary_connect_bound(
    *, d: int, grid: float, gradient: float, convexity: float, steps: int, diameter: float, hessian: float
) -> tuple[float, float]:
    """Return (transient, floor) of E[F(mean w) - F*] for BinaryConnect: its floor is D L2 sqrt(d Delta) / 2.

    Args:
        d: parameters.
        grid: Delta.
        gradient: G.
        convexity: mu.
        steps: T.
        diameter: D of the domain.
        hessian: L2, the Lipschitz constant of the Hessian; 0 for a quadratic, which has no floor.

    Source: Li et al. 2017, arXiv 1706.02379, theorem 4 (as the poster prints it, with Delta under the root).
    """
    _positive(d=d, grid=grid, gradient=gradient, convexity=convexity, steps=steps, diameter=diameter)
    return _transient(gradient, convexity, steps), diameter * hessian * math.sqrt(d * grid) / 2


def _transient(gradient: float, convexity: float, steps: int) -> float:
    return (1 + math.log(steps + 1)) * gradient**2 / (2 * convexity * steps)


def rounding_chain(slopes: ArrayLike, *, noise: float, rate: float, grid: float) -> Reals:
    """Return the transition matrix of stochastic rounding on a line of values under Gaussian gradient noise.

    From value i the real-valued step is -rate (slope_i + noise z) / grid places, and lands on one of the two values
    around it with the chances that keep its mean; past an end it stays there.

    Args:
        slopes: (values,) derivative of the loss at each value.
        noise: standard deviation of the gradient, above 0.
        rate: alpha.
        grid: Delta, the distance of two values.

    Returns:
        (values, values): row i holds the chances of going from i.

    Source: Li et al. 2017, arXiv 1706.02379, section on Markov chains; the closed form for Gaussian noise is ours.
    """
    slopes = np.asarray(slopes, np.float64)
    _positive(noise=noise, rate=rate, grid=grid)
    places = np.arange(len(slopes))
    mean, spread = places - rate * slopes / grid, rate * noise / grid

    def below(place: Reals) -> Reals:
        """E[min(1, (place + 1 - Y)+)]: the chance that Y, rounded stochastically, is at most ``place``."""
        return _ramp(place + 1 - mean[:, None], spread) - _ramp(place - mean[:, None], spread)

    at_most = below(places[None, :].astype(np.float64))
    at_most[:, -1] = 1.0  # what goes past the upper end stays there
    return np.maximum(np.diff(at_most, axis=1, prepend=0.0), 0.0)  # no rounded zero below 0


def rounding_limit(slopes: ArrayLike, *, noise: float) -> Reals:
    """Return the transition matrix that the chain of stochastic rounding moves by as its rate goes to 0.

    A move up has a chance proportional to E[(-g)+], one down to E[g+]: where it goes no longer depends on the rate,
    only how often. Its stationary distribution is the limit of those of :func:`rounding_chain`, and is positive
    everywhere: stochastic rounding does not settle in minima, however small its steps.

    Source: Li et al. 2017, arXiv 1706.02379, theorem 5.
    """
    slopes = np.asarray(slopes, np.float64)
    _positive(noise=noise)
    up, down = _ramp(-slopes, noise)[:-1], _ramp(slopes, noise)[1:]
    rates = np.diag(up, 1) + np.diag(down, -1)
    rates /= rates.sum(1).max()
    return rates + np.diag(1 - rates.sum(1))


def _ramp(mean: Reals, spread: float) -> Reals:
    """Return E[max(0, mean + spread z)] for a standard normal z."""
    at = mean / spread
    erfc = np.vectorize(math.erfc, otypes=[np.float64])
    return mean * erfc(-at / math.sqrt(2)) / 2 + spread * np.exp(-(at**2) / 2) / math.sqrt(2 * math.pi)


def stationary(chances: ArrayLike) -> Reals:
    """Return the distribution that a transition matrix keeps: (values,), the only one of a connected chain."""
    matrix = np.asarray(chances, np.float64)
    system = np.vstack([matrix.T - np.eye(len(matrix)), np.ones(len(matrix))])
    # Scaled up, since a chain that hardly moves has rows near zero.
    system[:-1] /= max(np.abs(system[:-1]).max(), np.finfo(float).tiny)
    return np.linalg.lstsq(system, np.eye(len(matrix) + 1)[-1], rcond=None)[0]


def toy_loss(w: ArrayLike) -> Reals:
    """Return the toy loss with minima at 0 (2), 2.5 (0.75) and 4.75 (0.19), of Li et al. 2017, arXiv 1706.02379."""
    w = np.asarray(w, np.float64)
    return np.where(w < 1, w**2 + 2, np.where(w < 3.5, (w - 2.5) ** 2 + 0.75, (w - 4.75) ** 2 + 0.19))


def toy_slope(w: ArrayLike) -> Reals:
    """Return the derivative of :func:`toy_loss`."""
    w = np.asarray(w, np.float64)
    return 2 * np.where(w < 1, w, np.where(w < 3.5, w - 2.5, w - 4.75))


# --- Differential quantisation


class Method(NamedTuple):
    """A gradient method on L-smooth, mu-convex quadratics.

    Attributes:
        rate: eta.
        momentum: gamma.
        lookahead: whether it is Nesterov's.
        factor: sigma, its contraction an update.
    """

    rate: float
    momentum: float
    lookahead: bool
    factor: float


def gradient_descent(smoothness: float, convexity: float) -> Method:
    """Return gradient descent at eta = 2 / (L + mu), sigma = (L - mu) / (L + mu)."""
    return Method(2 / (smoothness + convexity), 0.0, False, (smoothness - convexity) / (smoothness + convexity))


def nesterov(smoothness: float, convexity: float) -> Method:
    """Return Nesterov's method at eta = 4 / (3 L + mu), sigma = 1 - 2 / sqrt(3 kappa + 1).

    Source: Lessard, Recht and Packard 2016, arXiv 1408.3595, table 1.
    """
    root = math.sqrt(3 * smoothness / convexity + 1)
    return Method(4 / (3 * smoothness + convexity), (root - 2) / (root + 2), True, 1 - 2 / root)


def heavy_ball(smoothness: float, convexity: float) -> Method:
    """Return the heavy ball at eta = 4 / (sqrt(L) + sqrt(mu))^2, sigma = (sqrt(kappa) - 1) / (sqrt(kappa) + 1).

    Source: Lessard, Recht and Packard 2016, arXiv 1408.3595, table 1.
    """
    root = math.sqrt(smoothness / convexity)
    factor = (root - 1) / (root + 1)
    return Method(4 / (math.sqrt(smoothness) + math.sqrt(convexity)) ** 2, factor**2, False, factor)


METHODS: dict[str, Callable[[float, float], Method]] = {
    "gd": gradient_descent,
    "nag": nesterov,
    "hb": heavy_ball,
}
"""Gradient methods by name: (L, mu) -> method."""


def dq_factor(method: Method, *, bits: float, rho: float) -> float:
    """Return the contraction factor of a differentially quantised method: max(sigma, l).

    l is the largest root of l^2 = q ((1 + gamma) l + gamma), q = rho 2**-bits; without momentum it is q, the source's
    max(sigma, rho 2**-R). No scheme of R bits a number does better than max(sigma, 2**-R).

    Args:
        method: the unquantised method.
        bits: R, bits a number.
        rho: covering efficiency of the quantiser, at least 1.

    Source: Lin, Kostina and Hassibi 2020, arXiv 2002.02508; the root for momentum is ours, by the recursion of ranges.
    """
    q, gamma = _error(bits, rho), method.momentum
    b = q * (1 + gamma)
    return max(method.factor, (b + math.sqrt(b * b + 4 * q * gamma)) / 2)


def naive_factor(method: Method, *, bits: float, rho: float) -> float:
    """Return the contraction of gradient descent whose gradients are quantised without memory.

    sigma + eta L rho 2**-bits, the range of a message being L times the bound of the distance; eta L = 1 + sigma at
    eta = 2 / (L + mu). The source states sigma + rho 2**-R, for another range.
    """
    return method.factor + (1 + method.factor) * _error(bits, rho)


def dq_ranges(method: Method, *, bits: float, rho: float, first: float) -> Schedule:
    """Return the radius that holds message i of a differentially quantised method, as a schedule.

    r_i = first B(i) + q ((1 + gamma) r_{i-1} + gamma r_{i-2}), q = rho 2**-bits: a bound of the gradient on the
    unquantised path, B(i) = sigma^i without momentum and (1 + 2 i) sigma^i with it (the methods have double roots),
    plus what errors of the last two messages are sent again.

    Args:
        method: the unquantised method.
        bits: R, bits a number.
        rho: covering efficiency of the quantiser.
        first: L ||x_0 - x*||.

    Source: Lin, Kostina and Hassibi 2020, arXiv 2002.02508, for gradient descent; momentum is ours.
    """
    q, gamma = _error(bits, rho), method.momentum
    known: list[float] = []

    def radius(message: int) -> float:
        while len(known) <= message:
            i = len(known)
            last, before = known[-1] if i else 0.0, known[-2] if i > 1 else 0.0
            bound = first * method.factor**i * (1 + 2 * i if gamma else 1)
            known.append(bound + q * ((1 + gamma) * last + gamma * before))
        return known[message]

    return radius


def naive_ranges(method: Method, *, bits: float, rho: float, first: float) -> Schedule:
    """Return the radius that holds message i of memoryless quantisation: first times :func:`naive_factor` to the i."""
    factor = naive_factor(method, bits=bits, rho=rho)
    return lambda message: first * factor**message


def _error(bits: float, rho: float) -> float:
    _positive(bits=bits, rho=rho)
    return float(rho * 2.0**-bits)
