"""The numba loop that evaluates words: a register machine over blocks of patterns.

A circuit becomes one straight-line program of :data:`circuits.instructions.INSTRUCTIONS` on rows of a scratch array, a
row free again after its last reading. An instruction runs on a whole block of patterns before the next is decoded, 8
at a time as vectors: loaded before one is stored, so a row may be written where it is read.

Importing this module imports numba (half a second); import it inside the function that needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from circuits.circuit import Circuit
from circuits.instructions import codes, depth_first

Values = NDArray[np.int64]

LANES = 8
"""Patterns of a vector."""

MAX_BLOCK = 512
"""Patterns evaluated at a time: enough to hide the decoding of an instruction ..."""

CACHE_PATTERNS = 1 << 20
"""... and few enough that all rows stay in the cache (8 MiB), ..."""

MIN_BLOCK = 64
"""... but never fewer than these."""

_U = np.uint64  # wraparound indexing costs a branch; unsigned indices have none


_VECTOR = ir.VectorType(ir.IntType(64), LANES)
_Emit = Callable[..., Any]


def _truth(comparison: str) -> _Emit:
    return lambda b, x, y, *_: b.zext(b.icmp_signed(comparison, x, y), _VECTOR)


def _either(comparison: str) -> _Emit:
    return lambda b, x, y, *_: b.select(b.icmp_signed(comparison, x, y), x, y)


def _taken(builder: Any, x: Any, begin: Any, _: Any, entries: Any) -> Any:
    """Read the entries that the lanes of x point at."""
    at, result = builder.add(x, begin), ir.Constant(_VECTOR, ir.Undefined)
    for lane in (ir.Constant(ir.IntType(32), k) for k in range(LANES)):
        entry = builder.load(builder.gep(entries, [builder.extract_element(at, lane)]))
        result = builder.insert_element(result, entry, lane)
    return result


_EMIT: dict[str, _Emit] = {
    "and": lambda b, x, y, *_: b.and_(x, y),
    "or": lambda b, x, y, *_: b.or_(x, y),
    "xor": lambda b, x, y, *_: b.xor(x, y),
    "add": lambda b, x, y, *_: b.add(x, y),
    "sub": lambda b, x, y, *_: b.sub(x, y),
    "mul": lambda b, x, y, *_: b.mul(x, y),
    "madd": lambda b, x, y, z, *_: b.add(x, b.mul(y, z)),
    "shl": lambda b, x, n, *_: b.shl(x, n),
    "shr": lambda b, x, n, *_: b.ashr(x, n),
    "extend": lambda b, x, n, *_: b.ashr(b.shl(x, n), n),
    "less": _truth("<"),
    "equal": _truth("=="),
    "where": lambda b, c, x, y, *_: b.select(b.icmp_signed("!=", c, ir.Constant(_VECTOR, None)), x, y),
    "min": _either("<"),
    "max": _either(">"),
    "take": _taken,
}
"""How the instructions work: ``emit(builder, x, y, z, entries)``, on vectors and the address of all tables' entries."""

NUMBER = {name: k for k, name in enumerate(_EMIT)}
"""Instruction -> its number in a program. Of this file's table: numba keeps kernels as long as this file stays."""


class Program(NamedTuple):
    """A circuit as the kernel reads it. Operands are rows; ``~k`` is literal k.

    Attributes:
        code: uint8 (instructions), NUMBER of its name.
        to: int32 (instructions), row that is written.
        x: int32 (instructions), first operand.
        y: int32 (instructions), second operand; of ``take``, the literal where its entries begin.
        z: int32 (instructions), third operand.
        literals: int64, what ``~k`` stands for.
        entries: int64, the entries of all tables.
        answers: int32, the operands to return.
        rows: how many rows there are; the inputs come first.
    """

    code: NDArray[np.uint8]
    to: NDArray[np.int32]
    x: NDArray[np.int32]
    y: NDArray[np.int32]
    z: NDArray[np.int32]
    literals: Values
    entries: Values
    answers: NDArray[np.int32]
    rows: int


def _places(inputs: int, read: Sequence[tuple[int, ...]], answers: Sequence[int]) -> tuple[list[int], int]:
    """Give a row to every value, inputs first, then what each instruction makes; return the rows and their number."""
    last = list(range(-inputs, 0)) + list(range(len(read)))  # unread values die where they are made
    for now, operands in enumerate(read):
        for v in operands:
            if v >= 0:
                last[v] = now
    for v in answers:
        if v >= 0:
            last[v] = len(read)
    rows, count, free = [*range(inputs)], inputs, []
    for now, operands in enumerate(read):
        free += [rows[v] for v in {v for v in operands if v >= 0} if last[v] == now]
        rows.append(free.pop() if free else count)
        count += rows[-1] == count
        if last[inputs + now] == now:
            free.append(rows[-1])
    return rows, count


