"""Every model with every readout: a step against an oracle, integers only, any number of threads, and its circuit."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from circuits.values import simulate_values
from learn import lut_kernels as kernels
from learn import train
from learn.encoders import ImageEncoder, WindowEncoder
from learn.errors import ModelError
from learn.keys import Key
from learn.models.kinds import MODELS, Size, build, window_of, window_shifts
from learn.models.lut_network import Layer, Pins, network_circuit
from learn.models.readouts import READOUTS
from learn.rules import RULES, Rule, annealed, make_rule, rules_in
from learn.spaces import Int
from learn.train import Settings, class_scores, fit

SIDE, CLASSES = 10, 3
QUICK = Settings(epochs=8, batch=128, every=5, swapping=1.0)
each_model = pytest.mark.parametrize("model", MODELS)
each_readout = pytest.mark.parametrize("readout", READOUTS)


def strokes(seed, samples):
    """Return images of a bright upper, middle or lower third, noise over it, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, samples)
    images = rng.integers(0, 110, (samples, SIDE, SIDE))
    for image, label in zip(images, labels, strict=True):
        image[3 * label : 3 * label + 4] += rng.integers(40, 146)
    return images.reshape(samples, -1), labels


def start(model, readout, *, seed=0, tables=36, pins=4):
    """Return encoder, bank and a network to train."""
    image = (SIDE, SIDE)
    encoder = WindowEncoder(*image, window=window_of(image)) if MODELS[model].moves else ImageEncoder(*image)
    bank = encoder.comparisons(Key(seed).fold("bank"), 5000)
    size = Size(encoder.rows, CLASSES, tables, pins, readout=readout, image=image)
    network = build(model, bank, size, key=Key(seed))
    return encoder, bank, network


def training_of(model, readout, samples=300):
    encoder, bank, network = start(model, readout)
    images, labels = strokes(1, samples)
    codes = encoder.codes(images)
    return train._Training(network, codes, labels, None, bank, Key(2), QUICK, train.ALONE)


def trained(model, readout, **options):
    encoder, bank, network = start(model, readout)
    images, labels = strokes(1, 1000)
    events = fit(
        network, encoder.codes(images), labels, bank=bank, key=Key(2),
        **({"settings": QUICK} | options),
    )  # fmt: skip
    return encoder, list(events)


def held_arrays(value):
    """Yield all arrays that an object holds, through dataclasses, tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        yield from held_arrays(list(value.values()))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from held_arrays(part)
    elif dataclasses.is_dataclass(value):
        yield from held_arrays([getattr(value, field.name) for field in dataclasses.fields(value)])


def outputs_of(network, codes):
    """Return what each layer reads, its addresses and outputs, by the oracle."""
    read, found = codes.T, []
    for layer in network.layers:
        addresses, outputs = kernels.forward_oracle(read, *layer.spread(), layer.tables)
        found.append((read, addresses, outputs))
        read = np.concatenate([np.zeros_like(outputs[:1]), outputs])
    return found


def scores_of(network, codes):
    """Return scores by the oracle: weighted ones, and the bias."""
    outputs, weights = outputs_of(network, codes)[-1][2], network.head.weights
    of_class = [(outputs * weights[:, None])[network.groups == c].sum(axis=0) for c in range(CLASSES)]
    return (np.array(of_class) + network.head.bias).T


def by_votes(votes, counters, rate, bounds, key):
    """Return counters after the kernel's step."""
    after = counters.copy()
    size = max(1, int(np.abs(votes).sum()))
    halves = map(np.uint64, key.philox_key())
    kernels.step_by_votes(votes.astype(np.int32), size, votes.size, rate, *bounds, *halves, after, 0, len(votes))
    return after


def by_cell(layer, values):
    """Return values of tables, summed over the copies of each cell."""
    if layer.copies is None:
        return values
    sums = np.zeros((len(layer.counters), *values.shape[1:]), np.int64)
    np.add.at(sums, layer.copies.share, values)
    return sums


def candidates_of(training, depth, step):
    """Return the candidates of a layer's cells at a step."""
    run, key = training.runs[depth], training.key.fold("candidates", depth, step - step % training.every)
    chosen = kernels.candidates_oracle(run.layer.codes, run.choices, 0 if depth else training.bank.reach, key)
    if depth:
        source = (chosen + 1).astype(np.int32)
        return Pins(source, np.zeros_like(source), np.zeros(source.shape, np.uint8))
    return training.bank.chosen(chosen).pins


