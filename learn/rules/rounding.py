"""Stochastic rounding: take the real-valued step to one of the two integers around it, right on average."""

from __future__ import annotations

import math

import numpy as np

from learn.arrays import like
from learn.keys import Key
from learn.rules.base import Params, Rule, Signal, State, Steps, check_signal, fixed, in_fixed_point, stateless
from learn.spaces import Ordered

_UNUSED = np.uint64(44)  # of the 64 bits drawn; the other 20 are a uniform number in fixed point


def rounding(space: Ordered, *, rate: float = 0.15, scale: float | None = None) -> Rule:
    """Make stochastic rounding: w <- Q_s(w - a g), Q_s(w) = floor(w) + [p <= w - floor(w)], p uniform in [0, 1).

    a = rate / scale, so before the step is fitted to the space E[u_i] = -rate g_i / scale, and u_i is one of the two
    integers around that. The product is in units of 2**-20 and so is p: an integer signal meets no float. A zero signal
    never steps. Rounding to nearest instead would freeze as soon as steps are below a half.

    Args:
        space: where the parameters live: an ordered one, since Q_s rounds to a neighbour.
        rate: 2**-20 to 2**20; by default what a parameter moves on average.
        scale: what g is measured by; default the mean |g| of the array, which adapts to every layer.

    Raises:
        RuleError: a setting out of range.

    Source: Gupta et al. 2015, arXiv 1502.02551; as SR in Li et al. 2017, arXiv 1706.02379. The scale is ours.
    """
    a = fixed("rounding: rate", rate)
    unit = None if scale is None else fixed("rounding: scale", scale)

    def update(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        down = in_fixed_point(check_signal(space, signal, params), rate=a, scale=unit)
        drawn = (key.words(math.prod(down.shape)) >> _UNUSED).astype(np.int64).reshape(tuple(down.shape))
        return space.fit(params, (like(drawn, down) - down) >> 20), state

    return Rule(stateless, update)
