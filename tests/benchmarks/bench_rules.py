"""Compare update rules with a float reference: ``python tests/benchmarks/bench_rules.py --data-dir DIR``.

One layer of 6-input tables, its pins drawn once and never swapped, learns a set of images by every integer rule, with
counters of -K..K-1 for several K; all see the same samples in the same batches, in each rule's own order of steps. The
reference, where torch is installed, is the same network with float latents: hard tables forward, the same signal to the
addressed entry backward (straight-through), Adam, the same readout, softmax, batches and passes; its learning rate is
chosen on the held-out tenth of the training images. Rules have the one rate that they have everywhere.

Prints test accuracy, and what a step of each rule costs in nanoseconds an entry.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learn import lut_kernels as kernels
from learn.classify import held_out
from learn.data import load_dataset
from learn.encoders import Codes, ImageEncoder
from learn.keys import Key
from learn.models.lut_network import Bank, LutNetwork, make_network
from learn.rules import RULES
from learn.spaces import Int
from learn.train import Settings, bank_of, class_scores, default_tau, fit, probes_of

NAMES = ("zim", "bold", "vote", "rounding", "binary_connect")
BOUNDS = (1, 4, 16, 127)
LEARNING_RATES = (0.003, 0.01, 0.03)
END = Settings.end
STARTING_UNIT = 32
"""Latents start at the counters over this, and are held within -1..1, as counters of K = 32 would be."""


class Images(NamedTuple):
    """Codes and labels: to train on, held out, and to test on."""

    encoder: ImageEncoder
    train: tuple[Codes, NDArray[np.int64]]
    held: tuple[Codes, NDArray[np.int64]]
    test: tuple[Codes, NDArray[np.int64]]


def images_of(name: str, data_dir: Path) -> Images:
    """Load a data set and hold a tenth of its training images out."""
    train, test = (load_dataset(name, split=split, data_dir=data_dir) for split in ("train", "test"))
    encoder = ImageEncoder(*train.image_shape)
    apart = held_out(train.labels, 0.1, Key(0).fold("held out"))
    parts = [(train.features[~apart], train.labels[~apart]), (train.features[apart], train.labels[apart])]
    parts.append((test.features, test.labels))
    return Images(encoder, *((encoder.codes(features), labels) for features, labels in parts))


def started(images: Images, tables: int, bound: int, seed: int) -> tuple[LutNetwork, Bank]:
    """Return a network before training, and what its pins are drawn from; they depend on the seed alone."""
    key, encoder = Key(seed), images.encoder
    bank = bank_of(encoder, probes_of(images.train[0], key.fold("probes")), key.fold("bank"))
    network = make_network(
        bank,
        rows=encoder.rows,
        classes=10,
        widths=[tables],
        pins=6,
        bound=bound,
        key=key.fold("network"),
    )
    return network, bank


def share_right(network: LutNetwork, part: tuple[Codes, NDArray[np.int64]]) -> float:
    """Return the share of samples classified right."""
    return float((class_scores(network, part[0]).argmax(axis=1) == part[1]).mean())


def by_rule(images: Images, name: str, tables: int, bound: int, passes: int, seed: int) -> tuple[float, ...]:
    """Train by an integer rule; return accuracy on held-out and on test images, and seconds of processor time."""
    network, bank = started(images, tables, bound, seed)
    settings = Settings(epochs=passes, swap=0.0, rule=name)
    start = time.process_time()
    *_, last = fit(network, *images.train, bank=bank, key=Key(seed).fold("fit"), settings=settings)
    seconds = time.process_time() - start
    return share_right(last.network, images.held), share_right(last.network, images.test), seconds


def all_addresses(network: LutNetwork, codes: Codes) -> NDArray[np.uint8]:
    """Return what entry each table looks up for each sample: uint8 (samples, tables)."""
    (layer,), batch = network.layers, 1024
    rows = np.zeros((network.rows, batch), np.uint8)
    found = np.zeros((len(codes), len(layer.counters)), np.uint8)
    addresses, outputs = (
        np.zeros((len(layer.counters), batch), np.uint8),
        np.zeros((len(layer.counters), batch), np.uint8),
    )
    for start in range(0, len(codes), batch):
        index = np.arange(start, min(start + batch, len(codes)))
        kernels.gather(codes, index, rows, 0, batch // kernels.STEP)
        kernels.forward(rows, *layer.wiring, layer.tables, addresses, outputs, 0, batch // kernels.STEP)
        found[index] = addresses[:, : len(index)].T
    return found


def by_reference(
    images: Images, addresses: NDArray[np.uint8], tables: int, passes: int, seed: int, rate: float
) -> tuple[LutNetwork, float]:
    """Train float latents by Adam; return the network of their signs, and seconds of processor time."""
    import torch

    torch.set_num_threads(1)
    network, _ = started(images, tables, STARTING_UNIT, seed)
    (layer,), labels, tau = network.layers, torch.from_numpy(images.train[1]), default_tau(tables / 10)
    latent = ((torch.from_numpy(layer.counters).float() + 0.5) / STARTING_UNIT).requires_grad_()
    group = torch.from_numpy(network.groups).long()
    optimizer = torch.optim.Adam([latent], lr=rate)
    batches = -(-len(labels) // Settings.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: END + (1 - END) * (1 + np.cos(np.pi * step / (batches * passes))) / 2
    )
    first_entry, start = 64 * torch.arange(tables), time.process_time()
    for order in orders(len(labels), passes, Key(seed).fold("fit")):
        for b in range(batches):
            index = order[len(order) * b // batches : len(order) * (b + 1) // batches]
            entries = torch.from_numpy(addresses[index]).long() + first_entry
            addressed = latent.view(-1)[entries]
            hard = (addressed >= 0).float()
            outputs = hard + addressed - addressed.detach()  # the sign forward, the identity backward
            scores = torch.zeros(len(index), 10).index_add(1, group, outputs)
            loss = torch.nn.functional.cross_entropy(scores / tau, labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                latent.clamp_(-1, 1)
    bits = (latent.detach() >= 0).numpy()
    trained = replace(network, layers=(replace(layer, counters=np.where(bits, 0, -1).astype(np.int8)),))
    return trained, time.process_time() - start


def orders(samples: int, passes: int, key: Key) -> Iterator[NDArray[np.int64]]:
    """Yield the order of samples in each pass, as ``fit`` takes them."""
    for epoch in range(passes):
        yield np.argsort(key.fold("order", epoch).words(samples), kind="stable")


def best_rate(images: Images, tables: int, passes: int) -> float:
    """Return the learning rate of the reference that is best on held-out images."""
    addresses = all_addresses(started(images, tables, STARTING_UNIT, 0)[0], images.train[0])
    found = {}
    for rate in LEARNING_RATES:
        trained, _ = by_reference(images, addresses, tables, passes, 0, rate)
        found[rate] = share_right(trained, images.held)
    print("reference, held out: " + "  ".join(f"{rate:g}: {share:.2%}" for rate, share in found.items()), flush=True)
    return max(found, key=found.__getitem__)


def cost_rows(tables: int) -> None:
    """Print what a step of each rule costs: the update of one layer's counters by votes that are there."""
    space, key = Int(-16, 15), Key(0)
    counters, votes = space.init((tables, 64), key=key), (key.integers(61, (tables, 64)) - 30).astype(np.int32)
    found = {}
    halves = tuple(map(np.uint64, key.philox_key()))
    size = int(np.abs(votes).sum())
    steps: dict[str, Any] = {
        "vote, kernel": lambda: kernels.step_by_votes(
            votes, size, votes.size, 9830, -16, 15, *halves, counters, 0, tables
        )
    }
    for name in NAMES:
        rule = RULES[name].at_rate(space, 0.15)
        state = rule.init(counters)
        steps[name] = lambda rule=rule, state=state: space.add(
            counters, rule.update(votes, state, counters, key=key)[0]
        )
    for name, step in steps.items():
        times = []
        for _ in range(9):
            start = time.process_time()
            step()
            times.append(time.process_time() - start)
        found[name] = 1e9 * min(times) / votes.size
    print("nanoseconds an entry: " + "  ".join(f"{name} {took:.1f}" for name, took in found.items()), flush=True)


