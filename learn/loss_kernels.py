"""The loops of losses; the array form beside each is its oracle, equal bit for bit.

Importing this module imports numba; import it inside the function that needs it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@njit(cache=True, nogil=True, error_model="numpy")
def softmax_signals(scores: Integers, labels: Integers, table: Integers, scale: int) -> tuple[Integers, Integers, int]:
    """Make the signal of a softmax in integers, as :func:`learn.losses.softmax` states it.

    Args:
        scores: int64 (samples, classes).
        labels: int64 (samples,), below classes.
        table: int64 (n,), the exponential of minus each distance from the best score, 0 at the last.
        scale: the largest signal.

    Returns:
        the signal, int64 (samples, classes); the sum of each sample's exponentials, int64 (samples,); the sum over
        samples of the distance from the best score to that of the label.
    """
    samples, classes = scores.shape
    signal, totals, distance = np.empty((samples, classes), np.int64), np.empty(samples, np.int64), 0
    for b in range(samples):
        best, total = scores[b].max(), 0
        for c in range(classes):
            share = table[min(best - scores[b, c], len(table) - 1)]
            total += share
            signal[b, c] = 2 * scale * share
        for c in range(classes):
            # A division is dear, and most shares round to 0.
            signal[b, c] = (signal[b, c] + total) // (2 * total) if signal[b, c] >= total else 0
        totals[b] = total
        distance += best - scores[b, labels[b]]
        signal[b, labels[b]] -= scale
    return signal, totals, distance


def softmax_oracle(
    scores: Integers, labels: Integers, table: Integers, scale: int
) -> tuple[Integers, Integers, np.int64]:
    """Return what :func:`softmax_signals` does."""
    behind = scores.max(axis=1, keepdims=True) - scores
    shares = table[np.minimum(behind, len(table) - 1)]
    total = shares.sum(axis=1, keepdims=True)
    onehot = np.arange(scores.shape[1]) == labels[:, None]
    return (2 * scale * shares + total) // (2 * total) - scale * onehot, total[:, 0], (behind * onehot).sum()
