"""Compare update rules on one task: equal steps, equal trials of the rate, the same seeds; then who is better.

Labelled samples are learned by a network of look-up tables or by a torch net of Boolean weights, truth tables by
growing circuits gate by gate; only the rule differs. Each rule's rate is the best of the same rates in a run of its own
seed, judged by held-out samples; then every seed gives each rule the same start, wires, batches and samples held out,
so that results pair up.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from circuits.table import TruthTable
from circuits.wires import Word
from circuits.words import popcount
from learn import search
from learn.classify import Plan, held_out, in_integers, learn_classifier
from learn.data.datasets import Dataset
from learn.errors import CompareError
from learn.keys import Key
from learn.models.arithmetic.mlp import encoder
from learn.rules import RULES, rules_in, state_arrays
from learn.spaces import Choice, Int
from learn.train import class_scores

RATES = 0.05, 0.15, 0.5, 1.5
USUAL = {
    Int: ("zim", "bold", "vote", "rounding", "binary_connect", "adam_binary_connect"),
    Choice: ("heat_bath", "zim", "vote", "bold"),
}
"""Where parameters live -> the rules that are compared, unless others are asked for."""
NET_BOUND, NET_HELD_OUT = 8, 0.1
"""Of nets: weights are the signs of integers in -8..7, and a tenth of the samples is held out."""
PULSE = 0.5
"""Seconds after which a run is heard of again."""
FEWEST = 2
"""Steps of a run, however little time there is."""

WORD_PJ, MULTIPLY_PJ, ADD_PJ, FLOAT_MULTIPLY_PJ, FLOAT_ADD_PJ = 100.0, 3.1, 0.1, 3.7, 0.9
"""Picojoules at 45 nm and 0.9 V: 64 bits of a 1 MB cache, a 32-bit integer product and sum, a 32-bit float product and
sum (Horowitz 2014, "Computing's energy problem", doi 10.1109/ISSCC.2014.6757323, figure 1.1.9)."""
DRAW_PRODUCTS = 20
"""32-bit products behind 64 random bits: ten rounds of two 64-bit ones, of four 32-bit ones each, give 256 bits."""
ENERGY = (
    "Energy is of updates alone, which is where rules differ, and is a model, no measurement: in an update every "
    "parameter and every number of the rule's state is read and written and every vote of 32 bits is read, at 100 pJ "
    "for 64 bits (a cache of 1 MB); each vote and each number of the state costs one product and one sum of 32 bits "
    "(integers 3.1 and 0.1 pJ, floats 3.7 and 0.9 pJ); 64 random bits cost 20 products. Figures: Horowitz 2014, "
    "Computing's energy problem, doi 10.1109/ISSCC.2014.6757323 (45 nm, 0.9 V)."
)
SAMPLED, COUNTED = 4096, 4
"""Parameters and updates on which a rule's memory and draws are counted; some rules step every fourth time only."""


class Run(NamedTuple):
    """What one run of a rule came to.

    Attributes:
        rule: its name.
        rate: of the rule.
        seed: decides everything else; -1 of trials.
        curve: the score after each step, of held-out samples or of the values of a table.
        held_out: the last score; of a network of tables the best one's.
        test: share of the test samples classified right, if there are any, by the network of tables that held-out
            samples chose, or by a net as it is at the end.
        compared: what rules are compared by.
        updates: of the parameters.
        flips: table entries that changed sides in an update on average; of circuits gates.
        changed: share of the table entries that ended on the other side than they began; None of circuits.
        parameters: how many; of circuits AND nodes at the end.
        seconds: of the processor.
        wall: seconds on the clock.
    """

    rule: str
    rate: float
    seed: int
    curve: tuple[float, ...]
    held_out: float
    test: float | None
    compared: float
    updates: int
    flips: float
    changed: float | None
    parameters: int
    seconds: float
    wall: float


class Event(NamedTuple):
    """Where a comparison stands.

    Attributes:
        seconds: since it began.
        done: runs that have ended.
        runs: of how many.
        steps: of each run.
        rule: of the run under way, like ``rate`` and ``seed``.
        rate: see there.
        seed: see there; -1 of trials.
        run: the run, if it has just ended.
    """

    seconds: float
    done: int
    runs: int
    steps: int
    rule: str
    rate: float
    seed: int
    run: Run | None


@dataclass(frozen=True)
class _Labelled:
    """Labelled samples.

    Attributes:
        dataset: part of which every run holds out.
        test: samples that no choice looks at, if there are any.
    """

    dataset: Dataset
    test: Dataset | None

    @property
    def compared(self) -> str:
        """What rules are compared by."""
        return "accuracy, held out" if self.test is None else "accuracy, test"


