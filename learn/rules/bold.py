"""BOLD: flips decided by an accumulator of votes, in fixed point."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learn.arrays import Array, is_large, least, xp, zeros
from learn.errors import RuleError
from learn.keys import Key
from learn.rules.base import (
    ROOM,
    Params,
    Rule,
    RuleSpace,
    Signal,
    Steps,
    check_signal,
    fixed,
    in_fixed_point,
    take,
)
from learn.spaces import Choice, Ordered


class BoldState(NamedTuple):
    """What BOLD remembers."""

    votes: Array  # int64, shape of the signal: accumulated signal, in units of 2**-20
    flipped: NDArray[np.int64]  # (): how many parameters stepped in the last update; all of them before the first


def bold(
    space: RuleSpace,
    *,
    eta: float = 1.0,
    threshold: float = 1.0,
    scale: float | None = 1.0,
    cap: float | None = None,
) -> Rule:
    """Make the Boolean optimiser with an integer accumulator.

    m <- beta m + eta g / scale; a parameter whose |m| reaches the threshold steps once against the sign of m, if it
    can, and its m starts again at 0; beta <- 1 - stepped / d after each update, 0 before the first. In Bit and Sign
    this is the published rule (flip where m e(w) >= 1, e the embedding as -1 and +1); in Ternary and Int the same words
    give steps of one. m is an integer in units of 2**-20, rounded to nearest, beta an exact ratio, and m saturates at
    2**41 / d, so that twice its product with d fits 64 bits; the flips are those of the real-valued rule but for that
    rounding. A zero signal on a fresh state never steps. Integer signals meet no float.

    In ``Choice`` there is an accumulator a choice; the choice with the most accumulated gain (-m) is taken when the
    gain reaches the threshold, the first of equals, and all accumulators of that parameter start again at 0. The rule
    draws nothing.

    Args:
        space: where the parameters live.
        eta: the rate, 2**-20 to 2**20; only eta / threshold matters.
        threshold: 2**-20 to 2**20, and below 2**41 / d.
        scale: what g is measured by; None for the mean |g| of the array, which adapts to every layer.
        cap: the largest share of an array's parameters that may step in one update (at least one may); the most
            certain go first, the first of equals. Dense layers need it (0.002): else whole layers flip at once.

    Raises:
        RuleError: a setting out of range.

    Source: BOLD, arXiv 2405.16339, the Boolean optimiser; the cap, the scale, the fixed point, ranges and choices are
    ours.
    """
    rate, bar = fixed("bold: eta", eta), fixed("bold: threshold", threshold)
    unit = None if scale is None else fixed("bold: scale", scale)
    if cap is not None and not 0 < cap <= 1:
        raise RuleError(f"bold: got cap {cap}, expected a share above 0 and at most 1")

    def init(params: Params) -> BoldState:
        shape = tuple(params.shape)
        if bar > ROOM // max(1, math.prod(shape)):
            raise RuleError(
                f"bold: got threshold {threshold} for {math.prod(shape)} parameters, expected below 2**41 / d"
            )
        votes = zeros((*shape, space.n) if isinstance(space, Choice) else shape, params)
        return BoldState(votes, np.asarray(math.prod(shape), np.int64))

    def update(signal: Signal, state: BoldState, params: Params, *, key: Key) -> tuple[Steps, BoldState]:
        library, size = xp(params), max(1, math.prod(params.shape))
        limit, flipped = ROOM // size, int(state.flipped)
        if not 0 <= flipped <= size:
            raise RuleError(f"bold: got a state of {flipped} steps, expected 0..{size}")
        fresh = in_fixed_point(check_signal(space, signal, params), rate=rate, scale=unit)
        if is_large(params) and isinstance(space, Ordered):
            return _fused(fresh, state, params, space, bar, cap)
        votes = library.clip(decayed(state.votes, flipped, size) + fresh, -limit, limit)
        if isinstance(space, Choice):
            best = votes.argmin(-1)
            gain, steps = -library.amin(votes, -1), take(space, best, params)
        else:
            gain, steps = abs(votes), space.fit(params, -library.sign(votes))
        moves = (gain >= bar) & (steps != 0)
        if cap is not None:
            moves = most_certain(moves, gain, max(1, int(cap * size)))
        restarted = moves[..., None] if isinstance(space, Choice) else moves
        after = BoldState(library.where(restarted, 0, votes), np.asarray(int(moves.sum()), np.int64))
        return library.where(moves, steps, 0), after

    return Rule(init, update)


def _fused(
    fresh: NDArray[np.int64], state: BoldState, params: NDArray[Any], space: Ordered, bar: int, cap: float | None
) -> tuple[NDArray[np.int64], BoldState]:
    """Return what the array form of an update does, in one pass."""
    from learn import rule_kernels

    size, steps = params.size, np.empty(params.size, np.int8)
    g, before, at = (np.ascontiguousarray(array).reshape(-1) for array in (fresh, state.votes, params))
    votes = rule_kernels.step_votes(g, before, at, int(state.flipped), ROOM // size, bar, space.lo, space.hi, steps)
    moved = np.flatnonzero(steps)
    if cap is not None and len(moved) > (most := max(1, int(cap * size))):
        moved = moved[least(-np.abs(votes[moved]), most)]
        steps, wanted = np.zeros_like(steps), steps
        steps[moved] = wanted[moved]
    votes[moved] = 0
    after = BoldState(votes.reshape(params.shape), np.asarray(len(moved), np.int64))
    return steps.astype(np.int64).reshape(params.shape), after


def decayed(votes: Array, flipped: int, size: int) -> Array:
    """Return ``votes * (1 - flipped / size)`` rounded to nearest, in integers."""
    if flipped in (0, size):
        return votes if flipped == 0 else xp(votes).zeros_like(votes)
    return votes - (2 * flipped * votes + size) // (2 * size)


def most_certain(moves: Array, gain: Array, most: int) -> Array:
    """Return ``moves`` cut down to the ``most`` with the largest gain, the first of equals."""
    library = xp(moves)
    wanted = library.nonzero(moves.reshape(-1))[0] if library is np else moves.reshape(-1).nonzero()[:, 0]
    if len(wanted) <= most:
        return moves
    order = library.argsort(-gain.reshape(-1)[wanted], stable=True)
    kept = library.zeros_like(moves).reshape(-1)
    kept[wanted[order[:most]]] = True
    return kept.reshape(moves.shape)
