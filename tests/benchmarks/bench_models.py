"""Compare the models and the readouts on images: ``python tests/benchmarks/bench_models.py --data-dir D``.

Accuracy is that of the held-out tenth of the training samples after the last pass; no deformations. Seconds are of the
processor, training and that evaluation after each pass, one thread. *circuit* counts the tables of the circuit, copies
and all; *learned* those that have counters of their own.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from learn.classify import learn_classifier, plan_for
from learn.data import Dataset, load_dataset
from learn.keys import Key
from learn.models.kinds import MODELS
from learn.models.readouts import READOUTS


def measure(dataset: Dataset, seeds: int, tables: int, passes: int, model: str, readout: str) -> None:
    """Print one line: means over seeds."""
    plan = plan_for(dataset, tables=tables)
    plan = plan._replace(warps="none", model=model, readout=readout, settings=replace(plan.settings, epochs=passes))
    held_out, training, seconds = [], [], []
    for seed in range(seeds):
        began = time.process_time()
        for progress in learn_classifier(dataset, key=Key(seed), plan=plan):
            last = progress
        seconds.append(time.process_time() - began)
        held_out.append(last.event.validation)
        training.append(last.event.accuracy)
    network = last.classifier.network
    learned = sum(0 if layer.frozen else len(layer.counters) for layer in network.layers)
    spread = f"{100 * np.min(held_out):.2f}..{100 * np.max(held_out):.2f}"
    print(
        f"{dataset.name:<14} {model:<12} {readout:<13} {network.num_tables:>7} {learned:>7}  "
        f"{100 * np.mean(held_out):.2f}  {spread}  {100 * np.mean(training):.2f}  {np.mean(seconds):>6.1f}",
        flush=True,
    )


def main() -> None:
    """Print both tables for each data set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--data", nargs="+", default=["mnist", "fashion_mnist"])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--readouts", nargs="+", choices=READOUTS, default=list(READOUTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=6)
    options = parser.parse_args()
    print("data           model        readout        circuit learned  held-out %  spread  training %  CPU s")
    for name in options.data:
        dataset = load_dataset(name, split="train", data_dir=options.data_dir)
        for model in options.models:
            measure(dataset, options.seeds, 2000, options.passes, model, "group_sum")
        for readout in options.readouts:
            measure(dataset, options.seeds, 1000, options.passes, "lut", readout)


if __name__ == "__main__":
    main()
