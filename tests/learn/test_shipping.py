"""What happens to a classifier after training: don't-cares, sizes, proof."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from test_classify import bands, trained
from test_inference import drawn

from circuits.aig import lowered
from circuits.formats import write
from circuits.simulate import simulate
from circuits.words import pack, unpack
from learn.classify import samples_apart
from learn.encoders import TabularEncoder
from learn.errors import TrainError
from learn.keys import Key
from learn.shipping import (
    filled,
    needed_pins,
    needless_pins,
    proved,
    reached,
    reread,
    ship,
    smallest,
    without_encoder,
)
from learn.train import class_scores


def outputs_of(network, codes):
    """Return the bits of every layer, (samples, tables) each, without kernels."""
    found, rows = [], codes.astype(np.int64)
    for layer in network.layers:
        source, against, margin = layer.pins
        pins = rows[:, source] > np.minimum(255, rows[:, against] + margin)
        address = (pins << np.arange(pins.shape[2])).sum(axis=2)
        bits = np.take_along_axis(layer.counters.T >= 0, address, axis=0).astype(np.int64)
        found.append((address, bits))
        rows = np.concatenate([np.zeros((len(rows), 1), np.int64), bits], axis=1)
    return found


@pytest.fixture(scope="module")
def deep():
    numbers = Key(5).integers(12, (500, 5))
    classifier = drawn(TabularEncoder.fit(numbers), widths=(40, 24), pins=5)
    return classifier.network, classifier.encoder.codes(numbers)


def test_reached_entries_are_counted(deep):
    network, codes = deep
    for depth, (address, _) in enumerate(outputs_of(network, codes)):
        counts = reached(network, codes, depth)
        wanted = np.stack([np.bincount(column, minlength=32) for column in address.T])
        assert np.array_equal(counts, wanted)


def test_filled_with_no_budget_every_table_answers_as_before_on_the_samples(deep):
    network, codes = deep
    other = filled(network, codes)
    for (_, before), (_, after) in zip(outputs_of(network, codes), outputs_of(other, codes), strict=True):
        assert np.array_equal(before, after)
    assert np.array_equal(class_scores(network, codes), class_scores(other, codes))
    assert sum(int(needed_pins(layer).sum()) for layer in other.layers) < sum(p.pins.source.size for p in other.layers)
    assert any((a.counters != b.counters).any() for a, b in zip(network.layers, other.layers, strict=True))


@pytest.mark.parametrize("budget", [1, 20, 150])
def test_a_table_answers_otherwise_for_no_more_samples_than_its_budget(deep, budget):
    network, codes = deep
    other = filled(network, codes, budget)
    before, after = (outputs_of(given, codes)[0][1] for given in (network, other))
    changed = (before != after).sum(axis=0)
    assert 0 < changed.max() <= budget
    assert needed_pins(other.layers[0]).sum() <= needed_pins(filled(network, codes).layers[0]).sum()


def test_the_pins_left_out_are_as_many_as_can_be():
    counts, bits = Key(6).integers(5, (30, 16)).astype(np.int32), Key(7).integers(2, (30, 16)) == 1
    ones, zeros = np.where(bits, counts, 0), np.where(bits, 0, counts)
    for budget in (0, 6):
        chosen = needless_pins(ones, zeros, budget)
        for t in range(30):
            fits = {}
            for size in range(5):
                for pins in combinations(range(4), size):
                    kept = [sum((v >> i & 1) << k for k, i in enumerate(set(range(4)) - set(pins))) for v in range(16)]
                    both = [np.bincount(kept, part[t], minlength=16) for part in (ones, zeros)]
                    missed = np.minimum(*both).sum()
                    if missed <= budget:
                        fits[sum(1 << i for i in pins)] = size, -missed
            best = max(fits.values())
            assert fits[int(chosen[t])] == best


def test_the_held_out_samples_judge_the_budget():
    classifier, data = trained(bands(), epochs=6), bands()
    apart = samples_apart(data, Key(0))
    codes = classifier.encoder.codes(data.features)
    validation = codes[apart], data.labels[apart]
    strict = smallest(classifier.network, codes[~apart], validation)
    loose = smallest(classifier.network, codes[~apart], validation, slack=1.0)
    assert strict.accuracy >= strict.accuracy_before
    assert loose.share == 0.1 and loose.pins <= strict.pins <= strict.pins_before
    right = class_scores(strict.network, validation[0]).argmax(axis=1) == validation[1]
    assert strict.accuracy == right.mean()


@pytest.fixture(scope="module")
def shipped():
    data = bands()
    classifier = trained(data, epochs=4, tables=40)
    return ship(classifier, data.features, data.labels, samples_apart(data, Key(0))), data


def test_what_is_shipped_is_measured_and_proved(shipped, tmp_path):
    shipment, data = shipped
    assert shipment.size.ands > shipment.size_without.ands > 0
    assert shipment.size.luts6 > shipment.size_without.luts6 >= 30
    assert proved(shipment, data.features, Key(0), 3000) == 3600
    for suffix, readable in ((".aig", True), (".json", True), (".blif", True), (".v", False), (".c", False)):
        path = tmp_path / f"bands{suffix}"
        write(shipment.circuit if suffix in (".json", ".v", ".c") else shipment.bits, path)
        assert reread(shipment, path, data.features, Key(0), 500) is readable


def test_a_file_that_holds_another_function_is_a_bug(shipped, tmp_path):
    shipment, data = shipped
    other = ship(trained(data, epochs=1, tables=40), data.features, data.labels, samples_apart(data, Key(0)))
    for suffix, circuit in ((".aig", other.bits), (".json", other.circuit)):
        path = Path(tmp_path / f"bands{suffix}")
        write(circuit, path)
        with pytest.raises(TrainError, match="differs from the model"):
            reread(shipment, path, data.features, Key(0), 500)
    with pytest.raises(TrainError, match="differs from the model"):
        proved(shipment._replace(bits=other.bits), data.features, Key(0), 500)


def test_without_the_encoder_the_circuit_reads_the_bits_of_pins(shipped):
    shipment, data = shipped
    network = shipment.classifier.network
    alone = without_encoder(network, "alone")
    layer = network.layers[0]
    needed = needed_pins(layer)
    pins = np.unique(np.stack([a.astype(int) for a in layer.pins], axis=-1)[needed], axis=0)
    assert alone.num_inputs == len(pins)
    codes = shipment.classifier.encoder.codes(data.features).astype(np.int64)
    bits = codes[:, pins[:, 0]] > np.minimum(255, codes[:, pins[:, 1]] + pins[:, 2])
    found = unpack(simulate(lowered(alone), pack(bits.T)), len(bits))
    classes = (found << np.arange(len(found))[:, None]).sum(axis=0)
    assert np.array_equal(classes, shipment.classifier.predict(data.features))
