"""Measure training beside torchlogix: ``python tests/benchmarks/bench_training_peer.py --torchlogix-python PYTHON``.

Prints samples x tables a second of whole training steps on one core, ours and torchlogix' (forward, backward, Adam) on
networks of as many gates in the same run, and the bytes that training holds per table entry. Then how the time of our
step grows with tables and with samples, the exponents fitted to it, and what two threads gain, phase by phase. Times
are processor seconds of the best of several epochs; those of threads are the shortest by the clock, and in processor
seconds of the thread that has most to do: what is left on a machine that others use too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from bench_throughput import run_peer
from numpy.typing import NDArray

from learn.encoders import ImageEncoder
from learn.keys import Key
from learn.models.lut_network import make_network
from learn.threads import ALONE, Team
from learn.train import LOOKED, Settings, _Training, bank_of, probes_of

PEER = Path(__file__).with_name("peer_torchlogix_training.py")
PEERS = ((2, "raw"), (2, "warp"), (4, "warp"), (6, "warp"), (6, "light"))
SIDE, CLASSES, EPOCHS = 28, 10, 4


class Step(NamedTuple):
    """One training step: processor seconds, the best, and the bytes of its arrays for tables."""

    seconds: float
    bytes: Bytes


class Bytes(NamedTuple):
    """Bytes of the arrays that a training has for its tables, those of a batch left out."""

    votes: int  # of entries and of candidates
    rest: int  # counters, which are the tables, and pins
    kept: int  # a whole network, as an event has it
    shared: int  # what pins are numbers of, whatever the number of tables


def training_of(tables: int, pins: int, batch: int, steps: int, team: Team = ALONE) -> _Training:
    """Return a training on random images, before its first step."""
    key, encoder = Key(0), ImageEncoder(SIDE, SIDE)
    codes = encoder.codes(key.integers(256, (max(1024, batch * steps), SIDE * SIDE)).astype(np.uint8))
    labels = key.fold("labels").integers(CLASSES, len(codes))
    bank = bank_of(encoder, probes_of(codes, key), key, rare=0.0)
    network = make_network(
        bank,
        rows=encoder.rows,
        classes=CLASSES,
        widths=[tables],
        pins=pins,
        bound=32,
        key=key,
    )
    codes, labels = codes[: batch * steps], labels[: batch * steps]
    settings = Settings(epochs=EPOCHS, batch=batch)
    return _Training(network, codes, labels, None, bank, key, settings, team)


def measured(tables: int, pins: int, batch: int, *, steps: int) -> Step:
    """Train on random images."""
    training, spent, before = training_of(tables, pins, batch, steps), [], time.process_time()
    for _ in training.run(None):
        now = time.process_time()
        spent.append((now - before) / steps)
        before = now
    return Step(min(spent[1:]), held(training))


def held(training: _Training) -> Bytes:
    """Return the bytes of the arrays that a training has for its tables."""
    (run,) = training.runs
    assert run.changes is not None
    shared = sum(array.nbytes for array in run.wiring[2:])
    (layer,) = training.network().layers
    kept = layer.codes.nbytes + layer.counters.nbytes
    return Bytes(run.votes.nbytes + run.changes.nbytes, run.tables.nbytes + run.layer.codes.nbytes, kept, shared)


class Timed(Team):
    """A team that notes how long its phases take, by the clock and in processor seconds of the longest share."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.took: list[tuple[float, float]] = []

    def run(self, work: Callable[[int], Any]) -> list[Any]:
        """Call ``work`` on every thread."""
        spent = [0.0] * self.size

        def timed(member: int) -> Any:
            start = time.thread_time()
            found = work(member)
            spent[member] = time.thread_time() - start
            return found

        start = time.perf_counter()
        found = super().run(timed)
        self.took.append((time.perf_counter() - start, max(spent)))
        return found


