"""C99 of word gates: statements on int64_t, recorded from the rows.

Where the exact result and everything on the way to it fits 64 bits, signed integers compute it; a polynomial whose wire
wraps is computed in uint64_t, modulo 2**64. Nothing is left to the compiler: no signed overflow, no shift of a negative
number, no conversion of a number that does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from circuits.algebra import INTERVALS, Interval, fitted, interval
from circuits.arithmetic import INT64, WordFace, in_int64, within_int64
from circuits.circuit import Circuit
from circuits.errors import CircuitError
from circuits.formats.expression import ATOM, CHOICE, SHIFT, SUM, UNARY, Phrase, Texts, template
from circuits.gates import GATES
from circuits.wires import Word

V = Any  # a phrase or a Python integer

ENTRIES_PER_LINE = 16
_SHORT = 1 << 31  # every int holds less


def literal(value: int) -> str:
    """Return a constant of 64 bits."""
    if value == INT64[0]:
        return "INT64_MIN"
    text = str(abs(value)) if abs(value) < _SHORT else f"INT64_C({abs(value)})"
    return f"-{text}" if value < 0 else text


class C(Texts):
    """The algebra of C for one gate.

    Args:
        name: the gate's variable, from which names of its parts are made.
        modular: compute in uint64_t.
    """

    def __init__(self, name: str, *, modular: bool) -> None:
        super().__init__()
        self.name, self.modular = name, modular

    def variable(self, text: str, word: Word) -> Phrase:
        """Return a wire's value."""
        if self.modular:
            return Phrase(self, f"(uint64_t){text}", UNARY, interval(word))
        return Phrase(self, text, ATOM, interval(word))

    def constant(self, value: int, signed: bool) -> str:
        """Return a constant of the gate's arithmetic."""
        return f"{'-' * (value < 0)}UINT64_C({abs(value)})" if self.modular else literal(value)

    def declare(self, phrase: Phrase) -> Phrase:
        """Add a constant that holds a value."""
        name = f"{self.name}_{len(self.statements) + 1}"
        self.statements.append(f"const {'u' * self.modular}int64_t {name} = {phrase.text};")
        return Phrase(self, name, ATOM, phrase.range)

    def read(self, phrase: Phrase, signed: bool) -> Phrase:
        """Return a value as it is, a comparison as 64 bits wide."""
        return Phrase(self, f"(int64_t)({phrase.text})", UNARY, phrase.range) if phrase.truth else phrase

    def shifted_left(self, x: Phrase, amount: int) -> V:
        """Return x * 2**amount, which fits or is taken modulo 2**64."""
        if self.modular:
            shifted = f"{self.operand(x, True, ATOM)} << {amount}"
            return Phrase(self, shifted, SHIFT, x.range << amount) if amount < 64 else 0
        return x * (1 << amount) if amount < 63 else x * (1 << 62) * 2  # 2**63 is no int64_t

    def shifted_right(self, x: Phrase, amount: int) -> V:
        """Return x / 2**amount, rounded down; what C does with a negative number is up to the compiler."""
        range = x.range >> amount
        if range.lo == range.hi:
            return range.lo
        if x.range.lo >= 0:
            return Phrase(self, f"{x.text} >> {amount}", SHIFT, range)
        return Phrase(self, f"{x.text} < 0 ? ~(~{x.text} >> {amount}) : {x.text} >> {amount}", CHOICE, range)

    def table(self, entries: Sequence[int], x: Phrase) -> Phrase:
        """Return an element of a constant array."""
        spelled = [*map(literal, entries)]
        rows = [", ".join(spelled[k : k + ENTRIES_PER_LINE]) for k in range(0, len(spelled), ENTRIES_PER_LINE)]
        array, name = ",\n        ".join(rows), f"{self.name}_{len(self.statements) + 1}"
        self.statements.append(f"static const int64_t {name}[{len(entries)}] = {{\n        {array}\n    }};")
        return Phrase(self, f"{name}[{x.text}]", ATOM, INTERVALS.take(entries, x.range))

    def wrapped(self, x: V, word: Word) -> V:
        """Return the value of the type that is congruent to x modulo 2**bits, as int64_t."""
        if isinstance(x, int):
            return word.fit(x)
        if not self.modular and word.lo <= x.range.lo and x.range.hi <= word.hi:
            return x
        if word.bits == 64:  # only modular: else it would fit
            x = self.named(x)
            back = f"{x.text} >> 63 ? -(int64_t)~{x.text} - 1 : (int64_t){x.text}"
            return Phrase(self, back, CHOICE, interval(word))
        mask = (1 << word.bits) - 1
        masked = f"{self.operand(x, True, ATOM)} & {self.constant(mask, True)}"
        low = f"(int64_t)({masked})" if self.modular else f"({masked})"
        if not word.signed:
            return Phrase(self, low, UNARY, interval(word))
        sign = literal(-word.lo)
        return Phrase(self, f"({low} ^ {sign}) - {sign}", SUM, interval(word))


def _exact(face: WordFace, params: Sequence[int], types: Sequence[Word]) -> Interval:
    return interval(face.forward([interval(word) for word in types], params, INTERVALS))


def word_gate(circuit: Circuit, gate: int, name: str, reads: Sequence[str]) -> list[str]:
    """Return the statements that give a word gate's variable its value.

    Raises:
        CircuitError: a result beyond 64 bits that may not be taken modulo a power of two.
    """
    op, params, wire = circuit.op[gate], circuit.gate_params(gate), circuit.num_inputs + gate
    row, types, word = GATES[op], [circuit.type_of(f) for f in circuit.fanins(gate)], circuit.type_of(wire)
    face = row.word
    assert face  # a word gate
    exact = _exact(face, params, types)
    if not in_int64(face, exact, word):
        lo, hi = exact.peak
        raise CircuitError(
            f"gate {gate} ({row.name} of {', '.join(map(str, types))} to {word}): the exact result needs "
            f"{lo}..{hi}, expected 64 bits, the widest integer of C99"
        )
    language = C(name, modular=not within_int64(exact))
    x = [language.variable(text, kind) for text, kind in zip(reads, types, strict=True)]
    value = fitted(face.forward(x, params, language), word, language)
    text = literal(value) if isinstance(value, int) else value.text
    return [*language.statements, f"const int64_t {name} = {text};"]


def bit_gate(op: str, params: tuple[int, ...], name: str, reads: Sequence[str]) -> list[str]:
    """Return the statement that gives a bit gate's variable its value, 0 or 1."""
    text = template(op, params, "0", "1").text.format(*reads)
    return [f"const int64_t {name} = {f'({text}) & 1' if '~' in text else text};"]
