"""Networks of look-up tables: how they start, and that their circuits are the trained models, pattern by pattern."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.aig import and_count, hashed, to_aig
from circuits.rewrite import bit_blasted
from circuits.simulate import simulate
from circuits.values import simulate_values, to_bits
from circuits.words import unpack
from learn.encoders import ImageEncoder, TabularEncoder
from learn.errors import ModelError
from learn.keys import Key
from learn.lut_kernels import forward_oracle
from learn.models import lut_network
from learn.models.lut_network import Copies, Layer, LutNetwork, Pins, deeper_pins, make_network, network_circuit
from learn.models.readouts import make_head
from learn.spaces import Int
from learn.train import Settings, class_scores, fit

SEEDS = st.integers(0, 10**6)


def network_for(encoder, seed, *, classes, widths, pins, bound=32):
    """Make a network on an encoder's rows."""
    key = Key(seed)
    return make_network(
        encoder.comparisons(key.fold("bank"), 1 << 16),
        rows=encoder.rows,
        classes=classes,
        widths=widths,
        pins=pins,
        bound=bound,
        key=key,
    )


def mixed_up(network, seed):
    """Return the network with random counters in all layers, as training may leave them."""
    rng, space = np.random.default_rng(seed), network.space
    layers = tuple(
        replace(layer, counters=rng.integers(space.lo, space.hi, layer.counters.shape, endpoint=True).astype(np.int8))
        for layer in network.layers
    )
    return replace(network, layers=layers)


def tabular(seed, *, floats=False, features=4):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(150, features)) * 3 if floats else rng.integers(-20, 60, (150, features))
    return TabularEncoder.fit(data, levels=12), data


def answers(network, codes):
    """Return classes by the oracle, not by the kernels."""
    read = codes.T
    for layer in network.layers:
        _, outputs = forward_oracle(read, *layer.spread(), layer.tables)
        read = np.concatenate([np.zeros_like(outputs[:1]), outputs])
    return np.array([outputs[network.groups == c].sum(axis=0) for c in range(network.classes)]).T


# --- The start


@given(
    seed=SEEDS,
    pins=st.integers(2, 6),
    bound=st.sampled_from([1, 2, 3, 4, 5, 32, 128]),
    classes=st.integers(2, 5),
    more=st.lists(st.integers(0, 20), min_size=1, max_size=3),
)
def test_a_network_starts_lawfully(seed, pins, bound, classes, more):
    encoder, _ = tabular(3)
    widths = [classes + m for m in more]
    network = network_for(encoder, seed, classes=classes, widths=widths, pins=pins, bound=bound)
    assert (network.rows, network.classes, network.num_tables) == (encoder.rows, classes, sum(widths))
    assert network.space == Int(-bound, bound - 1)
    before = encoder.rows - 1
    for depth, (layer, width) in enumerate(zip(network.layers, widths, strict=True)):
        assert [a.dtype for a in layer.pins] == [np.int32, np.int32, np.uint8] and layer.codes.dtype == np.uint16
        assert all(array.shape == (width, pins) for array in (layer.codes, *layer.pins))
        assert layer.counters.dtype == np.int8 and layer.counters.shape == (width, 1 << pins)
        assert network.space.contains(layer.counters)
        assert layer.counters.min() >= -5 and layer.counters.max() <= 4
        assert layer.pins.source.min() >= 1 and layer.pins.source.max() <= before
        assert layer.tables is layer.counters
        if depth:
            assert np.array_equal(layer.tables >= 0, np.tile(np.arange(1 << pins) & 1, (width, 1)))
            assert not layer.pins.against.any() and not layer.pins.margin.any()
            reads = np.bincount(layer.pins.source.reshape(-1), minlength=before + 1)[1:]
            assert reads.max() - reads.min() <= 1
        before = width
    members = np.bincount(network.groups, minlength=classes)
    assert members.max() - members.min() <= 1 and np.all(np.diff(network.groups) >= 0)


def test_counters_of_the_first_layer_start_even():
    encoder, _ = tabular(3)
    counters = network_for(encoder, 1, classes=2, widths=[500], pins=6).layers[0].counters
    assert sorted(set(counters.reshape(-1).tolist())) == list(range(-4, 4))
    counts = np.bincount(counters.reshape(-1) + 4)
    assert np.all(np.abs(counts - counters.size / 8) < 5 * counters.size**0.5)


def test_a_deeper_layer_starts_as_its_first_pins():
    encoder, data = tabular(5)
    one = network_for(encoder, 2, classes=2, widths=[9], pins=3)
    two = network_for(encoder, 2, classes=2, widths=[9, 7], pins=3)
    _, bits = forward_oracle(encoder.codes(data).T, *one.layers[0].pins, one.layers[0].tables)
    _, later = forward_oracle(np.concatenate([bits[:1] * 0, bits]), *two.layers[1].pins, two.layers[1].tables)
    assert np.array_equal(later, bits[two.layers[1].pins.source[:, 0] - 1])