def spread(shares: list[float]) -> str:
    """Return a mean with the least and the greatest."""
    return f"{np.mean(shares):.2%} ({min(shares):.2%}..{max(shares):.2%})"


def accuracy_rows(name: str, images: Images, tables: int, passes: int, seeds: int) -> None:
    """Print a line for every rule, then the best of them and the reference over seeds."""
    print(f"{name}: {tables:,} tables, {passes} passes over {len(images.train[1]):,} images, fixed pins: test accuracy")
    print(f"{'rule':>15}" + "".join(f"{f'K = {bound}':>10}" for bound in BOUNDS) + f"{'seconds':>10}", flush=True)
    found = {}
    for rule in NAMES:
        took = []
        print(f"{rule:>15}", end="", flush=True)
        for bound in BOUNDS:
            *found[rule, bound], seconds = by_rule(images, rule, tables, bound, passes, 0)
            took.append(seconds)
            print(f"{found[rule, bound][1]:>10.2%}", end="", flush=True)
        print(f"{np.mean(took):>10.1f}", flush=True)
    rule, bound = max(found, key=lambda key: found[key][0])
    shares = [by_rule(images, rule, tables, bound, passes, seed)[1] for seed in range(seeds)]
    print(f"best on held-out images: {rule}, K = {bound}, {seeds} seeds: {spread(shares)}", flush=True)
    try:
        rate = best_rate(images, tables, passes)
    except ImportError:
        print("reference: skipped, torch is not installed")
        return
    shares, took = [], []
    for seed in range(seeds):
        addresses = all_addresses(started(images, tables, STARTING_UNIT, seed)[0], images.train[0])
        trained, seconds = by_reference(images, addresses, tables, passes, seed, rate)
        shares.append(share_right(trained, images.test))
        took.append(seconds)
    print(f"float latents, Adam at {rate:g}, {seeds} seeds: {spread(shares)}, {np.mean(took):.1f} s", flush=True)


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="folder of the idx files; without it only costs are measured")
    parser.add_argument("--data", nargs="+", default=["mnist"], help="names of data sets of images (default mnist)")
    parser.add_argument("--tables", type=int, default=4_000)
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3, help="of the reference and of the best rule")
    options = parser.parse_args()
    cost_rows(options.tables)
    for name in options.data if options.data_dir else ():
        accuracy_rows(name, images_of(name, options.data_dir), options.tables, options.passes, options.seeds)


if __name__ == "__main__":
    main()