def _program(circuit: Circuit, wires: Sequence[int]) -> Program:
    """Write the program that evaluates the given wires.

    Raises:
        Int64Error: a gate that has no exact code.
    """
    inputs = circuit.num_inputs
    value = [*range(inputs), *[-1] * circuit.num_gates]  # per wire, the number of its value
    names: list[int] = []
    read: list[tuple[int, ...]] = []
    literals: dict[int, int] = {}
    begins: dict[tuple[int, ...], int] = {}
    entries: list[int] = []

    def literal(what: int | tuple[int, ...]) -> int:
        if isinstance(what, tuple):
            if what not in begins:
                begins[what] = len(entries)
                entries.extend(what)
            what = begins[what]
        return ~literals.setdefault(what, len(literals))

    for wire, pins, code in codes(circuit, depth_first(circuit, wires), packed=False):
        first = inputs + len(read) - len(pins)
        held = [literal(what) for what in code.literals]
        known = [value[pin] for pin in pins]

        def moved(v: int) -> int:
            return held[~v] if v < 0 else known[v] if v < len(known) else first + v  # noqa: B023

        for name, operands in code.instructions:
            names.append(NUMBER[name])
            read.append(tuple([moved(v) for v in operands]))
        value[wire] = moved(code.result)
    answers = [value[wire] for wire in wires]
    rows, count = _places(inputs, read, answers)

    def place(v: int) -> int:
        return rows[v] if v >= 0 else v

    x, y, z = (np.array([place(o[k]) if k < len(o) else 0 for o in read], np.int32) for k in range(3))
    return Program(
        np.array(names, np.uint8),
        np.array(rows[inputs:], np.int32),
        x,
        y,
        z,
        np.array([*literals, 0], np.int64),
        np.array([*entries, 0], np.int64),
        np.array([place(v) for v in answers], np.int32),
        count,
    )


@lru_cache(maxsize=8)
def outputs_program(circuit: Circuit) -> Program:
    """Return the program for the outputs; see :func:`wires_program`."""
    return _program(circuit, circuit.outputs.tolist())


@lru_cache(maxsize=8)
def wires_program(circuit: Circuit) -> Program:
    """Return the program for all wires. Writing it takes longer than a thousand patterns, so it is kept a while.

    Raises:
        Int64Error: a gate that has no exact code.
    """
    return _program(circuit, range(circuit.num_wires))


def _instruction(
    typing: Any,
    values: Any,
    entries: Any,
    code: Any,
    to: Any,
    x: Any,
    xs: Any,
    y: Any,
    ys: Any,
    z: Any,
    zs: Any,
    size: Any,
) -> Any:
    """Run an instruction on values[to:][:size] and so on; an operand whose mask xs, ys, zs is 0 is the same 8 words."""
    signature = types.void(values, entries, types.uint8, *[types.uint64] * 8)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = ir.IntType(64)
        data, table = (context.make_array(sig.args[k])(context, builder, args[k]).data for k in range(2))
        to, *operands, size = args[3:]
        before, after = builder.block, builder.append_basic_block("after")
        cases = builder.switch(args[2], after)
        for name, emit in _EMIT.items():
            block = builder.append_basic_block(name)
            cases.add_case(ir.Constant(ir.IntType(8), NUMBER[name]), block)
            builder.position_at_end(block)
            w = builder.phi(word)
            w.add_incoming(ir.Constant(word, 0), before)

            def place(start: Any, offset: Any) -> Any:
                return builder.bitcast(builder.gep(data, [builder.add(start, offset)]), _VECTOR.as_pointer())

            x, y, z = (
                builder.load(place(start, builder.and_(w, mask)), align=64)
                for start, mask in zip(operands[::2], operands[1::2], strict=True)
            )
            result = emit(builder, x, y, z, table)
            builder.store(result, place(to, w), align=64)
            following = builder.add(w, ir.Constant(word, LANES))
            w.add_incoming(following, builder.block)
            builder.cbranch(builder.icmp_unsigned("<", following, size), block, after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return signature, generate


_execute: Any = intrinsic(_instruction)


@njit(nogil=True)
def _start(operand: np.int32, rows: np.uint64, literals: np.uint64, block: np.uint64) -> np.uint64:
    """Return where an operand begins in the scratch array."""
    return rows + _U(operand) * block if operand >= 0 else literals + _U(~operand) * _U(LANES)


@njit(nogil=True)
def _mask(operand: np.int32) -> np.uint64:
    """Return what masks the offset into an operand: a literal is the same 8 words everywhere."""
    return ~_U(0) if operand >= 0 else _U(0)


@njit(cache=True, nogil=True)
def run(program: Program, inputs: Values, answers: Values) -> None:
    """Evaluate the program's answers, block by block.

    Args:
        program: the circuit.
        inputs: int64 (inputs, patterns), in the range of their types.
        answers: int64 (answers, patterns), written.
    """
    code, to, x, y, z, literals, entries, wanted, count = program
    width = inputs.shape[1]
    block = max(MIN_BLOCK, min(MAX_BLOCK, CACHE_PATTERNS // max(1, count) // LANES * LANES))
    block = min(block, max(1, (width + LANES - 1) // LANES) * LANES)
    values = np.empty(count * block + (len(literals) + 1) * LANES, np.int64)
    rows = _U((-values.ctypes.data % 64) // 8)  # a vector across two cache lines costs twice
    constants, step = rows + _U(count * block), _U(block)
    for k in range(len(literals)):
        for lane in range(LANES):
            values[constants + _U(k * LANES + lane)] = literals[k]
    for start in range(0, width, block):
        size = min(block, width - start)
        for i in range(inputs.shape[0]):
            row = rows + _U(i) * step
            for w in range(size):
                values[row + _U(w)] = inputs[i, start + w]
            for w in range(size, block):
                values[row + _U(w)] = 0  # in range of every type, lest a table be left
        for k in range(len(code)):
            _execute(
                values,
                entries,
                code[k],
                rows + _U(to[k]) * step,
                _start(x[k], rows, constants, step),
                _mask(x[k]),
                _start(y[k], rows, constants, step),
                _mask(y[k]),
                _start(z[k], rows, constants, step),
                _mask(z[k]),
                _U((size + LANES - 1) // LANES * LANES),
            )
        for o in range(len(wanted)):
            row, mask = _start(wanted[o], rows, constants, step), _mask(wanted[o])
            for w in range(size):
                answers[o, start + w] = values[row + (_U(w) & mask)]
