"""Learn truth tables exactly, beside ABC: ``python tests/benchmarks/bench_search.py [--data-dir D] [NAME...]``.

Prints a row a function: in how many seeds the circuit came out exact, after how many seconds (one thread, kernels
compiled), the AND nodes reached within ``--seconds``, moves a second, and beside it ABC's ``&deepsyn`` (its search for
small and-inverter graphs) on the same table for the same time, run right after on the same machine. Every circuit is
proved against its table, and by ABC's ``cec`` where ABC is installed. NAME is a generator (``adder:4``), an example, or
``exNN``: a contest table ``D/exNN.truth``, with the best of the contest's teams from ``D/best-and-nodes.tsv``.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from circuits.aig import and_count
from circuits.formats import read_table, write
from circuits.table import TruthTable
from circuits.verify import Proof, satisfies
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
    options = parser.parse_args()
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