def phase_seconds(tables: int, budget: float) -> NDArray[np.float64]:
    """Return the seconds of the shared phases of a step and of what is left, the shortest of many, one thread or two.

    Returns:
        float64 (2, phases, 2): of one thread and of two; by the clock and in processor seconds of the longest share.
    """
    teams = Timed(1), Timed(2)
    trainings = [training_of(tables, 6, 256, 16, team) for team in teams]
    index = np.arange(256 * 16).reshape(16, 256)
    best = np.full((2, LOOKED, 5, 2), np.inf)  # the second axis: only the first has looks at candidates
    for step in range(24):
        for training in trainings:
            training._step(index[step % 16], step, index[(step + 1) % 16])
    until = time.perf_counter() + budget
    while time.perf_counter() < until:
        for place, (team, training) in enumerate(zip(teams, trainings, strict=True)):
            for step in range(8):
                team.took.clear()
                start = time.perf_counter()
                training._step(index[step], step, index[step + 1] if step < 7 else None)
                rest = time.perf_counter() - start - sum(clock for clock, _ in team.took)
                gather = [(0.0, 0.0)] * (4 - len(team.took))  # two threads have done it while the last error was made
                best[place, step % LOOKED] = np.minimum(best[place, step % LOOKED], [*gather, *team.took, (rest, rest)])
    for team in teams:
        team.close()
    return best.mean(axis=1)


def thread_rows(tables: list[int], budget: float = 20) -> None:
    """Print what two threads gain on a step, phase by phase."""
    print("threads, tables of 6 inputs, 256 samples a step: milliseconds of one thread / two, and how much faster")
    print(f"  {'tables':>9}" + "".join(f"{name:>17}" for name in ("gather", "forward", "votes", "step", "rest")))
    for count in tables:
        one, two = phase_seconds(count, budget)
        for way, how in enumerate(("by the clock", "in processor time")):
            cells = "".join(
                f"{f'{1e3 * a:.3f}/{1e3 * b:.3f}':>17}" for a, b in zip(one[:, way], two[:, way], strict=True)
            )
            gain = one[:, way].sum() / two[:, way].sum()
            print(f"  {count:>9,}{cells}  {gain:.2f} {how}", flush=True)


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Return the slope of seconds over sizes, both as logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def peer_rows(gates: int, batch: int, python: str, device: str, patience: float) -> None:
    """Print ours and torchlogix'."""
    print(f"{gates:,} gates, batch {batch}, one core: samples x gates a second; bytes an entry, and of votes")
    ours = {}
    for pins in (2, 4, 6):
        step = measured(gates, pins, batch, steps=40)
        ours[pins] = gates * batch / step.seconds
        entries = gates << pins
        rest, votes = step.bytes.rest / entries, step.bytes.votes / entries
        print(f"  ours, {pins} inputs          {ours[pins]:9.3g}   {rest:8.2f} + {votes:.2f}", flush=True)
    for rank, kind in PEERS:
        try:
            command = [python, str(PEER), str(SIDE * SIDE), str(gates), str(rank), kind, str(batch), "1", "0", device]
            found = json.loads(run_peer(command, patience).strip().splitlines()[-1])
        except RuntimeError as why:
            print(f"  torchlogix {kind:5} {rank}: skipped, {why}")
            continue
        rate, entries = gates * batch / found["step"], gates << rank
        print(
            f"  torchlogix, {kind:5} {rank}      {rate:9.3g}   {found['bytes'] / entries:8.1f}"
            f"   ours is {ours[rank] / rate:.2g} times as fast;"
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
    thread_rows([4_000, 16_000, 64_000])


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torchlogix-python", default=os.environ.get("TORCHLOGIX_PYTHON", ""))
    parser.add_argument("--torchlogix-device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--gates", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--patience", type=float, default=150.0, help="seconds torchlogix may take (default 150)")
    parser.add_argument("--tables", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--samples", type=int, nargs="+", default=[256, 1024, 4096])
    options = parser.parse_args()
    peer_rows(options.gates, options.batch, options.torchlogix_python, options.torchlogix_device, options.patience)
    scaling_rows(options.tables, options.samples)


if __name__ == "__main__":
    main()
