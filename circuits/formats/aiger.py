"""AIGER, ASCII and binary: and-inverter graphs (Biere, The AIGER And-Inverter Graph Format, 2007; AIGER 1.9, 2011).

Only combinational files. Everything of a length the header promises is checked against the bytes that are there
before it is allocated, and decoded by whole arrays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circuits.aig import Literals, from_literals, to_literals
from circuits.circuit import Circuit
from circuits.errors import FormatError
from circuits.formats.netlist import evaluation_order
from circuits.formats.text import lines, number, shown
from circuits.names import completed

MAX_VARIABLES = (1 << 31) - 1
MAX_ANDS = 1 << 22
MAX_INPUTS = 1 << 20
_DIGITS = 10  # of the largest literal
_OCTETS = 5  # of the largest delta

_FIELDS = ("M", "I", "L", "O", "A", "B", "C", "J", "F")


def parse(data: bytes, name: str) -> Circuit:
    """Read either kind, told apart by the first word; ports without a symbol are named i0, i1, ..., o0, o1, ...

    Raises:
        FormatError: malformed, truncated, sequential, cyclic.
        CircuitError: never for what this function lets through.
    """
    header, newline, _ = data[:4096].partition(b"\n")
    words = header.decode("ascii", "replace").split()
    if not newline or not words or words[0] not in ("aag", "aig") or not 6 <= len(words) <= 10:
        raise FormatError(
            f"got {shown(header.decode('ascii', 'replace'))}, expected 'aag M I L O A' or 'aig M I L O A'", line=1
        )
    said = [
        number(word, f"header field {f}", MAX_VARIABLES, line=1) for f, word in zip(_FIELDS, words[1:], strict=False)
    ]
    variables, inputs, latches, outputs, ands = said[:5]
    if latches or any(said[5:]):
        raise FormatError("got latches or properties, expected a combinational file (L, B, C, J, F all 0)", line=1)
    if inputs + ands > variables or (words[0] == "aig" and inputs + ands != variables):
        relation = "=" if words[0] == "aig" else ">="
        raise FormatError(f"header: got M={variables} I={inputs} A={ands}, expected M {relation} I + A", line=1)
    if ands > MAX_ANDS:
        raise FormatError(f"header: got {ands} ANDs, expected at most {MAX_ANDS}", line=1)
    reader = _Reader(data, len(header) + 1, 2)
    body = _ascii if words[0] == "aag" else _binary
    lits = body(reader, variables, inputs, outputs, ands)
    named = _symbols(reader, {"i": inputs, "o": outputs})
    return from_literals(lits, completed(named["i"], "i"), completed(named["o"], "o"), name)


class _Reader:
    """A place in the file that moves forward."""

    def __init__(self, data: bytes, offset: int, line: int) -> None:
        self.data, self.offset, self.line = data, offset, line

    def need(self, items: int, least: int, what: str) -> None:
        """Refuse a promise of ``items`` things of at least ``least`` bytes that cannot be in the rest of the file."""
        left = len(self.data) - self.offset
        if items * least > left:
            raise FormatError(
                f"the header promises more than the file holds: {items} times {what}, {left} bytes", line=self.line
            )

    def rows(self, rows: int, columns: int, what: str) -> NDArray[np.int64]:
        """Read lines of ``columns`` numbers with one space between them: int64 (rows, columns)."""
        self.need(rows, 2 * columns, what)
        longest = rows * columns * (_DIGITS + 2)  # and a carriage return
        octets = np.frombuffer(self.data, np.uint8, min(longest, len(self.data) - self.offset), self.offset)
        digit = octets - np.uint8(ord("0"))  # wraps past 9 for everything else
        ends = np.flatnonzero((digit > 9) & (octets != ord("\r")))[: rows * columns]
        starts = np.concatenate([[-1], ends[:-1]]) + 1 if len(ends) else ends
        lengths = ends - starts
        if rows and len(ends):  # a carriage return before a line end belongs to it
            lengths = lengths - (octets[np.maximum(ends - 1, 0)] == ord("\r"))
        expected = np.full((rows, columns), ord(" "), np.uint8)
        expected[:, -1] = ord("\n")
        good = (octets[ends] == expected.reshape(-1)[: len(ends)]) & (lengths > 0) & (lengths <= _DIGITS)
        values = np.zeros(len(ends), np.int64)
        for k in range(_DIGITS):
            here = lengths > k
            figure = digit[starts[here] + k]
            good[here] &= figure <= 9
            values[here] = values[here] * 10 + figure
        if len(ends) < rows * columns or not np.all(good):
            bad = int(np.argmin(good)) if not np.all(good) else len(ends)
            kind = {1: "one number", 3: "three numbers"}[columns]
            raise FormatError(f"expected {what}: {kind}, single spaces between", line=self.line + bad // columns)
        self.offset += int(ends[-1]) + 1 if len(ends) else 0
        self.line += rows
        return values.reshape(rows, columns)

    def deltas(self, count: int) -> NDArray[np.int64]:
        """Read numbers of seven bits a byte, low bits first: int64 (count,)."""
        self.need(count, 1, "a difference")
        octets = np.frombuffer(self.data, np.uint8, min(count * _OCTETS, len(self.data) - self.offset), self.offset)
        ends = np.flatnonzero(octets < 128)[:count]
        starts = np.concatenate([[-1], ends[:-1]]) + 1 if len(ends) else ends
        lengths = ends - starts + 1
        if len(ends) < count or np.any(lengths > _OCTETS):
            raise FormatError(f"the binary AND section ends early or is corrupt after {len(ends)} of {count} numbers")
        values = np.zeros(count, np.int64)
        for k in range(_OCTETS):
            here = lengths > k
            values[here] |= (octets[starts[here] + k] & np.uint8(127)).astype(np.int64) << 7 * k
        self.offset += int(ends[-1]) + 1 if count else 0
        return values


def _in_range(literals: NDArray[np.int64], variables: int, what: str, line: int) -> None:
    beyond = np.any(literals > 2 * variables + 1, axis=1)
    if np.any(beyond):
        row = int(np.argmax(beyond))
        raise FormatError(
            f"{what}: got literal {literals[row].max()}, expected at most {2 * variables + 1}", line=line + row
        )


def _binary(reader: _Reader, variables: int, inputs: int, outputs: int, ands: int) -> Literals:
    reader.need(outputs + ands, 2, "an output or an AND")
    if inputs > MAX_INPUTS:  # they take no bytes: nothing but this bounds them
        raise FormatError(f"header: got {inputs} inputs, expected at most {MAX_INPUTS}", line=1)
    line = reader.line
    wanted = reader.rows(outputs, 1, "an output literal")
    _in_range(wanted, variables, "output", line)
    deltas = reader.deltas(2 * ands).reshape(ands, 2)
    first = 2 * (inputs + 1 + np.arange(ands)) - deltas[:, 0]
    pins = np.stack([first, first - deltas[:, 1]], axis=1)
    wrong = (deltas[:, 0] < 1) | (pins[:, 1] < 0)
    if np.any(wrong):
        raise FormatError(f"AND {int(np.argmax(wrong))} reads a variable that is not smaller than its own")
    return Literals(inputs, pins, wanted[:, 0])


def _ascii(reader: _Reader, variables: int, inputs: int, outputs: int, ands: int) -> Literals:
    first_line = reader.line
    sources = reader.rows(inputs, 1, "an input literal")
    wanted = reader.rows(outputs, 1, "an output literal")
    gate_line = reader.line
    gates = reader.rows(ands, 3, "an AND")
    _in_range(sources, variables, "input", first_line)
    _in_range(wanted, variables, "output", first_line + inputs)
    _in_range(gates, variables, "AND", gate_line)
    defined = np.concatenate([[0], sources[:, 0], gates[:, 0]])
    line_of = np.concatenate([[1], first_line + np.arange(inputs), gate_line + np.arange(ands)])
    odd = defined & 1 == 1
    if np.any(odd):
        at = int(np.argmax(odd))
        raise FormatError(f"got {defined[at]} as a definition, expected an even literal", line=int(line_of[at]))
    order = np.argsort(defined, kind="stable")
    sorted_ = defined[order]
    if np.any(twice := np.diff(sorted_) == 0):
        at = int(order[int(np.argmax(twice)) + 1])
        raise FormatError(f"literal {defined[at]} is defined twice (0 is the constant)", line=int(line_of[at]))

    def renumbered(literals: NDArray[np.int64], line: int) -> NDArray[np.int64]:
        """Return literals over 0 the constant, then the inputs, then the ANDs in file order."""
        place = np.minimum(np.searchsorted(sorted_, literals & ~1), len(sorted_) - 1)
        if np.any(unknown := sorted_[place] != literals & ~1):
            row = int(np.argmax(np.any(unknown, axis=1)))
            raise FormatError(f"got literal {literals[unknown][0]}, which nothing defines", line=line + row)
        return order[place] * 2 + (literals & 1)

    wanted = renumbered(wanted, first_line + inputs)
    pins = renumbered(gates[:, 1:], gate_line)
    sequence, cyclic = evaluation_order(2 * np.arange(ands + 1), (pins >> 1).ravel() - inputs - 1)
    if cyclic is not None:
        raise FormatError(f"literal {gates[cyclic, 0]} depends on itself", line=gate_line + cyclic)
    place = np.arange(inputs + 1 + ands)
    place[inputs + 1 + np.array(sequence, np.int64)] = inputs + 1 + np.arange(ands)

    def placed(literals: NDArray[np.int64]) -> NDArray[np.int64]:
        return place[literals >> 1] * 2 + (literals & 1)

    return Literals(inputs, placed(pins)[np.array(sequence, np.int64)], placed(wanted)[:, 0])


def _symbols(reader: _Reader, counts: dict[str, int]) -> dict[str, list[str | None]]:
    """Read the symbol table; what follows a line ``c`` is comment."""
    named: dict[str, list[str | None]] = {kind: [None] * count for kind, count in counts.items()}
    rest = reader.data[reader.offset :]
    table = rest[: len(rest) if not (cut := _comment(rest)) else cut - 1]
    for line, text in lines(table, reader.line):
        if not text:
            continue
        position, _, name = text.partition(" ")
        kind = position[:1]
        if kind not in named or not name:
            raise FormatError(f"got {shown(text)}, expected a symbol such as 'i0 name' or 'o0 name'", line=line)
        at = number(position[1:], f"symbol {kind}", max(counts[kind] - 1, 0), line=line)
        if at >= counts[kind] or named[kind][at] is not None:
            raise FormatError(f"got a second or needless name for {position}", line=line)
        named[kind][at] = name
    return named


def _comment(rest: bytes) -> int:
    """Return the place behind which the comment section starts, 0 if there is none."""
    if rest.startswith((b"c\n", b"c\r\n")) or rest == b"c":
        return 1
    places = [rest.find(mark) for mark in (b"\nc\n", b"\nc\r\n")]
    return min((place + 2 for place in places if place >= 0), default=0)


def _named(circuit: Circuit) -> bytes:
    return "".join(
        f"{kind}{k} {name}\n"
        for kind, names in (("i", circuit.input_names), ("o", circuit.output_names))
        for k, name in enumerate(names)
    ).encode()


def _header(kind: str, lits: Literals) -> str:
    ands = len(lits.ands)
    return f"{kind} {lits.num_inputs + ands} {lits.num_inputs} 0 {len(lits.outputs)} {ands}\n"


def write_ascii(circuit: Circuit) -> bytes:
    """Write ``aag`` with the names as symbols."""
    lits = to_literals(circuit)
    first = 2 * (lits.num_inputs + 1)
    parts = [
        _header("aag", lits),
        *(f"{2 * k}\n" for k in range(1, lits.num_inputs + 1)),
        *(f"{output}\n" for output in lits.outputs.tolist()),
        *(f"{first + 2 * k} {a} {b}\n" for k, (a, b) in enumerate(lits.ands.tolist())),
    ]
    return "".join(parts).encode() + _named(circuit)


def write_binary(circuit: Circuit) -> bytes:
    """Write ``aig`` with the names as symbols."""
    lits = to_literals(circuit)
    own = 2 * (lits.num_inputs + 1 + np.arange(len(lits.ands)))
    high, low = lits.ands.max(axis=1, initial=0), lits.ands.min(axis=1, initial=MAX_VARIABLES * 2)
    deltas = np.stack([own - high, high - low], axis=1).ravel()
    lengths = np.ones(len(deltas), np.int64)
    for k in range(1, _OCTETS):
        lengths += deltas >> 7 * k > 0
    starts = np.cumsum(lengths) - lengths
    octets = np.zeros(int(lengths.sum()), np.uint8)
    for k in range(_OCTETS):
        here = lengths > k
        octets[starts[here] + k] = (deltas[here] >> 7 * k & 127) | np.where(lengths[here] > k + 1, 128, 0)
    head = _header("aig", lits) + "".join(f"{output}\n" for output in lits.outputs.tolist())
    return head.encode() + octets.tobytes() + _named(circuit)
