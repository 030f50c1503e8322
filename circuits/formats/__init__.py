"""Reading and writing files: one table of formats, one door in, one door out.

Everything a reader finds wrong leaves here as a :class:`FormatError` with the file and, where known, the line. Names
are made legal here too, so a format's writer may use them as they are.
"""

from __future__ import annotations

import gzip
import lzma
import os
import threading
import zlib
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import IO, Any, NamedTuple

from circuits.circuit import Circuit
from circuits.errors import CircuitError, FormatError, TableError
from circuits.names import Naming, legal, ports
from circuits.table import TruthTable

MIB = 1 << 20
XZ_MEMORY = 256 * MIB


class Format(NamedTuple):
    """One row of the table of formats.

    Attributes:
        name: what the format is called.
        suffixes: file name endings.
        description: one line for a person.
        naming: what it asks of port names; None if it has no names.
        words: whether it can hold words; if not, a circuit is written with the bits that store them.
        max_bytes: the largest (decompressed) file that is read; keeps every reader below 2 GiB of memory.
        parse: ``parse(data, path)``: the circuit or table in the bytes; the path serves names and messages.
        write: ``write(circuit)``: its bytes.
        write_table: ``write_table(table)``: its bytes.
    """

    name: str
    suffixes: tuple[str, ...]
    description: str
    naming: Naming | None
    words: bool
    max_bytes: int
    parse: Callable[[bytes, str], Circuit | TruthTable] | None
    write: Callable[[Circuit], bytes] | None
    write_table: Callable[[TruthTable], bytes] | None


def _stem(path: str) -> str:
    """Return the file name without folders and endings: the name of a circuit whose file carries none."""
    return legal(Path(path).name.split(".")[0] or "circuit")


def _named(given: Any, asked: Naming) -> Any:
    """Return a circuit or table with its ports and itself named as a format asks."""
    inputs, outputs = ports(given.input_names, given.output_names, asked)
    return replace(given, input_names=inputs, output_names=outputs, name=legal(given.name, asked.reserved))


def _of_bits(given: Circuit | TruthTable) -> Circuit | TruthTable:
    """Return a circuit of words as the circuit of the bits that store them, all else as it is."""
    if isinstance(given, TruthTable) or not given.has_words:
        return given
    from circuits.rewrite import bit_blasted

    return bit_blasted(given)


def _format(
    module: str,
    name: str,
    suffixes: tuple[str, ...],
    description: str,
    *,
    reads: str | None = "parse",
    writes: str | None = "write",
    writes_table: str | None = None,
    writer_module: str = "",
    naming: Naming | None = Naming(),  # noqa: B008  (a value)
    words: bool = False,
    max_bytes: int,
) -> Format:
    """Make a row; its module, which has the functions named, is imported when first used.

    What writes may have a module of its own.
    """

    def function(name: str, module: str = module) -> Callable[..., Any]:
        return getattr(import_module(f"circuits.formats.{module}"), name)

    def parse(data: bytes, path: str) -> Circuit | TruthTable:
        if len(data) > max_bytes:
            raise FormatError(f"holds more than {max_bytes // MIB} MiB, the most a {name} file may", path=path)
        try:
            return function(reads or "")(data, _stem(path))
        except FormatError as error:
            raise FormatError(error.message, path=path, line=error.line) from None
        except (CircuitError, TableError) as error:
            raise FormatError(str(error), path=path) from None

    def writer(writes: str) -> Callable[[Any], bytes]:
        def write(given: Any) -> bytes:
            try:
                held = given if words else _of_bits(given)
                return function(writes, writer_module or module)(_named(held, naming or Naming()))
            except (CircuitError, TableError) as error:
                raise FormatError(f"cannot write {given.name!r} as {name}: {error}") from None

        return write

    return Format(
        name,
        suffixes,
        description,
        naming,
        words,
        max_bytes,
        parse if reads else None,
        writer(writes) if writes else None,
        writer(writes_table) if writes_table else None,
    )


