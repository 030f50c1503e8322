"""Truth tables as text: one line per output, the last pattern first.

The leftmost character is pattern 2**n - 1, so ``1000`` is AND; input 0 is the least significant bit of the pattern
number. ABC reads the same lines with ``read_truth -xf``. ``-`` is a don't-care; a line behind ``0x`` is hexadecimal.
"""

from __future__ import annotations

import numpy as np

from circuits.circuit import Circuit
from circuits.errors import FormatError
from circuits.formats.text import bounded, shown
from circuits.table import MAX_COMPLETE_INPUTS, TruthTable, complete_table
from circuits.words import Words, pack, unpack

MAX_OUTPUTS = 1 << 16


def _bits(line: bytes, number: int) -> bytes:
    """Return a line as characters 0, 1 and -, hexadecimal ones spelled out."""
    hexadecimal = line[:2].lower() == b"0x"
    body, allowed = (line[2:], b"0123456789abcdefABCDEF") if hexadecimal else (line, b"01-")
    wrong = body.translate(None, allowed)
    if wrong or not body:
        what = f"got {shown(chr(wrong[0]))}" if wrong else "got no digits"
        raise FormatError(f"{what}, expected 0, 1 or - (or hexadecimal digits behind 0x)", line=number)
    return f"{int(body, 16):0{4 * len(body)}b}".encode() if hexadecimal else body


def parse(data: bytes, name: str) -> TruthTable:
    """Read a table; inputs are named x0, x1, ..., outputs y0, y1, ...

    Raises:
        FormatError: other characters, lines of different lengths or of a length that is no power of two, no lines,
            more than 20 inputs.
    """
    width = 0
    outputs: list[Words] = []
    care: list[Words] = []
    longest = 1 << MAX_COMPLETE_INPUTS
    for number, raw in enumerate(bounded(data), 1):
        line = raw.partition(b"#")[0].strip()
        if not line:
            continue
        if len(line) > longest + 2:
            raise FormatError(
                f"got {len(line)} characters, expected at most {longest} ({MAX_COMPLETE_INPUTS} inputs)", line=number
            )
        line = _bits(line, number)
        width = width or len(line)
        if len(line) != width:
            raise FormatError(f"got {len(line)} patterns, expected {width} as in the lines above", line=number)
        if width & (width - 1) or width > longest:
            raise FormatError(
                f"got {width} patterns, expected a power of two up to {longest} (one per input pattern)", line=number
            )
        if len(outputs) == MAX_OUTPUTS:
            raise FormatError(f"got more than {MAX_OUTPUTS} lines, one per output", line=number)
        characters = np.frombuffer(line, np.uint8)[::-1]
        outputs.append(pack(characters == ord("1")))
        care.append(pack(characters != ord("-")))
    if not outputs:
        raise FormatError("got no lines, expected one line of 0 and 1 per output")
    return complete_table(np.stack(outputs), inputs=width.bit_length() - 1, care=np.stack(care), name=name)


def write(circuit: Circuit) -> bytes:
    """Tabulate a circuit of at most 20 inputs."""
    from circuits.simulate import truth_table

    return write_table(truth_table(circuit))


def write_table(table: TruthTable) -> bytes:
    """Write a complete table, don't-cares as ``-``; names are not kept.

    Raises:
        FormatError: a sampled table, or one without outputs.
    """
    if not table.complete or not table.num_outputs:
        what = "no outputs" if table.complete else f"{table.patterns} sampled patterns"
        raise FormatError(f"a truth table file has a line per output over all patterns, got {what}; write a .pla")
    lines = []
    for wanted, care in zip(table.outputs, table.care, strict=True):
        characters = np.where(unpack(wanted, table.patterns), ord("1"), ord("0")).astype(np.uint8)
        characters[~unpack(care, table.patterns)] = ord("-")
        lines.append(characters[::-1].tobytes() + b"\n")
    return b"".join(lines)
