"""Classify by the kernels of training, without what only training needs: millions of samples a second and core.

Samples are laid out as rows a block at a time, so that a block stays in the cache; the tables of the last layer add
their bits to the scores of their groups at once, and write neither addresses nor outputs.

Importing this module imports numba; import it inside the function that needs it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numpy.typing import ArrayLike, NDArray

from learn import lut_kernels as kernels
from learn.encoders import Encoder, ImageEncoder
from learn.lut_kernels import ENTRIES, STEP, Bytes, Wires, _call, _look_up, _splat, intrinsic
from learn.models.lut_network import MAX_PINS, LutNetwork, Pins

BLOCK = 128
"""Samples that go through the network at a time."""
CODED = 4096
"""Samples encoded at a time."""

_U = np.uint64
Scores = NDArray[np.uint16]
Offsets = NDArray[np.uint64]


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any, pointed: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), pointed.as_pointer())


@intrinsic
def _load(typing: Any, data: Any, at: Any) -> Any:
    """Return eight bytes as a word, the first one lowest."""
    signature = types.uint64(data, types.uint64)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_place(context, builder, sig.args[0], args[0], args[1], ir.IntType(64)), align=1)

    return signature, generate


@intrinsic
def _store(typing: Any, data: Any, at: Any, word: Any) -> Any:
    """Write a word as eight bytes."""
    signature = types.void(data, types.uint64, types.uint64)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _place(context, builder, sig.args[0], args[0], args[1], ir.IntType(64)), align=1)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _spell(typing: Any, to: Any, rows: Any, source: Any, against: Any, margin: Any, first: Any, at: Any) -> Any:
    """Write 64 addresses of a table whose six pins stand from ``first`` on; ``source`` and ``against`` are offsets."""
    signature = types.void(to, rows, source, against, margin, types.uint64, types.uint64)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        wide, vector = ir.IntType(64), ir.VectorType(ir.IntType(8), STEP)
        spelled = ir.Constant(vector, [0] * STEP)
        for pin in range(MAX_PINS):
            which = builder.add(args[5], ir.Constant(wide, pin))
            x, y = (
                builder.load(
                    _place(
                        context,
                        builder,
                        sig.args[1],
                        args[1],
                        builder.add(builder.load(_place(context, builder, sig.args[k], args[k], which, wide)), args[6]),
                        vector,
                    ),
                    align=1,
                )
                for k in (2, 3)
            )
            held = _splat(builder, builder.load(_place(context, builder, sig.args[4], args[4], which, ir.IntType(8))))
            is_one = builder.icmp_unsigned(">", x, _call(builder, "llvm.uadd.sat.v64i8", vector, y, held))
            bit = ir.Constant(vector, [1 << pin] * STEP)
            spelled = builder.or_(spelled, builder.select(is_one, bit, ir.Constant(vector, [0] * STEP)))
        start = ir.Constant(wide, 0)
        builder.store(spelled, _place(context, builder, sig.args[0], args[0], start, vector), align=1)
        return context.get_dummy_value()

    return signature, generate


@njit(inline="always")
def _halves(low: np.uint64, high: np.uint64, shift: np.uint64, mask: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Swap the upper part of every field of one word with the lower part of another's."""
    return (low & mask) | ((high & mask) << shift), ((low >> shift) & mask) | (high & ~mask)


