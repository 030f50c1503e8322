"""Labelled data sets: the table, the fixed splits, every reader and every complaint; mutated files do no harm."""

import gzip
import io
import itertools
import lzma
import threading
import time
import zipfile
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learn.data import DATASETS, Dataset, fetch_dataset, is_cached, load_dataset, verified
from learn.data import datasets as module
from learn.data.fetch import cache_dir
from learn.errors import DataError
from learn.keys import Key

IDX = ("mnist", "fashion_mnist")
MONKS = ("monk1", "monk2", "monk3")
BUNDLED = tuple(name for name in DATASETS if name not in (*IDX, *MONKS))
SPLITS = ("train", "test", "all")


def complaint(*args, **options):
    """Return the one line that loading is refused with."""
    with pytest.raises(DataError) as caught:
        load_dataset(*args, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def small(n=6, classes=2, **changes):
    values = {
        "name": "small",
        "features": np.arange(n * 2, dtype=np.int64).reshape(n, 2),
        "labels": np.arange(n) % classes,
        "feature_names": ("a", "b"),
        "class_names": tuple(map(str, range(classes))),
    }
    return Dataset(**values | changes)


# Dataset


def test_sizes_and_subsets():
    data = small(classes=3)
    assert (data.num_samples, data.num_features, data.num_classes) == (6, 2, 3)
    for index in (slice(1, 3), [1, 2], np.array([False, True, True, False, False, False])):
        part = data.subset(index)
        assert part.features.tolist() == [[2, 3], [4, 5]]
        assert part.labels.tolist() == [1, 2]
        assert (part.class_names, part.feature_names, part.name) == (data.class_names, data.feature_names, data.name)


@pytest.mark.parametrize("index", [[6], 0, [], [True], "a", slice(3, 3), None, (0, 1), [0.5]])
def test_a_bad_index_is_refused(index):
    with pytest.raises(DataError):
        small().subset(index)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"features": np.zeros((6, 2), np.float32)}, "dtype float32, expected uint8, int64 or float64"),
        ({"features": np.zeros(6)}, r"shape \(6,\), expected \(samples, features\)"),
        ({"features": np.zeros((6, 0))}, r"shape \(6, 0\)"),
        ({"labels": np.zeros(6, np.uint8)}, "uint8 of shape"),
        ({"labels": np.zeros(5, np.int64)}, r"expected int64 of shape \(6,\)"),
        ({"labels": np.array([0, 1, 0, 2, 0, 0])}, r"sample 3: label 2 is out of range, expected 0\.\.1"),
        ({"labels": np.array([0, 1, 0, -1, 0, 0])}, "sample 3: label -1 is out of range"),
        ({"feature_names": ("a",)}, "got 1 feature names, expected 2"),
        ({"class_names": ("a",), "labels": np.zeros(6, np.int64)}, "got 1 class, expected at least 2"),
        ({"image_shape": (3, 1)}, r"got \(3, 1\), expected 2 pixels"),
        ({"features": np.array([[1, 2], [3, np.nan]] * 3)}, r"sample 1, feature 1 \(b\): got nan, expected a finite"),
        ({"features": np.array([[1, 2], [-np.inf, 2]] * 3)}, r"sample 1, feature 0 \(a\): got -inf"),
    ],
)
def test_fields_that_do_not_fit(changes, text):
    with pytest.raises(DataError, match=text):
        small(**changes)


# The table


@pytest.mark.parametrize("name", [*BUNDLED, *MONKS])
def test_a_row_says_what_is_loaded(name):
    if name in BUNDLED:
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    row = DATASETS[name]
    for split, count in zip(SPLITS, (row.train, row.test, row.samples), strict=True):
        data = load_dataset(name, split=split)
        assert (data.name, data.num_samples, data.num_features) == (name, count, row.features)
        assert (data.num_classes, data.image_shape) == (row.classes, row.image_shape)
        assert data.features.dtype == (np.uint8 if name in MONKS or row.image_shape else np.float64)
        assert set(data.labels.tolist()) == set(range(row.classes))
        again = load_dataset(name, split=split)
        assert np.array_equal(data.features, again.features)
        assert np.array_equal(data.labels, again.labels)


@pytest.mark.parametrize("name", DATASETS)
def test_a_row_is_complete(name):
    row = DATASETS[name]
    assert row.description
    assert row.origin
    assert row.licence
    assert all(len(sum_) == 64 for sum_ in row.checksum.values())
    assert (name in IDX) == (len(row.checksum) == 4)


def test_without_scikit_learn_the_line_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", missing)
    assert 'pip install "gatewright[sklearn]"' in complaint("iris")


