"""From features to rows of bytes, and what pins may compare in them; the same comparisons as gates of a circuit.

An encoder is fitted on training data only. Its rows are what ``learn.lut_kernels`` reads: row 0 is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuits.circuit import Builder
from circuits.names import distinct, legal
from circuits.wires import BIT, Word, holding
from learn.errors import DataError
from learn.keys import Key
from learn.models.lut_network import ZERO_ROW, Bank, Pins

Codes = NDArray[np.uint8]
MAX_LEVELS = 255
"""Thresholds of a feature: a code is one byte."""

OFFSET = 4
MARGINS = (2, 5, 10, 20, 40)
LEVELS = (8, 24, 56, 88, 120, 152, 184, 216)
NEAR = 1 / 16
"""The share of an image's comparisons to either side of one that are near it."""
LEVEL_SHARE = 0.25
"""Share of an image's comparisons that compare a pixel with a level instead of with a neighbour."""


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

    def comparisons(self, key: Key, count: int) -> Bank:
        """Return what pins may compare, ``count`` comparisons at most, drawn where there are more."""

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
    """Return at most so many thresholds of a feature, increasing; none for a constant."""
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


def _picked(key: Key, values: Sequence[int], count: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)[key.integers(len(values), count)]


Numbers = NDArray[np.int64]


class Encoding(NamedTuple):
    """A way to make rows of a feature, which is an integer number when it gets here.

    Attributes:
        description: what a pin may ask, for a person.
        cuts: ``cuts(column, levels)``: at most so many thresholds of a feature, increasing; none for a constant.
        rows: ``rows(numbers, cuts, word)``: the rows that integers in ``word`` have, uint8 (rows, samples).
        wire: ``wire(builder, wire, cuts, row, margin)``: the bit [rows[row] > margin] of the number on a wire.
    """

    description: str
    cuts: Callable[[NDArray[Any], int], NDArray[Any]]
    rows: Callable[[Numbers, Numbers, Word], Codes]
    wire: Callable[[Builder, int, Numbers, int, int], int]