def test_the_key_decides():
    encoder, _ = tabular(3)

    def made(seed):
        return [
            array
            for layer in network_for(encoder, seed, classes=3, widths=[12, 6], pins=4).layers
            for array in (*layer.pins, layer.counters)
        ]

    assert all(map(np.array_equal, made(1), made(1)))
    assert not any(map(np.array_equal, [*made(1)[:1], made(1)[3], made(1)[4]], [*made(2)[:1], made(2)[3], made(2)[4]]))


@given(SEEDS, st.integers(1, 30), st.integers(2, 6), st.integers(1, 40))
def test_deeper_pins_read_each_table_equally_often(seed, tables, pins, before):
    codes = deeper_pins(Key(seed), tables, pins, before)
    reads = np.bincount(codes.reshape(-1), minlength=before)
    assert codes.shape == (tables, pins) and len(reads) == before
    assert reads.max() - reads.min() <= 1


@pytest.mark.parametrize(
    "change",
    [{"pins": 1}, {"pins": 7}, {"bound": 0}, {"bound": 129}, {"classes": 1}, {"widths": [9, 2]}],
    ids=str,
)
def test_a_setting_out_of_range(change):
    encoder, _ = tabular(3)
    with pytest.raises(ModelError, match=r"^network: got .* expected 2\.\.6 pins.*$") as caught:
        network_for(encoder, 0, **({"classes": 3, "widths": [9], "pins": 4} | change))
    assert "\n" not in str(caught.value)


def test_no_layers():
    with pytest.raises(ModelError, match="widths"):
        make_network(None, rows=3, classes=2, widths=[], pins=2, bound=4, key=Key(0))


START = {"source": [1, 2, 2, 1], "against": [0, 2, 0, 0], "margin": [3, 0, 0, 0], "first": [[0, 1], [2, 3]],
         "second": [[0, 1], [1, 0]]}  # fmt: skip


def two_layers(name="source", values=START["source"], counters=((0,) * 4,) * 2, dtype=np.uint16, more=None):
    """Return a network of three rows and two layers of two tables, one array another one."""
    given = {n: np.array(v) for n, v in (START | {name: values}).items()}
    compared = Pins(
        given["source"].astype(np.int32), given["against"].astype(np.int32), given["margin"].astype(np.uint8)
    )
    of_tables = np.array(counters, np.int8)
    layers = (
        Layer(given["first"].astype(dtype), of_tables, compared),
        Layer(given["second"].astype(dtype), of_tables, more),
    )
    return LutNetwork(3, 2, layers, Int(-4, 3), make_head("group_sum", 2, 2))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "source", "values": [0, 1, 1, 1]}, r"0 has comparisons of sources 0\.\.1"),  # no feature's row
        ({"name": "source", "values": [3, 1, 1, 1]}, r"0 has comparisons of sources 1\.\.3"),
        ({"name": "source", "values": [-1, 1, 1, 1]}, r"0 has comparisons of sources -1\.\.1"),
        ({"name": "against", "values": [3, 1, 1, 1]}, r"0 has comparisons of .* against rows 1\.\.3"),
        ({"name": "against", "values": [-1, 1, 1, 1]}, r"0 has comparisons of .* against rows -1\.\.1"),
        ({"name": "source", "values": [1, 1]}, "0 has comparisons of shapes"),
        ({"name": "margin", "values": [[0, 0], [0, 0]]}, "0 has comparisons of shapes"),
        ({"name": "first", "values": [[0, 4], [0, 0]]}, r"0 has pins 0\.\.4, "),
        ({"name": "first", "values": [[0, -1], [0, 0]], "dtype": np.int32}, r"0 has pins -1\.\.0, "),
        ({"name": "first", "values": [0, 0]}, r"0 has uint16 pins \(2,\)"),
        ({"name": "first", "values": [[0, 0]]}, r"0 has uint16 pins \(1, 2\)"),
        ({"dtype": np.int64}, "0 has int64 pins"),
        ({"name": "second", "values": [[0, 1], [1, 2]]}, r"1 has pins 0\.\.2, "),
        ({"more": Pins(*np.array([[1, 1], [0, 0], [0, 0]], np.uint8))}, "1 has comparisons, "),
        ({"counters": ((0,) * 8,) * 2}, r"0 has .* counters \(2, 8\)"),
    ],
)  # fmt: skip
def test_pins_that_read_what_is_not_there(change, said):
    assert two_layers().num_tables == 4
    with pytest.raises(ModelError, match=f"^network: layer {said}.*expected ") as caught:
        two_layers(**change)
    assert "\n" not in str(caught.value)


