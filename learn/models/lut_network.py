"""Networks of look-up tables whose entries are integer counters: the bit of an entry is [counter >= 0].

Layers read rows (``learn.lut_kernels``): the first one codes of features, each further one the bits of the one before.
The last layer's tables stand in groups, one a class, of which a readout makes scores (``learn.models.readouts``); the
class of the greatest score is the answer, the first among equals.

The counters are the parameters, in the space ``Int(lo, hi)``; which rows a pin compares is a choice that training
swaps. Tables may be copies of one another that look at other places: they share counters and choices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.circuit import Builder, Circuit
from learn.errors import LearnError, ModelError
from learn.keys import Key
from learn.models.readouts import Head, make_head
from learn.spaces import Int

ZERO_ROW = 0
"""The row of zeros, against which a pin is a threshold; rows of features or of tables start at 1."""
MAX_PINS = 6
NARROW = 1 << 16
"""Numbers below this take two bytes."""
STARTING = 4
"""Counters start in -STARTING..STARTING-1."""


PinCodes = NDArray[np.integer[Any]]
"""Pins as numbers, in two bytes each where they are that small."""


def narrow(numbers: NDArray[np.integer[Any]], count: int) -> PinCodes:
    """Return numbers below ``count`` as uint16 if they fit, else as int32; always an array of their own."""
    return numbers.astype(np.uint16 if count <= NARROW else np.int32)


def shifts_of(shift: NDArray[np.integer[Any]], tables: int) -> NDArray[np.integer[Any]]:
    """Return the shift of each of so many tables, given those that equal runs of them share."""
    return shift[np.arange(tables) * len(shift) // tables]


class Pins(NamedTuple):
    """What each pin compares: [row[source] > row[against] + margin]; arrays of one shape.

    Attributes:
        source: uint16 or int32, rows.
        against: uint16 or int32, rows.
        margin: uint8.
    """

    source: NDArray[np.integer[Any]]
    against: NDArray[np.integer[Any]]
    margin: NDArray[np.uint8]

    def map(self, function: Callable[..., Any], *others: Pins) -> Pins:
        """Return the pins whose arrays ``function`` makes of these arrays and those of the others."""
        return Pins(*(function(*arrays) for arrays in zip(self, *others, strict=True)))


class Bank(NamedTuple):
    """What the pins of the first layer may compare; which of it each pin does is a number below its size.

    Attributes:
        pins: of one axis, no two the same.
        near: the share of it to either side of a comparison that has something in common with it; 0 for none.
    """

    pins: Pins
    near: float = 0.0

    @property
    def size(self) -> int:
        """How many comparisons there are."""
        return self.pins.source.size

    @property
    def reach(self) -> int:
        """How far apart neighbours are; 0 if they have nothing in common."""
        return int(self.size * self.near)

    def chosen(self, at: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Bank:
        """Return the bank of some of its comparisons, by number, or by whether they are chosen."""
        return self._replace(pins=self.pins.map(lambda array: array[at]))

    def some(self, key: Key, count: int) -> Bank:
        """Return so many comparisons, drawn, in the order they have; all of them if there are no more."""
        drawn = np.argsort(key.words(self.size), kind="stable")[:count]
        return self if count >= self.size else self.chosen(np.sort(drawn))

    def draw(self, key: Key, tables: int, pins: int) -> PinCodes:
        """Draw pins, by number: where there is a reach, half of a table's are as near to its own place.

        Returns:
            uint16 or int32 (tables, pins).
        """
        shape = (tables, pins)
        chosen = key.fold("anywhere").integers(self.size, shape)
        if self.reach:
            place = key.fold("place").integers(self.size, tables)[:, None]
            near = place + key.fold("near").integers(2 * self.reach + 1, shape) - self.reach
            chosen = np.where(key.fold("local").integers(2, shape) == 0, near % self.size, chosen)
        return narrow(chosen, self.size)


class Wiring(NamedTuple):
    """What the pins of tables read, as ``learn.lut_kernels`` takes it.

    Attributes:
        codes: uint16 or int32 (tables, k), as in :class:`Layer`.
        shift: int32 (up to tables,), how many rows further tables look, each for an equal run of them
            (:func:`shifts_of`); empty for none. The row of zeros stays.
        source: of the comparisons there are, as in :class:`Pins`, and so are ``against`` and ``margin``; empty for
            none.
        against: see there.
        margin: see there.
    """

    codes: PinCodes
    shift: NDArray[np.int32]
    source: NDArray[np.integer[Any]]
    against: NDArray[np.integer[Any]]
    margin: NDArray[np.uint8]


NOTHING = Pins(np.empty(0, np.uint16), np.empty(0, np.uint16), np.empty(0, np.uint8))
"""No comparisons, for kernels: pins read rows as they are."""


class Copies(NamedTuple):
    """Which tables are copies of one another.

    Attributes:
        share: int32 (tables,), which cell, a row of pins and counters, each table is a copy of.
        shift: int32 (tables,), how many rows further its pins look; those on the row of zeros stay there.
    """

    share: NDArray[np.int32]
    shift: NDArray[np.int32]

    def copy(self) -> Copies:
        """Return copies with arrays of their own."""
        return Copies(self.share.copy(), self.shift.copy())


@dataclass(frozen=True)
class Layer:
    """Tables side by side, one a cell or several copies of it.

    Attributes:
        codes: uint16 or int32 (cells, k), which of ``compared`` each pin is; without any, which of the rows behind
            row 0 it reads as it is, as pins behind the first layer do.
        counters: int8 (cells, 2**k); entry ``sum(pin i << i)``.
        compared: the comparisons that pins may be, of one axis: a bank's, shared by all that are made of it and never
            changed.
        copies: the tables there are of each cell; None for one each.
        windows: int32 (runs,), where there are no copies: how many rows further each of so many equal runs of tables
            looks, so that numbers of two bytes do for more rows than those count.
        frozen: whether training leaves the counters alone.
        swaps: whether training may swap pins.
    """

    codes: PinCodes
    counters: NDArray[np.int8]
    compared: Pins | None = None
    copies: Copies | None = None
    windows: NDArray[np.int32] | None = None
    frozen: bool = False
    swaps: bool = True

    @classmethod
    def comparing(cls, pins: Pins, counters: NDArray[np.int8], copies: Copies | None = None) -> Layer:
        """Return a layer of which each pin has a comparison of its own, given those: of shape (cells, k)."""
        codes = narrow(np.arange(pins.source.size), pins.source.size).reshape(pins.source.shape)
        return cls(codes, counters, pins.map(np.ravel), copies)

    @property
    def num_tables(self) -> int:
        """How many tables there are."""
        return len(self.counters) if self.copies is None else len(self.copies.share)

    @property
    def most_copies(self) -> int:
        """The most tables that share a cell."""
        return 1 if self.copies is None else int(np.bincount(self.copies.share).max())

    @property
    def tables(self) -> NDArray[np.int8]:
        """The counters of the tables, copies of a cell's among them: int8 (tables, 2**k)."""
        return self.counters if self.copies is None else self.counters[self.copies.share]

    @property
    def shift(self) -> NDArray[np.int32]:
        """How many rows further tables look, as in :class:`Wiring`."""
        if self.copies is not None:
            return self.copies.shift
        return np.empty(0, np.int32) if self.windows is None else self.windows

    @property
    def wiring(self) -> Wiring:
        """What the pins of the tables read; without copies the arrays are those of the layer."""
        compared = NOTHING if self.compared is None else self.compared
        return Wiring(self.codes if self.copies is None else self.codes[self.copies.share], self.shift, *compared)

    @property
    def pins(self) -> Pins:
        """What the pins of the cells compare, spelled out: int32 and uint8 (cells, k)."""
        if self.compared is not None:
            source, against, margin = self.compared.map(lambda array: array[self.codes])
            return Pins(source.astype(np.int32), against.astype(np.int32), margin)
        source = self.codes.astype(np.int32) + 1
        return Pins(source, np.full_like(source, ZERO_ROW), np.zeros(source.shape, np.uint8))

    def spread(self) -> Pins:
        """Return what the pins of the tables compare, spelled out: int32 and uint8 (tables, k)."""
        own, copies = self.pins, self.copies
        if copies is not None:
            own = own.map(lambda array: array[copies.share])
        if not len(self.shift):
            return own
        shift = shifts_of(self.shift, self.num_tables)[:, None]
        source, against = (np.where(row == ZERO_ROW, np.int32(ZERO_ROW), row + shift) for row in own[:2])
        return Pins(source, against, own.margin)

    def copy(self) -> Layer:
        """Return the layer with codes, counters and copies of its own."""
        copies = self.copies and self.copies.copy()
        return replace(self, codes=self.codes.copy(), counters=self.counters.copy(), copies=copies)