@pytest.mark.parametrize("name", BUNDLED)
def test_the_split_is_by_class_and_covers_all(name):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    train, test, whole = (load_dataset(name, split=split) for split in SPLITS)
    counts = [np.bincount(part.labels, minlength=whole.num_classes) for part in (train, test, whole)]
    assert (counts[0] + counts[1]).tolist() == counts[2].tolist()
    assert abs(counts[1] - counts[2] / 5).max() <= 0.5
    rows = np.concatenate([train.features, test.features])
    assert sorted(map(bytes, rows)) == sorted(map(bytes, whole.features))


@given(st.lists(st.integers(0, 3), min_size=30, max_size=200))
def test_a_stratified_split(labels):
    n = len(labels)
    features = np.arange(n, dtype=np.int64)[:, None]
    whole = Dataset("drawn", features, np.array(labels), ("i",), tuple("abcd"))
    train, test = (module._stratified(whole, split) for split in ("train", "test"))
    assert sorted([*train.features[:, 0], *test.features[:, 0]]) == list(range(n))
    for c in range(4):
        assert (test.labels == c).sum() == int(labels.count(c) / 5 + 0.5)


ORACLES = {
    "monk1": lambda a: a[0] == a[1] or a[4] == 1,
    "monk2": lambda a: sum(value == 1 for value in a) == 2,
    "monk3": lambda a: (a[4] == 3 and a[3] == 1) or (a[4] != 4 and a[1] != 3),
}


@pytest.mark.parametrize(("name", "train", "flipped"), [("monk1", 124, 0), ("monk2", 169, 0), ("monk3", 122, 6)])
def test_monks_problems_by_their_definitions(name, train, flipped):
    combinations = list(itertools.product(*(range(1, count + 1) for count in (3, 3, 2, 3, 4, 2))))
    for split in ("test", "all"):
        data = load_dataset(name, split=split)
        assert list(map(tuple, data.features.tolist())) == combinations
        assert data.labels.tolist() == [ORACLES[name](a) for a in combinations]
    data = load_dataset(name)
    assert len(set(map(tuple, data.features.tolist()))) == data.num_samples == train
    wrong = sum(label != ORACLES[name](a) for a, label in zip(data.features.tolist(), data.labels, strict=True))
    assert wrong == flipped
    assert data.feature_names == ("a1", "a2", "a3", "a4", "a5", "a6")


def test_the_published_training_sets_of_monks_problems():
    counts = [np.bincount(load_dataset(name).labels).tolist() for name in MONKS]
    assert counts == [[62, 62], [105, 64], [62, 60]]
    # The first and the last line of each file.
    ends = [[load_dataset(name).features[k].tolist() for k in (0, -1)] for name in MONKS]
    assert ends == [
        [[1, 1, 1, 1, 3, 1], [3, 3, 2, 3, 4, 2]],
        [[1, 1, 1, 1, 2, 2], [3, 3, 2, 3, 4, 2]],
        [[1, 1, 1, 1, 1, 2], [3, 3, 2, 3, 4, 2]],
    ]


def test_the_sizes_of_monks_classes_are_those_published():
    counts = [np.bincount(load_dataset(name, split="test").labels).tolist() for name in MONKS]
    assert counts == [[216, 216], [290, 142], [204, 228]]


@pytest.mark.parametrize(("name", "text"), [("nothing", "iris, digits"), ("a.pla", ".csv, .tsv, .npz"), ("", "iris")])
def test_an_unknown_name_says_what_is_known(name, text):
    assert text in complaint(name)


def test_bad_options():
    assert "got 'valid', expected one of train, test, all" in complaint("monk1", split="valid")
    assert "a label is given for a file only" in complaint("monk1", label="y")


# idx files


def idx(values):
    values = np.asarray(values, np.uint8)
    sizes = b"".join(size.to_bytes(4) for size in values.shape)
    return bytes((0, 0, 8, values.ndim)) + sizes + values.tobytes()


def images(n):
    return np.arange(n * 784).reshape(n, 28, 28) % 251


FILES = {
    "train-images-idx3-ubyte": idx(images(30)),
    "train-labels-idx1-ubyte": idx(np.arange(30) % 10),
    "t10k-images-idx3-ubyte": idx(images(20) + 1),
    "t10k-labels-idx1-ubyte": idx(np.arange(20) % 10),
}
PACKERS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}


def put(folder, packing="", **changed):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in FILES.items():
        data = changed.get(name.split("-idx")[0].replace("-", "_"), data)
        if data is not None:
            (folder / f"{name}{packing}").write_bytes(PACKERS[packing](data))
    return folder


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize(("name", "folder"), [("mnist", "."), ("mnist", "mnist"), ("fashion_mnist", "fashion-mnist")])
def test_idx_files(tmp_path, name, folder, packing):
    put(tmp_path / folder, packing)
    train, test, whole = (load_dataset(name, split=split, data_dir=tmp_path) for split in SPLITS)
    assert train.features.tolist() == images(30).reshape(30, 784).tolist()
    assert test.labels.tolist() == [*range(10)] * 2
    assert whole.features.tolist() == [*train.features.tolist(), *test.features.tolist()]
    assert train.features.dtype == np.uint8
    assert train.features.flags.writeable  # torch warns of arrays that are not
    assert (train.image_shape, train.num_classes) == ((28, 28), 10)
    assert train.feature_names[29] == "pixel_1_1"


