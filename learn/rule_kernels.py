"""The loops of rules on large numpy arrays; the array forms beside their callers are the oracles, equal bit for bit.

What takes an array form a dozen passes over 64-bit numbers takes these one. Importing this module imports numba; import
it inside the function that needs it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Integers = NDArray[np.signedinteger[Any]]
Wide = NDArray[np.int64]


@njit(cache=True, nogil=True)
def sizes(signal: Integers, most: int) -> tuple[Any, Any]:
    """Return the largest and the sum of the sizes of a signal (n,) held within -most..most."""
    largest, total = np.int64(0), np.int64(0)
    for i in range(len(signal)):
        size = abs(max(np.int64(-most), min(np.int64(most), np.int64(signal[i]))))
        largest = max(largest, size)
        total += size
    return largest, total


@njit(cache=True, nogil=True)
def scaled(signal: Integers, most: int, factor: int, shift: int) -> Wide:
    """Return a signal (n,) held within -most..most, times ``factor / 2**shift``, rounded to nearest."""
    half = np.int64(1) << np.int64(shift) >> np.int64(1)
    out = np.empty(len(signal), np.int64)
    for i in range(len(signal)):
        held = max(np.int64(-most), min(np.int64(most), np.int64(signal[i])))
        out[i] = (held * np.int64(factor) + half) >> np.int64(shift)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def step_votes(
    fresh: Wide,
    votes: Wide,
    params: Integers,
    flipped: int,
    limit: int,
    bar: int,
    lo: int,
    hi: int,
    steps: NDArray[np.int8],
) -> Wide:
    """Add fresh votes to accumulated ones that decay, and step parameters against those that reach the bar.

    Args:
        fresh: (n,), in units of 2**-20.
        votes: (n,), accumulated before; they keep ``1 - flipped / n``, rounded to nearest.
        params: (n,), in lo..hi.
        flipped: how many parameters stepped last.
        limit: votes saturate at this size, of at most 2**61 / n.
        bar: the threshold.
        lo: the lowest value.
        hi: the highest value.
        steps: (n,), written: -1, 0 or 1; none leaves the space.

    Returns:
        the votes, those that have just stepped among them.
    """
    size = np.int64(len(votes))
    doubled, half = 2 * np.int64(flipped), 2 * size
    after = np.empty(len(votes), np.int64)
    for i in range(len(votes)):
        vote = votes[i]
        if flipped == size:
            vote = np.int64(0)
        elif flipped:
            vote -= (doubled * vote + size) // half
        vote = max(-limit, min(limit, vote + fresh[i]))
        after[i] = vote
        down = vote >= bar and params[i] > lo
        up = -vote >= bar and params[i] < hi
        steps[i] = np.int8(up) - np.int8(down)
    return after


@njit(cache=True, nogil=True)
def added(params: Integers, steps: Integers, lo: int, hi: int, shift: int) -> Integers:
    """Return parameters (n,) after steps (n,) among lo, lo + 2**shift, ..., hi; steps past an end stop at it."""
    out = np.empty_like(params)
    for i in range(len(params)):
        at = np.int64(params[i])
        down, up = (np.int64(lo) - at) >> np.int64(shift), (np.int64(hi) - at) >> np.int64(shift)
        out[i] = at + (min(max(np.int64(steps[i]), down), up) << np.int64(shift))
    return out
