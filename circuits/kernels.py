"""The numba loops that simulation and learning run on; each has its plain oracle elsewhere.

A circuit is compiled once into a flat :class:`Program`. Every row of up to two inputs is a polynomial over Z_2,
``c0 + ca*a + cb*b + cab*a*b``, so one branch-free step of word masks evaluates all of them; a wider table is cut into
4-entry nibbles, each such a polynomial of the first two fan-ins, among which the other fan-ins choose.

Importing this module imports numba (half a second); import it inside the function that needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from circuits.circuit import Circuit
from circuits.gates import GATES, gate_table
from circuits.words import FULL, Words

MAX_BLOCK = 32
"""Words of every wire evaluated at a time: enough to hide the decoding of a gate ..."""

CACHE_WORDS = 1 << 20
"""... and few enough that the words of all wires stay in the cache (8 MiB)."""

_U = np.uint64  # wraparound indexing costs a branch; unsigned indices have none


class Program(NamedTuple):
    """A circuit as the kernels read it.

    Attributes:
        first: int32 (gates), wire of fan-in 0; wire 0 where the gate has none.
        second: int32 (gates), wire of fan-in 1; wire 0 where the gate has none.
        more_start: int32 (gates + 1), fan-ins 2.. of gate g are ``more[more_start[g]:more_start[g + 1]]``.
        more: int32, wires.
        table: uint64 (gates), bit v is the output at address v; at least 4 entries, repeated over absent fan-ins.
        outputs: int32 (outputs), wires.
        target: int32 (gates), the wire a gate drives.
        rows: number of wires. With :func:`sharing_rows` what is called a wire here is a row of the scratch array, which
            holds one wire after another.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    more_start: NDArray[np.int32]
    more: NDArray[np.int32]
    table: Words
    outputs: NDArray[np.int32]
    target: NDArray[np.int32]
    rows: int


def tables(circuit: Circuit) -> Words:
    """Return every gate's truth table: uint64 (gates), bit v the output at address v.

    A row's table is affine over Z_2 in its parameters (the output is one of them), so the tables of all gates of a row
    follow from its table at all-zero parameters and at each unit vector.
    """
    result = np.zeros(circuit.num_gates, np.uint64)
    for op in np.unique(circuit.op).tolist():
        gates = np.flatnonzero(circuit.op == op)
        count = GATES[op].param_count
        base = gate_table(op, (0,) * count)
        units = [gate_table(op, tuple(int(i == v) for i in range(count))) ^ base for v in range(count)]
        result[gates] = base
        for v, unit in enumerate(units):
            result[gates] ^= np.where(circuit.params[circuit.param_start[gates] + v] != 0, _U(unit), _U(0))
    return result


SHARED_FROM = 4
"""Words from which on rows are shared: for fewer, a smaller array does not pay for values that wait for each other."""


def compiled(circuit: Circuit) -> Program:
    """Return a circuit as the arrays the kernels read, each wire a row; made once a circuit."""
    return _kept(circuit, "_program", _compiled)


def for_outputs(circuit: Circuit, words: int) -> Program:
    """Return what :func:`outputs_of` evaluates fastest on so many words."""
    if words < SHARED_FROM:
        return compiled(circuit)
    return _kept(circuit, "_sharing", lambda circuit: sharing_rows(compiled(circuit), circuit.num_inputs))


def _kept(circuit: Circuit, name: str, make: Callable[[Circuit], Program]) -> Program:
    """Return what is kept with a circuit, which never changes; made at the first call."""
    found = circuit.__dict__.get(name)
    if found is None:
        found = make(circuit)
        object.__setattr__(circuit, name, found)
    return found


def sharing_rows(program: Program, inputs: int) -> Program:
    """Return the program on as few rows as there are wires alive at once: a row is free after its wire's last reading.

    For the outputs only: the other wires are gone at the end. Rows 0..inputs-1 are the inputs' at the start.
    """
    first, second, more, outputs, target = (np.empty_like(a) for a in (*program[:2], program.more, *program[5:7]))
    rows = _share(program, inputs, first, second, more, outputs, target)
    return Program(first, second, program.more_start, more, program.table, outputs, target, rows)


