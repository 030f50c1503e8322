"""Big batches: the signals of several updates add up to one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learn.arrays import Array, xp, zeros
from learn.errors import RuleError
from learn.keys import Key
from learn.rules.base import ONE, Params, Rule, Signal, State, Steps, check_signal, fixed, in_fixed_point
from learn.rules.rounding import rounding
from learn.spaces import Ordered


class Accumulated(NamedTuple):
    """What is remembered between two big batches."""

    total: Array  # int64, shape of the parameters: the signals since the last step, in units of 2**-20
    updates: NDArray[np.int64]  # (): how many they are
    inner: State


def accumulated(space: Ordered, rule: Rule, *, every: int = 4, scale: float | None = None) -> Rule:
    """Hand the rule the sum of ``every`` signals at a time; between two of them nothing steps.

    That is a batch ``every`` times as large: the noise of the signal shrinks against its mean. The rule sees sums of
    g / scale in units of 2**-20, integers; one that measures signals by their mean, as rules do by default, need not
    know.

    Args:
        space: where the parameters live: an ordered one.
        rule: what makes steps of a sum.
        every: how many signals, at least 1.
        scale: what each g is measured by; default the mean |g| of the array, so that all count alike.

    Raises:
        RuleError: a setting out of range.

    Source: Big SR in Li et al. 2017, arXiv 1706.02379, table 1.
    """
    if every < 1:
        raise RuleError(f"accumulated: got every {every}, expected at least 1")
    unit = None if scale is None else fixed("accumulated: scale", scale)

    def init(params: Params) -> Accumulated:
        return Accumulated(zeros(tuple(params.shape), params), np.asarray(0, np.int64), rule.init(params))

    def update(signal: Signal, state: Accumulated, params: Params, *, key: Key) -> tuple[Steps, Accumulated]:
        fresh = in_fixed_point(check_signal(space, signal, params), rate=ONE, scale=unit)
        # Held, so that no sum of every signals leaves 64 bits.
        limit = (1 << 62) // every
        total, updates = state.total + xp(fresh).clip(fresh, -limit, limit), int(state.updates) + 1
        if updates < every:
            none = zeros(tuple(params.shape), params)
            return none, Accumulated(total, np.asarray(updates, np.int64), state.inner)
        steps, inner = rule.update(total, state.inner, params, key=key)
        return steps, Accumulated(0 * total, np.asarray(0, np.int64), inner)

    return Rule(init, update)


def big_rounding(space: Ordered, *, rate: float = 0.6, every: int = 4) -> Rule:
    """Make stochastic rounding with a batch ``every`` times as large, as Big SR in Li et al. 2017, arXiv 1706.02379.

    Args:
        space: where the parameters live: an ordered one.
        rate: what a parameter moves on average, once in ``every`` updates.
        every: how many signals are one, at least 1.

    Raises:
        RuleError: a setting out of range.
    """
    return accumulated(space, rounding(space, rate=rate), every=every)
