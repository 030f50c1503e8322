"""Print what peers reach on the contest of samples: ``python tests/benchmarks/bench_contest_peers.py DATA FUNCTIONS``.

DATA holds the folder ``iwls2020``, FUNCTIONS is as for ``gatewright bench``, ``ex00,ex10-ex19``. Peers learn from the
training split and are measured on the validation split, as the rows of ``gatewright bench iwls2020`` are:

- a random forest and gradient boosting of scikit-learn as they are, of 100 trees, with no limit of size;
- the same turned into logic of at most 5,000 AND nodes, optimised: of several numbers and depths of trees those that
  fit and do best on a quarter of the training split, held out, learned again from all of it. Trees are multiplexers; a
  forest is their majority, boosting the sign of a sum of leaves rounded to integers;
- a cover, as espresso makes one: cubes, each grown from a sample that wants 1 until it would meet one that wants 0
  (Brayton et al. 1984, EXPAND), optimised by ABC where that is installed, if they are of at most 10,000 nodes before.

One thread; needs scikit-learn.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

from circuits import library
from circuits.aig import and_count, hashed, optimised
from circuits.circuit import Builder, Circuit
from circuits.errors import ToolError
from circuits.simulate import simulate
from circuits.tools import abc, abc_program
from circuits.words import pack, unpack
from learn.contest import CONTESTS, folder_of, functions_of
from learn.keys import Key
from learn.models.structure import tree_of
from learn.portfolio import MAX_ANDS, held_out, right

FORESTS = ((1, 6), (1, 10), (5, 8), (11, 8), (25, 6), (51, 5))
BOOSTINGS = ((10, 3), (30, 3), (60, 3), (20, 5))
STEPS = 15
"""A leaf of a boosted tree is rounded to this many steps of the largest, either way."""


def indicators(b: Builder, tree: Any) -> list[tuple[int, int]]:
    """Add a tree's paths: (leaf, wire that is 1 where a pattern comes to it)."""

    def below(node: int, reached: int) -> list[tuple[int, int]]:
        left, right_ = int(tree.children_left[node]), int(tree.children_right[node])
        if left < 0:
            return [(node, reached)]
        test = b.inputs[int(tree.feature[node])]
        return below(left, b.add("andnot", reached, test)) + below(right_, b.add("and", reached, test))

    return below(0, b.const(1))


def multiplexers(b: Builder, tree: Any, leaf: Callable[[int], int], node: int = 0) -> int:
    left, right_ = int(tree.children_left[node]), int(tree.children_right[node])
    if left < 0:
        return b.const(leaf(node))
    low, high = (multiplexers(b, tree, leaf, child) for child in (left, right_))
    return b.add("mux", b.inputs[int(tree.feature[node])], low, high)