@njit(cache=True, nogil=True)
def _share(
    program: Program,
    inputs: int,
    first: NDArray[np.int32],
    second: NDArray[np.int32],
    more: NDArray[np.int32],
    outputs: NDArray[np.int32],
    target: NDArray[np.int32],
) -> int:
    """Fill in the rows of :func:`sharing_rows`; return how many there are."""
    gates = len(program.table)
    last = np.full(program.rows, -1, np.int64)  # the last gate that reads a wire
    for g in range(gates):
        last[program.first[g]] = last[program.second[g]] = g
        for pin in range(program.more_start[g], program.more_start[g + 1]):
            last[program.more[pin]] = g
    for wire in program.outputs:
        last[wire] = gates
    row = np.zeros(program.rows, np.int32)
    free = np.empty(program.rows, np.int32)  # a stack: what was read last is still in the cache
    count, rows = 0, inputs
    for wire in range(inputs):
        row[wire] = wire
    for g in range(gates):
        first[g], second[g] = row[program.first[g]], row[program.second[g]]
        for pin in range(program.more_start[g], program.more_start[g + 1]):
            more[pin] = row[program.more[pin]]
        # freed behind the gate's own row: a gate may write a word before it has read all of the next ones
        wire = inputs + g
        if count:
            count -= 1
            row[wire] = free[count]
        else:
            row[wire] = rows
            rows += 1
        target[g] = row[wire]
        for pin in range(program.more_start[g] - 2, program.more_start[g + 1]):
            ahead = pin - program.more_start[g] + 2
            source = program.first[g] if ahead == 0 else program.second[g] if ahead == 1 else program.more[pin]
            if last[source] == g and source != wire:  # a gate without fan-in may name wire 0, itself
                last[source] = -1
                free[count] = row[source]
                count += 1
        if last[wire] < 0:  # nothing reads it
            free[count] = row[wire]
            count += 1
    for o in range(len(outputs)):
        outputs[o] = row[program.outputs[o]]
    return rows


def _compiled(circuit: Circuit) -> Program:
    arity = np.diff(circuit.fanin_start)
    start = circuit.fanin_start[:-1]
    pins = np.append(circuit.fanin, np.int32(0)).astype(np.int32)  # a place to point at for gates without fan-in
    first = np.where(arity > 0, pins[np.minimum(start, len(pins) - 1)], 0)
    second = np.where(arity > 1, pins[np.minimum(start + 1, len(pins) - 1)], 0)
    position = np.arange(len(circuit.fanin)) - np.repeat(start, arity)
    table = tables(circuit)
    table |= np.where(arity < 1, table << _U(1), _U(0))
    table |= np.where(arity < 2, table << _U(2), _U(0))
    return Program(
        first.astype(np.int32),
        second.astype(np.int32),
        np.concatenate([[0], np.cumsum(np.maximum(arity - 2, 0))]).astype(np.int32),
        np.ascontiguousarray(circuit.fanin[position >= 2]),
        table,
        np.array(circuit.outputs),
        np.arange(circuit.num_inputs, circuit.num_wires, dtype=np.int32),
        circuit.num_wires,
    )


# Coefficients (c0, ca, cb, cab) of each 4-entry table as word masks: the Moebius transform over Z_2.
_COEFFICIENTS = np.array(
    [
        [FULL * _U(bit & 1) for bit in (t, t ^ t >> 1, t ^ t >> 2, t ^ t >> 1 ^ t >> 2 ^ t >> 3)]
        for t in range(16)
    ]
)  # fmt: skip


@njit(nogil=True)
def _coefficients(table: np.uint64) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return the word masks of a 4-entry table's polynomial, as scalars: an array view costs more than a gate."""
    return _COEFFICIENTS[table, 0], _COEFFICIENTS[table, 1], _COEFFICIENTS[table, 2], _COEFFICIENTS[table, 3]


