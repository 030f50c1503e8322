"""Print what each candidate gives: ``python tests/benchmarks/bench_portfolio.py DATA FUNCTIONS [STEPS]``.

DATA holds the folder ``iwls2020``, FUNCTIONS is as for ``gatewright bench``. Each function is learned from the training
split by the whole portfolio and by it without one group of candidates, in as many trials (STEPS, default 24) each;
cells are the accuracy on the validation split, in per cent, and AND nodes. A line a decade of functions gives means.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import fmean

from circuits.aig import and_count
from learn.contest import CONTESTS, folder_of, functions_of
from learn.keys import Key
from learn.portfolio import CANDIDATES, learn, right

GROUPS = {
    "all": (),
    "no operators on words": ("word",),
    "no polynomials and counts": ("polynomial", "symmetric"),
    "no lists and forests": ("list", "forest"),
    "no look-up tables": ("network",),
    "no annealing": ("annealed", "annealed large", "improved"),
}
"""What is said of a column, and the candidates it goes without."""


def shown(cells: list[tuple[float, float]]) -> str:
    """Return cells as a part of a row."""
    return " | ".join(f"{100 * accuracy:.2f} ({ands:.0f})" for accuracy, ands in cells)


def main(data: str, chosen: str, steps: str = "24") -> None:
    """Print the table."""
    folder = folder_of("iwls2020", Path(data))
    decades: dict[str, list[list[tuple[float, float]]]] = defaultdict(list)
    print(f"| function | {' | '.join(GROUPS)} | s |\n|{'---|' * (len(GROUPS) + 2)}")
    for function in functions_of("iwls2020", folder, chosen):
        began, cells = time.process_time(), []
        problem = CONTESTS["iwls2020"].load(folder, function, False)
        for without in GROUPS.values():
            names = tuple(name for name in CANDIDATES if name not in without)
            *_, last = learn(problem.train, key=Key(0), steps=int(steps), names=names)
            cells.append((right(last.circuit, problem.validation), float(and_count(last.circuit))))
        decades[function[:3]].append(cells)
        print(f"| {function} | {shown(cells)} | {time.process_time() - began:.0f} |", flush=True)
    for decade, rows in decades.items():
        means = [(fmean(a for a, _ in column), fmean(n for _, n in column)) for column in zip(*rows, strict=True)]
        print(f"| {decade}0-9, mean of {len(rows)} | {shown(means)} | |")


if __name__ == "__main__":
    main(*sys.argv[1:])
