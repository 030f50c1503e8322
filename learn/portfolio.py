"""Learn one output from samples by a portfolio of models: CANDIDATES is the table, cheapest first.

A part of the samples is held out and judges; no candidate sees it. Every circuit is pruned at several prices of an AND
node, and what is held out says which is right; the best is improved further by annealing, and pruned again. An AND
node has to be worth its place (``WORTH``). The winner, or the best few that vote together, is then learned again from
all samples, and that circuit is the result where it is no worse on all of them. What a candidate does is counted in
sweeps, rounds and passes, and what it will take is estimated in operations: no trial is much longer than a share of
all before. The time only says after which one the trials end, and so the same number of steps gives the same circuit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import comb
from typing import NamedTuple

import numpy as np

from circuits import library
from circuits.aig import and_count, hashed, optimised
from circuits.circuit import Builder, Circuit
from circuits.rewrite import bit_blasted
from circuits.simulate import simulate
from circuits.table import TruthTable, sampled_table
from circuits.words import popcount, unpack
from learn import moves
from learn.encoders import TabularEncoder
from learn.errors import SearchError
from learn.keys import Key
from learn.models.lut_network import make_network, network_circuit
from learn.models.structure import (
    OPERATORS,
    SPARE,
    Bools,
    Recipe,
    decision_list,
    forest,
    polynomial,
    symmetric,
    word_bit,
)
from learn.pruning import pruned
from learn.search import HELD_OUT, VALIDATED_PATTERNS, annealed
from learn.shipping import SHARES, filled
from learn.train import Settings, bank_of, fit, probes_of

MAX_ANDS = 5000
"""AND nodes the circuit may have if nothing is said: the limit of the contest of IWLS 2020."""
SECONDS = 60.0
LEFT = 0.2
"""A bit of an operator is structure if it gets at most this share of the samples wrong that the usual value does."""
LAG, CLOSE = 0.08, 0.02
"""A candidate that answers this share of held-out samples less than the best may be given up; what votes is closer."""
TELLING = 0.1
"""Share of a trial after which its time is foreseen: the first sweeps are not like the others."""
OPTIMISED = 2
"""Circuits of at most so many times the AND nodes allowed are worth shrinking."""
SHRUNK = 10_000
"""AND nodes that all rounds of rewriting go over, about."""
SETTLED = 0.97
"""Share of held-out samples; see ``Candidate.settles``."""
WORTH = 1e-5
"""Share of held-out samples that an AND node has to be worth: of two trials the one better after this price leads."""
SMALL_WORTH = 2e-4
"""The same of the circuit that improvements begin with: to anneal takes a time that grows with its size squared."""
PRICES = 0.0, 1e-4, 2e-4, 4e-4, 8e-4
"""Share of the samples learned from that pruning may lose for an AND node."""
VOTERS = 9
"""Most trials that vote together in the end, where that is better than the best: one of each line of improvements."""
LIKELY = 0.003
"""The larger of two votes is taken if it is at most so much worse on what is held out, which is little to judge by."""
IDLE = 3
"""Improvements in turn without a better circuit after which the best small one is tried again, and where that is idle
too another line begins, from a tree of some of the inputs."""

Work = Iterator[tuple[float, Circuit | None]]
"""A candidate at work: the share done, and at last, at share 1, the circuit; None where it has none."""


Pruning = tuple[bool, float]
"""Whether any wire may take a node's place, and what a node less may cost, in share of the samples."""


class Samples(NamedTuple):
    """What a candidate learns from.

    Attributes:
        table: sampled, of one output.
        x: bool (samples, inputs): the same, of the samples with a value that matters.
        y: bool (samples,).
        max_ands: AND nodes the circuit may have.
    """

    table: TruthTable
    x: Bools
    y: Bools
    max_ands: int


Learner = Callable[[Samples, Key, int, Circuit | None], Work]
"""``learn(samples, key, level, start)``: work at a level of effort, 0, 1, ...; ``start`` is what the same learner made
of a part of the samples, for those that need not begin again."""