def test_files_of_another_set_are_not_taken_for_this_one(tmp_path, monkeypatch):
    """Sets of images have files of the same names; what their labels hold tells them apart."""
    labels = sha256(FILES["train-labels-idx1-ubyte"]).hexdigest()
    known = DATASETS["mnist"]._replace(checksum={"train-labels-idx1-ubyte": labels})
    monkeypatch.setitem(DATASETS, "mnist", known)
    put(tmp_path)
    assert load_dataset("mnist", data_dir=tmp_path).num_samples == 30
    line = complaint("fashion_mnist", data_dir=tmp_path)
    assert "train-labels-idx1-ubyte: holds the labels of mnist, expected those of fashion_mnist" in line


def test_the_subfolder_of_the_name_goes_first(tmp_path):
    put(tmp_path)
    put(tmp_path / "fashion_mnist", train_labels=idx(np.arange(30) % 10)[::1], train_images=idx(images(30) * 0))
    assert load_dataset("fashion_mnist", data_dir=tmp_path).features.max() == 0
    assert load_dataset("mnist", data_dir=tmp_path).features.max() == 250


@pytest.mark.parametrize("name", IDX)
def test_missing_files_say_where_to_get_them(tmp_path, monkeypatch, name):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    for line in (complaint(name), complaint(name, data_dir=tmp_path), complaint(name, data_dir=tmp_path / "no")):
        assert "https://" in line
        assert "train-images-idx3-ubyte, train-labels-idx1-ubyte" in line
    put(tmp_path, train_labels=None)
    assert "no train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz in" in complaint(name, data_dir=tmp_path)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"train_images": b""}, "starts with 0x, expected the magic number 0x00000803"),
        ({"train_images": gzip.compress(b"x")}, "starts with 0x1f8b"),
        ({"train_images": FILES["train-labels-idx1-ubyte"]}, "starts with 0x00000801, expected"),
        ({"train_images": FILES["train-images-idx3-ubyte"][:11]}, "ends within its header, after 11 bytes"),
        ({"train_images": FILES["train-images-idx3-ubyte"][:-1]}, "holds 23535 bytes, expected 23536 for 30 x 28 x 28"),
        ({"train_images": FILES["train-images-idx3-ubyte"] + b"x"}, "holds 23537 bytes, expected 23536"),
        ({"train_images": idx(np.zeros((30, 28, 27)))}, "got images of 28 x 27, expected 28 x 28"),
        ({"train_images": idx(images(0))}, "got 30 labels, expected 0, one an image"),
        ({"train_images": b"\0\0\x08\3" + b"\xff" * 12}, "holds 16 bytes, expected"),
        ({"train_labels": idx(np.arange(29) % 10)}, "got 29 labels, expected 30, one an image"),
        ({"train_labels": idx(np.arange(30) % 11)}, r"sample 10: label 10 is out of range, expected 0\.\.9"),
        ({"train_labels": idx([3] * 30)}, "every sample has class 3, expected at least two classes"),
        ({"train_images": idx(images(9)), "train_labels": idx(np.arange(9))}, "9 samples, fewer than the 10 classes"),
        ({"train_images": idx(images(0)), "train_labels": idx(np.zeros(0))}, "both at least 1"),
    ],
)
def test_bad_idx_files(tmp_path, changed, text):
    line = complaint("mnist", data_dir=put(tmp_path, **changed))
    assert line.startswith(str(tmp_path))
    with pytest.raises(DataError, match=text):
        load_dataset("mnist", data_dir=tmp_path)


def test_a_broken_gzip_file(tmp_path):
    put(tmp_path, ".gz")
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-40])
    assert "cannot read: Compressed file ended" in complaint("mnist", data_dir=tmp_path)


def test_what_is_verified(tmp_path, monkeypatch):
    put(tmp_path)
    parts = [load_dataset("mnist", split=split, data_dir=tmp_path) for split in SPLITS]
    assert [verified(part) for part in parts] == [False] * 3
    sums = {name: sha256(data).hexdigest() for name, data in FILES.items()}
    row = DATASETS["mnist"]._replace(samples=50, train=30, test=20, checksum=sums)
    monkeypatch.setitem(DATASETS, "mnist", row)
    assert [verified(part) for part in parts] == [True] * 3
    parts[2].features[40, 3] ^= 1
    assert not verified(parts[2])
    with pytest.raises(DataError, match="has no checksum, expected one of mnist, fashion_mnist"):
        verified(load_dataset("monk1"))


