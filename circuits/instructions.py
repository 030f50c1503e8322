"""Gates as straight-line code of 64-bit instructions: what kernels interpret and compilers write out.

The rows' own ``forward`` writes the code, on values that record what is done to them. The code of a bit gate serves
packed words as well as the numbers 0 and 1; that of a word gate is exact, or there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from circuits.algebra import INTERVALS, Algebra, fitted, interval
from circuits.arithmetic import WordFace, in_int64
from circuits.check import word_gates
from circuits.circuit import Circuit
from circuits.gates import GATES
from circuits.wires import BIT, TYPES, Word

RING = Word(64)

INSTRUCTIONS: dict[str, Callable[..., Any]] = {
    "and": lambda x, y: x & y,
    "or": lambda x, y: x | y,
    "xor": lambda x, y: x ^ y,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "madd": lambda x, y, z: x + y * z,
    "shl": lambda x, n: x << n,
    "shr": lambda x, n: x >> n,
    "extend": lambda x, n: RING.fit(x << n) >> n,
    "less": lambda x, y: int(x < y),
    "equal": lambda x, y: int(x == y),
    "where": lambda c, x, y: x if c else y,
    "min": min,
    "max": max,
    "take": lambda x, entries: entries[x],
}
"""The instructions by what they do to integers; results wrap to 64 bits. Shifts go by a literal 0..63."""

Literal = int | tuple[int, ...]


class Code(NamedTuple):
    """The code of a gate.

    Operands are numbers: first the fan-ins, then what each instruction gave; ``~k`` is literal k.

    Attributes:
        instructions: (name, operands), in order.
        result: the operand that is the gate's output.
        literals: integers of 64 bits, and the entries of tables.
    """

    instructions: Sequence[tuple[str, tuple[int, ...]]]
    result: int
    literals: Sequence[Literal]


class Int64Error(ArithmeticError):
    """A gate whose exact result takes more than 64 bits."""


class _Traced:
    """A value in the code being recorded."""

    __slots__ = ("operand", "tape")

    def __init__(self, tape: _Tape, operand: int) -> None:
        self.tape, self.operand = tape, operand

    def __and__(self, other: _Traced) -> _Traced:
        return self.tape.record("and", self, other)

    def __or__(self, other: _Traced) -> _Traced:
        return self.tape.record("or", self, other)

    def __xor__(self, other: _Traced) -> _Traced:
        return self.tape.record("xor", self, other)

    def __invert__(self) -> _Traced:
        return self.tape.record("xor", self, self.tape.ones)

    def __add__(self, other: _Traced | int) -> _Traced:
        return self if other == 0 else self.tape.record("add", other, self)

    def __sub__(self, other: _Traced | int) -> _Traced:
        return self if other == 0 else self.tape.record("sub", self, other)

    def __rsub__(self, other: int) -> _Traced:
        return self.tape.record("sub", other, self)

    def __neg__(self) -> _Traced:
        return self.tape.record("sub", 0, self)

    def __mul__(self, other: _Traced | int) -> Any:
        if not isinstance(other, int):
            return self.tape.record("mul", self, other)
        if other == 0:
            return 0
        if other == -1:
            return -self
        power = other > 0 and other & (other - 1) == 0
        return self << (other.bit_length() - 1) if power else self.tape.record("mul", self, other)

    def __lshift__(self, amount: int) -> Any:
        if amount >= RING.bits:
            return 0
        return self.tape.record("shl", self, amount) if amount else self

    def __rshift__(self, amount: int) -> _Traced:
        return self.tape.record("shr", self, min(amount, RING.bits - 1)) if amount else self

    __radd__, __rmul__ = __add__, __mul__


class _Tape(Algebra):
    """The algebra of recorded code; numbers that meet numbers stay numbers.

    Args:
        fanins: how many fan-ins there are.
        ones: what complements a bit by exclusive or: 1 for the numbers 0 and 1, -1 for 64 packed bits.
    """

    def __init__(self, fanins: int, ones: int) -> None:
        self.fanins, self.ones = fanins, ones
        self.instructions: list[tuple[str, tuple[int, ...]]] = []
        self.literals: dict[Literal, int] = {}
        self.x = [_Traced(self, k) for k in range(fanins)]

    def literal(self, value: Literal) -> int:
        """Return the operand of a literal."""
        return ~self.literals.setdefault(value, len(self.literals))

    def operand(self, value: _Traced | int) -> int:
        """Return the operand of a value."""
        return value.operand if isinstance(value, _Traced) else self.literal(RING.fit(value))

    def record(self, name: str, *values: _Traced | int) -> _Traced:
        """Add an instruction and return what it gives."""
        self.instructions.append((name, tuple([self.operand(value) for value in values])))
        return _Traced(self, self.fanins + len(self.instructions) - 1)

    def _either(self, name: str, x: _Traced | int, y: _Traced | int) -> Any:
        if isinstance(x, int) and isinstance(y, int):
            return INSTRUCTIONS[name](x, y)
        return self.record(name, x, y)

    def less(self, x: _Traced | int, y: _Traced | int) -> Any:
        """Return [x < y]."""
        return self._either("less", x, y)

    def equal(self, x: _Traced | int, y: _Traced | int) -> Any:
        """Return [x = y]."""
        return self._either("equal", x, y)

    def minimum(self, x: _Traced | int, y: _Traced | int) -> Any:
        """Return the lesser value."""
        return self._either("min", x, y)

    def maximum(self, x: _Traced | int, y: _Traced | int) -> Any:
        """Return the greater value."""
        return self._either("max", x, y)

    def where(self, condition: _Traced | int, x: _Traced | int, y: _Traced | int) -> Any:
        """Return x where the condition is 1 and y where it is 0."""
        return (x if condition else y) if isinstance(condition, int) else self.record("where", condition, x, y)

    def take(self, entries: Sequence[int], x: _Traced) -> _Traced:
        """Return ``entries[x]``."""
        place = self.literal(tuple(entries))
        self.instructions.append(("take", (x.operand, place)))
        return _Traced(self, self.fanins + len(self.instructions) - 1)

    def wrapped(self, x: _Traced | int, word: Word) -> Any:
        """Return the value of the type that is congruent to x modulo 2**bits."""
        if isinstance(x, int):
            return word.fit(x)
        if word.bits == RING.bits:
            return x
        return self.record("extend", x, RING.bits - word.bits) if word.signed else self.record("and", x, word.hi)

    def code(self, result: _Traced | int) -> Code:
        """Return what was recorded."""
        operand = self.operand(result)
        return Code(*_fused(self.fanins, self.instructions, operand), list(self.literals))


def _fused(
    fanins: int, instructions: Sequence[tuple[str, tuple[int, ...]]], result: int
) -> tuple[Sequence[tuple[str, tuple[int, ...]]], int]:
    """Join a product that only a sum reads with that sum."""
    if len(instructions) == 1 or not any(name == "mul" for name, _ in instructions):
        return instructions, result
    uses = [0] * (fanins + len(instructions))
    for operand in (*(v for _, operands in instructions for v in operands), result):
        uses[operand] += operand >= 0
    moved = list(range(fanins))  # what each old operand has become
    factors: dict[int, tuple[int, ...]] = {}  # of the products not yet written
    joined: list[tuple[str, tuple[int, ...]]] = []

    def write(name: str, operands: tuple[int, ...], old: int) -> None:
        moved[old] = fanins + len(joined)
        joined.append((name, operands))

    for old, (name, operands) in enumerate(instructions, fanins):
        moved.append(-1)
        products = [v for v in operands if v in factors]
        for v in products[name == "add" :]:
            write("mul", factors.pop(v), v)
        now = tuple([moved[v] if v >= 0 else v for v in operands])
        if name == "mul" and uses[old] == 1 and old != result:
            factors[old] = now
        elif name == "add" and products:
            other = now[operands[0] == products[0]]
            write("madd", (other, *factors.pop(products[0])), old)
        else:
            write(name, now, old)
    return joined, moved[result] if result >= 0 else result


@lru_cache(maxsize=1 << 12)
def bit_code(op: int, params: tuple[int, ...], ones: int) -> Code:
    """Return the code of a row's bit face.

    Args:
        op: the row.
        params: its parameters.
        ones: 1 for code on the numbers 0 and 1, -1 for code on 64 packed bits.
    """
    tape = _Tape(GATES[op].arity, ones)
    return tape.code(GATES[op].forward(tape.x, params, _Traced(tape, tape.literal(0))))


def word_code(face: WordFace, params: tuple[int, ...], types: Sequence[Word], word: Word) -> Code | None:
    """Return the code of a word face on wires of these types, for a wire of type ``word``; None if it is not exact.

    The result is fitted to the type only where it can be out of its range.
    """
    exact = interval(face.forward([interval(t) for t in types], params, INTERVALS))
    if not in_int64(face, exact, word):
        return None
    tape = _Tape(len(types), 1)
    result = face.forward(tape.x, params, tape)
    return tape.code(result if word.lo <= exact.lo and exact.hi <= word.hi else fitted(result, word, tape))


def depth_first(circuit: Circuit, wires: Iterable[int]) -> list[int]:
    """Return the gates' wires that the given ones depend on, each after its fan-ins and as near to them as can be."""
    inputs, fanin, start = circuit.num_inputs, circuit.fanin.tolist(), circuit.fanin_start.tolist()
    opened, done = bytearray(circuit.num_wires), bytearray(circuit.num_wires)
    order = []
    for root in wires:
        stack = [root]
        while stack:
            wire = stack[-1]
            if wire < inputs or done[wire]:
                stack.pop()
            elif opened[wire]:
                done[wire] = True
                order.append(stack.pop())
            else:
                opened[wire] = True
                stack += [f for f in fanin[start[wire - inputs] : start[wire - inputs + 1]] if not done[f]]
    return order