@dataclass(frozen=True)
class Samples(_Labelled):
    """Labelled samples, learned by a network of look-up tables.

    Attributes:
        plan: of the network and its training.
        threads: how many; they change no result.
        unit: what a step of a run is.
        score: what a curve shows.
    """

    plan: Plan
    threads: int = 1
    unit: str = "pass"
    score: str = "accuracy, held out"

    @property
    def space(self) -> Int:
        """Of the counters behind table entries."""
        return Int(-self.plan.bound, self.plan.bound - 1)

    def _plan(self, rule: str, rate: float, steps: int) -> Plan:
        return self.plan._replace(settings=replace(self.plan.settings, rule=rule, rate=rate, epochs=steps))

    def run(self, rule: str, rate: float, seed: int, key: Key, steps: int) -> Iterator[Run | None]:
        """Run a rule: None now and then, last the result."""
        began, busy, plan = time.monotonic(), time.process_time(), self._plan(rule, rate, steps)
        for event, classifier in learn_classifier(  # noqa: B007  (the last ones are the result)
            self.dataset, key=key, plan=plan, threads=self.threads, pulse=PULSE
        ):
            yield None
        seconds, wall = time.process_time() - busy, time.monotonic() - began
        test = None
        if self.test is not None:
            codes = classifier.encoder.codes(in_integers(self.test)[0])
            test = float((class_scores(event.best, codes).argmax(axis=1) == self.test.labels).mean())
        before, after = ([layer.counters >= 0 for layer in n.layers] for n in (event.start, event.network))
        entries = sum(each.size for each in before)
        changed = sum(int((a != b).sum()) for a, b in zip(before, after, strict=True)) / entries
        curve = tuple(done.validation for done in event.history)
        flips = sum(sum(done.flips) for done in event.history) / event.step
        best = max(curve)
        compared = best if test is None else test
        yield Run(rule, rate, seed, curve, best, test, compared, event.step, flips, changed, entries, seconds, wall)

    def pace(self, rule: str, rate: float, key: Key) -> tuple[float, float]:
        """Return the seconds before the first step of a run and those of a step, measured."""
        began, seen = time.monotonic(), []
        for event, _ in learn_classifier(
            self.dataset, key=key, plan=self._plan(rule, rate, FEWEST), threads=self.threads, pulse=PULSE / 2
        ):
            seen.append((event.step, event.seconds))
            if len(seen) == 1:
                started = time.monotonic() - began - event.seconds
            if len(seen) == 3:
                break
        (first, then), (last, now) = seen[0], seen[-1]  # kernels have compiled by the first
        return started, (now - then) / max(1, last - first) * event.steps / FEWEST


@dataclass(frozen=True)
class Table:
    """A truth table, learned gate by gate under a rule until it is exact.

    Of complete tables the learner also knows exact circuits, which no rule has made; here it does not use them. Of
    large samples a part is held out, and the share of right values counts those too.

    Attributes:
        table: what is learned.
        threads: how many; they change no result.
        unit: what a step of a run is.
        score: what a curve shows.
        compared: what rules are compared by.
    """

    table: TruthTable
    threads: int = 1
    unit: str = "step"
    score: str = "output values right"
    compared: str = "output values right, mean over all steps"

    @property
    def space(self) -> Choice:
        """Of the wires and functions of a gate."""
        return Choice(256)

    def _events(self, rule: str, rate: float, key: Key, steps: int) -> Iterator[search.Event]:
        grown = replace(self.table, complete=False)
        return search.learn(grown, key=key, rule=rule, rate=rate, steps=steps, threads=self.threads)

    def run(self, rule: str, rate: float, seed: int, key: Key, steps: int) -> Iterator[Run | None]:
        """Run a rule: None now and then, last the result."""
        began, busy = time.monotonic(), time.process_time()
        curve: list[float] = []
        values = int(popcount(self.table.care).sum())
        for event in self._events(rule, rate, key, steps):
            curve += [1 - event.errors / values] * (event.step - len(curve))
            yield None
            if event.errors == 0:
                break
        seconds, wall = time.process_time() - busy, time.monotonic() - began
        curve += [curve[-1]] * (steps - len(curve))
        flips, compared = event.changes / event.step, float(np.mean(curve))
        final = curve[-1]
        yield Run(
            rule, rate, seed, tuple(curve), final, None, compared, event.step, flips, None, event.ands, seconds, wall
        )

    def pace(self, rule: str, rate: float, key: Key) -> tuple[float, float]:
        """Return the seconds before the first step of a run and those of a step, measured."""
        *_, last = self._events(rule, rate, key, FEWEST)
        return 0.0, last.seconds / last.step


