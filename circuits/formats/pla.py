"""Espresso PLA: cubes of inputs with what the outputs do on them.

The type says which sets the rows list; the rest of the patterns fall into the set that is not listed (espresso(5)):

==== ================================== =========
type rows list                          the rest
==== ================================== =========
f    on-set (1)                         off-set
fd   on-set (1), don't-cares (-)        off-set
fr   on-set (1), off-set (0)            don't-care
fdr  on-set (1), off-set (0), dc (-)    don't-care
==== ================================== =========

In the input plane ``-`` and ``2`` are both values; in the output plane 4, 3 and 2 are other spellings of 1, 0 and -,
and ``~`` means nothing. The first column is input 0. A pattern that is both in the on-set and a don't-care is a
don't-care.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.circuit import Builder, Circuit
from circuits.errors import FormatError
from circuits.formats.text import bounded, number, shown
from circuits.names import completed
from circuits.table import MAX_COMPLETE_INPUTS, TruthTable, complete_table, sampled_table
from circuits.words import Words, pack, popcount, unpack

TYPES = ("f", "fd", "fr", "fdr")
MAX_COLUMNS = 1 << 16
MAX_ROWS = 1 << 22
MAX_TABLE_BITS = 1 << 30
MAX_LITERALS = 1 << 22

_BAD = 255
_DASH = 2  # in an input column: both values
_ON, _OFF, _DONT_CARE, _NOTHING = 1, 0, 2, 3


def _codes(characters: dict[str, int]) -> NDArray[np.uint8]:
    codes = np.full(256, _BAD, np.uint8)
    for group, code in characters.items():
        codes[[ord(c) for c in group]] = code
    return codes


_INPUT = _codes({"0": 0, "1": 1, "-2": _DASH})
_OUTPUT = _codes({"14": _ON, "03": _OFF, "-2": _DONT_CARE, "~": _NOTHING})


class _File(NamedTuple):
    """A PLA file taken apart: codes uint8 (rows, inputs) and (rows, outputs)."""

    type: str
    inputs: NDArray[np.uint8]
    outputs: NDArray[np.uint8]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    name: str


def parse(data: bytes, name: str) -> Circuit | TruthTable:
    """Read a PLA.

    Returns:
        a sampled table with exactly the rows given if the type is fr or fdr and no row has a ``-`` among its inputs,
        unless the rows are all the 2**inputs patterns once each; otherwise a complete table for up to 20 inputs; for
        types f and fd with more inputs a sum of products, where the don't-cares of fd are 0.

    Raises:
        FormatError: malformed text, contradictory cubes, cubes of type fr or fdr over more than 20 inputs.
    """
    file = _taken_apart(data, name)
    rows, inputs = file.inputs.shape
    small, off_listed = inputs <= MAX_COMPLETE_INPUTS, "r" in file.type
    if off_listed and not np.any(file.inputs == _DASH):
        everything = small and rows == 1 << inputs and len(np.unique(_addresses(file.inputs, 2))) == rows
        return _complete(file) if everything else _sampled(file)
    if small:
        return _complete(file)
    if off_listed:
        raise FormatError(
            f"type {file.type} with '-' among {inputs} inputs, expected at most {MAX_COMPLETE_INPUTS} for "
            "cubes; give one row per pattern, or type f"
        )
    return _sum_of_products(file)


def _taken_apart(data: bytes, name: str) -> _File:
    """Split a file into its directives and its two planes."""
    said: dict[str, tuple[list[str], int]] = {}
    rows: list[bytes] = []
    lines = array("q")
    for line, raw in enumerate(bounded(data), 1):
        text = (raw.partition(b"#")[0] if b"#" in raw else raw).strip()
        if not text:
            continue
        if not text.startswith(b"."):
            if len(rows) == MAX_ROWS:
                raise FormatError(f"got more than {MAX_ROWS} rows", line=line)
            rows.append(text)
            lines.append(line)
            continue
        word, *rest = text.decode("utf-8", "replace").split()
        if word in (".e", ".end"):
            break
        if word not in (".i", ".o", ".p", ".type", ".ilb", ".ob"):
            raise FormatError(
                f"got {shown(word)}, expected .i .o .p .type .ilb .ob .e (two-valued PLA without options)", line=line
            )
        if word in said:
            raise FormatError(f"got {word} twice, first on line {said[word][1]}", line=line)
        said[word] = rest, line
    counts = [_said_number(said, word) for word in (".i", ".o")]
    kind, line = said.get(".type", (["fd"], 0))
    if len(kind) != 1 or kind[0] not in TYPES:
        raise FormatError(f".type: got {shown(' '.join(kind))}, expected one of {' '.join(TYPES)}", line=line)
    if ".p" in said and _said_number(said, ".p", 1 << 62) != len(rows):
        raise FormatError(
            f".p promises {shown(said['.p'][0][0])} rows, got {len(rows)}; complete the file or drop .p",
            line=said[".p"][1],
        )
    names: list[tuple[str, ...]] = []
    for word, count, prefix in ((".ilb", counts[0], "x"), (".ob", counts[1], "y")):
        given, line = said.get(word, ([], 0))
        if word in said and len(given) != count:
            raise FormatError(f"{word}: got {len(given)} names, expected {count}", line=line)
        names.append(completed(list(given) or [None] * count, prefix))
    inputs, outputs = _planes(rows, lines, *counts)
    return _File(kind[0], inputs, outputs, names[0], names[1], name)


def _said_number(said: dict[str, tuple[list[str], int]], word: str, limit: int = MAX_COLUMNS) -> int:
    if word not in said:
        raise FormatError(f"got no {word} line, expected .i and .o with the numbers of inputs and outputs")
    values, line = said[word]
    if len(values) != 1:
        raise FormatError(f"{word}: got {len(values)} values, expected one number", line=line)
    return number(values[0], word, limit, line=line)


def _planes(
    rows: list[bytes], lines: Sequence[int], inputs: int, outputs: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the codes of both planes; separators may stand anywhere."""
    width = inputs + outputs
    joined = (b"\n".join(rows) + b"\n" * bool(rows)).translate(None, b" \t|\r\v\f")
    if len(joined) != len(rows) * (width + 1):
        raise _ragged(joined, lines, inputs, outputs)
    characters = np.frombuffer(joined, np.uint8).reshape(len(rows), width + 1)
    if np.any(characters[:, width] != ord("\n")):
        raise _ragged(joined, lines, inputs, outputs)
    left, right = _INPUT[characters[:, :inputs]], _OUTPUT[characters[:, inputs:width]]
    for plane, first, allowed in ((left, 0, "0 1 - 2"), (right, inputs, "0 1 - ~ 2 3 4")):
        if np.any(plane == _BAD):
            row, column = np.argwhere(plane == _BAD)[0].tolist()
            got = chr(characters[row, first + column])
            if got == "\n":
                raise _ragged(joined, lines, inputs, outputs)
            side = "an output" if first else "an input"
            raise FormatError(
                f"got {got!r} for {side} (column {column + 1}), expected one of {allowed}", line=lines[row]
            )
    return left, right


