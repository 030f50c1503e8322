"""Labelled samples to classify: bundled sets, idx images, CSV and NPZ files. DATASETS is the table of names.

Nothing is downloaded unless :func:`fetch_dataset` is called. Whatever is wrong with a file leaves here as a
:class:`~learn.errors.DataError` of one line, and every reader keeps below 2 GiB of memory.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import lzma
import math
import operator
import re
import zipfile
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.formats import PACKINGS
from learn.data.fetch import cache_dir, fetch
from learn.errors import DataError
from learn.keys import Key

FilePath = str | PathLike[str]

MIB = 1 << 20
SPLITS = ("train", "test", "all")
TEST_SHARE = 5
"""One sample in this many is a test sample, where a set has no test split of its own."""
MAX_FILE = 256 * MIB
"""The largest file that is read, unpacked."""
MAX_CELLS = 1 << 26
"""Samples times features, at most 512 MiB."""
MAX_SAMPLES = 1 << 22
"""It bounds the time: the shortest lines are read at about half a million a second."""
MAX_FEATURES = 1 << 16
MAX_CLASSES = 1 << 16
MAX_LABEL = 1000
"""Characters of a label."""
MAX_LABELS = 128 * MIB
"""Bytes of an array of labels: text is copied more than once when it is sorted."""
MAX_LINE = 4 * MIB
MAX_DIRECTORY = 64 * 1024
"""Bytes of the list of members in an .npz file; the library that reads it spends 20 times as much."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with one class each.

    Attributes:
        name: a name for reports.
        features: uint8, int64 or float64 (samples, features), all finite.
        labels: int64 (samples,) in 0..classes-1.
        feature_names: one a feature.
        class_names: one a class, at least two; a subset may hold no sample of some.
        image_shape: (height, width) where the features are the pixels of an image, row after row.

    Raises:
        DataError: a field that does not fit the others.
    """

    name: str
    features: NDArray[Any]
    labels: NDArray[np.int64]
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        features, labels = self.features, self.labels
        if features.dtype not in (np.uint8, np.int64, np.float64):
            raise DataError(f"features: got dtype {features.dtype}, expected uint8, int64 or float64")
        if features.ndim != 2 or not features.size:
            raise DataError(f"features: got shape {features.shape}, expected (samples, features), both at least 1")
        if labels.dtype != np.int64 or labels.shape != features.shape[:1]:
            raise DataError(
                f"labels: got {labels.dtype} of shape {labels.shape}, expected int64 of shape {features.shape[:1]}, "
                "one a sample"
            )
        if len(self.feature_names) != features.shape[1]:
            raise DataError(f"got {len(self.feature_names)} feature names, expected {features.shape[1]}")
        if len(self.class_names) < 2:
            raise DataError(f"got {len(self.class_names)} class, expected at least 2")
        if self.image_shape is not None and math.prod(self.image_shape) != features.shape[1]:
            raise DataError(f"image shape: got {self.image_shape}, expected {features.shape[1]} pixels")
        outside = (labels < 0) | (labels >= len(self.class_names))
        if outside.any():
            sample = int(outside.argmax())
            raise DataError(
                f"sample {sample}: label {labels[sample]} is out of range, expected 0..{len(self.class_names) - 1}"
            )
        if features.dtype == np.float64 and not (finite := np.isfinite(features)).all():
            sample, column = divmod(int(finite.argmin()), features.shape[1])
            raise DataError(
                f"sample {sample}, feature {column} ({self.feature_names[column]}): got {features[sample, column]}, "
                "expected a finite number; fill it in or leave the sample out"
            )

    @property
    def num_samples(self) -> int:
        """Number of samples."""
        return len(self.labels)

    @property
    def num_features(self) -> int:
        """Number of features."""
        return len(self.feature_names)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def subset(self, index: Any) -> Dataset:
        """Return the samples that ``index`` names: a slice, integers, or a bool for every sample; all else is kept.

        Raises:
            DataError: an index that names no sample, or one that is not there.
        """
        try:
            labels = self.labels[index]
            if labels.ndim != 1:
                raise IndexError("expected a slice or a vector of integers or bools")
            return replace(self, features=self.features[index], labels=labels)
        except IndexError as error:
            raise DataError(f"subset of {self.num_samples} samples: {error}") from None


def _order(key: Key, n: int) -> NDArray[np.int64]:
    """Return the numbers 0..n-1 shuffled."""
    return np.argsort(key.words(n), kind="stable")


def _stratified(whole: Dataset, split: str) -> Dataset:
    """Return a fixed fifth of every class, rounded, as the test split; the rest as the training split."""
    if split == "all":
        return whole
    held_out = np.zeros(whole.num_samples, bool)
    by_class = np.argsort(whole.labels, kind="stable")
    counts = np.bincount(whole.labels, minlength=whole.num_classes)
    for c, (count, end) in enumerate(zip(counts, np.cumsum(counts), strict=True)):
        chosen = _order(Key(0, ("split", c)), int(count))[: (2 * count + TEST_SHARE) // (2 * TEST_SHARE)]
        held_out[by_class[end - count + chosen]] = True
    if not held_out.any():
        raise DataError(
            f"{whole.num_samples} samples in {whole.num_classes} classes are too few for a test split, which takes one "
            f'in {TEST_SHARE} of each class; ask for split="all"'
        )
    return whole.subset(held_out if split == "test" else ~held_out)


def _bundled(name: str, split: str, data_dir: FilePath | None) -> Dataset:
    """Return a set that comes with scikit-learn; integer features become bytes (the pixels of digits)."""
    try:
        found = getattr(import_module("sklearn.datasets"), f"load_{name}")()
    except ImportError:
        raise DataError(
            f'data set {name}: it comes with scikit-learn, which is missing; pip install "gatewright[sklearn]"'
        ) from None
    shape = DATASETS[name].image_shape
    whole = Dataset(
        name,
        np.asarray(found.data, np.uint8 if shape else np.float64),
        np.asarray(found.target, np.int64),
        _pixel_names(shape) if shape else tuple(map(str, found.feature_names)),
        tuple(map(str, found.target_names)),
        shape,
    )
    return _stratified(whole, split)


MONK_VALUES = (3, 3, 2, 3, 4, 2)
"""How many values the attributes a1..a6 have, each counted from 1."""


class _Monk(NamedTuple):
    """One of MONK's problems (Thrun et al. 1991, The MONK's Problems, CMU-CS-91-197), with its published training set.

    Attributes:
        rule: what is true, of the columns a1..a6.
        train: which of the 432 samples are trained on, sample k bit k of a hexadecimal number (UCI, doi
            10.24432/C5R30R).
        wrong: the samples whose training labels are wrong.
    """

    rule: Callable[..., Any]
    train: str
    wrong: tuple[int, ...] = ()


_MONKS = {
    "monk1": _Monk(
        lambda a1, a2, a3, a4, a5, a6: (a1 == a2) | (a5 == 1),
        "aa00e18ea0854500230082810828090809032007209211014004e1ab201c48909840db30c5ea08da444438e00884b19602500c240030",
    ),
    "monk2": _Monk(
        lambda *a: sum((column == 1).astype(int) for column in a) == 2,
        "853501002035a12d3935063a8e04f92bea40b0259646b1238d19e9701190ab84496a081904a270986c3af35044fb7a020ad003445748",
    ),
    "monk3": _Monk(
        lambda a1, a2, a3, a4, a5, a6: ((a5 == 3) & (a4 == 1)) | ((a5 != 4) & (a2 != 3)),
        "a128034d806061022802104801a00482801585904a102d10403208b906a00240086803c340a0871160440d0d906f1c1033c88800895e",
        (4, 60, 202, 212, 213, 390),
    ),
}


def _monk(name: str, split: str, data_dir: FilePath | None) -> Dataset:
    row = _MONKS[name]
    features = np.indices(MONK_VALUES, np.uint8).reshape(len(MONK_VALUES), -1).T + np.uint8(1)
    names = tuple(f"a{k}" for k in range(1, len(MONK_VALUES) + 1))
    whole = Dataset(name, features.copy(), row.rule(*features.T).astype(np.int64), names, ("0", "1"))
    if split != "train":
        return whole
    labels = whole.labels.copy()
    labels[list(row.wrong)] ^= 1
    chosen = np.array([int(row.train, 16) >> k & 1 for k in range(whole.num_samples)], bool)
    return replace(whole, labels=labels).subset(chosen)


_IDX_UBYTE = 8
_IDX_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def _read_idx(data: bytes, dimensions: int) -> NDArray[np.uint8]:
    """Read an idx file of bytes: its magic number, big-endian sizes, then the values, the last dimension fastest."""
    magic = _IDX_UBYTE << 8 | dimensions
    if int.from_bytes(data[:4]) != magic or len(data) < 4:
        raise DataError(
            f"starts with 0x{data[:4].hex()}, expected the magic number 0x{magic:08x} of an idx file of bytes in "
            f"{dimensions} dimension{'s' * (dimensions > 1)}"
        )
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise DataError(f"ends within its header, after {len(data)} bytes; get the file again")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", dimensions, 4))
    if len(data) != start + math.prod(shape):
        sizes = " x ".join(map(str, shape))
        raise DataError(
            f"holds {len(data)} bytes, expected {start + math.prod(shape)} for {sizes} values; get the file again"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()  # a view of bytes cannot be written


def _idx_bytes(values: NDArray[np.uint8]) -> bytes:
    """Return what :func:`_read_idx` reads."""
    sizes = np.array(values.shape, ">u4").tobytes()
    return bytes((0, 0, _IDX_UBYTE, values.ndim)) + sizes + values.tobytes()


def _idx_set(name: str, split: str, data_dir: FilePath | None) -> Dataset:
    parts = [_idx_split(name, part, data_dir) for part in _IDX_FILES if split in (part, "all")]
    if len(parts) == 1:
        return parts[0]
    return replace(
        parts[0],
        features=np.concatenate([part.features for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
    )


def _idx_split(name: str, split: str, data_dir: FilePath | None) -> Dataset:
    row = DATASETS[name]
    images_file, labels_file = _idx_paths(name, split, data_dir)
    with _within(images_file):
        images = _read_idx(_unpacked(images_file, MAX_CELLS + 16), 3)
    with _within(labels_file):
        unpacked = _unpacked(labels_file, MAX_SAMPLES + 8)
        labels = _read_idx(unpacked, 1)
    of = hashlib.sha256(unpacked).hexdigest()
    others = [other for other, known in DATASETS.items() if of in known.checksum.values() and other != name]
    if others:  # their files have the same names
        raise DataError(f"{labels_file}: holds the labels of {others[0]}, expected those of {name}; give its folder")
    if images.shape[1:] != row.image_shape:
        got, wanted = ("{} x {}".format(*shape) for shape in (images.shape[1:], row.image_shape or ()))
        raise DataError(f"{images_file}: got images of {got}, expected {wanted} as {name} has")
    if len(images) != len(labels):
        raise DataError(f"{labels_file}: got {len(labels)} labels, expected {len(images)}, one an image")
    with _within(labels_file):
        return _enough(
            Dataset(
                name,
                images.reshape(len(images), row.features),
                labels.astype(np.int64),
                _pixel_names(images.shape[1:]),
                _CLASS_NAMES[name],
                row.image_shape,
            )
        )


def _idx_paths(name: str, split: str, data_dir: FilePath | None) -> list[Path]:
    """Return the files of the images and the labels, from the set's own subfolder before the folder itself."""
    wanted = _IDX_FILES[split]
    where = f"{DATASETS[name].origin}; expected files: {', '.join(wanted)}, each as it is or with .gz"
    if data_dir is None:
        if is_cached(name):
            return [cache_dir() / name / f"{stem}.gz" for stem in wanted]
        raise DataError(
            f"data set {name}: give data_dir, the folder of its files, or have them fetched by "
            f"gatewright data {name} --fetch. Get them from {where}"
        )
    own = dict.fromkeys((name, name.replace("_", "-")))
    folders = [*(Path(data_dir, folder) for folder in own), Path(data_dir)]
    for folder in folders:
        held = [[file for end in PACKINGS if _is_file(file := folder / f"{stem}{end}")] for stem in wanted]
        if all(held):
            return [files[0] for files in held]
        if any(held):
            missing = next(stem for stem, files in zip(wanted, held, strict=True) if not files)
            raise DataError(f"data set {name}: no {missing} or {missing}.gz in {folder}. Get it from {where}")
    raise DataError(
        f"data set {name}: no files for it in {data_dir} or its subfolder {' or '.join(own)}. Get them from {where}"
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _pixel_names(shape: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"pixel_{row}_{column}" for row in range(shape[0]) for column in range(shape[1]))


class _Samples(NamedTuple):
    """What a file holds: the fields of a Dataset."""

    features: NDArray[Any]
    labels: NDArray[np.int64]
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None = None


_DELIMITERS = "\t;,"
_QUOTED = re.compile('"[^"]*"')


def _read_csv(path: Path, label: str | int | None) -> _Samples:
    """Read lines of numbers with one column of labels.

    The first line is a header if none of its cells is a number, or if it has the name ``label``. Features are int64
    if every cell is an integer of 64 bits, float64 otherwise.
    """
    lines = _lines(_unpacked(path, MAX_FILE))
    number, first = next(lines, (0, ""))
    if not number:
        raise DataError("is empty, expected lines of numbers with a label each")
    outside = _QUOTED.sub("", first)
    delimiter = max(_DELIMITERS, key=outside.count)
    if delimiter not in outside:
        raise DataError(
            f"row {number} has one column, expected features and a label, with a comma, semicolon or tab between them"
        )
    cells = [cell.strip() for cell in _cells(first, delimiter, number)]
    if len(cells) > MAX_FEATURES + 1:
        raise DataError(f"got {len(cells)} columns, expected at most {MAX_FEATURES + 1}")
    headed = label in cells or not any(_number(cell) is not None for cell in cells)
    names = _header(cells, number) if headed else [f"x{k}" for k in range(len(cells))]
    at = _label_column(label, names, headed)
    reader = _Table(names, at)
    if not headed:
        reader.add(number, first, _cells(first, delimiter, number))
    for number, text in lines:
        reader.add(number, text, _cells(text, delimiter, number))
    return reader.samples()


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank with their numbers from 1, each decoded alone, so memory stays small."""
    stream = io.BytesIO(data)
    stream.seek(len(codecs.BOM_UTF8) * data.startswith(codecs.BOM_UTF8))
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE or number > MAX_SAMPLES:
            most = f"{MAX_SAMPLES} rows of {MAX_LINE // MIB} MiB"
            raise DataError(f"row {number} is too long or one too many, expected at most {most}")
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise DataError(f"row {number} is not UTF-8 text; save the file as UTF-8") from None
        if text.strip():
            yield number, text.rstrip("\r\n")


def _cells(text: str, delimiter: str, number: int) -> list[str]:
    """Return the cells of one line; a quoted cell ends on its line, so that no row grows beyond it."""
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=delimiter != "\t"))
    except csv.Error as error:
        raise DataError(f"row {number}: {error}; a quoted cell must be closed on its line") from None


def _header(cells: Sequence[str], number: int) -> list[str]:
    names = [cell or f"column{k}" for k, cell in enumerate(cells, 1)]
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise DataError(
            f"row {number}, read as a header, has the name {_short(name)} {times} times; expected different names, or "
            "numbers"
        )
    return names


def _label_column(label: str | int | None, names: Sequence[str], headed: bool) -> int:
    """Return the column of the labels: the last, or one given by name or by index, from the end if negative."""
    if label is None:
        return len(names) - 1
    if headed and label in names:
        return names.index(label)
    try:
        column = operator.index(label) if not isinstance(label, str) else int(label[:20])
    except (TypeError, ValueError):
        some = ", ".join(map(_short, names[:8])) + ", ..." * (len(names) > 8)
        columns = f"a column of {some}" if headed else "an index, for there is no header"
        raise DataError(f"label: got {_short(label)}, expected {columns}") from None
    if not -len(names) <= column < len(names):
        raise DataError(f"label: got column {column}, expected {-len(names)}..{len(names) - 1}")
    return column % len(names)


def _number(cell: str) -> int | float | None:
    """Return the number a cell says, or None: no underscores, no digits of other scripts."""
    if not cell.isascii() or "_" in cell:
        return None
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            pass
    return None


_KINDS: dict[str, tuple[tuple[str, type[int] | type[float]], ...]] = {
    "q": (("q", int), ("d", float)),
    "d": (("d", float),),
}
"""Type code of the rows so far -> type codes that a further row may have."""


class _Table:
    """The rows of a CSV file, gathered in flat arrays: a list of Python numbers would take four times the memory."""

    def __init__(self, names: Sequence[str], at: int) -> None:
        self.names, self.at = names, at
        self.numbers: array[Any] = array("q")
        self.labels = array("q")
        self.classes: dict[str, int] = {}

    def add(self, number: int, text: str, cells: list[str]) -> None:
        """Take the cells of line ``number``, which reads ``text``."""
        if len(cells) != len(self.names):
            raise DataError(f"row {number} has {len(cells)} cells, expected {len(self.names)} as in the first")
        if len(self.numbers) + len(self.labels) + len(cells) > MAX_CELLS:
            raise DataError(f"row {number}: expected at most {MAX_CELLS} cells in all")
        label = cells.pop(self.at).strip()
        if not label:
            raise DataError(f"{self._place(number, self.at)}: the label is missing")
        if len(label) > MAX_LABEL:
            raise DataError(f"{self._place(number, self.at)}: expected a label of at most {MAX_LABEL} characters")
        self.labels.append(self.classes.setdefault(label, len(self.classes)))
        if len(self.classes) > MAX_CLASSES:
            raise DataError(f"{self._place(number, self.at)}: expected at most {MAX_CLASSES} different labels")
        values = self._values(number, text, cells)
        if values.typecode != self.numbers.typecode:  # once, for from then on every row is read as floats
            self.numbers = array("d", self.numbers)
        self.numbers.extend(values)

    def _values(self, number: int, text: str, cells: Sequence[str]) -> array[Any]:
        """Return the numbers in the cells: integers if these and all before them are."""
        plain = text.isascii() and "_" not in text  # or int and float take what _number refuses
        for code, kind in _KINDS[self.numbers.typecode]:
            try:
                values = array(code, list(map(kind if plain else _strict(kind), cells)))
            except (ValueError, OverflowError):
                continue
            if code == "d" and not all(map(math.isfinite, values)):
                break
            return values
        for k, cell in enumerate(cells):
            value, column = _number(cell), k + (k >= self.at)
            if value is None:
                wrong = f"got {_short(cell)}, expected a number" if cell.strip() else "the cell is empty"
                advice = "text features are not read: write them as numbers, and leave out samples that lack one"
                raise DataError(f"{self._place(number, column)}: {wrong}; {advice}")
            if not math.isfinite(float(cell)):
                raise DataError(f"{self._place(number, column)}: got {_short(cell)}, expected a finite number")
        raise AssertionError("every cell is a finite number")

    def _place(self, number: int, column: int) -> str:
        return f"row {number}, column {column + 1} ({_short(self.names[column])})"

    def samples(self) -> _Samples:
        """Return what was gathered."""
        if not self.labels:
            raise DataError("has a header and no rows, expected numbers with a label each")
        class_names, classes = _classes(list(self.classes))
        features = np.frombuffer(self.numbers, np.dtype(self.numbers.typecode))
        labels = classes[np.frombuffer(self.labels, np.int64)]
        names = tuple(name for k, name in enumerate(self.names) if k != self.at)
        return _Samples(features.reshape(len(labels), len(names)), labels, names, class_names)


def _strict(kind: type[int] | type[float]) -> Callable[[str], int | float]:
    def number(cell: str) -> int | float:
        if _number(cell) is None:
            raise ValueError
        return kind(cell)

    return number


def _classes(labels: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the class names in order and the class of each of some different labels.

    Whole numbers are ordered as numbers (1 and 1.0 are one class), anything else as text.
    """
    values = [_number(label) for label in labels]
    numbers = [value for value in values if value is not None]
    if len(numbers) < len(labels):
        order = {name: c for c, name in enumerate(sorted(labels))}
        return tuple(order), np.array([order[label] for label in labels], np.int64)
    for label, value in zip(labels, numbers, strict=True):
        if not (abs(value) < math.inf and value == int(value)):
            raise DataError(f"got the label {_short(label)}, expected classes: whole numbers or text")
    place = {value: c for c, value in enumerate(sorted(set(map(int, numbers))))}
    return tuple(map(str, place)), np.array([place[int(value)] for value in numbers], np.int64)


_FEATURES = ("x", "X", "features")
_LABELS = ("y", "labels")
_NPY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _read_npz(path: Path, label: str | int | None) -> _Samples:
    """Read the arrays of features and of labels; ``label`` names the latter. Nothing is unpickled."""
    try:
        with path.open("rb") as file:
            _check_directory(file)
            with zipfile.ZipFile(file) as archive:
                names = [member.removesuffix(".npy") for member in archive.namelist()]
                features = _member(archive, names, _FEATURES, "biuf", 3)
                wanted = _LABELS if label is None else (str(label),)
                labels = _member(archive, names, wanted, "biufUS", 1)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror or error}") from None
    except Exception as error:  # zipfile and numpy meet hostile bytes with many kinds of exceptions
        raise DataError(f"is no sound .npz file: {_line(error)}; write it with numpy.savez") from None
    if features.ndim == 1:
        raise DataError(f"features: got shape {features.shape}, expected (samples, features)")
    if len(labels) != len(features):
        raise DataError(f"got {len(features)} samples and {len(labels)} labels, expected one label a sample")
    if not features.size or math.prod(features.shape[1:]) > MAX_FEATURES:
        raise DataError(f"features: got shape {features.shape}, expected 1..{MAX_FEATURES} features")
    different, found = np.unique(labels, return_inverse=True)
    if len(different) > MAX_CLASSES:
        raise DataError(f"labels: expected at most {MAX_CLASSES} different ones")
    class_names, classes = _classes(_texts(different))
    shape = features.shape[1:] if features.ndim == 3 else None
    features = features.reshape(len(features), -1)
    return _Samples(
        _plain(features),
        classes[found.reshape(-1)],
        _pixel_names(shape) if shape else tuple(f"x{k}" for k in range(features.shape[1])),
        class_names,
        shape,
    )


