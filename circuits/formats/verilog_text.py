"""Verilog-2005 out: a module of named vectors, one wire and one assign a gate (IEEE Std 1364-2005, clauses 4 and 5).

The text of a gate is recorded from its row. Verilog computes an expression in one width, that of its widest operand or
of what it is assigned to, and as signed only if all operands are. So where one operand is signed all are made so, an
unsigned one by a 0 in front; an expression may be cut to any width, which changes nothing modulo that power of two; and
what must not be cut (the operands of comparisons and of shifts to the right, a result that saturates) is a wire of its
own, wide enough for its range.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from circuits.algebra import fitted, interval
from circuits.arithmetic import WordFace
from circuits.check import word_gates
from circuits.circuit import Circuit
from circuits.formats.expression import ATOM, SHIFT, UNARY, Phrase, Texts, template
from circuits.formats.netlist import net_names
from circuits.formats.verilog import KEYWORDS
from circuits.gates import GATE
from circuits.wires import BIT, Word, narrowest

V = Any  # a phrase or a Python integer

ENTRIES_PER_LINE = 16

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def identifier(name: str) -> str:
    """Return a name as Verilog spells it: escaped, with the space that ends it, where it is no simple identifier."""
    return name if _PLAIN.fullmatch(name) and name not in KEYWORDS else f"\\{name} "


def typed(kind: str, word: Word, name: str) -> str:
    """Return the start of the declaration of a net of a type: ``wire signed [7:0] a``."""
    vector = "" if word == BIT else f" [{word.bits - 1}:0]"
    return f"{kind}{' signed' * word.signed}{vector} {name}"


class Verilog(Texts):
    """The algebra of Verilog for one gate.

    Args:
        all_signed: whether its operands are signed from the outset, because some are.
        fresh: names for parts of its value.
    """

    def __init__(self, all_signed: bool, fresh: Iterator[str]) -> None:
        super().__init__()
        self.all_signed, self.fresh = all_signed, fresh

    def wire(self, name: str, word: Word) -> Phrase:
        """Return a net of a type."""
        return Phrase(self, name, ATOM, interval(word), signed=word.signed)

    def constant(self, value: int, signed: bool) -> str:
        """Return a sized constant; a signed one has a bit to spare, so that its own size never makes it negative."""
        bits = max(1, abs(value).bit_length())
        return f"{'-' * (value < 0)}{bits + 1}'sd{abs(value)}" if signed else f"{bits}'d{value}"

    def declare(self, phrase: Phrase) -> Phrase:
        """Add a wire for a value, as wide as its range asks."""
        word, name = narrowest(phrase.range.lo, phrase.range.hi), next(self.fresh)
        self.statements.append(f"{typed('wire', word, name)} = {phrase.text};")
        return Phrase(self, name, ATOM, phrase.range, signed=word.signed)

    def signed(self, *values: V) -> bool:
        """Tell whether any of the values is signed, and so all must be."""
        return self.all_signed or any(v < 0 if isinstance(v, int) else v.signed for v in values)

    def read(self, phrase: Phrase, signed: bool) -> Phrase:
        """Return a value as it is, or an unsigned one as signed."""
        if phrase.signed or not signed:
            return phrase
        if not phrase.truth:
            phrase = self.named(phrase)  # within the braces it would be computed in its own width
            if phrase.signed:
                return phrase
        return Phrase(self, f"$signed({{1'b0, {phrase.text}}})", ATOM, phrase.range)

    def shifted_left(self, x: Phrase, amount: int) -> Phrase:
        """Return x * 2**amount."""
        signed = self.signed(x)
        return Phrase(self, f"{self.operand(x, signed, UNARY)} <<< {amount}", SHIFT, x.range << amount, signed=signed)

    def shifted_right(self, x: Phrase, amount: int) -> V:
        """Return x / 2**amount, rounded down, of a named value."""
        range, signed = x.range >> amount, self.signed(x)
        if range.lo == range.hi:
            return range.lo
        return Phrase(self, f"{self.operand(x, signed, UNARY)} >>> {amount}", SHIFT, range, signed=signed)

    def table(self, entries: Sequence[int], x: Phrase) -> Phrase:
        """Return a part of a constant vector that holds all entries, the first in its lowest bits."""
        entry, name = narrowest(min(entries), max(entries)), next(self.fresh)
        spelled = [f"{'-' * (v < 0)}{entry.bits}'{'s' * entry.signed}d{abs(v)}" for v in reversed(entries)]
        rows = [", ".join(spelled[k : k + ENTRIES_PER_LINE]) for k in range(0, len(spelled), ENTRIES_PER_LINE)]
        vector = ",\n    ".join(rows)
        self.statements.append(f"localparam [{entry.bits * len(entries) - 1}:0] {name} = {{\n    {vector}\n  }};")
        part = f"{name}[{x.text} * {entry.bits} +: {entry.bits}]"
        found = interval(entry)
        return Phrase(self, f"$signed({part})" if entry.signed else part, ATOM, found, signed=entry.signed)

    def wrapped(self, x: V, word: Word) -> V:
        """Return the value as it is: the assignment to a wire of the type wraps it."""
        return word.fit(x) if isinstance(x, int) else x


def _fresh(base: str, taken: set[str]) -> Iterator[str]:
    """Yield names that nothing has yet: ``base_1``, ``base_2``, ..."""
    for k in count(1):
        name = f"{base}_{k}"
        if name not in taken:
            taken.add(name)
            yield identifier(name)


def _word_gate(
    face: WordFace, params: Sequence[int], reads: Sequence[tuple[str, Word]], word: Word, fresh: Iterator[str]
) -> tuple[list[str], str]:
    """Return the statements before a word gate's assignment, and the expression it assigns.

    Args:
        face: what computes it.
        params: its parameters.
        reads: name and type of every fan-in.
        word: the type of its wire.
        fresh: names for parts of it.
    """
    some_signed = any(kind.signed for _, kind in reads) or (face.ring and min(params, default=0) < 0)
    language = Verilog(some_signed, fresh)
    value = fitted(face.forward([language.wire(*read) for read in reads], params, language), word, language)
    return language.statements, language.constant(value, value < 0) if isinstance(value, int) else value.text


def write(circuit: Circuit) -> bytes:
    """Write a module with one assign per gate."""
    given, copies = net_names(circuit)
    names, types = [identifier(name) for name in given], [circuit.type_of(w) for w in range(circuit.num_wires)]
    outputs = [identifier(name) for name in circuit.output_names]
    head = f"module {identifier(circuit.name)}(\n  " + ",\n  ".join([*names[: circuit.num_inputs], *outputs]) + "\n);\n"
    body = [f"  {typed('input', word, name)};\n" for name, word in zip(names, circuit.input_types, strict=False)]
    body += [f"  {typed('output', word, name)};\n" for name, word in zip(outputs, circuit.output_types, strict=True)]
    ports = set(circuit.output_names)
    taken = {*given, *ports}
    gates = zip(circuit.gates(), word_gates(circuit).tolist(), strict=True)
    for wire, ((op, fanin, params), on_words) in enumerate(gates, circuit.num_inputs):
        if given[wire] not in ports:
            body.append(f"  {typed('wire', types[wire], names[wire])};\n")
        face = GATE[op].word
        if face and on_words:
            reads = [(names[f], types[f]) for f in fanin]
            parts, text = _word_gate(face, params, reads, types[wire], _fresh(given[wire], taken))
            body += [f"  {part}\n" for part in parts]
        else:
            text = template(op, params, "1'b0", "1'b1").text.format(*[names[f] for f in fanin])
        body.append(f"  assign {names[wire]} = {text};\n")
    body += [f"  assign {identifier(output)} = {identifier(net)};\n" for output, net in copies]
    return "".join([head, *body, "endmodule\n"]).encode()
