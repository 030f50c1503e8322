"""Measure classifying on one core: ``python tests/benchmarks/bench_inference.py [--torchlogix-python PYTHON]``.

Prints images a second, from pixels to the class, of networks of several sizes by the path that users get
(``Classifier.predict``), by the circuit's gates of bits (``simulate`` and compiled code, on packed pixels and with
packing), and how far the first is from a limit of the machine: the bytes of rows that tables read, at the bandwidth of
a copy in the cache. Beside them torchlogix' compiled circuit of as many two-input gates a layer in two layers, from
booleans to the groups' sums, and scikit-learn's perceptron and forest, in the same run. Pins are drawn and counters
too: how quick a network is does not depend on what it has learned.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
from bench_simulate import best_seconds, copy_bandwidth
from bench_throughput import run_peer

from circuits.aig import lowered
from circuits.compiled import compile_circuit
from circuits.simulate import simulate
from circuits.values import to_bits
from learn.classify import Classifier
from learn.encoders import ImageEncoder
from learn.inference import BLOCK
from learn.keys import Key
from learn.models.lut_network import make_network
from learn.train import bank_of, probes_of

PEER = Path(__file__).with_name("peer_torchlogix_training.py")
SIDE, CLASSES, IMAGES, PINS = 28, 10, 9_984, 6


def drawn(tables: int, images: np.ndarray) -> Classifier:
    """Return a classifier that has learned nothing yet."""
    key, encoder = Key(0), ImageEncoder(SIDE, SIDE)
    network = make_network(
        bank_of(encoder, probes_of(encoder.codes(images[:1024]), key), key, rare=0.0),
        rows=encoder.rows,
        classes=CLASSES,
        widths=[tables],
        pins=PINS,
        bound=32,
        key=key,
    )
    return Classifier(network, encoder, "drawn")


def our_rows(tables: int, images: np.ndarray, bandwidth: float, most_bits: int) -> None:
    """Print our paths for one size."""
    classifier = drawn(tables, images)
    wanted = classifier.scores(images).argmax(axis=1)
    assert np.array_equal(classifier.predict(images), wanted), "the fused kernel and the training's kernels disagree"
    seconds = best_seconds(lambda: classifier.predict(images), budget=1.0)
    moved = IMAGES * (2 * PINS * tables + 4 * SIDE * SIDE) + IMAGES / BLOCK * 64 * tables
    share = moved / bandwidth / seconds
    print(
        f"{tables:>7,}  Classifier.predict     {IMAGES / seconds:9.3g} images/s, {share:.0%} of the limit", flush=True
    )
    if tables > most_bits:
        return
    circuit = classifier.circuit()
    bits = lowered(circuit)
    types = circuit.input_types
    packed = to_bits(images.T.astype(np.int64), types)
    packing = best_seconds(lambda: to_bits(images.T.astype(np.int64), types))
    for name, call in (("simulate", lambda: simulate(bits, packed)), ("compiled code", None)):
        run = call or (lambda code: lambda: code(packed))(compile_circuit(bits))
        seconds = best_seconds(run, budget=1.0)
        print(
            f"{tables:>7,}  bits, {name:14} {IMAGES / seconds:11.3g} images/s, {IMAGES / (seconds + packing):.3g} with "
            f"packing ({bits.num_gates:,} gates)",
            flush=True,
        )


def torchlogix_row(gates: int, python: str, patience: float) -> None:
    """Print torchlogix' compiled circuit."""
    command = [python, str(PEER), str(SIDE * SIDE), str(gates), "2", "raw", "64", "2", str(IMAGES), "cpu"]
    try:
        found = json.loads(run_peer(command, patience).strip().splitlines()[-1])
    except RuntimeError as why:
        print(f"{gates:>7,}  torchlogix: skipped, {why}")
        return
    print(
        f"{gates:>7,}  torchlogix, 2 x {gates:,} {IMAGES / found['predict']:8.3g} images/s, compiled in "
        f"{found['compile']:.0f} s",
        flush=True,
    )


def learned_rows(images: np.ndarray) -> None:
    """Print scikit-learn's perceptron and forest."""
    try:
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        print("scikit-learn: skipped, not installed")
        return
    labels, scaled = images[:, ::97].sum(axis=1) % CLASSES, images / 255.0
    for name, model in (
        ("MLP(100)", MLPClassifier((100,), max_iter=2, random_state=0)),
        ("forest(100)", RandomForestClassifier(100, random_state=0, n_jobs=1)),
    ):
        model.fit(scaled[:2000], labels[:2000])
        print(f"         {name:22} {IMAGES / best_seconds(lambda: model.predict(scaled)):9.3g} images/s", flush=True)  # noqa: B023


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torchlogix-python", default=os.environ.get("TORCHLOGIX_PYTHON", ""))
    parser.add_argument("--tables", type=int, nargs="+", default=[1_000, 4_000, 12_000])
    parser.add_argument("--most-bits", type=int, default=1_000, help="tables up to which gates of bits are measured")
    parser.add_argument("--patience", type=float, default=150.0, help="seconds torchlogix may take (default 150)")
    options = parser.parse_args()
    images = Key(0).fold("images").integers(256, (IMAGES, SIDE * SIDE)).astype(np.uint8)
    bandwidth = copy_bandwidth(1 << 17)
    for tables in options.tables:
        our_rows(tables, images, bandwidth, options.most_bits)
        if tables <= options.most_bits:
            torchlogix_row(tables, options.torchlogix_python, options.patience)
    learned_rows(images)


if __name__ == "__main__":
    main()