class Candidate(NamedTuple):
    """One row of the table of candidates.

    Attributes:
        about: what it is.
        learn: see ``Learner``.
        cost: ``cost(samples, level, ands of the best so far)``: about how many nanoseconds a level takes; trials are
            put in order by it.
        levels: how many levels there are; None for no end.
        again: time for learning from all samples afterwards, in that for learning from a part.
        lags: whether it is given up when a level falls behind by ``LAG``; not if more effort can change all.
        improves: whether it starts from the best circuit so far, of a line once another has begun.
        begins: whether it begins another line of improvements, where one is idle.
        settles: whether it finds all of a function or nothing: from ``SETTLED`` on nothing else is tried.
    """

    about: str
    learn: Learner
    cost: Callable[[Samples, int, int], float]
    levels: int | None
    again: float = 4 / 3
    lags: bool = True
    improves: bool = False
    begins: bool = False
    settles: bool = False


class Trial(NamedTuple):
    """What a candidate came to.

    Attributes:
        row: of CANDIDATES, and ``level`` of effort.
        level: see there.
        held_out: share of the held-out samples that it answers right, not seen in learning.
        train: share of the samples that it was learned from.
        ands: AND nodes of its circuit.
        seconds: it took.
        circuit: see there.
        pruning: (anywhere, price) that it was pruned at (``learn.pruning``); None where not.
        line: name of the trial that its line of improvements began with; its own where it improves none.
    """

    row: str
    level: int
    held_out: float
    train: float
    ands: int
    seconds: float
    circuit: Circuit
    pruning: Pruning | None = None
    line: str = ""

    @property
    def name(self) -> str:
        """The candidate and its level."""
        return f"{self.row} {self.level}"

    @property
    def rank(self) -> float:
        """What trials are ordered by, the best first."""
        return WORTH * self.ands - self.held_out


class Event(NamedTuple):
    """Where the portfolio stands, after a trial or in the middle of one; the last event holds the result.

    Attributes:
        step: trials done.
        seconds: since the start.
        name: of the best trial, or of those that vote, and ``trying``, of the one under way.
        trying: see there.
        held_out: share of the held-out samples that is answered right before anything is learned from them.
        train: share of all samples that ``circuit`` answers right.
        ands: its AND nodes.
        circuit: the best so far.
        trials: all so far.
        refitted: whether ``circuit`` was learned from all samples: after the last trial, if that helped.
    """

    step: int
    seconds: float
    name: str
    trying: str
    held_out: float
    train: float
    ands: int
    circuit: Circuit
    trials: tuple[Trial, ...]
    refitted: bool


# --- Circuits ---------------------------------------------------------------------------------------------------------


def _built(samples: Samples, recipe: Recipe) -> Circuit:
    builder = Builder(samples.table.input_names, name=samples.table.name)
    return hashed(builder.circuit([(samples.table.output_names[0], recipe(builder))]))


def _made(samples: Samples, recipe: Recipe) -> Circuit | None:
    """Return the circuit of a recipe; None for one that is too large."""
    return _within(samples, _built(samples, recipe))


