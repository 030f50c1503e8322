"""What happens to a classifier between training and use: don't-cares, sizes, proof.

A table entry that no training sample reaches is a don't-care: training never said what it should be. Entries that few
samples reach matter to few. Both make circuits smaller, first by pins that a table no longer needs, for a pin costs a
comparison of pixels, then by tables of fewer ANDs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.aig import and_levels, lowered, to_literals
from circuits.circuit import Builder, Circuit
from circuits.cover_kernels import cover
from circuits.errors import FormatError
from circuits.formats import read_circuit
from circuits.mapping import lut_count
from circuits.rewrite import without_dead_gates
from circuits.words import pack
from learn import lut_kernels as kernels
from learn.classify import Classifier, agreeing
from learn.encoders import Codes
from learn.keys import Key
from learn.models.lut_network import Layer, LutNetwork, network_circuit
from learn.train import class_scores, default_tau

BLOCK = 2048
"""Samples that go through a network at a time."""
SHARES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1)
"""Shares of the training samples that a table may answer otherwise, as they are tried."""
WORSE = 0.05
"""By which share the held-out samples' mean loss may grow."""
WORDS_COMPARED = 10_000
"""Samples on which a circuit of words is compared with the model; its bits are on all of them."""

_ADDRESSES = np.arange(kernels.ENTRIES)


# --- Don't-cares -----------------------------------------------------------------------------------------------------


