"""Tables moved over an image: against a convolution, a pool and a tree made position by position."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learn.encoders import ImageEncoder, WindowEncoder
from learn.errors import ModelError
from learn.keys import Key
from learn.lut_kernels import forward_oracle
from learn.models.convolution import Grid, convolution, pool, tree
from learn.models.kinds import MODELS, window_of, window_shifts
from learn.models.lut_network import Copies, Layer, LutNetwork, Pins, make_network
from learn.models.readouts import make_head
from learn.spaces import Int
from learn.train import probes_of

HEIGHT, WIDTH, WINDOW = 9, 8, 4
ENCODER = WindowEncoder(HEIGHT, WIDTH, window=WINDOW)
GRID = Grid(1, HEIGHT, WIDTH)


BANK = ENCODER.comparisons(Key(9), 5000)


def draw(key, count, pins=4):
    return BANK.chosen(BANK.draw(key, count, pins)).pins


def images_of(seed, samples=20):
    return np.random.default_rng(seed).integers(0, 256, (samples, HEIGHT, WIDTH))


def outputs(layers, codes):
    """Return the bits of the last of some layers: (tables, samples)."""
    read = codes.T
    for layer in layers:
        _, bits = forward_oracle(read, *layer.spread(), layer.tables)
        read = np.concatenate([bits[:1] * 0, bits])
    return bits


def convolved(layers, codes, stride):
    """Return channels by place: the cells of the first layer on the codes of each window moved to the top left."""
    pixels = codes[:, 1:].reshape(len(codes), 2, HEIGHT, WIDTH)
    bits = []
    for y in range(0, HEIGHT - WINDOW + 1, stride):
        for x in range(0, WIDTH - WINDOW + 1, stride):
            moved = np.roll(pixels, (-y, -x), axis=(2, 3)).reshape(len(codes), -1)
            rows = np.concatenate([codes[:, :1], moved], axis=1).T
            for layer in layers:
                cells = layer.pins
                if layer is not layers[0]:  # a level reads the tables of the level before at the same place
                    count = len(layer.counters) * cells.source.shape[1]
                    source = 1 + np.arange(count, dtype=np.int32).reshape(cells.source.shape)
                    cells = Pins(source, cells.against, cells.margin)
                _, here = forward_oracle(rows, *cells, layer.counters)
                rows = np.concatenate([here[:1] * 0, here])
            bits.append(here)
    return np.stack(bits, axis=1).reshape(-1, len(codes))


@pytest.mark.parametrize("depth", [1, 2, 3])
@given(seed=st.integers(0, 10**6), stride=st.integers(1, 3))
def test_a_tree_is_its_tables_at_each_place(depth, seed, stride):
    layers, places = tree(
        BANK, GRID, channels=3, pins=2, depth=depth, size=WINDOW, stride=stride, bound=8,
        key=Key(seed),
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    for layer in layers:
        layer.counters[:] = rng.integers(-8, 8, layer.counters.shape)
    codes = ENCODER.codes(images_of(seed).reshape(20, -1))
    found = outputs(layers, codes)
    assert len(found) == places.channels * places.places and places.channels == 3
    assert np.array_equal(found, convolved(layers, codes, stride))
    assert [len(layer.counters) for layer in layers] == [3 * 2 ** (depth - 1 - level) for level in range(depth)]


def test_a_tree_starts_as_its_first_leaf():
    options = {"channels": 2, "pins": 4, "size": WINDOW, "stride": 1, "bound": 8, "key": Key(0)}
    layers, _ = tree(BANK, GRID, depth=2, **options)
    codes = ENCODER.codes(images_of(0).reshape(20, -1))
    leaves = outputs(layers[:1], codes).reshape(2, 4, -1, 20)
    assert np.array_equal(outputs(layers, codes), leaves[:, 0].reshape(-1, 20))


@pytest.mark.parametrize(("function", "least"), [("or", 1), ("majority", 2)])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_pool_sums_up_a_window_of_each_channel(function, least, stride):
    layer, places = pool(Grid(3, 5, 6), function=function, stride=stride)
    bits = np.random.default_rng(0).integers(0, 2, (3, 5, 6, 64), dtype=np.uint8)
    rows = np.concatenate([np.zeros((1, 64), np.uint8), bits.reshape(-1, 64)])
    _, found = forward_oracle(rows, *layer.spread(), layer.tables)
    ones = np.lib.stride_tricks.sliding_window_view(bits, (2, 2), axis=(1, 2))[:, ::stride, ::stride].sum(axis=(-2, -1))
    assert places == Grid(3, *ones.shape[1:3])
    assert np.array_equal(found.reshape(ones.shape), ones >= least)
    assert layer.frozen and not layer.swaps and len(layer.counters) == 1


@given(st.integers(0, 10**6))
def test_pins_of_a_window_lie_in_it(seed):
    pins = draw(Key(seed), 50)
    for rows in pins[:2]:
        pixel = (rows[rows > 0] - 1) % (HEIGHT * WIDTH)
        assert (pixel // WIDTH).max() < WINDOW and (pixel % WIDTH).max() < WINDOW
    assert pins.source.min() > 0 and pins.source.max() > HEIGHT * WIDTH  # blurred pixels too


def test_probes_show_what_copies_see():
    codes = ENCODER.codes(images_of(0, 64).reshape(64, -1))
    shifts = GRID.slid(WINDOW, 2)[1]
    probes, pins = probes_of(codes, Key(0), shifts), draw(Key(1), 5)
    layer, _ = convolution(BANK, GRID, channels=5, pins=4, size=WINDOW, stride=2, bound=8, key=Key(0))
    layer = Layer.comparing(pins, layer.counters, layer.copies)
    seen = forward_oracle(codes.T, *layer.spread(), layer.tables)[0].reshape(5, len(shifts), 64)
    found, at = forward_oracle(probes, *pins, layer.counters)[0], set()
    for b in range(64):
        places = np.flatnonzero((seen[:, :, b] == found[:, b, None]).all(axis=0))
        assert len(places)
        at |= set(places.tolist())
    assert len(at) > len(shifts) // 2


def test_windows():
    assert (window_of((28, 28)), window_of((8, 8)), window_of((40, 6)), window_of((3, 9))) == (7, 4, 4, 3)
    assert window_shifts((8, 8)).tolist() == [0, 2, 4, 16, 18, 20, 32, 34, 36]
    assert {name for name, row in MODELS.items() if row.moves} == {"convolution", "pool", "tree"}
    for size, stride in ((0, 1), (10, 1), (9, 1), (2, 0)):
        with pytest.raises(ModelError, match=r"^window: got size"):
            GRID.slid(size, stride)
    with pytest.raises(ModelError, match=r"^pool: got 'and'"):
        pool(GRID, function="and")
    with pytest.raises(ModelError, match=r"^pool: got 'or' of 3 by 3"):
        pool(GRID, size=3)


def network_of(copies):
    pins = Pins(np.ones((1, 2), np.int32), np.zeros((1, 2), np.int32), np.zeros((1, 2), np.uint8))
    layer = Layer.comparing(pins, np.zeros((1, 4), np.int8), copies)
    return LutNetwork(4, 2, (layer,), Int(-4, 3), make_head("group_sum", layer.num_tables, 2))


def test_copies_that_read_what_is_not_there():
    zeros, shift = np.zeros(3, np.int32), np.arange(3, dtype=np.int32)
    assert network_of(Copies(zeros, shift)).num_tables == 3
    for copies, said in (
        (Copies(zeros, shift + 1), r"has comparisons of sources 1\.\.1 .* expected rows below 1, "),
        (Copies(zeros, shift - 1), "as many places as copies"),
        (Copies(zeros, shift[:2]), "as many places as copies"),
        (Copies(zeros + 1, shift), "each of one of 1 cells"),
    ):
        with pytest.raises(ModelError, match=f"^network: layer 0 .*{said}"):
            network_of(copies)


def test_a_readout_that_does_not_fit():
    encoder = ImageEncoder(3, 3)
    network = make_network(
        encoder.comparisons(Key(0), 99),
        rows=encoder.rows, classes=2, widths=[4], pins=2, bound=4, key=Key(0), readout="weighted_sum",
    )  # fmt: skip
    assert network.head.weights.tolist() == [4] * 4
    for head in (
        make_head("weighted_sum", 5, 2),
        make_head("weighted_sum", 4, 3),
        network.head._replace(counters=np.full((4, 1), -25, np.int8)),
    ):
        with pytest.raises(ModelError, match=r"^network: the readout has "):
            LutNetwork(network.rows, 2, network.layers, network.space, head)