def forest_wire(b: Builder, model: RandomForestClassifier) -> int:
    votes = []
    for estimator in model.estimators_:
        tree = estimator.tree_
        votes.append(multiplexers(b, tree, lambda node, v=tree.value: int(model.classes_[v[node, 0].argmax()])))
    return library.threshold(b, library.popcount(b, votes), len(votes) // 2 + 1)


def boosting_wire(b: Builder, model: GradientBoostingClassifier) -> int:
    trees = [estimator.tree_ for estimator in model.estimators_[:, 0]]
    leaves = [[(tree.value[node, 0, 0], wire) for node, wire in indicators(b, tree)] for tree in trees]
    step = max(abs(value) for tree in leaves for value, _ in tree) / STEPS
    prior = float(np.log(model.init_.class_prior_[1] / model.init_.class_prior_[0])) / model.learning_rate
    terms = [(wire, round(value / step)) for tree in leaves for value, wire in tree]
    total = library.weighted_sum(b, [t for t in terms if t[1]], round(prior / step) - 1)  # the sign of [sum > 0]
    return b.add("not", total[-1])


def circuit_of(inputs: int, wire: Callable[[Builder], int]) -> Circuit:
    b = Builder([f"x{i}" for i in range(inputs)])
    circuit = hashed(b.circuit([("y", wire(b))]))
    return optimised(circuit, rounds=2) if and_count(circuit) <= 2 * MAX_ANDS else circuit


def forest(trees: int, depth: int | None) -> Any:
    return RandomForestClassifier(trees, max_depth=depth, random_state=0, n_jobs=1)


def boosting(trees: int, depth: int) -> Any:
    return GradientBoostingClassifier(n_estimators=trees, max_depth=depth, learning_rate=0.3, random_state=0)


def cover(x: np.ndarray, y: np.ndarray) -> list[list[tuple[int, bool]]]:
    """Cover the samples that want 1 by cubes, lists of (input, value), that no sample that wants 0 meets."""
    on, off, cubes = x[y], x[~y], []
    while len(on):
        differs, against, cube = off != on[0], np.arange(len(off)), []
        while len(against):
            literal = int(differs[against].sum(axis=0).argmax())
            cube.append((literal, bool(on[0, literal])))
            against = against[~differs[against, literal]]
        inside = np.ones(len(on), bool)
        for literal, value in cube:
            inside &= on[:, literal] == value
        cubes.append(cube)
        on = on[~inside]
    return cubes


def cover_wire(b: Builder, cubes: list[list[tuple[int, bool]]]) -> int:
    literal = [(b.add("not", i), i) for i in b.inputs]
    return tree_of(b, "or", [tree_of(b, "and", [literal[i][v] for i, v in cube], 1) for cube in cubes])


def fitting(make: Callable[..., Any], wire: Callable[..., int], sizes: Any, x: Any, y: Any, apart: Any) -> Circuit:
    """Return the best of the sizes that fits, judged on the samples apart and learned again from all."""
    best, chosen = -1.0, None
    for size in sizes:
        model = make(*size).fit(x[~apart], y[~apart])
        circuit = circuit_of(x.shape[1], lambda b, model=model: wire(b, model))
        reached = (answered(circuit, x[apart]) == y[apart]).mean()
        if and_count(circuit) <= MAX_ANDS and reached > best:
            best, chosen, kept = reached, size, circuit
    assert chosen is not None, "not even the smallest fits"
    model = make(*chosen).fit(x, y)
    again = circuit_of(x.shape[1], lambda b: wire(b, model))
    return again if and_count(again) <= MAX_ANDS else kept


def answered(circuit: Circuit, x: np.ndarray) -> np.ndarray:
    return unpack(simulate(circuit, pack(x.T), patterns=len(x)), len(x))[0]


def main(data: str, chosen: str | None = None) -> None:
    folder = folder_of("iwls2020", Path(data))
    try:
        print(f"ABC: {abc_program()}")
        tool: Callable[[Circuit], Circuit] | None = abc
    except ToolError as error:
        print(f"no ABC, covers are optimised by aigverse alone: {error}")
        tool = None
    names = ("forest 100", "boosting 100", "forest logic", "boosting logic", "cover")
    print(f"| function | {' | '.join(names)} | s |\n|{'---|' * (len(names) + 2)}")
    rows = []
    for function in functions_of("iwls2020", folder, chosen):
        begin = time.process_time()
        problem = CONTESTS["iwls2020"].load(folder, function, False)
        x, y = unpack(problem.train.inputs, problem.train.patterns).T, unpack(problem.train.outputs, 6400)[0]
        fresh = unpack(problem.validation.inputs, problem.validation.patterns).T
        truth = unpack(problem.validation.outputs, problem.validation.patterns)[0]
        apart = held_out(problem.train, Key(0))
        cells: list[tuple[float, int | None]] = []
        for model in (forest(100, None), boosting(100, 3)):
            cells.append((float((model.fit(x, y).predict(fresh) == truth).mean()), None))
        logic = [
            fitting(forest, forest_wire, FORESTS, x, y, apart),
            fitting(boosting, boosting_wire, BOOSTINGS, x, y, apart),
            circuit_of(x.shape[1], partial(cover_wire, cubes=cover(x, y))),
        ]
        if tool is not None and and_count(logic[-1]) <= 2 * MAX_ANDS:
            logic[-1] = tool(logic[-1])
        cells += [(right(c, problem.validation), and_count(c)) for c in logic]
        rows.append(cells)
        shown = [f"{100 * a:.2f}" + (f" ({n})" if n is not None else "") for a, n in cells]
        print(f"| {function} | {' | '.join(shown)} | {time.process_time() - begin:.0f} |", flush=True)
    means = [(fmean(a for a, _ in column), [n for _, n in column]) for column in zip(*rows, strict=True)]
    shown = [f"{100 * a:.2f}" + (f" ({fmean(n):.0f})" if None not in n else "") for a, n in means]
    print(f"| mean | {' | '.join(shown)} | |")


if __name__ == "__main__":
    main(*sys.argv[1:])
