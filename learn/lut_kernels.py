"""The loops that networks of look-up tables train on: 64 samples a step, one byte each; the numpy oracle beside each.

A *row* holds one byte a sample: a feature's code, or the bit of an earlier table. A *pin* of a table compares two rows,

    bit = row[source] > row[against] + margin,

the sum held below 256; against the row of zeros it is a threshold, with margin 0 on a row of bits the bit itself. It
is held as the number of its comparison in a bank that all tables share, or of the row of bits it reads as it is. The
six pins of a table spell an address of six bits, so 64 addresses are one vector of bytes and their look-up in a table
of 64 bytes is one instruction where the processor has it (``vpermb``); elsewhere a plain loop. A table is its counters:
the bit of an entry is [counter >= 0], and nothing else holds it.

All numbers are integers. Threads share a layer by samples on the way forward, the blocks of 64 that are at least
``first`` and below ``last``, and by tables on the way back, ``first <= table < last``: what they write is disjoint or
is summed, and sums of integers do not depend on order.

Importing this module imports numba; import it inside the function that needs it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils as _cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic as _numba_intrinsic
from numpy.typing import NDArray

from circuits.kernels import philox4x64
from learn.keys import Key
from learn.models.lut_network import shifts_of

Bytes = NDArray[np.uint8]
Wires = NDArray[np.integer[Any]]  # int32, or uint16 where there are at most so many rows
Signals = NDArray[np.int8]
Tables = NDArray[np.int8]
Votes = NDArray[np.signedinteger[Any]]  # int16 or int32
Sums = NDArray[np.signedinteger[Any]]  # int16 or int32

STEP = 64
"""Samples of a step; every batch is a multiple of it."""
ENTRIES = 64
"""The most entries of a table."""
DENSE = 36
"""Samples of an entry gone through 64 at a time in the time of one sample gone through alone."""
SIGNAL_LIMIT = 127
RATE_ONE = 1 << 16
"""A rate of 1 in fixed point."""
GOLDEN = 40503
"""The golden section of 2**16, made odd: multiples of it lie evenly spread modulo 2**16."""

_U = np.uint64
cgutils: Any = _cgutils  # it has no types
_BYTE, _SHORT = ir.IntType(8), ir.IntType(16)
_V, _W = ir.VectorType(_BYTE, STEP), ir.VectorType(_SHORT, STEP)
_ZERO = ir.Constant(_V, [0] * STEP)


def intrinsic(typed: Any) -> Any:
    """Make an intrinsic; its first parameter, the typing context, is not given in calls."""
    return _numba_intrinsic(typed)


def _has_wide_permute() -> bool:
    """Tell whether numba compiles for a processor with ``vpermb``; it may be told another one than this machine's."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return "+avx512vbmi" in features.split(",")


