"""Show what ingredients of image classifiers are worth: ``python tests/benchmarks/bench_ablation.py --data-dir D``.

One layer of tables of six inputs and what could be added to it or left out, each trained on the same 50,000 images for
the same passes by one thread, and judged on the other 10,000 of the training images, mean and range over seeds. Seconds
are of the processor; AND nodes those of the last seed's whole circuit, encoder and all, don't-cares not filled.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.aig import lowered, to_literals
from learn.classify import WARPINGS, WARPS, Classifier
from learn.data import load_dataset
from learn.encoders import LEVELS, MARGINS, Codes, ImageEncoder, WindowEncoder
from learn.keys import Key
from learn.losses import softmax
from learn.models.kinds import Size, build, window_of, window_shifts
from learn.models.lut_network import ZERO_ROW, Bank, LutNetwork, Pins, make_network
from learn.train import Settings, bank_of, class_scores, default_tau, fit, probes_of

HELD_OUT, CLASSES, PINS, BOUND, FOLDS = 10_000, 10, 6, 32, 3
SHARED = 2_000
TEACHING = 0.5
"""The share of a teacher's answer in what is to be learned, beside the label."""
SIDE_STEPS = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))

Scores = NDArray[np.int64]


class Found(NamedTuple):
    """What an ingredient came to: the scores of the held-out images, and the network, if it is a single one."""

    scores: Scores
    network: LutNetwork | None


@dataclass(frozen=True)
class Task:
    """Images, those that are held out among them, and what is the same for all ingredients."""

    images: NDArray[np.uint8]  # (samples, pixels)
    labels: NDArray[np.int64]
    apart: NDArray[np.bool_]  # (samples,)
    tables: int
    passes: int
    key: Key

    @property
    def side(self) -> int:
        """Pixels a side."""
        return round(self.images.shape[1] ** 0.5)

    @property
    def encoder(self) -> ImageEncoder:
        """The usual encoder."""
        return ImageEncoder(self.side, self.side)

    def bank(self, codes: Codes, count: int = 1 << 16) -> Bank:
        """Return comparisons as training has them."""
        return bank_of(self.encoder, probes_of(codes, self.key.fold("probes")), self.key.fold("bank"), count=count)

    def trained(
        self, codes: Codes, labels: NDArray[np.int64], bank: Bank, *, tables: int = 0, made: LutNetwork | None = None,
        fold: int = 0, warps: NDArray[np.int32] | None = None, swap: float = Settings.swap, softness: float = 1.0,
        **options: Any,
    ) -> LutNetwork:  # fmt: skip
        """Train a network, one layer if none is made, on some codes."""
        network = made or make_network(
            bank, rows=codes.shape[1], classes=CLASSES, widths=[tables or self.tables], pins=PINS, bound=BOUND,
            key=self.key.fold("network", fold),
        )  # fmt: skip
        tau = softness * default_tau(self.tables / CLASSES)
        settings = Settings(epochs=self.passes, tau=tau, swap=swap)
        events = fit(
            network, codes, labels, bank=bank, key=self.key.fold("fit", fold), settings=settings, warps=warps, **options
        )
        *_, last = events
        return last.network

    def usual(self, change: Callable[[Bank], Bank] = lambda bank: bank, count: int = 1 << 16, **options: Any) -> Found:
        """Train the usual network, with another bank or other options."""
        codes = self.encoder.codes(self.images)
        learned = codes[~self.apart]
        network = self.trained(learned, self.labels[~self.apart], change(self.bank(learned, count)), **options)
        return Found(class_scores(network, codes[self.apart]), network)


def thresholds(bank: Bank) -> Bank:
    """Return a bank of every margin of fewer pairs of rows: a pin's near candidates are its own pair's."""
    _, first = np.unique(np.stack([bank.pins.source, bank.pins.against]), axis=1, return_index=True)
    first = np.sort(first)[:: len(MARGINS)]
    source, against = bank.pins.source[first, None], bank.pins.against[first, None]
    levels = against == ZERO_ROW
    many = max(len(LEVELS), len(MARGINS))
    spelled = [np.resize(np.array(each, np.uint8), many) for each in (LEVELS, MARGINS)]
    margin = np.where(levels, *spelled)
    kept = levels | (np.arange(many) < len(MARGINS))
    pins = Pins(*(np.broadcast_to(array, kept.shape)[kept] for array in (source, against, margin)))
    return Bank(pins, (len(MARGINS) - 1) / pins.source.size)


