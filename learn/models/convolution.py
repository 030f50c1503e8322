"""Layers whose tables are moved over an image: convolutions, trees of tables, and pools.

All are layers of one kind (``learn.models.lut_network``): a channel is a cell, each position of its window a copy of it
that reads the same pins further on. Windows lie within the image, so no edge needs a rule of its own.

A tree of tables as a channel is the logic-tree convolution of Petersen et al. 2024, "Convolutional Differentiable Logic
Gate Networks", arXiv 2411.04732, with look-up tables of k inputs in place of gates of two, trained by votes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learn.errors import ModelError
from learn.keys import Key
from learn.models.lut_network import MAX_PINS, Bank, Copies, Layer, narrow, start_counters

Shifts = NDArray[np.int32]


class Grid(NamedTuple):
    """What rows stand for: row ``1 + (channel * height + y) * width + x`` for a place (y, x) of a channel."""

    channels: int
    height: int
    width: int

    @property
    def places(self) -> int:
        """How many places a channel has."""
        return self.height * self.width

    def slid(self, size: int, stride: int) -> tuple[Grid, Shifts]:
        """Return the grid of the places of a window of ``size`` by ``size``, and how many rows further each one is.

        Raises:
            ModelError: a window that does not fit.
        """
        if not 1 <= size <= min(self.height, self.width) or stride < 1:
            raise ModelError(
                f"window: got size {size} and stride {stride} for {self.height} by {self.width} places, expected a "
                "size of 1 up to the shorter side and a stride of 1 or more"
            )
        y, x = (np.arange(0, length - size + 1, stride) for length in (self.height, self.width))
        shifts = np.add.outer(y * self.width, x).reshape(-1).astype(np.int32)
        return Grid(self.channels, len(y), len(x)), shifts


def _copied(cells: int, shifts: Shifts) -> Copies:
    """Return a copy of each cell at each place, cell by cell."""
    share = np.repeat(np.arange(cells, dtype=np.int32), len(shifts))
    return Copies(share, np.tile(shifts, cells))


def convolution(
    bank: Bank, grid: Grid, *, channels: int, pins: int, size: int, stride: int, bound: int, key: Key
) -> tuple[Layer, Grid]:
    """Make tables that are moved over a window's places.

    Args:
        bank: what the pins of the window at the first place are drawn from.
        grid: what the layer reads; its rows may have further kinds of rows behind them, moved alike.
        channels: how many.
        pins: of a table.
        size: of the window, in places a side.
        stride: places from one window to the next.
        bound: counters live in -bound..bound-1.
        key: decides pins and counters.

    Returns:
        the layer, and the grid of its outputs.
    """
    places, shifts = grid.slid(size, stride)
    counters = start_counters(key.fold("counters"), channels, pins, bound)
    layer = Layer(bank.draw(key.fold("pins"), channels, pins), counters, bank.pins, _copied(channels, shifts))
    return layer, places._replace(channels=channels)


def tree(
    bank: Bank, grid: Grid, *, channels: int, pins: int, depth: int, size: int, stride: int, bound: int, key: Key
) -> tuple[list[Layer], Grid]:
    """Make channels that are trees of tables: those of the first level read the window, the root is the output.

    Args:
        depth: levels, 1 or more; a tree has 1 + pins + ... + pins ** (depth - 1) tables.
        bank: as for :func:`convolution`, and so are the others.
        grid: see there.
        channels: see there.
        pins: see there.
        size: see there.
        stride: see there.
        bound: see there.
        key: see there.

    Returns:
        a layer a level, and the grid of the last one's outputs.
    """
    leaves, places = convolution(
        bank, grid, channels=channels * pins ** (depth - 1), pins=pins, size=size, stride=stride, bound=bound, key=key
    )
    layers, cells = [leaves], len(leaves.counters)
    at = np.arange(places.places, dtype=np.int32)
    for level in range(1, depth):
        cells //= pins
        below = np.arange(cells * pins).reshape(cells, pins) * places.places
        counters = start_counters(key.fold("level", level), cells, pins, bound, through=True)
        codes = narrow(below, cells * pins * places.places)
        layers.append(Layer(codes, counters, copies=_copied(cells, at), swaps=False))
    return layers, places._replace(channels=channels)


POOLS: dict[str, Callable[[NDArray[np.int64], int], NDArray[np.bool_]]] = {
    "or": lambda ones, pins: ones > 0,
    "majority": lambda ones, pins: 2 * ones >= pins,
}
"""What a pool answers by how many of its pins are 1."""


def pool(grid: Grid, *, function: str = "or", size: int = 2, stride: int = 2) -> tuple[Layer, Grid]:
    """Make tables that sum up a window of each channel and never learn.

    Args:
        grid: what the layer reads.
        function: one of POOLS.
        size: of the window, in places a side; its places are the pins.
        stride: places from one window to the next.

    Returns:
        the layer, and the grid of its outputs.

    Raises:
        ModelError: an unknown function, or more places than a table has pins.
    """
    if function not in POOLS or size * size > MAX_PINS:
        raise ModelError(
            f"pool: got {function!r} of {size} by {size} places, expected one of {', '.join(POOLS)} of 2 by 2 or 1 by 1"
        )
    places, shifts = grid.slid(size, stride)
    square = np.add.outer(np.arange(size) * grid.width, np.arange(size)).reshape(1, -1)
    ones = np.bitwise_count(np.arange(1 << square.size))
    counters = np.where(POOLS[function](ones, square.size), 0, -1).astype(np.int8)[None]
    everywhere = np.add.outer(np.arange(grid.channels, dtype=np.int32) * np.int32(grid.places), shifts).reshape(-1)
    codes = narrow(square, grid.channels * grid.places)
    return Layer(codes, counters, copies=_copied(1, everywhere), frozen=True, swaps=False), places