def check_compared(what: str, compared: Pins, rows: int, shift: int, error: type[LearnError] = ModelError) -> None:
    """Check that comparisons read some of so many rows, also ``shift`` rows further on.

    Raises:
        error: they do not.
    """
    shapes, most = {array.shape for array in compared}, rows - shift
    if len(shapes) != 1 or compared.source.ndim != 1 or not compared.source.size or compared.margin.dtype != np.uint8:
        raise error(
            f"{what} of shapes {[array.shape for array in compared]} and {compared.margin.dtype} margins, expected as "
            "many rows as uint8 margins, and at least one"
        )
    ends = [(int(array.min()), int(array.max())) for array in compared[:2]]
    if ends[0][0] < 1 or ends[1][0] < ZERO_ROW or max(hi for _, hi in ends) >= most:
        raise error(
            f"{what} of sources {ends[0][0]}..{ends[0][1]} against rows {ends[1][0]}..{ends[1][1]}, expected rows "
            f"below {most}, and sources from 1 on"
        )


def _check(layer: Layer, depth: int, rows: int) -> None:
    """Check that a layer's arrays fit and its pins read one of so many rows: kernels read whatever they are told."""
    codes, counters = layer.codes, layer.counters
    cells, pins = codes.shape if codes.ndim == 2 else (0, 0)
    if (
        not (cells and 1 <= pins <= MAX_PINS and counters.shape == (cells, 1 << pins))
        or counters.dtype != np.int8
        or codes.dtype not in (np.uint16, np.int32)
    ):
        raise ModelError(
            f"network: layer {depth} has {codes.dtype} pins {codes.shape} and {counters.dtype} counters "
            f"{counters.shape}, expected uint16 or int32 (tables, k) and int8 (tables, 2**k), k at most {MAX_PINS}"
        )
    if layer.copies is not None:
        share, shift = layer.copies
        if (
            share.ndim != 1
            or share.shape != shift.shape
            or not share.size
            or not 0 <= share.min() <= share.max() < cells
            or shift.min() < 0
        ):
            raise ModelError(
                f"network: layer {depth} has copies {share.shape} at {shift.shape} places, expected as many places as "
                f"copies, each of one of {cells} cells"
            )
    if layer.windows is not None and (
        layer.copies is not None or layer.windows.ndim != 1 or not len(layer.windows) or layer.windows.min() < 0
    ):
        raise ModelError(f"network: layer {depth} has windows {layer.windows.shape}, expected rows, and no copies")
    if depth and layer.compared is not None:
        raise ModelError(f"network: layer {depth} has comparisons, expected pins that read bits as they are")
    if layer.compared is None:
        choices = rows - 1
        read = layer.wiring.codes + shifts_of(layer.shift, layer.num_tables)[:, None] if len(layer.shift) else codes
    else:
        check_compared(f"network: layer {depth} has comparisons", layer.compared, rows, int(layer.shift.max(initial=0)))
        choices, read = layer.compared.source.size, codes
    if not 0 <= read.min() <= read.max() < choices:
        raise ModelError(
            f"network: layer {depth} has pins {int(read.min())}..{int(read.max())}, expected 0..{choices - 1}"
        )