def boosted(task: Task) -> Found:
    """Train half of the tables, then the other half on what the first, left as it is, still gets wrong."""
    codes = task.encoder.codes(task.images)
    learned, labels = codes[~task.apart], task.labels[~task.apart]
    bank = task.bank(learned)
    first = task.trained(learned, labels, bank, tables=task.tables // 2)
    before = class_scores(first, learned)

    def loss(scores: Scores, at: NDArray[np.int64], **options: Any) -> tuple[float, Scores]:
        return softmax(scores + before[at], labels[at], **options)

    second = task.trained(learned, np.arange(len(labels)), bank, tables=task.tables // 2, fold=1, loss=loss)
    return Found(sum(class_scores(each, codes[task.apart]) for each in (first, second)), None)


def distilled(task: Task) -> Found:
    """Train on labels mixed with answers of networks that were not trained on the image in question."""
    codes = task.encoder.codes(task.images)
    learned, labels = codes[~task.apart], task.labels[~task.apart]
    bank, fold = task.bank(learned), np.arange(len(labels)) % FOLDS
    taught = np.zeros((len(labels), CLASSES), np.int64)
    for k in range(FOLDS):
        teacher = task.trained(learned[fold != k], labels[fold != k], bank, fold=1 + k)
        taught[fold == k] = class_scores(teacher, learned[fold == k])

    def loss(scores: Scores, at: NDArray[np.int64], **options: Any) -> tuple[float, Scores]:
        (found, error), (_, of_teacher) = (softmax(each, labels[at], **options) for each in (scores, taught[at]))
        return found, error - np.rint(TEACHING * of_teacher).astype(np.int64)

    network = task.trained(learned, np.arange(len(labels)), bank, loss=loss)
    return Found(class_scores(network, codes[task.apart]), network)


def summed(task: Task) -> Found:
    """Sum the scores of three networks."""
    tasks = [replace(task, key=task.key.fold(k)) for k in range(3)]
    return Found(sum(each.usual().scores for each in tasks), None)


def shifted(task: Task) -> Found:
    """Sum the scores of one network over the image and the image moved by a pixel to each side."""
    network, side = task.usual().network, task.side
    framed = np.pad(task.images[task.apart].reshape(-1, side, side), ((0, 0), (1, 1), (1, 1)))
    views = (framed[:, 1 + dy : 1 + dy + side, 1 + dx : 1 + dx + side] for dy, dx in SIDE_STEPS)
    scores = (class_scores(network, task.encoder.codes(view.reshape(-1, side * side))) for view in views)
    return Found(sum(scores), None)


def trees(task: Task) -> Found:
    """Train trees of tables that are moved over the image, and a layer behind them."""
    image = task.side, task.side
    encoder = WindowEncoder(*image, window=window_of(image))
    codes = encoder.codes(task.images)
    learned = codes[~task.apart]
    bank = bank_of(encoder, probes_of(learned, task.key.fold("probes"), window_shifts(image)), task.key.fold("bank"))
    size = Size(encoder.rows, CLASSES, task.tables, PINS, BOUND, image=image)
    network = task.trained(learned, task.labels[~task.apart], bank, made=build("tree", bank, size, key=task.key))
    return Found(class_scores(network, codes[task.apart]), network)


def deformed(task: Task, name: str) -> Found:
    """Train on deformations, some of WARPINGS."""
    warping = WARPINGS[name]
    assert warping is not None
    return task.usual(warps=task.encoder.warps(task.key.fold("warps"), WARPS, **warping._asdict()))


def levels_alone(bank: Bank) -> Bank:
    """Return the comparisons of a pixel with a level."""
    return bank.chosen(bank.pins.against == ZERO_ROW)


INGREDIENTS: dict[str, Callable[[Task], Found]] = {
    "one layer": lambda task: task.usual(),
    "pins not rewired": lambda task: task.usual(swap=0.0),
    "thresholds alone": lambda task: task.usual(levels_alone),
    "unblurred pixels alone": lambda task: task.usual(
        lambda bank: bank.chosen(np.maximum(bank.pins.source, bank.pins.against) <= task.encoder.num_features)
    ),
    f"{SHARED:,} comparisons": lambda task: task.usual(count=SHARED),
    "learned thresholds": lambda task: task.usual(thresholds),
    "softer scores": lambda task: task.usual(softness=1.5),
    "shifted images": lambda task: deformed(task, "shift"),
    "deformed images": lambda task: deformed(task, "small"),
    "mirrored images": lambda task: deformed(task, "mirror"),
    "boosting": boosted,
    "out-of-fold distillation": distilled,
    "trees moved over the image": trees,
    "twice the tables": lambda task: replace(task, tables=2 * task.tables).usual(),
    "five shifts summed": shifted,
    "three networks summed": summed,
}


def ands_of(task: Task, network: LutNetwork) -> int:
    """Return the AND nodes of a network's circuit."""
    return len(to_literals(lowered(Classifier(network, task.encoder, "ablation").circuit())).ands)


def main() -> None:
    """Print a line for each ingredient."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the idx files")
    parser.add_argument("--data", default="mnist", help="name of the data set (default mnist)")
    parser.add_argument("--tables", type=int, default=4_000)
    parser.add_argument("--passes", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=INGREDIENTS, default=list(INGREDIENTS))
    options = parser.parse_args()
    data = load_dataset(options.data, split="train", data_dir=options.data_dir)
    apart = np.zeros(len(data.labels), bool)
    apart[np.argsort(Key(0).fold("apart").words(len(apart)), kind="stable")[:HELD_OUT]] = True
    print(f"{options.data}, {options.tables:,} tables, {options.passes} passes, {options.seeds} seeds, one core")
    for name in options.only:
        right, began = [], time.process_time()
        for seed in range(options.seeds):
            task = Task(data.features.astype(np.uint8), data.labels, apart, options.tables, options.passes, Key(seed))
            found = INGREDIENTS[name](task)
            right.append(100 * (found.scores.argmax(axis=1) == task.labels[apart]).mean())
        seconds = (time.process_time() - began) / options.seeds
        size = "" if found.network is None else f"{ands_of(task, found.network):>12,} ANDs"
        spread = f"({min(right):.2f}..{max(right):.2f})"
        print(f"{name:<28} {np.mean(right):.2f} % {spread:<16} {seconds:6.1f} s {size}", flush=True)


if __name__ == "__main__":
    main()
