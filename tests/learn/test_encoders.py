"""Encoders: codes against plain Python, pins in range, and one-line errors."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from circuits.values import simulate_values
from circuits.wires import BIT, Word
from learn.encoders import LEVEL_SHARE, LEVELS, MARGINS, ImageEncoder, TabularEncoder
from learn.errors import DataError
from learn.keys import Key
from learn.lut_kernels import pins_oracle
from learn.models.lut_network import ZERO_ROW
from learn.train import bank_of, probes_of

SEEDS = st.integers(0, 10**6)
NUMBERS = {
    "small": hnp.arrays(np.int8, (30, 3)),
    "few": hnp.arrays(np.int64, (30, 3), elements=st.integers(-3, 3)),
    "bytes": hnp.arrays(np.uint8, (40, 2)),
    "bits": hnp.arrays(np.bool_, (10, 3)),
    "wide": hnp.arrays(np.int64, (20, 2), elements=st.integers(-(2**52), 2**52)),
    "floats": hnp.arrays(np.float64, (30, 2), elements=st.floats(allow_nan=False, allow_infinity=False)),
    "singles": hnp.arrays(np.float32, (30, 2), elements=st.floats(-9, 9, width=32)),
}


def reached(thresholds, value):
    return sum(cut <= value for cut in thresholds.tolist())


# --- Tables of features


@pytest.mark.parametrize("kind", NUMBERS)
@settings(max_examples=20)
@given(data=st.data(), levels=st.sampled_from([1, 2, 5, 32, 255]))
def test_codes_count_the_thresholds_reached(kind, data, levels):
    features, fresh = data.draw(NUMBERS[kind]), data.draw(NUMBERS[kind])
    encoder = TabularEncoder.fit(features, levels=levels)
    varying = [k for k, column in enumerate(features.T.tolist()) if len(set(column)) > 1]
    assert [row.feature for row in encoder.layout] == varying and encoder.rows == 1 + len(varying)
    for given_ in (features, fresh):
        codes = encoder.codes(given_)
        assert codes.dtype == np.uint8 and codes.shape == (len(given_), encoder.rows) and not codes[:, 0].any()
        for row, k in enumerate(varying, 1):
            assert codes[:, row].tolist() == [reached(encoder.thresholds[k], value) for value in given_[:, k].tolist()]
    for cuts, column in zip(encoder.thresholds, features.T, strict=True):
        distinct = len(set(column.tolist()))
        assert np.all(cuts[1:] > cuts[:-1]) and len(cuts) <= min(levels, distinct - 1)
        assert len(cuts) >= min(1, distinct - 1)  # what varies can be seen
        if distinct - 1 <= levels:
            assert len(cuts) == distinct - 1  # all values are told apart
        codes = [reached(cuts, value) for value in column.tolist()]
        assert not len(cuts) or (min(codes) == 0 and max(codes) == len(cuts))  # no threshold is without use


def check_all_pins(encoder, values):
    check_pins(encoder, values, [(r, m) for r, row in enumerate(encoder.layout, 1) for m in range(row.height)])


def check_pins(encoder, values, places):
    builder, codes = encoder.builder("pins"), encoder.codes(values)
    wires = {f"y{i}": encoder.pin_wire(builder, r, ZERO_ROW, m) for i, (r, m) in enumerate(places)}
    if not wires:
        return
    found = simulate_values(builder.circuit(wires), encoder.inputs(values))
    for bits, (r, m) in zip(found, places, strict=True):
        assert np.array_equal(bits, codes[:, r] > m)


@given(hnp.arrays(np.float64, (25, 2), elements=st.floats(-30, 30) | st.sampled_from([-0.5, 0.5, -1.5, 2.0**70])))
@example(np.array([[-0.5, 0.5], [-1e300, 1e300]]))
def test_fractions_given_to_a_circuit_of_integers(values):
    encoder = TabularEncoder.fit(np.arange(-8, 12).reshape(10, 2))
    check_all_pins(encoder, values)


def test_values_out_of_the_range_that_was_fitted():
    encoder = TabularEncoder.fit(np.array([[-3], [4]], np.int8))
    assert encoder.word == Word(4)
    for far in (np.array([[-100], [100]]), np.array([[200], [0]], np.uint8), np.array([[True], [False]])):
        check_all_pins(encoder, far)


def test_a_feature_that_is_nearly_always_the_same_is_kept():
    column = np.zeros(10_000)
    column[:100] = np.arange(100)
    for values in (column, column.astype(int), -column):
        (cuts,) = TabularEncoder.fit(values[:, None], levels=16).thresholds
        assert 1 <= len(cuts) <= 16


def test_thresholds_spread_over_the_samples():
    values = np.random.default_rng(0).exponential(size=(20_000, 1))
    encoder = TabularEncoder.fit(values, levels=9)
    shares = np.bincount(encoder.codes(values)[:, 1]) / len(values)
    assert len(shares) == 10 and np.all(np.abs(shares - 0.1) < 0.01)


def test_thresholds_lie_midway():
    (cuts,) = TabularEncoder.fit([[1.0], [2.0], [4.0], [2.0]]).thresholds
    assert cuts.tolist() == [1.5, 3.0]
    (cuts,) = TabularEncoder.fit([[1], [2], [4], [2]]).thresholds
    assert cuts.tolist() == [2, 4]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_neighbouring_and_greatest_numbers_are_told_apart(dtype):
    one, most = dtype(1), np.finfo(dtype).max
    values = np.array([one, np.nextafter(one, dtype(2)), np.nextafter(most, dtype(0)), most, -most], dtype)[:, None]
    assert sorted(TabularEncoder.fit(values).codes(values)[:, 1].tolist()) == [0, 1, 2, 3, 4]


@given(SEEDS, st.integers(1, 40), st.integers(2, 6))
def test_drawn_pins_are_in_range(seed, tables, pins):
    rng = np.random.default_rng(seed)
    features = rng.integers(0, rng.integers(1, 300, 5), (60, 5))
    features[:, 2] = 7  # constant
    features[0, 0] = -1
    encoder = TabularEncoder.fit(features)
    bank = encoder.comparisons(Key(seed), 1 << 16)
    drawn = bank.chosen(bank.draw(Key(seed), tables, pins)).pins
    assert [array.dtype for array in drawn] == [np.int32, np.int32, np.uint8]
    assert all(array.shape == (tables, pins) for array in drawn)
    heights = np.array([0, *(row.height for row in encoder.layout)])
    assert [row.feature for row in encoder.layout] == [0, 1, 3, 4]
    assert bank.size == heights.sum() and not bank.reach
    assert np.all(drawn.source >= 1) and np.all(drawn.margin < heights[drawn.source])
    assert np.all(drawn.against == ZERO_ROW)
    assert np.array_equal(bank.draw(Key(seed), tables, pins), bank.draw(Key(seed), tables, pins))
    few = encoder.comparisons(Key(seed), 7).pins
    every = set(zip(*(array.tolist() for array in bank.pins), strict=True))
    chosen = list(zip(*(array.tolist() for array in few), strict=True))
    assert len(set(chosen)) == min(7, bank.size) and set(chosen) <= every and chosen == sorted(chosen)


def test_every_threshold_is_as_likely():
    encoder = TabularEncoder.fit(np.array([[0, 0, 5], [1, 0, 6], [1, 0, 7], [1, 0, 8]]))
    bank = encoder.comparisons(Key(0), 99)
    drawn = bank.chosen(bank.draw(Key(1), 4000, 2)).pins
    counts = [((drawn.source == s) & (drawn.margin == m)).sum() for s, m in ((1, 0), (2, 0), (2, 1), (2, 2))]
    assert sum(counts) == 8000 and np.all(np.abs(np.array(counts) - 2000) < 5 * 1500**0.5)


def test_all_constant():
    encoder = TabularEncoder.fit(np.full((5, 2), 3))
    assert not encoder.codes(np.full((5, 2), 3)).any()
    with pytest.raises(DataError, match=r"^features: all are constant, expected at least one that varies$"):
        encoder.comparisons(Key(0), 9)


def test_names_and_types():
    encoder = TabularEncoder.fit([[0, 1], [1, 0]], ["a b", "a_b"])
    builder = encoder.builder("net")
    assert len(set(builder.input_names)) == 2 and builder.type_of(0) == BIT
    assert TabularEncoder.fit([[0.0, 5.0], [1.0, 7.0], [1.0, 6.0]]).builder("x").type_of(1) == Word(2, signed=False)
    assert TabularEncoder.fit([[0, -5]]).names == ("x0", "x1")


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("features", "options", "said"),
    [
        ([[1.0, NAN]], {}, "got nan in sample 0, feature 1, expected a number"),
        ([[1.0], [-INFINITY]], {}, "got -inf in sample 1, feature 0"),
        ([1, 2, 3], {}, r"got shape \(3,\).*, expected \(samples, features\)"),
        ([[[1]]], {}, r"got shape \(1, 1, 1\).*, expected \(samples, features\)"),
        (np.zeros((0, 3)), {}, r"got shape \(0, 3\)"),
        (np.zeros((3, 0)), {}, r"got shape \(3, 0\)"),
        ([["a", "b"]], {}, "got <U1, expected numbers"),
        ([[1j]], {}, "got complex128, expected numbers"),
        ([[1, 2]], {"levels": 0}, r"0 levels, expected .* 1\.\.255"),
        ([[1, 2]], {"levels": 256}, r"256 levels, expected .* 1\.\.255"),
        ([[1, 2]], {"names": ["a"]}, r"got 1 names for 2 features"),
        (np.array([[0], [2**63]], np.uint64), {}, r"0\.\.9223372036854775808"),
    ],
)
def test_features_that_cannot_be_fitted(features, options, said):
    with pytest.raises(DataError, match=f"^features: .*{said}") as caught:
        TabularEncoder.fit(features, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoder", [TabularEncoder.fit([[1, 2], [3, 4]]), ImageEncoder(1, 2)], ids=["table", "image"])
@pytest.mark.parametrize("call", ["codes", "inputs"])
def test_features_that_do_not_fit(encoder, call):
    for wrong, said in (
        ([[1, 2, 3]], r"got shape \(1, 3\), expected \(samples, 2\)"),
        ([1, 2], r"got shape \(2,\), expected \(samples, 2\)"),
        ([[1.0, NAN]], "got nan in sample 0, feature 1"),
        ([["a", "b"]], "got <U1, expected numbers"),
    ):
        with pytest.raises(DataError, match=f"^features: {said}"):
            getattr(encoder, call)(wrong)
    assert len(encoder.codes(np.zeros((0, 2)))) == 0 and encoder.inputs(np.zeros((0, 2))).shape == (2, 0)


def test_an_encoding_that_is_not_there():
    with pytest.raises(DataError, match=r"^encoding: got 'ascii', expected one of quantile, uniform, .*$"):
        TabularEncoder.fit([[1], [2]], encoding="ascii")


# --- Images


def blurred(image, y, x):
    """The blurred pixel in plain Python: black lies around the image."""
    total = 0
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if 0 <= y + dy < len(image) and 0 <= x + dx < len(image[0]):
                total += (2 - abs(dy)) * (2 - abs(dx)) * image[y + dy][x + dx]
    return total // 16


@given(SEEDS, st.integers(1, 6), st.integers(1, 6))
def test_codes_of_images(seed, height, width):
    rng, encoder = np.random.default_rng(seed), ImageEncoder(height, width)
    images = rng.choice([0, 255, *range(256)], (3, height * width))
    codes = encoder.codes(images)
    assert codes.dtype == np.uint8 and codes.shape == (3, encoder.rows) and not codes[:, 0].any()
    for image, row in zip(images.reshape(3, height, width).tolist(), codes.tolist(), strict=True):
        flat = [value for line in image for value in line]
        soft = [blurred(image, y, x) for y in range(height) for x in range(width)]
        assert row == [0, *flat, *soft]
    assert np.array_equal(encoder.codes(images.astype(np.uint8)), codes)
    assert np.array_equal(encoder.codes(images.astype(float)), codes)


def test_codes_of_many_images_are_those_of_each():
    images = np.random.default_rng(0).integers(0, 256, (4097, 6), dtype=np.uint8)
    codes = ImageEncoder(2, 3).codes(images)
    assert np.array_equal(codes[4090:], ImageEncoder(2, 3).codes(images[4090:]))


@given(SEEDS, st.integers(1, 9), st.integers(1, 9), st.integers(2, 6))
def test_drawn_pins_of_images_are_in_range(seed, height, width, pins):
    encoder = ImageEncoder(height, width)
    bank = encoder.comparisons(Key(seed), 200)
    drawn, n = bank.pins, encoder.num_features
    rows = list(zip(*(array.tolist() for array in drawn), strict=True))
    assert 0 < len(set(rows)) == len(rows) <= 200
    assert [array.dtype for array in drawn] == [np.int32, np.int32, np.uint8]
    assert bank.draw(Key(seed), 30, pins).shape == (30, pins)
    assert drawn.source.min() >= 1 and drawn.source.max() < encoder.rows
    assert drawn.against.min() >= 0 and drawn.against.max() < encoder.rows
    level = drawn.against == ZERO_ROW
    assert set(drawn.margin[level].tolist()) <= set(LEVELS)
    assert set(drawn.margin[~level].tolist()) <= set(MARGINS)
    # both rows of a comparison are of one copy of the image, and near each other
    (y, x), (v, u) = (np.divmod((rows[~level] - 1) % n, width) for rows in (drawn.source, drawn.against))
    assert np.array_equal((drawn.source[~level] - 1) // n, (drawn.against[~level] - 1) // n)
    assert np.all(np.abs(y - v) <= 4) and np.all(np.abs(x - u) <= 4)


def test_half_of_the_pins_are_local():
    """Half of the pins of a table are among an eighth of the bank, which lies close together in the image."""
    encoder = ImageEncoder(64, 64)
    bank = encoder.comparisons(Key(0), 20000)
    assert abs((bank.pins.against == ZERO_ROW).mean() - LEVEL_SHARE) < 0.02
    assert abs((bank.pins.source > encoder.num_features).mean() - 0.5) < 0.03
    y, x = np.divmod((bank.pins.source - 1) % encoder.num_features, 64)
    away = np.hypot(*(np.abs(at[: -bank.reach] - at[bank.reach :]) for at in (y, x)))
    apart = np.hypot(*(np.abs(at - np.random.default_rng(0).permutation(at)) for at in (y, x)))
    assert np.median(away) < 20 < 30 < np.median(apart)
    codes = bank.draw(Key(1), 3000, 6).astype(int)
    gaps = np.abs(codes[:, :1] - codes[:, 1:])
    close = np.minimum(gaps, bank.size - gaps) <= 2 * bank.reach
    # two pins are both local with a quarter, else as near by chance
    assert abs(close.mean() - (0.25 + 0.75 * 4 * bank.reach / bank.size)) < 0.02


@pytest.mark.parametrize("call", ["codes", "inputs"])
@pytest.mark.parametrize(
    ("image", "said"),
    [([256, 0], r"hold 0\.\.256"), ([-1, 0], r"hold -1\.\.0"), ([0.5, 0.0], r"got 0\.5 in sample 0, feature 0")],
)
def test_what_is_no_bytes(call, image, said):
    with pytest.raises(DataError, match=rf"^images: {said}, expected bytes 0\.\.255$"):
        getattr(ImageEncoder(1, 2), call)([image])


# --- Pins that are seen to change


@given(SEEDS, st.sampled_from(["table", "image"]), st.sampled_from([20, 1 << 16]))
def test_a_bank_has_what_changes(seed, kind, count):
    rng = np.random.default_rng(seed)
    if kind == "image":
        encoder, features = ImageEncoder(5, 5), rng.integers(0, 256, (300, 25))
    else:
        features = rng.integers(0, 40, (300, 4))
        features[:, 3] = 1
        encoder = TabularEncoder.fit(features)
    probes = probes_of(encoder.codes(features), Key(seed).fold("probes"))
    bank = bank_of(encoder, probes, Key(seed), count=count)
    ones = pins_oracle(probes, *bank.pins).mean(axis=-1)
    assert 0 < bank.size <= count and np.all((ones >= 0.06) & (ones <= 0.94))
    assert [array.dtype for array in bank.pins] == [np.uint16, np.uint16, np.uint8]
    assert bank.near == (1 / 16 if kind == "image" else 0)


def test_a_bank_keeps_a_quarter_however_rare():
    features = np.zeros((200, 8), int)
    features[range(8), range(8)] = 1
    encoder = TabularEncoder.fit(features)
    bank = bank_of(encoder, probes_of(encoder.codes(features), Key(0)), Key(0))
    assert 2 <= bank.size <= 8 and not bank.pins.margin.any()
    features[:, 0] = np.arange(200) % 2
    encoder = TabularEncoder.fit(features)
    bank = bank_of(encoder, probes_of(encoder.codes(features), Key(0)), Key(0))
    assert 1 in bank.pins.source and bank.size >= 2


@pytest.mark.parametrize("samples", [1, 63, 64, 65, 200, 1023, 1024, 1025, 3000])
def test_probes(samples):
    codes = np.zeros((samples, 3), np.uint8)
    codes[:, 1], codes[:, 2] = np.arange(samples) % 251, np.arange(samples) // 251
    probes = probes_of(codes, Key(3))
    assert probes.shape == (3, min(1024, -(-samples // 64) * 64)) and probes.dtype == np.uint8
    found = probes[1] + 251 * probes[2].astype(int)
    assert found.max() < samples and (samples not in (64, 1024) or found.tolist() == list(range(samples)))
    assert samples < 100 or len(set(found.tolist())) > min(samples, 1024) / 2