def _uniform(column: NDArray[Any], levels: int) -> NDArray[Any]:
    """Return thresholds that cut the range into equal parts, without those that tell no more samples apart."""
    values = np.unique(column)
    lo, hi = values[0].item(), values[-1].item()
    parts = range(1, levels + 1)
    if column.dtype.kind in "iub":
        cuts = np.array([lo - (lo - hi) * k // (levels + 1) for k in parts], np.int64)
    else:
        cuts = np.array([lo * (1 - k / (levels + 1)) + hi * (k / (levels + 1)) for k in parts], column.dtype)
    below = np.searchsorted(values, cuts)
    return cuts[np.unique(below, return_index=True)[1]][np.unique(below) > 0] if lo < hi else cuts[:0]


def _reached(numbers: Numbers, cuts: Numbers) -> NDArray[np.int64]:
    return np.searchsorted(cuts, numbers, side="right")


def _at_least(builder: Builder, wire: int, level: int) -> int:
    if builder.type_of(wire) == BIT:
        return wire if level == 1 else builder.const(level < 1)
    return builder.add("threshold", wire, params=(level,))


def _between(builder: Builder, wire: int, cuts: Numbers, row: int, margin: int) -> int:
    """Return [cuts[row - 1] <= number < cuts[row]]; the first and the last interval have no end."""
    lo, hi = (int(cuts[k]) if 0 <= k < len(cuts) else None for k in (row - 1, row))
    above = builder.const(1) if lo is None else _at_least(builder, wire, lo)
    below = builder.const(1) if hi is None else builder.add("not", _at_least(builder, wire, hi))
    return builder.add("and", above, below)


def _bit_rows(numbers: Numbers, bits: int) -> Codes:
    return (numbers >> np.arange(bits)[:, None] & 1).astype(np.uint8)


def _bit(builder: Builder, wire: int, row: int) -> int:
    """Return a bit of a number in two's complement; 0 above its bits."""
    word = builder.type_of(wire)
    if row >= word.bits:
        return builder.const(0)
    return wire if word == BIT else builder.add("slice", wire, params=(row,), type=BIT)


def _gray_rows(numbers: Numbers, cuts: Numbers, word: Word) -> Codes:
    above = _bit_rows(numbers, word.bits)
    return above ^ np.concatenate([above[1:], np.zeros_like(above[:1])])


ENCODINGS = {
    "quantile": Encoding(
        "thermometer code: is it at least a threshold; as many training samples between any two",
        _thresholds,
        lambda numbers, cuts, word: _reached(numbers, cuts)[None].astype(np.uint8),
        lambda builder, wire, cuts, row, margin: _at_least(builder, wire, int(cuts[margin])),
    ),
    "uniform": Encoding(
        "thermometer code, its thresholds equally far apart",
        _uniform,
        lambda numbers, cuts, word: _reached(numbers, cuts)[None].astype(np.uint8),
        lambda builder, wire, cuts, row, margin: _at_least(builder, wire, int(cuts[margin])),
    ),
    "one_hot": Encoding(
        "is it this value; where there are many, in this interval between two quantiles",
        _thresholds,
        lambda numbers, cuts, word: (_reached(numbers, cuts) == np.arange(len(cuts) + 1)[:, None]).astype(np.uint8),
        _between,
    ),
    "bits": Encoding(
        "a bit of the integer in two's complement; of a fraction, of the number of its interval",
        _thresholds,
        lambda numbers, cuts, word: _bit_rows(numbers, word.bits),
        lambda builder, wire, cuts, row, margin: _bit(builder, wire, row),
    ),
    "gray": Encoding(
        "a bit of the Gray code of the same, neighbours in which differ by one bit",
        _thresholds,
        _gray_rows,
        lambda builder, wire, cuts, row, margin: builder.add(
            "xor", _bit(builder, wire, row), _bit(builder, wire, row + 1)
        ),
    ),
}
"""Ways to encode a table of features, by name."""


class Row(NamedTuple):
    """A row of codes behind row 0.

    Attributes:
        feature: whose it is.
        row: which of the rows that the encoding makes of it.
        height: its largest value; pins have margins below.
    """

    feature: int
    row: int
    height: int


@dataclass(frozen=True)
class TabularEncoder:
    """Each feature as rows that pins compare with a level: what they then ask of it is a row of ENCODINGS.

    Attributes:
        thresholds: per feature, increasing numbers.
        names: of the features.
        word: the type of the circuit's inputs if features are integers; else they are given as the number of their
            thresholds that is reached.
        encoding: a name of ENCODINGS.
        layout: the rows behind row 0: those that vary in the training data.
    """

    thresholds: tuple[NDArray[Any], ...]
    names: tuple[str, ...]
    word: Word | None
    encoding: str
    layout: tuple[Row, ...]

    @staticmethod
    def fit(
        features: ArrayLike, names: Sequence[str] | None = None, *, levels: int = 32, encoding: str = "quantile"
    ) -> TabularEncoder:
        """Fit thresholds to training data: midway between neighbouring values, at most ``levels``.

        Args:
            features: numbers (samples, features).
            names: of the features, default x0, x1, ...
            levels: thresholds a feature may have, 1..255.
            encoding: a name of ENCODINGS.

        Raises:
            DataError: no samples or features, not one name a feature, values that are no finite numbers, or no such
                encoding.
        """
        given = _matrix(features)
        if encoding not in ENCODINGS:
            raise DataError(f"encoding: got {encoding!r}, expected one of {', '.join(ENCODINGS)}")
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
        thresholds = tuple(ENCODINGS[encoding].cuts(column, levels) for column in given.T)
        every = TabularEncoder(thresholds, called, word, encoding, ())
        layout = [
            Row(k, r, int(row.max()))
            for k, numbers in enumerate(every.inputs(given))
            for r, row in enumerate(every._rows(k, numbers))
            if row.min() < row.max()
        ]
        return replace(every, layout=tuple(layout))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return 1 + len(self.layout)

    @property
    def num_features(self) -> int:
        """Number of features."""
        return len(self.thresholds)

    def _type(self, feature: int) -> Word:
        """Return the type of a circuit's input."""
        return holding(0, max(1, len(self.thresholds[feature]))) if self.word is None else self.word

    def _cuts(self, feature: int) -> Numbers:
        """Return the thresholds of a circuit's input."""
        cuts = self.thresholds[feature]
        return np.arange(1, 1 + len(cuts)) if self.word is None else cuts.astype(np.int64)

    def _rows(self, feature: int, numbers: Numbers) -> Codes:
        return ENCODINGS[self.encoding].rows(numbers, self._cuts(feature), self._type(feature))

    def codes(self, features: ArrayLike) -> Codes:
        """Return the rows of samples."""
        given = self.inputs(features)
        codes = np.zeros((given.shape[1], self.rows), np.uint8)
        for k in range(self.num_features):
            at = [r for r, row in enumerate(self.layout, 1) if row.feature == k]
            codes[:, at] = self._rows(k, given[k])[[self.layout[r - 1].row for r in at]].T
        return codes

    def comparisons(self, key: Key, count: int) -> Bank:
        """Return the levels of all rows, row by row; of more than ``count``, so many of them."""
        heights = np.array([row.height for row in self.layout])
        if not len(heights):
            raise DataError("features: all are constant, expected at least one that varies")
        source = np.repeat(np.arange(1, self.rows, dtype=np.int32), heights)
        margin = np.arange(len(source)) - np.repeat(np.cumsum(heights) - heights, heights)
        pins = Pins(source, np.full_like(source, ZERO_ROW), margin.astype(np.uint8))
        return Bank(pins).some(key, count)

    def builder(self, name: str) -> Builder:
        """Return a builder with the features, or the numbers of their intervals, as inputs."""
        types = [self._type(k) for k in range(self.num_features)]
        return Builder(distinct(map(legal, self.names)), name=name, types=types)

    def pin_wire(self, builder: Builder, source: int, against: int, margin: int) -> int:
        """Return the bit of a pin."""
        feature, row, _ = self.layout[source - 1]
        return ENCODINGS[self.encoding].wire(builder, feature, self._cuts(feature), row, margin)

    def inputs(self, features: ArrayLike) -> NDArray[np.int64]:
        """Return the circuit's inputs: integers (of fractions, the floor) held within the inputs' type.

        Features that were fractions when the encoder was fitted give the number of their thresholds reached.
        """
        given = _matrix(features, self.num_features)
        if self.word is None:
            columns = zip(self.thresholds, given.T, strict=True)
            reached = [np.searchsorted(cuts, column, side="right") for cuts, column in columns]
            return np.stack(reached).astype(np.int64)
        lo, hi = self.word.lo, self.word.hi
        if given.dtype.kind != "f":
            return np.clip(given, lo, hi).T.astype(np.int64)
        inside = np.where((given >= lo) & (given < hi), np.floor(given), 0).astype(np.int64)  # no float is 2**63 - 1
        return np.where(given >= hi, hi, np.where(given < lo, lo, inside)).T


def _along(y: NDArray[np.int64], x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where pixels lie along a curve that seldom leaves a neighbourhood (Morton 1966): their bits in turns."""
    place = np.zeros_like(y)
    for k in range(int(max(y.max(), x.max())).bit_length()):
        place |= (x >> k & 1) << 2 * k | (y >> k & 1) << 2 * k + 1
    return place


_SIDE = ((-1, 1), (0, 2), (1, 1))
_KERNEL = [[a * b for _, b in _SIDE] for _, a in _SIDE]  # of the blur, in sixteenths


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

    def pixels(self, features: ArrayLike) -> Codes:
        """Return images as bytes, which take no copy if they are bytes already: uint8 (samples, pixels)."""
        given = np.asarray(features)
        checked = given if given.dtype == np.uint8 and given.ndim == 2 else self._images(given)
        return np.ascontiguousarray(_matrix(checked, self.num_features), np.uint8)

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

    def warps(
        self, key: Key, count: int, *, shift: float, turn: float, scale: float, bend: float, mirror: bool = False
    ) -> NDArray[np.int32]:
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
            mirror: whether half of the maps have left and right change sides.

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
            if mirror and own.fold("mirror").integers(2):
                sx = width - 1 - sx
            inside = (sy >= 0) & (sy < height) & (sx >= 0) & (sx < width)
            pixel = np.where(inside, 1 + sy * width + sx, ZERO_ROW).reshape(-1)
            blurred = np.where(pixel == ZERO_ROW, ZERO_ROW, pixel + self.num_features)
            maps[k] = np.concatenate([[ZERO_ROW], pixel, blurred])
        if count:
            maps[0] = np.arange(self.rows)
        return maps

    def comparisons(self, key: Key, count: int) -> Bank:
        """Draw comparisons of pixels with neighbours and with levels, those of pixels nearby close together."""

        def near(name: str, at: NDArray[np.int64], size: int) -> NDArray[np.int64]:
            return np.clip(at + key.fold(name).integers(2 * OFFSET + 1, count) - OFFSET, 0, size - 1)

        y, x = np.divmod(key.fold("pixel").integers(self.num_features, count), self.width)
        blurred = key.fold("copy").integers(2, count)
        copy = 1 + self.num_features * blurred
        other = near("other y", y, self.height) * self.width + near("other x", x, self.width)
        level = key.fold("level").uniform(count) < LEVEL_SHARE
        margin = np.where(level, _picked(key.fold("levels"), LEVELS, count), _picked(key.fold("m"), MARGINS, count))
        pixel, against = y * self.width + x, np.where(level, ZERO_ROW, copy + other)
        place = _along(y, x) * 2 + blurred
        _, at = np.unique((place * self.rows + against) * 256 + margin, return_index=True)  # in this order
        pins = Pins((copy + pixel).astype(np.int32), against.astype(np.int32), margin.astype(np.uint8))
        return Bank(pins, NEAR).chosen(at)

    def builder(self, name: str) -> Builder:
        """Return a builder with the pixels as inputs, row by row."""
        names = [f"p{y}_{x}" for y in range(self.height) for x in range(self.width)]
        return Builder(names, name=name, types=[Word(8, signed=False)] * self.num_features)

    def _row_wire(self, builder: Builder, row: int) -> int:
        pixel = row - 1
        if pixel < self.num_features:
            return pixel
        y, x = divmod(pixel - self.num_features, self.width)
        rows = [(y + d, weight) for d, weight in _SIDE if 0 <= y + d < self.height]
        columns = [(x + d, weight) for d, weight in _SIDE if 0 <= x + d < self.width]
        weights = tuple(weight for _, weight in rows)
        # Sums of columns serve three neighbours each.
        sums = [
            builder.add("dot", *(row * self.width + column for row, _ in rows), params=(*weights, 0))
            for column, _ in columns
        ]
        total = builder.add("dot", *sums, params=(*(weight for _, weight in columns), 0))
        return builder.add("shift", total, params=(-4,))

    def pin_wire(self, builder: Builder, source: int, against: int, margin: int) -> int:
        """Return the bit of a pin."""
        x = self._row_wire(builder, source)
        if against != ZERO_ROW:
            y = self._row_wire(builder, against)
            # Pins share the sum; a difference would be each one's own.
            return builder.add("lt", builder.add("dot", y, params=(1, margin)) if margin else y, x)
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

    window: int = 1

    def comparisons(self, key: Key, count: int) -> Bank:
        """Draw comparisons as in an image of the window's size."""
        drawn = ImageEncoder(self.window, self.window).comparisons(key, count)
        pixel = np.add.outer(np.arange(self.window) * self.width, np.arange(self.window)).reshape(-1)
        row = np.concatenate([[ZERO_ROW], 1 + pixel, 1 + self.num_features + pixel]).astype(np.int32)
        source, against, margin = drawn.pins
        return drawn._replace(pins=Pins(row[source], row[against], margin))
