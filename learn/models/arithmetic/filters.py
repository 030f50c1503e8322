"""Filters of finite impulse response: coefficients from samples, and coefficients that need few adders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.circuit import Builder
from circuits.library import signed_digits
from learn.errors import ModelError
from learn.keys import Key
from learn.models.arithmetic.affine import fitted
from learn.models.arithmetic.forms import Integers
from learn.rules import make_rule
from learn.spaces import Choice

Reals = NDArray[np.float64]
GRID = 16
"""Frequencies on which a response is judged, for each tap."""
MOVES = 40
"""A coefficient moves at most so far in a step."""


def windows(x: Integers, taps: int) -> Integers:
    """Return what a filter sees at each time from the last tap on: int64 (times, taps), the newest sample first.

    Raises:
        ModelError: fewer samples than taps.
    """
    if not 1 <= taps <= len(x):
        raise ModelError(f"filter: got {len(x)} samples for {taps} taps, expected at least as many samples, and a tap")
    return np.lib.stride_tricks.sliding_window_view(x, taps)[:, ::-1]


def from_samples(x: Integers, y: Integers, taps: int, *, key: Key, rule: str = "rounding") -> tuple[list[int], int]:
    """Learn the coefficients of a filter from its input and its output over time, and a constant that is added."""
    return fitted(windows(x, taps), y[taps - 1 :], key=key, rule=rule)


# --- Design -----------------------------------------------------------------------------------------------------------


class Band(NamedTuple):
    """What a band of frequencies is to get.

    Attributes:
        lo: where it begins, as a share of half the sampling rate.
        hi: where it ends.
        gain: what amplitudes are multiplied by.
        tolerance: how far the gain may be off.
    """

    lo: float
    hi: float
    gain: float
    tolerance: float


class Design(NamedTuple):
    """Symmetric coefficients.

    Attributes:
        half: the coefficients from the middle outwards.
        taps: how many there are in all.
        scale: the gain of 1, in units of the coefficients.
        excess: the largest error over its tolerance: at most 1 where the specification is met.
        adders: to multiply by all coefficients, and to sum.
    """

    half: tuple[int, ...]
    taps: int
    scale: float
    excess: float
    adders: int

    @property
    def coefficients(self) -> list[int]:
        """All coefficients in order."""
        return [*self.half[::-1], *self.half[1 if self.taps % 2 else 0 :]]


def basis(taps: int, bands: Sequence[Band]) -> tuple[Reals, Reals, Reals]:
    """Return the amplitude of each half coefficient on a grid of frequencies, the gain wanted and the tolerance."""
    count = GRID * (taps + 1)
    width = sum(band.hi - band.lo for band in bands)
    grids = [np.linspace(b.lo, b.hi, max(8, round(count * (b.hi - b.lo) / width))) for b in bands]
    frequency = np.pi * np.concatenate(grids)
    places = np.arange((taps + 1) // 2) + (0 if taps % 2 else 0.5)
    amplitude = 2 * np.cos(np.outer(frequency, places))
    if taps % 2:
        amplitude[:, 0] = 1
    wanted = np.concatenate([np.full(len(g), b.gain) for g, b in zip(grids, bands, strict=True)])
    tolerance = np.concatenate([np.full(len(g), b.tolerance) for g, b in zip(grids, bands, strict=True)])
    return amplitude, wanted, tolerance


@lru_cache(maxsize=8)
def minimax(taps: int, bands: tuple[Band, ...], rounds: int = 100) -> Reals:
    """Return real coefficients, from the middle outwards, whose largest error over its tolerance is least.

    Least squares, weights multiplied by the errors again and again (Lawson 1961).
    """
    amplitude, wanted, tolerance = basis(taps, bands)
    weight: Reals = np.ones(len(wanted)) / len(wanted)
    best: Reals = np.zeros(amplitude.shape[1])
    least = np.inf
    for _ in range(rounds):
        root = np.sqrt(weight) / tolerance
        found = np.linalg.lstsq(amplitude * root[:, None], wanted * root, rcond=None)[0]
        error = np.abs(amplitude @ found - wanted) / tolerance
        if error.max() < least:
            best, least = np.asarray(found, np.float64), float(error.max())
        weight = weight * np.maximum(error, 1e-12)
        weight /= weight.sum()
    return best


def multiplier_adders(half: Sequence[int]) -> int:
    """Count the adders that multiply a word by all coefficients: odd parts once, signed digits less one each.

    An odd part that is a sum or difference of two others, one of them shifted, takes one adder.
    """
    known, total = {1}, 0
    odd = {abs(c) >> ((abs(c) & -abs(c)).bit_length() - 1) for c in half if c}
    for value in sorted(odd - {1}, key=lambda v: (len(signed_digits(v)), v)):
        total += 1 if _one_adder(value, known) else len(signed_digits(value)) - 1
        known.add(value)
    return total


def _one_adder(value: int, known: set[int]) -> bool:
    """Tell whether a number is 2**i p + 2**j q of known ones, p or q negative perhaps; odd numbers need i or j = 0."""
    for p in known:
        for rest in (value - p, value + p):
            rest = abs(rest)
            if rest and rest >> ((rest & -rest).bit_length() - 1) in known:
                return True
    return False


def adders(half: Sequence[int], taps: int) -> int:
    """Count all adders of a filter: those of the multiplications, and one less than there are taps that count."""
    used = sum((1 if taps % 2 and k == 0 else 2) for k, c in enumerate(half) if c)
    return multiplier_adders(half) + max(0, used - 1)


def judged(half: Integers, amplitude: Reals, wanted: Reals, tolerance: Reals) -> tuple[float, float]:
    """Return the best scale of coefficients, and the excess at it: that of the passbands is free."""
    found = amplitude @ half
    passing = wanted > 0
    ratio = found[passing] / wanted[passing]
    scale = float(ratio.max() + ratio.min()) / 2
    if scale <= 0:
        return 1.0, np.inf
    return scale, float((np.abs(found / scale - wanted) / tolerance).max())


def rounded(taps: int, bands: Sequence[Band], bits: int) -> Design:
    """Return the real minimax design with its coefficients rounded to ``bits`` bits, the usual way."""
    amplitude, wanted, tolerance = basis(taps, bands)
    real = minimax(taps, tuple(bands))
    best: Design | None = None
    for scale in np.linspace(0.5, 1, 33) * ((1 << bits - 1) - 1) / np.abs(real).max():
        half = np.rint(real * scale).astype(np.int64)
        unit, excess = judged(half, amplitude, wanted, tolerance)
        found = Design(tuple(half.tolist()), taps, unit, excess, adders(half.tolist(), taps))
        if best is None or (max(found.excess, 1), found.adders) < (max(best.excess, 1), best.adders):
            best = found
    assert best is not None
    return best


def designed(
    taps: int, bands: Sequence[Band], bits: int, *, key: Key, steps: int = 600, excess: float = 1.0
) -> Iterator[Design]:
    """Search integer coefficients of few adders that keep a specification.

    A parameter is a choice of coefficient; its signal is the exact change of adders and of excess for every other
    value near it. One at a time, drawn by a heat bath that cools.

    Args:
        taps: how many coefficients, symmetric.
        bands: the specification.
        bits: of a coefficient, its sign included.
        key: decides the draws.
        steps: passes over the coefficients.
        excess: errors over tolerances that are allowed.

    Yields:
        designs, each with fewer adders than the one before, or less excess where none is allowed yet.

    Raises:
        ModelError: a specification without a passband, or too few bits or taps.
    """
    if taps < 1 or not 2 <= bits <= 24 or not any(b.gain > 0 for b in bands):
        raise ModelError(f"filter: got {taps} taps of {bits} bits, expected a tap, 2..24 bits and a band that passes")
    amplitude, wanted, tolerance = basis(taps, bands)
    start = rounded(taps, bands, bits)
    half = np.array(start.half, np.int64)
    most = (1 << bits - 1) - 1
    near = np.arange(-3, 4)
    rule = make_rule("heat_bath", Choice(len(near)), temperature=1.0)
    best = start
    yield start
    passing = wanted > 0

    def cost(found: Reals) -> Reals:
        """Return the excess of several responses, (grid, tries)."""
        ratio = found[passing] / wanted[passing, None]
        scale = np.maximum((ratio.max(axis=0) + ratio.min(axis=0)) / 2, 1e-9)
        return (np.abs(found / scale - wanted[:, None]) / tolerance[:, None]).max(axis=0)

    for step in range(steps):
        cold = 0.05 + 0.5 * (1 - step / steps) ** 2
        for k in np.argsort(key.fold("order", step).words(len(half))).tolist():
            tried = half[k] + near
            response = (amplitude @ half)[:, None] + np.outer(amplitude[:, k], near)
            over = np.maximum(cost(response) - excess, 0)
            others = half.tolist()
            number = np.array([adders([*others[:k], t, *others[k + 1 :]], taps) for t in tried.tolist()])
            price = np.where(np.abs(tried) <= most, number + 40.0 * over, np.inf)
            for j in np.flatnonzero(over <= 0):
                candidate = [*others[:k], int(tried[j]), *others[k + 1 :]]
                if abs(tried[j]) <= most and (best.excess > excess or number[j] < best.adders):
                    unit, found = judged(np.array(candidate), amplitude, wanted, tolerance)
                    best = Design(tuple(candidate), taps, unit, found, int(number[j]))
                    yield best
            signal = np.where(np.isfinite(price), (price - price[3]) / cold, 1e9)
            place = np.array([3])
            moved, _ = rule.update(signal[None, :], rule.init(place), place, key=key.fold(step, k))
            half[k] += near[(3 + int(moved[0])) % len(near)]


def multiplied(b: Builder, wires: Sequence[int], coefficients: Sequence[int], bias: int = 0) -> int:
    """Add a filter of adders and shifts alone: equal coefficients' samples are summed first, digits are shifts."""
    groups: dict[int, int] = {}
    for wire, c in zip(wires, coefficients, strict=True):
        if c:
            groups[c] = b.add("add", groups[c], wire) if c in groups else wire
    terms = [b.term(wire) << k if d > 0 else -(b.term(wire) << k) for c, wire in groups.items()
             for k, d in signed_digits(c)]  # fmt: skip
    if not terms:
        return b.add("dot", *wires[:1], params=(0, bias))
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return (total + bias).wire if bias else total.wire