# Fetching


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """Serve a folder; make it the one mirror of mnist, behind one that is not there."""
    folder, cache = tmp_path / "served", tmp_path / "cache"
    put(folder, ".gz")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    port = server.server_address[1]
    row = DATASETS["mnist"]._replace(
        checksum={name: sha256(data).hexdigest() for name, data in FILES.items()},
        mirrors=(f"http://127.0.0.1:{port}/gone/", f"http://127.0.0.1:{port}/"),
    )
    monkeypatch.setitem(DATASETS, "mnist", row)
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *said):
        pass


def test_files_are_fetched_once(mirror, tmp_path):
    assert "or have them fetched by gatewright data mnist --fetch" in complaint("mnist")
    assert not is_cached("mnist")
    folder = fetch_dataset("mnist")
    assert folder == cache_dir() / "mnist" == tmp_path / "cache" / "gatewright" / "mnist"
    assert is_cached("mnist")
    for split, count in zip(SPLITS, (30, 20, 50), strict=True):
        assert load_dataset("mnist", split=split).num_samples == count
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.gz" for name in FILES)
    for path in mirror.iterdir():
        path.unlink()
    assert fetch_dataset("mnist") == folder  # nothing is asked for again


@pytest.mark.parametrize(
    ("served", "text"),
    [
        (gzip.compress(FILES["t10k-labels-idx1-ubyte"][:-1]), "has the SHA-256 "),
        (gzip.compress(FILES["t10k-labels-idx1-ubyte"])[:-9], "is truncated"),
        (b"<html>", "is no gzip file"),
        (b"", "is truncated"),
        (gzip.compress(bytes(70 << 20)), "holds more than 64 MiB"),
    ],
    ids=["changed", "truncated", "page", "empty", "bomb"],
)
def test_a_wrong_file_is_not_kept(mirror, served, text):
    (mirror / "t10k-labels-idx1-ubyte.gz").write_bytes(served)
    with pytest.raises(DataError) as caught:
        fetch_dataset("mnist")
    line = str(caught.value)
    assert line.startswith("data set mnist: cannot fetch t10k-labels-idx1-ubyte: http://127.0.0.1:")
    assert "File not found" in line
    assert text in line
    assert line.endswith("; or give data_dir, a folder that holds it")
    assert "\n" not in line
    assert not is_cached("mnist")
    left = sorted(path.name for path in (cache_dir() / "mnist").iterdir())
    assert left == sorted(f"{name}.gz" for name in FILES if not name.startswith("t10k-labels"))
    (mirror / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(FILES["t10k-labels-idx1-ubyte"]))
    assert load_dataset("mnist", data_dir=fetch_dataset("mnist")).num_samples == 30


def test_a_file_in_the_cache_that_is_damaged_is_fetched_again(mirror):
    folder = fetch_dataset("mnist")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"x")
    fetch_dataset("mnist")
    assert load_dataset("mnist", split="test").num_samples == 20


def test_a_mirror_that_cannot_be_reached_or_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for address, text in (("http://127.0.0.1:9/", "refused"), ("nowhere/", "unknown url type")):
        monkeypatch.setitem(DATASETS, "mnist", DATASETS["mnist"]._replace(mirrors=(address,)))
        with pytest.raises(DataError, match=rf"cannot fetch train-images-idx3-ubyte: {address}.*: .*{text}"):
            fetch_dataset("mnist")
    (tmp_path / "gatewright" / "mnist").rmdir()
    (tmp_path / "gatewright").rmdir()
    (tmp_path / "gatewright").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be written: (Not a directory|File exists)"):
        fetch_dataset("mnist")
    with pytest.raises(DataError, match=r"^data set 'iris': has no files to fetch, expected one of mnist"):
        fetch_dataset("iris")