def _steps(lanes: int) -> tuple[Any, Any]:
    """Make the two steps that work on ``lanes`` neighbouring words: ``polynomial`` and ``choose``.

    Loops over so few words are not reliably vectorised, since LLVM cannot see that a gate's output row overlaps no
    fan-in row. These steps say so by loading vectors before storing one; any target has them, wide or not.
    """
    word = ir.IntType(64)
    vector = ir.VectorType(word, lanes)

    def place(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
        data = context.make_array(array_type)(context, builder, array).data
        return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())

    def splat(builder: Any, value: Any) -> Any:
        zero = ir.Constant(ir.IntType(32), 0)
        single = builder.insert_element(ir.Constant(vector, ir.Undefined), value, zero)
        lanes_of_zero = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), lanes_of_zero)

    @intrinsic
    def polynomial(
        typing: Any, into: Any, to: Any, values: Any, a: Any, b: Any, c0: Any, ca: Any, cb: Any, cab: Any
    ) -> Any:
        """Store c0 ^ (ca & A) ^ (cb & B) ^ (cab & A & B), A and B the words at values[a] and values[b]."""
        signature = types.void(into, types.uint64, values, *[types.uint64] * 6)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            x, y = (
                builder.load(place(context, builder, sig.args[2], args[2], at), align=8) for at in (args[3], args[4])
            )
            k0, ka, kb, kab = (splat(builder, c) for c in args[5:])
            low = builder.xor(k0, builder.and_(ka, x))
            high = builder.xor(builder.and_(kb, y), builder.and_(kab, builder.and_(x, y)))
            builder.store(builder.xor(low, high), place(context, builder, sig.args[0], args[0], args[1]), align=8)
            return context.get_dummy_value()

        return signature, generate

    @intrinsic
    def choose(typing: Any, into: Any, to: Any, pair: Any, values: Any, s: Any) -> Any:
        """Store, where bit s of values is 0, the words at into[pair], else the ones after them."""
        signature = types.void(into, types.uint64, types.uint64, values, types.uint64)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            after = builder.add(args[2], ir.Constant(word, lanes))
            lo, hi = (
                builder.load(place(context, builder, sig.args[0], args[0], at), align=8) for at in (args[2], after)
            )
            select = builder.load(place(context, builder, sig.args[3], args[3], args[4]), align=8)
            chosen = builder.xor(lo, builder.and_(select, builder.xor(lo, hi)))
            builder.store(chosen, place(context, builder, sig.args[0], args[0], args[1]), align=8)
            return context.get_dummy_value()

        return signature, generate

    return polynomial, choose


def _folding(lanes: int, polynomial: Any, choose: Any) -> Callable[..., None]:
    """Make the evaluation of one table of more than two fan-ins on ``lanes`` neighbouring words."""
    step = _U(lanes)

    @njit(nogil=True)
    def fold_table(
        values: Words,
        to: np.uint64,
        a: np.uint64,
        b: np.uint64,
        table: np.uint64,
        more: NDArray[np.int32],
        width: np.uint64,
        w: np.uint64,
        fold: Words,
    ) -> None:
        leaves = _U(1) << _U(len(more))
        for leaf in range(leaves):
            t = (table >> (_U(4) * leaf)) & _U(15)
            polynomial(fold, leaf * step, values, a + w, b + w, *_coefficients(t))
        for pin in more:
            leaves >>= _U(1)
            for leaf in range(leaves):
                choose(fold, leaf * step, leaf * step * _U(2), values, _U(pin) * width + w)
        for lane in range(step):
            values[to + w + lane] = fold[lane]

    return fold_table


_polynomial8, _choose8 = _steps(8)
_polynomial4, _choose4 = _steps(4)
_polynomial1, _choose1 = _steps(1)
_fold8 = _folding(8, _polynomial8, _choose8)
_fold1 = _folding(1, _polynomial1, _choose1)
_FOLD = 16 * 8  # leaves of the widest table, times the words of a step