def _shrunk(circuit: Circuit) -> Circuit:
    """Return a circuit rewritten by scripts, which large ones cannot have many rounds of."""
    return optimised(circuit, rounds=max(1, min(10, SHRUNK // max(1, and_count(circuit)))))


def _within(samples: Samples, circuit: Circuit) -> Circuit | None:
    """Return a circuit that is small enough, shrunk only if it has to be: that takes longer than some trials."""
    ands = and_count(circuit)
    if samples.max_ands < ands <= OPTIMISED * samples.max_ands:
        circuit = _shrunk(circuit)
        ands = and_count(circuit)
    return circuit if ands <= samples.max_ands else None


def right(circuit: Circuit, table: TruthTable) -> float:
    """Return the share of cared-for values that a circuit answers right; 1 where there are none."""
    wrong = (simulate(circuit, table.inputs, patterns=table.patterns) ^ table.outputs) & table.care
    return 1.0 - int(popcount(wrong).sum()) / max(1, int(popcount(table.care).sum()))


def prunings(circuit: Circuit, samples: Samples) -> Iterator[tuple[Pruning, Circuit]]:
    """Yield a circuit pruned near and anywhere, at every price."""
    for anywhere in (False, True):
        prices = [len(samples.y) * price for price in PRICES]
        for price, smaller in zip(PRICES, pruned(circuit, samples.table, prices, anywhere=anywhere), strict=True):
            yield (anywhere, price), smaller


def pruned_so(circuit: Circuit, samples: Samples, wanted: Pruning | None) -> Circuit:
    """Return a circuit pruned in one way; as it is where that is none."""
    if wanted is None:
        return circuit
    return next((smaller for pruning, smaller in prunings(circuit, samples) if pruning == wanted), circuit)


# --- Candidates -------------------------------------------------------------------------------------------------------


def _majority(samples: Samples) -> Circuit:
    builder = Builder(samples.table.input_names, name=samples.table.name)
    return builder.circuit([(samples.table.output_names[0], builder.const(int(2 * samples.y.sum() > len(samples.y))))])


def _constant(samples: Samples, key: Key, level: int, start: Circuit | None = None) -> Work:
    yield 1.0, _majority(samples)


def _symmetric(samples: Samples, key: Key, level: int, start: Circuit | None = None) -> Work:
    yield 1.0, _made(samples, symmetric(samples.x, samples.y, 4 * level))


def _polynomial(samples: Samples, key: Key, level: int, start: Circuit | None = None) -> Work:
    recipe = polynomial(samples.x, samples.y, 1 + level)
    yield 1.0, None if recipe is None else _made(samples, recipe)


def _word(samples: Samples, key: Key, level: int, start: Circuit | None = None) -> Work:
    """Take the best bit of an operator, all of it or with as much cut from it as its AND nodes are worth."""
    found = word_bit(samples.x, samples.y)
    ones, count = int(samples.y.sum()), len(samples.y)
    best, circuit = 1.0, None
    if found is not None and count - found.right <= LEFT * min(ones, count - ones):
        cuts = OPERATORS[found.operator].cuts(len(found.words[0]), found.bit)
        for cut in (*reversed(cuts), 0):  # the less is cut, the larger
            built = _built(samples, found.recipe(cut))
            price = WORTH * (ands := and_count(built))
            if price >= best or (cut and ands > samples.max_ands):
                break
            smaller = built if cut else _within(samples, built)
            if smaller is not None and (cost := price + 1.0 - right(smaller, samples.table)) < best:
                best, circuit = cost, smaller
    yield 1.0, circuit


FORESTS = ((1, 6, 0), (1, 8, 4), (7, 6, 0), (15, 6, 0), (31, 6, 0), (63, 5, 0), (1, 12, 8), (15, 6, 4), (127, 4, 0))
"""Trees, their depth, and rounds of making features."""


def _forest(samples: Samples, key: Key, level: int, start: Circuit | None = None) -> Work:
    trees, depth, fringes = FORESTS[level]
    while True:
        found = forest(samples.x, samples.y, key, trees=trees, depth=depth, fringes=fringes)
        circuit = _made(samples, found.recipe)
        if circuit is not None or depth == 1:
            yield 1.0, circuit
            return
        yield 0.5, None
        depth -= 1


TREE_DEPTH, TREE_INPUTS = 6, 0.5
"""Of the tree that begins another line: its depth, and the share of the inputs that it may test."""


def _tree(samples: Samples, key: Key, level: int, start: Circuit | None = None) -> Work:
    some = key.uniform(samples.x.shape[1]) < TREE_INPUTS
    yield 1.0, _made(samples, forest(samples.x & some, samples.y, key, trees=1, depth=TREE_DEPTH).recipe)


LISTS = (2, 16), (4, 64)
"""Literals of a rule, and rules."""


def _list(samples: Samples, key: Key, level: int, start: Circuit | None = None) -> Work:
    literals, rules = LISTS[level]
    yield 1.0, _made(samples, decision_list(samples.x, samples.y, literals=literals, rules=rules).recipe)


SWEEPS, HOT, WARM, COLD = 200, 10.0, 1.0, 0.5
"""Sweeps of the first level; the temperatures they cool from, without and with a circuit to start from, and to."""
AGAIN = 0.25
"""Share of the sweeps that are spent on all samples, starting from the circuit learned from a part."""


def _annealed(nodes: int) -> Learner:
    """Return the learner that cools a network of so many free-wired nodes, twice as slowly with every level."""

    def learn(samples: Samples, key: Key, level: int, start: Circuit | None = None) -> Work:
        sweeps, hot = SWEEPS << level, HOT
        if start is not None:
            sweeps, hot = round(sweeps * AGAIN), WARM
        size = min(nodes, samples.max_ands // 3)  # an XOR node is three ANDs
        run = annealed(samples.table, key, nodes=size, hot=hot, cold=COLD, sweeps=sweeps, start=start)
        for i, circuit in enumerate(run, 1):
            yield i / sweeps, circuit and _within(samples, circuit)

    return learn


IMPROVEMENTS = ((1.0, 40, 120), (2.0, 80, 60))
"""The first temperature, sweeps and free-wired nodes to add, in turn."""


def _improved(samples: Samples, key: Key, level: int, start: Circuit | None = None) -> Work:
    """Add free-wired nodes to a circuit and cool it from not too hot; pruning comes after."""
    hot, sweeps, more = IMPROVEMENTS[level % len(IMPROVEMENTS)]
    given = _majority(samples) if start is None else start
    size = and_count(given) + more
    run = annealed(samples.table, key, nodes=size, hot=hot, cold=COLD, sweeps=sweeps, start=given)
    for i, circuit in enumerate(run, 1):
        yield i / sweeps, circuit and _within(samples, circuit)


NETWORKS = ((48, 15), (96, 30), (160, 60), (240, 120))
"""Tables, and passes over the samples."""


def _network(samples: Samples, key: Key, level: int, start: Circuit | None = None) -> Work:
    """Train look-up tables, of which two groups vote; fill don't-cares with as much error as the size needs."""
    tables, epochs = NETWORKS[level]
    table, features, labels = samples.table, samples.x.astype(np.int64), samples.y.astype(np.int64)
    encoder = TabularEncoder.fit(features, table.input_names, levels=1)
    if encoder.rows < 2:
        yield 1.0, None
        return
    codes = encoder.codes(features)
    bank = bank_of(encoder, probes_of(codes, key.fold("probes")), key.fold("bank"))
    settings = Settings(epochs=epochs, batch=128, swap=0.3, every=20)
    network = make_network(
        bank, rows=encoder.rows, classes=2, widths=[tables], pins=6, bound=32, key=key.fold("network"),
    )  # fmt: skip
    for event in fit(network, codes, labels, bank=bank, key=key.fold("fit"), settings=settings):
        network = event.network
        yield min(0.99, event.step / event.steps), None
    for share in SHARES:
        builder = Builder(table.input_names, name=table.name)
        smaller = filled(network, codes, int(share * len(codes)))
        circuit = network_circuit(
            smaller,
            builder,
            lambda b, source, against, margin: encoder.layout[source - 1].feature,
            lambda b, scores: {table.output_names[0]: b.add("lt", *scores)},
        )
        shipped = _within(samples, hashed(bit_blasted(circuit)))
        if shipped is not None:
            break
    yield 1.0, shipped


def _polynomial_cost(samples: Samples, level: int, ands: int) -> float:
    unknowns = sum(comb(samples.x.shape[1], d) for d in range(level + 2))
    return 0.0 if unknowns + SPARE > len(samples.x) else 0.02 * unknowns**3


def _forest_cost(samples: Samples, level: int, ands: int) -> float:
    trees, depth, fringes = FORESTS[level]
    return (12.0 * trees * depth + 600.0 * fringes) * samples.x.size


def _list_cost(samples: Samples, level: int, ands: int) -> float:
    literals, rules = LISTS[level]
    return (0.3 * samples.x.size + 40_000.0) * literals * rules


def _network_cost(samples: Samples, level: int, ands: int) -> float:
    tables, epochs = NETWORKS[level]
    return 10.0 * tables * epochs * len(samples.x)


def _annealed_cost(samples: Samples, sweeps: int, nodes: int) -> float:
    return 0.025 * sweeps * nodes**2 * len(samples.x)


def _improved_cost(samples: Samples, level: int, ands: int) -> float:
    _, sweeps, more = IMPROVEMENTS[level % len(IMPROVEMENTS)]
    return _annealed_cost(samples, sweeps, ands + more)


CANDIDATES: dict[str, Candidate] = {
    "constant": Candidate("the more frequent value", _constant, lambda s, level, ands: 0.0, 1),
    "polynomial": Candidate("a polynomial over Z_2 of low degree", _polynomial, _polynomial_cost, 3, settles=True),
    "symmetric": Candidate(
        "a function of a count of inputs", _symmetric, lambda s, level, ands: 20.0 * (1 + 4 * level) * s.x.size, 2
    ),
    "word": Candidate(
        "a bit of an operator on one word or two", _word, lambda s, level, ands: 20.0 * s.x.size, 1, settles=True
    ),
    "list": Candidate("a decision list", _list, _list_cost, len(LISTS)),
    "forest": Candidate("decision trees that vote", _forest, _forest_cost, len(FORESTS)),
    "network": Candidate("look-up tables of which two groups vote", _network, _network_cost, len(NETWORKS)),
    "annealed": Candidate(
        "150 free-wired gates, annealed", _annealed(150),
        lambda s, level, ands: _annealed_cost(s, SWEEPS << level, 150), None, 4 / 3 * AGAIN, lags=False,
    ),
    "annealed large": Candidate(
        "400 free-wired gates, annealed", _annealed(400),
        lambda s, level, ands: _annealed_cost(s, SWEEPS << level, 400), None, 4 / 3 * AGAIN, lags=False,
    ),
    "improved": Candidate("the best so far, annealed", _improved, _improved_cost, None, lags=False, improves=True),
    "tree": Candidate(
        "a tree of half the inputs, to be improved", _tree, lambda s, level, ands: 12.0 * TREE_DEPTH * s.x.size, None,
        lags=False, begins=True,
    ),
}  # fmt: skip
"""Name -> candidate; of those that may be next, the first of the table is."""

PATIENT = 6
"""A trial may be next if it costs at most one part in so many of all before, or least."""


def following(samples: Samples, levels: dict[str, int], spent: float, ands: int) -> tuple[str, float]:
    """Return which candidate is next, the first that costs little against all before or else the least, and its cost.

    Args:
        samples: what is learned from.
        levels: name -> next level, of the candidates that have one.
        spent: what all before cost.
        ands: of the best circuit so far.
    """
    costs = {name: CANDIDATES[name].cost(samples, level, ands) for name, level in levels.items()}
    name = next((n for n, cost in costs.items() if PATIENT * cost <= spent), min(costs, key=costs.__getitem__))
    return name, costs[name]


# --- The portfolio ----------------------------------------------------------------------------------------------------


def suits(table: TruthTable) -> bool:
    """Tell whether a table is a sample of one output, large enough that a part can be held out."""
    return (
        not table.complete and table.num_outputs == 1 and table.num_inputs > 0 and table.patterns >= VALIDATED_PATTERNS
    )


def _rows(table: TruthTable, chosen: Bools) -> TruthTable:
    """Return a table of the chosen patterns alone."""
    x, y, care = (unpack(part, table.patterns).T[chosen] for part in (table.inputs, table.outputs, table.care))
    return sampled_table(
        x, y, care=care, input_names=table.input_names, output_names=table.output_names, name=table.name
    )


def held_out(table: TruthTable, key: Key) -> Bools:
    """Return which patterns are held out, one in ``HELD_OUT``, drawn by the key: bool (patterns,)."""
    return key.fold("held out").integers(HELD_OUT, table.patterns) == 0


def _samples(table: TruthTable, max_ands: int) -> Samples:
    x, y, care = (unpack(part, table.patterns).T for part in (table.inputs, table.outputs, table.care))
    return Samples(table, x[care[:, 0]], y[care[:, 0], 0], max_ands)


def _again(trial: Trial) -> float:
    """Return how long learning again from all samples will take."""
    return trial.seconds * CANDIDATES[trial.row].again


def _vote(samples: Samples, circuits: list[Circuit]) -> Circuit | None:
    """Return the majority of circuits."""

    def recipe(b: Builder) -> int:
        votes = []
        for circuit in circuits:
            wires = list(b.inputs)
            for op, fanin, params in circuit.gates():
                wires.append(b.add(op, *(wires[f] for f in fanin), params=params))
            votes.append(wires[int(circuit.outputs[0])])
        return library.threshold(b, library.popcount(b, votes), len(votes) // 2 + 1)

    return _made(samples, recipe)


def learn(
    table: TruthTable,
    *,
    key: Key,
    seconds: float | None = None,
    steps: int | None = None,
    max_ands: int | None = None,
    names: tuple[str, ...] = tuple(CANDIDATES),
) -> Iterator[Event]:
    """Learn a circuit from samples; the last event holds the result.

    Args:
        table: what :func:`suits`.
        key: the source of all draws.
        seconds: about how long, learning from all samples in the end included; default ``SECONDS`` without ``steps``.
        steps: how many trials.
        max_ands: AND nodes the circuit may have; default ``MAX_ANDS``.
        names: of the candidates that are tried.

    Yields:
        an event after each trial and in the middle of long ones, at least one.

    Raises:
        SearchError: a table that does not suit, an unknown candidate, or a number out of range.
    """
    if not suits(table):
        raise SearchError(
            f"portfolio: got {table.patterns} patterns and {table.num_outputs} outputs, expected a sample of one "
            f"output and at least {VALIDATED_PATTERNS} patterns"
        )
    if unknown := [name for name in names if name not in CANDIDATES]:
        raise SearchError(f"portfolio: got candidate {unknown[0]!r}, expected some of {', '.join(CANDIDATES)}")
    for what, value in (("seconds", seconds), ("steps", steps), ("max_ands", max_ands)):
        if value is not None and not value > 0:
            raise SearchError(f"{what}: got {value}, expected more than 0")
    moves.warm_up()  # compiling is not learning: the clock starts after it
    begin = time.monotonic()
    budget = seconds if seconds is not None else np.inf if steps else SECONDS
    apart = held_out(table, key)
    whole = _samples(table, max_ands or MAX_ANDS)
    part, judge = _samples(_rows(table, ~apart), whole.max_ands), _rows(table, apart)
    trials: list[Trial] = []
    tried: list[str] = []

    def judged(name: str, level: int, found: Circuit, started: float) -> Trial:
        """Judge a circuit, and all it can be pruned to; return the best of them."""
        trials = [
            Trial(name, level, right(each, judge), right(each, part.table), and_count(each), 0.0, each, pruning)
            for pruning, each in ((None, found), *prunings(found, part))
        ]
        return min(trials, key=lambda trial: trial.rank)._replace(seconds=time.monotonic() - started)

    best = judged("constant", 0, _majority(part), begin)
    team, score = [best], best.held_out
    circuit, train, refitted = best.circuit, right(best.circuit, table), False

    def event(trying: str) -> Event:
        spent, ands = time.monotonic() - begin, and_count(circuit)
        called = " + ".join(trial.name for trial in team)
        return Event(len(tried), spent, called, trying, score, train, ands, circuit, tuple(trials), refitted)

    def small(trial: Trial) -> float:
        """Return what a circuit to be improved is chosen by, the least first."""
        return SMALL_WORTH * trial.ands - trial.held_out

    def voters() -> list[Trial]:
        """Return the best of each line, the best first."""
        of = {trial.line: trial for trial in sorted(trials, key=lambda t: t.rank, reverse=True)}
        return [t for t in sorted(of.values(), key=lambda t: t.rank) if t.held_out > best.held_out - CLOSE][:VOTERS]

    begins = [name for name in names if CANDIDATES[name].begins]
    levels, cost = {name: 0 for name in names if name not in begins}, 0.0
    lead, lines, idle = best, 0, 0
    while levels:
        name, more = following(part, levels, cost, lead.ands)
        if CANDIDATES[name].improves and idle >= IDLE and lead.line != (first := min([best, *trials], key=small)).line:
            lead, idle = first, 0
        if CANDIDATES[name].improves and idle >= IDLE and begins:
            name, level, lines = begins[0], lines, lines + 1
            more = CANDIDATES[name].cost(part, level, lead.ands)
        else:
            level = levels[name]
            levels[name] += 1
            if levels[name] == CANDIDATES[name].levels:
                del levels[name]
        called = f"{name} {level}"
        row, last = CANDIDATES[name], f"{name} {level - 1}"
        if row.lags and any(trial.held_out <= best.held_out - LAG for trial in trials if trial.name == last):
            continue
        cost += more
        started, learned, affordable = time.monotonic(), None, True
        for share, found in row.learn(part, key.fold(name, level), level, lead.circuit if row.improves else None):
            spent = time.monotonic() - started
            foreseen = spent / share if share >= TELLING else spent
            after = sum(sorted([row.again * foreseen, *map(_again, voters())])[-VOTERS:])
            affordable = not trials or started - begin + foreseen + after <= budget
            if not affordable:
                break
            learned = found
            if share < 1.0:
                yield event(called)
        if not affordable:
            break
        tried.append(called)
        if learned is not None:
            trial = judged(name, level, learned, started)
            trials.append(trial._replace(line=lead.line if row.improves else trial.name))
            best = min(trials, key=lambda trial: trial.rank)
            better = trials[-1].rank < lead.rank if row.improves else small(trials[-1]) < small(lead)
            if row.begins or (better and (row.improves or not lines)):
                lead, idle = trials[-1], 0
            elif row.improves:
                idle += 1
            team, score, circuit, train = [best], best.held_out, best.circuit, right(best.circuit, table)
        yield event(called)
        settled = CANDIDATES[best.row].settles and best.held_out >= SETTLED
        if len(tried) == steps or settled or best.held_out == best.train == 1.0:
            break
    pruning, leading = None, voters() if best.held_out < 1.0 else []
    votes = {size: _vote(part, [trial.circuit for trial in leading[:size]]) for size in range(3, len(leading) + 1, 2)}
    voted_so = [judged("vote", size, vote, begin) for size, vote in votes.items() if vote is not None]
    if voted_so and (top := min(voted.rank for voted in voted_so)) < best.rank:
        voted = max((voted for voted in voted_so if voted.rank <= top + LIKELY), key=lambda voted: voted.level)
        team, score, pruning, circuit = leading[: voted.level], voted.held_out, voted.pruning, voted.circuit
        train = right(circuit, table)
    again = []
    for trial in team:
        own, learned = key.fold(trial.row, trial.level, "again"), None
        for _, found in CANDIDATES[trial.row].learn(whole, own, trial.level, trial.circuit):
            learned = found
            yield event(f"{trial.name} from all samples")
        again.append(pruned_so(learned, whole, trial.pruning) if learned else trial.circuit)
    final = again[0] if len(team) == 1 else _vote(whole, again)
    final = final and pruned_so(final, whole, pruning)
    if final is not None and right(final, table) >= train:
        circuit, train, refitted = final, right(final, table), True
    circuit = _shrunk(circuit)
    yield event("")
