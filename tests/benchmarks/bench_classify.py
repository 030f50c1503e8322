"""Measure classifiers of look-up tables: ``python tests/benchmarks/bench_classify.py --data-dir DIR``.

Prints, for every number of tables, the share of MNIST's (or another idx set's) test images that the network as
trained and the circuit as shipped, don't-cares filled, classify right, over seeds, with the seconds of one core from
the loaded images to the trained network, encoding among them, and the circuit's size; beside it scikit-learn's multi-
layer perceptron and random forest, where they are installed, trained on the same images in the same run. Then what a
training step costs, kernel by kernel, in nanoseconds a table and sample, with the ratio to what the loads and stores
of a step would take at the bandwidth of a copy in the cache; what two threads gain on a step; and the bytes that a
training holds a table entry.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from bench_simulate import best_seconds, copy_bandwidth
from bench_training_peer import held, thread_rows, training_of

from learn import lut_kernels as kernels
from learn.classify import WARPINGS, classes_of, learn_classifier, plan_for, samples_apart
from learn.data import Dataset, load_dataset
from learn.encoders import ImageEncoder
from learn.keys import Key
from learn.models.lut_network import make_network
from learn.shipping import ship
from learn.train import Settings, _runs_of, bank_of, probes_of

BATCH = 256


def print_row(*cells: str) -> None:
    """Print cells in columns."""
    print("  ".join(f"{cell:>14}" for cell in cells), flush=True)


def accuracy_rows(
    name: str, data_dir: Path, sizes: list[int], epochs: int, seeds: int, warps: str | None, softness: float
) -> None:
    """Print accuracy and time of training for every size, and the circuit's size, of the last seed."""
    train, test = (load_dataset(name, split=split, data_dir=data_dir) for split in ("train", "test"))
    print(f"{name}: {epochs} passes, one core, {seeds} seeds: mean (least..greatest); sizes with and without encoder")
    print_row("tables", "held out", "test", "shipped", "train s", "6-LUTs", "ANDs", "levels")
    for tables in sizes:
        plan = plan_for(train, tables=tables)._replace(settings=Settings(epochs=epochs), softness=softness)
        plan = plan._replace(warps=plan.warps if warps is None else warps)
        shares: list[list[float]] = [[], [], []]
        seconds = 0.0
        for seed in range(seeds):
            key, start = Key(seed), time.process_time()
            *_, last = learn_classifier(train, key=key, plan=plan)
            seconds += time.process_time() - start
            shipment = ship(last.classifier, train.features, train.labels, samples_apart(train, key))
            found = (last.classifier.predict(test.features), classes_of(shipment.bits, test.features))
            for share, each in zip(shares, (last.event.validation, *found), strict=True):
                share.append(each if isinstance(each, float) else float((each == test.labels).mean()))
        spread = [f"{np.mean(v):.2%} ({min(v):.2%}..{max(v):.2%})" for v in shares]
        whole, alone = shipment.size, shipment.size_without
        areas = [f"{getattr(whole, at):,} / {getattr(alone, at):,}" for at in ("luts6", "ands", "levels")]
        print_row(f"{tables:,}", *spread, f"{seconds / seeds:.1f}", *areas)
    peer_rows(train, test)


def peer_rows(train: Dataset, test: Dataset) -> None:
    """Print scikit-learn's perceptron and forest on the same images."""
    try:
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        print("scikit-learn: skipped, not installed")
        return
    for name, model in (
        ("MLP(100)", MLPClassifier((100,), max_iter=10, random_state=0)),
        ("forest(100)", RandomForestClassifier(100, random_state=0, n_jobs=1)),
    ):
        start = time.perf_counter()
        model.fit(train.features / 255, train.labels)
        seconds = time.perf_counter() - start
        print_row(name, "", f"{model.score(test.features / 255, test.labels):.2%}", f"{seconds:.1f}")


