"""Training of look-up tables: a step against an oracle that goes sample by sample, determinism, and that it learns."""

import dataclasses
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from learn import lut_kernels as kernels
from learn import train
from learn.encoders import ImageEncoder, TabularEncoder
from learn.errors import LossError, TrainError
from learn.keys import Key
from learn.losses import softmax
from learn.models.lut_network import Bank, make_network, network_circuit
from learn.rules import RULES, make_rule, rules_in
from learn.spaces import Int
from learn.train import Settings, Share, class_scores, default_tau, fit

QUICK = Settings(epochs=15, batch=128, every=10)
SHAPES = [(4, (60,)), (6, (60,)), (4, (60, 30))]


def numbers(seed, samples, features=4):
    return np.random.default_rng(seed).normal(size=(samples, features))


def three_classes(x):
    return (x[:, 0] > -0.4).astype(int) + (x[:, 0] + x[:, 1] > 0.8)


def exclusive_or(x):
    return ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(int)


PROBLEMS = {"three classes": (three_classes, 3), "exclusive or": (exclusive_or, 2)}


def start(encoder, seed, *, classes, widths, pins, bound=32, readout="group_sum"):
    """Return a bank and a network to train."""
    key = Key(seed)
    bank = encoder.comparisons(key.fold("bank"), 1 << 16)
    return bank, make_network(
        bank,
        rows=encoder.rows,
        classes=classes,
        widths=widths,
        pins=pins,
        bound=bound,
        key=key,
        readout=readout,
    )


def trained(
    problem="exclusive or", seed=0, *, widths=(60,), pins=4, bound=32, settings=QUICK, samples=1000,
    readout="group_sum", **options,
):  # fmt: skip
    """Train on a problem; return encoder and events."""
    label, classes = PROBLEMS[problem]
    x = numbers(seed, max(2, samples))
    encoder = TabularEncoder.fit(x, levels=8)
    x = x[:samples]
    bank, network = start(encoder, seed, classes=classes, widths=widths, pins=pins, bound=bound, readout=readout)
    options = {"key": Key(seed).fold("fit"), "settings": settings} | options
    return encoder, list(fit(network, encoder.codes(x), label(x), bank=bank, **options))


def arrays_of(network):
    return [array for layer in network.layers for array in (*layer.pins, layer.counters)]


def told(event):
    """What an event tells that depends on nothing but the training."""
    return repr((event.step, event.steps, event.epoch, event.ended, *event[6:12]))


def same(a, b):
    heads = (a.head.counters, b.head.counters), (a.head.bias, b.head.bias)
    return all(map(np.array_equal, arrays_of(a), arrays_of(b))) and all(np.array_equal(*pair) for pair in heads)


# --- It learns


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("pins", "widths"), SHAPES)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_it_learns(problem, pins, widths, seed):
    encoder, events = trained(problem, seed, widths=widths, pins=pins, samples=1500)
    label, _ = PROBLEMS[problem]
    fresh = numbers(seed + 1000, 1000)
    network = events[-1].network
    right = class_scores(network, encoder.codes(fresh)).argmax(axis=1) == label(fresh)
    assert events[-1].accuracy > 0.88 and right.mean() > 0.85
    assert events[-1].loss < events[0].loss / 1.3
    assert all(network.space.contains(layer.counters) for layer in network.layers)


def test_it_learns_images():
    rng, encoder = np.random.default_rng(0), ImageEncoder(6, 6)
    labels = np.arange(600) % 3
    images = rng.integers(0, 120, (600, 6, 6))
    for image, label in zip(images, labels, strict=True):
        image[:, 2 * label : 2 * label + 2] += rng.integers(40, 130)
    codes = encoder.codes(images.reshape(600, 36))
    bank, network = start(encoder, 0, classes=3, widths=(90,), pins=6)
    *_, event = fit(network, codes, labels, bank=bank, key=Key(1), settings=QUICK)
    assert event.accuracy > 0.9