def _check_directory(file: IO[bytes]) -> None:
    """Refuse a long list of members before zipfile makes an object of each."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 42))
    tail = file.read()
    end = tail[-22:]
    if end[:4] != b"PK\5\6" or end[20:] != b"\0\0" or tail[:4] == b"PK\6\7":
        raise DataError("is no .npz file, which ends with a short list of its arrays; write it with numpy.savez")
    if int.from_bytes(end[12:16], "little") > MAX_DIRECTORY:
        raise DataError("holds too many arrays, expected one of features and one of labels")


def _member(
    archive: zipfile.ZipFile, held: Sequence[str], names: Sequence[str], kinds: str, dimensions: int
) -> NDArray[Any]:
    """Return the one array of the archive that has one of ``names``; its sizes are checked before it is unpacked."""
    found = [name for name in names if name in held]
    if len(found) != 1:
        some = ", ".join(map(_short, found or held[:8])) or "none"
        raise DataError(f"got arrays {some}, expected one named {' or '.join(names)}")
    name = found[0]
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others may ask for a huge dictionary
        raise DataError(f"array {name}: is packed in a way numpy.savez_compressed does not use")
    with archive.open(info) as member:
        read_header = _NPY_HEADERS.get(np.lib.format.read_magic(member))
        if read_header is None:
            raise DataError(f"array {name}: got an unknown version of the .npy format; write it with numpy.savez")
        shape, fortran, dtype = read_header(member)
        if dtype.hasobject:
            raise DataError(f"array {name}: holds Python objects, which are pickled; expected numbers or text")
        if dtype.kind not in kinds or (dtype.kind not in "US" and dtype.itemsize > 8):
            raise DataError(f"array {name}: got dtype {dtype}, expected numbers{' or text' * ('U' in kinds)}")
        if not 1 <= len(shape) <= dimensions:
            wanted = "(samples,)" if dimensions == 1 else "(samples, features) or (samples, height, width)"
            raise DataError(f"array {name}: got shape {shape}, expected {wanted}")
        bytes_wanted = math.prod(shape) * dtype.itemsize
        most = MAX_LABELS if dimensions == 1 else 8 * MAX_CELLS
        if math.prod(shape) > MAX_CELLS or shape[0] > MAX_SAMPLES or bytes_wanted > most:
            raise DataError(
                f"array {name}: got shape {shape} of {dtype}, expected at most {MAX_SAMPLES} samples, {MAX_CELLS} "
                f"numbers and {most // MIB} MiB"
            )
        if info.file_size - member.tell() != bytes_wanted:
            raise DataError(f"array {name}: its length is not that of shape {shape}; write it with numpy.savez")
        flat = np.frombuffer(bytearray(member.read()), dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _plain(features: NDArray[Any]) -> NDArray[Any]:
    """Return features as uint8 where they are bytes or bools, as int64 or float64 otherwise, row after row."""
    if features.dtype == np.uint64 and features.max() > np.iinfo(np.int64).max:
        raise DataError("features: got integers of 2^63 and more, expected int64 or floats")
    kept = {"b": np.uint8, "u": np.uint8 if features.itemsize == 1 else np.int64, "i": np.int64, "f": np.float64}
    return np.ascontiguousarray(features, kept[features.dtype.kind])


def _texts(labels: NDArray[Any]) -> list[str]:
    """Return labels as texts; bools as 0 and 1."""
    try:
        if labels.dtype.kind == "S":
            return [text.decode() for text in labels.tolist()]
        texts = [str(int(label) if isinstance(label, bool) else label) for label in labels.tolist()]
        for text in texts:
            text.encode()
    except (ValueError, SystemError):  # the latter for numbers that are no characters
        raise DataError("labels: some are no UTF-8 text") from None
    if "" in texts:
        raise DataError("labels: some are missing, that is empty")
    return texts


_FILES: dict[str, Callable[[Path, str | int | None], _Samples]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".npz": _read_npz,
}
"""Suffix -> reader; ``.gz`` and ``.xz`` may stand behind ``.csv`` and ``.tsv``."""


def _file(path: Path, label: str | int | None) -> Dataset:
    endings = [ending.lower() for ending in path.suffixes]
    packing = endings.pop() if endings and endings[-1] in PACKINGS else ""
    read = _FILES.get(endings[-1]) if endings else None
    if read is None or (packing and read is _read_npz):
        raise DataError(
            f"data set {_short(str(path))}: expected one of {', '.join(DATASETS)}, or a file with the suffix "
            f"{', '.join(_FILES)} (.gz or .xz may stand behind .csv and .tsv)"
        )
    with _within(path):
        return _enough(Dataset(path.name.split(".")[0], *read(path, label)))


def _unpacked(path: Path, limit: int) -> bytes:
    """Return the bytes of a file, unpacked if its name ends so."""
    packing = PACKINGS.get(path.suffix.lower(), PACKINGS[""])
    try:
        with path.open("rb") as stream:
            data = packing.read(stream, limit + 1)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"cannot read: {getattr(error, 'strerror', None) or _line(error)}") from None
    if len(data) > limit:
        raise DataError(f"holds more than {limit / MIB:.0f} MiB, the most that is read")
    return data


@contextmanager
def _within(path: Path) -> Iterator[None]:
    """Lead the errors of what is read with the path."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _enough(whole: Dataset) -> Dataset:
    """Return a set as it was read, if there is something to tell apart."""
    if whole.num_samples < whole.num_classes:
        raise DataError(f"got {whole.num_samples} samples, fewer than the {whole.num_classes} classes")
    if (whole.labels == whole.labels[0]).all():
        raise DataError(f"every sample has class {whole.class_names[whole.labels[0]]}, expected at least two classes")
    return whole


