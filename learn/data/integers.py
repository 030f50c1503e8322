"""Tables of integers: CSV files whose columns are words, with types in the header or found from the numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.arithmetic import INT64
from circuits.errors import CircuitError
from circuits.names import legal
from circuits.wires import Word, narrowest, parsed
from learn.data.datasets import (
    MAX_CELLS,
    MAX_FEATURES,
    MAX_FILE,
    _cells,
    _header,
    _lines,
    _number,
    _short,
    _unpacked,
    _within,
)
from learn.errors import DataError

_TYPED = re.compile(r"(?P<name>.+):(?P<type>bit|[su][0-9]+(sat)?)")


class IntegerTable(NamedTuple):
    """Columns of integers.

    Attributes:
        names: of the columns.
        values: int64 (rows, columns).
        types: of the columns: declared in the header, else the narrowest that holds the column.
        declared: which types were declared.
        lines: the line of the file that each row stood on.
    """

    names: tuple[str, ...]
    values: NDArray[np.int64]
    types: tuple[Word, ...]
    declared: tuple[bool, ...]
    lines: tuple[int, ...]


def read_integers(path: Path) -> IntegerTable:
    """Read a CSV file of integers.

    The first line is a header if one of its cells is no number; a name may carry the type of its column, as in
    ``x:u8`` or ``y:s16sat``. Cells are separated by commas, semicolons or tabs.

    Raises:
        DataError: a file that cannot be read; a cell that is missing, no integer, beyond 64 bits or out of the range of
            the declared type; each with its row and column.
    """
    with _within(path):
        rows = list(_lines(_unpacked(path, MAX_FILE)))
        if not rows:
            raise DataError("is empty, expected rows of integers")
        delimiter = max("\t;,", key=rows[0][1].count)
        first = [cell.strip() for cell in _cells(rows[0][1], delimiter, rows[0][0])]
        headed = any(cell and _number(cell) is None for cell in first)
        given = _header(first, rows[0][0]) if headed else [f"x{k}" for k in range(len(first))]
        names, types = _typed(given)
        if len(names) > MAX_FEATURES or len(rows) * len(names) > MAX_CELLS:
            raise DataError(f"got {len(rows)} rows of {len(names)} cells, expected at most {MAX_CELLS} in all")
        body = rows[headed:]
        if not body:
            raise DataError("has a header and no rows, expected rows of integers")
        values = np.array([_integers(number, _cells(text, delimiter, number), names, types) for number, text in body])
        found = [w or narrowest(int(c.min()), int(c.max())) for w, c in zip(types, values.T, strict=True)]
        declared = tuple(word is not None for word in types)
        return IntegerTable(tuple(names), values, tuple(found), declared, tuple(number for number, _ in body))


def _typed(given: Sequence[str]) -> tuple[list[str], list[Word | None]]:
    names: list[str] = []
    types: list[Word | None] = []
    for k, text in enumerate(given):
        match = _TYPED.fullmatch(text)
        try:
            types.append(parsed(match["type"]) if match else None)
        except CircuitError as error:
            raise DataError(f"column {k + 1} ({_short(text)}): {error}") from None
        names.append(legal(match["name"] if match else text))
    return _header(names, 1), types


def _integers(number: int, cells: Sequence[str], names: Sequence[str], types: Sequence[Word | None]) -> list[int]:
    if len(cells) != len(names):
        raise DataError(f"row {number} has {len(cells)} cells, expected {len(names)} as in the first")
    found = []
    for k, (cell, word) in enumerate(zip(cells, types, strict=True)):
        value, where = _number(cell.strip()), f"row {number}, column {k + 1} ({_short(names[k])})"
        if not cell.strip():
            raise DataError(f"{where}: the cell is empty, expected an integer; fill it in or leave the row out")
        if not isinstance(value, int):
            advice = "multiply the column by a power of ten first" if value is not None else "write text as numbers"
            raise DataError(f"{where}: got {_short(cell.strip())}, expected an integer; {advice}")
        if not INT64[0] <= value <= INT64[1]:
            raise DataError(f"{where}: got {_short(cell.strip())}, which overflows 64 bits; divide the column first")
        if word is not None and not word.lo <= value <= word.hi:
            raise DataError(f"{where}: got {value}, expected {word.lo}..{word.hi} ({word}, as the header says)")
        found.append(value)
    return found


def agreeing_rows(table: IntegerTable, inputs: Sequence[int], outputs: Sequence[int]) -> NDArray[np.int64]:
    """Return the first row of each pattern of the inputs.

    Raises:
        DataError: two rows of one pattern differ in the outputs.
    """
    seen: dict[bytes, int] = {}
    keys = np.ascontiguousarray(table.values[:, list(inputs)])
    for row in range(len(keys)):
        first = seen.setdefault(keys[row].tobytes(), row)
        differ = [k for k in outputs if table.values[row, k] != table.values[first, k]]
        if differ:
            k = differ[0]
            raise DataError(
                f"row {table.lines[row]} contradicts row {table.lines[first]}: the same inputs, but {table.names[k]} "
                f"is {table.values[row, k]} here and {table.values[first, k]} there; leave one of them out"
            )
    return np.array(sorted(seen.values()), np.int64)
