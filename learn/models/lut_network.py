"""Networks of look-up tables whose entries are integer counters: the bit of an entry is [counter >= 0].

Layers read rows (``learn.lut_kernels``): the first one codes of features, each further one the bits of the one before.
The last layer's tables stand in groups, one a class; a class's score is how many of its tables say 1, and the class of
the greatest score is the answer, the first among equals.

The counters are the parameters, in the space ``Int(lo, hi)``; which rows a pin compares is a choice that training
swaps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.circuit import Builder, Circuit
from learn.errors import ModelError
from learn.keys import Key
from learn.spaces import Int

ZERO_ROW = 0
"""The row of zeros, against which a pin is a threshold; rows of features or of tables start at 1."""
MAX_PINS = 6
STARTING = 4
"""Counters start in -STARTING..STARTING-1."""


class Pins(NamedTuple):
    """What each pin compares: [row[source] > row[against] + margin]; arrays of one shape.

    Attributes:
        source: int32, rows.
        against: int32, rows.
        margin: uint8.
    """

    source: NDArray[np.int32]
    against: NDArray[np.int32]
    margin: NDArray[np.uint8]

    def map(self, function: Callable[..., Any], *others: Pins) -> Pins:
        """Return the pins whose arrays ``function`` makes of these arrays and those of the others."""
        return Pins(*(function(*arrays) for arrays in zip(self, *others, strict=True)))

    def copy(self) -> Pins:
        """Return pins with arrays of their own."""
        return self.map(np.copy)


@dataclass(frozen=True)
class Layer:
    """Tables side by side.

    Attributes:
        pins: of shape (tables, k); behind the first layer they read bits as they are, against row 0 with margin 0.
        counters: int8 (tables, 2**k); entry ``sum(pin i << i)``.
    """

    pins: Pins
    counters: NDArray[np.int8]

    @property
    def tables(self) -> NDArray[np.uint8]:
        """The bits of all entries as the kernels read them: uint8 (tables, 64), 0 and 1."""
        tables = np.zeros((len(self.counters), 64), np.uint8)
        tables[:, : self.counters.shape[1]] = self.counters >= 0
        return tables


def _check(layer: Layer, depth: int, rows: int) -> None:
    """Check that a layer's arrays fit and its pins read one of so many rows: kernels read whatever they are told."""
    counters, shapes = layer.counters, [array.shape for array in layer.pins]
    tables, pins = shapes[0] if len(shapes[0]) == 2 else (0, 0)
    fits = shapes == [(tables, pins)] * 3 and counters.shape == (tables, 1 << pins)
    if not (fits and tables and 1 <= pins <= MAX_PINS) or counters.dtype != np.int8:
        raise ModelError(
            f"network: layer {depth} has pins of shapes {shapes} and {counters.dtype} counters {counters.shape}, "
            f"expected (tables, k) and int8 (tables, 2**k), k at most {MAX_PINS}"
        )
    ends = [(int(array.min()), int(array.max())) for array in layer.pins]
    lowest, highest = (1, ZERO_ROW, 0), (rows - 1, *((ZERO_ROW, 0) if depth else (rows - 1, 255)))
    if any(lo < least or hi > most for (lo, hi), least, most in zip(ends, lowest, highest, strict=True)):
        found, expected = (
            "source {}..{}, against {}..{} and margin {}..{}".format(*(end for pair in pairs for end in pair))
            for pairs in (ends, zip(lowest, highest, strict=True))
        )
        raise ModelError(f"network: layer {depth} has pins of {found}, expected {expected}")