def test_the_cache_is_where_xdg_says(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("relative", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", folder)
        assert cache_dir() == tmp_path / ".cache" / "gatewright"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == tmp_path / ".cache" / "gatewright"


# CSV


def csv(tmp_path, text, name="some.csv"):
    path = tmp_path / name
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(PACKERS[path.suffix if path.suffix in PACKERS else ""](data))
    return path


def read(tmp_path, text, name="some.csv", label=None):
    return load_dataset(csv(tmp_path, text, name), split="all", label=label)


def test_csv_with_a_header(tmp_path):
    data = read(tmp_path, "width,height,kind\n1,2,cat\n3,4,ant\n-5,+6,cat\n")
    assert data.features.tolist() == [[1, 2], [3, 4], [-5, 6]]
    assert data.features.dtype == np.int64
    assert (data.class_names, data.labels.tolist()) == (("ant", "cat"), [1, 0, 1])
    assert (data.feature_names, data.name, data.image_shape) == (("width", "height"), "some", None)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.CSV", "a.csv.gz", "a.csv.xz", "a.tsv.gz"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_csv_dialects(tmp_path, name, delimiter, end, start):
    text = end.join(["1,0.5,1", "", "3,4e2,0", " 5 , .25,1", ""]).replace(",", delimiter)
    data = read(tmp_path, start + text.encode(), name)
    assert data.features.tolist() == [[1, 0.5], [3, 400], [5, 0.25]]
    assert data.labels.tolist() == [1, 0, 1]
    assert (data.feature_names, data.class_names) == (("x0", "x1"), ("0", "1"))


def test_quoted_cells(tmp_path):
    data = read(tmp_path, '"a,b","c ""d"""," kind"\n"1",2,"x, y"\n3,4,z\n')
    assert (data.feature_names, data.class_names) == (("a,b", 'c "d"'), ("x, y", "z"))
    assert data.features.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("label", "labels", "names"),
    [
        (None, ("5", "6"), ("a", "b")),
        ("a", ("1", "3"), ("b", "c")),
        ("c", ("5", "6"), ("a", "b")),
        (1, ("2", "4"), ("a", "c")),
        (-3, ("1", "3"), ("b", "c")),
        ("1", ("2", "4"), ("a", "c")),
        (np.int64(0), ("1", "3"), ("b", "c")),
    ],
)
def test_the_column_of_labels(tmp_path, label, labels, names):
    data = read(tmp_path, "a,b,c\n1,2,5\n3,4,6\n", label=label)
    assert (data.class_names, data.feature_names) == (labels, names)


def test_a_header_of_numbers_is_seen_by_the_name_of_the_labels(tmp_path):
    data = read(tmp_path, "1999,2000,kind\n1,2,a\n3,4,b\n", label="kind")
    assert data.feature_names == ("1999", "2000")


def test_whole_numbers_are_classes_in_the_order_of_numbers(tmp_path):
    data = read(tmp_path, "1,10\n2,9\n3,10.0\n4,-1\n")
    assert (data.class_names, data.labels.tolist()) == (("-1", "9", "10"), [2, 1, 2, 0])


def test_large_integers_stay_exact_and_larger_ones_are_floats(tmp_path):
    assert read(tmp_path, f"{2**63 - 1},a\n{-(2**63)},b\n").features.tolist() == [[2**63 - 1], [-(2**63)]]
    assert read(tmp_path, f"{2**63},a\n1,b\n").features.tolist() == [[2.0**63], [1.0]]


def test_floats_late_in_the_file_keep_what_came_before(tmp_path):
    text = "".join(f"{k},{-k},{k % 2}\n" for k in range(100)) + "0.5,1,0\n7,8,1\n"
    features = read(tmp_path, text).features
    assert features.dtype == np.float64
    assert features.tolist() == [*([float(k), -float(k)] for k in range(100)), [0.5, 1], [7, 8]]


@given(
    st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)), min_size=2)
)
def test_numbers_come_back_as_written(tmp_path_factory, rows):
    text = "".join(f"{a},{b!r},{k % 2}\n" for k, (a, b) in enumerate(rows))
    features = read(tmp_path_factory.mktemp("csv"), text).features
    assert features.tolist() == [[float(a), b] for a, b in rows]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "is empty, expected lines of numbers with a label each"),
        (" \n\n", "is empty"),
        ("a,b,c\n", "has a header and no rows"),
        ("1\n2\n", "row 1 has one column, expected features and a label"),
        ("a,b\n1,2\n3\n", "row 3 has 1 cells, expected 2 as in the first"),
        ("1,2,a\n3,4,5,b\n", "row 2 has 4 cells, expected 3"),
        ("a,a,b\n1,2,3\n", "row 1, read as a header, has the name 'a' 2 times"),
        ("a,b,c\n1,red,2\n", "row 2, column 2 ('b'): got 'red', expected a number; text features are not read"),
        ("1,2,a\n3,x,b\n", "row 2, column 2 ('x1'): got 'x', expected a number"),
        ("1,2,a\n\n3,,b\n", "row 3, column 2 ('x1'): the cell is empty"),
        (f"1,2,{'a' * 1001}\n3,4,b\n", "row 1, column 3 ('x2'): expected a label of at most 1000 characters"),
        ("1,2,a\n3,4,\n", "row 2, column 3 ('x2'): the label is missing"),
        ("1,nan,a\n3,4,b\n", "row 1, column 2 ('x1'): got 'nan', expected a finite number"),
        ("1,2,a\n-inf,4,b\n", "row 2, column 1 ('x0'): got '-inf', expected a finite number"),
        ("1,1e999,a\n3,4,b\n", "row 1, column 2 ('x1'): got '1e999', expected a finite number"),
        (f"1,{'9' * 400},a\n3,4,b\n", "expected a finite number"),
        (f"1,{'9' * 5000},a\n3,4,b\n", "expected a finite number"),
        ("1,1_000,a\n3,4,b\n", "got '1_000', expected a number"),
        ("1,\u0663,a\n3,4,b\n", "got '\u0663', expected a number"),
        ("1,0x10,a\n3,4,b\n", "got '0x10', expected a number"),
        ("5,1;3,5;a\n2,1;3,5;b\n", "row 2, column 1 ('5,1'): got '2,1', expected a number"),
        ("1,2,a\n3,4,a\n", "got 1 class, expected at least 2"),
        ("1,2,0.5\n3,4,1\n", "got the label '0.5', expected classes: whole numbers or text"),
        ("1,2,nan\n3,4,1\n", "got the label 'nan', expected classes"),
        ('1,2,"a\n3,4",b\n', "row 1: unexpected end of data; a quoted cell must be closed on its line"),
        (b"1,2,\xff\n3,4,b\n", "row 1 is not UTF-8 text; save the file as UTF-8"),
        ("1,2,a\n3,4,b\n".encode("utf-16"), "row 1 is not UTF-8"),
        (f"a,{'b' * 5000},c\n1,x,2\n", "row 2, column 2 ('bbb"),
        ("1," * 70_000 + "a\n", "got 70001 columns, expected at most 65537"),
        ("1," * (1 << 21) + "1,a\n", "row 1 is too long"),
    ],
)
def test_bad_csv(tmp_path, text, line):
    found = complaint(csv(tmp_path, text))
    assert found.startswith(f"{tmp_path / 'some.csv'}: ")
    assert line in found
    assert len(found) < len(str(tmp_path)) + 250


