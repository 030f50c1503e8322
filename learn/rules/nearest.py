"""Deterministic rounding: take the real-valued step to the nearest integer."""

from __future__ import annotations

from learn.arrays import xp
from learn.keys import Key
from learn.rules.base import ONE, Params, Rule, Signal, State, Steps, check_signal, fixed, in_fixed_point, stateless
from learn.spaces import Ordered


def nearest(space: Ordered, *, rate: float = 0.5, scale: float | None = None) -> Rule:
    """Make deterministic rounding: w <- Q_d(w - a g), Q_d(w) = sign(w) floor(|w| + 1/2).

    a = rate / scale. A parameter steps by a g rounded to nearest, a half away from zero, so it stays for good where
    |a g| is below a half: a small rate freezes it, which is what stochastic rounding was made against. The product is
    in units of 2**-20: an integer signal meets no float. A zero signal never steps.

    Args:
        space: where the parameters live: an ordered one.
        rate: 2**-20 to 2**20; by default a signal of mean size is just enough for one step.
        scale: what g is measured by; default the mean |g| of the array, which adapts to every layer.

    Raises:
        RuleError: a setting out of range.

    Source: R in Li et al. 2017, arXiv 1706.02379. It rounds the sum, where a half goes away from the parameter's zero;
    here a half goes with the step. The scale and the fixed point are ours.
    """
    a = fixed("nearest: rate", rate)
    unit = None if scale is None else fixed("nearest: scale", scale)

    def update(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        down = in_fixed_point(check_signal(space, signal, params), rate=a, scale=unit)
        return space.fit(params, -xp(down).sign(down) * ((abs(down) + ONE // 2) >> 20)), state

    return Rule(stateless, update)