def test_a_copy_has_arrays_of_its_own():
    encoder, _ = tabular(3)
    network = network_for(encoder, 0, classes=2, widths=[5], pins=2)
    other = network.copy()
    other.layers[0].counters[:] = 0
    other.layers[0].codes[:] = 1
    assert network.layers[0].counters.any() and np.any(network.layers[0].codes != 1)
    assert other.layers[0].compared is network.layers[0].compared


@given(seed=SEEDS, pins=st.integers(2, 6), copied=st.booleans())
def test_pins_of_their_own_comparisons_are_the_same_pins(seed, pins, copied):
    encoder, data = tabular(seed % 5)
    layer = network_for(encoder, seed, classes=2, widths=[9], pins=pins).layers[0]
    copies = Copies(np.array([3, 3, 8], np.int32), np.zeros(3, np.int32)) if copied else None
    layer = replace(layer, copies=copies)
    other = Layer.comparing(layer.pins, layer.counters, copies)
    assert other.compared.source.size == 9 * pins
    assert all(map(np.array_equal, other.pins, layer.pins)) and all(map(np.array_equal, other.spread(), layer.spread()))
    codes = encoder.codes(data)
    a, b = (
        class_scores(
            LutNetwork(encoder.rows, 2, (each,), Int(-32, 31), make_head("group_sum", each.num_tables, 2)), codes
        )
        for each in (layer, other)
    )
    assert np.array_equal(a, b)


# --- The circuit


SHAPES = [(2, (7,)), (4, (9,)), (6, (6,)), (2, (8, 5)), (4, (6, 7)), (6, (5, 3))]


def check_circuit(encoder, network, features):
    """Compare oracle, kernels and circuit; return the circuit."""
    codes = encoder.codes(features)
    scores = answers(network, codes)
    assert np.array_equal(class_scores(network, codes), scores)
    circuit = network_circuit(network, encoder.builder("net"), encoder.pin_wire)
    assert circuit.output_names == ("class",)
    found = simulate_values(circuit, encoder.inputs(features))
    assert np.array_equal(found[0], scores.argmax(axis=1))
    return circuit


@pytest.mark.parametrize(("pins", "widths"), SHAPES)
@pytest.mark.parametrize("floats", [False, True], ids=["integers", "floats"])
@settings(max_examples=6)
@given(seed=SEEDS, classes=st.integers(2, 3))
def test_the_circuit_of_a_tabular_network(floats, pins, widths, seed, classes):
    encoder, data = tabular(seed % 7, floats=floats)
    network = mixed_up(network_for(encoder, seed, classes=classes, widths=widths, pins=pins), seed)
    check_circuit(encoder, network, data)
    rng = np.random.default_rng(seed)
    check_circuit(encoder, network, rng.normal(size=(60, 4)) * 9 if floats else rng.integers(-90, 150, (60, 4)))


@pytest.mark.parametrize(("pins", "widths"), SHAPES)
@settings(max_examples=5)
@given(seed=SEEDS)
def test_the_circuit_of_an_image_network(pins, widths, seed):
    encoder, rng = ImageEncoder(6, 6), np.random.default_rng(seed)
    network = mixed_up(network_for(encoder, seed, classes=3, widths=widths, pins=pins), seed)
    smooth = np.add.outer(np.arange(6), np.arange(6)).reshape(-1) * rng.integers(-25, 25, (40, 1)) + 128
    images = np.concatenate(
        [
            rng.integers(0, 256, (80, 36)),
            rng.choice([0, 255], (40, 36)),
            np.clip(smooth, 0, 255),
            [[0] * 36, [255] * 36],
        ]
    )
    check_circuit(encoder, network, images)


@pytest.mark.parametrize("height", [1, 5])
def test_the_circuit_of_pins_at_their_ends(height):
    """Margins that no difference exceeds, a pixel against itself, thresholds 1 and 255, blurred corners."""
    encoder = ImageEncoder(height, 3)
    n = encoder.num_features
    pairs = [(1, 0, 0), (1, 0, 254), (1, 0, 255), (1, 2, 254), (1, 2, 255), (2, 2, 0), (n, n - 1, 0)]
    pairs += [(n + 1, 0, 0), (2 * n, 1, 3), (n + 1, 2 * n, 1), (n + 2, n + 2, 0), (1, n + 1, 200), (n + 1, 0, 143)]
    pairs.append((1, 2, 0))
    source, against, margin = np.array(pairs).T.reshape(3, -1, 2)
    pins = Pins(source.astype(np.int32), against.astype(np.int32), margin.astype(np.uint8))
    counters = np.tile(np.array([-1, 0, 0, -1], np.int8), (7, 1))  # XOR sees every pin
    network = LutNetwork(encoder.rows, 7, (Layer.comparing(pins, counters),), Int(-4, 3), make_head("group_sum", 7, 7))
    images = np.random.default_rng(0).choice([0, 1, 100, 254, 255], (400, n))
    check_circuit(encoder, network, images)