@pytest.mark.parametrize(
    ("label", "line"),
    [
        ("d", "label: got 'd', expected a column of 'a', 'b', 'c'"),
        (3, "label: got column 3, expected -3..2"),
        ("-4", "label: got column -4, expected -3..2"),
        (1.5, "label: got 1.5, expected a column of"),
    ],
)
def test_a_bad_label_column(tmp_path, label, line):
    assert line in complaint(csv(tmp_path, "a,b,c\n1,2,3\n4,5,6\n"), label=label)
    assert "expected an index, for there is no header" in complaint(csv(tmp_path, "1,2,3\n4,5,6\n"), label="d")


def test_a_missing_file_a_folder_and_unknown_suffixes(tmp_path):
    assert "cannot read: No such file" in complaint(tmp_path / "gone.csv")
    assert "cannot read: No such file" in complaint(str(tmp_path / "gone.npz"))
    (tmp_path / "folder.csv").mkdir()
    assert "cannot read: Is a directory" in complaint(tmp_path / "folder.csv")
    assert "the suffix .csv, .tsv, .npz" in complaint(tmp_path / "some.npz.gz")
    assert "cannot read" in complaint("a\0b.csv")


def test_limits_are_one_line(tmp_path, monkeypatch):
    text = "".join(f"{k},{k}\n" for k in range(20))
    for name, value, line in [
        ("MAX_FILE", 50, "holds more than"),
        ("MAX_CELLS", 30, "row 16: expected at most 30 cells in all"),
        ("MAX_SAMPLES", 12, "row 13 is too long or one too many"),
        ("MAX_CLASSES", 7, "row 8, column 2 ('x1'): expected at most 7 different labels"),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            assert line in complaint(csv(tmp_path, text))
    monkeypatch.setattr(module, "MAX_FILE", 1 << 20)
    for packing in (".gz", ".xz"):
        line = complaint(csv(tmp_path, b"\n" * (64 << 20), f"bomb.csv{packing}"))
        assert "holds more than 1 MiB, the most that is read" in line


def test_rows_of_integers_between_rows_of_floats_cost_no_more(tmp_path):
    text = "0.5,a\n1,b\n" * 100_000
    start = time.monotonic()
    assert read(tmp_path, text).features[:2].tolist() == [[0.5], [1]]
    assert time.monotonic() - start < 10


def test_a_file_is_split_by_class(tmp_path):
    path = csv(tmp_path, "".join(f"{k},{k % 3}\n" for k in range(30)))
    train, test = (load_dataset(path, split=split) for split in ("train", "test"))
    assert np.bincount(train.labels).tolist() == [8] * 3
    assert np.bincount(test.labels).tolist() == [2] * 3
    assert sorted([*train.features[:, 0], *test.features[:, 0]]) == list(range(30))
    assert 'too few for a test split, which takes one in 5 of each class; ask for split="all"' in complaint(
        csv(tmp_path, "1,a\n2,b\n")
    )


# NPZ


def npz(tmp_path, **arrays):
    path = tmp_path / "some.npz"
    np.savez_compressed(path, **arrays)
    return path


Y = np.array([3, 5, 3, 7])


@pytest.mark.parametrize("x", ["x", "X", "features"])
@pytest.mark.parametrize("y", ["y", "labels"])
@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        *(("bool", "uint8"), ("uint8", "uint8"), ("int8", "int64"), ("uint16", "int64"), ("uint64", "int64")),
        *((">i4", "int64"), ("float16", "float64"), (">f8", "float64"), ("float32", "float64")),
    ],
)
def test_npz(tmp_path, x, y, dtype, kept):
    values = (np.arange(12).reshape(4, 3) % 2).astype(dtype)
    data = load_dataset(npz(tmp_path, **{x: values, y: Y}), split="all")
    assert data.features.dtype == kept
    assert data.features.tolist() == values.tolist()
    assert (data.labels.tolist(), data.class_names) == ([0, 1, 0, 2], ("3", "5", "7"))