@pytest.mark.parametrize("name", rules_in(Int))
@pytest.mark.parametrize("bound", [1, 32])
def test_every_rule_drives_it(name, bound):
    settings = replace(QUICK, rule=name)
    for widths in ((60,), (60, 30)):
        for problem, chance in (("exclusive or", 0.5), ("three classes", 0.5)):
            _, events = trained(problem, widths=widths, settings=settings, bound=bound)
            assert events[-1].accuracy > chance + 0.3 or RULES[name].freezes, events[-1].accuracy
            assert events[-1].network.space.contains(events[-1].network.layers[0].counters)
    _, again = trained(problem, widths=widths, settings=settings, bound=bound, threads=2)
    assert same(again[-1].network, events[-1].network)


def test_a_rule_of_another_space_stays_in_the_networks():
    encoder = TabularEncoder.fit(numbers(0, 300))
    bank, network = start(encoder, 0, classes=2, widths=(9,), pins=4, bound=3)
    x = numbers(0, 300)
    settings = replace(QUICK, rule=make_rule("vote", Int(-100, 100), rate=2.0))
    for event in fit(network, encoder.codes(x), exclusive_or(x), bank=bank, key=Key(0), settings=settings):
        assert network.space.contains(event.network.layers[0].counters)


# --- Determinism


@pytest.mark.parametrize(("pins", "widths"), SHAPES)
def test_key_and_threads(pins, widths):
    _, events = trained(widths=widths, pins=pins)
    assert sum(event.swaps for event in events) > 0
    for threads in (1, 2, 3, 100):
        _, again = trained(widths=widths, pins=pins, threads=threads)
        assert len(again) == len(events)
        for a, b in zip(events, again, strict=True):
            assert told(a) == told(b) and same(a.network, b.network)
    _, other = trained(widths=widths, pins=pins, key=Key(77))
    assert not same(events[-1].network, other[-1].network)


@pytest.mark.parametrize("readout", ["group_sum", "weighted_sum", "one_vs_rest"])
@pytest.mark.parametrize("widths", [(30,), (12, 9)])
def test_processes_that_share_a_training_get_the_network_of_one(widths, readout):
    """Threads stand for the processes; sums wait for all of them, as theirs do."""
    wanted, size = trained(widths=widths, samples=700, readout=readout)[1][-1], 3
    parts, barrier, results = [np.zeros(0)] * size, threading.Barrier(size, timeout=60), [None] * size

    def work(rank):
        def add(array):
            parts[rank] = array.copy()
            barrier.wait()
            total = sum(parts[1:], parts[0])
            barrier.wait()
            array[:] = total

        results[rank] = trained(widths=widths, samples=700, share=Share(rank, size, add), readout=readout)[1][-1]

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for found in results:
        assert same(found.network, wanted.network) and found.flips == wanted.flips
        assert found.accuracy == wanted.accuracy and np.isclose(found.loss, wanted.loss)


def test_threads_end_where_training_is_left():
    x, before = numbers(0, 500), threading.active_count()
    encoder = TabularEncoder.fit(x)
    bank, network = start(encoder, 0, classes=2, widths=(20,), pins=4)
    events = fit(network, encoder.codes(x), exclusive_or(x), bank=bank, key=Key(0), threads=3)
    assert next(events).epoch == 1 and threading.active_count() > before
    events.close()
    assert threading.active_count() == before


def test_the_network_to_start_from_is_not_changed():
    x = numbers(0, 500)
    encoder = TabularEncoder.fit(x)
    bank, network = start(encoder, 0, classes=2, widths=(20, 10), pins=4)
    before, codes, labels = network.copy(), encoder.codes(x), exclusive_or(x)
    kept = codes.copy(), labels.copy(), bank.pins.source.copy()
    first, *_, last = fit(network, codes, labels, bank=bank, key=Key(0), settings=QUICK)
    assert same(network, before) and not same(network, last.network)
    assert all(map(np.array_equal, kept, (codes, labels, bank.pins.source)))
    assert not same(first.network, last.network)  # an event's network is no view of what goes on


