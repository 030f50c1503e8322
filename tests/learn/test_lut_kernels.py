"""The kernels of look-up table networks against their oracles, whatever the rows, signals and shares of tables are."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from learn import lut_kernels as kernels
from learn.keys import Key

ROOT = Path(__file__).resolve().parents[2]
SEEDS = st.integers(0, 10**6)
EXTREMES = np.array([0, 1, 127, 128, 254, 255])


def bytes_of(draw, shape):
    """Draw bytes, the extremes as often as all others."""
    return np.where(draw.random(shape) < 0.5, draw.choice(EXTREMES, shape), draw.integers(0, 256, shape)).astype(
        np.uint8
    )


def pins_of(draw, rows, shape, rows_of=np.int32):
    """Draw pins; half of the margins and of the rows beside are zero, as thresholds on bits have them."""
    source, against = (draw.integers(0, rows, shape).astype(rows_of) for _ in range(2))
    against *= draw.integers(0, 2, shape, dtype=rows_of)
    return source, against, bytes_of(draw, shape) * draw.integers(0, 2, shape, dtype=np.uint8)


def moves_of(further, tables):
    """Return how many rows further each table looks, (tables, 1), given the shifts that equal runs of them share."""
    return np.array([further[t * len(further) // tables] if len(further) else 0 for t in range(tables)])[:, None]


def wiring_of(draw, rows, shape, rows_of, *, compares, shifts):
    """Draw codes into a bank of comparisons, or of rows as they are, and the pins they stand for."""
    further = np.sort(draw.integers(0, 3, shifts).astype(np.int32))
    moves = moves_of(further, shape[0])
    if not compares:
        codes = draw.integers(0, rows, shape).astype(rows_of)
        empty = np.zeros(0, rows_of)
        source = codes.astype(np.int32) + 1 + moves
        none = np.zeros(shape, np.int32)
        return (codes, further, empty, empty, np.zeros(0, np.uint8)), (source, none, none.astype(np.uint8))
    bank = pins_of(draw, rows, 9, rows_of)
    bank = (bank[0] + rows_of(1), *bank[1:])  # a source is never the row of zeros
    codes = draw.integers(0, 9, shape).astype(rows_of)
    source, against, margin = (array[codes] for array in bank)
    source, against = source + moves, np.where(against == 0, 0, against + moves)
    return (codes, further, *bank), (source.astype(np.int32), against.astype(np.int32), margin)


def plain(pins):
    """Return the wiring of pins, (tables, k), each with a comparison of its own."""
    flat = [np.ascontiguousarray(array.reshape(-1)) for array in pins]
    return (np.arange(pins[0].size, dtype=np.int32).reshape(pins[0].shape), np.zeros(0, np.int32), *flat)


def edges_of(draw, parts):
    """Draw where shares of so many parts begin and end."""
    return [0, *sorted(draw(st.lists(st.integers(0, parts), max_size=3))), parts]


@st.composite
def layers(draw):
    """Draw a layer with all that its kernels read."""
    k, blocks, tables = draw(st.integers(2, 6)), draw(st.integers(1, 8)), draw(st.integers(1, 7))
    rows, signals = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    compares, shifts = draw(st.booleans()), draw(st.sampled_from([0, tables, 1 + tables // 2]))
    rng, batch = np.random.default_rng(draw(SEEDS)), 64 * blocks
    rows_of = np.uint16 if draw(st.booleans()) else np.int32
    wiring, pins = wiring_of(rng, rows, (tables, k), rows_of, compares=compares, shifts=shifts)
    held = bytes_of(rng, (rows + 4, batch)) if compares else rng.integers(0, 2, (rows + 4, batch), dtype=np.uint8)
    held[0] = 0
    return SimpleNamespace(
        k=k,
        batch=batch,
        count=tables,
        rng=rng,
        rows=held,
        wiring=wiring,
        pins=pins,
        cells=np.sort(rng.integers(0, tables, tables)).astype(np.int32) if draw(st.booleans()) else None,
        choices=9 if compares else rows,
        reach=draw(st.integers(0, 3)) % (9 if compares else rows),
        key=Key(draw(SEEDS)),
        tables=rng.choice([-128, -1, 0, 127], (tables, 1 << k)).astype(np.int8),
        votes=draw(st.sampled_from([np.int16, np.int32])) if batch < 259 else np.int32,
        addresses=rng.integers(0, 1 << k, (tables, batch), dtype=np.uint8),
        signal=rng.choice([-127, 127, 0, *range(-127, 128)], (signals, batch)).astype(np.int8)
        * (rng.random((signals, batch)) < draw(st.sampled_from([0.01, 0.2, 1.0]))).astype(np.int8),
        row=rng.integers(0, signals, tables).astype(np.int32),
        edges=edges_of(draw, tables),
        blocks=edges_of(draw, blocks),
    )


def in_shares(edges, work):
    """Run a kernel share by share; return what it returned, added up."""
    return sum(work(a, b) or 0 for a, b in pairwise(edges))


@given(layers())
def test_forward(layer):
    addresses, outputs = (np.full((layer.count + more, layer.batch), 99, np.uint8) for more in (0, 1))
    in_shares(
        layer.blocks,
        lambda a, b: kernels.forward(layer.rows, *layer.wiring, layer.tables, addresses, outputs[1:], a, b),
    )
    expected = kernels.forward_oracle(layer.rows, *layer.pins, layer.tables)
    assert np.array_equal(addresses, expected[0]) and np.array_equal(outputs[1:], expected[1])
    assert np.all(outputs[0] == 99)


@given(layers(), st.integers(1, 4))
def test_add_scores(layer, groups):
    addresses = np.full((layer.count, layer.batch), 99, np.uint8)
    group = layer.rng.integers(0, groups, layer.count).astype(np.int32)
    start = layer.rng.integers(-5, 5, (groups, layer.batch)).astype(np.int32)
    scores, expected = start.copy(), start.copy()
    read = (layer.rows, *layer.wiring, layer.tables, addresses, group, scores, layer.batch // 64)
    in_shares(layer.edges, lambda a, b: kernels.add_scores(*read, a, b))
    spelled, outputs = kernels.forward_oracle(layer.rows, *layer.pins, layer.tables)
    np.add.at(expected, group, outputs.astype(np.int32))
    assert np.array_equal(scores, expected) and np.array_equal(addresses, spelled)


@pytest.mark.parametrize("count", [254, 255, 256, 1000])
def test_scores_of_many_tables(count):
    rows, tables = np.ones((1, 64), np.uint8), np.zeros((count, 4), np.int8)
    pins = [np.zeros((count, 2), dtype) for dtype in (np.int32, np.int32, np.uint8)]
    scores, addresses = np.zeros((2, 64), np.int32), np.zeros((count, 64), np.uint8)
    kernels.add_scores(
        rows, *plain(pins), tables, addresses, (np.arange(count) == 0).astype(np.int32), scores, 1, 0, count
    )
    assert np.all(scores[0] == count - 1) and np.all(scores[1] == 1)


@pytest.mark.parametrize(
    ("x", "y", "margin", "bit"),
    [
        (255, 255, 0, 0),
        (255, 254, 0, 1),
        (255, 254, 1, 0),
        (255, 200, 100, 0),  # 300 is held at 255, it does not become 44
        (45, 200, 100, 0),
        (255, 255, 255, 0),
        (255, 0, 254, 1),
        (255, 0, 255, 0),
        (0, 0, 0, 0),
        (1, 0, 0, 1),
    ],
)
def test_a_pin_by_hand(x, y, margin, bit):
    rows = np.repeat(np.array([[x], [y]], np.uint8), 64, axis=1)
    pins = [np.array([v], dtype) for v, dtype in ((0, np.int32), (1, np.int32), (margin, np.uint8))]
    assert kernels.pins_oracle(rows, *pins).all() == kernels.pins_oracle(rows, *pins).any() == bit
    ones = np.zeros(1, np.int64)
    kernels.count_ones(rows, *pins, ones)
    assert ones == 64 * bit


@given(layers())
def test_count_ones(layer):
    source, against, margin = (np.ascontiguousarray(array.reshape(-1)) for array in layer.pins)
    counts = np.full(source.size, -1, np.int64)
    kernels.count_ones(layer.rows, source, against, margin, counts)
    wide = layer.rows.astype(int)
    assert np.array_equal(counts, (wide[source] - wide[against] > margin[:, None]).sum(axis=1))


@given(SEEDS, st.integers(0, 200), st.integers(1, 300), st.integers(0, 2), st.sampled_from([(0, 4), (0, 1, 3, 3, 4)]))
def test_gather(seed, batch, features, more, cuts):
    rng = np.random.default_rng(seed)
    data, rows = bytes_of(rng, (9, features)), np.full((features + more, 256), 7, np.uint8)
    index = rng.integers(0, 9, batch)
    for first, last in pairwise(cuts):
        kernels.gather(data, index, rows, first, last)
    assert np.array_equal(rows[:features, :batch], data[index].T)
    assert np.all(rows[features:] == 7) and np.all(rows[:, batch:] == 7)


@given(layers())
def test_count_votes(layer):
    votes = np.full((layer.count, 1 << layer.k), 99, layer.votes)
    size = in_shares(
        layer.edges, lambda a, b: kernels.count_votes(layer.addresses, layer.signal, layer.row, votes, a, b)
    )
    expected = kernels.votes_oracle(layer.addresses, layer.signal, layer.row, 1 << layer.k)
    assert np.array_equal(votes, expected) and size == np.abs(expected).sum()


def test_vote_type():
    assert [kernels.vote_type(batch) for batch in (64, 258, 259)] == [np.int16, np.int16, np.int32]
    zeros, signal = np.zeros((1, 256), np.uint8), np.full((1, 256), -127, np.int8)
    votes = np.zeros((1, 4), kernels.vote_type(256))
    assert kernels.count_votes(zeros, signal, np.zeros(1, np.int32), votes, 0, 1) == 127 * 256
    assert votes.tolist() == [[-127 * 256, 0, 0, 0]]


def test_votes_and_changes_of_a_great_batch_do_not_overflow():
    batch = 1 << 17
    zeros, ones = np.zeros((1, batch), np.uint8), np.ones((1, batch), np.uint8)
    signal, row, votes = np.full((1, batch), -127, np.int8), np.zeros(1, np.int32), np.zeros((1, 4), np.int32)
    assert kernels.count_votes(zeros, signal, row, votes, 0, 1) == 127 * batch
    assert votes.tolist() == [[-127 * batch, 0, 0, 0]]
    tables, changes = np.full((1, 4), -1, np.int8), np.zeros((1, 2), np.int64)
    tables[0, 1] = 0
    bank = np.zeros(1, np.int32), np.ones(1, np.int32), np.zeros(1, np.uint8)
    none, codes = np.zeros(0, np.int32), np.zeros((1, 2), np.int32)
    offered = (none, 1, 0, np.uint64(0), np.uint64(0))
    rows = np.concatenate([ones, zeros])
    kernels.add_changes(rows, codes, none, *bank, *offered, tables, zeros, votes, signal, row, changes, 0, 1)
    assert changes.tolist() == [[-127 * batch, 0]]


def candidates_of(layer):
    """Return what the kernels are told of candidates, and the pins these are."""
    codes, further, *bank = layer.wiring
    cells = np.arange(layer.count) if layer.cells is None else layer.cells
    codes = codes[cells]  # copies have the codes of their cell
    layer.wiring = (codes, further, *bank)
    moves = moves_of(further, layer.count)
    drawn = layer.key.words(4 * layer.count).view(np.uint32).reshape(layer.count, 8)[cells, : layer.k].astype(object)
    chosen = np.zeros((layer.count, layer.k), np.int64)
    for t in range(layer.count):
        for i in range(layer.k):
            place, near = int(drawn[t, i]) >> 1, int(drawn[t, i]) & 1
            chosen[t, i] = place * layer.choices >> 31
            if near and layer.reach:
                away = (place * (2 * layer.reach + 1) >> 31) - layer.reach
                chosen[t, i] = (int(codes[t, i]) + away) % layer.choices
    share = np.zeros(0, np.int32) if layer.cells is None else layer.cells
    offered = (share, layer.choices, layer.reach, *map(np.uint64, layer.key.philox_key()))
    if not len(bank[0]):
        none = np.zeros(chosen.shape, np.int64)
        return offered, chosen, (chosen + 1 + moves, none, none.astype(np.uint8))
    source, against, margin = (array[chosen] for array in bank)
    return offered, chosen, (source + moves, np.where(against == 0, 0, against + moves), margin)


@given(layers(), st.sampled_from([np.int32, np.int64]))
def test_add_changes(layer, dtype):
    votes = kernels.votes_oracle(layer.addresses, layer.signal, layer.row, 1 << layer.k).astype(layer.votes)
    start = layer.rng.integers(-9, 9, (layer.count, layer.k)).astype(dtype)
    changes = start.copy()
    offered, _, others = candidates_of(layer)
    read = (layer.rows, *layer.wiring, *offered, layer.tables, layer.addresses, votes, layer.signal, layer.row)
    in_shares(layer.edges, lambda a, b: kernels.add_changes(*read, changes, a, b))
    expected = kernels.changes_oracle(layer.rows, *others, layer.tables, layer.addresses, layer.signal, layer.row)
    assert np.array_equal(changes - start, expected)


@given(layers(), st.integers(0, 5))
def test_a_change_is_that_of_another_forward_pass(layer, pin):
    """One candidate put in place, the signals' sum over what is then 1 changes by what was promised."""
    pin %= layer.k
    layer.cells = None
    offered, chosen, others = candidates_of(layer)
    addresses, outputs = kernels.forward_oracle(layer.rows, *layer.pins, layer.tables)
    votes = kernels.votes_oracle(addresses, layer.signal, layer.row, 1 << layer.k).astype(layer.votes)
    changes = np.zeros((layer.count, layer.k), np.int64)
    read = (layer.rows, *layer.wiring, *offered, layer.tables, addresses, votes, layer.signal, layer.row)
    kernels.add_changes(*read, changes, 0, layer.count)
    moved = [array.copy() for array in layer.pins]
    for array, other in zip(moved, others, strict=True):
        array[:, pin] = other[:, pin]
    _, then = kernels.forward_oracle(layer.rows, *moved, layer.tables)
    signal = layer.signal[layer.row].astype(int)
    assert np.array_equal(changes[:, pin], (signal * (then.astype(int) - outputs)).sum(axis=1))
    codes, best = layer.wiring[0].copy(), np.arange(layer.count) * layer.k + pin
    kernels.put_candidates(codes, best, *offered[1:])
    assert np.array_equal(codes[:, pin], chosen[:, pin])
    codes[:, pin] = layer.wiring[0][:, pin]
    assert np.array_equal(codes, layer.wiring[0])