@pytest.mark.parametrize(
    "labels", [np.array(["b", "é", "b", "z"]), np.array([b"b", "é".encode(), b"b", b"z"])], ids=["text", "bytes"]
)
def test_text_labels_of_npz(tmp_path, labels):
    data = load_dataset(npz(tmp_path, x=np.eye(4), y=labels), split="all")
    assert (data.labels.tolist(), data.class_names) == ([0, 2, 0, 1], ("b", "z", "é"))


def test_npz_of_images_in_any_order(tmp_path):
    pixels = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
    data = load_dataset(npz(tmp_path, x=np.asfortranarray(pixels), target=Y > 3), split="all", label="target")
    assert data.image_shape == (2, 3)
    assert data.features.tolist() == pixels.reshape(4, 6).tolist()
    assert (data.labels.tolist(), data.class_names) == ([0, 1, 0, 1], ("0", "1"))
    assert data.features.flags.writeable


X = np.eye(4)


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({"y": Y}, "got arrays 'y', expected one named x or X or features"),
        ({"x": X}, "got arrays 'x', expected one named y or labels"),
        ({"x": X, "X": X, "y": Y}, "got arrays 'x', 'X', expected one"),
        ({}, "got arrays none"),
        ({"x": X, "y": Y[:3]}, "got 4 samples and 3 labels"),
        ({"x": X[0], "y": Y}, "got shape (4,), expected (samples, features)"),
        ({"x": X[:, :0], "y": Y}, "got shape (4, 0)"),
        ({"x": X[:0], "y": Y[:0]}, "got shape (0, 4)"),
        ({"x": X.reshape(1, 4, 2, 2), "y": Y}, "got shape (1, 4, 2, 2), expected (samples, features) or"),
        ({"x": X, "y": X}, "array y: got shape (4, 4), expected (samples,)"),
        ({"x": np.float64(3), "y": Y}, "got shape ()"),
        ({"x": X * 1j, "y": Y}, "array x: got dtype complex128, expected numbers"),
        ({"x": X.astype(str), "y": Y}, "expected numbers"),
        ({"x": X.astype(np.longdouble), "y": Y}, "expected numbers"),
        ({"x": X.astype(object), "y": Y}, "array x: holds Python objects, which are pickled"),
        ({"x": X, "y": Y.astype(object)}, "array y: holds Python objects, which are pickled"),
        ({"x": X, "y": Y.view("M8[s]")}, "array y: got dtype datetime64[s], expected numbers or text"),
        ({"x": np.full((4, 1), 2**63, np.uint64), "y": Y}, "got integers of 2^63 and more"),
        ({"x": np.where(X > 0, np.nan, 1), "y": Y}, "sample 0, feature 0 (x0): got nan, expected a finite number"),
        ({"x": np.where(X > 0, np.float32(np.inf), 0), "y": Y}, "got inf"),
        ({"x": X, "y": Y * 0}, "got 1 class, expected at least 2"),
        ({"x": X, "y": Y / 2}, "got the label '1.5', expected classes"),
        ({"x": X, "y": np.where(Y > 3, np.nan, 1)}, "got the label 'nan', expected classes"),
        ({"x": X, "y": np.array(["a", "", "b", "c"])}, "labels: some are missing"),
        ({"x": X, "y": np.array([b"a", b"\xff", b"b", b"c"])}, "labels: some are no UTF-8 text"),
        ({"x": X, "y": np.full(4, 0xFFFFFFFF, np.uint32).view("U1")}, "labels: some are no UTF-8 text"),
        ({"x": X, "y": np.full(4, 0xD800, np.uint32).view("U1")}, "labels: some are no UTF-8 text"),
        ({"x": X, "y": np.zeros(4, f"U{1 << 24}")}, "expected at most 4194304 samples, 67108864 numbers and 128 MiB"),
        ({"x": np.zeros((2, 1 << 17), bool), "y": Y[:2]}, "expected 1..65536 features"),
    ],
)
def test_bad_npz(tmp_path, arrays, line):
    found = complaint(npz(tmp_path, **arrays))
    assert found.startswith(str(tmp_path))
    assert line in found


