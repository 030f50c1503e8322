"""Learn a classifier from a labelled data set, end to end: encode, train, and hand over the circuit that answers.

Features are integers in the circuit. Decimal fractions are taken in units of a power of ten, which the name of the
input tells: ``length_e-1`` is in tenths.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuits.circuit import Circuit
from circuits.rewrite import without_dead_gates
from circuits.simulate import simulate
from circuits.values import from_bits, simulate_values, to_bits
from circuits.wires import Word
from learn.data.datasets import Dataset
from learn.encoders import Encoder, ImageEncoder, TabularEncoder, WindowEncoder
from learn.errors import DataError, TrainError
from learn.inference import Reader
from learn.keys import Key
from learn.models.kinds import MODELS, Model, Size, build, model_named, window_of, window_shifts
from learn.models.lut_network import LutNetwork, network_circuit
from learn.models.readouts import READOUTS
from learn.train import (
    COMPARISONS,
    RARE,
    Event,
    Settings,
    State,
    bank_of,
    class_scores,
    default_tau,
    fit,
    passes,
    probes_of,
)

MAX_DECIMALS = 9
HELD_OUT = 0.1
"""Share of the samples held out to validate on; of fewer than ``FEW`` samples, twice as many."""
MOST_HELD_OUT = 2000
FEW = 2000
STEPS = 1000
"""Steps a training takes at least when the epochs are chosen."""
FEWEST_EPOCHS = 20
MOST_TABLES = 16_000
SMALL = 8192
"""Fewer samples than this are taken 64 a step, more of them 256."""
MOST_IMAGE_TABLES = 100_000
TABLES_A_SECOND = 400
"""Tables of images for each second of training, which leaves time for some twenty passes over 60,000 images: of the
same time, more tables and fewer passes make more of it (Fashion-MNIST, held out: 12,000 tables and 58 passes 91.8 %,
24,000 and 29 92.1 %, 40,000 and 17 92.5 %; MNIST 98.95, 99.04 and 99.01 %)."""
SOFTNESS = 1 / 16, 16.0
"""Least and most softness."""
MAX_EPOCHS = 200
WARPS = 256
"""Deformations that are drawn before training."""
LEAST_COMPARISONS, COMPARISONS_A_TABLE = 2000, 2
"""Comparisons of pixels that pins of images are drawn from: so many at least, and for each table."""
SMALL_SWAP = 0.3
"""Share of the pins that may be swapped at a time, where data is no set of images."""
COMPARED = 8192
"""Inputs of which a circuit's answers are compared at a time."""
TIMED = 16
"""Steps that are timed to find how many epochs fit."""
_UNIT = re.compile(r".*_e-([1-9])")


class Warping(NamedTuple):
    """How much images are deformed at most, as ``ImageEncoder.warps`` takes it.

    A shift of 0.65 pixels leaves six images in ten where they are, which small networks bear best.
    """

    shift: float
    turn: float = 0
    scale: float = 0
    bend: float = 0
    mirror: bool = False


WARPINGS: dict[str, Warping | None] = {
    "shift": Warping(0.65),
    "small": Warping(1, turn=4, scale=0.04, bend=0.2),
    "mirror": Warping(0.65, mirror=True),
    "none": None,
}
"""What training may do to images, by name."""


class Sizes(NamedTuple):
    """What is chosen for data of some size where the user does not.

    Attributes:
        tables: look-up tables a layer.
        epochs: passes over the samples.
        batch: samples a step.
        every: steps between two swaps of pins.
        tau: the scores' unit in training.
    """

    tables: int
    epochs: int
    batch: int
    every: int
    tau: float