def _ragged(joined: bytes, lines: Sequence[int], inputs: int, outputs: int) -> FormatError:
    width = inputs + outputs
    for line, row in zip(lines, joined.split(b"\n"), strict=False):
        if len(row) != width:
            return FormatError(
                f"got a row of {len(row)} values, expected {width} ({inputs} inputs, {outputs} outputs)", line=line
            )
    return FormatError("rows do not fit .i and .o")


def _addresses(digits: NDArray[np.uint8], base: int) -> NDArray[np.int64]:
    """Return each row of digits as a number, column 0 least significant."""
    weights = base ** np.arange(digits.shape[1], dtype=np.int64)
    return digits.astype(np.int64) @ weights


def _cover(cubes: NDArray[np.uint8], members: NDArray[np.bool_]) -> Words:
    """Return where cubes cover: for each output the union of its member cubes over all patterns.

    Cubes are ternary numbers. Consuming input 0, then input 1, ... joins the tables of the cubes that agree on the
    inputs still ahead, so the cost is bounded by the table, not by the sum of the cubes' sizes.

    Args:
        cubes: codes, (rows, inputs).
        members: (rows, outputs).

    Returns:
        uint64 (outputs, words).
    """
    inputs = cubes.shape[1]
    order = np.argsort(keys := _addresses(cubes, 3), kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    result = []
    for start in range(0, members.shape[1], 8):  # eight outputs a byte
        octets = np.packbits(members[order, start : start + 8], axis=1, bitorder="little")
        tables = np.bitwise_or.reduceat(octets, first, axis=0) if len(first) else np.zeros((0, 1), np.uint8)
        prefix = keys[first]
        for _ in range(inputs):
            ahead, digit = np.divmod(prefix, 3)
            starts = np.diff(ahead, prepend=-1) != 0
            place = np.cumsum(starts) - 1
            halves = np.zeros((int(starts.sum()), 2, tables.shape[1]), np.uint8)
            for value in (0, 1):
                halves[place[digit == value], value] = tables[digit == value]
            halves[place[digit == _DASH]] |= tables[digit == _DASH][:, None]
            prefix, tables = ahead[starts], halves.reshape(len(halves), 2 * tables.shape[1])
        union = tables[0] if len(tables) else np.zeros(1 << inputs, np.uint8)
        result += [pack(union >> j & 1) for j in range(min(8, members.shape[1] - start))]
    return np.stack(result) if result else np.zeros((0, len(pack(np.zeros(1 << inputs)))), np.uint64)


def _complete(file: _File) -> TruthTable:
    inputs, outputs = file.inputs.shape[1], file.outputs.shape[1]
    if outputs << inputs > MAX_TABLE_BITS:
        raise FormatError(f"{outputs} outputs over {inputs} inputs make a table past {MAX_TABLE_BITS} bits; split it")
    listed = {
        code: _cover(file.inputs, file.outputs == code)
        for letter, code in (("f", _ON), ("r", _OFF), ("d", _DONT_CARE))
        if letter in file.type
    }
    on, off, dont_care = listed[_ON], listed.get(_OFF), listed.get(_DONT_CARE)
    if off is not None:
        _refuse_contradictions(on & off, inputs)
    care = ~np.uint64(0) if off is None else on | off
    if dont_care is not None:
        care = care & ~dont_care
    return complete_table(
        on,
        inputs=inputs,
        care=np.broadcast_to(care, on.shape),
        input_names=file.input_names,
        output_names=file.output_names,
        name=file.name,
    )


def _refuse_contradictions(both: Words, inputs: int) -> None:
    patterns = np.bitwise_or.reduce(both, axis=0)
    count = int(popcount(patterns))
    if count:
        first = int(np.argmax(unpack(patterns, 1 << inputs)))
        bits = "".join(str(first >> k & 1) for k in range(inputs))
        raise FormatError(
            f"{count} patterns are both in the on-set and in the off-set, the first is {bits}; correct its cubes"
        )


def _sampled(file: _File) -> TruthTable:
    return sampled_table(
        file.inputs,
        file.outputs == _ON,
        care=file.outputs <= _ON,
        input_names=file.input_names,
        output_names=file.output_names,
        name=file.name,
    )


def _sum_of_products(file: _File) -> Circuit:
    useful = np.any(file.outputs == _ON, axis=1)
    cubes, members = file.inputs[useful], file.outputs[useful] == _ON
    literals = int((cubes != _DASH).sum()) + int(members.sum())
    if literals > MAX_LITERALS:
        raise FormatError(f"the on-set has {literals} literals, expected at most {MAX_LITERALS}")
    builder = Builder(file.input_names, name=file.name)

    def joined(op: str, wires: list[int], empty: int) -> int:
        """Join wires by a balanced tree."""
        while len(wires) > 1:
            pairs = [builder.add(op, *wires[k : k + 2]) for k in range(0, len(wires) - 1, 2)]
            wires = pairs + wires[len(pairs) * 2 :]
        return wires[0] if wires else builder.const(empty)

    products = []
    for cube in cubes:
        places = np.flatnonzero(cube != _DASH).tolist()
        products.append(joined("and", [k if cube[k] else builder.add("not", k) for k in places], 1))
    return builder.circuit(
        (name, joined("or", [products[r] for r in np.flatnonzero(members[:, o]).tolist()], 0))
        for o, name in enumerate(file.output_names)
    )


def write(circuit: Circuit) -> bytes:
    """Tabulate a circuit of at most 20 inputs: type f, a row per pattern of the on-set."""
    from circuits.simulate import truth_table

    return write_table(truth_table(circuit))


def write_table(table: TruthTable) -> bytes:
    """Write a table, a row a pattern: type f if fully specified, fd if complete with don't-cares, fr if sampled.

    Rows that say nothing (all outputs off in f and fd) are left out.
    """
    kind = "f" if table.fully_specified else "fd" if table.complete else "fr"
    x = unpack(table.inputs, table.patterns).T
    outputs = np.where(unpack(table.outputs, table.patterns), np.uint8(ord("1")), np.uint8(ord("0")))
    outputs[~unpack(table.care, table.patterns)] = ord("-")
    said = outputs.T if kind == "fr" else outputs.T[keep := np.any(outputs != ord("0"), axis=0)]
    x = x if kind == "fr" else x[keep]
    rows = np.full((len(x), table.num_inputs + table.num_outputs + 2), ord(" "), np.uint8)
    rows[:, : table.num_inputs] = x + np.uint8(ord("0"))
    rows[:, table.num_inputs + 1 : -1] = said
    rows[:, -1] = ord("\n")
    names = [
        f"{word} {' '.join(given)}"
        for word, given in ((".ilb", table.input_names), (".ob", table.output_names))
        if given
    ]
    head = [f".i {table.num_inputs}", f".o {table.num_outputs}", *names, f".type {kind}", f".p {len(x)}"]
    return ("\n".join(head) + "\n").encode() + rows.tobytes() + b".e\n"
