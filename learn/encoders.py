"""From features to rows of bytes, and what pins may compare in them; the same comparisons as gates of a circuit.

An encoder is fitted on training data only. Its rows are what ``learn.lut_kernels`` reads: row 0 is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuits.circuit import Builder
from circuits.names import distinct, legal
from circuits.wires import BIT, Word, holding
from learn.errors import DataError
from learn.keys import Key
from learn.models.lut_network import ZERO_ROW, Pins

Codes = NDArray[np.uint8]
MAX_LEVELS = 255
"""Thresholds of a feature: a code is one byte."""

LOCAL_SHARE = 0.5
"""Share of an image's pins that lie near their table's place; the others lie anywhere."""
RADIUS = 6
OFFSET = 4
MARGINS = (2, 5, 10, 20, 40)
LEVELS = (8, 24, 56, 88, 120, 152, 184, 216)
LEVEL_SHARE = 0.25
"""Share of an image's pins that compare a pixel with a level instead of with a neighbour."""


class Encoder(Protocol):
    """What a network needs to know of its features."""

    @property
    def rows(self) -> int:
        """Number of rows, the row of zeros included."""

    @property
    def num_features(self) -> int:
        """Number of features."""

    def codes(self, features: ArrayLike) -> Codes:
        """Return the rows of samples: (samples, features) to uint8 (samples, rows), column 0 zero."""

    def draw(self, key: Key, tables: int, pins: int, *, places: NDArray[np.int64]) -> Pins:
        """Draw pins, shape (tables, pins); ``places`` (tables,) says about where each table looks."""

    def draw_places(self, key: Key, tables: int) -> NDArray[np.int64]:
        """Draw where tables look: int64 (tables,)."""

    def builder(self, name: str) -> Builder:
        """Return a builder with the features as inputs."""

    def pin_wire(self, builder: Builder, source: int, against: int, margin: int) -> int:
        """Return the bit of a pin in a builder of :meth:`builder`."""

    def inputs(self, features: ArrayLike) -> NDArray[np.int64]:
        """Return what the circuit's inputs are: (samples, features) to int64 (inputs, samples)."""


def _matrix(features: ArrayLike, count: int | None = None) -> NDArray[Any]:
    given = np.asarray(features)
    if given.ndim != 2 or count not in (None, given.shape[1]):
        raise DataError(f"features: got shape {given.shape}, expected (samples, {count or 'features'})")
    if given.dtype.kind not in "iubf":
        raise DataError(f"features: got {given.dtype}, expected numbers")
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        row, column = np.argwhere(~np.isfinite(given))[0].tolist()
        raise DataError(f"features: got {given[row, column]} in sample {row}, feature {column}, expected a number")
    return given