@dataclass(frozen=True)
class Net(_Labelled):
    """Labelled samples, learned by a torch net whose weights are the signs of small integers.

    Attributes:
        widths: of the hidden layers.
        threads: how many; they change no result.
        unit: what a step of a run is.
        score: what a curve shows.
    """

    widths: tuple[int, ...]
    threads: int = 1
    unit: str = "pass"
    score: str = "accuracy, held out"

    @property
    def space(self) -> Int:
        """Of the integers behind weights."""
        return Int(-NET_BOUND, NET_BOUND - 1)

    def _encoded(self) -> tuple[Any, Any]:
        """Return the features of the samples and of the test samples: bytes as they are, others of one byte."""
        x = in_integers(self.dataset)[0]
        fresh = x[:0] if self.test is None else in_integers(self.test)[0]
        if x.dtype == np.uint8:
            return x, fresh
        bits = max(int(np.abs(x).max()), int(np.abs(fresh).max(initial=0))).bit_length() + 1
        encoding = encoder(x, [Word(bits)] * x.shape[1])
        return encoding.codes(x), encoding.codes(fresh)

    def _trained(self, rule: str, rate: float, key: Key, steps: int) -> Iterator[Any]:
        from learn.nets import classify  # torch takes seconds to load

        x, labels = self._encoded()[0], self.dataset.labels
        apart = held_out(labels, NET_HELD_OUT, key.fold("held out"))
        given, judging = (classify.Samples(x[rows], labels[rows]) for rows in (~apart, apart))
        classes = len(self.dataset.class_names)
        return classify.trained(
            given,
            judging,
            self.widths,
            classes=classes,
            rule=rule,
            rate=rate,
            epochs=steps,
            key=key,
            space=self.space,
            threads=self.threads,
        )

    def run(self, rule: str, rate: float, seed: int, key: Key, steps: int) -> Iterator[Run | None]:
        """Run a rule: None now and then, last the result."""
        from learn.nets.classify import predicted

        began, busy = time.monotonic(), time.process_time()
        for state in self._trained(rule, rate, key, steps):  # noqa: B007  (the last one is the result)
            yield None
        seconds, wall = time.process_time() - busy, time.monotonic() - began
        test, last = None, state.validation[-1]
        if self.test is not None:
            test = float((predicted(state.net, self._encoded()[1]) == self.test.labels).mean())
        compared, flips = last if test is None else test, state.flips / state.updates
        counts = (state.updates, flips, state.changed, state.weights)
        yield Run(rule, rate, seed, state.validation, last, test, compared, *counts, seconds, wall)

    def pace(self, rule: str, rate: float, key: Key) -> tuple[float, float]:
        """Return the seconds before the first step of a run and those of a step, measured."""
        from learn.nets.classify import batches_of

        batches = batches_of(round((1 - NET_HELD_OUT) * self.dataset.num_samples))
        first, *_, last = islice(self._trained(rule, rate, key, FEWEST), 4)
        return first.seconds, (last.seconds - first.seconds) / max(1, last.updates - first.updates) * batches


Task = Samples | Table | Net
"""What rules are compared on."""


def usual_rules(task: Task) -> list[str]:
    """Return the rules that are compared unless others are asked for."""
    return list(USUAL[type(task.space)])


def check(task: Task, rules: Sequence[str], seeds: int, rates: Sequence[float], steps: int | None) -> None:
    """Refuse what cannot be compared.

    Raises:
        CompareError: fewer than two rules, one that is unknown, given twice or does not work here, fewer than two
            seeds, no rate or one that is not above 0, or no step.
    """
    able = rules_in(type(task.space))
    for name in rules:
        if name not in able:
            raise CompareError(f"rules: got {name!r}, expected some of {', '.join(able)}, which work on this task")
    if len(set(rules)) != len(rules) or len(rules) < 2:
        raise CompareError(f"rules: got {','.join(rules)}, expected at least two, each once")
    if seeds < 2:
        raise CompareError(f"seeds: got {seeds}, expected at least 2, for results to be compared")
    if not rates or not all(0 < rate < math.inf for rate in rates):
        raise CompareError(f"rates: got {','.join(map(str, rates))}, expected numbers above 0")
    if steps is not None and steps < 1:
        raise CompareError(f"steps: got {steps}, expected at least 1")


