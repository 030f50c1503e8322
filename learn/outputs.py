"""Write one circuit or table to several files: refused before the work if they cannot be, each whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from circuits.circuit import Circuit
from circuits.draw import FORMATS as PICTURES
from circuits.draw import Frame, View, draw
from circuits.errors import FormatError, GatewrightError
from circuits.formats import FORMATS, write
from circuits.rewrite import from_table
from circuits.table import TruthTable

_PACKED = (".gz", ".xz")
NOTHING = View()


def _suffix(path: Path) -> str:
    """Return the ending that picks the format, the packing's left out."""
    endings = [ending.lower() for ending in path.suffixes]
    if len(endings) > 1 and endings[-1] in _PACKED and endings[-2] in FORMATS:
        endings.pop()
    return endings[-1] if endings else ""


def is_picture(path: Path) -> bool:
    """Tell whether a file name means a picture rather than a circuit or a table."""
    suffix = _suffix(path)
    return suffix not in FORMATS and suffix.removeprefix(".") in PICTURES


def _holds_words(path: Path) -> bool:
    return is_picture(path) or FORMATS[_suffix(path)].words


def check_outputs(paths: Sequence[Path], *, pictures_only: bool = False) -> None:
    """Refuse files that could not be written, before any work is done for them.

    Raises:
        FormatError: an unknown suffix, a folder that is not there or not writable, or one file given twice.
    """
    known = [f".{picture}" for picture in PICTURES]
    if not pictures_only:
        known = list(dict.fromkeys([*FORMATS, *known]))
    for path in paths:
        if (suffix := _suffix(path)) not in known:
            raise FormatError(f"got suffix {suffix!r}, expected one of {' '.join(known)}", path=path)
    check_places(paths)


def check_places(paths: Sequence[Path]) -> None:
    """Refuse files that could not be written, whatever their format.

    Raises:
        FormatError: a folder that is not there or not writable, or one file given twice.
    """
    seen: set[Path] = set()
    for path in paths:
        place = Path(os.path.realpath(path))
        if place in seen:
            raise FormatError("is given twice as an output; give each file once", path=path)
        seen.add(place)
        if path.is_dir():
            raise FormatError("is a folder, expected a file to write", path=path)
        try:
            with tempfile.TemporaryFile(dir=place.parent):
                pass
        except OSError as error:
            raise _unwritable(path, error) from None


def write_all(
    found: Circuit | TruthTable,
    paths: Sequence[Path],
    *,
    bits: Circuit | None = None,
    view: View = NOTHING,
    frames: Sequence[Frame] = (),
) -> list[Path]:
    """Write ``found`` to every file, the suffix picking the format; a table becomes a circuit where it has to.

    All files are made beside their places first and put there together at the end.

    Args:
        found: what to write.
        paths: where.
        bits: the same circuit as gates of bits, for the formats without words; by default it is made for each.
        view: what pictures show beside the circuit.
        frames: what a page replays.

    Returns:
        the files written.

    Raises:
        FormatError: a file that cannot be made; those that can are written all the same, for what was found may have
            taken hours.
        ToolError: as for FormatError, where drawing fails.
    """
    staged: list[tuple[Path, Path, Path]] = []
    failure: GatewrightError | None = None
    with ExitStack() as folders:
        for path in paths:
            place = Path(os.path.realpath(path))
            try:
                beside = tempfile.TemporaryDirectory(dir=place.parent, prefix=".gatewright-")
                made = Path(folders.enter_context(beside)) / place.name
                _write_one(found if bits is None or _holds_words(path) else bits, made, path, view, frames)
                staged.append((path, made, place))
            except FormatError as error:
                failure = failure or FormatError(error.message, path=path)
            except OSError as error:
                failure = failure or _unwritable(path, error)
            except GatewrightError as error:
                failure = failure or error
        for path, made, place in staged:
            try:
                made.replace(place)
            except OSError as error:
                failure = failure or _unwritable(path, error)
    if failure:
        raise failure
    return [path for path, _, _ in staged]


def put(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        FormatError: it cannot be written.
    """
    place = Path(os.path.realpath(path))
    try:
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".gatewright-") as folder:
            made = Path(folder) / place.name
            made.write_bytes(data)
            made.replace(place)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> FormatError:
    return FormatError(f"cannot be written: {error.strerror or error}", path=path)


def _write_one(found: Circuit | TruthTable, staged: Path, path: Path, view: View, frames: Sequence[Frame]) -> None:
    picture = is_picture(path)
    if isinstance(found, TruthTable) and (picture or FORMATS[_suffix(path)].write_table is None):
        if not found.complete:
            raise FormatError(
                f"{found.name!r} is a sample of {found.patterns} patterns, which defines no circuit; learn one from it"
            )
        found = from_table(found)
    if picture:
        assert isinstance(found, Circuit)
        draw(found, staged, view=view, frames=frames)
    else:
        write(found, staged)