_ROWS = (
    _format(
        "truth", "truth table", (".truth",), "one line of 0 and 1 per output, the last pattern first (as ABC reads)",
        writes_table="write_table", naming=None, max_bytes=256 * MIB,
    ),
    _format(
        "pla", "espresso PLA", (".pla",), "cubes or sampled patterns, types f, fd, fr and fdr",
        writes_table="write_table", naming=Naming(reserved="#", shared=True), max_bytes=64 * MIB,
    ),
    _format(
        "aiger", "ASCII AIGER", (".aag",), "and-inverter graph, one AND a line",
        writes="write_ascii", max_bytes=128 * MIB,
    ),
    _format(
        "aiger", "binary AIGER", (".aig",), "and-inverter graph, compact",
        writes="write_binary", max_bytes=128 * MIB,
    ),
    _format(
        "blif", "BLIF", (".blif",), "one .names cover per gate",
        naming=Naming(reserved="#\\", shared=True), max_bytes=64 * MIB,
    ),
    _format(
        "bench", "BENCH", (".bench",), "one AND, OR, NOT, ... or look-up table a line (ISCAS, ABC)",
        naming=Naming(reserved="#(),=", shared=True), max_bytes=64 * MIB,
    ),
    _format(
        "verilog", "structural Verilog", (".v",), "one module of assigns and gate primitives; words as vectors",
        writer_module="verilog_text", naming=Naming(shared=True), words=True, max_bytes=64 * MIB,
    ),
    _format(
        "native", "native JSON", (".json",), "every array of a circuit, versioned",
        words=True, max_bytes=64 * MIB,
    ),
    _format(
        "c", "C99", (".c",), "a function on packed words, 64 patterns a call, or on integers; with a test main",
        reads=None, words=True, max_bytes=0,
    ),
    _format(
        "dot", "DOT graph", (".dot",), "the graph of gates for graphviz",
        reads=None, words=True, max_bytes=0,
    ),
)  # fmt: skip

FORMATS: dict[str, Format] = {suffix: row for row in _ROWS for suffix in row.suffixes}
"""Suffix -> format; ``.gz`` and ``.xz`` may stand behind every suffix."""


def _read_plain(file: IO[bytes], limit: int) -> bytes:
    return file.read(limit)


def _read_gzip(file: IO[bytes], limit: int) -> bytes:
    with gzip.GzipFile(fileobj=file) as stream:
        return stream.read(limit)


def _read_xz(file: IO[bytes], limit: int) -> bytes:
    """Decompress stream after stream, never more than ``limit`` bytes, whatever dictionary the file asks for."""
    parts: list[bytes] = []
    pending, left = file.read(MIB), limit
    while pending and left:
        stream = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
        while not stream.eof and left:
            parts.append(stream.decompress(pending, left))
            left -= len(parts[-1])
            pending = file.read(MIB) if stream.needs_input else b""
            if stream.needs_input and not pending and not stream.eof:
                raise EOFError("the compressed data ends early")
        pending = stream.unused_data.lstrip(b"\0") or file.read(MIB)
    return b"".join(parts)


class _Packing(NamedTuple):
    read: Callable[[IO[bytes], int], bytes]
    pack: Callable[[bytes], bytes]


PACKINGS = {
    "": _Packing(_read_plain, bytes),
    ".gz": _Packing(_read_gzip, lambda data: gzip.compress(data, mtime=0)),
    ".xz": _Packing(_read_xz, lzma.compress),
}
"""Suffix of a packing -> how it is read, never beyond a limit, and written."""


def _recognised(path: Path) -> tuple[Format, _Packing]:
    endings = [ending.lower() for ending in path.suffixes]
    packing = endings.pop() if endings and endings[-1] in PACKINGS else ""
    suffix = endings[-1] if endings else ""
    return _row(suffix, path), PACKINGS[packing]


def _row(suffix: str, path: Path | None = None) -> Format:
    if suffix not in FORMATS:
        known = " ".join(FORMATS)
        raise FormatError(f"got suffix {suffix!r}, expected one of {known} (and .gz or .xz behind it)", path=path)
    return FORMATS[suffix]


