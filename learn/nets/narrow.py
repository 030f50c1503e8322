"""Keep the state of a rule in a byte a parameter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from learn.arrays import Array, cast, like, xp
from learn.errors import NetError
from learn.keys import Key
from learn.rules.base import ONE, Params, Rule, Signal, State, Steps

_WIDTHS = {"int8": 7, "int16": 15}


def narrowed(rule: Rule, dtype: str = "int8", *, most: float = 2.0) -> Rule:
    """Make a rule keep its fixed-point arrays in one byte or two between updates instead of eight.

    What a number loses is rounded at random, up with the chance of the part that is lost, so that sums of many small
    signals are right on average. BOLD's accumulators flip at 1, so a byte that holds -2..2 has steps of 1/64.

    Args:
        rule: its state's arrays, but for single numbers, are in units of 2**-20, as those of BOLD are.
        dtype: "int8" or "int16".
        most: the largest size that is kept, a power of two; beyond it numbers saturate.

    Raises:
        NetError: a dtype or a size that is none of these.
    """
    if dtype not in _WIDTHS or math.frexp(most)[0] != 0.5 or not 1 / ONE <= most <= ONE:
        raise NetError(f"narrowed: got {dtype} and a largest size of {most}, expected int8 or int16 and a power of two")
    shift = max(0, round(math.log2(most * ONE)) - _WIDTHS[dtype])
    limit = (1 << _WIDTHS[dtype]) - 1

    def narrow(array: Array, key: Key) -> Array:
        chance = like((key.words(math.prod(array.shape)) >> np.uint64(64 - shift)).astype(np.int64), array)
        rounded = (array + chance.reshape(array.shape)) >> shift if shift else array
        return cast(xp(array).clip(rounded, -limit, limit), dtype)

    def init(params: Params) -> State:
        return _mapped(rule.init(params), lambda array, place: cast(array >> shift, dtype))

    def update(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        wide = _mapped(state, lambda array, place: cast(array, "int64") << shift)
        steps, after = rule.update(signal, wide, params, key=key)
        return steps, _mapped(after, lambda array, place: narrow(array, key.fold("narrowed", place)))

    return Rule(init, update)


def _mapped(state: State, function: Callable[[Array, int], Array], place: int = 0) -> Any:
    """Return a state of tuples with ``function`` of its arrays; single numbers stay."""
    if isinstance(state, tuple):
        parts = [_mapped(part, function, 16 * place + i) for i, part in enumerate(state)]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return function(state, place) if len(state.shape) else state