def _call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """Call an LLVM intrinsic by its full name."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    found = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(found, arguments)


def _byte(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


def _vector(builder: Any, byte: Any) -> Any:
    """Load 64 bytes."""
    return builder.load(builder.bitcast(byte, _V.as_pointer()), align=1)


def _store(builder: Any, vector: Any, byte: Any) -> None:
    builder.store(vector, builder.bitcast(byte, _V.as_pointer()), align=1)


def _splat(builder: Any, value: Any) -> Any:
    single = builder.insert_element(ir.Constant(_V, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), STEP), [0] * STEP)
    return builder.shuffle_vector(single, ir.Constant(_V, ir.Undefined), lanes)


def _compared(builder: Any, source: Any, against: Any, margin: Any) -> Any:
    """Return which of 64 samples have source > against + margin: two places of bytes, a byte."""
    x, y = _vector(builder, source), _vector(builder, against)
    return builder.icmp_unsigned(">", x, _call(builder, "llvm.uadd.sat.v64i8", _V, y, _splat(builder, margin)))


def _looked_up(builder: Any, table: Any, size: Any, addresses: Any) -> Any:
    """Return the bits at 64 addresses of a table of so many counters: a permutation of bytes, or load after load."""
    if WIDE:  # a table may be the last before memory that is not there: only its own bytes are loaded
        word, byte, align = ir.IntType(64), builder.bitcast(table, _V.as_pointer()), ir.Constant(ir.IntType(32), 1)
        mask = builder.lshr(ir.Constant(word, -1), builder.sub(ir.Constant(word, STEP), size))
        lanes = builder.bitcast(mask, ir.VectorType(ir.IntType(1), STEP))
        counters = _call(builder, "llvm.masked.load.v64i8.p0", _V, byte, align, lanes, _ZERO)
        found = _call(builder, "llvm.x86.avx512.permvar.qi.512", _V, counters, addresses)
    else:
        found = ir.Constant(_V, ir.Undefined)
        for lane in (ir.Constant(ir.IntType(32), k) for k in range(STEP)):
            address = builder.zext(builder.extract_element(addresses, lane), ir.IntType(64))
            found = builder.insert_element(found, builder.load(builder.gep(table, [address])), lane)
    return builder.icmp_signed(">=", found, _ZERO)


def _sums_of_eight(builder: Any, values: Any) -> Any:
    """Return the sums of each eight of 64 unsigned bytes, as 64-bit numbers."""
    if WIDE:
        return _call(builder, "llvm.x86.avx512.psad.bw.512", ir.VectorType(ir.IntType(64), 8), values, _ZERO)
    for bits in (8, 16, 32):  # neighbours, then neighbours of those
        wide = ir.VectorType(ir.IntType(2 * bits), STEP * 4 // bits)
        values, low = builder.bitcast(values, wide), ir.Constant(wide, [(1 << bits) - 1] * wide.count)
        shifted = builder.lshr(values, ir.Constant(wide, [bits] * wide.count))
        values = builder.add(builder.and_(values, low), shifted)
    return values


WIDE = _has_wide_permute()


@intrinsic
def _read_pins(
    typing: Any, addresses: Any, to: Any, rows: Any, start: Any, source: Any, against: Any, margin: Any, pins: Any
) -> Any:
    """Write 64 addresses, those that the first ``pins`` of pins spell, of the samples from ``start`` on."""
    wire = types.uint64
    signature = types.void(addresses, wire, rows, wire, source, against, margin, wire)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        _, to, _, start, *arrays, pins = args
        spelled = cgutils.alloca_once_value(builder, _ZERO)  # a register, once LLVM has looked at it
        with cgutils.for_range(builder, pins) as loop:
            own = [
                builder.load(_byte(context, builder, kind, array, loop.index))
                for kind, array in zip(sig.args[4:7], arrays, strict=True)
            ]
            x, y = (_byte(context, builder, sig.args[2], args[2], builder.add(row, start)) for row in own[:2])
            is_one = _compared(builder, x, y, own[2])
            bit = builder.shl(ir.Constant(_BYTE, 1), builder.trunc(loop.index, _BYTE))
            bits = builder.select(is_one, _splat(builder, bit), _ZERO)
            builder.store(builder.or_(builder.load(spelled), bits), spelled)
        _store(builder, builder.load(spelled), _byte(context, builder, sig.args[0], args[0], to))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _locate(
    typing: Any, codes: Any, pin: Any, pins: Any, shift: Any, source: Any, against: Any, margin: Any, compared: Any,
    batch: Any, x: Any, y: Any, level: Any,
) -> Any:  # fmt: skip
    """Write where in rows of ``batch`` bytes so many pins look, from number ``pin`` on, and by how much they compare.

    They look ``shift`` rows further on; the row of zeros stays. A function would count who holds its arrays.
    """
    wire = types.uint64
    signature = types.void(codes, wire, wire, wire, source, against, margin, types.boolean, wire, x, y, level)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        codes, pin, pins, shift, *arrays, compared, batch, x, y, level = args
        word, kinds = pin.type, sig.args
        with cgutils.for_range(builder, pins) as loop:
            code = builder.load(_byte(context, builder, kinds[0], codes, builder.add(pin, loop.index)))
            at = builder.zext(code, word) if code.type.width < word.width else code
            x, y, level = (_byte(context, builder, kinds[k], args[k], loop.index) for k in (9, 10, 11))
            with builder.if_else(compared) as (then, otherwise):
                with then:
                    own = (_byte(context, builder, kinds[4 + k], array, at) for k, array in enumerate(arrays))
                    one, other, by = (builder.load(place) for place in own)
                    one, other = builder.zext(one, word), builder.zext(other, word)
                    zero = builder.icmp_unsigned("==", other, ir.Constant(word, 0))
                    other = builder.select(zero, other, builder.add(other, shift))
                    builder.store(builder.mul(builder.add(one, shift), batch), x)
                    builder.store(builder.mul(other, batch), y)
                    builder.store(by, level)
                with otherwise:
                    row = builder.add(builder.add(at, shift), ir.Constant(word, 1))
                    builder.store(builder.mul(row, batch), x)
                    builder.store(ir.Constant(word, 0), y)
                    builder.store(ir.Constant(_BYTE, 0), level)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _look_up(typing: Any, to: Any, out: Any, table: Any, at: Any, size: Any, addresses: Any, place: Any) -> Any:
    """Look 64 addresses up in one table."""
    wire = types.uint64
    signature = types.void(to, wire, table, wire, wire, addresses, wire)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        out, table, place = (_byte(context, builder, sig.args[k], args[k], args[k + 1]) for k in (0, 2, 5))
        found = _looked_up(builder, table, args[4], _vector(builder, place))
        _store(builder, builder.zext(found, _V), out)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _count_ones_of(typing: Any, rows: Any, source: Any, against: Any, margin: Any) -> Any:
    """Return on how many of 64 samples a pin is 1."""
    wire = types.uint64
    signature = types.int64(rows, wire, wire, types.uint8)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rows, source, against, margin = args
        x, y = (_byte(context, builder, sig.args[0], rows, place) for place in (source, against))
        ones = builder.bitcast(_compared(builder, x, y, margin), ir.IntType(STEP))
        return _call(builder, f"llvm.ctpop.i{STEP}", ones.type, ones)

    return signature, generate


@intrinsic
def _weigh_candidate(
    typing: Any, rows: Any, source: Any, against: Any, margin: Any, bit: Any, addresses: Any, place: Any, table: Any,
    entry: Any, size: Any, signal: Any, at: Any, batch: Any,
) -> Any:  # fmt: skip
    """Return the sum over a batch of signal * output, if ``bit`` of the addresses were as another pin has it."""
    wire, byte = types.uint64, types.uint8
    signature = types.int64(rows, wire, wire, byte, byte, addresses, wire, table, wire, wire, signal, wire, wire)
    half, sums = ir.VectorType(_SHORT, STEP // 2), ir.VectorType(ir.IntType(32), STEP // 4)

    def paired(builder: Any, values: Any, narrow: int, wide: Any) -> Any:
        """Add neighbouring numbers of so many bits into numbers of twice the bits."""
        values, by = builder.bitcast(values, wide), ir.Constant(wide, [narrow] * wide.count)
        return builder.add(builder.ashr(builder.shl(values, by), by), builder.ashr(values, by))

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rows, source, against, margin, bit, addresses, place, table, entry, size, signal, at, batch = args
        bit, total = _splat(builder, bit), cgutils.alloca_once_value(builder, ir.Constant(sums, [0] * sums.count))
        entries = _byte(context, builder, sig.args[7], table, entry)
        zero, step = (ir.Constant(batch.type, size) for size in (0, STEP))
        with cgutils.for_range_slice(builder, zero, batch, step) as (start, _):
            x, y = (_byte(context, builder, sig.args[0], rows, builder.add(row, start)) for row in (source, against))
            before = _vector(builder, _byte(context, builder, sig.args[5], addresses, builder.add(place, start)))
            values = _vector(builder, _byte(context, builder, sig.args[10], signal, builder.add(at, start)))
            is_one = _compared(builder, x, y, margin)
            moved = builder.select(is_one, builder.or_(before, bit), builder.and_(before, builder.not_(bit)))
            chosen = _looked_up(builder, entries, size, moved)
            kept = paired(builder, paired(builder, builder.select(chosen, values, _ZERO), 8, half), 16, sums)
            builder.store(builder.add(builder.load(total), kept), total)
        found = _call(builder, f"llvm.vector.reduce.add.v{sums.count}i32", ir.IntType(32), builder.load(total))
        return builder.sext(found, ir.IntType(64))

    return signature, generate


@intrinsic
def _sum_where(typing: Any, addresses: Any, place: Any, signal: Any, at: Any, address: Any, batch: Any) -> Any:
    """Return the sum of the signals of a batch where the address is one."""
    wire = types.uint64
    signature = types.int64(addresses, wire, signal, wire, types.uint8, wire)
    sums = ir.VectorType(ir.IntType(64), STEP // 8)
    offset = ir.Constant(_V, [128] * STEP)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        addresses, place, signal, at, address, batch = args
        wanted, total = _splat(builder, address), cgutils.alloca_once_value(builder, ir.Constant(sums, [0] * 8))
        zero, step = (ir.Constant(batch.type, size) for size in (0, STEP))
        with cgutils.for_range_slice(builder, zero, batch, step) as (start, _):
            here = _vector(builder, _byte(context, builder, sig.args[0], addresses, builder.add(place, start)))
            values = _vector(builder, _byte(context, builder, sig.args[2], signal, builder.add(at, start)))
            # One higher by 128 they are unsigned, as the instruction wants that sums eight bytes at once.
            heard = builder.select(builder.icmp_unsigned("==", here, wanted), builder.xor(values, offset), offset)
            builder.store(builder.add(builder.load(total), _sums_of_eight(builder, heard)), total)
        found = _call(builder, f"llvm.vector.reduce.add.v{sums.count}i64", batch.type, builder.load(total))
        return builder.sub(found, builder.mul(batch, ir.Constant(batch.type, 128)))

    return signature, generate


@intrinsic
def _add_effect(
    typing: Any, to: Any, out: Any, table: Any, entry: Any, size: Any, addresses: Any, place: Any, signal: Any,
    at: Any, bit: Any,
) -> Any:  # fmt: skip
    """Add 64 signals where an output rises with the pin ``bit``; subtract them where it falls."""
    wire = types.uint64
    signature = types.void(to, wire, table, wire, wire, addresses, wire, signal, wire, types.uint8)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        out, entries, place, at = (_byte(context, builder, sig.args[k], args[k], args[k + 1]) for k in (0, 2, 5, 7))
        index, values, pin = _vector(builder, place), _vector(builder, at), _splat(builder, args[9])
        high = _looked_up(builder, entries, args[4], builder.or_(index, pin))
        low = _looked_up(builder, entries, args[4], builder.and_(index, builder.not_(pin)))
        signed = builder.select(high, values, builder.sub(_ZERO, values))
        effect = builder.select(builder.xor(high, low), signed, _ZERO)
        sums = ir.VectorType(ir.IntType(sig.args[0].dtype.bitwidth), STEP)
        row = builder.bitcast(out, sums.as_pointer())
        builder.store(builder.add(builder.load(row, align=1), builder.sext(effect, sums)), row, align=1)
        return context.get_dummy_value()

    return signature, generate


# --- Rows ------------------------------------------------------------------------------------------------------------


@intrinsic
def _turn_tile(typing: Any, rows: Any, to: Any, batch: Any, samples: Any, at: Any, stride: Any) -> Any:
    """Turn 64 samples of 8 bytes, ``stride`` apart, into 8 rows of 64 bytes, ``batch`` apart."""
    signature = types.void(rows, types.uint64, types.uint64, samples, types.uint64, types.uint64)
    octet, word, lanes = ir.VectorType(ir.IntType(64), 8), ir.IntType(64), range(8)

    def shuffled(builder: Any, x: Any, y: Any, order: list[int]) -> Any:
        return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order))

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rows_at, to, batch, samples_at, at, stride = args
        blocks = []
        for _ in lanes:
            block = ir.Constant(octet, ir.Undefined)
            for lane in lanes:
                place = builder.bitcast(_byte(context, builder, sig.args[3], samples_at, at), word.as_pointer())
                block = builder.insert_element(block, builder.load(place, align=1), ir.Constant(ir.IntType(32), lane))
                at = builder.add(at, stride)
            turned = [8 * (byte % 8) + byte // 8 for byte in range(STEP)]  # within the block, a byte a sample
            flat = builder.bitcast(block, _V)
            blocks.append(builder.bitcast(shuffled(builder, flat, flat, turned), octet))
        for half in (1, 2, 4):  # across blocks: exchange the off-diagonal halves, quarters, eighths
            low = [8 + lane - half if lane & half else lane for lane in lanes]
            high = [8 + lane if lane & half else lane + half for lane in lanes]
            for i in (lane for lane in lanes if not lane & half):
                x, y = blocks[i], blocks[i | half]
                blocks[i], blocks[i | half] = shuffled(builder, x, y, low), shuffled(builder, x, y, high)
        for block in blocks:
            _store(builder, builder.bitcast(block, _V), _byte(context, builder, sig.args[0], rows_at, to))
            to = builder.add(to, batch)
        return context.get_dummy_value()

    return signature, generate


@njit(nogil=True)
def _turn(samples: Bytes, count: int, features: int, rows: Bytes, start: int) -> None:
    """Write up to 64 samples, uint8 (64, features or more), as columns ``start`` and on of rows."""
    whole, flat, beside = features - features % 8 if count == STEP else 0, rows.reshape(-1), samples.reshape(-1)
    batch, stride = _U(rows.shape[1]), _U(samples.shape[1])
    for r in range(0, whole, 8):
        _turn_tile(flat, _U(r) * batch + _U(start), batch, beside, _U(r), stride)
    for r in range(whole, features):
        for b in range(count):
            rows[r, start + b] = samples[b, r]


@njit(cache=True, nogil=True)
def gather(data: Bytes, index: NDArray[np.int64], rows: Bytes, first: int, last: int) -> None:
    """Lay samples out as rows.

    Args:
        data: uint8 (samples, features).
        index: int64 (up to batch,), which samples.
        rows: uint8 (features or more, batch), the first ones written.
        first: the first block of 64 samples; ``last``: behind the last.
        last: see there.
    """
    features = data.shape[1]
    read = np.empty((STEP, features), np.uint8)
    for start in range(first * STEP, min(last * STEP, len(index)), STEP):
        count = min(STEP, len(index) - start)
        for b in range(count):
            read[b] = data[index[start + b]]
        _turn(read, count, features, rows, start)


@njit(cache=True, nogil=True)
def gather_warped(
    data: Bytes, index: NDArray[np.int64], warps: Wires, chosen: NDArray[np.int64], rows: Bytes, first: int, last: int
) -> None:
    """Lay samples out as rows, each sample warped: row r of sample b is its feature ``warps[chosen[b], r]``.

    Args:
        data: uint8 (samples, features).
        index: int64 (up to batch,), which samples.
        warps: int32 (warps, features), features.
        chosen: int64, like ``index``, which warp.
        rows: uint8 (features or more, batch), the first ones written.
        first: the first block of 64 samples; ``last``: behind the last.
        last: see there.
    """
    features = data.shape[1]
    read = np.empty((STEP, features), np.uint8)
    for start in range(first * STEP, min(last * STEP, len(index)), STEP):
        count = min(STEP, len(index) - start)
        for b in range(count):
            sample, warp = data[index[start + b]], warps[chosen[start + b]]
            for r in range(features):
                read[b, r] = sample[_U(warp[r])]
        _turn(read, count, features, rows, start)


@njit(cache=True, nogil=True)
def count_ones(rows: Bytes, source: Wires, against: Wires, margin: Bytes, counts: NDArray[np.int64]) -> None:
    """Count on how many samples each pin is 1: uint8 (rows, batch) and pins (n,) to int64 (n,)."""
    batch, flat = _U(rows.shape[1]), rows.reshape(-1)
    for i in range(len(source)):
        total, x, y = 0, _U(source[i]) * batch, _U(against[i]) * batch
        for start in range(_U(0), batch, _U(STEP)):
            total += _count_ones_of(flat, x + start, y + start, margin[i])
        counts[i] = total


# --- Forward ---------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def forward(
    rows: Bytes,
    codes: Wires,
    shift: Wires,
    source: Wires,
    against: Wires,
    margin: Bytes,
    tables: Tables,
    addresses: Bytes,
    outputs: Bytes,
    first: int,
    last: int,
) -> None:
    """Evaluate tables.

    Args:
        rows: uint8 (rows, batch).
        codes: of a ``Wiring``, and so are ``shift`` to ``margin``: integers (tables, pins).
        shift: see there.
        source: see there.
        against: see there.
        margin: see there.
        tables: int8 (tables, entries), counters.
        addresses: uint8 (tables, batch), written.
        outputs: uint8 (tables or more, batch), written: 0 and 1.
        first: the first block of 64 samples; ``last``: behind the last.
        last: see there.
    """
    batch, pins, size = _U(rows.shape[1]), _U(codes.shape[1]), _U(tables.shape[1])
    flat, spelled, out, entries = rows.reshape(-1), addresses.reshape(-1), outputs.reshape(-1), tables.reshape(-1)
    chosen, compared, moved = codes.reshape(-1), len(source) > 0, len(shift) > 0
    x, y, level = np.empty(8, np.uint64), np.empty(8, np.uint64), np.empty(8, np.uint8)
    shifts, count = _U(len(shift)), _U(len(tables))
    for t in range(_U(len(tables))):
        further = _U(shift[t * shifts // count]) if moved else _U(0)
        _locate(chosen, t * pins, pins, further, source, against, margin, compared, batch, x, y, level)
        for start in range(_U(first * STEP), _U(last * STEP), _U(STEP)):
            to = t * batch + start
            _read_pins(spelled, to, flat, start, x, y, level, pins)
            _look_up(out, to, entries, t * size, size, spelled, to)


@njit(cache=True, nogil=True)
def add_scores(
    rows: Bytes,
    codes: Wires,
    shift: Wires,
    source: Wires,
    against: Wires,
    margin: Bytes,
    tables: Tables,
    addresses: Bytes,
    group: Wires,
    scores: NDArray[np.int32],
    blocks: int,
    first: int,
    last: int,
) -> None:
    """Evaluate tables and add their outputs, which are not kept, to the scores of their groups.

    Args:
        rows: as for :func:`forward`, like all others up to ``addresses``.
        codes: see there.
        shift: see there.
        source: see there.
        against: see there.
        margin: see there.
        tables: see there.
        addresses: see there.
        group: int32 (tables,).
        scores: int32 (groups, batch), added to.
        blocks: of 64 samples, that are evaluated.
        first: the first table; ``last``: behind the last.
        last: see there.
    """
    batch, pins, size = _U(rows.shape[1]), _U(codes.shape[1]), _U(tables.shape[1])
    flat, spelled, entries = rows.reshape(-1), addresses.reshape(-1), tables.reshape(-1)
    chosen, compared, moved = codes.reshape(-1), len(source) > 0, len(shift) > 0
    x, y, level = np.empty(8, np.uint64), np.empty(8, np.uint64), np.empty(8, np.uint8)
    end, held = blocks * STEP, 0
    bits, sums = np.empty(STEP, np.uint8), np.zeros(batch, np.uint8)
    shifts, count = _U(len(shift)), _U(len(tables))
    for t in range(_U(first), _U(last)):
        further = _U(shift[t * shifts // count]) if moved else _U(0)
        _locate(chosen, t * pins, pins, further, source, against, margin, compared, batch, x, y, level)
        for start in range(_U(0), _U(end), _U(STEP)):
            to = t * batch + start
            _read_pins(spelled, to, flat, start, x, y, level, pins)
            _look_up(bits, _U(0), entries, t * size, size, spelled, to)
            for lane in range(_U(STEP)):
                sums[start + lane] += bits[lane]
        held += 1
        if held == 255 or t + 1 == last or group[t + 1] != group[t]:  # as many as a byte counts
            for b in range(end):
                scores[group[t], b] += sums[b]
                sums[b] = 0
            held = 0


# --- Backward --------------------------------------------------------------------------------------------------------


def vote_type(batch: int) -> type[np.signedinteger[Any]]:
    """Return the narrowest type that holds any vote of a batch: int16 up to 258 samples, else int32."""
    return np.int16 if batch * SIGNAL_LIMIT <= np.iinfo(np.int16).max else np.int32


@njit(cache=True, nogil=True)
def count_votes(addresses: Bytes, signal: Signals, row: Wires, votes: Votes, first: int, last: int) -> int:
    """Sum the signal of every table entry over the samples that address it.

    Args:
        addresses: uint8 (tables, batch).
        signal: int8 (signals, batch).
        row: int32 (tables,), which signal a table has.
        votes: of :func:`vote_type` (tables, entries), written.
        first: the first table; ``last``: behind the last.
        last: see there.

    Samples that have a signal are gone through one by one, or, where they are many to an entry, all samples entry by
    entry, 64 at a time.

    Returns:
        the sum of the votes' sizes.
    """
    batch, entries, size, dense = addresses.shape[1], votes.shape[1], 0, False
    counted = np.zeros(2 * ENTRIES, np.int32)  # two, so that neighbours do not wait for each other
    heard, weight, count, before = np.empty(batch + 1, np.uint32), np.zeros(batch + 1, np.int32), 0, -1
    spelled, signals = addresses.reshape(-1), signal.reshape(-1)
    for t in range(first, last):
        r, start = row[t], _U(t) * _U(batch)
        if r != before:  # most samples have no signal once they are learned: list those that have
            before, count = r, 0
            for b in range(batch):
                heard[count], weight[count] = b, signal[r, b]
                count += signal[r, b] != 0
            heard[count], weight[count] = 0, 0
            dense = DENSE * count > entries * batch
        if dense:
            for a in range(entries):
                total = _sum_where(spelled, start, signals, _U(r) * _U(batch), np.uint8(a), _U(batch))
                votes[t, a] = total
                size += abs(total)
            continue
        counted[:] = 0
        for j in range(_U(0), _U(count), _U(2)):
            counted[_U(spelled[start + _U(heard[j])])] += weight[j]
            counted[_U(ENTRIES) + _U(spelled[start + _U(heard[j + _U(1)])])] += weight[j + _U(1)]
        for a in range(entries):
            total = counted[a] + counted[a + ENTRIES]
            votes[t, a] = total
            size += abs(total)
    return size


@njit(cache=True, nogil=True)
def add_copies(values: NDArray[Any], share: Wires, sums: NDArray[Any]) -> None:
    """Add what the copies of each cell got, integers (tables, n), to the cells: ``share`` (tables,) to (cells, n)."""
    for t in range(len(share)):
        for i in range(values.shape[1]):
            sums[share[t], i] += values[t, i]


@njit(nogil=True)
def _candidate(code: Any, drawn: Any, choices: int, reach: int) -> Any:
    """Return the candidate of a pin by 32 bits: where there is a reach, half of them are as near to its code."""
    place, near = drawn >> 1, drawn & np.int64(reach > 0)
    beside = code + ((place * (2 * reach + 1)) >> 31) - reach
    beside += choices * np.int64(beside < 0) - choices * np.int64(beside >= choices)
    anywhere = (place * choices) >> 31
    return anywhere + near * (beside - anywhere)  # no branch, which would be guessed wrong half of the time


@njit(cache=True, nogil=True)
def put_candidates(
    codes: Wires, best: NDArray[np.int64], choices: int, reach: int, key0: np.uint64, key1: np.uint64
) -> None:
    """Put candidates, those that :func:`add_changes` looks at, in place of the pins numbered ``best``, of all in a row.

    Args:
        codes: integers (cells, pins), changed.
        best: int64, each once.
        choices: as for :func:`add_changes`, and so are the others.
        reach: see there.
        key0: see there.
        key1: see there.
    """
    drawn, pins = np.empty(4, np.uint64), codes.shape[1]
    bits = drawn.view(np.uint32)
    for at in best:
        cell, i = at // pins, at % pins
        drawn[0], drawn[1], drawn[2], drawn[3] = philox4x64(key0, key1, _U(cell + 1), _U(0), _U(0), _U(0))
        codes[cell, i] = _candidate(np.int64(codes[cell, i]), np.int64(bits[i]), choices, reach)


@njit(cache=True, nogil=True)
def add_changes(
    rows: Bytes,
    codes: Wires,
    shift: Wires,
    source: Wires,
    against: Wires,
    margin: Bytes,
    share: Wires,
    choices: int,
    reach: int,
    key0: np.uint64,
    key1: np.uint64,
    tables: Tables,
    addresses: Bytes,
    votes: Votes,
    signal: Signals,
    row: Wires,
    changes: NDArray[np.signedinteger[Any]],
    first: int,
    last: int,
) -> None:
    """Add what each pin's candidate would change of the loss, to first order, in place of the pin that is there.

    The change of one candidate is the sum over samples of signal * (output with it - output now). Candidates are kept
    nowhere: a key and a pin's code tell what its candidate is, so that copies of a cell have the same.

    Args:
        rows: as for :func:`forward`, like all others up to ``margin``.
        codes: see there.
        shift: see there.
        source: see there.
        against: see there.
        margin: see there.
        share: int32 (tables,), which cell a table is a copy of; empty for none.
        choices: candidates are codes below.
        reach: half of them at most so far from the pin's own code, if it is above 0.
        key0: the halves of the key that decides, with ``key1``.
        key1: see there.
        tables: as for :func:`forward`.
        addresses: of the pins that are there.
        votes: of the same batch.
        signal: as for :func:`count_votes`.
        row: as for :func:`count_votes`.
        changes: int32 or int64 (tables, pins), added to.
        first: the first table; ``last``: behind the last.
        last: see there.
    """
    batch, pins, size = _U(rows.shape[1]), codes.shape[1], _U(tables.shape[1])
    flat, spelled, entries, signals = rows.reshape(-1), addresses.reshape(-1), tables.reshape(-1), signal.reshape(-1)
    compared, moved, copied = len(source) > 0, len(shift) > 0, len(share) > 0
    x, y, level = np.empty(8, np.uint64), np.empty(8, np.uint64), np.empty(8, np.uint8)
    drawn, other = np.empty(4, np.uint64), np.empty(8, np.uint64)
    bits, shifts, count = drawn.view(np.uint32), _U(len(shift)), _U(len(tables))
    for t in range(first, last):
        now, place, at = 0, _U(t) * batch, _U(row[t]) * batch
        for a in range(votes.shape[1]):
            now += votes[t, a] if tables[t, a] >= 0 else 0
        cell = share[t] if copied else t
        drawn[0], drawn[1], drawn[2], drawn[3] = philox4x64(key0, key1, _U(cell + 1), _U(0), _U(0), _U(0))
        for i in range(pins):
            other[i] = _candidate(np.int64(codes[t, i]), np.int64(bits[i]), choices, reach)
        further = _U(shift[_U(t) * shifts // count]) if moved else _U(0)
        _locate(other, _U(0), _U(pins), further, source, against, margin, compared, batch, x, y, level)
        for i in range(pins):
            then = _weigh_candidate(
                flat, x[i], y[i], level[i], np.uint8(1 << i), spelled, place, entries, _U(t) * size, size, signals,
                at, batch,
            )  # fmt: skip
            changes[t, i] += then - now


def signal_sums(codes: Wires, shift: Wires, rows: int, batch: int) -> Sums:
    """Return zeros that hold what :func:`add_input_signals` adds: int16 or int32 (rows, batch).

    int16 where no row is read so often that its sum could leave it: half the memory to go through.
    """
    read = codes + shifts_of(shift, len(codes))[:, None] if len(shift) else codes
    most = int(np.bincount(read.reshape(-1), minlength=1).max()) * SIGNAL_LIMIT
    return np.zeros((rows, batch), np.int16 if most <= np.iinfo(np.int16).max else np.int32)


@njit(cache=True, nogil=True)
def add_input_signals(
    tables: Tables,
    addresses: Bytes,
    signal: Signals,
    row: Wires,
    codes: Wires,
    shift: Wires,
    to_rows: Sums,
    first: int,
    last: int,
) -> None:
    """Add each pin's signal, signal * (output with the pin 1 - output with it 0), to the row it reads as it is.

    Args:
        tables: int8 (tables, entries), counters.
        addresses: uint8 (tables, batch).
        signal: int8 (signals, batch), at least -127.
        row: int32 (tables,), which signal a table has.
        codes: of a ``Wiring`` without comparisons, and so is ``shift``.
        shift: see there.
        to_rows: of :func:`signal_sums`, added to.
        first: the first block of 64 samples; ``last``: behind the last.
        last: see there.
    """
    batch, pins, size, moved = _U(addresses.shape[1]), codes.shape[1], _U(tables.shape[1]), len(shift) > 0
    entries, spelled, signals, sums = tables.reshape(-1), addresses.reshape(-1), signal.reshape(-1), to_rows.reshape(-1)
    shifts, count = _U(len(shift)), _U(len(codes))
    for t in range(_U(len(codes))):
        further = _U(1) + (_U(shift[t * shifts // count]) if moved else _U(0))
        for start in range(_U(first * STEP), _U(last * STEP), _U(STEP)):
            place, beside = _U(t) * batch + start, _U(row[t]) * batch + start
            for i in range(pins):
                out, bit = (_U(codes[t, i]) + further) * batch + start, np.uint8(1 << i)
                _add_effect(sums, out, entries, _U(t) * size, size, spelled, place, signals, beside, bit)


# --- The step of the vote rule ---------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def step_by_votes(
    votes: Votes,
    size: int,
    count: int,
    rate: int,
    lo: int,
    hi: int,
    key0: np.uint64,
    key1: np.uint64,
    counters: NDArray[np.signedinteger[Any]],
    first: int,
    last: int,
) -> int:
    """Step each counter against its vote with probability min(1, rate |vote| / mean |vote|): the rule ``vote``.

    In integers: with 16 random bits u it steps where floor(u f / 2**s) < |vote|, f = floor(2**s size / (rate count)),
    s the greatest up to 30 that leaves f below 2**15; where there is none, the rate is so small that nothing steps.
    The entries of a table share one draw, u = (draw + a * GOLDEN) modulo 2**16 for entry a: each steps with its own
    probability exactly, and their number varies less than if they drew apart (systematic sampling, Madow and Madow
    1944, On the Theory of Systematic Sampling). Table t draws the bits numbered t % 16 of Philox block t // 16.

    Args:
        votes: int16 or int32 (tables, entries).
        size: the sum of |vote| over the layer, and ``count``, how many votes it has.
        count: see there.
        rate: in units of 2**-16.
        lo: the least value of a counter; ``hi``: the greatest.
        hi: see there.
        key0: the key's halves, with ``key1``.
        key1: see there.
        counters: integers (tables, entries), changed.
        first: the first table; ``last``: behind the last.
        last: see there.

    Returns:
        how many entries flipped.
    """
    if rate == 0 or size // (rate * count) >= 1 << 15:
        return 0
    flipped, entries, shift = 0, votes.shape[1], 0
    while shift < 30 and (size << (shift + 1)) // (rate * count) < 1 << 15:
        shift += 1
    factor, bits = np.int32((size << shift) // (rate * count)), np.int32(shift)
    least, greatest = np.int32(lo), np.int32(hi)
    drawn, spread = np.empty(4, np.uint64), np.empty(entries, np.uint16)
    draws, fresh = drawn.view(np.uint16), -1
    for a in range(entries):
        spread[a] = np.uint16(a * GOLDEN & 0xFFFF)
    for t in range(first, last):
        if t // 16 != fresh:
            fresh = t // 16
            drawn[0], drawn[1], drawn[2], drawn[3] = philox4x64(key0, key1, _U(fresh), _U(0), _U(0), _U(0))
        draw = draws[t % 16]
        moved = np.int32(0)
        for a in range(entries):
            bar = np.int32(np.uint16(draw + spread[a])) * factor >> bits
            vote, before = np.int32(votes[t, a]), np.int32(counters[t, a])
            stepped = before + np.int32(vote < -bar) - np.int32(vote > bar)
            after = min(greatest, max(least, stepped))
            counters[t, a] = after
            moved += np.int32((before ^ after) < 0)
        flipped += int(moved)
    return flipped


# --- Oracles ---------------------------------------------------------------------------------------------------------


def pins_oracle(rows: Bytes, source: Wires, against: Wires, margin: Bytes) -> NDArray[np.bool_]:
    """Return the pins' bits: (rows, batch) and any shape of pins to bool (*shape, batch)."""
    return rows[source] > np.minimum(255, rows[against].astype(np.int64) + margin[..., None])


