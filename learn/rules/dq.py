"""Differentially quantised gradient methods: past quantisation errors steer the path back to the unquantised one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learn.arrays import Array, cast, zeros
from learn.errors import RuleError
from learn.keys import Key
from learn.rules.base import Params, Rule, Signal, Steps, check_signal, positive
from learn.rules.quantisers import Quantiser, uniform
from learn.spaces import Real


class DqState(NamedTuple):
    """What worker and server remember; the next signal is to be taken at ``params + shift``."""

    shift: Array  # float64, shape of the parameters
    error: Array  # float64, same shape: e of the last message
    before: Array  # float64, same shape: e of the message before that
    velocity: Array  # float64, same shape: the last step
    updates: NDArray[np.int64]  # (): how many messages so far


def dq(
    space: Real,
    *,
    rate: float = 0.01,
    momentum: float = 0.0,
    lookahead: bool = False,
    quantiser: Quantiser | None = None,
) -> Rule:
    """Make a differentially quantised gradient method on real parameters x, those of the server.

    A worker sends q = Q(u) of u = g - ((1 + gamma) e - gamma e'), with e and e' the errors of the last two messages
    (e = q - u), and the server steps by gamma (x - x') - rate q. The gradient g is to be taken at ``x + state.shift``:
    rate e ahead for gradient descent and the heavy ball, and with Nesterov's ``lookahead`` at
    y + rate ((1 + gamma) e - gamma e'), y = x + gamma (x - x'). Then, for any quantiser and any function,

        x_t = x_t of the unquantised method - rate e_{t-1}

    exactly. With g taken at x instead, momentum 0, this is error feedback as in Karimireddy et al. 2019, arXiv
    1901.09847, which lacks that property.

    Args:
        space: Real.
        rate: eta, above 0.
        momentum: gamma, 0 to below 1.
        lookahead: Nesterov's method; else the heavy ball, or gradient descent where the momentum is 0.
        quantiser: Q; default 8 bits a number.

    Raises:
        RuleError: a setting out of range.

    Source: Lin, Kostina and Hassibi 2020, arXiv 2002.02508, DQ-GD, DQ-NAG and DQ-HB.
    """
    positive("dq: rate", rate)
    if not 0 <= momentum < 1:
        raise RuleError(f"dq: got momentum {momentum}, expected 0 to below 1")
    message = quantiser or uniform(8)

    def compensated(error: Array, before: Array) -> Array:
        return (1 + momentum) * error - momentum * before

    def init(params: Params) -> DqState:
        nothing = cast(zeros(tuple(params.shape), params), "float64")
        return DqState(nothing, nothing, nothing, nothing, np.asarray(0, np.int64))

    def update(signal: Signal, state: DqState, params: Params, *, key: Key) -> tuple[Steps, DqState]:
        g, t = cast(check_signal(space, signal, params), "float64"), int(state.updates)
        wanted = g - compensated(state.error, state.before)
        sent = message(wanted, t)
        error = sent - wanted
        step = momentum * state.velocity - rate * sent
        shift = momentum * step + rate * compensated(error, state.error) if lookahead else rate * error
        return step, DqState(shift, error, state.error, step, np.asarray(t + 1, np.int64))

    return Rule(init, update)
