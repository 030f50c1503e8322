"""Where data comes from: truth tables (files, generators such as ``adder:4``, examples) and labelled data sets."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

from circuits.formats import FORMATS, read_table
from circuits.table import TruthTable, joined
from learn.data.datasets import DATASETS, Dataset, fetch_dataset, is_cached, load_dataset, verified
from learn.data.generators import GENERATORS, Generator, generate
from learn.errors import DataError

__all__ = [
    "DATASETS",
    "EXAMPLES",
    "GENERATORS",
    "Dataset",
    "Generator",
    "fetch_dataset",
    "generate",
    "is_built_in",
    "is_cached",
    "is_labelled",
    "load",
    "load_dataset",
    "verified",
]

EXAMPLES = {
    "seven_segment": (
        "seven_segment.pla",
        "a decimal digit d0..d3 to the segments a..g of a display; the codes 10..15 are free",
    ),
}
"""Examples that ship with the package: name -> (file beside this module, description)."""


def is_built_in(name: str) -> bool:
    """Tell whether a name means a generator or an example of the package, rather than a file."""
    return name in EXAMPLES or name.partition(":")[0] in GENERATORS


def is_labelled(name: str) -> bool:
    """Tell whether a name means labelled samples rather than a truth table."""
    path = Path(name.lower())
    return name in DATASETS or path.suffix in (".csv", ".tsv", ".npz") or path.stem.endswith((".csv", ".tsv"))


def load(names: Sequence[str]) -> TruthTable:
    """Read the truth table that the names say.

    Args:
        names: files (a circuit of at most 20 inputs is tabulated), generators, or examples of the package. Several are
            parts of one function and are joined, their patterns in order.

    Returns:
        the table, repeated patterns kept: see :func:`circuits.table.merged`.

    Raises:
        DataError: no name, an unknown one, or a bad generator argument.
        FormatError: a file that cannot be read.
        TableError: parts that do not fit together.
    """
    if not names:
        raise DataError("data: got no name, expected a file, a generator such as adder:4, or an example")
    return joined([_one(name) for name in names])


def _one(name: str) -> TruthTable:
    head, colon, argument = name.partition(":")
    if head in GENERATORS:
        row = GENERATORS[head]
        if not (argument.isascii() and argument.isdecimal()) or len(argument) > 9:
            given = f"got {argument[:20]!r} behind the colon" if colon else "got no number"
            raise DataError(f"generator {head}: {given}, expected {head}:N with N in {row.smallest}..{row.largest}")
        return generate(head, int(argument))
    if name in EXAMPLES:
        with as_file(files(__package__) / EXAMPLES[name][0]) as path:
            return read_table(path)
    if not Path(name).suffix:
        raise DataError(
            f"data {name[:40]!r}: no such data set; expected a file ({' '.join(FORMATS)}), an example "
            f"({', '.join(EXAMPLES)}) or a generator ({', '.join(f'{g}:N' for g in GENERATORS)})"
        )
    return read_table(name)