def test_validation_is_only_looked_at():
    fresh = numbers(9, 333)
    encoder, plain = trained("three classes", widths=(60, 30))
    codes, labels = encoder.codes(fresh), three_classes(fresh)
    _, events = trained("three classes", widths=(60, 30), validation=(codes, labels))
    _, wrong = trained("three classes", widths=(60, 30), validation=(codes[:5], labels[:5] * 0))
    for a, b, c in zip(plain, events, wrong, strict=True):
        assert same(a.network, b.network) and same(a.network, c.network)
        assert np.isnan(a.validation)
        assert b.validation == (class_scores(b.network, codes).argmax(axis=1) == labels).mean()
        assert (a.loss, a.accuracy, a.flips, a.swaps) == (b.loss, b.accuracy, b.flips, b.swaps)


def test_events():
    _, events = trained(widths=(60, 30), samples=1000, settings=replace(QUICK, epochs=4))
    assert [event.step for event in events] == [8, 16, 24, 32] and {event.steps for event in events} == {32}
    assert [event.epoch for event in events] == [1, 2, 3, 4]
    assert all(a.seconds <= b.seconds for a, b in pairwise(events))
    assert all(len(event.flips) == 2 and min(event.flips) >= 0 and event.loss > 0 for event in events)
    assert all(0 <= event.accuracy <= 1 and event.samples_per_second > 0 and event.ended for event in events)
    assert [len(event.history) for event in events] == [1, 2, 3, 4]
    for event, of_pass in zip(events, events[-1].history, strict=True):
        assert repr(of_pass[:]) == repr(event[6:11]) and event.best is event.network


def test_a_pulse_in_the_middle_of_a_pass():
    options = {"samples": 1000, "settings": replace(QUICK, epochs=2, every=5), "widths": (60, 30)}
    _, events = trained(**options)
    _, often = trained(**options, pulse=0.0)
    assert [event.step for event in often] == list(range(1, 17))
    assert [event.ended for event in often] == ([False] * 7 + [True]) * 2
    assert [event.epoch for event in often] == [1] * 8 + [2] * 8
    assert [told(event) for event in often if event.ended] == [told(event) for event in events]
    for a, b in pairwise(often[:8]):
        assert all(map(int.__le__, a.flips, b.flips)) and a.swaps <= b.swaps
    assert len([event for event in trained(**options, pulse=1000.0)[1]]) == 2


def test_best_is_the_latest_of_those_that_got_most_right():
    fresh = numbers(9, 50)
    encoder, _ = trained("three classes")
    codes, labels = encoder.codes(fresh), three_classes(fresh)
    _, events = trained("three classes", validation=(codes, labels))
    found = [event.validation for event in events]
    assert len(set(found)) > 2
    for k, event in enumerate(events):
        latest = max(range(k + 1), key=lambda i: (found[i], i))
        assert same(event.best, events[latest].network)


def test_no_swaps_keep_the_pins():
    x = numbers(0, 500)
    encoder = TabularEncoder.fit(x)
    bank, network = start(encoder, 0, classes=2, widths=(20, 10), pins=4)
    for change in ({"swap": 0.0}, {"swapping": 0.0}, {"every": 10**6}):
        *_, event = fit(
            network,
            encoder.codes(x),
            exclusive_or(x),
            bank=bank,
            key=Key(0),
            settings=replace(QUICK, **change),
        )
        for old, new in zip(network.layers, event.network.layers, strict=True):
            assert all(map(np.array_equal, old.pins, new.pins)) and not np.array_equal(old.counters, new.counters)


# --- One step