@njit(nogil=True)
def _run_narrow(
    values: Words,
    first: NDArray[np.int32],
    second: NDArray[np.int32],
    more_start: NDArray[np.int32],
    table: Words,
    target: NDArray[np.int32],
    width: np.uint64,
    g: np.uint64,
    end: np.uint64,
    start: np.uint64,
    stop: np.uint64,
) -> np.uint64:
    """Evaluate gates ``g`` to ``end`` while they have at most two fan-ins; return the first one not evaluated.

    A loop of its own: with the wide gates beside it the numbers it needs do not fit the registers.
    """
    while g < end and more_start[g] == more_start[g + _U(1)]:
        to, a, b = _U(target[g]) * width, _U(first[g]) * width, _U(second[g]) * width
        c0, ca, cb, cab = _coefficients(table[g])
        w = start
        while w + _U(8) <= stop:
            _polynomial8(values, to + w, values, a + w, b + w, c0, ca, cb, cab)
            w += _U(8)
        if w + _U(4) <= stop:
            _polynomial4(values, to + w, values, a + w, b + w, c0, ca, cb, cab)
            w += _U(4)
        while w < stop:
            _polynomial1(values, to + w, values, a + w, b + w, c0, ca, cb, cab)
            w += _U(1)
        g += _U(1)
    return g


@njit(nogil=True)
def run_gates(
    program: Program,
    values: Words,
    width: np.uint64,
    gates: tuple[np.uint64, np.uint64],
    words: tuple[np.uint64, np.uint64],
) -> None:
    """Evaluate a range of gates on a range of words; every number is a uint64, ranges are (start, stop).

    Args:
        program: the circuit.
        values: uint64 (rows * width), rows of ``width`` words; gate ``g`` writes row ``target[g]``.
        width: words a wire has.
        gates: which gates.
        words: which words of every row.
    """
    first, second, more_start, more, table, _, target, _ = program
    (g, end), (start, stop) = gates, words
    fold = np.empty(_FOLD, np.uint64)
    while True:
        g = _run_narrow(values, first, second, more_start, table, target, width, g, end, start, stop)
        if g >= end:
            return
        to, a, b = _U(target[g]) * width, _U(first[g]) * width, _U(second[g]) * width
        choosing = more[more_start[g] : more_start[g + _U(1)]]
        w = start
        while w + _U(8) <= stop:
            _fold8(values, to, a, b, table[g], choosing, width, w, fold)
            w += _U(8)
        while w < stop:
            _fold1(values, to, a, b, table[g], choosing, width, w, fold)
            w += _U(1)
        g += _U(1)


