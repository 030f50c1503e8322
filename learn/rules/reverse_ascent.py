"""Reverse derivative ascent: every parameter that the reverse derivative names flips."""

from __future__ import annotations

from learn.arrays import cast, xp
from learn.keys import Key
from learn.rules.base import Params, Rule, Signal, State, Steps, check_signal, stateless
from learn.spaces import Bit


def reverse_ascent(space: Bit) -> Rule:
    """Make reverse derivative ascent over Z_2: theta <- theta XOR change.

    The signal is no slope but an element of the ring: the change of every parameter that the reverse derivative
    R[f]((theta, x), y XOR f(theta, x)) asks for, usually of one sample. An integer counts modulo 2. The rule draws
    nothing.

    Args:
        space: Bit.

    Source: Wilson and Zanasi 2021, arXiv 2101.10488, definition of RDA.
    """

    def update(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        change = cast(check_signal(space, signal, params), "int64") & 1
        return xp(change).where(cast(params, "int64") == 0, change, -change), state

    return Rule(stateless, update)