def training_of(encoder, codes, labels, *, widths, pins, settings, classes=3, seed=0):
    bank, network = start(encoder, seed, classes=classes, widths=widths, pins=pins)
    key = Key(seed).fold("fit")
    return train._Training(network, codes, labels, None, bank, key, settings, train.ALONE)


def bit_of(read, source, against, margin):
    return int(read[source] > min(255, read[against] + margin))


def candidates_of(training, depth, step):
    """Return the candidates of a layer at a step: source, against and margin for each pin of each table."""
    run, key = training.runs[depth], training.key.fold("candidates", depth, step - step % training.every)
    chosen = kernels.candidates_oracle(run.layer.codes, run.choices, 0 if depth else training.bank.reach, key)
    if depth:
        return [[(row + 1, 0, 0) for row in of_table] for of_table in chosen.tolist()]
    pins = np.stack([array[chosen].astype(int) for array in training.bank.pins], axis=-1)
    return [[tuple(pin) for pin in of_table] for of_table in pins.tolist()]


def stepped_one_by_one(training, index, step):
    """Return what a step makes of the network, sample by sample in plain Python: counters, changes, loss, right."""
    settings, network = training.settings, training.network()
    votes = [np.zeros(layer.counters.shape, np.int32) for layer in network.layers]
    changes = [np.zeros(layer.codes.shape, np.int64) for layer in network.layers]
    offered = [candidates_of(training, depth, step) for depth in range(len(network.layers))]
    loss, right = 0.0, 0
    for sample in index.tolist():
        read = training.codes[sample].tolist()
        reads, addresses = [read], []
        for layer in network.layers:
            pins = [array.tolist() for array in layer.pins]
            addresses.append(
                [
                    sum(bit_of(read, *pin) << i for i, pin in enumerate(zip(*of_table, strict=True)))
                    for of_table in zip(*pins, strict=True)
                ]
            )
            read = [0, *(int(c[a] >= 0) for c, a in zip(layer.counters, addresses[-1], strict=True))]
            reads.append(read)
        groups = network.groups.tolist()
        scores = np.array([sum(b for b, g in zip(read[1:], groups, strict=True) if g == c) for c in range(3)])
        label = training.labels[sample]
        part, error = softmax(scores, label, scale=settings.scale, tau=training.tau)
        loss, right = loss + part, right + int(scores.argmax() == label)
        signal = error[groups]
        for depth in reversed(range(len(network.layers))):
            layer, below = network.layers[depth], {}
            for t, address in enumerate(addresses[depth]):
                votes[depth][t, address] += signal[t]
                entries = layer.counters[t] >= 0
                for i in range(layer.codes.shape[1]):
                    source = int(layer.pins.source[t, i])
                    effect = int(entries[address | 1 << i]) - int(entries[address & ~(1 << i)])
                    below[source] = below.get(source, 0) + int(signal[t]) * effect
                    bit = bit_of(reads[depth], *offered[depth][t][i])
                    moved = address & ~(1 << i) | bit << i
                    changes[depth][t, i] += int(signal[t]) * (int(entries[moved]) - int(entries[address]))
            if depth:
                tables = range(1, 1 + len(network.layers[depth - 1].counters))
                signal = [min(127, max(-127, below.get(t, 0))) for t in tables]
    after = []
    for depth, (layer, of_layer) in enumerate(zip(network.layers, votes, strict=True)):
        share = settings.end + (1 - settings.end) * (1 + np.cos(np.pi * step / training.steps)) / 2
        key = map(np.uint64, training.key.fold("step", depth, step).philox_key())
        counters = layer.counters.copy()
        rate, size = round(settings.rate * share * 65536), int(np.abs(of_layer).sum())
        kernels.step_by_votes(of_layer, size, of_layer.size, rate, -32, 31, *key, counters, 0, len(counters))
        after.append(counters)
    return after, changes, loss, right


