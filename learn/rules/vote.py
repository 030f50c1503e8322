"""The Bernoulli sign vote: every parameter steps on its own, the likelier the stronger its signal."""

from __future__ import annotations

import math

from learn.arrays import Array, cast, xp
from learn.keys import Key
from learn.rules.base import (
    Params,
    Rule,
    RuleSpace,
    Signal,
    State,
    Steps,
    positive,
    read_signal,
    stateless,
    take,
    uniform_like,
)
from learn.spaces import Choice


def vote(space: RuleSpace, *, rate: float = 0.15, scale: float | None = None) -> Rule:
    """Make the sign vote: step -sign(g_i) with probability min(1, rate |g_i| / scale).

    Before the step is fitted to the space, E[u_i] = -min(1, rate |g_i| / scale) sign(g_i), each independent of the
    others. A zero signal never steps.

    In ``Choice`` each choice that lowers the loss fires with that probability, and the best of the fired is taken (the
    first of equals); the mean is then over the choices of the array that lower the loss.

    Args:
        space: where the parameters live.
        rate: above 0; measured best near 0.15 for look-up tables of 4 and 6 inputs, near 1 for 2 inputs.
        scale: what |g| is measured by; default the mean |g| of the array, which adapts to every layer.

    Raises:
        RuleError: a setting out of range.

    Source: the independent-coordinate relative of ZIM (arXiv 2512.04051); ours.
    """
    positive("vote: rate", rate)
    if scale is not None:
        positive("vote: scale", scale)

    def ordered(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        g, library = read_signal(space, signal, params), xp(signal)
        size = abs(g)
        fired = fires(size, size.sum(), math.prod(params.shape), key)
        steps = cast(-library.sign(g) * fired, "int64")
        return space.fit(params, steps), state  # type: ignore[union-attr]

    def choice(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        g, library = read_signal(space, signal, params), xp(signal)
        gain = library.where(g < 0, -g, 0)
        best = library.where(fires(gain, gain.sum(), (gain > 0).sum(), key), gain, 0)
        steps = take(space, best.argmax(-1), params)  # type: ignore[arg-type]
        return library.where(library.amax(best, -1) > 0, steps, 0), state

    def fires(size: Array, total: Array, count: Array, key: Key) -> Array:
        # Compared as products, integer signals take no rounded quotient and a zero signal divides by nothing.
        if scale is None:
            return uniform_like(size, key) * total < rate * count * size
        return uniform_like(size, key) * scale < rate * size

    return Rule(stateless, choice if isinstance(space, Choice) else ordered)