@dataclass(frozen=True)
class LutNetwork:
    """Layers of look-up tables and a readout.

    Attributes:
        rows: number of input rows, the row of zeros included.
        classes: number of groups of the last layer.
        layers: from the inputs on.
        space: where counters live.
        head: the readout and its parameters.

    Raises:
        ModelError: a layer whose arrays do not fit each other, or whose pins read rows that are not there; a head for
            another number of tables or classes.
    """

    rows: int
    classes: int
    layers: tuple[Layer, ...]
    space: Int
    head: Head

    def __post_init__(self) -> None:
        rows = self.rows
        for depth, layer in enumerate(self.layers):
            _check(layer, depth, rows)
            rows = 1 + layer.num_tables
        shapes = self.head.counters.shape, self.head.bias.shape
        lo, hi = self.head.readout.bounds
        if (
            shapes != ((rows - 1, 1), (self.classes, 1))
            or not lo <= self.head.counters.min() <= self.head.counters.max() <= hi
        ):
            raise ModelError(
                f"network: the readout has counters {shapes[0]} and biases {shapes[1]}, expected ({rows - 1}, 1), "
                f"each {lo}..{hi}, and ({self.classes}, 1)"
            )

    @property
    def num_tables(self) -> int:
        """How many look-up tables there are."""
        return sum(layer.num_tables for layer in self.layers)

    @property
    def groups(self) -> NDArray[np.int32]:
        """The class of each table of the last layer: int32 (tables,), equal shares in order."""
        count = self.layers[-1].num_tables
        return (np.arange(count) * self.classes // count).astype(np.int32)

    def copy(self) -> LutNetwork:
        """Return the network with arrays of its own."""
        return replace(self, layers=tuple(layer.copy() for layer in self.layers), head=self.head.copy())


def deeper_pins(key: Key, tables: int, pins: int, before: int) -> PinCodes:
    """Return pins that read bits of the layer before, each of its tables as often as any other, by one at most."""
    count = tables * pins
    order = np.argsort(key.uniform(-(-count // before) * before).reshape(-1, before), axis=1)
    return narrow(order.reshape(-1)[:count].reshape(tables, pins), before)


def start_counters(key: Key, cells: int, pins: int, bound: int, *, through: bool = False) -> NDArray[np.int8]:
    """Draw small counters: int8 (cells, 2**pins); with ``through``, tables are the bit of their first pin."""
    low = min(STARTING, bound)
    counters = key.integers(2 * low, (cells, 1 << pins)) - low
    if through:
        first = np.arange(1 << pins) & 1
        counters = np.where(first == 1, np.abs(counters), -1 - np.abs(counters))
    return np.clip(counters, -bound, bound - 1).astype(np.int8)


def deeper_layer(key: Key, tables: int, pins: int, bound: int, before: int) -> Layer:
    """Return a layer that reads ``before`` tables and starts as their bits: depth costs nothing at the start."""
    counters, own = start_counters(key.fold("counters"), tables, pins, bound, through=True), key.fold("pins")
    if before <= NARROW:
        return Layer(deeper_pins(own, tables, pins, before), counters)
    windows = np.linspace(0, before - NARROW, 2 * -(-before // NARROW) - 1).astype(
        np.int32
    )  # half of one is the next's
    counts = np.bincount(shifts_of(np.arange(len(windows)), tables), minlength=len(windows)).tolist()
    parts = [deeper_pins(own.fold(k), count, pins, NARROW) for k, count in enumerate(counts)]
    return Layer(np.concatenate(parts), counters, windows=windows)


def make_network(
    bank: Bank,
    *,
    rows: int,
    classes: int,
    widths: Sequence[int],
    pins: int,
    bound: int,
    key: Key,
    readout: str = "group_sum",
    front: Sequence[Layer] = (),
) -> LutNetwork:
    """Make a network before training: random pins and small random counters.

    Args:
        bank: what the pins of the first layer are drawn from.
        rows: number of input rows, the row of zeros included.
        classes: at least 2.
        widths: tables of each layer.
        pins: k, 2 to 6.
        bound: counters live in -bound..bound-1.
        key: decides all of it.
        readout: one of READOUTS.
        front: layers to stand before those; ``bank`` is not drawn from then.

    Raises:
        ModelError: a setting out of range.
    """
    if not 2 <= pins <= MAX_PINS or not 1 <= bound <= 128 or classes < 2 or not widths or min(widths) < classes:
        raise ModelError(
            f"network: got {pins} pins, bound {bound}, {classes} classes and widths {list(widths)}, expected 2..6 "
            "pins, a bound of 1..128, two classes or more and no layer of fewer tables than classes"
        )
    layers = list(front)
    for depth, width in enumerate(widths):
        own = key.fold("layer", depth)
        if layers:
            layers.append(deeper_layer(own, width, pins, bound, layers[-1].num_tables))
        else:
            first = bank.draw(own.fold("pins"), width, pins)
            layers.append(Layer(first, start_counters(own.fold("counters"), width, pins, bound), bank.pins))
    return LutNetwork(rows, classes, tuple(layers), Int(-bound, bound - 1), make_head(readout, widths[-1], classes))


PinWire = Callable[[Builder, int, int, int], int]
"""``wire(builder, source, against, margin)``: the bit of a pin of the first layer."""


def greatest(builder: Builder, scores: Sequence[int]) -> dict[str, int]:
    """Return the output ``class``, an unsigned word: which score is the greatest, the first among equals."""
    return {"class": builder.add("argmax", *scores)}


def network_circuit(
    network: LutNetwork,
    builder: Builder,
    pin_wire: PinWire,
    answer: Callable[[Builder, Sequence[int]], dict[str, int]] = greatest,
) -> Circuit:
    """Return the circuit of a network: tables, scores and what is made of them.

    Args:
        network: what was trained.
        builder: has the inputs.
        pin_wire: makes the bits that the first layer reads.
        answer: makes outputs, by name, of the wires of the scores.
    """
    wire, bits = cache(partial(pin_wire, builder)), list[int]()
    for depth, layer in enumerate(network.layers):
        source, against, margin = (array.tolist() for array in layer.spread())
        outputs = []
        for t, entries in enumerate((layer.tables >= 0).astype(int).tolist()):
            pins = [
                bits[pin[0] - 1] if depth else wire(*pin) for pin in zip(source[t], against[t], margin[t], strict=True)
            ]
            outputs.append(builder.add(f"lut{len(pins)}", *pins, params=entries))
        bits = outputs
    groups, weights, bias = network.groups, network.head.weights, network.head.bias
    scores = []
    for c in range(network.classes):
        members = np.flatnonzero(groups == c)
        wires = [bits[t] for t in members]
        if network.head.readout.plain:
            scores.append(builder.add("popcount", *wires))
        else:
            scores.append(builder.add("dot", *wires, params=(*weights[members].tolist(), int(bias[c, 0]))))
    return builder.circuit(answer(builder, scores))
