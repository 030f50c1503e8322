"""The exact learner: small circuits from truth tables, by free wiring steered by observability.

A gate's parameters are its function and the wires that feed it, one value in a ``Choice`` space. The signal of a choice
is the exact change of the loss it would make (observability, not a gradient); a rule of ``RULES`` turns signals into
steps. When steps alone do not help, gates are inserted and wrong patterns repaired; then moves that keep every
cared-for output shrink the circuit, a large one window by window. Chains of such moves run side by side and the better
half goes on.

A complete table always comes out exact: every other chain starts from a structure that the table has, at least its
decision diagram, and repair alone reaches exactness. A large sample of patterns is learned to generalise: part of it is
held out and chooses.

Everything is counted in steps, never in seconds: the same key and number of steps give the same circuit on any number
of threads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.aig import Literals, and_count, from_literals, natural_gates, optimised, to_literals
from circuits.circuit import Circuit
from circuits.kernels import philox_state
from circuits.simulate import simulate
from circuits.table import TruthTable
from circuits.words import Words, pack, popcount
from learn import moves, windows
from learn.costs import ANDS, Cost
from learn.errors import SearchError
from learn.keys import Key
from learn.models.starts import ranked
from learn.rules import RULES, Rule, make_rule, rules_in, thinned
from learn.spaces import Choice

POPULATION = 4
FINALISTS = 2
FIRST_RUNG = 4
"""Steps of the first rung of the first bracket; each rung halves the chains and doubles the steps."""
STEP_WORK = 10_000_000
"""Word operations a chain does in one step: a few hundredths of a second."""
GROWN_VALUES = 1 << 14
"""Tables of at most this many output values are also grown gate by gate; larger ones run ``FINALISTS`` chains only."""
MANY_ANDS = 300
"""Starts of more AND nodes are rewritten by scripts before the chain's own moves, which are slow on them."""
LARGE = 100
STARTED = 2
"""After so many brackets a circuit of at least ``LARGE`` ANDs goes on alone: new starts would not catch up. On six
contest tables of 130 to 620 ANDs going on with brackets instead left 1 to 10 % more ANDs after 10 or 15 CPU seconds."""
SHOWN_ANDS = 64
"""A better circuit of at most so many ANDs is shown at once; of more, as many times as many steps after the last."""
VALIDATED_PATTERNS = 512
"""Samples of at least this many patterns hold some back to choose the circuit that generalises best."""
HELD_OUT = 4
"""One pattern in this many is held out."""
MAX_NET_BYTES = 1 << 30
GROWING_TEMPERATURE = 0.12
SHRINKING_TEMPERATURE = 0.3
INSERTION = 0.2
SLACK = 8
HOT, COLD = 0.6, 0.2
"""Temperatures that a cycle of annealing begins and ends with. On contest tables of 70 to 240 ANDs one long cycle
leaves 5 to 20 % fewer than spells at one temperature, which stay where they are after the first seconds."""
CYCLE = 128
"""Steps of the first one."""
IDLE = 32
"""Steps of spells without a smaller net after which a cycle begins."""
TURNS = 16
"""Steps of a cycle before XORs become nodes of their own, or ANDs again."""
WAYS = (0, 20, 40, 80)
"""Most nodes of the windows a net is shrunk in, where it has four times as many; 0 is the whole net."""
WINDOW_WORK = 300_000
"""Word operations of the moves in a window."""
WHOLE_WORK = 16 * STEP_WORK
"""A move in the whole net may compare all pairs of its wires: in this many word operations, or windows do it alone."""
EXPLORED = 6
"""One spell in this many tries any way."""
FITS = ((150, 10.0, 0.5), (200, 10.0, 0.5))
"""What validated chains try: nodes, first and last temperature. Slow cooling matters most: on the contest's samples of
multipliers and square roots 1,400 sweeps from 10 to 0.5 classify 80 and 91 of 100 fresh patterns where sweeps at 1
stay at 51 and 85."""
FIRST_SWEEPS = 48
PATIENCE = 30.0
"""With neither steps nor seconds given, the search ends after this many seconds, or when the last tenfold of the steps
brought nothing."""