def stepped_by_oracles(training, index, step):
    """Return what a step makes of counters, weights and biases, and the changes each candidate gets."""
    network, settings, codes = training.network(), training.settings, training.codes[index]
    readout, head, groups = network.head.readout, network.head, network.groups
    layers = outputs_of(network, codes)
    share = settings.end + (1 - settings.end) * (1 + np.cos(np.pi * step / training.steps)) / 2
    rate = round(settings.rate * share * 65536)
    _, error = readout.loss(scores_of(network, codes), training.labels[index], scale=settings.scale, tau=training.tau)
    signal = error.T[groups].astype(np.int8)
    after, changes = [], []
    for depth in reversed(range(len(network.layers))):
        layer, (read, addresses, outputs) = network.layers[depth], layers[depth]
        row, key = np.arange(layer.num_tables), training.key.fold("step", depth, step)
        votes = kernels.votes_oracle(addresses, signal, row, layer.counters.shape[1])
        if depth == len(network.layers) - 1:
            ones = (signal.astype(int) * outputs).sum(axis=1, keepdims=True)
        bounds = network.space.lo, network.space.hi
        stepped = by_votes(by_cell(layer, votes), layer.counters, rate, bounds, key)
        after.insert(0, layer.counters if layer.frozen else stepped)
        offered = Layer.comparing(candidates_of(training, depth, step), layer.counters, layer.copies).spread()
        other = layer.swaps and kernels.changes_oracle(read, *offered, layer.tables, addresses, signal, row)
        changes.insert(0, other)
        source = layer.spread().source
        below = kernels.input_signals_oracle(layer.tables, addresses, signal, row, source, len(read))
        signal = np.clip(below[1:], -127, 127).astype(np.int8)
    key, counters, bias = training.key.fold("readout", step), head.counters, head.bias
    if len(readout.weights) > 1:
        counters = by_votes(ones, counters, rate, readout.bounds, key.fold("weights"))
    if readout.biased:
        bias = by_votes(error.sum(axis=0)[:, None], bias, rate, (-(1 << 30), 1 << 30), key.fold("bias"))
    return after, counters, bias, changes


@each_model
@each_readout
def test_a_step_is_that_of_the_oracles(model, readout):
    training, rng = training_of(model, readout), np.random.default_rng(0)
    for step, count in ((0, 128), (2, 70), (3, 128)):
        index = rng.permutation(300)[:count]
        expected, counters, bias, changes = stepped_by_oracles(training, index, step)
        before = [None if run.changes is None else run.changes.copy() for run in training.runs]
        training._step(index, step)
        for run, wanted, old, more in zip(training.runs, expected, before, changes, strict=True):
            assert np.array_equal(run.layer.counters, wanted)
            share = slice(None) if run.layer.copies is None else run.layer.copies.share
            assert np.array_equal(run.tables, wanted[share])
            if old is not None:
                assert np.array_equal(run.changes - old, more if step % train.LOOKED == 0 else 0 * more)
        assert np.array_equal(training.head.counters, counters) and np.array_equal(training.head.bias, bias)


@each_model
@each_readout
def test_it_learns_the_same_on_any_number_of_threads_and_is_its_circuit(model, readout):
    encoder, events = trained(model, readout)
    network = events[-1].network
    _, again = trained(model, readout, threads=2)
    assert all(map(np.array_equal, held_arrays(network), held_arrays(again[-1].network)))
    assert events[-1].accuracy > 0.75 and sum(event.swaps for event in events) > 0
    fresh, labels = strokes(9, 300)
    scores = class_scores(network, encoder.codes(fresh))
    assert np.array_equal(scores, scores_of(network, encoder.codes(fresh)))
    assert (scores.argmax(axis=1) == labels).mean() > 0.75
    circuit = network_circuit(network, encoder.builder("net"), encoder.pin_wire)
    assert np.array_equal(simulate_values(circuit, encoder.inputs(fresh))[0], scores.argmax(axis=1))


@each_model
@each_readout
def test_no_floats_take_part_in_a_step(model, readout, monkeypatch):
    training, called = training_of(model, readout), set()
    training.every = 1
    for step in range(3):  # kernels compile before they are watched: those that they call must be kernels then
        training._step(np.arange(128), step)

    def watched(name, function):
        def call(*args, **options):
            result = function(*args, **options)
            assert all(array.dtype.kind in "iu" for array in held_arrays([args, result])), name
            assert not any(isinstance(a, float) for a in args), name
            called.add(name)
            return result

        return call

    for name in [name for name in vars(kernels) if hasattr(getattr(kernels, name), "py_func")]:
        monkeypatch.setattr(kernels, name, watched(name, getattr(kernels, name)))
    # its loss is a float, and only reported; its signal is what trains
    training.criterion = watched("loss", READOUTS[readout].loss)
    for step in range(3):
        training._step(np.arange(128), step)
    assert called >= {"loss", "add_scores", "count_votes", "add_changes", "step_by_votes"}
    assert {array.dtype.kind for array in held_arrays(vars(training))} <= {"i", "u"}