@dataclass(frozen=True)
class LutNetwork:
    """Layers of look-up tables and a vote of groups.

    Attributes:
        rows: number of input rows, the row of zeros included.
        classes: number of groups of the last layer.
        layers: from the inputs on.
        space: where counters live.

    Raises:
        ModelError: a layer whose arrays do not fit each other, or whose pins read rows that are not there.
    """

    rows: int
    classes: int
    layers: tuple[Layer, ...]
    space: Int

    def __post_init__(self) -> None:
        rows = self.rows
        for depth, layer in enumerate(self.layers):
            _check(layer, depth, rows)
            rows = 1 + len(layer.counters)

    @property
    def num_tables(self) -> int:
        """How many look-up tables there are."""
        return sum(len(layer.counters) for layer in self.layers)

    @property
    def groups(self) -> NDArray[np.int32]:
        """The class of each table of the last layer: int32 (tables,), equal shares in order."""
        count = len(self.layers[-1].counters)
        return (np.arange(count) * self.classes // count).astype(np.int32)

    def copy(self) -> LutNetwork:
        """Return the network with arrays of its own."""
        layers = tuple(Layer(layer.pins.copy(), layer.counters.copy()) for layer in self.layers)
        return replace(self, layers=layers)


Draw = Callable[[Key, int], Pins]
"""``draw(key, tables) -> pins (tables, k)``: pins for the tables of the first layer."""


def deeper_pins(key: Key, tables: int, pins: int, before: int) -> Pins:
    """Return pins that read bits of the layer before, each of its tables as often as any other, by one at most."""
    count = tables * pins
    order = np.argsort(key.uniform(-(-count // before) * before).reshape(-1, before), axis=1)
    source = (order.reshape(-1)[:count] + 1).reshape(tables, pins).astype(np.int32)
    return Pins(source, np.zeros_like(source), np.zeros(source.shape, np.uint8))


def make_network(
    draw: Draw, *, rows: int, classes: int, widths: Sequence[int], pins: int, bound: int, key: Key
) -> LutNetwork:
    """Make a network before training: random pins and small random counters.

    Tables of further layers start as the bit of their first pin, so that depth costs nothing at the start.

    Args:
        draw: draws the pins of the first layer.
        rows: number of input rows, the row of zeros included.
        classes: at least 2.
        widths: tables of each layer.
        pins: k, 2 to 6.
        bound: counters live in -bound..bound-1.
        key: decides all of it.

    Raises:
        ModelError: a setting out of range.
    """
    if not 2 <= pins <= MAX_PINS or not 1 <= bound <= 128 or classes < 2 or not widths or min(widths) < classes:
        raise ModelError(
            f"network: got {pins} pins, bound {bound}, {classes} classes and widths {list(widths)}, expected 2..6 "
            "pins, a bound of 1..128, two classes or more and no layer of fewer tables than classes"
        )
    layers = []
    for depth, width in enumerate(widths):
        own = key.fold("layer", depth)
        chosen = (
            draw(own.fold("pins"), width)
            if not depth
            else deeper_pins(own.fold("pins"), width, pins, widths[depth - 1])
        )
        low = min(STARTING, bound)
        counters = own.fold("counters").integers(2 * low, (width, 1 << pins)) - low
        if depth:
            first = np.arange(1 << pins) & 1
            counters = np.where(first == 1, np.abs(counters), -1 - np.abs(counters))
            counters = np.clip(counters, -bound, bound - 1)
        layers.append(Layer(chosen, counters.astype(np.int8)))
    return LutNetwork(rows, classes, tuple(layers), Int(-bound, bound - 1))


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
    """Return the circuit of a network: tables, counts of ones and what is made of them.

    Args:
        network: what was trained.
        builder: has the inputs.
        pin_wire: makes the bits that the first layer reads.
        answer: makes outputs, by name, of the wires of the scores.
    """
    bits: list[int] = []
    for depth, layer in enumerate(network.layers):
        source, against, margin = (array.tolist() for array in layer.pins)
        outputs = []
        for t, entries in enumerate((layer.counters >= 0).astype(int).tolist()):
            pins = [
                pin_wire(builder, *pin) if not depth else bits[pin[0] - 1]
                for pin in zip(source[t], against[t], margin[t], strict=True)
            ]
            outputs.append(builder.add(f"lut{len(pins)}", *pins, params=entries))
        bits = outputs
    groups = network.groups.tolist()
    members = [[bit for bit, g in zip(bits, groups, strict=True) if g == c] for c in range(network.classes)]
    scores = [builder.add("popcount", *group) for group in members]
    return builder.circuit(answer(builder, scores))
