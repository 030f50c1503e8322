"""The loops that networks of look-up tables train on: 64 samples a step, one byte each; the numpy oracle beside each.

A *row* holds one byte a sample: a feature's code, or the bit of an earlier table. A *pin* of a table compares two rows,

    bit = row[source] > row[against] + margin,

the sum held below 256; against the row of zeros it is a threshold, with margin 0 on a row of bits the bit itself. The
six pins of a table spell an address of six bits, so 64 addresses are one vector of bytes and their look-up in a table
of 64 bytes is one instruction where the processor has it (``vpermb``); elsewhere a plain loop.

All numbers are integers. Kernels work on the tables ``first <= table < last``, so that threads can share a layer: what
they write is disjoint or is summed, and sums of integers do not depend on order.

Importing this module imports numba; import it inside the function that needs it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic as _numba_intrinsic
from numpy.typing import NDArray

from circuits.kernels import philox4x64

Bytes = NDArray[np.uint8]
Wires = NDArray[np.int32]
Signals = NDArray[np.int8]

STEP = 64
"""Samples of a step; every batch is a multiple of it."""
ENTRIES = 64
"""Bytes a table takes, whatever its number of pins: entry ``address`` is 0 or 1."""
SIGNAL_LIMIT = 127
RATE_ONE = 1 << 16
"""A rate of 1 in fixed point."""

_U = np.uint64
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


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _V.as_pointer())


def _splat(builder: Any, value: Any) -> Any:
    single = builder.insert_element(ir.Constant(_V, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), STEP), [0] * STEP)
    return builder.shuffle_vector(single, ir.Constant(_V, ir.Undefined), lanes)


def _compared(context: Any, builder: Any, kind: Any, rows: Any, source: Any, against: Any, margin: Any) -> Any:
    """Return which of 64 samples have rows[source] > rows[against] + margin."""
    x, y = (builder.load(_place(context, builder, kind, rows, at), align=1) for at in (source, against))
    return builder.icmp_unsigned(">", x, _call(builder, "llvm.uadd.sat.v64i8", _V, y, _splat(builder, margin)))


@intrinsic
def _read_pin(
    typing: Any, addresses: Any, to: Any, rows: Any, source: Any, against: Any, margin: Any, bit: Any, fresh: Any
) -> Any:
    """Set ``bit`` in 64 addresses where the pin is 1; with ``fresh`` they start at 0."""
    signature = types.void(
        addresses, types.uint64, rows, types.uint64, types.uint64, types.uint8, types.uint8, types.boolean
    )

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        is_one = _compared(context, builder, sig.args[2], *args[2:6])
        place = _place(context, builder, sig.args[0], args[0], args[1])
        before = builder.select(args[7], _ZERO, builder.load(place, align=1))
        builder.store(builder.or_(before, builder.select(is_one, _splat(builder, args[6]), _ZERO)), place, align=1)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _read_candidate(
    typing: Any, to: Any, addresses: Any, at: Any, rows: Any, source: Any, against: Any, margin: Any, bit: Any
) -> Any:
    """Write 64 addresses with ``bit`` as another pin would have it."""
    signature = types.void(to, addresses, types.uint64, rows, types.uint64, types.uint64, types.uint8, types.uint8)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        is_one = _compared(context, builder, sig.args[3], *args[3:7])
        before = builder.load(_place(context, builder, sig.args[1], args[1], args[2]), align=1)
        bit = _splat(builder, args[7])
        after = builder.select(is_one, builder.or_(before, bit), builder.and_(before, builder.not_(bit)))
        start = ir.Constant(ir.IntType(64), 0)
        builder.store(after, _place(context, builder, sig.args[0], args[0], start), align=1)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _look_up_wide(typing: Any, to: Any, out: Any, table: Any, at: Any, addresses: Any, place: Any) -> Any:
    """Look 64 addresses up in one table, by one permutation of bytes."""
    signature = types.void(to, types.uint64, table, types.uint64, addresses, types.uint64)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        entries = builder.load(_place(context, builder, sig.args[2], args[2], args[3]), align=1)
        index = builder.load(_place(context, builder, sig.args[4], args[4], args[5]), align=1)
        found = _call(builder, "llvm.x86.avx512.permvar.qi.512", _V, entries, index)
        builder.store(found, _place(context, builder, sig.args[0], args[0], args[1]), align=1)
        return context.get_dummy_value()

    return signature, generate


@njit(nogil=True)
def _look_up_plain(to: Bytes, out: np.uint64, table: Bytes, at: np.uint64, addresses: Bytes, place: np.uint64) -> None:
    for lane in range(_U(STEP)):
        to[out + lane] = table[at + _U(addresses[place + lane])]


@intrinsic
def _weighed(typing: Any, bits: Any, signal: Any, at: Any) -> Any:
    """Return the sum of 64 signals where the bit is 1."""
    signature = types.int64(bits, signal, types.uint64)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        start = ir.Constant(ir.IntType(64), 0)
        chosen = builder.load(_place(context, builder, sig.args[0], args[0], start), align=1)
        values = builder.load(_place(context, builder, sig.args[1], args[1], args[2]), align=1)
        kept = builder.select(builder.icmp_unsigned("!=", chosen, _ZERO), values, _ZERO)
        total = _call(builder, "llvm.vector.reduce.add.v64i16", _SHORT, builder.sext(kept, _W))  # 64 * 127 fits
        return builder.sext(total, ir.IntType(64))

    return signature, generate


_look_up = _look_up_wide if _has_wide_permute() else _look_up_plain


# --- Rows ------------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def gather(data: Bytes, index: NDArray[np.int64], rows: Bytes) -> None:
    """Lay samples out as rows.

    Args:
        data: uint8 (samples, features).
        index: int64 (up to batch,), which samples.
        rows: uint8 (features or more, batch), the first ones written.
    """
    features = data.shape[1]
    for start in range(0, len(index), STEP):
        stop = min(start + STEP, len(index))
        for first in range(0, features, STEP):  # the lines read stay in the cache, those written are whole
            for r in range(first, min(first + STEP, features)):
                for b in range(start, stop):
                    rows[r, b] = data[index[b], r]


@njit(cache=True, nogil=True)
def gather_warped(data: Bytes, index: NDArray[np.int64], warps: Wires, chosen: NDArray[np.int64], rows: Bytes) -> None:
    """Lay samples out as rows, each sample warped: row r of sample b is its feature ``warps[chosen[b], r]``.

    Args:
        data: uint8 (samples, features).
        index: int64 (up to batch,), which samples.
        warps: int32 (warps, features), features.
        chosen: int64, like ``index``, which warp.
        rows: uint8 (features or more, batch), the first ones written.
    """
    features = data.shape[1]
    for start in range(0, len(index), STEP):
        stop = min(start + STEP, len(index))
        for first in range(0, features, STEP):
            for r in range(first, min(first + STEP, features)):
                for b in range(start, stop):
                    rows[r, b] = data[index[b], warps[chosen[b], r]]


@njit(cache=True, nogil=True)
def count_ones(rows: Bytes, source: Wires, against: Wires, margin: Bytes, counts: NDArray[np.int64]) -> None:
    """Count on how many samples each pin is 1: uint8 (rows, batch) and pins (n,) to int64 (n,)."""
    batch = _U(rows.shape[1])
    flat, bits = rows.reshape(-1), np.empty(STEP, np.uint8)
    for i in range(len(source)):
        total = 0
        for start in range(_U(0), batch, _U(STEP)):
            at, beside = _U(source[i]) * batch + start, _U(against[i]) * batch + start
            _read_pin(bits, _U(0), flat, at, beside, margin[i], np.uint8(1), True)
            for lane in range(STEP):
                total += bits[lane]
        counts[i] = total


# --- Forward ---------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def forward(
    rows: Bytes,
    source: Wires,
    against: Wires,
    margin: Bytes,
    tables: Bytes,
    addresses: Bytes,
    outputs: Bytes,
    first: int,
    last: int,
) -> None:
    """Evaluate tables.

    Args:
        rows: uint8 (rows, batch).
        source: int32 (tables, pins), rows; ``against`` likewise, ``margin`` uint8 (tables, pins).
        against: see there.
        margin: see there.
        tables: uint8 (tables, 64), entries 0 and 1.
        addresses: uint8 (tables, batch), written.
        outputs: uint8 (tables or more, batch), written: 0 and 1.
        first: the first table; ``last``: behind the last.
        last: see there.
    """
    batch, pins = _U(rows.shape[1]), source.shape[1]
    flat, spelled, out, entries = rows.reshape(-1), addresses.reshape(-1), outputs.reshape(-1), tables.reshape(-1)
    for t in range(first, last):
        for start in range(_U(0), batch, _U(STEP)):
            to = _U(t) * batch + start
            for i in range(pins):
                at, beside = _U(source[t, i]) * batch + start, _U(against[t, i]) * batch + start
                _read_pin(spelled, to, flat, at, beside, margin[t, i], np.uint8(1 << i), i == 0)
            _look_up(out, to, entries, _U(t) * _U(ENTRIES), spelled, to)


@njit(cache=True, nogil=True)
def add_scores(outputs: Bytes, group: Wires, scores: NDArray[np.int32], first: int, last: int) -> None:
    """Add the outputs of tables, uint8 (tables, batch), to the scores of their groups, int32 (groups, batch)."""
    for t in range(first, last):
        g = group[t]
        for b in range(outputs.shape[1]):
            scores[g, b] += outputs[t, b]


# --- Backward --------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def count_votes(addresses: Bytes, signal: Signals, row: Wires, votes: NDArray[np.int32], first: int, last: int) -> int:
    """Sum the signal of every table entry over the samples that address it.

    Args:
        addresses: uint8 (tables, batch).
        signal: int8 (signals, batch).
        row: int32 (tables,), which signal a table has.
        votes: int32 (tables, entries), written.
        first: the first table; ``last``: behind the last.
        last: see there.

    Returns:
        the sum of the votes' sizes.
    """
    batch, entries, size = addresses.shape[1], votes.shape[1], 0
    counted = np.zeros(4 * ENTRIES, np.int32)  # four, so that neighbours do not wait for each other
    for t in range(first, last):
        counted[:] = 0
        r = row[t]
        for b in range(0, batch, 4):
            for k in range(4):
                counted[_U(k * ENTRIES) + _U(addresses[t, b + k])] += signal[r, b + k]
        for a in range(entries):
            total = counted[a] + counted[a + ENTRIES] + counted[a + 2 * ENTRIES] + counted[a + 3 * ENTRIES]
            votes[t, a] = total
            size += abs(total)
    return size


@njit(cache=True, nogil=True)
def add_changes(
    rows: Bytes,
    source: Wires,
    against: Wires,
    margin: Bytes,
    tables: Bytes,
    addresses: Bytes,
    votes: NDArray[np.int32],
    signal: Signals,
    row: Wires,
    changes: NDArray[np.int64],
    first: int,
    last: int,
) -> None:
    """Add what each candidate pin would change of the loss, to first order, in place of the pin that is there.

    The change of one candidate is the sum over samples of signal * (output with it - output now).

    Args:
        rows: as for :func:`forward`; ``source``, ``against`` and ``margin`` are the candidates', one a pin.
        source: see there.
        against: see there.
        margin: see there.
        tables: as for :func:`forward`.
        addresses: of the pins that are there.
        votes: of the same batch.
        signal: as for :func:`count_votes`.
        row: as for :func:`count_votes`.
        changes: int64 (tables, pins), added to.
        first: the first table; ``last``: behind the last.
        last: see there.
    """
    batch, pins = _U(rows.shape[1]), source.shape[1]
    flat, spelled, entries, signals = rows.reshape(-1), addresses.reshape(-1), tables.reshape(-1), signal.reshape(-1)
    moved, bits = np.empty(STEP, np.uint8), np.empty(STEP, np.uint8)
    for t in range(first, last):
        now = 0
        for a in range(votes.shape[1]):
            now += tables[t, a] * votes[t, a]
        for i in range(pins):
            total = -now
            for start in range(_U(0), batch, _U(STEP)):
                at, beside = _U(source[t, i]) * batch + start, _U(against[t, i]) * batch + start
                place = _U(t) * batch + start
                _read_candidate(moved, spelled, place, flat, at, beside, margin[t, i], np.uint8(1 << i))
                _look_up(bits, _U(0), entries, _U(t) * _U(ENTRIES), moved, _U(0))
                total += _weighed(bits, signals, _U(row[t]) * batch + start)
            changes[t, i] += total


@njit(cache=True, nogil=True)
def add_input_signals(
    tables: Bytes,
    addresses: Bytes,
    signal: Signals,
    row: Wires,
    source: Wires,
    to_rows: NDArray[np.int32],
    first: int,
    last: int,
) -> None:
    """Add each pin's signal, signal * (output with the pin 1 - output with it 0), to its source row.

    Args:
        tables: uint8 (tables, 64).
        addresses: uint8 (tables, batch).
        signal: int8 (signals, batch).
        row: int32 (tables,), which signal a table has.
        source: int32 (tables, pins), rows.
        to_rows: int32 (rows, batch), added to.
        first: the first table; ``last``: behind the last.
        last: see there.
    """
    batch, pins = addresses.shape[1], source.shape[1]
    for t in range(first, last):
        r = row[t]
        for i in range(pins):
            bit, s = np.uint8(1 << i), source[t, i]
            for b in range(batch):
                address = addresses[t, b]
                up, down = tables[t, address | bit], tables[t, address & ~bit]
                to_rows[s, b] += signal[r, b] * (np.int32(up) - np.int32(down))


# --- The step of the vote rule ---------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def step_by_votes(
    votes: NDArray[np.int32],
    size: int,
    count: int,
    rate: int,
    lo: int,
    hi: int,
    key0: np.uint64,
    key1: np.uint64,
    counters: NDArray[np.int8],
    tables: Bytes,
    first: int,
    last: int,
) -> int:
    """Step each counter against its vote with probability min(1, rate |vote| / mean |vote|): the rule ``vote``.

    In integers: with 16 random bits u it steps where floor(u f / 2**s) < |vote|, f = floor(2**s size / (rate count)),
    s the greatest up to 30 that leaves f below 2**15; where there is none, the rate is so small that nothing steps.
    Entry a of table t draws the bits numbered a % 16 of Philox block (a // 16, t) of the key.

    Args:
        votes: int32 (tables, entries).
        size: the sum of |vote| over the layer, and ``count``, how many votes it has.
        count: see there.
        rate: in units of 2**-16.
        lo: the least value of a counter; ``hi``: the greatest.
        hi: see there.
        key0: the key's halves, with ``key1``.
        key1: see there.
        counters: int8 (tables, entries), changed.
        tables: uint8 (tables, 64): [counter >= 0], changed.
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
    drawn = np.empty(ENTRIES // 4, np.uint64)
    uniform = drawn.view(np.uint16)
    for t in range(first, last):
        for k in range((entries + 15) // 16):
            block = philox4x64(key0, key1, _U(k), _U(t), _U(0), _U(0))
            drawn[4 * k], drawn[4 * k + 1], drawn[4 * k + 2], drawn[4 * k + 3] = block
        moved = np.int32(0)
        for a in range(entries):
            bar, vote, before = np.int32(uniform[a]) * factor >> bits, votes[t, a], np.int32(counters[t, a])
            stepped = before + np.int32(vote < -bar) - np.int32(vote > bar)
            after = min(greatest, max(least, stepped))
            counters[t, a] = after
            tables[t, a] = after >= 0
            moved += np.int32((before ^ after) < 0)
        flipped += int(moved)
    return flipped


# --- Oracles ---------------------------------------------------------------------------------------------------------


def pins_oracle(rows: Bytes, source: Wires, against: Wires, margin: Bytes) -> NDArray[np.bool_]:
    """Return the pins' bits: (rows, batch) and any shape of pins to bool (*shape, batch)."""
    return rows[source] > np.minimum(255, rows[against].astype(np.int64) + margin[..., None])


def forward_oracle(rows: Bytes, source: Wires, against: Wires, margin: Bytes, tables: Bytes) -> tuple[Bytes, Bytes]:
    """Return the addresses and outputs of :func:`forward`."""
    weights = 1 << np.arange(source.shape[1])[:, None]
    addresses = (pins_oracle(rows, source, against, margin) * weights).sum(axis=1).astype(np.uint8)
    return addresses, np.take_along_axis(tables, addresses, axis=1)


def votes_oracle(addresses: Bytes, signal: Signals, row: Wires, entries: int) -> NDArray[np.int64]:
    """Return the votes of :func:`count_votes`."""
    return np.array(
        [
            [signal[r][a == entry].sum(dtype=np.int64) for entry in range(entries)]
            for a, r in zip(addresses, row, strict=True)
        ]
    )


def changes_oracle(
    rows: Bytes,
    source: Wires,
    against: Wires,
    margin: Bytes,
    tables: Bytes,
    addresses: Bytes,
    signal: Signals,
    row: Wires,
) -> NDArray[np.int64]:
    """Return the changes of :func:`add_changes`, from 0."""
    bits = pins_oracle(rows, source, against, margin)
    now = np.take_along_axis(tables, addresses, axis=1).astype(np.int64)
    found = np.zeros(source.shape, np.int64)
    for i in range(source.shape[1]):
        moved = (addresses & ~np.uint8(1 << i)) | (bits[:, i].astype(np.uint8) << np.uint8(i))
        then = np.take_along_axis(tables, moved, axis=1)
        found[:, i] = (signal[row].astype(np.int64) * (then - now)).sum(axis=1)
    return found


def input_signals_oracle(
    tables: Bytes, addresses: Bytes, signal: Signals, row: Wires, source: Wires, rows: int
) -> NDArray[np.int64]:
    """Return the signals of :func:`add_input_signals`, from 0."""
    found = np.zeros((rows, addresses.shape[1]), np.int64)
    for i in range(source.shape[1]):
        bit = np.uint8(1 << i)
        up, down = (np.take_along_axis(tables, a, axis=1).astype(np.int64) for a in (addresses | bit, addresses & ~bit))
        np.add.at(found, source[:, i], signal[row].astype(np.int64) * (up - down))
    return found
