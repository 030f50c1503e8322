"""Adam's moments in front of a discrete rule: R-ADAM, SR-ADAM, BC-ADAM, Big SR-ADAM."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learn.arrays import Array, cast, sqrt, zeros
from learn.errors import RuleError
from learn.keys import Key
from learn.rules.accumulated import accumulated
from learn.rules.base import Params, Rule, Signal, chain, check_signal, positive
from learn.rules.binary_connect import binary_connect
from learn.rules.nearest import nearest
from learn.rules.rounding import rounding
from learn.spaces import Ordered, Real


class Moments(NamedTuple):
    """What Adam remembers."""

    first: Array  # float64, shape of the parameters: running mean of the signal
    second: Array  # float64, same shape: running mean of its square
    updates: NDArray[np.int64]  # (): how many so far


def moments(space: Ordered | Real, *, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Rule:
    """Make the transform that turns a signal into Adam's direction m / (sqrt(v) + epsilon), float64.

    m <- beta1 m + (1 - beta1) g and v <- beta2 v + (1 - beta2) g^2, divided by 1 - beta**t at update t. Its result is
    a signal, of size about 1 whatever the size of g; the next rule of a chain makes steps of it. The moments are
    floats, beside integer parameters. Every operation rounds by itself, so numpy and torch agree bit for bit.

    Args:
        space: where the parameters live.
        beta1: of the mean, 0 to below 1.
        beta2: of the square, 0 to below 1.
        epsilon: above 0.

    Raises:
        RuleError: a setting out of range.

    Source: Kingma and Ba 2015, arXiv 1412.6980, algorithm 1.
    """
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        if not 0 <= beta < 1:
            raise RuleError(f"moments: got {name} {beta}, expected 0 to below 1")
    positive("moments: epsilon", epsilon)

    def init(params: Params) -> Moments:
        nothing = cast(zeros(tuple(params.shape), params), "float64")
        return Moments(nothing, nothing, np.asarray(0, np.int64))

    def update(signal: Signal, state: Moments, params: Params, *, key: Key) -> tuple[Signal, Moments]:
        g, t = cast(check_signal(space, signal, params), "float64"), int(state.updates) + 1
        first = beta1 * state.first + (1 - beta1) * g
        second = beta2 * state.second + (1 - beta2) * (g * g)
        # Reciprocals, since one library divides by a number and the other multiplies by its inverse.
        mean, size = first * (1 / (1 - beta1**t)), sqrt(second) * (1 / math.sqrt(1 - beta2**t)) + epsilon
        return mean / size, Moments(first, second, np.asarray(t, np.int64))

    return Rule(init, update)


def adam_nearest(space: Ordered, *, rate: float = 1.0, beta1: float = 0.9, beta2: float = 0.999) -> Rule:
    """Make R-ADAM (Li et al. 2017, arXiv 1706.02379): Adam's direction times ``rate``, rounded to nearest."""
    return chain(moments(space, beta1=beta1, beta2=beta2), nearest(space, rate=rate, scale=1.0))


def adam_rounding(space: Ordered, *, rate: float = 0.15, beta1: float = 0.9, beta2: float = 0.999) -> Rule:
    """Make SR-ADAM (Li et al. 2017, arXiv 1706.02379): Adam's direction times ``rate``, rounded stochastically."""
    return chain(moments(space, beta1=beta1, beta2=beta2), rounding(space, rate=rate, scale=1.0))


def adam_binary_connect(space: Ordered, *, rate: float = 0.15, beta1: float = 0.9, beta2: float = 0.999) -> Rule:
    """Make BC-ADAM (Li et al. 2017, arXiv 1706.02379): latent numbers move by Adam's direction times ``rate``."""
    return chain(moments(space, beta1=beta1, beta2=beta2), binary_connect(space, rate=rate, scale=1.0))


def adam_big_rounding(
    space: Ordered, *, rate: float = 0.6, every: int = 4, beta1: float = 0.9, beta2: float = 0.999
) -> Rule:
    """Make Big SR-ADAM (Li et al. 2017, arXiv 1706.02379): SR-ADAM of the sum of ``every`` signals at a time."""
    return accumulated(space, adam_rounding(space, rate=rate, beta1=beta1, beta2=beta2), every=every)