def steps_for(task: Task, rules: Sequence[str], seeds: int, rates: Sequence[float], *, key: Key, seconds: float) -> int:
    """Return how many steps a run may take for all to end in about so many seconds; what it measures counts too."""
    began, runs = time.monotonic(), seeds + len(rates)
    paces = [task.pace(rule, rates[0], key) for rule in rules]
    left = 0.85 * seconds - (time.monotonic() - began) - runs * sum(start for start, _ in paces)
    return max(FEWEST, int(left / max(1e-9, runs * sum(step for _, step in paces))))


def compare(
    task: Task, rules: Sequence[str], *, seeds: int, rates: Sequence[float] = RATES, steps: int, key: Key
) -> Iterator[Event]:
    """Run every rule at every rate once, then at its best rate with every seed.

    Args:
        task: what they are compared on.
        rules: names of ``learn.rules.RULES``.
        seeds: runs of each rule that are compared.
        rates: what is tried of each rule, in a run of its own seed each.
        steps: of each run.
        key: decides everything but the time.

    Yields:
        events, one for each run as it ends among them. Seeds come round by round, so that what has ended when one
        stops early still pairs up.

    Raises:
        CompareError: see :func:`check`.
    """
    check(task, rules, seeds, rates, steps)
    began, done, total = time.monotonic(), 0, len(rules) * (len(rates) + seeds)
    best: dict[str, Run] = {}
    plan = [(rule, rate, -1) for rule in rules for rate in rates]
    plan += [(rule, math.nan, seed) for seed in range(seeds) for rule in rules]
    for rule, given, seed in plan:
        rate = best[rule].rate if seed >= 0 else given
        for run in task.run(rule, rate, seed, key.fold("trial") if seed < 0 else key.fold("seed", seed), steps):
            done += run is not None
            yield Event(time.monotonic() - began, done, total, steps, rule, rate, seed, run)
        assert run is not None, "a run ends with its result"
        if seed < 0 and (rule not in best or _judged(run) > _judged(best[rule])):
            best[rule] = run


def _judged(run: Run) -> tuple[float, float]:
    """Return what trials are chosen by, never by test samples."""
    return run.held_out, float(np.mean(run.curve))


# --- What it came to --------------------------------------------------------------------------------------------------


class Cost(NamedTuple):
    """What an update costs a parameter.

    Attributes:
        bytes: of the parameter, a number of 8 bits, and of what the rule remembers of it.
        random_bits: drawn.
        picojoules: estimated; see ENERGY.
    """

    bytes: float
    random_bits: float
    picojoules: float


@dataclass(frozen=True, slots=True)
class _Counted(Key):
    """A key that notes how many words it and its children draw."""

    drawn: list[int] = field(default_factory=list)

    def fold(self, *names: int | str) -> Key:
        return _Counted(self.seed, self.path + names, self.drawn)

    def words(self, n: int) -> Any:
        self.drawn.append(n)
        return Key.words(self, n)


