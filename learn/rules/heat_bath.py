"""The heat bath: draw the next value from its Gibbs distribution at a temperature."""

from __future__ import annotations

import math

from learn.arrays import Array, cast, like, xp
from learn.keys import Key
from learn.rules.base import Params, Rule, RuleSpace, Signal, State, Steps, positive, read_signal, stateless, take
from learn.spaces import Choice

MOVES = (-1, 0, 1)


def heat_bath(space: RuleSpace, *, temperature: float = 1.0) -> Rule:
    """Make the heat bath at ``temperature``, in the unit of the signal.

    A move m changes the loss by dL = m g, and a parameter draws among the moves it can make, staying included, with
    chances proportional to exp(-dL / T). In Bit and Sign that is a flip with probability 1 / (1 + exp(dL / T)); in
    Ternary and Int one of -1, 0, +1, those past an end left out. In ``Choice`` the draw is exactly
    softmax(-signal / T). All by Gumbel noise: the move with the least dL / T - noise.

    A zero signal is no reason to stay: all moves are then equally likely.

    Args:
        space: where the parameters live.
        temperature: T, above 0.

    Raises:
        RuleError: a temperature out of range.

    Source: Geman and Geman 1984, doi 10.1109/TPAMI.1984.4767596; Gumbel noise: Maddison, Tarlow and Minka 2014,
    arXiv 1411.0030.
    """
    positive("heat_bath: temperature", temperature)

    def ordered(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        g, library = read_signal(space, signal, params) / temperature, xp(signal)
        one = library.ones_like(cast(params, "int64"))
        possible = [space.fit(params, m * one) == m for m in MOVES]  # type: ignore[union-attr]
        costs = [library.where(can, m * g, math.inf) for m, can in zip(MOVES, possible, strict=True)]
        return least(library.stack(costs, -1), key) - 1, state

    def choice(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        g = read_signal(space, signal, params)
        return take(space, least(g / temperature, key), params), state  # type: ignore[arg-type]

    return Rule(stateless, choice if isinstance(space, Choice) else ordered)


def least(costs: Array, key: Key) -> Array:
    """Draw an index along the last axis with chances proportional to exp(-cost)."""
    return (costs - like(key.gumbel(tuple(costs.shape)), costs)).argmin(-1)
