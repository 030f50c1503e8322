"""The loops of an integer perceptron's first layer, which pass over inputs of 0; an oracle in numpy beside each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


@njit(cache=True, nogil=True)
def forward(x: Array, rows: Array, weights: Array, bias: Array, sums: Array) -> None:
    """Put ``x[rows] @ weights + bias`` into ``sums``.

    Args:
        x: int8 (samples, inputs).
        rows: int64 (batch,), which samples.
        weights: int8 (inputs, outputs).
        bias: int32 (outputs,).
        sums: int32 (batch, outputs).
    """
    outputs = weights.shape[1]
    for i in range(len(rows)):
        total = sums[i]
        for j in range(outputs):
            total[j] = bias[j]
        given = x[rows[i]]
        for k in range(len(given)):
            v = np.int32(given[k])
            if v:
                weight = weights[k]
                for j in range(outputs):
                    total[j] += v * np.int32(weight[j])


def forward_oracle(x: Array, rows: Array, weights: Array, bias: Array) -> Array:
    """Return what :func:`forward` computes."""
    return x[rows].astype(np.int64) @ weights.astype(np.int64) + bias


@njit(cache=True, nogil=True)
def outer(x: Array, rows: Array, signals: Array, sums: Array) -> None:
    """Put ``x[rows].T @ signals`` into ``sums``.

    Args:
        x: int8 (samples, inputs).
        rows: int64 (batch,), which samples.
        signals: int32 (batch, outputs).
        sums: int32 (inputs, outputs).
    """
    outputs = signals.shape[1]
    sums[:] = 0
    for i in range(len(rows)):
        signal, given = signals[i], x[rows[i]]
        for k in range(len(given)):
            v = np.int32(given[k])
            if v:
                total = sums[k]
                for j in range(outputs):
                    total[j] += v * signal[j]


def outer_oracle(x: Array, rows: Array, signals: Array) -> Array:
    """Return what :func:`outer` computes."""
    return x[rows].astype(np.int64).T @ signals.astype(np.int64)