class Event(NamedTuple):
    """Where the search stands after a step.

    Attributes:
        step: steps done.
        seconds: time since the start.
        phase: "grow" while no circuit is exact, "shrink" after; "fit" for a sample that is learned to generalise.
        errors: wrong cared-for output values of the best circuit; 0 is exact.
        ands: AND nodes of the best circuit.
        cost: its cost; the AND nodes unless another one is asked for.
        gates: gates of the best circuit.
        moves: moves tried so far.
        changes: moves that changed a circuit so far.
        circuit: the best circuit so far.
    """

    step: int
    seconds: float
    phase: str
    errors: int
    ands: int
    cost: int
    gates: int
    moves: int
    changes: int
    circuit: Circuit


class Found(NamedTuple):
    """A circuit and what it is judged by, in this order."""

    held_out: int
    errors: int
    cost: int
    lits: Literals


def _judged(found: Found | None) -> tuple[int, ...]:
    """Return what circuits are compared by; none at all is worst."""
    return (1,) if found is None else (0, *found[:3])


@dataclass
class Chain:
    """One chain of moves as its manager sees it; ``run`` does one step's work at each ``next``.

    Attributes:
        run: the chain itself; it updates the other attributes.
        found: its best circuit so far.
        tried: moves tried.
        changed: moves that changed its circuit.
    """

    run: Iterator[None]
    found: Found | None = None
    tried: int = 0
    changed: int = 0

    def report(self, found: Found) -> None:
        """Keep a circuit that is better than the best so far."""
        self.found = min(self.found, found, key=_judged)


class Task(NamedTuple):
    """What a chain needs to know.

    Attributes:
        table: what is learned, its repeated patterns merged.
        rule: number of choices, temperature -> the rule that proposes.
        care: uint64 (outputs, words): the values learned from; the others of the table's are held out.
        max_ands: size the circuit should keep within, if any.
        start: a circuit of any size and any errors to begin with, if one is given.
        cost: what is made small.
    """

    table: TruthTable
    rule: Callable[[int, float], Rule]
    care: Words
    max_ands: int | None
    start: Literals | None = None
    cost: Cost = ANDS

    def found(self, lits: Literals, errors: int = 0, held_out: int = 0) -> Found:
        """Judge a circuit."""
        return Found(held_out, errors, self.cost.of(lits), lits)


# ---------------------------------------------------------------- nets and circuits


def _literals(net: moves.Net) -> Literals:
    """Copy a compact net of ANDs out as an and-inverter graph."""
    n, wires = int(net.size[0]), int(net.size[1])
    return Literals(n, net.fanin[n + 1 : wires].copy(), net.outputs.copy())


def _compact(net: moves.Net) -> moves.Net:
    """Return a copy of a net reduced to its live nodes, all ANDs."""
    wires, n = int(net.size[1]), int(net.size[0])
    copy = moves.make_net(net.value[1 : n + 1], net.target, net.care, 3 * (wires - n - 1) + 1)
    moves.copy_net(net, copy)
    moves.rebuild(copy, moves.make_scratch(copy), False)
    return copy


# ---------------------------------------------------------------- growing