def test_the_first_of_equal_classes_is_the_answer():
    encoder, data = tabular(1)
    network = network_for(encoder, 0, classes=3, widths=[6], pins=2)
    for constant, counters in ((0, np.full((6, 4), -1, np.int8)), (2, np.zeros((6, 4), np.int8))):
        layer = replace(network.layers[0], counters=counters)
        same = replace(network, layers=(layer,))
        assert set(answers(same, encoder.codes(data)).reshape(-1).tolist()) == {constant}
        circuit = check_circuit(encoder, same, data)
        assert not simulate_values(circuit, encoder.inputs(data)).any()


@pytest.mark.parametrize("floats", [False, True], ids=["integers", "floats"])
def test_the_bits_and_the_aig_of_a_circuit(floats):
    encoder, data = tabular(2, floats=floats, features=3)
    network = mixed_up(network_for(encoder, 4, classes=3, widths=[7, 6], pins=4), 4)
    circuit = check_circuit(encoder, network, data)
    inputs = encoder.inputs(data)
    wanted = simulate_values(circuit, inputs)[0]
    words = to_bits(inputs, circuit.input_types)
    small = bit_blasted(circuit)
    for bits in (small, hashed(small)):
        found = unpack(simulate(bits, words, patterns=len(data)), len(data))
        assert np.array_equal((found.astype(int) << np.arange(len(found))[:, None]).sum(axis=0), wanted)
    assert to_aig(small).num_pos == small.num_outputs and and_count(small) > 0


def test_the_bits_of_an_image_circuit():
    encoder = ImageEncoder(3, 3)
    network = mixed_up(network_for(encoder, 1, classes=2, widths=[4], pins=3), 1)
    images = np.random.default_rng(1).integers(0, 256, (100, 9))
    circuit = check_circuit(encoder, network, images)
    words = to_bits(encoder.inputs(images), circuit.input_types)
    found = unpack(simulate(hashed(bit_blasted(circuit)), words, patterns=100), 100)
    assert np.array_equal(found[0], answers(network, encoder.codes(images)).argmax(axis=1))


@pytest.mark.parametrize(("widths", "pins"), [((60, 41), 2), ((60, 3), 3), ((90, 40, 33), 4)])
@settings(max_examples=4)
@given(seed=SEEDS)
def test_layers_wider_than_numbers_of_two_bytes_are_read_by_windows(widths, pins, seed):
    """With numbers that take two bytes up to 16: the same paths as beyond 65,536 tables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lut_network, "NARROW", 16)
        encoder, data = tabular(seed % 7)
        network = network_for(encoder, seed, classes=3, widths=widths, pins=pins)
    for layer, before in zip(network.layers[1:], widths, strict=False):
        assert layer.codes.dtype == np.uint16 and layer.codes.max() < 16 and layer.windows.max() == before - 16
        assert layer.spread().source.min() >= 1 and layer.spread().source.max() <= before
        if layer.num_tables >= len(layer.windows):
            assert layer.spread().source.max() > before - 16
    check_circuit(encoder, mixed_up(network, seed), data)
    codes, labels = encoder.codes(data), np.arange(len(data)) % 3
    bank = encoder.comparisons(Key(seed), 100)
    how = {"bank": bank, "key": Key(1), "settings": Settings(epochs=4, batch=64, every=3, swap=0.3)}
    runs = [list(fit(network, codes, labels, threads=threads, **how))[-1].network for threads in (1, 2)]
    for a, b, start in zip(runs[0].layers, runs[1].layers, network.layers, strict=True):
        assert np.array_equal(a.codes, b.codes) and np.array_equal(a.counters, b.counters)
        assert not np.array_equal(a.codes, start.codes) and np.array_equal(a.shift, start.shift)
    check_circuit(encoder, runs[0], data)


def test_windows_that_do_not_fit():
    network = two_layers()
    first, second = network.layers
    for windows in (
        np.array([-1], np.int32),
        np.zeros(0, np.int32),
        np.array([1], np.int32),
        np.zeros((1, 1), np.int32),
    ):
        with pytest.raises(ModelError, match=r"^network: layer 1 has "):
            replace(network, layers=(first, replace(second, windows=windows)))
