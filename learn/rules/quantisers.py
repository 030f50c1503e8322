"""Quantisers of real vectors: what a message of a few bits a number says of it.

A quantiser is a function (vector, number of the message) -> vector of the same shape, float64. Ranges may change with
the number of the message.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from learn.arrays import Array, cast, like, xp, zeros
from learn.errors import RuleError
from learn.rules.base import Schedule, constant, positive

Quantiser = Callable[[Array, int], Array]
D4_EFFICIENCY = (math.pi**2 / 4) ** 0.25
"""Covering radius of D4 (1) over the radius of a ball as large as its cell (2): Conway and Sloane 1999, chapter 4."""


def exact(vector: Array, message: int) -> Array:
    """Return the vector as it is: infinitely many bits."""
    return vector


def uniform(bits: int, radius: float | Schedule | None = None) -> Quantiser:
    """Make the uniform scalar quantiser: 2**bits levels in the middles of equal cells of [-radius, radius].

    A number past an end takes the last level. Within the cube the error is at most sqrt(n) radius 2**-bits, so its
    covering efficiency, of balls of that radius, is rho = sqrt(n).

    Args:
        bits: bits a number, 1 to 52.
        radius: above 0, or a schedule of it; default the largest |number| of each message, which is then part of it.

    Raises:
        RuleError: a setting out of range.
    """
    at, levels = _radius("uniform", bits, radius), 1 << bits

    def quantise(vector: Array, message: int) -> Array:
        r = at(message) if at else float(abs(vector).max()) if math.prod(vector.shape) else 0.0
        if r == 0.0:
            return vector
        cell = 2 * r / levels
        place = xp(vector).clip(xp(vector).floor(vector / cell), -levels // 2, levels // 2 - 1)
        return (place + 0.5) * cell

    return quantise


def lattice(bits: int, radius: float | Schedule | None = None) -> Quantiser:
    """Make the quantiser to the nearest point of the lattice D4, on blocks of four numbers, the last filled with zeros.

    D4 are the integer vectors of even sum; its cells are scaled to the volume of a ball of ``radius`` over
    2**(4 bits), so that the error of a block is at most rho radius 2**-bits with rho = (pi^2 / 4)**(1/4) = 1.253
    (``D4_EFFICIENCY``), against 2 of the scalar quantiser. Cells at the rim of the ball are not counted in the bits,
    which holds the better the more bits there are.

    Args:
        bits: bits a number, 1 to 52.
        radius: of a block, above 0, or a schedule of it; default the largest norm of a block of each message, which
            is then part of it.

    Raises:
        RuleError: a setting out of range.

    Source: Conway and Sloane 1982, doi 10.1109/TIT.1982.1056484 (the nearest point).
    """
    at = _radius("lattice", bits, radius)

    def quantise(vector: Array, message: int) -> Array:
        library, size = xp(vector), math.prod(vector.shape)
        blocks = cast(zeros((-(-size // 4) * 4,), vector), "float64")
        blocks[:size] = vector.reshape(-1)
        blocks = blocks.reshape(-1, 4)
        r = at(message) if at else float(library.sqrt((blocks * blocks).sum(-1)).max()) if size else 0.0
        if r == 0.0:
            return vector
        unit = D4_EFFICIENCY * r * 2.0**-bits
        return (_nearest_d4(blocks / unit) * unit).reshape(-1)[:size].reshape(vector.shape)

    return quantise


def _nearest_d4(blocks: Array) -> Array:
    """Return the nearest integer vectors of even sum: the worst-rounded number goes the other way where it is odd."""
    library = xp(blocks)
    rounded = library.round(blocks)
    gap = blocks - rounded
    worst = like(np.eye(4), blocks)[abs(gap).argmax(-1)]
    other = rounded + worst * library.where(gap >= 0, 1.0, -1.0)
    return library.where((rounded.sum(-1) % 2 == 0)[:, None], rounded, other)


def sign(vector: Array, message: int) -> Array:
    """Return the mean |number| of the message with the signs of its numbers: one bit a number, and the mean.

    Source: Bernstein et al. 2018, arXiv 1802.04434; scaled as in Karimireddy et al. 2019, arXiv 1901.09847.
    """
    return xp(vector).sign(vector) * abs(vector).mean()


def top_k(k: int) -> Quantiser:
    """Make the quantiser that keeps the ``k`` largest numbers, the first of equals, and zeroes the others.

    Raises:
        RuleError: k below 1.

    Source: Stich, Cordonnier and Jaggi 2018, arXiv 1809.07599.
    """
    if k < 1:
        raise RuleError(f"top_k: got k = {k}, expected at least 1")

    def quantise(vector: Array, message: int) -> Array:
        library, flat = xp(vector), vector.reshape(-1)
        kept = library.argsort(-abs(flat), stable=True)[:k]
        sparse = library.zeros_like(flat)
        sparse[kept] = flat[kept]
        return sparse.reshape(vector.shape)

    return quantise


def _radius(name: str, bits: int, radius: float | Schedule | None) -> Schedule | None:
    if not 1 <= bits <= 52:
        raise RuleError(f"{name}: got {bits} bits, expected 1 to 52")
    if radius is None or callable(radius):
        return radius
    return constant(positive(f"{name}: radius", radius))