def kernel_seconds(encoder: ImageEncoder, probes: np.ndarray, tables: int, pins: int, key: Key) -> list[float]:
    """Return the seconds of one call of every kernel of a step."""
    bank = bank_of(encoder, probes, key)
    network = make_network(
        bank,
        rows=encoder.rows,
        classes=10,
        widths=[tables],
        pins=pins,
        bound=32,
        key=key,
    )
    (run,), rows = _runs_of(network, BATCH), np.ascontiguousarray(probes[:, :BATCH])
    scores, changes = np.zeros((10, BATCH), np.int32), np.zeros((tables, pins), np.int32)
    signal = (key.integers(127, (10, BATCH)) - 63).astype(np.int8)
    halves = [np.uint64(half) for half in key.philox_key()]
    groups, held_now = run.signal_row, (run.tables, run.addresses)
    forward = (rows, *run.wiring, *held_now, groups, scores, BATCH // kernels.STEP, 0, tables)
    kernels.add_scores(*forward)
    votes = (run.addresses, signal, groups, run.votes, 0, tables)
    others = (run.share, run.choices, bank.reach, *halves)
    size = kernels.count_votes(*votes)
    calls = (
        lambda: kernels.add_scores(*forward),
        lambda: kernels.count_votes(*votes),
        lambda: kernels.add_changes(
            rows, *run.wiring, *others, *held_now, run.votes, signal, groups, changes, 0, tables
        ),
        lambda: kernels.step_by_votes(
            run.votes, size, run.votes.size, 9830, -32, 31, *halves, run.tables.copy(), 0, tables
        ),
    )
    return [best_seconds(call, budget=0.3) for call in calls]


def kernel_rows(sizes: tuple[int, ...] = (1_000, 4_000, 16_000)) -> None:
    """Print nanoseconds a table and sample of every kernel of a step."""
    encoder, key = ImageEncoder(28, 28), Key(0)
    probes = probes_of(encoder.codes(key.integers(256, (1024, 784)).astype(np.uint8)), key)
    bandwidth = copy_bandwidth(1 << 20)
    print("nanoseconds a table and sample, one core, best of many; share of the time that moving its bytes would take")
    print_row("tables", "pins", "forward", "votes", "candidates", "step", "share")
    for tables in sizes:
        for pins in (2, 4, 6):
            took = kernel_seconds(encoder, probes, tables, pins, key)
            moved = BATCH * (4 * pins + 3) + (1 << pins) * 6  # bytes of rows and addresses; of votes and counters
            share = tables * moved / bandwidth / sum(took)
            print_row(f"{tables:,}", f"{pins}", *(f"{1e9 * t / tables / BATCH:.3f}" for t in took), f"{share:.0%}")


def memory_rows() -> None:
    """Print the bytes that a training holds an entry."""
    print("bytes that a training holds an entry: counters and pins; votes of entries and candidates; a network kept,")
    print("as those begun with and best so far; kilobytes of what pins are numbers of, however many tables there are")
    for pins in (2, 4, 6):
        found = held(training_of(1_000, pins, BATCH, 1))
        rest, votes, kept = (size / (1_000 << pins) for size in (found.rest, found.votes, found.kept))
        print(f"  {pins} pins  {rest:.2f}  {votes:.2f}  {kept:.2f}  {found.shared / 1000:.0f}")


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="folder of the idx files; without it only kernels are measured")
    parser.add_argument("--data", default="mnist", help="name of the data set (default mnist)")
    parser.add_argument("--tables", type=int, nargs="+", default=[1_000, 4_000])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--no-kernels", action="store_true", help="leave out what kernels cost")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--warps", choices=WARPINGS, help="what training does to images (default as learn)")
    parser.add_argument("--softness", type=float, default=1.0, help="of the scores in training (default 1)")
    options = parser.parse_args()
    if not options.no_kernels:
        kernel_rows()
        thread_rows([4_000, 16_000, 64_000])
        memory_rows()
    if options.data_dir:
        accuracy_rows(
            options.data, options.data_dir, options.tables, options.epochs, options.seeds, options.warps,
            options.softness,
        )  # fmt: skip


if __name__ == "__main__":
    main()