def reached(network: LutNetwork, codes: Codes, depth: int) -> NDArray[np.int32]:
    """Count how many samples reach each entry of a layer, once for every copy of its table.

    Args:
        network: any.
        codes: uint8 (samples, rows).
        depth: of the layer.

    Returns:
        int32 (cells, entries).
    """
    layers = network.layers[: depth + 1]
    wirings, tables = [layer.wiring for layer in layers], [layer.tables for layer in layers]
    outputs = [np.zeros((1 + len(table), BLOCK), np.uint8) for table in tables]
    addresses = [np.zeros((len(table), BLOCK), np.uint8) for table in tables]
    votes = np.zeros((len(tables[-1]), layers[-1].counters.shape[1]), np.int32)
    total, everywhere = np.zeros_like(votes), np.zeros(len(votes), np.int32)
    rows = np.zeros((network.rows, BLOCK), np.uint8)
    for start in range(0, len(codes), BLOCK):
        index = np.arange(start, min(start + BLOCK, len(codes)))
        kernels.gather(codes, index, rows, 0, BLOCK // kernels.STEP)
        read = rows
        for own, entries, found, bits in zip(wirings, tables, addresses, outputs, strict=True):
            kernels.forward(read, *own, entries, found, bits[1:], 0, BLOCK // kernels.STEP)
            read = bits
        one = np.zeros((1, BLOCK), np.int8)
        one[0, : len(index)] = 1
        kernels.count_votes(addresses[-1], one, everywhere, votes, 0, len(votes))
        total += votes
    copies = layers[-1].copies
    if copies is None:
        return total
    cells = np.zeros(layers[-1].counters.shape, np.int32)
    kernels.add_copies(total, copies.share, cells)
    return cells


def _merged(counts: NDArray[np.int32], pins: int) -> Iterator[tuple[int, NDArray[np.int32]]]:
    """Yield every set of pins as bits, and counts (..., entries) summed over the values of the pins of the set."""
    address = np.arange(counts.shape[-1])
    todo = [(0, 0, counts)]
    while todo:
        chosen, first, summed = todo.pop()
        yield chosen, summed
        todo += [(chosen | 1 << i, i + 1, summed + summed[..., address ^ 1 << i]) for i in range(first, pins)]


def needless_pins(ones: NDArray[np.int32], zeros: NDArray[np.int32], budget: int) -> NDArray[np.int64]:
    """Choose the pins that each table can do without, as many as there can be.

    Args:
        ones: int32 (tables, entries), how many samples reach an entry that is 1, and ``zeros``, one that is 0.
        zeros: see there.
        budget: samples for which a table may answer otherwise; with 0 none does.

    Returns:
        int64 (tables,), sets as bits; of equally many pins those that fewest samples miss.
    """
    tables, pins = len(ones), ones.shape[1].bit_length() - 1
    chosen, most = np.zeros(tables, np.int64), np.zeros(tables, np.int64)
    fewest = np.zeros(tables, np.int64)
    for subset, both in _merged(np.stack([ones, zeros]), pins):
        size = subset.bit_count()
        missed = both.min(axis=0).sum(axis=1) >> size  # every value of the pins repeats the sum
        better = (missed <= budget) & ((size > most) | ((size == most) & (missed < fewest)))
        chosen[better], most[better], fewest[better] = subset, size, missed[better]
    return chosen


def _filled_layer(layer: Layer, counts: NDArray[np.int32], budget: int) -> Layer:
    """Return a layer whose tables answer otherwise for at most ``budget`` samples each, and cost few ANDs."""
    bits, (tables, size) = layer.counters >= 0, layer.counters.shape
    ones, zeros = np.where(bits, counts, 0), np.where(bits, 0, counts)
    dropped = needless_pins(ones, zeros, budget)
    address = np.arange(size)
    first = address & ~dropped[:, None]  # the entry that stands for all values of the dropped pins
    for subset, both in _merged(np.stack([ones, zeros]), size.bit_length() - 1):
        here = dropped == subset
        ones[here], zeros[here] = both[0, here], both[1, here]
    left = budget - np.where(first == address, np.minimum(ones, zeros), 0).sum(axis=1)
    mass = np.where(first == address, np.abs(ones - zeros), np.iinfo(np.int32).max)
    order = np.argsort(mass, axis=1, kind="stable")
    spent = np.cumsum(np.take_along_axis(mass, order, axis=1), axis=1, dtype=np.int64)
    free = np.zeros((tables, size), bool)
    np.put_along_axis(free, order, spent <= left[:, None], axis=1)
    care = ~np.take_along_axis(free, first, axis=1)
    wanted = ones > zeros
    filled = _cheapest(wanted & care, ~wanted & care)
    return replace(layer, counters=np.where(filled == bits, layer.counters, ~layer.counters))


def _cheapest(ones: NDArray[np.bool_], zeros: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the tables (tables, entries) of fewest ANDs that are 1 and 0 where they must be."""
    tables, size = ones.shape

    def words(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
        return pack(bits[:, _ADDRESSES % size])[:, 0]

    inputs = size.bit_length() - 1
    joins, fills = np.zeros((tables, 3**inputs), np.uint8), np.zeros(tables, np.uint64)
    cover(words(ones), words(zeros), inputs, joins, np.zeros_like(joins), fills)
    return (fills[:, None] >> _ADDRESSES[:size].astype(np.uint64) & np.uint64(1)).astype(bool)


def filled(network: LutNetwork, codes: Codes, budget: int = 0, counts: NDArray[np.int32] | None = None) -> LutNetwork:
    """Fill a network's don't-cares so that its circuit is small; frozen tables are left alone.

    Args:
        network: as trained.
        codes: uint8 (samples, rows), the samples it was trained on.
        budget: samples for which a table may answer otherwise than before; with 0 none does, so the network answers
            as before for all samples.
        counts: of the first layer, as :func:`reached` finds them, if they are known.

    Returns:
        a network with other counters, whose signs are the filled entries.
    """
    for depth, layer in enumerate(network.layers):
        if layer.frozen:
            continue
        found = counts if counts is not None and not depth else reached(network, codes, depth)
        smaller = _filled_layer(layer, found, budget)
        network = replace(network, layers=(*network.layers[:depth], smaller, *network.layers[depth + 1 :]))
    return network


class Filling(NamedTuple):
    """A network whose don't-cares are filled, and what that changed.

    Attributes:
        network: the filled one.
        share: of the training samples that a table may answer otherwise.
        unreached: share of the entries that no training sample reaches.
        pins: that tables need, of ``pins_before``.
        pins_before: see there.
        accuracy: on the held-out samples; ``accuracy_before``: before.
        accuracy_before: see there.
    """

    network: LutNetwork
    share: float
    unreached: float
    pins: int
    pins_before: int
    accuracy: float
    accuracy_before: float


def smallest(
    network: LutNetwork, codes: Codes, validation: tuple[Codes, NDArray[np.int64]], slack: float = 0.0
) -> Filling:
    """Fill don't-cares with the largest budget, tried in turn, that the held-out samples bear.

    Budgets are tried until more held-out samples are lost than may be, or, where none may be, their mean loss grows by
    more than WORSE: which of some thousand samples are right says little, and luck would be taken for a gain.

    Args:
        network: as trained.
        codes: uint8 (samples, rows), the samples it was trained on.
        validation: codes and labels of the held-out samples, the judge.
        slack: the share of them that may be lost.
    """
    readout = network.head.readout
    tau = readout.tau * default_tau(network.layers[-1].num_tables / network.classes)

    def judged(network: LutNetwork) -> tuple[float, float]:
        scores = class_scores(network, validation[0])
        loss, _ = readout.loss(scores, validation[1], scale=1, tau=tau)
        return float((scores.argmax(axis=1) == validation[1]).mean()), loss

    counts = [reached(network, codes, depth) for depth in range(len(network.layers))]
    before, loss_before = judged(network)
    least, most = before - slack - 1e-12, math.inf if slack else (1 + WORSE) * loss_before
    chosen, share, found = network, 0.0, before
    for tried in SHARES:
        candidate = filled(network, codes, int(tried * len(codes)), counts[0])
        reaches, loss = judged(candidate)
        if reaches < least or (loss > most and tried):
            break
        chosen, share, found = candidate, tried, reaches
    unreached = sum(int((part == 0).sum()) for part in counts) / sum(part.size for part in counts)
    needed = sum(int(needed_pins(layer).sum()) for layer in chosen.layers)
    return Filling(chosen, share, unreached, needed, sum(layer.codes.size for layer in chosen.layers), found, before)


def needed_pins(layer: Layer) -> NDArray[np.bool_]:
    """Return which pins tables depend on: bool (tables, pins)."""
    bits, address = layer.counters >= 0, np.arange(layer.counters.shape[1])
    pins = layer.codes.shape[1]
    return np.stack([(bits != bits[:, address ^ 1 << i]).any(axis=1) for i in range(pins)], axis=1)


# --- Sizes -----------------------------------------------------------------------------------------------------------


class Size(NamedTuple):
    """How large a circuit is.

    Attributes:
        inputs: bits it reads.
        ands: AND nodes, equal ones shared.
        levels: of AND nodes.
        luts6: look-up tables of up to six inputs that cover it (:func:`circuits.mapping.lut_count`).
    """

    inputs: int
    ands: int
    levels: int
    luts6: int


def size_of(circuit: Circuit, bits: Circuit) -> Size:
    """Measure a circuit, given its gates of bits as :func:`circuits.aig.lowered` makes them."""
    return Size(bits.num_inputs, len(to_literals(bits).ands), and_levels(bits), lut_count(circuit))


def without_encoder(network: LutNetwork, name: str) -> Circuit:
    """Return the circuit from the bits of pins to the class: tables, counts and argmax alone."""
    layer = network.layers[0]
    needed = needed_pins(layer)
    if layer.copies is not None:
        needed = needed[layer.copies.share]
    chosen = np.stack([np.where(needed, array, 0).astype(np.int64) for array in layer.spread()], axis=-1)
    distinct = np.unique(chosen[needed], axis=0)
    place = {tuple(pin): k for k, pin in enumerate(distinct.tolist())}

    def wire(builder: Builder, source: int, against: int, margin: int) -> int:
        return place.get((source, against, margin), 0)  # a pin that no table needs may be any

    builder = Builder([f"pin{k}" for k in range(max(1, len(distinct)))], name=name)
    return without_dead_gates(network_circuit(network, builder, wire))


# --- Shipping --------------------------------------------------------------------------------------------------------


class Shipment(NamedTuple):
    """A classifier as it is shipped.

    Attributes:
        classifier: with the filled network: what the circuits compute.
        circuit: from features, as words, to the class.
        bits: the same as gates of bits, one AND each.
        filling: how don't-cares were filled.
        size: of the whole; ``size_without``: from the bits of pins on, without the encoder.
        size_without: see there.
    """

    classifier: Classifier
    circuit: Circuit
    bits: Circuit
    filling: Filling
    size: Size
    size_without: Size


def ship(
    classifier: Classifier,
    features: NDArray[np.integer],
    labels: NDArray[np.int64],
    apart: NDArray[np.bool_],
    slack: float = 0.0,
) -> Shipment:
    """Make the circuits of a trained classifier, don't-cares filled, and measure them.

    Args:
        classifier: as trained.
        features: integers (samples, features), of the training.
        labels: of the samples.
        apart: bool (samples,), those held out.
        slack: the share of the held-out samples that smaller circuits may get wrong in addition.
    """
    codes = classifier.encoder.codes(features)
    filling = smallest(classifier.network, codes[~apart], (codes[apart], labels[apart]), slack)
    shipped = replace(classifier, network=filling.network)
    circuit = shipped.circuit()
    bits = lowered(circuit)
    alone = without_encoder(filling.network, classifier.name)
    return Shipment(shipped, circuit, bits, filling, size_of(circuit, bits), size_of(alone, lowered(alone)))


def proved(shipment: Shipment, features: NDArray[np.integer], key: Key, random: int) -> int:
    """Compare the shipped circuits with the model they are made from, on samples and random inputs.

    Returns:
        how many inputs were compared.

    Raises:
        TrainError: they differ: a bug.
    """
    agreeing(shipment.circuit, shipment.classifier, features[:WORDS_COMPARED], key, 0)
    return agreeing(shipment.bits, shipment.classifier, features, key, random)


def reread(shipment: Shipment, path: Path, features: NDArray[np.integer], key: Key, random: int) -> bool:
    """Read a written circuit back and compare it with the proved one: gate by gate, or on inputs as :func:`proved`.

    Returns:
        whether the file could be read: some formats, and words in others, are only written.

    Raises:
        TrainError: the file holds another function: a bug.
    """
    try:
        found = read_circuit(path)
    except FormatError:
        return False
    same = found == shipment.circuit if found.has_words else _same_gates(found, shipment.bits)
    if not same:
        agreeing(found, shipment.classifier, features, key, random)
    return True


def _same_gates(a: Circuit, b: Circuit) -> bool:
    first, second = to_literals(a), to_literals(b)
    same = np.array_equal(first.outputs, second.outputs)
    return same and np.array_equal(np.sort(first.ands, axis=1), np.sort(second.ands, axis=1))