@pytest.mark.parametrize("kind", ["table", "image"])
@pytest.mark.parametrize(("pins", "widths"), [(2, (12,)), (6, (9,)), (3, (12, 7)), (4, (10, 8, 6))])
def test_a_step_is_that_of_each_sample(kind, pins, widths):
    """Batches that are full, partial and tiny, one after another: no sample of an earlier batch may vote."""
    rng = np.random.default_rng(1)
    if kind == "image":
        encoder, features = ImageEncoder(4, 4), rng.integers(0, 256, (300, 16))
    else:
        features = rng.integers(0, 30, (300, 4))
        encoder = TabularEncoder.fit(features)
    settings = Settings(epochs=50, batch=128, rate=1.0, scale=127)
    training = training_of(
        encoder, encoder.codes(features), rng.integers(0, 3, 300), widths=widths, pins=pins, settings=settings
    )
    for step, count in ((0, 128), (1, 128), (2, 100), (4, 1), (5, 63), (6, 65)):
        index = rng.permutation(300)[:count]
        expected, changes, loss, right = stepped_one_by_one(training, index, step)
        before = [run.changes.copy() for run in training.runs]
        found = training._step(index, step)
        assert found[1] == right and np.isclose(found[0], loss)
        for run, counters in zip(training.runs, expected, strict=True):
            assert np.array_equal(run.layer.counters, counters) and run.tables is run.layer.counters
        for run, old, more in zip(training.runs, before, changes, strict=True):
            assert np.array_equal(run.changes - old, more if step % train.LOOKED == 0 else 0 * more)
    assert not same(training.network(), training.start)


