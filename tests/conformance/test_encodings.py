"""Every encoding: the circuit's bits are the pins of the codes, and both are as defined in plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from circuits.values import simulate_values
from learn.encoders import ENCODINGS, TabularEncoder
from learn.keys import Key
from learn.lut_kernels import pins_oracle
from learn.models.lut_network import ZERO_ROW

SAMPLES = 24
TRAINING = {
    "integers": hnp.arrays(np.int64, (SAMPLES, 3), elements=st.integers(-9, 40)),
    "naturals": hnp.arrays(np.uint8, (SAMPLES, 2)),
    "categories": hnp.arrays(np.int64, (SAMPLES, 3), elements=st.sampled_from([-2, 0, 1, 2, 7])),
    "bools": hnp.arrays(np.bool_, (SAMPLES, 3)),
    "one value": hnp.arrays(np.int64, (SAMPLES, 2), elements=st.integers(3, 3) | st.integers(-3, -3)),
    "wide": hnp.arrays(np.int64, (SAMPLES, 2), elements=st.integers(-(2**63), 2**63 - 1)),
    "floats": hnp.arrays(np.float64, (SAMPLES, 3), elements=st.floats(-5, 5)),
    "any float": hnp.arrays(np.float64, (SAMPLES, 2), elements=st.floats(allow_nan=False, allow_infinity=False)),
}
OTHERS = {
    "integers": st.integers(-(2**63), 2**63 - 1) | st.integers(-70, 70),
    "floats": st.floats(allow_nan=False, allow_infinity=False) | st.floats(-9, 9),
}


def reached(cuts, value):
    return sum(cut <= value for cut in cuts)


def held(value, word):
    return min(max(math.floor(value), word.lo), word.hi)


def bits(value, width):
    return [value >> k & 1 for k in range(width)]


def number(cuts, value, word):
    """Return the integer that the circuit reads, and its bits."""
    if word is None:
        return reached(cuts, value), max(1, len(cuts).bit_length())
    return held(value, word), word.bits


def thermometer(cuts, value, word):
    return [reached(cuts, value)]


def one_hot(cuts, value, word):
    return [int(reached(cuts, value) == k) for k in range(len(cuts) + 1)]


def plain_bits(cuts, value, word):
    return bits(*number(cuts, value, word))


def gray(cuts, value, word):
    plain, width = number(cuts, value, word)
    plain %= 1 << width
    return bits(plain ^ plain >> 1, width)


ORACLES = {"quantile": thermometer, "uniform": thermometer, "one_hot": one_hot, "bits": plain_bits, "gray": gray}


def test_every_encoding_is_defined_here():
    assert set(ORACLES) == set(ENCODINGS)
    assert all(row.description for row in ENCODINGS.values())


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", TRAINING)
@settings(max_examples=8)
@given(data=st.data(), levels=st.sampled_from([1, 3, 32, 255]))
def test_the_circuit_reads_what_the_pins_read(kind, encoding, data, levels):
    features = data.draw(TRAINING[kind])
    encoder = TabularEncoder.fit(features, levels=levels, encoding=encoding)
    columns = features.shape[1]
    far = [
        data.draw(hnp.arrays(dtype, (6, columns), elements=OTHERS[name]))
        for name, dtype in (("integers", np.int64), ("floats", np.float64))
    ]
    pins = [(r, m) for r, row in enumerate(encoder.layout, 1) for m in range(row.height)]
    builder = encoder.builder("pins")
    wires = {f"y{i}": encoder.pin_wire(builder, r, ZERO_ROW, m) for i, (r, m) in enumerate(pins)}
    circuit = builder.circuit(wires) if wires else None
    for values in (features, *far):
        codes = encoder.codes(values)
        assert codes.dtype == np.uint8
        assert not codes[:, 0].any()
        cuts = [cuts.tolist() for cuts in encoder.thresholds]
        for sample, code in zip(values.tolist(), codes[:, 1:].tolist(), strict=True):
            rows = [ORACLES[encoding](c, value, encoder.word) for c, value in zip(cuts, sample, strict=True)]
            assert code == [rows[row.feature][row.row] for row in encoder.layout]
        if circuit is not None:
            source, margin = (np.array(part) for part in zip(*pins, strict=True))
            asked = pins_oracle(codes.T, source, np.zeros_like(source), margin)
            assert np.array_equal(simulate_values(circuit, encoder.inputs(values)), asked)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_rows_that_never_vary_are_left_out_and_pins_read_the_others(encoding):
    features = np.array([[4, 7, -1], [5, 7, 3], [6, 7, 3]])
    encoder = TabularEncoder.fit(features, encoding=encoding)
    codes = encoder.codes(features)
    assert {row.feature for row in encoder.layout} == {0, 2}
    assert (codes[:, 1:].min(axis=0) < codes[:, 1:].max(axis=0)).all()
    assert codes[:, 1:].max(axis=0).tolist() == [row.height for row in encoder.layout]
    every = encoder.comparisons(Key(0), 1000).pins
    pairs = set(zip(every.source.tolist(), every.margin.tolist(), strict=True))
    assert pairs == {(r, m) for r, row in enumerate(encoder.layout, 1) for m in range(row.height)}


@given(st.integers(-(2**20), 2**20), st.integers(1, 255))
def test_uniform_thresholds_are_equally_far_apart(lo, levels):
    (cuts,) = TabularEncoder.fit(np.arange(lo, lo + 1024)[:, None], levels=levels, encoding="uniform").thresholds
    assert len(cuts) == levels
    assert set(np.diff(cuts).tolist()) <= {1024 // (levels + 1), 1024 // (levels + 1) + 1}
    (cuts,) = TabularEncoder.fit(np.array([[0.0], [0.5], [8.0]]), levels=7, encoding="uniform").thresholds
    assert cuts.tolist() == [1.0]  # the others lie between no two samples


def test_neighbours_differ_in_one_bit_of_gray_code():
    encoder = TabularEncoder.fit(np.arange(-40, 50)[:, None], encoding="gray")
    codes = encoder.codes(np.arange(-64, 64)[:, None])
    assert (np.abs(np.diff(codes.astype(int), axis=0)).sum(axis=1) == 1).all()
    assert len({bytes(code) for code in codes}) == 128


def test_bits_of_an_integer_cost_no_comparison():
    encoder = TabularEncoder.fit(np.arange(-8, 8)[:, None], encoding="bits")
    builder = encoder.builder("slices")
    circuit = builder.circuit({f"b{r}": encoder.pin_wire(builder, r, ZERO_ROW, 0) for r in range(1, 5)})
    assert {op for op, _, _ in circuit.gates()} == {"slice"}
