"""Classify by the kernels of training, without what only training needs: millions of samples a second and core.

Samples are laid out as rows a block at a time, so that a block stays in the cache; the tables of the last layer add
their bits to the scores of their groups at once, and write neither addresses nor outputs.

Importing this module imports numba; import it inside the function that needs it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from learn import lut_kernels as kernels
from learn.encoders import Encoder, ImageEncoder
from learn.lut_kernels import STEP, Bytes, Tables, Wires, _locate, _look_up, _read_pins, _turn
from learn.models.lut_network import Layer, LutNetwork
from learn.train import class_scores

BLOCK = 128
"""Samples that go through the network at a time."""
CODED = 4096
"""Samples encoded at a time."""

_U = np.uint64
Scores = NDArray[np.uint16]


@njit(cache=True, nogil=True)
def lay_out(data: Bytes, first: int, count: int, rows: Bytes, row: int) -> None:
    """Lay samples out as rows.

    Args:
        data: uint8 (samples, features).
        first: the first sample; ``count``: how many.
        count: see there.
        rows: uint8 (rows, batch), those from ``row`` on written.
        row: see there.
    """
    for start in range(0, count, STEP):
        end = min(count, start + STEP)
        _turn(data[first + start : first + end], end - start, data.shape[1], rows[row:], start)


@njit(cache=True, nogil=True)
def blur(rows: Bytes, height: int, width: int) -> None:
    """Write the blurred pixels behind the pixels, which are the rows from 1 on: as ``ImageEncoder.codes`` has them."""
    pixels, batch = height * width, rows.shape[1]
    sums = np.zeros((width + 2, batch), np.uint16)
    for y in range(height):
        for x in range(width):
            at = 1 + y * width + x
            up, down = (at - width if y else 0), (at + width if y < height - 1 else 0)
            for b in range(batch):
                outer = np.uint16(rows[up, b]) + np.uint16(rows[down, b])
                sums[x + 1, b] = np.uint16(2) * np.uint16(rows[at, b]) + outer
        for x in range(width):
            to = 1 + pixels + y * width + x
            for b in range(batch):
                total = sums[x, b] + np.uint16(2) * sums[x + 1, b] + sums[x + 2, b]
                rows[to, b] = np.uint8(total >> np.uint16(4))


@njit(cache=True, nogil=True)
def add_votes(
    rows: Bytes, codes: Wires, shift: Wires, source: Wires, against: Wires, margin: Bytes, tables: Tables, group: Wires,
    scores: Scores,
) -> None:  # fmt: skip
    """Add the bits of tables to the scores of their groups: ``add_scores`` without addresses.

    Args:
        rows: uint8 (rows, batch).
        codes: of a ``Wiring``, and so are ``shift`` to ``margin``: integers (tables, pins).
        shift: see there.
        source: see there.
        against: see there.
        margin: see there.
        tables: int8 (tables, entries), counters.
        group: int32 (tables,).
        scores: uint16 (groups, batch), added to.
    """
    batch, pins, size = _U(rows.shape[1]), _U(codes.shape[1]), _U(tables.shape[1])
    flat, entries, to = rows.reshape(-1), tables.reshape(-1), scores.reshape(-1)
    chosen, compared, moved = codes.reshape(-1), len(source) > 0, len(shift) > 0
    x, y, level = np.empty(8, np.uint64), np.empty(8, np.uint64), np.empty(8, np.uint8)
    spelled, bits = np.empty(STEP, np.uint8), np.empty(STEP, np.uint8)
    shifts, count = _U(len(shift)), _U(len(group))
    for t in range(_U(len(group))):
        further = _U(shift[t * shifts // count]) if moved else _U(0)
        _locate(chosen, t * pins, pins, further, source, against, margin, compared, batch, x, y, level)
        for start in range(_U(0), batch, _U(STEP)):
            _read_pins(spelled, _U(0), flat, start, x, y, level, pins)
            _look_up(bits, _U(0), entries, t * size, size, spelled, _U(0))
            place = _U(group[t]) * batch + start
            for lane in range(_U(STEP)):
                to[place + lane] += np.uint16(bits[lane])


@njit(cache=True, nogil=True)
def first_greatest(scores: Scores, count: int, classes: NDArray[np.int64]) -> None:
    """Write the first of the greatest scores of each sample: uint16 (groups, batch) to int64 (count or more,)."""
    best = np.zeros(scores.shape[1], np.uint16)
    chosen = np.zeros(scores.shape[1], np.uint16)
    for b in range(scores.shape[1]):
        best[b] = scores[0, b]
    for g in range(1, len(scores)):
        for b in range(scores.shape[1]):
            better = scores[g, b] > best[b]
            best[b] = scores[g, b] if better else best[b]
            chosen[b] = np.uint16(g) if better else chosen[b]
    for b in range(count):
        classes[b] = chosen[b]


@njit(cache=True, nogil=True)
def classify(
    data: Bytes,
    row: int,
    height: int,
    width: int,
    rows: Bytes,
    codes: Wires,
    shift: Wires,
    source: Wires,
    against: Wires,
    margin: Bytes,
    tables: Tables,
    group: Wires,
    scores: Scores,
    classes: NDArray[np.int64],
) -> None:
    """Classify samples by one layer: lay a block out, blur it, count its votes, take the greatest.

    Args:
        data: uint8 (samples, features), the rows from ``row`` on.
        row: see there.
        height: of images, which are blurred; 0 for rows that are whole.
        width: see there.
        rows: uint8 (rows, batch), row 0 zero; written.
        codes: as for :func:`add_votes`, like the others up to ``group``.
        shift: see there.
        source: see there.
        against: see there.
        margin: see there.
        tables: see there.
        group: see there.
        scores: uint16 (groups, batch), written.
        classes: int64 (samples,), written.
    """
    batch = rows.shape[1]
    for start in range(0, len(data), batch):
        count = min(batch, len(data) - start)
        lay_out(data, start, count, rows, row)
        if height:
            blur(rows, height, width)
        scores[:] = 0
        add_votes(rows, codes, shift, source, against, margin, tables, group, scores)
        first_greatest(scores, count, classes[start:])


class Reader:
    """A network laid out for classifying."""

    def __init__(self, network: LutNetwork, encoder: Encoder) -> None:
        first, *further = network.layers
        # comparisons in the order they are read in are a sixth faster than numbers of comparisons in a bank
        *hidden, last = Layer.comparing(first.pins, first.counters, first.copies), *further
        self.network, self.encoder = network, encoder
        self.hidden = [(layer.wiring, layer.tables) for layer in hidden]
        self.votes = (*last.wiring, last.tables, network.groups)

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """Return the class of each sample: (samples, features) to int64 (samples,)."""
        given, encoder = np.asarray(features), self.encoder
        if not self.network.head.readout.plain:
            return class_scores(self.network, encoder.codes(given)).argmax(axis=1)
        classes = np.empty(len(given), np.int64)
        for start in range(0, len(given), CODED):
            part, to = given[start : start + CODED], classes[start : start + CODED]
            if isinstance(encoder, ImageEncoder):
                self._classify(encoder.pixels(part), 1, encoder.height, encoder.width, to)
            else:
                self._classify(np.ascontiguousarray(encoder.codes(part)), 0, 0, 0, to)
        return classes

    def _classify(self, data: Bytes, row: int, height: int, width: int, classes: NDArray[np.int64]) -> None:
        rows = np.zeros((self.network.rows, BLOCK), np.uint8)
        scores = np.zeros((self.network.classes, BLOCK), np.uint16)
        if not self.hidden:
            classify(data, row, height, width, rows, *self.votes, scores, classes)
            return
        outputs = [np.zeros((1 + len(tables), BLOCK), np.uint8) for _, tables in self.hidden]
        addresses = [np.zeros((len(tables), BLOCK), np.uint8) for _, tables in self.hidden]
        for start in range(0, len(data), BLOCK):
            count, read = min(BLOCK, len(data) - start), rows
            lay_out(data, start, count, rows, row)
            if height:
                blur(rows, height, width)
            for (wiring, tables), found, bits in zip(self.hidden, addresses, outputs, strict=True):
                kernels.forward(read, *wiring, tables, found, bits[1:], 0, BLOCK // STEP)
                read = bits
            scores[:] = 0
            add_votes(read, *self.votes, scores)
            first_greatest(scores, count, classes[start:])