def codes(circuit: Circuit, wires: Iterable[int], *, packed: bool) -> Iterator[tuple[int, tuple[int, ...], Code]]:
    """Yield gates' wires, the wires they read, and their code.

    Args:
        circuit: the circuit.
        wires: the wires of the gates.
        packed: whether values are 64 packed bits, which takes a circuit of bits; else they are numbers.

    Raises:
        Int64Error: naming the gate that has no exact code.
    """
    inputs, op = circuit.num_inputs, circuit.op.tolist()
    fanin, start = circuit.fanin.tolist(), circuit.fanin_start.tolist()
    params, param_start = circuit.params.tolist(), circuit.param_start.tolist()
    types, on_words = [TYPES[code] or BIT for code in circuit.types.tolist()], word_gates(circuit).tolist()
    for wire in wires:
        g = wire - inputs
        pins = tuple(fanin[start[g] : start[g + 1]])
        held = tuple(params[param_start[g] : param_start[g + 1]])
        face = GATES[op[g]].word
        if face is None or not on_words[g]:
            yield wire, pins, bit_code(op[g], held, -1 if packed else 1)
            continue
        code = word_code(face, held, [types[pin] for pin in pins], types[wire])
        if code is None:
            raise Int64Error(f"gate {g} ({GATES[op[g]].name}) of type {types[wire]} needs more than 64 bits")
        yield wire, pins, code
