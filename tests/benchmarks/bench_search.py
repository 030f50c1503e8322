"""Learn truth tables exactly, beside ABC: ``python tests/benchmarks/bench_search.py [--data-dir D] [NAME...]``.

Prints a row a function: in how many seeds the circuit came out exact, after how many seconds (one thread, kernels
compiled), the AND nodes reached within ``--seconds``, moves a second, and beside it ABC's ``&deepsyn`` (its search for
small and-inverter graphs) on the same table for the same time, run right after on the same machine. Every circuit is
proved against its table, and by ABC's ``cec`` where ABC is installed. NAME is a generator (``adder:4``), an example, or
``exNN``: a contest table ``D/exNN.truth``, with the best of the contest's teams from ``D/best-and-nodes.tsv``.

With ``--speed`` a row a way of shrinking the function's decision diagram instead: moves a second, and the word
operations a second that its moves are counted as beside what plain simulation of the same net does.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from circuits.aig import and_count, optimised, to_literals
from circuits.formats import read_table, write
from circuits.kernels import philox_state
from circuits.rewrite import from_table
from circuits.table import TruthTable
from circuits.verify import Proof, satisfies
from learn import moves, windows
from learn.data import load
from learn.keys import Key
from learn.search import Event, learn

SMALL = (
    "adder:4",
    "multiplier:3",
    "parity:8",
    "majority:9",
    "comparator:6",
    "seven_segment",
    "random:8",
    "multiplier:4",
)
CONTEST = ("ex00", "ex01", "ex02", "ex10", "ex11", "ex12", "ex16", "ex28", "ex50", "ex84", "ex94", "ex95", "ex99")
SPEED = ("multiplier:4", "random:10", "multiplier:7")
SPEED_WORK = 500_000_000
"""Word operations of a way that are timed."""
ABC = shutil.which("abc") or shutil.which("berkeley-abc")
PASS = (
    "balance -l; resub -K 6 -N 2 -l; rewrite -l; refactor -l; resub -K 10 -N 2 -l; rewrite -z -l; resub -K 12 -N 2 -l"
)


def run_abc(commands: str, folder: Path, seconds: float) -> str:
    """Run ABC in a folder whose start-up file names the pass that its search calls."""
    (folder / "abc.rc").write_text(f'alias compress2rs "{PASS}; balance -l"\n')
    assert ABC is not None
    return subprocess.run([ABC, "-c", commands], cwd=folder, capture_output=True, text=True, timeout=seconds).stdout


def abc_ands(table: TruthTable, seconds: float) -> int | None:
    """Return the AND nodes ABC reaches from a table without don't-cares."""
    if ABC is None or not table.fully_specified:
        return None
    with tempfile.TemporaryDirectory() as name:
        write(table, Path(name) / "table.truth")
        search = f"strash; dch; compress2rs; &get; &deepsyn -T {round(seconds)}; &put; print_stats"
        said = run_abc(f"read_truth -xf table.truth; {search}", Path(name), 10 * seconds + 60)
    found = re.findall(r"and =\s*(\d+)", said)
    return int(found[-1]) if found else None


def abc_agrees(table: TruthTable, event: Event) -> bool | None:
    """Return whether ABC finds the circuit equal to the table."""
    if ABC is None or not table.fully_specified:
        return None
    with tempfile.TemporaryDirectory() as name:
        write(table, Path(name) / "table.truth")
        write(event.circuit, Path(name) / "learned.aig")
        said = run_abc(
            "read_truth -xf table.truth; strash; write_aiger table.aig; cec -n table.aig learned.aig", Path(name), 300
        )
    return "Networks are equivalent" in said


def learned(table: TruthTable, seed: int, seconds: float, rule: str) -> tuple[Event, float]:
    """Return the last event of a search and the second at which its circuit was first exact."""
    exact = float("inf")
    for event in learn(table, key=Key(seed), rule=rule, seconds=seconds, threads=1):
        if event.errors == 0:
            exact = min(exact, event.seconds)
    assert isinstance(satisfies(event.circuit, table), Proof)
    assert and_count(event.circuit) == event.ands
    return event, exact


def spread(values: list[float]) -> str:
    """Return the median, with the range behind it if there is one."""
    lo, mid, hi = min(values), statistics.median(values), max(values)
    return f"{mid:g}" if lo == hi else f"{mid:g} ({lo:g}..{hi:g})"