def _short(text: object) -> str:
    """Return a text as a message shows it: on one line, its beginning only."""
    shown = repr(text)
    return shown if len(shown) <= 40 else f"{shown[:36]}..."


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


class Source(NamedTuple):
    """One row of the table of data sets.

    Attributes:
        description: what is to be told apart, for a person.
        origin: where the data is from, or can be had.
        licence: of the data.
        samples: how many samples there are in all.
        train: how many are in the training split.
        test: how many are in the test split; both overlap where ``samples`` is not their sum.
        features: how many features a sample has.
        classes: how many classes there are.
        image_shape: (height, width) where a sample is an image.
        loader: ``loader(split, data_dir)``: the samples of a split.
        checksum: file name without .gz -> sha256 of the file, unpacked; see :func:`verified`.
        mirrors: addresses of folders that hold these files with .gz; see :func:`fetch_dataset`.
    """

    description: str
    origin: str
    licence: str
    samples: int
    train: int
    test: int
    features: int
    classes: int
    image_shape: tuple[int, int] | None
    loader: Callable[[str, FilePath | None], Dataset]
    checksum: Mapping[str, str] = {}
    mirrors: tuple[str, ...] = ()


_SPLIT_HERE = "test: a fifth of each class, drawn here"
_MONK_SPLIT = "test: all 432; train: the published set"
_CLASS_NAMES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
}