def cost(rule: str, space: Int | Choice, rate: float) -> Cost:
    """Return what an update of a rule costs a parameter; where parameters are choices, a choice.

    Args:
        rule: name of a row of ``RULES``.
        space: where parameters live.
        rate: of the rule.
    """
    made, key = RULES[rule].at_rate(space, rate), _Counted(0)
    params = np.zeros(SAMPLED // space.n if isinstance(space, Choice) else SAMPLED, np.int8)
    shape = (len(params), space.n) if isinstance(space, Choice) else params.shape
    signal = Key(0).fold("signal").integers(255, shape) - 127
    state = made.init(params)
    for i in range(COUNTED):
        _, state = made.update(signal, state, params, key=key.fold(i))
    arrays = [array for array in state_arrays(state).values() if array.size >= signal.size]
    held, floats = sum(array.nbytes for array in arrays) / SAMPLED, sum(array.dtype.kind == "f" for array in arrays)
    draws = sum(key.drawn) / SAMPLED / COUNTED
    traffic = (2 * 8 + 32 + 2 * 8 * held) / 64 * WORD_PJ
    integers = 1 + len(arrays) - floats
    work = integers * (MULTIPLY_PJ + ADD_PJ) + floats * (FLOAT_MULTIPLY_PJ + FLOAT_ADD_PJ)
    return Cost(1 + held, 64 * draws, traffic + work + draws * DRAW_PRODUCTS * MULTIPLY_PJ)


def paired_t(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of Student's paired t-test: that the mean difference is 0.

    Args:
        differences: at least two; 1.0 where all are 0, 0.0 where all are the same but not 0.

    Source: Student 1908, doi 10.2307/2331554; the distribution by the finite series of Abramowitz and Stegun 1964,
    26.7.3 and 26.7.4.
    """
    mean, freedom = float(np.mean(differences)), len(differences) - 1
    spread = float(np.std(differences, ddof=1)) / math.sqrt(freedom + 1)
    if spread == 0:
        return float(mean == 0)
    angle = math.atan(abs(mean) / spread / math.sqrt(freedom))
    odd, total = freedom % 2, 0.0
    term = math.cos(angle) ** odd
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (power + 1) / (power + 2)
    inside = math.sin(angle) * total
    return 1 - (2 / math.pi * (angle + inside) if odd else inside)


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for being several (Holm 1979, jstor 4615733)."""
    order, adjusted, most = np.argsort(values, kind="stable"), [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        most = max(most, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = most
    return adjusted


class Standing(NamedTuple):
    """What a rule came to over its seeds.

    Attributes:
        rule: its name.
        rate: the best of those tried.
        tried: rate -> held-out score of its trial.
        seeds: compared.
        compared: mean of what rules are compared by, and ``spread``, its standard deviation.
        spread: see there.
        held_out: mean.
        test: mean, or None.
        updates: mean; of circuits until exact.
        behind: mean difference to the best rule on the same seeds.
        p: that this is chance: paired t-test, adjusted by Holm's method; None of the best rule.
        flips: in an update, mean.
        changed: share, mean, or None.
        parameters: mean.
        milliseconds: of the processor, an update, all of its training included.
        seconds: of the processor, a run.
        wall: seconds on the clock, a run.
        cost: of an update a parameter.
        millijoules: of all updates of a run, estimated; None of circuits.
        curve: mean, least and largest score after each step.
    """

    rule: str
    rate: float
    tried: Mapping[str, float]
    seeds: int
    compared: float
    spread: float
    held_out: float
    test: float | None
    updates: float
    behind: float
    p: float | None
    flips: float
    changed: float | None
    parameters: float
    milliseconds: float
    seconds: float
    wall: float
    cost: Cost
    millijoules: float | None
    curve: tuple[tuple[float, float, float], ...]


def standings(task: Task, found: Sequence[Run]) -> list[Standing]:
    """Return how rules stand, the best first, by the seeds that all of them have run.

    Raises:
        CompareError: fewer than two such seeds.
    """
    runs = {(run.rule, run.seed): run for run in found if run.seed >= 0}
    rules = list(dict.fromkeys(run.rule for run in found))
    seeds = [seed for seed in sorted({seed for _, seed in runs}) if all((rule, seed) in runs for rule in rules)]
    if len(seeds) < 2:
        raise CompareError(
            f"compare: {len(seeds)} of the seeds were run by all rules, expected at least 2; go on longer"
        )
    of = {rule: [runs[rule, seed] for seed in seeds] for rule in rules}
    rules.sort(key=lambda rule: -np.mean([run.compared for run in of[rule]]))
    apart = {rule: [a.compared - b.compared for a, b in zip(of[rule], of[rules[0]], strict=True)] for rule in rules}
    chances = dict(zip(rules[1:], holm([paired_t(apart[rule]) for rule in rules[1:]]), strict=True))

    def standing(rule: str) -> Standing:
        mine = of[rule]

        def mean(name: str) -> float:
            return float(np.mean([getattr(run, name) for run in mine]))

        spent = cost(rule, task.space, mine[0].rate)
        curves = np.array([run.curve for run in mine])
        circuits = mine[0].changed is None
        energy = spent.picojoules * mean("parameters") * mean("updates") * 1e-9
        return Standing(
            rule,
            mine[0].rate,
            {f"{run.rate:g}": run.held_out for run in found if run.rule == rule and run.seed < 0},
            len(seeds),
            mean("compared"),
            float(np.std([run.compared for run in mine], ddof=1)),
            mean("held_out"),
            None if mine[0].test is None else mean("test"),
            mean("updates"),
            float(np.mean(apart[rule])),
            chances.get(rule),
            mean("flips"),
            None if circuits else mean("changed"),
            mean("parameters"),
            1000 * mean("seconds") / mean("updates"),
            mean("seconds"),
            mean("wall"),
            spent,
            None if circuits else energy,
            tuple(zip(curves.mean(0).tolist(), curves.min(0).tolist(), curves.max(0).tolist(), strict=True)),
        )

    return [standing(rule) for rule in rules]


__all__ = ["ENERGY", "RATES", "Cost", "Event", "Net", "Run", "Samples", "Standing", "Table", "compare", "standings"]