def outputs_oracle(tables: Tables, addresses: Bytes) -> Bytes:
    """Return the bits of tables at addresses, (tables, batch)."""
    return (np.take_along_axis(tables, addresses, axis=1) >= 0).astype(np.uint8)


def forward_oracle(rows: Bytes, source: Wires, against: Wires, margin: Bytes, tables: Tables) -> tuple[Bytes, Bytes]:
    """Return the addresses and outputs of :func:`forward`."""
    weights = 1 << np.arange(source.shape[1])[:, None]
    addresses = (pins_oracle(rows, source, against, margin) * weights).sum(axis=1).astype(np.uint8)
    return addresses, outputs_oracle(tables, addresses)


def votes_oracle(addresses: Bytes, signal: Signals, row: Wires, entries: int) -> NDArray[np.int64]:
    """Return the votes of :func:`count_votes`."""
    return np.array(
        [
            [signal[r][a == entry].sum(dtype=np.int64) for entry in range(entries)]
            for a, r in zip(addresses, row, strict=True)
        ]
    )


def candidates_oracle(codes: Wires, choices: int, reach: int, key: Key) -> NDArray[np.int64]:
    """Return the candidates of all pins, codes, as :func:`add_changes` has them: (cells, pins)."""
    drawn = key.words(4 * len(codes)).view(np.uint32).reshape(len(codes), 8)[:, : codes.shape[1]].astype(np.int64)
    near = (codes + ((drawn >> 1) * (2 * reach + 1) >> 31) - reach) % choices
    return np.where((drawn & 1 == 1) & (reach > 0), near, (drawn >> 1) * choices >> 31)