def sizes(samples: int, features: int, classes: int, tables: int | None = None) -> Sizes:
    """Choose a training for data of some size.

    Few samples are fitted exactly by any of these networks, so what counts is which comparisons they vote on: pins
    are swapped often, each time after about 2.5 looks at every sample, and a large tau keeps the error alive that
    says which are good. Of 432 patterns of MONK-1, learned from 124, the settings for large data get 92 % right, and
    these more than 99.9 %; on iris, wine, breast cancer and digits, settings matter by a point.

    Args:
        samples: of the training data.
        features: how many.
        classes: how many.
        tables: how many, if that is given.
    """
    batch = 64 if samples < SMALL else 256
    chosen = tables or min(MOST_TABLES, max(1000, 200 * classes, min(samples // 8, 32 * features)))
    return Sizes(
        max(chosen, classes) if tables is None else chosen,
        max(FEWEST_EPOCHS, -(-STEPS // -(-samples // batch))),
        batch,
        min(150, max(10, 5 * samples // batch)),
        max(0.5, min(2.25, max(0.45, 26 / math.sqrt(samples))) * math.sqrt(chosen / classes)),
    )


class Plan(NamedTuple):
    """What is trained, and how.

    Attributes:
        tables: look-up tables of a layer.
        pins: of a table.
        bound: counters live in -bound..bound-1.
        levels: thresholds a feature may have.
        encoding: of the features, a name of ``learn.encoders.ENCODINGS``; None for comparisons of pixels where they are
            images, and for "quantile" elsewhere.
        warps: what training does to images, a name of WARPINGS.
        softness: the unit of the scores in training, times the usual one: more goes on learning from samples that are
            right already.
        comparisons: of pixels that pins of images are drawn from, for small circuits; 0 for as many as useful.
        settings: of the training.
        model: one of MODELS.
        readout: one of READOUTS.
    """

    tables: int
    pins: int = 6
    bound: int = 32
    levels: int = 32
    encoding: str | None = None
    warps: str = "none"
    softness: float = 1.0
    comparisons: int = 0
    settings: Settings = Settings()
    model: str = next(iter(MODELS))
    readout: str = next(iter(READOUTS))


@dataclass(frozen=True)
class Classifier:
    """A trained network with its encoder."""

    network: LutNetwork
    encoder: Encoder
    name: str

    def scores(self, features: ArrayLike) -> NDArray[np.int64]:
        """Return the score of each class: (samples, features) to int64 (samples, classes)."""
        return class_scores(self.network, self.encoder.codes(features))

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """Return the class of each sample."""
        return self._reader.predict(features)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.network, self.encoder)

    def circuit(self) -> Circuit:
        """Return the circuit from features to the output ``class``, encoder and all."""
        return without_dead_gates(network_circuit(self.network, self.encoder.builder(self.name), self.encoder.pin_wire))


class Progress(NamedTuple):
    """Training after an epoch, and the classifier as it is then."""

    event: Event
    classifier: Classifier


def decimals(column: NDArray[np.float64]) -> int:
    """Return the fewest decimals, at most nine, that hold every number.

    Raises:
        DataError: more are needed.
    """
    for count in range(MAX_DECIMALS + 1):
        if np.allclose(np.round(column, count), column, rtol=1e-12, atol=1e-12):  # sums of decimals are a little off
            return count
    raise DataError(f"features: got numbers of more than {MAX_DECIMALS} decimals, expected fewer; round them first")


def in_integers(dataset: Dataset) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return the features as integers, in units that their names tell.

    Raises:
        DataError: more than nine decimals, or numbers beyond 2**53.
    """
    if dataset.features.dtype.kind != "f":
        return dataset.features, dataset.feature_names
    columns, names = [], []
    for column, name in zip(dataset.features.T, dataset.feature_names, strict=True):
        count = decimals(column)
        scaled = np.rint(column * 10**count)
        if np.abs(scaled).max(initial=0) >= 2.0**53:
            raise DataError(f"feature {name}: got numbers beyond 2**53, expected smaller ones")
        columns.append(scaled.astype(np.int64))
        names.append(f"{name}_e-{count}" if count else name)
    return np.stack(columns, axis=1), tuple(names)


def plan_for(dataset: Dataset, *, seconds: float = 60.0, tables: int | None = None) -> Plan:
    """Choose a plan by the shape of the data and the time there is."""
    if dataset.image_shape is not None and dataset.num_samples >= FEW:
        wanted = tables or min(MOST_IMAGE_TABLES, max(50 * dataset.num_classes, int(TABLES_A_SECOND * seconds)))
        return Plan(
            wanted,
            warps=next(iter(WARPINGS)),
            comparisons=min(COMPARISONS, max(LEAST_COMPARISONS, COMPARISONS_A_TABLE * wanted)),
        )
    size = sizes(dataset.num_samples, dataset.num_features, dataset.num_classes, tables)
    settings = Settings(epochs=size.epochs, batch=size.batch, every=size.every, tau=size.tau, swap=SMALL_SWAP)
    return Plan(size.tables, settings=settings)


def _image_of(dataset: Dataset, plan: Plan) -> tuple[int, int] | None:
    """Return height and width if samples are images of bytes and are to be read as such."""
    return dataset.image_shape if dataset.features.dtype == np.uint8 and plan.encoding is None else None


def _encoder(dataset: Dataset, features: NDArray[Any], names: tuple[str, ...], plan: Plan, model: Model) -> Encoder:
    shape = _image_of(dataset, plan)
    if shape is not None:
        return WindowEncoder(*shape, window=window_of(shape)) if model.moves else ImageEncoder(*shape)
    return TabularEncoder.fit(features, names, levels=plan.levels, encoding=plan.encoding or "quantile")


def held_out(labels: NDArray[np.int64], share: float, key: Key) -> NDArray[np.bool_]:
    """Choose a share of the samples of each class, but never all of them: bool (samples,)."""
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        order = np.argsort(key.fold(int(label)).words(len(members)), kind="stable")
        chosen[members[order[: min(len(members) - 1, round(share * len(members)))]]] = True
    return chosen


def samples_apart(dataset: Dataset, key: Key) -> NDArray[np.bool_]:
    """Return which samples :func:`learn_classifier` holds out with this key: bool (samples,)."""
    many = dataset.num_samples >= FEW
    share = min(HELD_OUT, MOST_HELD_OUT / dataset.num_samples) if many else 2 * HELD_OUT
    return held_out(dataset.labels, share, key.fold("held out"))


def learn_classifier(
    dataset: Dataset,
    *,
    key: Key,
    plan: Plan,
    seconds: float | None = None,
    threads: int = 1,
    pulse: float | None = None,
    resume: State | None = None,
    apart: NDArray[np.bool_] | None = None,
) -> Iterator[Progress]:
    """Train a classifier on a data set, some samples of which are held out.

    Args:
        dataset: labelled samples.
        key: decides everything but the time.
        plan: what is trained; its ``settings.epochs`` count if ``seconds`` is not given.
        seconds: train for as many epochs as fit about this time, measured on the first steps.
        threads: how many; they change no result.
        pulse: seconds after which training is reported in the middle of a pass too.
        resume: the state of the same training, to go on from; it knows how many epochs there are if ``seconds`` are
            given.
        apart: bool (samples,), those held out; None for :func:`samples_apart`.

    Yields:
        after each epoch, and at every pulse, where training stands; the last one is the result.

    Raises:
        DataError: data that cannot be encoded.
        TrainError: too few samples, a bad setting, or a state of another training.
    """
    features, names = in_integers(dataset)
    apart = samples_apart(dataset, key) if apart is None else apart
    if apart.all() or not apart.any():
        raise TrainError(f"{dataset.name}: got {dataset.num_samples} samples, expected enough to hold some out")
    image = _image_of(dataset, plan)
    model = model_named(plan.model, image)
    encoder = _encoder(dataset, features[~apart], names, plan, model)
    train, wanted = encoder.codes(features[~apart]), dataset.labels[~apart]
    validation = encoder.codes(features[apart]), dataset.labels[apart]
    probes = probes_of(train, key.fold("probes"), window_shifts(image) if image and model.moves else None)
    settings = plan.settings
    rare = RARE if len(train) >= 64 else 0.0
    count = 0 if image is None or model.moves else plan.comparisons
    bank = bank_of(encoder, probes, key.fold("bank"), count=count or COMPARISONS, rare=rare)
    network = build(
        plan.model,
        bank,
        Size(encoder.rows, dataset.num_classes, plan.tables, plan.pins, plan.bound, plan.readout, image),
        key=key.fold("network"),
    )
    warps = None
    if not SOFTNESS[0] <= plan.softness <= SOFTNESS[1]:
        raise TrainError(f"softness: got {plan.softness}, expected {SOFTNESS[0]:g}..{SOFTNESS[1]:g}")
    tau = default_tau(plan.tables / dataset.num_classes) if settings.tau is None else settings.tau
    settings = replace(settings, tau=plan.softness * tau)
    if plan.warps not in WARPINGS:
        raise TrainError(f"warps: got {plan.warps!r}, expected one of {', '.join(WARPINGS)}")
    warping = WARPINGS[plan.warps]
    if warping is not None and isinstance(encoder, ImageEncoder):
        warps = encoder.warps(key.fold("warps"), WARPS, **warping._asdict())

    def training(settings: Settings, samples: int, **options: Any) -> Iterator[Event]:
        return fit(
            network,
            train[:samples],
            wanted[:samples],
            bank=bank,
            key=key.fold("fit"),
            settings=settings,
            warps=warps,
            validation=validation if samples == len(train) else None,
            threads=threads,
            **options,
        )

    if resume is not None and seconds is not None:
        settings = replace(settings, epochs=passes(resume))
    elif seconds is not None:
        took = []
        for steps in (1, 1, 1 + TIMED):  # kernels compile in the first; the second tells what does not depend on steps
            began = time.monotonic()
            next(training(replace(settings, epochs=1), min(len(train), steps * settings.batch)))
            took.append(time.monotonic() - began)
        a_step = max(1e-5, (took[2] - took[1]) / TIMED)
        left = 0.9 * seconds / (a_step * -(-len(train) // settings.batch))
        settings = replace(settings, epochs=int(min(MAX_EPOCHS, max(2, left))))
    for event in training(settings, len(train), pulse=pulse, resume=resume):
        yield Progress(event, Classifier(event.network, encoder, dataset.name))


# --- What circuits answer --------------------------------------------------------------------------------------------


def _units(circuit: Circuit) -> tuple[list[str], list[int]]:
    """Return the features of a circuit, by the names of its inputs, and how many inputs store each."""
    names: list[str] = []
    widths: list[int] = []
    for name in circuit.input_names:
        stem = re.sub(r"\[\d+\]$", "", name)
        if names and names[-1] == stem and stem != name:
            widths[-1] += 1
        else:
            names.append(stem)
            widths.append(1)
    return names, widths


def _in_units(names: Sequence[str], features: NDArray[Any]) -> NDArray[np.int64]:
    """Return features in the units that their names tell."""
    scale = np.array([10 ** int(match[1]) if (match := _UNIT.fullmatch(name)) else 1 for name in names])
    return np.rint(features * scale).astype(np.int64)


def words_of(circuit: Circuit, features: NDArray[Any]) -> NDArray[np.int64]:
    """Return what inputs of words are given for samples, the nearest they can hold: int64 (samples, features)."""
    bounds = np.array([[word.lo, word.hi] for word in circuit.input_types])
    return np.clip(_in_units(circuit.input_names, features), *bounds.T)


def classes_of(circuit: Circuit, features: ArrayLike) -> NDArray[np.int64]:
    """Return what class a circuit answers for samples, whether its words are words still or their bits.

    Args:
        circuit: with the output ``class``, a word or bits ``class[0]``, ...
        features: numbers (samples, features), in the units of the data set.

    Returns:
        int64 (samples,).

    Raises:
        DataError: features that do not fit the circuit, or a circuit without classes.
    """
    given = np.asarray(features)
    names, widths = _units(circuit)
    if given.ndim != 2 or given.shape[1] != len(names):
        raise DataError(f"{circuit.name}: reads {len(names)} features, got data of shape {given.shape}")
    if {re.sub(r"\[\d+\]$", "", name) for name in circuit.output_names} != {"class"}:
        raise DataError(f"{circuit.name}: has the outputs {', '.join(circuit.output_names[:4])}, expected the class")
    integers = _in_units(names, given)
    if circuit.has_words:
        return simulate_values(circuit, words_of(circuit, given).T)[0]
    stored = to_bits(integers.T, [Word(width) for width in widths])
    found = simulate(circuit, stored, patterns=len(given))
    return from_bits(found, [Word(max(1, circuit.num_outputs), False)], len(given))[0]


def agreeing(circuit: Circuit, classifier: Classifier, features: NDArray[Any], key: Key, random: int) -> int:
    """Compare a circuit with the model it was made from, on samples and on random inputs.

    Args:
        circuit: of words, or of the bits that store them, which is much quicker for large circuits.
        classifier: the model.
        features: integers (samples, features).
        key: decides the random inputs.
        random: how many; they are spread evenly over what the inputs can hold.

    Returns:
        how many inputs were compared.

    Raises:
        TrainError: they differ: a bug.
    """
    types = classifier.encoder.builder("inputs").circuit({}).input_types
    samples = (features[start : start + COMPARED] for start in range(0, len(features), COMPARED))
    drawn = (
        random_values(types, min(COMPARED, random - start), key.fold("inputs", start))
        for start in range(0, random, COMPARED)
    )
    for part in chain(samples, drawn):
        values = classifier.encoder.inputs(part)
        if circuit.has_words:
            found = simulate_values(circuit, values)[0]
        else:
            bits = simulate(circuit, to_bits(values, types), patterns=len(part))
            found = from_bits(bits, [Word(max(1, circuit.num_outputs), False)], len(part))[0]
        if not np.array_equal(found, classifier.predict(part)):
            raise TrainError(f"{circuit.name}: the circuit differs from the model it was made from")
    return len(features) + random


def random_values(types: Sequence[Word], count: int, key: Key) -> NDArray[np.integer]:
    """Draw values evenly from everything that inputs of some types can hold: (count, inputs)."""
    widths = np.array([word.bits for word in types])
    octets = next(size for size in (1, 2, 4, 8) if widths.max() <= 8 * size)
    drawn = key.words(-(-count * len(types) * octets // 8)).view(f"u{octets}")[: count * len(types)]
    stored = drawn.reshape(count, -1) >> (8 * octets - widths).astype(drawn.dtype)
    if not any(word.signed for word in types):
        return stored
    return stored.astype(np.int64) + np.array([word.lo for word in types])


__all__ = ["Classifier", "Plan", "Progress", "agreeing", "classes_of", "learn_classifier", "plan_for"]