@njit(nogil=True)
def _block(wires: int) -> int:
    """Return how many words of every wire to evaluate at a time: a multiple of 8."""
    return max(8, min(MAX_BLOCK, CACHE_WORDS // max(1, wires) // 8 * 8))


@njit(cache=True, nogil=True)
def fill(program: Program, values: Words) -> None:
    """Evaluate all gates in place.

    Args:
        program: the circuit.
        values: uint64 (wires, words), C-contiguous, input rows given; gate rows are written.
    """
    gates, width = _U(len(program.table)), _U(values.shape[1])
    flat = values.reshape(-1)
    start = _U(0)
    while start < width:
        stop = min(start + _U(MAX_BLOCK), width)
        run_gates(program, flat, width, (_U(0), gates), (start, stop))
        start = stop


@njit(cache=True, nogil=True)
def outputs_of(program: Program, inputs: Words, outputs: Words) -> None:
    """Evaluate the outputs block by block, so the wires stay in the cache.

    Args:
        program: the circuit.
        inputs: uint64 (inputs, words).
        outputs: uint64 (outputs, words), written.
    """
    count, width = inputs.shape
    block = min(_block(program.rows), max(1, width))
    values = np.zeros(program.rows * block, np.uint64)
    for start in range(0, width, block):
        size = min(block, width - start)
        for i in range(count):
            for w in range(size):
                values[i * block + w] = inputs[i, start + w]
        run_gates(program, values, _U(block), (_U(0), _U(len(program.table))), (_U(0), _U(size)))
        for o in range(len(program.outputs)):
            row = program.outputs[o] * block
            for w in range(size):
                outputs[o, start + w] = values[row + w]


@njit(cache=True, nogil=True)
def flip(program: Program, values: Words, wire: int, flipped: Words, moved: NDArray[np.bool_]) -> None:
    """Re-evaluate the fan-out cone of ``wire`` with that wire inverted; gates whose value does not move stop the wave.

    Args:
        program: the circuit.
        values: uint64 (wires, words), the wires as simulated.
        wire: the wire to invert.
        flipped: uint64 (wires, words), equal to ``values``; the cone's rows are rewritten.
        moved: bool (wires), all False; set where the row of ``flipped`` now differs from ``values``.
    """
    count, width = values.shape
    gates, flat = len(program.table), flipped.reshape(-1)
    inputs = count - gates
    for w in range(width):
        flipped[wire, w] = ~values[wire, w]
    moved[wire] = True
    for g in range(max(0, wire + 1 - inputs), gates):
        reads = moved[program.first[g]] or moved[program.second[g]]
        for pin in range(program.more_start[g], program.more_start[g + 1]):
            reads |= moved[program.more[pin]]
        if reads:
            run_gates(program, flat, _U(width), (_U(g), _U(g + 1)), (_U(0), _U(width)))
            for w in range(width):
                if flipped[inputs + g, w] != values[inputs + g, w]:
                    moved[inputs + g] = True
                    break


@njit(cache=True, nogil=True)
def observe(program: Program, values: Words, wires: NDArray[np.int64], differences: Words) -> None:
    """For each of ``wires``, find the words where inverting it inverts each output.

    Args:
        program: the circuit.
        values: uint64 (wires, words), the wires as simulated.
        wires: int64 (n), the wires to invert, one at a time.
        differences: uint64 (n, outputs, words), written.
    """
    flipped, moved = values.copy(), np.zeros(values.shape[0], np.bool_)
    for i in range(len(wires)):
        flip(program, values, wires[i], flipped, moved)
        for o in range(len(program.outputs)):
            wire = program.outputs[o]
            for w in range(values.shape[1]):
                differences[i, o, w] = flipped[wire, w] ^ values[wire, w]
        for wire in range(wires[i], values.shape[0]):
            if moved[wire]:
                moved[wire] = False
                for w in range(values.shape[1]):
                    flipped[wire, w] = values[wire, w]


# Philox4x64-10: Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC'11.
_ROUND = (_U(0xD2E7470EE14C6C93), _U(0xCA5A826395121157))
_WEYL = (_U(0x9E3779B97F4A7C15), _U(0xBB67AE8584CAA73B))


def _high_product(typing: Any, a: Any, b: Any) -> Any:
    """Return the upper 64 bits of a 64 x 64 bit product: one instruction, which plain code takes four products for."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(arg, wide) for arg in args))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


_multiply_high: Any = intrinsic(_high_product)


@njit(nogil=True)
def philox4x64(
    key0: np.uint64, key1: np.uint64, counter0: np.uint64, counter1: np.uint64, counter2: np.uint64, counter3: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return the four random words of a key and a counter (Philox4x64-10); all uint64."""
    for _ in range(10):
        high0, low0 = _multiply_high(_ROUND[0], counter0), _ROUND[0] * counter0
        high1, low1 = _multiply_high(_ROUND[1], counter2), _ROUND[1] * counter2
        counter0, counter1, counter2, counter3 = high1 ^ counter1 ^ key0, low1, high0 ^ counter3 ^ key1, low0
        key0 += _WEYL[0]
        key1 += _WEYL[1]
    return counter0, counter1, counter2, counter3


def philox_state(key: tuple[int, int], counter: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Words:
    """Return a state for :func:`philox_next`: uint64 (11), counter 0:4, key 4:6, drawn words 6:10, position."""
    return np.array([*counter, *key, 0, 0, 0, 0, 4], np.uint64)


@njit(nogil=True)
def philox_next(state: Words) -> np.uint64:
    """Draw one uint64 and advance the state, in the order of ``numpy.random.Philox(key=, counter=).random_raw()``."""
    position = state[10]
    if position == _U(4):
        for i in range(4):  # the counter steps before it is used, with carry
            state[i] += _U(1)
            if state[i] != _U(0):
                break
        drawn = philox4x64(state[4], state[5], state[0], state[1], state[2], state[3])
        state[6], state[7], state[8], state[9] = drawn
        position = _U(0)
    state[10] = position + _U(1)
    return state[_U(6) + position]


@njit(cache=True, nogil=True)
def philox_fill(state: Words, draws: Words) -> None:
    """Fill ``draws`` with the next words of the state."""
    for i in range(len(draws)):
        draws[i] = philox_next(state)