def changes_oracle(
    rows: Bytes,
    source: Wires,
    against: Wires,
    margin: Bytes,
    tables: Tables,
    addresses: Bytes,
    signal: Signals,
    row: Wires,
) -> NDArray[np.int64]:
    """Return the changes of :func:`add_changes`, from 0."""
    bits = pins_oracle(rows, source, against, margin)
    now = outputs_oracle(tables, addresses).astype(np.int64)
    found = np.zeros(source.shape, np.int64)
    for i in range(source.shape[1]):
        moved = (addresses & ~np.uint8(1 << i)) | (bits[:, i].astype(np.uint8) << np.uint8(i))
        then = outputs_oracle(tables, moved)
        found[:, i] = (signal[row].astype(np.int64) * (then - now)).sum(axis=1)
    return found


def input_signals_oracle(
    tables: Tables, addresses: Bytes, signal: Signals, row: Wires, source: Wires, rows: int
) -> NDArray[np.int64]:
    """Return the signals of :func:`add_input_signals`, from 0."""
    found = np.zeros((rows, addresses.shape[1]), np.int64)
    for i in range(source.shape[1]):
        bit = np.uint8(1 << i)
        up, down = (outputs_oracle(tables, a).astype(np.int64) for a in (addresses | bit, addresses & ~bit))
        np.add.at(found, source[:, i], signal[row].astype(np.int64) * (up - down))
    return found