def read(path: str | PathLike[str]) -> Circuit | TruthTable:
    """Read a file by its suffix.

    Raises:
        FormatError: an unknown suffix, a file that cannot be opened, unpacked or understood.
    """
    file = Path(path)
    row, packing = _recognised(file)
    if row.parse is None:
        raise FormatError(f"a {row.name} is written, never read; give another format", path=file)
    try:
        with file.open("rb") as stream:
            data = packing.read(stream, row.max_bytes + 1)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"cannot read: {reason}", path=file) from None
    return row.parse(data, str(file))


def read_circuit(path: str | PathLike[str]) -> Circuit:
    """Read a circuit; a complete truth table becomes a circuit of multiplexers, its don't-cares 0.

    Raises:
        FormatError: as :func:`read`; a sample of patterns defines no circuit.
    """
    found = read(path)
    if isinstance(found, Circuit):
        return found
    if not found.complete:
        raise FormatError(
            f"holds {found.patterns} sampled patterns, expected a circuit or a complete truth table; learn a circuit "
            "from it",
            path=path,
        )
    from circuits.rewrite import from_table

    return from_table(found)


def read_table(path: str | PathLike[str]) -> TruthTable:
    """Read a truth table; a circuit of at most 20 inputs is tabulated.

    Raises:
        FormatError: as :func:`read`; a circuit of more inputs.
    """
    found = read(path)
    if isinstance(found, TruthTable):
        return found
    from circuits.simulate import truth_table

    try:
        return truth_table(found)
    except TableError as error:
        raise FormatError(str(error), path=path) from None


def encode(obj: Circuit | TruthTable, suffix: str) -> bytes:
    """Return the bytes of a circuit or table in the format of ``suffix``.

    Raises:
        FormatError: an unknown suffix, or a format that cannot hold what is given.
    """
    row = _row(suffix)
    if isinstance(obj, Circuit):
        if row.write is None:
            raise FormatError(f"a {row.name} file cannot hold a circuit")
        return row.write(obj)
    if row.write_table is None:
        able = " ".join(s for s, f in FORMATS.items() if f.write_table)
        raise FormatError(f"a {row.name} file cannot hold a truth table; write {able}, or a circuit that computes it")
    return row.write_table(obj)


def write(obj: Circuit | TruthTable, path: str | PathLike[str]) -> None:
    """Write a circuit or table by the path's suffix, all of the file or nothing.

    Raises:
        FormatError: as :func:`encode`, or the file cannot be written.
    """
    file = Path(path)
    row, packing = _recognised(file)
    try:
        data = packing.pack(encode(obj, row.suffixes[0]))
    except FormatError as error:
        raise FormatError(error.message, path=file) from None
    _put(file, data)


def testbench(circuit: Circuit, patterns: int = 4096) -> bytes:
    """Return a Verilog test bench that checks itself, for the module that ``encode(circuit, ".v")`` is.

    It prints PASS, or FAIL with the first pattern that comes out wrong, and finishes. Every pattern is tried up to 12
    bits of input; beyond, ``patterns`` fixed and well mixed ones, words also at their extremes.
    """
    from circuits.formats import verilog_bench

    return verilog_bench.testbench(_named(circuit, FORMATS[".v"].naming or Naming()), patterns)


def write_testbench(circuit: Circuit, path: str | PathLike[str], patterns: int = 4096) -> None:
    """Write :func:`testbench` to a file, all of it or nothing.

    Raises:
        FormatError: the file is no ``.v``, or cannot be written.
    """
    file = Path(path)
    row, packing = _recognised(file)
    if row is not FORMATS[".v"]:
        raise FormatError("a test bench is Verilog, expected the suffix .v", path=file)
    _put(file, packing.pack(testbench(circuit, patterns)))


def _put(file: Path, data: bytes) -> None:
    try:
        _replace(Path(os.path.realpath(file)), data)
    except OSError as error:
        raise FormatError(f"cannot write: {error.strerror or error}", path=file) from None


def _replace(file: Path, data: bytes) -> None:
    """Put ``data`` under the name ``file`` in one step: written beside it, then renamed."""
    if file.exists() and not file.is_file():  # a device or a pipe is written in place; a folder refuses
        with file.open("wb") as stream:
            stream.write(data)
        return
    beside = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        beside.write_bytes(data)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
