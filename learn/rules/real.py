"""SGD and Adam on real numbers: what the discrete rules are compared with."""

from __future__ import annotations

from learn.arrays import cast
from learn.keys import Key
from learn.rules.base import Params, Rule, Signal, State, Steps, chain, check_signal, positive, stateless
from learn.rules.moments import moments
from learn.spaces import Real


def sgd(space: Real, *, rate: float = 0.01) -> Rule:
    """Make gradient descent: the step is -rate g, float64.

    Args:
        space: Real.
        rate: above 0.

    Raises:
        RuleError: a rate out of range.

    Source: Robbins and Monro 1951, doi 10.1214/aoms/1177729586.
    """
    positive("sgd: rate", rate)

    def update(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        return -rate * cast(check_signal(space, signal, params), "float64"), state

    return Rule(stateless, update)


def adam(space: Real, *, rate: float = 0.01, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Rule:
    """Make Adam: the step is -rate times the direction of :func:`learn.rules.moments.moments`.

    Raises:
        RuleError: a setting out of range.

    Source: Kingma and Ba 2015, arXiv 1412.6980, algorithm 1.
    """
    return chain(moments(space, beta1=beta1, beta2=beta2, epsilon=epsilon), sgd(space, rate=rate))
