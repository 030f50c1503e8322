"""ZIM: steps drawn from a zero-inflated multinomial distribution."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learn.arrays import Array, cast, like, to_numpy, xp, zeros
from learn.errors import RuleError
from learn.keys import Key
from learn.rules.base import Params, Rule, RuleSpace, Signal, State, Steps, read_signal, stateless, take
from learn.spaces import Choice

Scope = Literal["tensor", "all"]


def zim(
    space: RuleSpace,
    *,
    n: float | None = None,
    share: float | None = None,
    zero_inflation: float = 0.0,
    laplace: float = 1.0,
    scope: Scope = "tensor",
) -> Rule:
    """Make the zero-inflated multinomial rule.

    With signal g over d parameters, x ~ Multinomial(n, p), p_i = (|g_i| + c) / (||g||_1 + d c), and
    B ~ Bernoulli(lambda) once an update, the step is u = -B sign(g) x. lambda = 1 - ``zero_inflation`` plays the part
    of the learning rate. Before the step is fitted to the space,

        E[u_i]    = -lambda n p_i sign(g_i)
        E[||u||^2] = lambda (n P1 + n (n - 1) P2),   P1 = sum of p_i, P2 = sum of p_i^2, both over g_i != 0

    (:func:`mean_step`, :func:`second_moment`). A zero signal never steps; the trials that fall on it are lost.

    In ``Choice`` every parameter draws one of the choices that lower its loss, with probability (|g_j| + c) normalised
    over those, and B decides for all together; where nothing lowers the loss the choice stays, whatever c is.

    Args:
        space: where the parameters live.
        n: trials an update, rounded, as a schedule may give any number. Default: round(d ** (1 / ndim)) for scope
            "tensor" (the square root of d for a matrix), d for scope "all". Without meaning in ``Choice``.
        share: trials as a share of the parameters, n = round(share d), in place of ``n``.
        zero_inflation: the probability of no step at all, 0 to 1.
        laplace: the constant c >= 0: how much every parameter shares in the trials whatever its signal.
        scope: "tensor": a draw of its own for each array; "all": one draw over the whole model, where signal and
            params may be tuples or lists of arrays (steps come back as a tuple).

    Raises:
        RuleError: a setting out of range.

    Source: Wilson, Zanasi and Constantinides 2025, arXiv 2512.04051, definitions 3.1 and 3.2, proposition B.3.
    """
    if n is not None and not 0 <= n < np.inf:
        raise RuleError(f"zim: got n = {n}, expected at least 0")
    if share is not None and (n is not None or not 0 <= share < np.inf):
        raise RuleError(f"zim: got share {share} and n = {n}, expected one of them, at least 0")
    if not 0 <= zero_inflation <= 1:
        raise RuleError(f"zim: got zero_inflation {zero_inflation}, expected 0..1")
    if not 0 <= laplace < np.inf:
        raise RuleError(f"zim: got laplace {laplace}, expected at least 0")
    if scope not in ("tensor", "all"):
        raise RuleError(f"zim: got scope {scope!r}, expected 'tensor' or 'all'")

    def inflated(key: Key) -> bool:
        return zero_inflation > 0 and bool(key.fold("zero").uniform() < zero_inflation)

    def ordered(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        single = not isinstance(params, tuple | list)
        many, signals = ([params], [signal]) if single else (params, signal)
        g = [read_signal(space, s, p) for s, p in zip(signals, many, strict=True)]
        weights = np.concatenate([np.abs(to_numpy(s)).reshape(-1) for s in g]) + laplace
        trials = round(n) if n is not None else weights.size if scope == "all" else default_trials(params)
        if share is not None:
            trials = round(share * weights.size)
        if inflated(key) or not weights.any():
            trials = 0
        x = key.fold("trials").multinomial(trials, weights) if trials else np.zeros(weights.size, np.int64)
        steps, start = [], 0
        for s, p in zip(g, many, strict=True):
            size = int(np.prod(p.shape))
            counts = like(x[start : start + size].reshape(tuple(p.shape)), s)
            steps.append(space.fit(p, cast(-xp(s).sign(s), "int64") * counts))  # type: ignore[union-attr]
            start += size
        return (steps[0] if single else tuple(steps)), state

    def choice(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        g = read_signal(space, signal, params)
        if inflated(key):
            return zeros(tuple(params.shape), params), state
        weights = xp(g).where(g < 0, laplace - g, 0.0)
        return take(space, drawn(weights, cast(params, "int64"), key.fold("trials")), params), state  # type: ignore[arg-type]

    return Rule(stateless, choice if isinstance(space, Choice) else ordered)


def drawn(weights: Array, current: Array, key: Key) -> Array:
    """Draw an index along the last axis with chances proportional to ``weights``; ``current`` where all are zero."""
    library = xp(weights)
    edges = library.cumsum(weights, axis=-1)
    total = edges[..., -1]
    ball = like(key.uniform(tuple(total.shape)), weights) * total
    return library.where(total > 0, cast(edges > ball[..., None], "int8").argmax(-1), current)


def default_trials(params: Params) -> int:
    """Return round(d ** (1 / ndim)): the trials of one array of d parameters."""
    shape = tuple(params.shape)
    return round(float(np.prod(shape)) ** (1 / len(shape))) if shape else 1


def trial_chances(signal: ArrayLike, laplace: float) -> NDArray[np.float64]:
    """Return p_i = (|g_i| + c) / (||g||_1 + d c), in the shape of the signal."""
    weights = np.abs(np.asarray(signal, np.float64)) + laplace
    return weights / weights.sum()


def mean_step(signal: ArrayLike, *, n: int, zero_inflation: float = 0.0, laplace: float = 1.0) -> NDArray[np.float64]:
    """Return E[u_i] = -lambda n p_i sign(g_i) of one array, before fitting to the space."""
    return -(1 - zero_inflation) * n * trial_chances(signal, laplace) * np.sign(np.asarray(signal))


def second_moment(signal: ArrayLike, *, n: int, zero_inflation: float = 0.0, laplace: float = 1.0) -> float:
    """Return E[||u||^2] = lambda (n P1 + n (n - 1) P2) of one array, before fitting to the space."""
    p = trial_chances(signal, laplace)[np.asarray(signal) != 0]
    return float((1 - zero_inflation) * (n * p.sum() + n * (n - 1) * (p**2).sum()))