@pytest.mark.parametrize("samples", [1, 5, 63, 64, 65, 127, 128, 129, 200, 255, 256, 383])
def test_any_number_of_samples(samples):
    _, events = trained(samples=samples, settings=replace(QUICK, epochs=3))
    assert events[-1].steps == 3 * -(-samples // 128)
    assert all(0 <= event.accuracy <= 1 and np.isfinite(event.loss) for event in events)


@pytest.mark.parametrize(
    ("samples", "sizes"), [(128, [128]), (129, [64, 65]), (190, [95, 95]), (385, [96, 96, 96, 97])]
)
def test_every_sample_once_a_pass(samples, sizes):
    x = numbers(0, samples)
    encoder = TabularEncoder.fit(x)
    settings = replace(QUICK, epochs=3)
    training = training_of(encoder, encoder.codes(x), three_classes(x), widths=(9,), pins=2, settings=settings)
    seen, told, step = [], [], training._step

    def noted(index, at, after):
        seen.append(index.tolist())
        told.append(after.tolist())
        return step(index, at, after)

    training._step = noted
    assert len(list(training.run(None))) == 3
    assert [len(index) for index in seen] == sizes * 3
    at_ends = [not after for after in told]
    assert at_ends == ([False] * (len(sizes) - 1) + [True]) * 3
    assert all(after == index for after, index in zip(told, seen[1:], strict=False) if after)
    orders = [[i for index in seen[k : k + len(sizes)] for i in index] for k in range(0, len(seen), len(sizes))]
    assert all(sorted(order) == list(range(samples)) for order in orders) and len(set(map(tuple, orders))) == 3


def test_swaps_put_the_best_candidates_in_place():
    x = numbers(0, 256)
    encoder = TabularEncoder.fit(x)
    settings = Settings(epochs=50, batch=128, swap=0.2, every=10)
    training = training_of(encoder, encoder.codes(x), three_classes(x), widths=(20,), pins=4, settings=settings)
    run, bank = training.runs[0], training.bank.pins
    old, offered = run.layer.codes.copy(), np.array(candidates_of(training, 0, 9))
    changes = run.changes
    changes[:] = np.random.default_rng(0).integers(-50, 51, changes.shape)
    changes.reshape(-1)[:3] = -60
    kept = changes.copy()
    training._swap(10)
    most = round(0.2 * (1 - 10 / (0.8 * training.steps)) * 80)
    threshold = np.sort(kept.reshape(-1))[most]
    taken = np.zeros(80, bool)
    taken[np.argsort(kept.reshape(-1), kind="stable")[:most]] = True
    taken = taken.reshape(kept.shape)
    assert training.swaps == most > 3 and kept[taken].max() <= threshold < 0
    assert np.array_equal(run.layer.codes[~taken], old[~taken]) and run.wiring.codes is run.layer.codes
    for k, array in enumerate(bank):
        assert np.array_equal(array[run.layer.codes][taken], offered[taken][:, k])
    assert not run.changes.any()
    assert not np.array_equal(offered, candidates_of(training, 0, 10))
    run.changes[:] = 5
    training._swap(20)
    assert training.swaps == most  # nothing promised to lower the loss


# --- Integers only


def held_arrays(value):
    """Yield all arrays that an object holds, through dataclasses, tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from held_arrays(part)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from held_arrays(part)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from held_arrays([getattr(value, field.name) for field in dataclasses.fields(value)])


@pytest.mark.parametrize("kind", ["table", "image"])
def test_no_floats_take_part_in_a_step(kind, monkeypatch):
    rng = np.random.default_rng(0)
    features = rng.integers(0, 256, (300, 16))
    encoder = TabularEncoder.fit(features) if kind == "table" else ImageEncoder(4, 4)
    training = training_of(
        encoder,
        encoder.codes(features),
        rng.integers(0, 3, 300),
        widths=(12, 9),
        pins=4,
        settings=replace(QUICK, every=1),
    )
    called = {}

    def watched(name, function):
        def call(*args, **options):
            result = function(*args, **options)
            for array in held_arrays([args, result]):
                assert array.dtype.kind in "iu", f"{name}: {array.dtype} of shape {array.shape}"
            numbers = [a for a in args if isinstance(a, float)]
            assert not numbers, f"{name}: {numbers}"
            called[name] = called.get(name, 0) + 1
            return result

        return call

    loops = ["gather", "forward", "add_scores", "count_votes", "add_changes", "add_input_signals", "step_by_votes"]
    for name in [*loops, "put_candidates"]:
        monkeypatch.setattr(kernels, name, watched(name, getattr(kernels, name)))
    # its loss is a float, and only reported; what comes back into training is the signal
    training.criterion = watched("softmax", training.criterion)
    for step in range(4):
        training._step(rng.permutation(300)[:128], step)
    assert set(called) == {*loops, "put_candidates", "softmax"} and min(called.values()) >= 2
    arrays = list(held_arrays(vars(training)))
    assert len(arrays) > 20 and {array.dtype.kind for array in arrays} <= {"i", "u"}


@contextmanager
def noted_floats():
    """Note the functions of this package that hold or return an array of floats when they return."""
    found = set()

    def look(frame, event, result):
        name = frame.f_globals.get("__name__", "")
        if event == "return" and name.startswith("learn."):
            arrays = held_arrays([*frame.f_locals.values(), result])
            if any(array.dtype.kind not in "iub" for array in arrays):
                found.add(f"{name}.{frame.f_code.co_name}")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("rule", rules_in(Int))
def test_floats_of_a_step_are_chances_that_a_rule_draws_by(rule):
    """The built-in votes, and the rules of fixed point, hold none at all."""
    rng = np.random.default_rng(0)
    features = rng.integers(0, 256, (300, 16))
    encoder = ImageEncoder(4, 4)
    settings = replace(QUICK, rule=rule)
    training = training_of(
        encoder, encoder.codes(features), rng.integers(0, 3, 300), widths=(12, 9), pins=4, settings=settings
    )
    with noted_floats() as found:
        for step in range(4):
            training._step(rng.permutation(300)[:128], step)
    if rule == "vote" or not (RULES[rule].has_chances or RULES[rule].has_latent):
        assert not found
    assert {name.rpartition(".")[0].split(".")[1] for name in found} <= {
        *("rules", "keys", "arrays"),
        *(["train"] if RULES[rule].has_latent else []),  # which holds the states of rules
    }
    arrays = held_arrays([vars(part) for part in (*training.runs, *training.stepped.values())])
    assert ({array.dtype.kind for array in arrays} <= {"i", "u"}) is not RULES[rule].has_latent


def test_floats_are_noted():
    with noted_floats() as found:
        make_rule("vote", Int(-9, 9)).update(np.arange(9), (), np.zeros(9, np.int8), key=Key(0))
    assert {"learn.rules.base.read_signal", "learn.keys.uniform"} <= found


def test_a_counter_takes_one_byte():
    x = numbers(0, 200)
    encoder = TabularEncoder.fit(x)
    training = training_of(encoder, encoder.codes(x), three_classes(x), widths=(12, 9), pins=6, settings=QUICK)
    training._step(np.arange(128), 0)
    for run, layer, width in zip(training.runs, training.network().layers, (12, 9), strict=True):
        assert run.tables.dtype == layer.counters.dtype == np.int8
        assert run.tables.nbytes == layer.counters.nbytes == 64 * width


# --- Scores


@pytest.mark.parametrize("samples", [0, 1, 2047, 2048, 2049])
def test_class_scores(samples):
    x = np.random.default_rng(2).integers(0, 9, (samples + 2, 3))
    encoder = TabularEncoder.fit(x)
    _, network = start(encoder, 0, classes=3, widths=(9, 7), pins=3)
    codes = encoder.codes(x[:samples])
    first, second = network.layers
    _, bits = kernels.forward_oracle(codes.T, *first.pins, first.tables)
    _, bits = kernels.forward_oracle(np.concatenate([bits[:1] * 0, bits]), *second.pins, second.tables)
    expected = np.array([bits[network.groups == c].sum(axis=0) for c in range(3)]).T
    assert np.array_equal(class_scores(network, codes), expected)
    assert np.array_equal(class_scores(network, np.asfortranarray(codes)), expected)


def test_a_trained_network_is_its_circuit():
    from circuits.values import simulate_values

    encoder, events = trained("three classes", widths=(60, 30))
    fresh = numbers(5, 500)
    circuit = network_circuit(events[-1].network, encoder.builder("net"), encoder.pin_wire)
    found = simulate_values(circuit, encoder.inputs(fresh))[0]
    assert np.array_equal(found, class_scores(events[-1].network, encoder.codes(fresh)).argmax(axis=1))


def test_default_tau():
    assert [round(default_tau(n), 1) for n in (200, 400, 1200)] == [6.4, 9.0, 15.6]
    assert default_tau(1) == 0.5


# --- Errors


GOOD = numbers(0, 100)
ENCODER = TabularEncoder.fit(GOOD)
BANK = ENCODER.comparisons(Key(0), 100)
CODES, LABELS = ENCODER.codes(GOOD), exclusive_or(GOOD)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"codes": CODES[:, 1:]}, r"fit: got uint8 codes of shape \(100, 4\), expected uint8 \(samples, 5\)"),
        ({"codes": np.hstack([CODES, CODES])}, r"\(100, 10\)"),
        ({"codes": CODES[0]}, r"\(5,\)"),
        ({"codes": CODES.astype(float)}, "got float64 codes"),
        ({"codes": CODES.astype(int)}, "got int64 codes"),
        ({"codes": CODES[:0], "labels": LABELS[:0]}, "at least one sample"),
        ({"labels": LABELS[1:]}, r"labels of shape \(99,\), expected .* 100 samples"),
        ({"labels": LABELS[:, None]}, r"labels of shape \(100, 1\)"),
        ({"labels": LABELS * 0.5}, "got float64 labels"),
        ({"labels": ["a"] * 100}, "got <U1 labels"),
        ({"labels": LABELS - 1}, r"got labels -1\.\.0, expected 0\.\.1"),
        ({"labels": LABELS + 1}, r"got labels 1\.\.2, expected 0\.\.1"),
        ({"bank": BANK.chosen(np.zeros(0, np.int64))}, "and at least one"),
        ({"bank": Bank(BANK.pins._replace(source=BANK.pins.source[:2]))}, "as many rows as uint8 margins"),
        ({"bank": Bank(BANK.pins._replace(source=0 * BANK.pins.source))}, "sources from 1 on"),
        (
            {"bank": Bank(BANK.pins._replace(against=99 + BANK.pins.against))},
            "got a bank of sources .* against rows 99",
        ),
        ({"validation": (CODES[:, :4], LABELS)}, r"fit: validation: got uint8 codes of shape \(100, 4\)"),
        ({"validation": (CODES, LABELS[:9])}, r"fit: validation: got int64 labels of shape \(9,\)"),
        ({"validation": (CODES, LABELS + 5)}, r"fit: validation: got labels 5\.\.6"),
        ({"settings": Settings(batch=100)}, "got batch 100, expected a multiple of 64"),
        ({"settings": Settings(batch=0)}, r"got batch 0, expected 64\.\."),
        ({"settings": Settings(epochs=0)}, "got epochs 0, expected 1"),
        ({"settings": Settings(scale=0)}, r"got scale 0, expected 1\.\.127"),
        ({"settings": Settings(scale=128)}, r"got scale 128, expected 1\.\.127"),
        ({"settings": Settings(rate=0.0)}, "got rate 0"),
        ({"settings": Settings(rate=float("nan"))}, "got rate nan"),
        ({"settings": Settings(rate=1e9)}, "got rate 1"),
        ({"settings": Settings(end=-0.1)}, "got end -0.1"),
        ({"settings": Settings(swap=1.5)}, "got swap 1.5"),
        ({"settings": Settings(every=0)}, "got every 0"),
        ({"settings": Settings(swapping=2.0)}, "got swapping 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_trained(change, said):
    bank, network = start(ENCODER, 0, classes=2, widths=(9,), pins=2)
    options = {"codes": CODES, "labels": LABELS, "bank": bank, "key": Key(0)}
    with pytest.raises(TrainError, match=rf"^fit: .*{said.removeprefix('fit: ')}") as caught:
        next(fit(network, **(options | change)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tau", [0.0, -1.0, 1e9])
def test_tau_out_of_range(tau):
    bank, network = start(ENCODER, 0, classes=2, widths=(9,), pins=2)
    with pytest.raises(LossError, match="tau"):
        next(fit(network, CODES, LABELS, bank=bank, key=Key(0), settings=Settings(tau=tau)))


def test_numbers_beyond_64_bits():
    train._check_settings(Settings(rate=16.0, batch=1 << 16), 1 << 19)
    train._check_settings(Settings(batch=1 << 17), 1 << 10, copies=128)
    with pytest.raises(
        TrainError, match=r"^fit: a batch of 131072 for 130 tables that share .* choose a smaller batch"
    ):
        train._check_settings(Settings(batch=1 << 17), 1 << 10, copies=130)
    with pytest.raises(TrainError, match="more than 64-bit numbers hold; choose a smaller batch or rate"):
        train._check_settings(Settings(rate=16.0, batch=1 << 16), 1 << 21)


@pytest.mark.parametrize("codes", [CODES[:, :3], CODES.astype(np.int64), CODES[0]], ids=["rows", "type", "shape"])
def test_scores_of_codes_that_do_not_fit(codes):
    _, network = start(ENCODER, 0, classes=2, widths=(9,), pins=2)
    with pytest.raises(TrainError, match=r"^class_scores: got .*, expected uint8 \(samples, 5\)$"):
        class_scores(network, codes)