@each_model
def test_copies_look_at_other_places_and_frozen_tables_rest(model):
    _, events = trained(model, "group_sum")
    _, _, before = start(model, "group_sum")
    for old, new in zip(before.layers, events[-1].network.layers, strict=True):
        assert old.frozen == np.array_equal(old.counters, new.counters)
        assert new.swaps or all(map(np.array_equal, old.pins, new.pins))
        if new.copies is not None:
            spread = new.spread()
            assert np.array_equal(new.tables, new.counters[new.copies.share])
            for array, own in zip(spread[:2], new.pins[:2], strict=True):
                moved = array - own[new.copies.share]
                assert np.array_equal(moved, np.where(own[new.copies.share] > 0, new.copies.shift[:, None], 0))
    assert (events[-1].network.layers[0].copies is not None) == MODELS[model].moves
    if MODELS[model].moves:
        assert np.array_equal(np.unique(before.layers[0].copies.shift), window_shifts((SIDE, SIDE)))


@pytest.mark.parametrize("rule", rules_in(Int))
def test_every_rule_drives_tables_that_share_counters(rule):
    settings = replace(QUICK, rule=make_rule(rule, Int(-32, 31)))
    _, events = trained("tree", "group_sum", settings=settings)
    _, again = trained("tree", "group_sum", settings=settings, threads=2)
    network = events[-1].network
    assert events[-1].accuracy > 0.6 and all(network.space.contains(layer.counters) for layer in network.layers)
    assert all(map(np.array_equal, held_arrays(network), held_arrays(again[-1].network)))


@each_readout
def test_weights_and_biases_are_learned_within_bounds(readout):
    row, (_, events) = READOUTS[readout], trained("lut", readout)
    head = events[-1].network.head
    assert set(head.weights.tolist()) <= set(row.weights)
    assert (len(set(head.weights.tolist())) > 1) == (len(row.weights) > 1)
    # where biases begin is where they belong: they may be back there at the end
    assert any(np.ptp(event.network.head.bias) > 0 for event in events) == row.biased


def ever_steps(rule, count):
    """Tell whether a rule ever steps one of so few parameters: a share of them may round to none."""
    made, params = annealed(rule, Int(-9, 9), rate=QUICK.rate, end=1, steps=9), np.zeros((count, 1), np.int32)
    votes, state, found = np.full(params.shape, 5, np.int32), made.init(params), False
    for seed in range(50):
        steps, state = made.update(votes, state, params, key=Key(seed))
        found |= bool(steps.any())
    return found


@pytest.mark.parametrize("readout", ["weighted_sum", "one_vs_rest"])
@pytest.mark.parametrize("rule", rules_in(Int))
def test_every_rule_steps_readouts_too(rule, readout):
    row, settings = READOUTS[readout], replace(QUICK, rule=rule)
    _, events = trained("lut", readout, settings=settings)
    _, again = trained("lut", readout, settings=settings, threads=3)
    network, before = events[-1].network, start("lut", readout)[2].head
    assert events[-1].accuracy > 0.6
    if not RULES[rule].freezes:
        assert np.array_equal(network.head.counters, before.counters) == (len(row.weights) == 1)
    moved = any(not np.array_equal(event.network.head.bias, before.bias) for event in events)
    assert moved == (row.biased and ever_steps(rule, CLASSES))
    assert all(map(np.array_equal, held_arrays(network), held_arrays(again[-1].network)))


@each_readout
def test_a_rule_that_rests_leaves_all_as_it_is(readout):
    still = Rule(lambda params: (), lambda votes, state, params, *, key: (np.zeros_like(params), state))
    _, events = trained("lut", readout, settings=replace(QUICK, rule=still, swap=0.0))
    before = start("lut", readout)[2]
    assert all(map(np.array_equal, held_arrays(before), held_arrays(events[-1].network)))


def test_what_is_not_there_is_named():
    with pytest.raises(ModelError, match=r"^model: got 'dep', expected one of lut, deep"):
        build("dep", None, Size(9, 2, 4), key=Key(0))
    with pytest.raises(ModelError, match=r"^model tree: got features that are no image, .* choose lut, deep$"):
        build("tree", None, Size(9, 2, 4), key=Key(0))
    with pytest.raises(ModelError, match=r"^readout: got 'sum', expected one of group_sum"):
        start("lut", "sum")
