"""Measure training beside torchlogix: ``python tests/benchmarks/bench_training_peer.py --torchlogix-python PYTHON``.

Prints samples x tables a second of whole training steps on one core, ours and torchlogix' (forward, backward, Adam) on
networks of as many gates in the same run, and the bytes that training holds per table entry. Then how the time of our
step grows with tables and with samples, the exponents fitted to it, and what two threads gain. All times are processor
seconds of the best of several epochs, but those of threads, which are the shortest by the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bench_throughput import run_peer

from learn.encoders import ImageEncoder
from learn.keys import Key
from learn.models.lut_network import make_network
from learn.train import Settings, _Training, active_pins, fit, probes_of

PEER = Path(__file__).with_name("peer_torchlogix_training.py")
PEERS = ((2, "raw"), (2, "warp"), (4, "warp"), (6, "warp"), (6, "light"))
SIDE, CLASSES, EPOCHS = 28, 10, 4


class Step(NamedTuple):
    """One training step: processor seconds and seconds by the clock, the best each, and the bytes of its arrays."""

    seconds: float
    clock: float
    bytes: int


def measured(tables: int, pins: int, batch: int, *, steps: int, threads: int = 1) -> Step:
    """Train on random images."""
    key, encoder = Key(0), ImageEncoder(SIDE, SIDE)
    codes = encoder.codes(key.integers(256, (max(1024, batch * steps), SIDE * SIDE)).astype(np.uint8))
    labels = key.fold("labels").integers(CLASSES, len(codes))
    probes, places = probes_of(codes, key), encoder.draw_places(key, tables)
    network = make_network(
        lambda own, count: active_pins(encoder, probes, own, places, pins, 0.0),
        rows=encoder.rows,
        classes=CLASSES,
        widths=[tables],
        pins=pins,
        bound=32,
        key=key,
    )
    codes, labels = codes[: batch * steps], labels[: batch * steps]
    settings = Settings(epochs=EPOCHS, batch=batch, rare=0.0)
    spent, clock, before = [], [], (time.process_time(), time.perf_counter())
    for _ in fit(network, codes, labels, encoder=encoder, key=key, places=places, settings=settings, threads=threads):
        now = time.process_time(), time.perf_counter()
        spent.append((now[0] - before[0]) / steps)
        clock.append((now[1] - before[1]) / steps)
        before = now
    return Step(min(spent[1:]), min(clock[1:]), held(_Training(
        network, codes, labels, None, encoder, key, places, settings, lambda work, count: work(0, count) or 0
    )))  # fmt: skip


def held(training: _Training) -> int:
    """Return the bytes of the arrays that a training has for its tables, those of a batch left out."""
    (run,) = training.runs
    arrays = [run.counters, run.tables, run.votes, *run.pins, *training.candidates.pins, training.candidates.changes]
    return sum(array.nbytes for array in arrays)


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Return the slope of seconds over sizes, both as logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def peer_rows(gates: int, batch: int, python: str, patience: float) -> None:
    """Print ours and torchlogix'."""
    print(f"{gates:,} gates, batch {batch}, one core: samples x gates a second; bytes that training holds an entry")
    ours = {}
    for pins in (2, 4, 6):
        step = measured(gates, pins, batch, steps=40)
        ours[pins] = gates * batch / step.seconds
        entries = gates << pins
        print(f"  ours, {pins} inputs          {ours[pins]:9.3g}   {step.bytes / entries:8.1f}", flush=True)
    for rank, kind in PEERS:
        try:
            command = [python, str(PEER), str(SIDE * SIDE), str(gates), str(rank), kind, str(batch), "1", "0"]
            found = json.loads(run_peer(command, patience).strip().splitlines()[-1])
        except RuntimeError as why:
            print(f"  torchlogix {kind:5} {rank}: skipped, {why}")
            continue
        rate, entries = gates * batch / found["step"], gates << rank
        print(
            f"  torchlogix, {kind:5} {rank}      {rate:9.3g}   {found['bytes'] / entries:8.1f}"
            f"   ours is {ours[rank] / rate:.0f} times as fast;"
            f" its memory grew by {found['peak'] / entries:,.0f} bytes an entry",
            flush=True,
        )


def scaling_rows(tables: list[int], batches: list[int]) -> None:
    """Print how a step's time grows, and what two threads gain."""
    print("a step of tables of 6 inputs, 256 samples: seconds, nanoseconds a table and sample, largest memory")
    spent = []
    for count in tables:
        step = measured(count, 6, 256, steps=max(2, 400_000 // count))
        spent.append(step.seconds)
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30
        print(f"  {count:>9,}  {step.seconds:.4f}  {1e9 * step.seconds / count / 256:.3f}  {peak:.2f} GiB", flush=True)
    print(f"  exponent {exponent(tables, spent):.3f}")
    print("a step of 10,000 tables: samples, seconds, nanoseconds a table and sample")
    spent = []
    for batch in batches:
        spent.append(measured(10_000, 6, batch, steps=8).seconds)
        print(f"  {batch:>9,}  {spent[-1]:.4f}  {1e9 * spent[-1] / batch / 10_000:.3f}", flush=True)
    print(f"  exponent {exponent(batches, spent):.3f}")
    print("threads, 10,000 tables, 1,024 samples a step, seconds by the clock, the best of several")
    one, two = ([measured(10_000, 6, 1024, steps=8, threads=n).clock for _ in range(3)] for n in (1, 2))
    print(f"  one {min(one):.4f}  two {min(two):.4f}  {min(one) / min(two):.2f} times as fast", flush=True)


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torchlogix-python", default=os.environ.get("TORCHLOGIX_PYTHON", ""))
    parser.add_argument("--gates", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--patience", type=float, default=150.0, help="seconds torchlogix may take (default 150)")
    parser.add_argument("--tables", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--samples", type=int, nargs="+", default=[256, 1024, 4096])
    options = parser.parse_args()
    peer_rows(options.gates, options.batch, options.torchlogix_python, options.patience)
    scaling_rows(options.tables, options.samples)


if __name__ == "__main__":
    main()