DATASETS: dict[str, Source] = {
    "iris": Source(
        f"three species of iris by the sizes of their flowers; {_SPLIT_HERE}", "scikit-learn", "CC BY 4.0 (UCI)",
        150, 120, 30, 4, 3, None, partial(_bundled, "iris"),
    ),
    "digits": Source(
        f"handwritten digits in 8 x 8 pixels of 0..16; {_SPLIT_HERE}", "scikit-learn", "CC BY 4.0 (UCI)",
        1797, 1438, 359, 64, 10, (8, 8), partial(_bundled, "digits"),
    ),
    "breast_cancer": Source(
        f"malignant and benign tumours by the shapes of cell nuclei; {_SPLIT_HERE}", "scikit-learn", "CC BY 4.0 (UCI)",
        569, 456, 113, 30, 2, None, partial(_bundled, "breast_cancer"),
    ),
    "wine": Source(
        f"three cultivars by the chemistry of their wines; {_SPLIT_HERE}", "scikit-learn", "CC BY 4.0 (UCI)",
        178, 142, 36, 13, 3, None, partial(_bundled, "wine"),
    ),
    "monk1": Source(
        f"MONK's problem 1: a1 = a2 or a5 = 1; {_MONK_SPLIT}", "its definition and UCI", "CC BY 4.0 (UCI)",
        432, 124, 432, 6, 2, None, partial(_monk, "monk1"),
    ),
    "monk2": Source(
        f"MONK's problem 2: exactly two of a1..a6 are 1; {_MONK_SPLIT}", "its definition and UCI", "CC BY 4.0 (UCI)",
        432, 169, 432, 6, 2, None, partial(_monk, "monk2"),
    ),
    "monk3": Source(
        "MONK's problem 3: a5 = 3 and a4 = 1, or a5 is not 4 and a2 is not 3; 6 of the training labels are wrong; "
        f"{_MONK_SPLIT}", "its definition and UCI", "CC BY 4.0 (UCI)",
        432, 122, 432, 6, 2, None, partial(_monk, "monk3"),
    ),
    "mnist": Source(
        "handwritten digits in 28 x 28 grey pixels; idx files in data_dir",
        "https://ossci-datasets.s3.amazonaws.com/mnist/", "CC BY-SA 3.0",
        70_000, 60_000, 10_000, 784, 10, (28, 28), partial(_idx_set, "mnist"),
        {
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    ),
    "fashion_mnist": Source(
        "ten kinds of clothes in 28 x 28 grey pixels; idx files in data_dir",
        "https://github.com/zalandoresearch/fashion-mnist or the Debian package dataset-fashion-mnist", "MIT",
        70_000, 60_000, 10_000, 784, 10, (28, 28), partial(_idx_set, "fashion_mnist"),
        {
            "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
    ),
}  # fmt: skip
"""Data sets by name."""


def load_dataset(
    name_or_path: FilePath, *, split: str = "train", data_dir: FilePath | None = None, label: str | int | None = None
) -> Dataset:
    """Load a data set of the table, or a file.

    Args:
        name_or_path: a name of ``DATASETS``; or a file .csv or .tsv (also with .gz or .xz) whose columns are split by
            comma, semicolon or tab; or an .npz with arrays x, X or features, of shape (samples, features) or
            (samples, height, width), and y or labels.
        split: "train", "test" or "all". A set without a test split of its own, a file among them, is split in a fixed
            way: a fifth of each class, rounded, is the test split.
        data_dir: the folder of idx files, for the sets that are read from some: that folder or its subfolder of the
            set's name; by default what :func:`fetch_dataset` has fetched.
        label: for a file, the column of the labels by its name or index (default the last), or the name of the array.

    Raises:
        DataError: an unknown name or split, files that are missing, or a file that cannot be read as a data set.
    """
    if split not in SPLITS:
        raise DataError(f"split: got {_short(split)}, expected one of {', '.join(SPLITS)}")
    row = DATASETS.get(name_or_path) if isinstance(name_or_path, str) else None
    if row is None:
        path = Path(name_or_path)
        whole = _file(path, label)
        with _within(path):
            return _stratified(whole, split)
    if label is not None:
        raise DataError(f"data set {name_or_path}: its labels are known; a label is given for a file only")
    return row.loader(split, data_dir)


def is_cached(name: str) -> bool:
    """Tell whether a set of the table can be had without ``data_dir``: it needs no files, or they were fetched."""
    return all(_is_file(cache_dir() / name / f"{file}.gz") for file in DATASETS[name].checksum)


def fetch_dataset(name: str) -> Path:
    """Fetch the files of a data set, those that are not there yet, each with the checksum of the table.

    Returns:
        the folder they are in, ``NAME`` in :func:`~learn.data.fetch.cache_dir`.

    Raises:
        DataError: a name without files to fetch, or no mirror that gives them.
    """
    row = DATASETS.get(name)
    if row is None or not row.mirrors:
        known = ", ".join(other for other, source in DATASETS.items() if source.mirrors)
        raise DataError(f"data set {_short(name)}: has no files to fetch, expected one of {known}")
    folder = cache_dir() / name
    try:
        for file, checksum in row.checksum.items():
            fetch(file, row.mirrors, folder, checksum)
    except DataError as error:
        raise DataError(f"data set {name}: {error}; or give data_dir, a folder that holds it") from None
    return folder


def verified(dataset: Dataset) -> bool:
    """Tell whether a set read from idx files is the one published under its name, by the checksums of the table.

    Raises:
        DataError: a set without checksums.
    """
    row = DATASETS.get(dataset.name)
    if row is None or not row.checksum or dataset.image_shape is None:
        known = ", ".join(name for name, other in DATASETS.items() if other.checksum)
        raise DataError(f"data set {_short(dataset.name)}: has no checksum, expected one of {known}")
    both = dataset.num_samples == row.samples
    parts = [slice(0, row.train), slice(row.train, None)] if both else [slice(None)]
    found = {
        hashlib.sha256(_idx_bytes(values.astype(np.uint8))).hexdigest()
        for part in parts
        for values in (dataset.features[part].reshape(-1, *dataset.image_shape), dataset.labels[part])
    }
    return found <= set(row.checksum.values())
