"""Bop: a bit flips where a running mean of its signal has long asked for it."""

from __future__ import annotations

from typing import NamedTuple

from learn.arrays import Array, xp, zeros
from learn.errors import RuleError
from learn.keys import Key
from learn.rules.base import ONE, Params, Rule, Signal, Steps, check_signal, fixed, in_fixed_point
from learn.spaces import Ordered


class Momentum(NamedTuple):
    """What Bop remembers."""

    mean: Array  # int64, shape of the parameters: the running mean of g / scale, in units of 2**-40


def bop(space: Ordered, *, gamma: float = 0.01, threshold: float = 0.1, scale: float | None = None) -> Rule:
    """Make the binary optimiser: m <- (1 - gamma) m + gamma g / scale; step once against m where |m| > threshold.

    In Bit and Sign this is the published rule: flip where |m| > threshold and sign(m) = sign(w). In Ternary and Int the
    same words give a step of one every update as long as |m| is above the threshold. m is an integer in units of
    2**-40, rounded to nearest, |g / scale| at most 2**20; a step does not change it. A zero signal on a fresh state
    never steps. The rule draws nothing, and an integer signal meets no float.

    Args:
        space: where the parameters live: an ordered one.
        gamma: how fast the mean follows, 2**-20 to 1.
        threshold: 2**-20 to 2**20.
        scale: what g is measured by; default the mean |g| of the array, which adapts to every layer.

    Raises:
        RuleError: a setting out of range.

    Source: Helwegen et al. 2019, arXiv 1906.02107, algorithm 2. The scale, the fixed point and ranges are ours.
    """
    share, bar = fixed("bop: gamma", gamma), fixed("bop: threshold", threshold) * ONE
    if share > ONE:
        raise RuleError(f"bop: gamma: got {gamma}, expected 2**-20 to 1")
    unit = None if scale is None else fixed("bop: scale", scale)
    most = ONE * ONE * ONE

    def update(signal: Signal, state: Momentum, params: Params, *, key: Key) -> tuple[Steps, Momentum]:
        # A rate of 2**20 makes units of 2**-40.
        g = in_fixed_point(check_signal(space, signal, params), rate=ONE * ONE, scale=unit)
        library = xp(g)
        gap = library.clip(g, -most, most) - state.mean
        # share * gap / 2**20 by parts, since the product would leave 64 bits.
        mean = state.mean + (gap >> 20) * share + (((gap & (ONE - 1)) * share + ONE // 2) >> 20)
        steps = library.where(abs(mean) > bar, -library.sign(mean), 0)
        return space.fit(params, steps), Momentum(mean)

    return Rule(lambda params: Momentum(zeros(tuple(params.shape), params)), update)
