"""BinaryConnect: small steps add up in a latent number; what is used is its rounding."""

from __future__ import annotations

from typing import NamedTuple

from learn.arrays import Array, cast, xp
from learn.errors import RuleError
from learn.keys import Key
from learn.rules.base import ONE, ROOM, Params, Rule, Signal, Steps, check_signal, fixed, in_fixed_point
from learn.spaces import Ordered


class Latent(NamedTuple):
    """What BinaryConnect remembers."""

    latent: Array  # int64, shape of the parameters: where they would be, from the lowest value on, in units of 2**-20


def binary_connect(space: Ordered, *, rate: float = 0.15, scale: float | None = None) -> Rule:
    """Make BinaryConnect: w_r <- clip(w_r - a g(Q(w_r))), and the parameter is Q(w_r), the nearest value of the space.

    a = rate / scale. The latent w_r counts places of the space from its lowest value, in units of 2**-20: an integer,
    held between the ends of the space. In Sign and Bit, Q is the sign, that is the published rule; the first of the
    two values around a half is the higher one. It starts on the parameter, so a zero signal on a fresh state never
    steps. The rule draws nothing, and an integer signal meets no float.

    Args:
        space: where the parameters live: an ordered one, since Q rounds to a neighbour.
        rate: 2**-20 to 2**20; by default what a latent moves on average.
        scale: what g is measured by; default the mean |g| of the array, which adapts to every layer.

    Raises:
        RuleError: a setting out of range, or a space of more than 2**40 values.

    Source: Courbariaux, Bengio and David 2015, arXiv 1511.00363, algorithm 1; as BC in Li et al. 2017, arXiv
    1706.02379. The fixed point, the scale and ranges are ours.
    """
    a = fixed("binary_connect: rate", rate)
    unit = None if scale is None else fixed("binary_connect: scale", scale)
    top = (space.size - 1) * ONE
    if top > ROOM:
        raise RuleError(f"binary_connect: got {space}, expected a space of at most 2**40 values")

    def places(params: Params) -> Array:
        return (cast(params, "int64") - space.lo) // space.stride

    def update(signal: Signal, state: Latent, params: Params, *, key: Key) -> tuple[Steps, Latent]:
        down = in_fixed_point(check_signal(space, signal, params), rate=a, scale=unit)
        latent = xp(down).clip(state.latent - xp(down).clip(down, -top, top), 0, top)
        return ((latent + ONE // 2) >> 20) - places(params), Latent(latent)

    return Rule(lambda params: Latent(places(params) * ONE), update)