def speed(name: str, table: TruthTable) -> None:
    """Print how fast the whole net and windows of it are shrunk; CPU time, kernels compiled."""
    lits = to_literals(optimised(from_table(table), rounds=1))
    for way in (0, 20, 40, 80):
        net, best = (moves.make_net(table.inputs, table.outputs, table.care, 2 * len(lits.ands) + 64) for _ in range(2))
        for a, b in lits.ands.tolist():
            moves.append(net, moves.AND, a, b)
        net.outputs[:] = lits.outputs
        scratch, room, rng = moves.make_scratch(net), windows.make_room(net), philox_state((1, 2))
        moves.rebuild(net, scratch, False)
        moves.copy_net(net, best)
        nodes, words = int(net.size[2]), net.value.shape[1]
        begin, rounds = time.process_time(), 1 + 300_000_000 // (nodes * words)
        for _ in range(rounds):
            moves.simulate(net)
        limit = rounds * nodes * words / (time.process_time() - begin)
        begin, work, tried = time.process_time(), 0, 0
        while work < SPEED_WORK and time.process_time() < begin + 10:
            if way:
                done, more, _ = windows.improve(net, scratch, room, rng, way, 300_000, False)
            else:
                done = 10_000_000
                _, more, _ = moves.shrink(net, scratch, best, rng, done, 0.3, 0.2, moves.XOR_COST, 0.0, False, 8)
            work, tried = work + done, tried + more
        spent = time.process_time() - begin
        left = int(net.size[2] if way else best.size[2])
        assert moves.errors(net) == 0
        cells = (
            f"{name}: {table.num_inputs} inputs, {nodes} ANDs",
            f"windows of {way}" if way else "whole net",
            left,
            f"{tried / spent / 1000:.1f}",
            f"{work / spent / 1e9:.2f}e9",
            f"{limit / 1e9:.2f}e9",
            f"{work / spent / limit:.0%}",
        )
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def main() -> None:
    """Run the rows asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="default: the small functions, and with -d the contest's"
    )
    parser.add_argument("-d", "--data-dir", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rule", default="heat_bath")
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    if options.speed:
        moves.warm_up()
        windows.warm_up()
        print("| function | way | ANDs left | kmoves/s | word operations/s | of simulation | share |")
        print("|---|---|---|---|---|---|---|")
        for name in options.names or SPEED:
            path = options.data_dir / f"{name}.truth" if options.data_dir else None
            speed(name, read_table(path) if path and path.exists() else load([name]))
        return
    best: dict[str, int] = {}
    if options.data_dir:
        lines = (options.data_dir / "best-and-nodes.tsv").read_text().splitlines()[1:]
        best = {row[0]: int(row[1]) for row in (line.split("\t") for line in lines)}
    print(f"{options.seconds:g} s a seed on one thread; rule {options.rule}; ABC: {ABC or 'not installed, skipped'}")
    print("| function | in, out | exact | exact after s | AND nodes | best of 2022 | ratio | ABC | cec | kmoves/s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    ratios = []
    for name in options.names or [*SMALL, *(CONTEST if options.data_dir else ())]:
        contest = options.data_dir and (options.data_dir / f"{name}.truth").exists()
        table = read_table(options.data_dir / f"{name}.truth") if contest else load([name])
        runs = [learned(table, seed, options.seconds, options.rule) for seed in range(options.seeds)]
        ands = [event.ands for event, _ in runs]
        agreed = [abc_agrees(table, event) for event, _ in runs]
        ratio = statistics.median(ands) / best[name] if name in best else None
        ratios += [ratio] if ratio is not None else []
        cells = (
            name,
            f"{table.num_inputs}, {table.num_outputs}",
            f"{sum(event.errors == 0 for event, _ in runs)}/{len(runs)}",
            spread([round(exact, 2) for _, exact in runs]),
            spread([float(a) for a in ands]),
            best.get(name, "-"),
            "-" if ratio is None else f"{ratio:.2f}",
            abc_ands(table, options.seconds) or "-",
            "-" if None in agreed else f"{sum(map(bool, agreed))}/{len(agreed)}",
            f"{statistics.median(event.moves / event.seconds for event, _ in runs) / 1000:.0f}",
        )
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    if ratios:
        print(f"median ratio to the best of 2022: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