class _Growth:
    """A net that grows under a rule.

    Attributes:
        net: the network.
        loss: its wrong cared-for output values.
        tried: moves tried.
        changed: moves that changed the net.
    """

    def __init__(self, task: Task, key: Key, *, nodes: int, room: int, start: Literals | None = None) -> None:
        table = task.table
        given = 0 if start is None else len(start.ands)
        self.net = moves.make_net(table.inputs, table.outputs & task.care, task.care, room + given)
        self.scratch = moves.make_scratch(self.net)
        self.rng = philox_state(key.fold("kernel").philox_key())
        self.key, self.rule = key.fold("rule"), task.rule
        if start is not None:
            for a, b in start.ands.tolist():
                moves.append(self.net, moves.AND, a, b)
            self.net.outputs[:] = start.outputs
            moves.rebuild(self.net, self.scratch, True)
        moves.add_random(self.net, self.scratch, self.rng, max(0, nodes - int(self.net.size[2])))
        if start is None:
            last = int(self.net.size[1])
            self.net.outputs[:] = 2 * np.arange(last - table.num_outputs, last)
        self.loss = int(moves.errors(self.net))
        self.tried = self.changed = self.sweeps = 0
        self.signal = np.zeros(len(self.net.kind) * moves.FUNCTIONS, np.int64)
        self.states: dict[int, object] = {}  # gate -> the rule's state; stale when wires are added

    @property
    def sweep_work(self) -> int:
        """About how many word operations a sweep costs."""
        wires, words = int(self.net.size[1]), self.net.value.shape[1]
        return (wires * (8 * words * (1 + len(self.net.outputs) // 4) + 100) + 100_000) * int(self.net.size[2])

    def sweep(self, temperature: float) -> None:
        """Visit as many gates as there are, at random: score all choices of each and let the rule step."""
        net, n, wires = self.net, int(self.net.size[0]), int(self.net.size[1])
        key = self.key.fold(self.sweeps)
        self.sweeps += 1
        choices = wires * moves.FUNCTIONS
        space, rule, signal = Choice(choices), self.rule(choices, temperature), self.signal[:choices]
        visits = key.fold("visits").integers(2 * (wires - n - 1), (wires - n - 1,)).tolist()
        for i, visit in enumerate(visits):
            gate, pin = n + 1 + visit // 2, visit % 2
            seen, present = moves.score_choices(net, self.scratch, gate, pin, self.signal)
            self.tried += 1
            if not seen:
                moves.randomise(net, self.scratch, gate, self.rng)
                continue
            params = np.array(present)
            state = self.states.get(gate) or rule.init(params)
            step, self.states[gate] = rule.update(signal, state, params, key=key.fold(i))
            chosen = int(space.add(params, step))
            if chosen != present:
                self.loss += int(signal[chosen])
                self.changed += 1
                moves.take_choice(net, self.scratch, gate, pin, chosen)
                if self.loss == 0:
                    return

    def insert(self, places: int = 3) -> bool:
        """Insert the best gate at one random place after the other until the loss falls; say whether it did."""
        first = int(self.net.size[0]) + 1
        for _ in range(places):
            gate = first + moves.below(self.rng, int(self.net.size[1]) - first)
            change = int(moves.insert(self.net, self.scratch, gate, self.rng, 200_000))
            self._grew(min(change, 0), change <= 0)
            if change < 0:
                return True
        return False

    def patch(self) -> bool:
        """Repair a wrong pattern; say whether that worked."""
        change = int(moves.patch(self.net, self.scratch, self.rng))
        self._grew(change, change < 0)
        return change < 0

    def _grew(self, change: int, changed: bool) -> None:
        self.loss += change
        self.tried += 1
        self.changed += changed
        if changed:
            self.states.clear()


def _grow(task: Task, key: Key, chain: Chain, start: Literals | None) -> Iterator[moves.Net | None]:
    """Grow until exact; yield None after every step's work, last the exact net, if growing got there."""
    values = task.table.patterns * task.table.num_outputs
    room = 64 + 8 * task.table.num_outputs + min(values, 2000)
    growth = _Growth(task, key, nodes=0 if start else 10 + task.table.num_outputs, room=room, start=start)
    stalls, tried, changed, stuck = 0, chain.tried, chain.changed, False
    while growth.loss > 0 and not stuck:
        work = STEP_WORK
        while growth.loss > 0 and work > 0:
            before = growth.loss
            if growth.sweep_work > 64 * STEP_WORK:  # a large start: patterns are repaired one by one
                work -= STEP_WORK // 8
                if stuck := not growth.patch():
                    break
                continue
            work -= growth.sweep_work
            growth.sweep(GROWING_TEMPERATURE)
            if growth.loss < before or growth.insert():
                continue
            stalls += 1
            stuck = stalls % 3 == 0 and not growth.patch()
            if stuck:
                break
        chain.tried, chain.changed = tried + growth.tried, changed + growth.changed
        if chain.found is None or growth.loss < chain.found.errors:
            lits = _literals(_compact(growth.net))
            chain.report(task.found(lits, growth.loss))
        yield None
    if growth.loss == 0:
        yield _compact(growth.net)


# ---------------------------------------------------------------- chains


def _starts(table: TruthTable, key: Key) -> Iterator[Literals]:
    """Yield exact circuits of a complete table, the most promising first, for ever."""
    for lits in ranked(table, key, FINALISTS):
        if len(lits.ands) > MANY_ANDS:
            circuit = optimised(from_literals(lits, table.input_names, table.output_names), rounds=2)
            lits = to_literals(circuit)
        yield lits


def _errors(table: TruthTable, lits: Literals) -> int:
    """Count the wrong values of an and-inverter graph where the table cares."""
    circuit = from_literals(lits, table.input_names, table.output_names)
    return int(popcount((simulate(circuit, table.inputs) ^ table.outputs) & table.care).sum())


def _net_of(task: Task, lits: Literals) -> moves.Net | None:
    """Return an and-inverter graph as a net, or None where that would take too much memory."""
    table = task.table
    nodes = 2 * len(lits.ands) + 64
    if 16 * nodes * table.inputs.shape[1] > MAX_NET_BYTES:
        return None
    net = moves.make_net(table.inputs, table.outputs & task.care, task.care, nodes)
    for a, b in lits.ands.tolist():
        moves.append(net, moves.AND, a, b)
    net.outputs[:] = lits.outputs
    return _compact(net)


def _shrink(task: Task, key: Key, chain: Chain, exact: moves.Net) -> Iterator[None]:
    """Shrink an exact net for ever: quick spells while they take nodes, then cycles of annealing, each twice as long.

    Spells are moves in the whole net and, while it is large, in windows of it. Mostly the way goes on that took most
    nodes a step of late, now and then another one. Spells in the whole net with XOR as a node of its own and spells
    without take turns; where an XOR counts as one it always is a node. Windows do not know the levels of the net, so
    where these have a price all moves are made in the whole net.

    Quick spells end in a small net that none of their moves leaves. A cycle melts it and cools it again: a gate is
    added about as often as the heat bath takes a size up by one, so the net is as large as the temperature makes it.
    """
    cost, xor_cost, price = task.cost, task.cost.xor_cost, task.cost.level_price
    nodes = int(exact.size[2])
    net, best = (moves.make_net(task.table.inputs, exact.target, exact.care, nodes + nodes // 2 + 64) for _ in range(2))
    scratch, view, rng = moves.make_scratch(net), windows.make_room(net), philox_state(key.fold("shrink").philox_key())
    moves.copy_net(exact, best)
    reported, waited = nodes, 0

    def restart(xors: bool) -> None:
        moves.copy_net(best, net)
        moves.rebuild(net, scratch, xor_cost == 1 or xors)
        moves.copy_net(net, best)

    def told(tried: int, changed: int, compact: bool = False) -> None:
        """Count a step's moves, and report the best net where it is smaller or its cost may be."""
        nonlocal reported, waited
        chain.tried, chain.changed, waited = chain.tried + tried, chain.changed + changed, waited + 1
        smaller = (size := int(moves.cost(best, xor_cost))) < reported
        if smaller or (cost.judged and SHOWN_ANDS * waited >= nodes):
            reported, waited = size, 0
            chain.report(task.found(_literals(net if compact else _compact(best))))

    spell, xors, gain, before = 2, True, dict.fromkeys(WAYS, math.inf), 0
    cycle, idle = CYCLE, 0
    while True:
        whole = nodes * nodes * net.value.shape[1] <= WHOLE_WORK
        if whole and idle >= IDLE:
            restart(xors)
            room = nodes // 2  # what XORs become as ANDs has room too
            for k in range(cycle):
                if k % TURNS == TURNS - 1 and xor_cost > 1:
                    xors = not xors
                    moves.rebuild(net, scratch, xors)
                t = HOT * (COLD / HOT) ** (k / cycle)
                added = math.exp(-1 / t)
                told(*moves.shrink(net, scratch, best, rng, STEP_WORK, t, added, xor_cost, price, xors, room)[1:])
                yield
            cycle, before, idle = 2 * cycle, 0, idle if reported == nodes else 0
            nodes = reported
            continue
        ways = [way for way in WAYS if 4 * way <= nodes and (way or whole) and not (way and price)] or [0]
        way = max(ways, key=gain.__getitem__)
        if len(ways) > 1 and moves.below(rng, EXPLORED) == 0:
            way = ways[moves.below(rng, len(ways))]
        if not (way and before):  # windows leave the net as good as the best one
            restart(xors and not way)
        before = way
        for _ in range(spell):
            if way:
                moved = _windowed(net, scratch, view, rng, way, xor_cost)
                moves.copy_net(net, best)
                told(*moved, compact=xor_cost > 1)
            else:
                t, added = SHRINKING_TEMPERATURE, INSERTION
                told(*moves.shrink(net, scratch, best, rng, STEP_WORK, t, added, xor_cost, price, xors, SLACK)[1:])
            yield
        now = (nodes - reported) / spell
        idle = idle + spell if reported == nodes else 0
        gain[way] = now if math.isinf(gain[way]) else (gain[way] + now) / 2
        nodes = reported
        if not way:
            doubled = not xors or xor_cost == 1
            spell, xors = min(2 * spell, 64) if doubled else spell, not xors or xor_cost == 1


def _windowed(
    net: moves.Net, scratch: moves.Scratch, view: windows.Room, rng: NDArray[np.uint64], nodes: int, xor_cost: int
) -> tuple[int, int]:
    """Do a step's work in windows of so many nodes; return the moves tried and made."""
    work, tried, changed, count = STEP_WORK, 0, 0, 0
    while work > 0 and net.size[2]:
        spent, *moved = windows.improve(
            net, scratch, view, rng, nodes, WINDOW_WORK, xor_cost == 1 or count % 2 == 0, xor_cost
        )
        work -= spent
        tried += moved[0]
        changed += moved[1]
        count += 1
    moves.rebuild(net, scratch, xor_cost == 1)
    assert moves.errors(net) == 0, "a window changed what the net does"
    return tried, changed


def _exact_chain(task: Task, key: Key, chain: Chain, start: Literals | None) -> Iterator[None]:
    """Find an exact circuit by growing (from ``start``, unless it is exact), then shrink it."""
    exact: moves.Net | None = None
    errors = _errors(task.table, start) if start else 0
    if errors or start is None:
        for exact in _grow(task, key, chain, start):
            if exact is None:
                yield
    if exact is None and ((start and not errors) or task.table.complete):
        lits = start if start and not errors else next(_starts(task.table, key))
        chain.report(task.found(lits))
        exact = _net_of(task, lits)
    if exact is None:
        return
    chain.report(task.found(_literals(exact)))
    yield
    yield from _shrink(task, key, chain, exact)


def _fit_chain(
    task: Task,
    key: Key,
    chain: Chain,
    setting: tuple[int, float, float],
    sweeps: int,
    start: Literals | None = None,
) -> Iterator[None]:
    """Fit a net of fixed size to the values learned from, cooling; the held-out ones say which circuit is kept."""
    nodes, hot, cold = setting
    nodes = max(task.table.num_outputs, min(nodes, task.max_ands // 2 if task.max_ands else nodes))
    growth = _Growth(task, key, nodes=nodes, room=nodes, start=start)
    held_out = task.table.care & ~task.care
    for i in range(sweeps):
        growth.sweep(hot * (cold / hot) ** (i / sweeps))
        chain.tried, chain.changed = growth.tried, growth.changed
        missed = int(moves.wrong(growth.net, task.table.outputs, held_out))
        if chain.found is None or (missed, growth.loss) < chain.found[:2]:
            lits = _literals(_compact(growth.net))
            if task.max_ands is None or len(lits.ands) <= task.max_ands or chain.found is None:
                chain.report(task.found(lits, growth.loss, missed))
        yield


def annealed(
    table: TruthTable, key: Key, *, nodes: int, hot: float, cold: float, sweeps: int, start: Circuit | None = None
) -> Iterator[Circuit | None]:
    """Fit a net of fixed size to all values of a table, cooling; the caller judges the circuit by others.

    Args:
        table: what is learned.
        key: the source of all draws.
        nodes: of the net, ANDs and XORs.
        hot: the first temperature, of as many wrong values.
        cold: the last one.
        sweeps: how many; in each as many nodes are visited as there are.
        start: a circuit to start from instead of random gates.

    Yields:
        after each sweep None; after the last one the circuit, the best on the table, instead.
    """
    chain = Chain(iter(()))
    task = Task(table, partial(_proposer, "heat_bath", None), table.care, None)
    given = None if start is None else to_literals(start)
    for i, _ in enumerate(_fit_chain(task, key, chain, (nodes, hot, cold), sweeps, given), 1):
        lits = chain.found.lits if chain.found and i == sweeps else None
        yield natural_gates(lits, table.input_names, table.output_names, table.name) if lits else None


# ---------------------------------------------------------------- the manager

Rungs = Iterator[tuple[list[Chain], int]]
"""Chains, and for how many steps to run them side by side."""


def _exact_rungs(task: Task, key: Key) -> Rungs:
    """Halve the chains again and again, the better half going on for twice as long; brackets double too.

    Small tables grow every other chain gate by gate, the rest start from a structure that the table has. From the
    second bracket on the first chain goes on with the best circuit so far; a large one is soon left to go on alone, for
    good: its cycles of annealing get longer and longer.
    """
    best: Found | None = None
    if task.start:
        best = task.found(task.start, _errors(task.table, task.start))
    starts = _starts(task.table, key.fold("starts")) if task.table.complete else repeat(None)
    small = task.table.patterns * task.table.num_outputs <= GROWN_VALUES or not task.table.complete
    for level in count():
        alone = best is not None and best.errors == 0 and len(best.lits.ands) >= LARGE and level >= STARTED
        chains = [Chain(iter(())) for _ in range(1 if alone else POPULATION if small else FINALISTS)]
        for i, chain in enumerate(chains):
            start = None if small and i % 2 == 0 else next(starts)
            if best and i == 0 and (best.errors == 0 or task.start):
                start = best.lits
            chain.run = _exact_chain(task, key.fold("chain", level, i), chain, start)
        rounds = FIRST_RUNG << level
        while True:
            yield chains, rounds
            best = min([best, *(c.found for c in chains)], key=_judged)
            if len(chains) <= FINALISTS and not alone:
                break
            chains = sorted(chains, key=lambda c: _judged(c.found))[: max(FINALISTS, len(chains) // 2)]
            rounds *= 2


def _fit_rungs(task: Task, key: Key) -> Rungs:
    """Cool every setting of ``FITS``, then again twice as slowly, and so on."""
    for level in count():
        sweeps = FIRST_SWEEPS << level
        chains = [Chain(iter(())) for _ in FITS]
        for i, (chain, setting) in enumerate(zip(chains, FITS, strict=True)):
            start = task.start if i == 0 else None
            chain.run = _fit_chain(task, key.fold("chain", level, i), chain, setting, sweeps, start)
        yield chains, sweeps


def _held_out_care(table: TruthTable, key: Key) -> Words:
    """Return the cares without those of the held-out patterns: one in ``HELD_OUT``, drawn by the key."""
    kept = key.fold("held out").integers(HELD_OUT, table.patterns) > 0
    return table.care & pack(kept)


def learn(
    table: TruthTable,
    *,
    key: Key,
    rule: str = "heat_bath",
    rate: float | None = None,
    seconds: float | None = None,
    steps: int | None = None,
    max_ands: int | None = None,
    threads: int = 1,
    start: Circuit | None = None,
    cost: Cost = ANDS,
) -> Iterator[Event]:
    """Learn a small circuit from a truth table; the last event holds the result.

    Complete tables, and samples of few patterns, are learned exactly and then made small; a sample of at least
    ``VALIDATED_PATTERNS`` patterns is learned to generalise, choosing by held-out patterns.

    Args:
        table: what the circuit should do; its repeated patterns are merged (see ``circuits.table.merged``).
        key: the source of all draws.
        rule: name of a row of ``RULES`` that works on choices; it proposes while a circuit is not yet exact.
        rate: of the rule, see ``RULES``; None for its usual settings.
        seconds: stop at the first step after this time; the number of steps done replays the result.
        steps: stop after this many steps. With neither, see ``PATIENCE``.
        max_ands: AND nodes the circuit should keep within where there is a choice.
        threads: chains run at once; the result does not depend on it.
        start: a circuit to begin with, its ports matched by position; one chain repairs its errors and improves it.
        cost: what is made small once a circuit is exact (see ``learn.costs``).

    Yields:
        an event after each step, at least one.

    Raises:
        SearchError: an unknown rule, or one that cannot propose choices; a number out of range; a start with other
            numbers of inputs or outputs.
    """
    if rule not in rules_in(Choice):
        raise SearchError(f"rule: got {rule!r}, expected one of {', '.join(rules_in(Choice))}")
    for name, value in (
        ("rate", rate),
        ("seconds", seconds),
        ("steps", steps),
        ("threads", threads),
        ("max_ands", max_ands),
    ):
        if value is not None and not value > 0:
            raise SearchError(f"{name}: got {value}, expected more than 0")
    lits = None if start is None else to_literals(start)
    if lits and (lits.num_inputs, len(lits.outputs)) != (table.num_inputs, table.num_outputs):
        raise SearchError(
            f"start: got a circuit of {lits.num_inputs} inputs and {len(lits.outputs)} outputs, "
            f"expected {table.num_inputs} and {table.num_outputs} as {table.name} has"
        )
    moves.warm_up()
    windows.warm_up()  # compiling is not searching: the clock starts after it
    begin = time.monotonic()
    validated = not table.complete and table.patterns >= VALIDATED_PATTERNS
    care = _held_out_care(table, key) if validated else table.care
    task = Task(table, partial(_proposer, rule, rate), care, max_ands, lits, cost)
    rungs = _fit_rungs if validated else _exact_rungs
    best = _constant(task) if 0 in (table.num_inputs, table.num_outputs, table.patterns) else None
    circuit: Circuit | None = None
    shown = best
    ands = price = step = tried = changed = since = at = 0
    with ThreadPoolExecutor(threads) as pool:
        for chains, rounds in rungs(task, key):
            for _ in range(rounds):
                before = [(c.tried, c.changed) for c in chains]
                list(pool.map(lambda c: next(c.run, None), chains))
                step += 1
                tried += sum(c.tried - b[0] for c, b in zip(chains, before, strict=True))
                changed += sum(c.changed - b[1] for c, b in zip(chains, before, strict=True))
                found = min((c.found for c in chains), key=_judged)
                if _judged(found) < _judged(best):
                    best, since = found, step
                if best is None:
                    continue
                spent = time.monotonic() - begin
                patient = seconds is None and steps is None
                ended = (
                    (steps is not None and step >= steps)
                    or (seconds is not None and spent >= seconds)
                    or (patient and (spent >= PATIENCE or step >= 30 + 10 * since))
                    or (best[:3] == (0, 0, 0))
                )
                # making the circuit takes longer than a step where it is large
                due = ended or shown is None or best[:2] != shown[:2] or SHOWN_ANDS * (step - at) >= len(best.lits.ands)
                if circuit is None or (best is not shown and due):
                    shown, at = best, step
                    circuit = natural_gates(best.lits, table.input_names, table.output_names, table.name)
                    price = best.cost
                    ands = and_count(circuit)  # as shipped: XORs put back may share more than the search knew
                errors = best.errors + best.held_out
                phase = "fit" if validated else "grow" if errors else "shrink"
                yield Event(step, spent, phase, errors, ands, price, circuit.num_gates, tried, changed, circuit)
                if ended:
                    return


def _constant(task: Task) -> Found:
    """Return the best circuit without gates: every output the value its table wants more often."""
    table = task.table
    ones, cared = popcount(table.outputs), popcount(table.care)
    outputs = (2 * ones > cared).astype(np.int64)
    errors = int(np.minimum(ones, cared - ones).sum())
    return Found(0, errors, 0, Literals(table.num_inputs, np.zeros((0, 2), np.int64), outputs))


def _proposer(rule: str, rate: float | None, choices: int, temperature: float) -> Rule:
    """Make the rule over that many choices; a rule without a temperature ignores it."""
    space = Choice(choices)
    if rule == "heat_bath":
        made = make_rule(rule, space, temperature=temperature)
        return made if rate is None else thinned(made, rate)
    return make_rule(rule, space) if rate is None else RULES[rule].at_rate(space, rate)