def packed(*members, **options):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **options) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def npy(shape, descr="<f8", payload=b"", version=b"\1\0"):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}\n".encode()
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + payload


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "is no .npz file"),
        (b"1,2\n" * 100, "is no .npz file"),
        (packed(("x.npy", b"")), "is no sound .npz file"),
        (packed(("x.npy", b"1" * 100)), "is no sound .npz file"),
        (packed(("x.npy", npy((1 << 60, 2)))), "expected at most 4194304 samples, 67108864 numbers and 512 MiB"),
        (packed(("x.npy", npy((1 << 25, 1), "|u1"))), "expected at most 4194304 samples, 67108864 numbers and 512 MiB"),
        (packed(("x.npy", npy((-1, 2)))), "its length is not that of shape (-1, 2)"),
        (packed(("x.npy", npy((2, 2), payload=b"1" * 31))), "its length is not that of shape (2, 2)"),
        (packed(("x.npy", npy((2, 2), payload=b"1" * 33))), "its length is not that of shape (2, 2)"),
        (packed(("x.npy", npy((2, 2), payload=b"1" * 32, version=b"\3\0"))), "an unknown version of the .npy format"),
        (packed(("x.npy", npy((2, 2), payload=b"1" * 32)), compression=zipfile.ZIP_LZMA), "is packed in a way"),
        (packed(*((f"{k}.npy", b"") for k in range(2000))), "holds too many arrays"),
        (packed(("x.npy", npy((2, "((" * 500)))), "is no sound .npz file"),
        (packed(("x", npy((2, 2), payload=b"1" * 32)), ("y", b"")), "is no sound .npz file"),
    ],
)
def test_hostile_npz(tmp_path, data, line):
    path = tmp_path / "hostile.npz"
    path.write_bytes(data)
    assert line in complaint(path)


# Mutants


MUTATIONS = (
    lambda data, at, end, noise: data[:at],
    lambda data, at, end, noise: data[:at] + bytes((data[at] ^ 1 << noise[0] % 8,)) + data[at + 1 :],
    lambda data, at, end, noise: data[:at] + noise + data[end:],
    lambda data, at, end, noise: data[:at] + data[end:],
    lambda data, at, end, noise: data[:end] + data[at:],
    lambda data, at, end, noise: data[:at] + bytes((SPECIAL[noise[0] % len(SPECIAL)],)) * (end - at) + data[at:],
)
SPECIAL = b"\xff\0,;\n\"'_e9.-"


def mutants(data, key, count):
    """Yield bytes changed at random: cut off, flipped, overwritten, and with spans left out, doubled or put in."""
    for k in range(count):
        child = key.fold(k)
        at = int(child.fold("at").integers(len(data)))
        length = 1 + int(child.fold("length").integers(min(len(data), 40)))
        noise = child.fold("noise").integers(256, length).astype(np.uint8).tobytes()
        yield MUTATIONS[int(child.fold("kind").integers(len(MUTATIONS)))](data, at, at + length, noise)


def outcome(*args, **options):
    start = time.monotonic()
    try:
        data = load_dataset(*args, split="all", **options)
    except DataError as error:
        assert "\n" not in str(error)
        data = None
    else:
        assert data.num_samples >= data.num_classes >= 2
    assert time.monotonic() - start < 10
    return data


CSV = "width,height,kind\n" + "".join(f"{k},{k / 4},{'ab'[k % 2]}\n" for k in range(12))


def savez(save, **arrays):
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


SEEDS = {
    "some.csv": CSV.encode(),
    "quoted.tsv": CSV.replace(",", "\t").replace("width", '"wi""dth"').encode(),
    "some.csv.gz": gzip.compress(CSV.encode(), mtime=0),
    "some.csv.xz": lzma.compress(CSV.encode()),
    "plain.npz": savez(np.savez, x=np.arange(8.0).reshape(4, 2), y=np.array(["a", "b", "a", "b"])),
    "packed.npz": savez(np.savez_compressed, x=np.arange(24, dtype=np.uint8).reshape(4, 3, 2), y=Y),
}


@pytest.mark.parametrize("name", SEEDS)
def test_a_mutated_file_is_read_or_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(SEEDS[name])
    assert outcome(path) is not None
    refused = 0
    for data in mutants(SEEDS[name], Key(0, ("mutants", name)), 150):
        path.write_bytes(data)
        refused += outcome(path) is None
    assert refused > 10


@pytest.mark.parametrize("packing", ["", ".gz"])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_a_mutated_idx_file_is_read_or_refused(tmp_path, name, packing):
    put(tmp_path, packing)
    data = (tmp_path / f"{name}{packing}").read_bytes()
    spot = data[:60]  # where the header is
    for k, start in enumerate(mutants(spot, Key(0, ("mutants", name, packing)), 60)):
        (tmp_path / f"{name}{packing}").write_bytes(start + data[60 if k % 2 else 50 :])
        outcome("mnist", data_dir=tmp_path)
