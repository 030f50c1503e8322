"""What a rule is, and how rules combine.

The convention, everywhere. A positive signal means that the loss grows when the parameter grows; rules step against
it. In an ordered space (Bit, Sign, Ternary, Int) the signal has the shape of the parameters. In ``Choice(n)`` it has
one more axis at the end, of length n: ``signal[..., j]`` is the change of the loss if choice j were taken, so it is 0
at the current choice and negative where the loss would fall; the step is ``(chosen - current) mod n``. Signals may be
integer or float. Rules of fixed point (:func:`in_fixed_point`) make integers of them at the door; rules that draw by
chances read them as float64, so integers below 2**53 count exactly. Steps are int64 in the shape of the parameters,
already fitted to the space; in ``Real``, where the methods of comparison live, they are float64. Reverse derivative
ascent alone reads a signal otherwise: as the change that is asked for, modulo 2.

A rule is pure: it changes neither its arguments nor anything else, and draws only from the key it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learn.arrays import Array, cast, dtype_name, is_large, like, xp, zeros
from learn.errors import RuleError
from learn.keys import Key
from learn.spaces import Choice, Ordered, Real

Params = Any  # an array of integers; for rules over a whole model, a tuple or list of arrays
Signal = Any
Steps = Any
State = Any  # nested tuples and data classes of arrays
Schedule = Callable[[int], float]
RuleSpace = Ordered | Choice | Real
ONE = 1 << 20
"""1.0 in fixed point."""
ROOM = 1 << 61
"""Fixed-point numbers saturate here: their doubles still fit 64 bits."""
DIGITS = 30
"""Bits that the largest of a float signal keeps in fixed point."""


class Rule(NamedTuple):
    """A discrete update rule.

    Attributes:
        init: ``init(params)``: the state before the first update.
        update: ``update(signal, state, params, *, key)``: the integer steps and the next state.
    """

    init: Callable[[Params], State]
    update: Callable[..., tuple[Steps, State]]


class Stateless(NamedTuple):
    """The state of a rule that remembers nothing."""


def stateless(params: Params) -> Stateless:
    """Return the empty state."""
    return Stateless()


def read_signal(space: RuleSpace, signal: Signal, params: Params) -> Array:
    """Return the signal as float64, its shape checked.

    Raises:
        RuleError: a shape that does not fit the parameters and the space.
    """
    return cast(check_signal(space, signal, params), "float64")


def check_signal(space: RuleSpace, signal: Signal, params: Params) -> Signal:
    """Return the signal as it is, its shape checked.

    Raises:
        RuleError: a shape that does not fit the parameters and the space.
    """
    expected = (*params.shape, space.n) if isinstance(space, Choice) else params.shape
    if signal.shape != expected:
        raise RuleError(f"signal: got shape {tuple(signal.shape)}, expected {tuple(expected)} for {space}")
    return signal


def fixed(name: str, value: float) -> int:
    """Return a setting in fixed point.

    Raises:
        RuleError: below 2**-20 or above 2**20.
    """
    if not 1 / ONE <= value <= ONE:
        raise RuleError(f"{name}: got {value}, expected 2**-20 to 2**20")
    return round(value * ONE)


def in_fixed_point(signal: Signal, *, rate: int, scale: int | None) -> Array:
    """Return rate * signal / scale in units of 2**-20, rounded to nearest, saturating at 2**61: int64.

    No float takes part where the signal is integer; a float one is rounded first, to 30 bits of its largest. The factor
    rate / scale keeps as many bits as the largest |signal| leaves of 61.

    Args:
        signal: any shape.
        rate: in fixed point, above 0.
        scale: in fixed point; None for the mean |signal|, which adapts to every array.

    Raises:
        RuleError: a float signal that is not finite.
    """
    size = max(1, math.prod(signal.shape))
    if is_large(signal):
        from learn import rule_kernels

        flat = np.ascontiguousarray(signal).reshape(-1)
        largest, total = rule_kernels.sizes(flat, ROOM // size)
        if not largest:
            return zeros(signal.shape, signal)
        return rule_kernels.scaled(flat, *_factor(largest, total, 0, size, rate, scale)).reshape(signal.shape)
    g, shift = _integers(signal, math.inf if scale is None else ROOM * scale / (rate * ONE))
    g, largest = _held(g, ROOM // size)  # so that sizes sum to below 2**63
    if not largest:
        return g
    most, factor, shift = _factor(largest, int(abs(g).sum()) if scale is None else 0, shift, size, rate, scale)
    g, _ = _held(g, most, largest)
    product = g * factor
    product += 1 << shift >> 1
    product >>= shift
    return product


def _factor(largest: int, total: int, shift: int, size: int, rate: int, scale: int | None) -> tuple[int, int, int]:
    """Return how large numbers may be, and the factor and the shift that make fixed point of them.

    Args:
        largest: size of a number.
        total: of the sizes, where there is no scale.
        shift: numbers are times 2**shift.
        size: how many numbers.
        rate: in fixed point.
        scale: in fixed point, or None.
    """
    above, below = rate * ONE << max(0, -shift), (scale or 0) << max(0, shift)
    if scale is None:
        above, below = rate * size, total
    most = min(ROOM // size, ROOM * below // above)
    # g * above / below as a product and a shift, the factor as long as 63 bits allow.
    bits = 62 - (min(largest, most) * above // below).bit_length()
    return most, (above << bits) // below, bits


def _held(g: Array, most: int, largest: int | None = None) -> tuple[Array, int]:
    """Return integers held within -most..most, and the largest size there is; it may be known before."""
    if largest is None:
        largest = max(int(g.max()), -int(g.min())) if math.prod(g.shape) else 0
    return (g, largest) if largest <= most else (xp(g).clip(g, -most, most), most)


def _integers(signal: Signal, limit: float) -> tuple[Array, int]:
    """Return the signal times 2**shift as int64, and the shift: 0 where it is integer; a float saturates at a limit."""
    if "float" not in dtype_name(signal):
        return cast(signal, "int64"), 0
    g = cast(signal, "float64")
    largest = float(abs(g).max()) if math.prod(g.shape) else 0.0
    if not math.isfinite(largest):
        raise RuleError(f"signal: got {largest}, expected finite numbers")
    g, largest = xp(g).clip(g, -limit, limit), min(largest, limit)
    shift = DIGITS - math.frexp(largest)[1] if largest else 0
    # Two factors, since 2**shift alone may be past the floats where the signal is tiny.
    return cast(xp(g).round(g * 2.0 ** (shift // 2) * 2.0 ** (shift - shift // 2)), "int64"), shift


def take(space: Choice, chosen: Array, params: Params) -> Steps:
    """Return the steps that lead from the current choices to the chosen ones."""
    return (chosen - cast(params, "int64")) % space.n


def uniform_like(array: Array, key: Key) -> Array:
    """Draw one uniform double in [0, 1) an entry, where ``array`` lies."""
    return like(key.uniform(tuple(array.shape)), array)


def positive(name: str, value: float) -> float:
    """Return a setting that must be finite and above 0.

    Raises:
        RuleError: it is not.
    """
    if not 0 < value < math.inf:
        raise RuleError(f"{name}: got {value}, expected a number above 0")
    return value


IDENTITY = Rule(stateless, lambda signal, state, params, *, key: (signal, state))
"""The rule that hands its signal on as it is."""


def chain(*rules: Rule) -> Rule:
    """Feed each rule's result to the next as its signal; the state is the tuple of their states.

    The last rule draws from the key itself and the ones before it from children, so that a transform put in front of a
    rule never changes what the rule draws.
    """

    def update(signal: Signal, state: tuple[State, ...], params: Params, *, key: Key) -> tuple[Steps, State]:
        after = []
        for left, rule, inner in zip(reversed(range(len(rules))), rules, state, strict=True):
            signal, inner = rule.update(signal, inner, params, key=key.fold("chain", left) if left else key)
            after.append(inner)
        return signal, tuple(after)

    return Rule(lambda params: tuple(rule.init(params) for rule in rules), update)


def masked(rule: Rule, mask: Array) -> Rule:
    """Let only the parameters where ``mask`` is True step; elsewhere the rule sees a zero signal and steps are zero."""

    def update(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        seen = mask.reshape(mask.shape + (1,) * (len(signal.shape) - len(mask.shape)))
        steps, state = rule.update(xp(signal).where(seen, signal, 0), state, params, key=key)
        return xp(steps).where(mask, steps, 0), state

    return Rule(rule.init, update)


def thinned(rule: Rule, share: float) -> Rule:
    """Let each parameter step with probability ``share`` alone, drawn anew every update.

    What steps well one parameter at a time, as the heat bath does, may overshoot when all step at once.
    """
    limit = math.ceil(min(positive("thinned: share", share), 1.0) * 2**53)

    def update(signal: Signal, state: State, params: Params, *, key: Key) -> tuple[Steps, State]:
        steps, state = rule.update(signal, state, params, key=key)
        # The comparison of uniform doubles with the share, in integers.
        drawn = key.fold("thinned").words(math.prod(steps.shape)) >> np.uint64(11) < limit
        return xp(steps).where(like(drawn.reshape(tuple(steps.shape)), steps), steps, 0), state

    return Rule(rule.init, update)


def grouped(*rules: Rule) -> Rule:
    """Give each group of parameters a rule of its own.

    Params, signals and steps are tuples of one entry a rule: an array, or a tuple of arrays for a rule that works
    across them. Rule i draws from the i-th child of the key; the state is the tuple of their states.

    Raises:
        RuleError: from ``init`` and ``update``, another number of groups than of rules.
    """

    def groups(*entries: Any) -> zip[tuple[Any, ...]]:
        for entry in entries:
            if len(entry) != len(rules):
                raise RuleError(f"grouped: got {len(entry)} groups, expected {len(rules)}, one a rule")
        return zip(rules, *entries, strict=True)

    def init(params: tuple[Params, ...]) -> State:
        return tuple(rule.init(group) for rule, group in groups(params))

    def update(
        signal: tuple[Signal, ...], state: State, params: tuple[Params, ...], *, key: Key
    ) -> tuple[tuple[Steps, ...], State]:
        done = [
            rule.update(g, inner, group, key=key.fold("group", i))
            for i, (rule, g, inner, group) in enumerate(groups(signal, state, params))
        ]
        return tuple(steps for steps, _ in done), tuple(inner for _, inner in done)

    return Rule(init, update)


class Scheduled(NamedTuple):
    """The state of a scheduled rule."""

    updates: NDArray[np.int64]  # (): how many so far
    inner: State


def scheduled(make: Callable[..., Rule], **settings: Schedule) -> Rule:
    """Make a rule whose settings change with the number of updates.

    Args:
        make: a factory, e.g. ``partial(vote, Sign())``; called before each update with the settings of that update.
        settings: setting -> schedule, e.g. ``rate=cosine(0.15, 0.015, steps=1000)``. The state's layout must not
            depend on them.
    """

    def at(count: int) -> Rule:
        return make(**{name: schedule(count) for name, schedule in settings.items()})

    def update(signal: Signal, state: Scheduled, params: Params, *, key: Key) -> tuple[Steps, Scheduled]:
        steps, inner = at(int(state.updates)).update(signal, state.inner, params, key=key)
        return steps, Scheduled(np.asarray(state.updates + 1), inner)

    return Rule(lambda params: Scheduled(np.asarray(0, np.int64), at(0).init(params)), update)


def constant(value: float) -> Schedule:
    """Return ``value`` at every step."""
    return lambda step: value


def linear(start: float, end: float, *, steps: int) -> Schedule:
    """Go from ``start`` to ``end`` in a straight line over ``steps`` steps, then stay."""
    return lambda step: start + (end - start) * _progress(step, steps)


def cosine(start: float, end: float, *, steps: int) -> Schedule:
    """Go from ``start`` to ``end`` along half a cosine over ``steps`` steps, then stay."""
    return lambda step: end + (start - end) * (1 + math.cos(math.pi * _progress(step, steps))) / 2


def powers(start: float, *, power: float) -> Schedule:
    """Return ``start / (step + 1) ** power``."""
    return lambda step: start / (step + 1) ** power


def _progress(step: int, steps: int) -> float:
    return min(1.0, step / steps) if steps > 0 else 1.0


def state_arrays(state: State, name: str = "state") -> dict[str, Array]:
    """Return the arrays of a state by name (``state.0.votes``), ready for ``np.savez``.

    Tuples and data classes are gone through; what is in them beside arrays is no state.
    """
    children = _children(state)
    if children is None:
        return {name: state} if hasattr(state, "dtype") else {}
    named = (state_arrays(child, f"{name}.{field}") for field, child in children.items())
    return {key: array for arrays in named for key, array in arrays.items()}


def with_arrays(state: State, arrays: Mapping[str, Array], name: str = "state") -> State:
    """Return a state of the same layout holding ``arrays``, as :func:`state_arrays` named them.

    Raises:
        RuleError: an array is missing, or has another shape or dtype.
    """
    children = _children(state)
    if children is None:
        return _fitting(state, arrays.get(name), name) if hasattr(state, "dtype") else state
    held = {field: with_arrays(child, arrays, f"{name}.{field}") for field, child in children.items()}
    if is_dataclass(state):
        return replace(state, **{field: held[field] for field, child in children.items() if state_arrays(child)})  # type: ignore[type-var]
    return type(state)(**held) if hasattr(state, "_fields") else tuple(held.values())


def _children(state: State) -> dict[str, State] | None:
    """Return what a tuple or data class holds, by name; None of anything else."""
    if is_dataclass(state):
        return {field.name: getattr(state, field.name) for field in fields(state)}
    if not isinstance(state, tuple):
        return None
    return dict(zip(getattr(state, "_fields", map(str, range(len(state)))), state, strict=True))


def _fitting(expected: Array, found: Array | None, name: str) -> Array:
    if found is None or (found.shape, dtype_name(found)) != (expected.shape, dtype_name(expected)):
        came = "nothing" if found is None else f"{dtype_name(found)} {tuple(found.shape)}"
        raise RuleError(f"{name}: got {came}, expected {dtype_name(expected)} {tuple(expected.shape)}")
    return found
