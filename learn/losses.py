"""Losses and their integer error signals: pure functions from outputs to (loss, signal).

The signal has the shape of the outputs and is positive where the loss grows with the output. Over bits and integers it
is the loss's own difference, no approximation: with the output one higher and one lower, half the difference of the two
losses (for a bit, the loss at 1 minus the loss at 0). Wanted values that do not matter have signal 0 and no loss.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learn.errors import LossError

Integers = NDArray[np.int64]
FRACTION = 16
"""Fraction bits of the softmax table."""
MAX_TAU = 1e4


def hamming(outputs: ArrayLike, wanted: ArrayLike, *, care: ArrayLike | None = None) -> tuple[int, Integers]:
    """Count wrong bits.

    The signal is +1 where 0 is wanted and -1 where 1 is wanted, at right outputs too: it says what a flip would do.
    To steer by errors alone, multiply it by ``outputs != wanted``.

    Args:
        outputs: 0/1 values, any shape.
        wanted: 0/1 values, the same shape.
        care: 1 where the value matters, the same shape; default everywhere.

    Returns:
        how many cared-for bits are wrong, and the signal.

    Raises:
        LossError: shapes that differ, or values that are no bits.
    """
    y, t, c = _together(outputs, wanted, care)
    for name, values in (("outputs", y), ("wanted", t)):
        if values.size and not 0 <= values.min() <= values.max() <= 1:
            raise LossError(f"hamming: {name} lie in {values.min()}..{values.max()}, expected bits")
    return int(((y != t) & c).sum()), (1 - 2 * t) * c


def absolute(outputs: ArrayLike, wanted: ArrayLike, *, care: ArrayLike | None = None) -> tuple[int, Integers]:
    """Sum ``|outputs - wanted|`` over integers; the signal is the sign of the difference.

    Args, Returns and Raises are as for :func:`hamming`, over integers of any size below 2**62.
    """
    y, t, c = _together(outputs, wanted, care)
    error = (y - t) * c
    return int(np.abs(error).sum()), np.sign(error)


def squared(outputs: ArrayLike, wanted: ArrayLike, *, care: ArrayLike | None = None) -> tuple[int, Integers]:
    """Sum ``(outputs - wanted) ** 2`` over integers; the signal is twice the difference.

    Args, Returns and Raises are as for :func:`hamming`, over integers whose squared errors sum to below 2**63.
    """
    y, t, c = _together(outputs, wanted, care)
    error = (y - t) * c
    return int((error**2).sum()), 2 * error


def softmax(scores: ArrayLike, labels: ArrayLike, *, scale: int = 63, tau: float = 8.0) -> tuple[float, Integers]:
    """Return the cross-entropy of integer scores and its signal round(scale * (softmax(scores / tau) - onehot)).

    The signal is made in integers: a table of round(2**16 exp(-k / tau)) is read at each score's distance k from the
    best one, then divided by the sum, half up. It is within 1 of the formula in real numbers, and equals it away from
    the halves. A row of signals need not sum to exactly 0.

    Args:
        scores: integers (..., classes).
        labels: integers (...), each below classes.
        scale: the largest signal; 31 to 63 serve as well as 255.
        tau: the scores' unit, above 0: measured near 9 for one layer of 4,000 look-up tables and 10 classes.

    Returns:
        the summed cross-entropy in nats, and the signal, int64 (..., classes).

    Raises:
        LossError: shapes that do not fit, labels or settings out of range.
    """
    from learn.loss_kernels import softmax_signals

    s, t = _scored("softmax", scores, labels, scale, tau)
    flat = np.ascontiguousarray(s.reshape(-1, s.shape[-1]))
    signal, totals, distance = softmax_signals(flat, t.reshape(-1), exponentials(tau), scale)
    return float(distance / tau + np.log(totals / (1 << FRACTION)).sum()), signal.reshape(s.shape)


def huber(scores: ArrayLike, wanted: ArrayLike, *, scale: int = 127, tau: float = 1) -> tuple[float, Integers]:
    """Return Huber's loss of a difference of two scores, and its signal: the residual over tau within -scale..scale.

    With r = scores[..., 1] - scores[..., 0] - wanted and d = scale * tau it is r**2 / 2, or d * (|r| - d / 2) beyond d
    (Huber 1964, doi 10.1214/aoms/1177703732).

    Args:
        scores: integers (..., 2).
        wanted: integers (...).
        scale: the largest signal.
        tau: the residual that a signal of 1 stands for, a whole number; r / tau is rounded, halves up.

    Returns:
        the summed loss, and the signal, int64 (..., 2): minus that of the residual, and that of the residual.

    Raises:
        LossError: shapes that do not fit, or settings out of range.
    """
    s, t = _integers("scores", scores), _integers("wanted", wanted)
    unit = int(tau)
    if s.ndim < 1 or s.shape != (*t.shape, 2) or scale < 1 or not unit == tau >= 1:
        raise LossError(
            f"huber: got scores {s.shape}, wanted {t.shape}, scale {scale} and tau {tau}, expected (..., 2), (...) and "
            "whole numbers of at least 1"
        )
    residual = s[..., 1] - s[..., 0] - t
    near = np.clip(residual, -scale * unit, scale * unit)
    signal = np.clip((2 * residual + unit) // (2 * unit), -scale, scale)
    return float((near * (2 * residual - near)).sum() / 2), np.stack([-signal, signal], axis=-1)


def logistic(scores: ArrayLike, labels: ArrayLike, *, scale: int = 63, tau: float = 8.0) -> tuple[float, Integers]:
    """Return the loss of one yes-or-no question a class and its signal round(scale * (sigmoid(score / tau) - onehot)).

    In integers, by the same table as :func:`softmax`: sigmoid(s) is e(-s) / (e(0) + e(-s)) or e(0) / (e(0) + e(s)).

    Args, Returns and Raises are as for :func:`softmax`; the loss is summed over classes too.
    """
    s, t = _scored("logistic", scores, labels, scale, tau)
    table, onehot = exponentials(tau), np.arange(s.shape[-1]) == t[..., None]
    far = table[np.minimum(np.abs(s), len(table) - 1)]
    total = table[0] + far
    shares = np.where(s < 0, far, table[0])
    signal = (2 * scale * shares + total) // (2 * total)
    loss = np.log(total / table[0]).sum() + np.abs(s)[(s < 0) == onehot].sum() / tau
    return float(loss), signal - scale * onehot


@lru_cache(maxsize=16)
def exponentials(tau: float) -> Integers:
    """Return round(2**16 exp(-k / tau)) for k = 0, 1, ... down to its first zero: int64, read-only."""
    # exp(-k / tau) drops below half of 2**-16 at k = 17 ln 2 tau.
    length = math.floor((FRACTION + 1) * math.log(2) * tau) + 2
    table = np.rint(np.exp(-np.arange(length) / tau) * (1 << FRACTION)).astype(np.int64)
    table.flags.writeable = False
    return table


def _scored(what: str, scores: ArrayLike, labels: ArrayLike, scale: int, tau: float) -> tuple[Integers, Integers]:
    """Check what a loss of scores is given; return scores and labels."""
    if not 0 < tau <= MAX_TAU or not 1 <= scale <= 1 << 20:
        raise LossError(f"{what}: got scale {scale} and tau {tau}, expected 1..2**20 and a tau above 0, at most 1e4")
    s, t = _integers("scores", scores), _integers("labels", labels)
    if s.ndim < 1 or s.shape[:-1] != t.shape or not s.shape[-1]:
        raise LossError(f"{what}: got scores {s.shape} and labels {t.shape}, expected (..., classes) and (...)")
    if t.size and not 0 <= t.min() <= t.max() < s.shape[-1]:
        raise LossError(f"{what}: labels lie in {t.min()}..{t.max()}, expected 0..{s.shape[-1] - 1}")
    return s, t


def _integers(name: str, values: ArrayLike) -> Integers:
    array = np.asarray(values)
    if array.dtype.kind not in "biu":
        raise LossError(f"{name}: got dtype {array.dtype}, expected integers")
    return array.astype(np.int64)


def _together(
    outputs: ArrayLike, wanted: ArrayLike, care: ArrayLike | None
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    y, t = _integers("outputs", outputs), _integers("wanted", wanted)
    c = np.ones(y.shape, bool) if care is None else np.asarray(care, bool)
    if not y.shape == t.shape == c.shape:
        raise LossError(f"loss: got outputs {y.shape}, wanted {t.shape} and care {c.shape}, expected one shape")
    return y, t, c