@given(layers())
def test_candidates_are_those_of_the_oracle(layer):
    layer.cells = None
    _, chosen, _ = candidates_of(layer)
    assert np.array_equal(chosen, kernels.candidates_oracle(layer.wiring[0], layer.choices, layer.reach, layer.key))
    assert chosen.min() >= 0 and chosen.max() < layer.choices


def test_candidates_are_near_or_anywhere():
    codes, choices, reach = np.full((4000, 6), 990), 1000, 20
    found = kernels.candidates_oracle(codes, choices, reach, Key(0)).reshape(-1)
    away = (found - 990 + 500) % 1000 - 500
    near = np.abs(away) <= reach
    share = 0.5 + 0.5 * (2 * reach + 1) / choices
    assert abs(near.mean() - share) < 4 * (share * (1 - share) / found.size) ** 0.5
    counts = np.bincount(away[near] + reach)
    assert counts.size == 2 * reach + 1 and counts.min() > 0.7 * counts.mean()
    far = np.bincount(found[~near] // 100, minlength=10)
    assert far[:9].min() > 0.8 * far[:9].mean()


@given(layers(), st.integers(1, 5), st.sampled_from([np.int16, np.int32]))
def test_add_input_signals(layer, sources, dtype):
    codes = layer.rng.integers(0, sources, (layer.count, layer.k)).astype(layer.wiring[0].dtype)
    shift = layer.wiring[1]
    source = codes.astype(np.int32) + 1 + moves_of(shift, layer.count)
    sources += 4
    start = layer.rng.integers(-9, 9, (sources, layer.batch)).astype(dtype)
    found = start.copy()
    in_shares(
        layer.blocks,
        lambda a, b: kernels.add_input_signals(
            layer.tables, layer.addresses, layer.signal, layer.row, codes, shift, found, a, b
        ),
    )
    expected = kernels.input_signals_oracle(layer.tables, layer.addresses, layer.signal, layer.row, source, sources)
    assert np.array_equal(found - start, expected)


@pytest.mark.parametrize("readers", [258, 259])
def test_signals_of_a_row_that_many_read_do_not_overflow(readers):
    tables = np.full((readers, 2), -1, np.int8)
    tables[:, 1] = 0
    addresses, codes, none = np.zeros((readers, 64), np.uint8), np.zeros((readers, 1), np.int32), np.zeros(0, np.int32)
    signal, row = np.full((1, 64), -127, np.int8), np.zeros(readers, np.int32)
    sums = kernels.signal_sums(codes, none, 2, 64)
    assert sums.dtype == (np.int16 if readers == 258 else np.int32)
    kernels.add_input_signals(tables, addresses, signal, row, codes, none, sums, 0, 1)
    assert set(sums[1].tolist()) == {-127 * readers} and not sums[0].any()


@given(SEEDS, st.integers(1, 9), st.integers(1, 4), st.sampled_from([np.int32, np.int64]))
def test_add_copies(seed, tables, cells, dtype):
    rng = np.random.default_rng(seed)
    values, share = rng.integers(-99, 99, (tables, 4)).astype(dtype), rng.integers(0, cells, tables).astype(np.int32)
    sums = rng.integers(-9, 9, (cells, 4)).astype(dtype)
    expected = sums.copy()
    np.add.at(expected, share, values)
    kernels.add_copies(values, share, sums)
    assert np.array_equal(sums, expected)


def test_kernels_work_on_a_plain_processor(tmp_path):
    """What numba compiles for decides, not what the machine could do: without the wide permutation, the plain loop."""
    code = (
        "import numpy as np\n"
        "from learn import lut_kernels as k\n"
        "from learn.keys import Key\n"
        "assert not k.WIDE\n"
        "r = np.random.default_rng(0)\n"
        "rows, tables = r.integers(0, 256, (5, 128), dtype=np.uint8), r.integers(-2, 2, (3, 64), dtype=np.int8)\n"
        "pins = [r.integers(0, n, (3, 6)).astype(d) for n, d in ((5, np.int32), (5, np.int32), (50, np.uint8))]\n"
        "a, o = np.zeros((3, 128), np.uint8), np.zeros((3, 128), np.uint8)\n"
        "rows[0] = 0\n"
        "none, codes = np.zeros(0, np.int32), np.arange(18, dtype=np.uint16).reshape(3, 6)\n"
        "wiring = (codes, none, *(p.reshape(-1) for p in pins))\n"
        "k.forward(rows, *wiring, tables, a, o, 0, 2)\n"
        "assert all(map(np.array_equal, (a, o), k.forward_oracle(rows, *pins, tables)))\n"
        "signal, row = r.integers(-127, 128, (2, 128)).astype(np.int8), np.array([1, 0, 1], np.int32)\n"
        "votes, changes = np.zeros((3, 64), np.int32), np.zeros((3, 6), np.int64)\n"
        "k.count_votes(a, signal, row, votes, 0, 3)\n"
        "few = np.zeros((3, 4), np.int32)\n"
        "k.count_votes(a & 3, signal, row, few, 0, 3)\n"
        "assert np.array_equal(few, k.votes_oracle(a & 3, signal, row, 4))\n"
        "halves = map(np.uint64, Key(5).philox_key())\n"
        "k.add_changes(rows, *wiring, none, 18, 2, *halves, tables, a, votes, signal, row, changes, 0, 3)\n"
        "chosen = k.candidates_oracle(codes, 18, 2, Key(5))\n"
        "others = [p.reshape(-1)[chosen] for p in pins]\n"
        "assert np.array_equal(changes, k.changes_oracle(rows, *others, tables, a, signal, row))\n"
        "pins[0][:] = 1 + pins[0] % 4\n"
        "sums = k.signal_sums(pins[0] - 1, none, 5, 128)\n"
        "k.add_input_signals(tables, a, signal, row, pins[0] - 1, none, sums, 0, 2)\n"
        "assert np.array_equal(sums, k.input_signals_oracle(tables, a, signal, row, pins[0], 5))\n"
    )
    names = {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | names, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- The step of the vote rule


def draws(key, table, entries):
    """Return the 16-bit numbers a table's entries use: one of numpy's Philox, and multiples of 40503 above it."""
    halves, block = key.philox_key(), table // 16
    before = (block - 1) % (1 << 256)  # numpy counts up before it draws
    words = np.random.Philox(counter=before, key=halves[0] + (halves[1] << 64)).random_raw(4).tolist()
    drawn = words[table % 16 // 4] >> 16 * (table % 4)
    return [(drawn + 40503 * a) % (1 << 16) for a in range(entries)]


def step_oracle(votes, rate, lo, hi, key, counters):
    """Return the counters after a step, one entry after another."""
    size, count, after = sum(abs(v) for row in votes for v in row), sum(map(len, votes)), [list(r) for r in counters]
    if rate == 0 or max(1, size) // (rate * count) >= 1 << 15:
        return after
    shift = max(s for s in range(31) if (max(1, size) << s) // (rate * count) < 1 << 15)
    factor = (max(1, size) << shift) // (rate * count)
    for t, row in enumerate(votes):
        for a, (vote, uniform) in enumerate(zip(row, draws(key, t, len(row)), strict=True)):
            if uniform * factor >> shift < abs(vote):
                after[t][a] = min(hi, max(lo, after[t][a] + (-1 if vote > 0 else 1)))
    return after


def stepped(votes, rate, lo, hi, key, counters, edges):
    """Run the kernel in shares; return counters and flips."""
    counters = counters.copy()
    size, (key0, key1) = max(1, int(np.abs(votes.astype(int)).sum())), map(np.uint64, key.philox_key())
    flips = sum(
        kernels.step_by_votes(votes, size, votes.size, rate, lo, hi, key0, key1, counters, a, b)
        for a, b in pairwise(edges)
    )
    return counters, flips


@given(
    seed=SEEDS,
    k=st.integers(2, 6),
    tables=st.integers(1, 5),
    bound=st.sampled_from([1, 2, 5, 32, 128]),
    rate=st.sampled_from([0, 1, 300, 9830, 65536, 10**7]),
    largest=st.sampled_from([0, 1, 60, 127 * 4096]),
    cut=st.integers(0, 5),
)
@example(seed=0, k=6, tables=2, bound=128, rate=65536, largest=127 * 4096, cut=1)
def test_step_by_votes(seed, k, tables, bound, rate, largest, cut):
    rng, key, lo, hi = np.random.default_rng(seed), Key(seed).fold("step"), -bound, bound - 1
    votes = rng.integers(-largest, largest, (tables, 1 << k), endpoint=True).astype(np.int32)
    votes[rng.random(votes.shape) < 0.3] = 0
    counters = rng.integers(lo, hi, votes.shape, endpoint=True).astype(np.int8)
    edges = [0, min(cut, tables), tables]
    after, flips = stepped(votes, rate, lo, hi, key, counters, edges)
    assert after.tolist() == step_oracle(votes.tolist(), rate, lo, hi, key, counters.tolist())
    assert after.min() >= lo and after.max() <= hi
    assert np.array_equal(after[votes == 0], counters[votes == 0])
    assert flips == ((after >= 0) != (counters >= 0)).sum()


def test_step_probabilities():
    runs, rate = 4000, 0.15
    votes = np.array([[0, 1, -2, 5, -60, 300, 7, -7], [3, -3, 40, -40, 0, 900, -2000, 1]], np.int32)
    size, counters = np.abs(votes).sum(), np.zeros(votes.shape, np.int8)
    p = np.minimum(1, rate * votes.size * np.abs(votes) / size)
    steps = np.zeros((runs, *votes.shape), int)
    for i in range(runs):
        steps[i] = stepped(votes, round(rate * 65536), -32, 31, Key(i).fold("z"), counters, [0, 2])[0]
    assert np.array_equal(np.sign(steps), steps) and np.all(steps * votes <= 0)
    limit = NormalDist().inv_cdf(1 - 1e-3 / (2 * votes.size))
    happened = np.abs(steps).sum(axis=0)
    assert np.all(np.abs(happened - runs * p) <= limit * np.sqrt(runs * p * (1 - p)) + runs * 2.0**-15)
    assert p.max() == 1 and np.all(happened[p == 1] == runs) and not happened[votes == 0].any()
    # tables draw on their own: those of one word of random bits too
    some = (p > 0.01) & (p < 1)
    one, other = ((steps[:, t] != 0)[:, some[t]] for t in range(2))
    correlation = np.corrcoef(one.T, other.T)[: one.shape[1], one.shape[1] :]
    limit = NormalDist().inv_cdf(1 - 1e-3 / (2 * correlation.size)) / runs**0.5
    assert correlation.size and np.abs(correlation).max() < limit


@settings(max_examples=10)
@given(SEEDS)
def test_steps_reach_the_ends_and_stay(seed):
    rng = np.random.default_rng(seed)
    votes = rng.choice([-5, 5], (3, 16)).astype(np.int32)
    counters = np.zeros(votes.shape, np.int8)
    for i in range(12):
        counters, _ = stepped(votes, 1 << 16, -4, 3, Key(i), counters, [0, 3])
    assert np.array_equal(counters, np.where(votes > 0, -4, 3))