@njit(cache=True, nogil=True)
def transpose(data: Bytes, first: int, count: int, rows: Bytes, row: int) -> None:
    """Lay samples out as rows, eight samples by eight bytes at a time, in registers.

    Args:
        data: uint8 (samples, features).
        first: the first sample; ``count``: how many.
        count: see there.
        rows: uint8 (rows, batch), those from ``row`` on written.
        row: see there.
    """
    features, width, batch = data.shape[1], data.shape[1] // 8, rows.shape[1]
    flat, out, size = data.reshape(-1), rows.reshape(-1), _U(data.shape[1])
    for start in range(0, count - 7, 8):
        for column in range(width):
            at = _U((first + start) * features + 8 * column)
            a, b = _load(flat, at), _load(flat, at + size)
            c, d = _load(flat, at + _U(2) * size), _load(flat, at + _U(3) * size)
            at += _U(4) * size
            e, f = _load(flat, at), _load(flat, at + size)
            g, h = _load(flat, at + _U(2) * size), _load(flat, at + _U(3) * size)
            a, e = _halves(a, e, _U(32), _U(0x00000000FFFFFFFF))
            b, f = _halves(b, f, _U(32), _U(0x00000000FFFFFFFF))
            c, g = _halves(c, g, _U(32), _U(0x00000000FFFFFFFF))
            d, h = _halves(d, h, _U(32), _U(0x00000000FFFFFFFF))
            a, c = _halves(a, c, _U(16), _U(0x0000FFFF0000FFFF))
            b, d = _halves(b, d, _U(16), _U(0x0000FFFF0000FFFF))
            e, g = _halves(e, g, _U(16), _U(0x0000FFFF0000FFFF))
            f, h = _halves(f, h, _U(16), _U(0x0000FFFF0000FFFF))
            a, b = _halves(a, b, _U(8), _U(0x00FF00FF00FF00FF))
            c, d = _halves(c, d, _U(8), _U(0x00FF00FF00FF00FF))
            e, f = _halves(e, f, _U(8), _U(0x00FF00FF00FF00FF))
            g, h = _halves(g, h, _U(8), _U(0x00FF00FF00FF00FF))
            to, step = _U((row + 8 * column) * batch + start), _U(batch)
            for word in (a, b, c, d, e, f, g, h):
                _store(out, to, word)
                to += step
    whole = count // 8 * 8
    for k in range(8 * width, features):
        for b_ in range(whole):
            rows[row + k, b_] = data[first + b_, k]
    for k in range(features):
        for b_ in range(whole, count):
            rows[row + k, b_] = data[first + b_, k]


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
    rows: Bytes, source: Offsets, against: Offsets, margin: Bytes, tables: Bytes, group: Wires, scores: Scores
) -> None:
    """Add the bits of tables to the scores of their groups: ``forward`` and ``add_scores`` in one.

    Args:
        rows: uint8 (rows, batch).
        source: uint64 (6 * tables,), offsets of rows; ``against`` likewise, ``margin`` uint8; see :func:`six_pins`.
        against: see there.
        margin: see there.
        tables: uint8 (tables, 64), entries 0 and 1.
        group: int32 (tables,).
        scores: uint16 (groups, batch), added to.
    """
    batch = _U(rows.shape[1])
    flat, entries, to = rows.reshape(-1), tables.reshape(-1), scores.reshape(-1)
    spelled, bits = np.empty(STEP, np.uint8), np.empty(STEP, np.uint8)
    for t in range(_U(len(group))):
        for start in range(_U(0), batch, _U(STEP)):
            _spell(spelled, flat, source, against, margin, _U(t) * _U(MAX_PINS), start)
            _look_up(bits, _U(0), entries, _U(t) * _U(ENTRIES), spelled, _U(0))
            place = _U(group[t]) * batch + start
            for lane in range(_U(STEP)):
                to[place + lane] += np.uint16(bits[lane])


def six_pins(pins: Pins, batch: int) -> tuple[Offsets, Offsets, Bytes]:
    """Return pins as :func:`add_votes` reads them: six a table, those that are not there always 0."""

    def padded(array: NDArray[Any], kind: Any, factor: int) -> NDArray[Any]:
        wide = np.zeros((len(array), MAX_PINS), kind)  # [0 > 0 + 0] of the row of zeros
        wide[:, : array.shape[1]] = array.astype(kind) * kind(factor)
        return wide.reshape(-1)

    offsets = padded(pins.source, np.uint64, batch), padded(pins.against, np.uint64, batch)
    return *offsets, padded(pins.margin, np.uint8, 1)


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
    source: Offsets,
    against: Offsets,
    margin: Bytes,
    tables: Bytes,
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
        source: as for :func:`add_votes`, like the others up to ``group``.
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
        transpose(data, start, count, rows, row)
        if height:
            blur(rows, height, width)
        scores[:] = 0
        add_votes(rows, source, against, margin, tables, group, scores)
        first_greatest(scores, count, classes[start:])


class Reader:
    """A network laid out for classifying."""

    def __init__(self, network: LutNetwork, encoder: Encoder) -> None:
        last = network.layers[-1]
        self.network, self.encoder, self.hidden = network, encoder, network.layers[:-1]
        self.votes = (*six_pins(last.pins, BLOCK), last.tables, network.groups)
        self.tables = [layer.tables for layer in self.hidden]

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """Return the class of each sample: (samples, features) to int64 (samples,)."""
        given, encoder = np.asarray(features), self.encoder
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
        outputs = [np.zeros((1 + len(tables), BLOCK), np.uint8) for tables in self.tables]
        addresses = [np.zeros((len(tables), BLOCK), np.uint8) for tables in self.tables]
        for start in range(0, len(data), BLOCK):
            count, read = min(BLOCK, len(data) - start), rows
            transpose(data, start, count, rows, row)
            if height:
                blur(rows, height, width)
            for layer, tables, found, bits in zip(self.hidden, self.tables, addresses, outputs, strict=True):
                kernels.forward(read, *layer.pins, tables, found, bits[1:], 0, len(tables))
                read = bits
            scores[:] = 0
            add_votes(read, *self.votes, scores)
            first_greatest(scores, count, classes[start:])