def _thresholds(column: NDArray[Any], levels: int) -> NDArray[Any]:
    """Return at most so many thresholds of a feature, increasing; none only if it is constant."""
    values = np.unique(column)
    lower, upper = values[:-1], values[1:]
    if len(upper) > levels:
        at = np.sort(column)[-(-(len(column) - 1) * np.arange(1, levels + 1) // (levels + 1))]
        cuts = np.unique(at[at > values[0]])
        # Where nearly all samples have the least value, quantiles of samples see no other.
        return cuts if len(cuts) else upper[np.arange(levels) * len(upper) // levels]
    if column.dtype.kind in "iub":
        return upper
    midway = lower / 2 + upper / 2  # the sum of the greatest numbers has no number
    return np.where(midway > lower, midway, upper)  # between neighbours there is none


def _picked(key: Key, values: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.int64]:
    return np.array(values, np.int64)[key.integers(len(values), shape)]


@dataclass(frozen=True)
class TabularEncoder:
    """Each feature as the number of its thresholds it reaches; a pin compares that with a level (thermometer code).

    Attributes:
        thresholds: per feature, increasing numbers.
        names: of the features.
        word: the type of the circuit's inputs if features are integers; else they are given as codes.
    """

    thresholds: tuple[NDArray[Any], ...]
    names: tuple[str, ...]
    word: Word | None

    @staticmethod
    def fit(features: ArrayLike, names: Sequence[str] | None = None, *, levels: int = 32) -> TabularEncoder:
        """Fit thresholds to training data: midway between neighbouring values, at most ``levels``, by quantiles.

        Args:
            features: numbers (samples, features).
            names: of the features, default x0, x1, ...
            levels: thresholds a feature may have, 1..255; the quantiles are spread evenly over the samples.

        Raises:
            DataError: no samples or features, not one name a feature, or values that are no finite numbers.
        """
        given = _matrix(features)
        if not given.size or not 1 <= levels <= MAX_LEVELS:
            raise DataError(
                f"features: got shape {given.shape} and {levels} levels, expected samples and 1..{MAX_LEVELS}"
            )
        called = tuple(names or (f"x{k}" for k in range(given.shape[1])))
        if len(called) != given.shape[1]:
            raise DataError(f"features: got {len(called)} names for {given.shape[1]} features, expected one each")
        word = None
        if given.dtype.kind in "iub":
            lo, hi = int(given.min()), int(given.max())
            if hi >= 1 << 63:
                raise DataError(f"features: hold {lo}..{hi}, expected integers below 2**63; scale them down")
            word = holding(lo, hi)
        return TabularEncoder(tuple(_thresholds(column, levels) for column in given.T), called, word)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return 1 + len(self.thresholds)

    @property
    def num_features(self) -> int:
        """Number of features."""
        return len(self.thresholds)

    def codes(self, features: ArrayLike) -> Codes:
        """Return the rows of samples."""
        given = _matrix(features, self.num_features)
        codes = np.zeros((len(given), self.rows), np.uint8)
        for k, cuts in enumerate(self.thresholds):
            codes[:, 1 + k] = np.searchsorted(cuts, given[:, k], side="right")
        return codes

    def draw_places(self, key: Key, tables: int) -> NDArray[np.int64]:
        """Draw where tables look; features have no neighbourhood."""
        return np.zeros(tables, np.int64)

    def draw(self, key: Key, tables: int, pins: int, *, places: NDArray[np.int64]) -> Pins:
        """Draw pins, every threshold of every feature as likely as any other."""
        counts = np.array([len(cuts) for cuts in self.thresholds])
        if not counts.sum():
            raise DataError("features: all are constant, expected at least one that varies")
        ends = np.cumsum(counts)
        place = key.integers(int(ends[-1]), (tables, pins))
        feature = np.searchsorted(ends, place, side="right")
        margin = place - (ends - counts)[feature]
        source = (feature + 1).astype(np.int32)
        return Pins(source, np.full_like(source, ZERO_ROW), margin.astype(np.uint8))

    def builder(self, name: str) -> Builder:
        """Return a builder with the features, or their codes, as inputs."""
        codes = [holding(0, max(1, len(cuts))) for cuts in self.thresholds]
        types = codes if self.word is None else [self.word] * self.num_features
        return Builder(distinct(map(legal, self.names)), name=name, types=types)

    def pin_wire(self, builder: Builder, source: int, against: int, margin: int) -> int:
        """Return the bit of a pin."""
        wire = source - 1
        level = margin + 1 if self.word is None else int(self.thresholds[wire][margin])
        if builder.type_of(wire) == BIT:
            return wire if level == 1 else builder.const(level < 1)
        return builder.add("threshold", wire, params=(level,))

    def inputs(self, features: ArrayLike) -> NDArray[np.int64]:
        """Return the circuit's inputs: integers (of fractions, the floor) held within the inputs' type; else codes."""
        if self.word is None:
            return self.codes(features)[:, 1:].T.astype(np.int64)
        held = np.clip(_matrix(features, self.num_features), self.word.lo, self.word.hi)
        return (np.floor(held) if held.dtype.kind == "f" else held).T.astype(np.int64)


_KERNEL = ((1, 2, 1), (2, 4, 2), (1, 2, 1))  # of the blur, in sixteenths


@dataclass(frozen=True)
class ImageEncoder:
    """Images of bytes: pins compare a pixel with a neighbour, in the image or in a blurred copy of it, or with a level.

    Attributes:
        height: pixels.
        width: pixels.
    """

    height: int
    width: int

    @property
    def num_features(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def rows(self) -> int:
        """Number of rows: zeros, pixels, blurred pixels."""
        return 1 + 2 * self.num_features

    def _blurred(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        padded = np.pad(images.astype(np.uint16), ((0, 0), (1, 1), (1, 1)))
        height, width = self.height, self.width
        total = sum(
            weight * padded[:, y : y + height, x : x + width]
            for y, row in enumerate(_KERNEL)
            for x, weight in enumerate(row)
        )
        return (np.asarray(total) >> 4).astype(np.uint8)

    def _images(self, features: ArrayLike) -> NDArray[Any]:
        given = _matrix(features, self.num_features)
        if given.size and not 0 <= given.min() <= given.max() <= 255:
            raise DataError(f"images: hold {given.min()}..{given.max()}, expected bytes 0..255")
        if given.dtype.kind == "f" and (given != np.floor(given)).any():
            row, column = np.argwhere(given != np.floor(given))[0].tolist()
            raise DataError(
                f"images: got {given[row, column]} in sample {row}, feature {column}, expected bytes 0..255"
            )
        return given

    def codes(self, features: ArrayLike) -> Codes:
        """Return the rows of samples."""
        given = self._images(features)
        codes = np.zeros((len(given), self.rows), np.uint8)
        for start in range(0, len(given), 4096):
            part = given[start : start + 4096].astype(np.uint8)
            codes[start : start + 4096, 1 : 1 + self.num_features] = part
            blurred = self._blurred(part.reshape(-1, self.height, self.width))
            codes[start : start + 4096, 1 + self.num_features :] = blurred.reshape(len(part), -1)
        return codes

    def warps(self, key: Key, count: int, *, shift: float, turn: float, scale: float, bend: float) -> NDArray[np.int32]:
        """Draw small deformations as maps of rows, for training on more images than there are.

        A map says of every row which row stands there: that of the nearest pixel, zero outside the image. The first
        map is the identity.

        Args:
            key: decides them.
            count: how many.
            shift: the largest shift, in pixels.
            turn: the largest rotation, in degrees.
            scale: the largest share by which the image grows or shrinks.
            bend: the standard deviation of an elastic displacement in pixels, smooth over a quarter of the image.

        Returns:
            int32 (count, rows).
        """
        height, width = self.height, self.width
        maps = np.zeros((count, self.rows), np.int32)
        y, x = np.mgrid[:height, :width].astype(float)
        middle = (height - 1) / 2, (width - 1) / 2
        for k in range(count):
            own = key.fold("warp", k)
            draws = 2 * own.uniform(4) - 1
            angle, grown = np.deg2rad(turn * draws[0]), 1 + scale * draws[1]
            dy, dx = (y - middle[0]) / grown, (x - middle[1]) / grown
            at = [
                middle[0] + np.cos(angle) * dy - np.sin(angle) * dx + shift * draws[2],
                middle[1] + np.sin(angle) * dy + np.cos(angle) * dx + shift * draws[3],
            ]
            for axis in range(2):  # corners of a coarse grid move, the pixels between them by interpolation
                corners = np.sqrt(12) * bend * (own.fold("bend", axis).uniform((5, 5)) - 0.5)
                rows_, columns = np.linspace(0, 4, height), np.linspace(0, 4, width)
                part = np.stack([np.interp(rows_, range(5), column) for column in corners.T], axis=1)
                at[axis] = at[axis] + np.stack([np.interp(columns, range(5), row) for row in part])
            sy, sx = (np.rint(part).astype(int) for part in at)
            inside = (sy >= 0) & (sy < height) & (sx >= 0) & (sx < width)
            pixel = np.where(inside, 1 + sy * width + sx, ZERO_ROW).reshape(-1)
            blurred = np.where(pixel == ZERO_ROW, ZERO_ROW, pixel + self.num_features)
            maps[k] = np.concatenate([[ZERO_ROW], pixel, blurred])
        if count:
            maps[0] = np.arange(self.rows)
        return maps

    def draw_places(self, key: Key, tables: int) -> NDArray[np.int64]:
        """Draw a pixel a table."""
        return key.integers(self.num_features, tables)

    def draw(self, key: Key, tables: int, pins: int, *, places: NDArray[np.int64]) -> Pins:
        """Draw pins: half of them near their table's place."""
        shape = (tables, pins)

        def near(name: str, at: NDArray[np.int64], reach: int, size: int) -> NDArray[np.int64]:
            return np.clip(at + key.fold(name).integers(2 * reach + 1, shape) - reach, 0, size - 1)

        y, x = (part[:, None] for part in np.divmod(places, self.width))
        anywhere = np.divmod(key.fold("anywhere").integers(self.num_features, shape), self.width)
        local = key.fold("local").uniform(shape) < LOCAL_SHARE
        y = np.where(local, near("y", y, RADIUS, self.height), anywhere[0])
        x = np.where(local, near("x", x, RADIUS, self.width), anywhere[1])
        copy = 1 + self.num_features * key.fold("copy").integers(2, shape)
        other = near("other y", y, OFFSET, self.height) * self.width + near("other x", x, OFFSET, self.width)
        level = key.fold("level").uniform(shape) < LEVEL_SHARE
        margin = np.where(level, _picked(key.fold("levels"), LEVELS, shape), _picked(key.fold("m"), MARGINS, shape))
        against = np.where(level, ZERO_ROW, copy + other)
        return Pins((copy + y * self.width + x).astype(np.int32), against.astype(np.int32), margin.astype(np.uint8))

    def builder(self, name: str) -> Builder:
        """Return a builder with the pixels as inputs, row by row."""
        names = [f"p{y}_{x}" for y in range(self.height) for x in range(self.width)]
        return Builder(names, name=name, types=[Word(8, signed=False)] * self.num_features)

    def _row_wire(self, builder: Builder, row: int) -> int:
        pixel = row - 1
        if pixel < self.num_features:
            return pixel
        y, x = divmod(pixel - self.num_features, self.width)
        around = [
            ((y + dy) * self.width + x + dx, _KERNEL[1 + dy][1 + dx])
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if 0 <= y + dy < self.height and 0 <= x + dx < self.width
        ]
        total = builder.add("dot", *(wire for wire, _ in around), params=(*(weight for _, weight in around), 0))
        return builder.add("shift", total, params=(-4,))

    def pin_wire(self, builder: Builder, source: int, against: int, margin: int) -> int:
        """Return the bit of a pin."""
        x = self._row_wire(builder, source)
        if against != ZERO_ROW:
            x = builder.add("sub", x, self._row_wire(builder, against))
        if margin + 1 > builder.type_of(x).hi:
            return builder.const(0)
        return builder.add("threshold", x, params=(margin + 1,))

    def inputs(self, features: ArrayLike) -> NDArray[np.int64]:
        """Return the circuit's inputs: the pixels."""
        return self._images(features).T.astype(np.int64)


@dataclass(frozen=True)
class WindowEncoder(ImageEncoder):
    """Images whose pins lie in the window at the top left, for tables that are moved over the image.

    Attributes:
        window: pixels a side.
    """

    window: int

    def draw_places(self, key: Key, tables: int) -> NDArray[np.int64]:
        """Draw a pixel of the window a table."""
        return key.integers(self.window**2, tables)

    def draw(self, key: Key, tables: int, pins: int, *, places: NDArray[np.int64]) -> Pins:
        """Draw pins as in an image of the window's size."""
        drawn = ImageEncoder(self.window, self.window).draw(key, tables, pins, places=places)
        pixel = np.add.outer(np.arange(self.window) * self.width, np.arange(self.window)).reshape(-1)
        row = np.concatenate([[ZERO_ROW], 1 + pixel, 1 + self.num_features + pixel]).astype(np.int32)
        return Pins(row[drawn.source], row[drawn.against], drawn.margin)
