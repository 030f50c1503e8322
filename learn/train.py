"""Train networks of look-up tables: forward, integer error, votes, a rule's steps, and swaps of pins.

Every number of a step is an integer. Threads share a step's work by samples up to the last layer, by tables in it, on
the way back and in stepping, and meet in between: for the error of the scores, and to sum the sizes of votes. Sums of
integers do not depend on order, and each table has draws of its own: any number of threads gives the same network, bit
for bit.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learn import lut_kernels as kernels
from learn.arrays import least
from learn.encoders import Codes, Encoder
from learn.errors import ModelError, RuleError, TrainError
from learn.keys import Key
from learn.models.lut_network import Bank, Layer, LutNetwork, PinCodes, Pins, Wiring, check_compared, narrow
from learn.models.readouts import Head
from learn.rules import Rule, annealed, state_arrays, with_arrays
from learn.spaces import Int
from learn.threads import ALONE, Team

PROBES = 1024
"""Training samples on which comparisons are looked at."""
COMPARISONS = 1 << 16
"""The most comparisons that pins are drawn from: their numbers take two bytes."""
RARE = 0.06
"""Comparisons that are 0, or 1, on a smaller share of samples than this are left out."""
KEPT = 0.25
"""The share of comparisons that are kept, however rare."""
SWAPPED = 150, 400
"""Fewest and most steps over which candidates for pins are looked at before the best are swapped in."""
LOOKED = 2
"""Steps from one look at candidates to the next: 3 was as good in 24 passes and worse in 54."""
WEIGHTS, BIAS = "weights", "bias"
"""What is stepped beside layers."""
BIASES = (-(1 << 30), 1 << 30)
EVALUATED = 2048
"""Samples evaluated at a time when nothing is learned."""


@dataclass(frozen=True)
class Settings:
    """How a network is trained.

    Attributes:
        epochs: passes over the samples, each in an order of its own.
        batch: samples a step at most, a multiple of 64; the batches of a pass are as equal as can be.
        rate: of the rule at the start, by how much a counter moves a step on average; it falls along half a cosine to
            ``end`` times that.
        end: see there.
        scale: the largest error signal, at most 127.
        tau: the unit of the scores in the loss, of counts of tables; None chooses by the number of tables a class.
        swap: share of a layer's pins that may be swapped at a time at the start; it falls to 0 at ``swapping``.
        every: steps between two times; None: a twentieth of all, at least ``SWAPPED[0]``, at most ``SWAPPED[1]``.
        swapping: the share of the training during which pins are swapped.
        rule: what steps the counters: a name of ``learn.rules.RULES``, whose rate falls as ``rate`` and ``end`` say,
            or a rule, which keeps its settings. The rule named "vote" is the built-in one, a kernel.
    """

    epochs: int = 10
    batch: int = 256
    rate: float = 0.15
    end: float = 0.02
    scale: int = 63
    tau: float | None = None
    swap: float = 0.06
    every: int | None = None
    swapping: float = 0.8
    rule: str | Rule = "vote"


RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, math.inf),
    "batch": (kernels.STEP, 1 << 20),
    "rate": (1 / kernels.RATE_ONE, 16),
    "end": (0, 1),
    "scale": (1, kernels.SIGNAL_LIMIT),
    "swap": (0, 1),
    "every": (1, math.inf),
    "swapping": (0, 1),
}
"""What settings may be."""


class Pass(NamedTuple):
    """What a pass over the samples came to, or comes to so far.

    Attributes:
        loss: mean cross-entropy of its samples before their steps, in nats.
        accuracy: share of them classified right before their steps.
        validation: share of the validation samples classified right after it; NaN without any, or while it lasts.
        flips: entries that flipped in it, a layer.
        swaps: pins that were swapped in it.
    """

    loss: float
    accuracy: float
    validation: float
    flips: tuple[int, ...]
    swaps: int


class Share(NamedTuple):
    """What a process does of a training that several share: a part of the samples of every step.

    Attributes:
        rank: of this one, from 0 on, and ``size``, how many there are.
        size: see there.
        add: ``add(array)`` puts the sum of the arrays of all processes, int32, int64 or float64, in place of each.
    """

    rank: int
    size: int
    add: Callable[[NDArray[Any]], None]

    def of(self, each: NDArray[Any]) -> NDArray[Any]:
        """Return the part of this process."""
        return each[self.rank :: self.size]


ALL = Share(0, 1, lambda array: None)
"""One process does all."""
State = dict[str, NDArray[Any]]
"""A training under way, as arrays by name; see ``learn.checkpoint``."""


class Event(NamedTuple):
    """Where training stands after a pass, or in the middle of one.

    Attributes:
        step: steps so far, and ``steps``, of how many.
        steps: see there.
        epoch: passes so far, the one under way among them.
        ended: whether that one has ended.
        seconds: time since the start, that before a state it went on from among it.
        samples_per_second: trained on in this pass.
        loss: as in :class:`Pass`, of the pass so far, like ``accuracy``, ``flips`` and ``swaps``.
        accuracy: see there.
        validation: as in :class:`Pass`, of the last pass that has ended.
        flips: see there.
        swaps: see there.
        history: the passes that have ended.
        network: the network now.
        best: the network that got most validation samples right after a pass, the later of equals; without any, the
            network now.
        start: the network it began with.
        state: ``state()`` is what :func:`fit` goes on from; to be asked for before the next event.
    """

    step: int
    steps: int
    epoch: int
    ended: bool
    seconds: float
    samples_per_second: float
    loss: float
    accuracy: float
    validation: float
    flips: tuple[int, ...]
    swaps: int
    history: tuple[Pass, ...]
    network: LutNetwork
    best: LutNetwork
    start: LutNetwork
    state: Callable[[], State]


class _Tables(NamedTuple):
    """What changes of a layer."""

    codes: PinCodes  # (cells, k)
    counters: NDArray[np.int8]  # (cells, 2**k)


class _Parts(NamedTuple):
    """What changes of a network."""

    layers: tuple[_Tables, ...]
    head: Head


class _Held(NamedTuple):
    """Everything of a training that changes; a file of it holds these arrays."""

    step: NDArray[np.int64]  # ()
    sums: NDArray[np.float64]  # (3,): seconds; of this pass loss; validation of the best
    counts: NDArray[np.int64]  # (3 + layers,): of this pass samples, right ones, swaps and flips a layer
    history: NDArray[np.float64]  # (epochs, 3): loss, accuracy, validation
    moves: NDArray[np.int64]  # (epochs, 1 + layers): swaps, flips
    network: _Parts
    best: _Parts
    rules: tuple[Any, ...]  # its states: of layers, of the readout
    changes: tuple[NDArray[np.int64] | tuple[()], ...]  # of each layer's tables
    fingerprint: NDArray[np.uint8]  # (16,)


def _parts(network: LutNetwork) -> _Parts:
    return _Parts(tuple(_Tables(layer.codes, layer.counters) for layer in network.layers), network.head)


def passes(state: State) -> int:
    """Return how many passes the training of a state takes.

    Raises:
        TrainError: it is no state of a training.
    """
    history = state.get("training.history")
    if history is None or history.ndim != 2 or not len(history):
        raise TrainError("fit: got arrays that are no state of a training, expected those of a checkpoint")
    return len(history)


def default_tau(tables_a_class: float) -> float:
    """Return the unit of the scores: measured 6, 9 and 16 best for 200, 400 and 1,200 tables a class."""
    return max(0.5, 0.45 * math.sqrt(tables_a_class))


@dataclass
class _Run:
    """A layer, and the arrays that training it takes; without copies, cells and tables are the same arrays."""

    layer: Layer
    wiring: Wiring  # (tables, k)
    tables: NDArray[np.int8]  # (tables, 2**k), counters
    addresses: Codes
    outputs: Codes  # row 0 zero, then a row a table; of the last layer none
    votes: NDArray[np.signedinteger[Any]]  # (tables, 2**k)
    signal_row: NDArray[np.int32]
    to_rows: NDArray[np.signedinteger[Any]]  # behind the first layer, the signals of the rows it reads
    choices: int  # codes that a pin may have
    changes: NDArray[np.signedinteger[Any]] | None = None  # (tables, k), by candidates, where pins are swapped
    flips: int = 0

    @property
    def share(self) -> NDArray[np.int32]:
        """Which cell each table is a copy of; empty without copies."""
        return np.empty(0, np.int32) if self.layer.copies is None else self.layer.copies.share

    def spread_counters(self) -> None:
        """Give the tables the counters of their cells."""
        if self.layer.copies is not None:
            np.take(self.layer.counters, self.share, axis=0, out=self.tables)

    def spread_codes(self) -> None:
        """Give the tables the pins of their cells."""
        if self.layer.copies is not None:
            np.take(self.layer.codes, self.share, axis=0, out=self.wiring.codes)


@dataclass
class _Stepped:
    """Parameters that a rule steps; None for the built-in votes."""

    counters: NDArray[Any]
    space: Int
    rule: Rule | None
    state: Any


Loss = Callable[..., tuple[float, NDArray[np.int64]]]
"""``loss(scores, labels, scale=..., tau=...)``: the summed loss and its signal, -127..127 (samples, groups)."""


def _in_bank(bank: Bank, layer: Layer, rows: int) -> tuple[Bank, Layer]:
    """Return a bank with all that a layer compares, at its end what was not there, and the layer with pins of it."""
    if layer.compared is not None and all(map(np.array_equal, layer.compared, bank.pins)):
        return bank, replace(layer, compared=bank.pins)
    pins = layer.pins
    numbers, wanted = (
        ((own.source.astype(np.int64) * rows + own.against) * 256 + own.margin).reshape(-1) for own in (bank.pins, pins)
    )
    missing, first = np.unique(wanted, return_index=True)
    first = first[~np.isin(missing, numbers)]
    added = pins.map(lambda array: array.reshape(-1)[first])
    source, against, margin = bank.pins.map(lambda own, more: np.concatenate([own, more]), added)
    whole = bank._replace(pins=Pins(narrow(source, rows), narrow(against, rows), margin))
    numbers = np.concatenate([numbers, wanted[first]])
    order = np.argsort(numbers, kind="stable")
    codes = order[np.searchsorted(numbers[order], wanted)].reshape(layer.codes.shape)
    return whole, replace(layer, codes=narrow(codes, whole.size), compared=whole.pins)


def _runs_of(network: LutNetwork, batch: int) -> list[_Run]:
    """Return the runs of all layers, on their own arrays; tables of the last layer take the signal of their class."""
    runs, rows = [], network.rows
    for depth, layer in enumerate(network.layers, 1):
        tables, last, wiring = layer.num_tables, depth == len(network.layers), layer.wiring
        run = _Run(
            layer,
            wiring,
            layer.tables,
            np.zeros((tables, batch), np.uint8),
            np.zeros((0 if last else tables + 1, batch), np.uint8),
            np.zeros((tables, layer.counters.shape[1]), kernels.vote_type(batch)),
            network.groups if last else np.arange(tables, dtype=np.int32),
            kernels.signal_sums(*wiring[:2], rows if depth > 1 else 0, batch),
            rows - 1 - int(layer.shift.max(initial=0)) if layer.compared is None else layer.compared.source.size,
        )
        runs.append(run)
        rows = tables + 1
    return runs


def _evaluate(
    runs: list[_Run], head: Head, rows: Codes, count: int, team: Team, lay: Callable[[int, int], None] | None
) -> NDArray[np.int64]:
    """Evaluate layers; return the scores of the first ``count`` samples, int64 (classes, count).

    ``lay(first, last)`` lays blocks of 64 samples out as rows, where they are not.
    """
    last, part = runs[-1], head.parts(runs[-1].signal_row)
    blocks, classes = -(-count // kernels.STEP), len(head.bias) * len(head.readout.weights)
    reads = [rows, *(run.outputs for run in runs)]

    def hidden(member: int) -> None:
        share = team.share(member, blocks)
        if lay:
            lay(*share)
        for run, read in zip(runs[:-1], reads, strict=False):
            kernels.forward(read, *run.wiring, run.tables, run.addresses, run.outputs[1:], *share)

    def scored(member: int) -> NDArray[np.int32]:
        counts, share = np.zeros((classes, rows.shape[1]), np.int32), team.share(member, len(last.tables))
        kernels.add_scores(reads[-2], *last.wiring, last.tables, last.addresses, part, counts, blocks, *share)
        return counts

    if lay or len(runs) > 1:
        team.run(hidden)
    return head.scores(sum(team.run(scored))[:, :count])


def _check_codes(
    what: str, network: LutNetwork, codes: Codes, labels: ArrayLike | None = None, *, classes: bool = True
) -> None:
    """Check the shape and type of codes, which kernels take on trust, and the labels that go with them."""
    if codes.ndim != 2 or codes.shape[1] != network.rows or codes.dtype != np.uint8:
        raise TrainError(
            f"{what}: got {codes.dtype} codes of shape {codes.shape}, expected uint8 (samples, {network.rows})"
        )
    if labels is None:
        return
    wanted = np.asarray(labels)
    if wanted.shape != codes.shape[:1] or wanted.dtype.kind not in "iub" or not wanted.size:
        raise TrainError(
            f"{what}: got {wanted.dtype} labels of shape {wanted.shape}, expected integers, one for each of "
            f"{len(codes)} samples, and at least one sample"
        )
    if classes and not 0 <= wanted.min() <= wanted.max() < network.classes:
        raise TrainError(f"{what}: got labels {wanted.min()}..{wanted.max()}, expected 0..{network.classes - 1}")


def _check_settings(settings: Settings, entries: int, copies: int = 1) -> None:
    """Check settings, for a network whose largest layer has so many entries, and so many tables that share them."""
    for name, (low, high) in RANGES.items():
        given = getattr(settings, name)
        if given is not None and not low <= given <= high:
            raise TrainError(f"fit: got {name} {given}, expected {low:g}..{high:g}")
    if settings.batch % kernels.STEP:
        raise TrainError(f"fit: got batch {settings.batch}, expected a multiple of {kernels.STEP}")
    if kernels.SIGNAL_LIMIT * settings.batch * copies >= 1 << 31:
        raise TrainError(
            f"fit: a batch of {settings.batch} for {copies} tables that share counters gives more votes than 32-bit "
            "numbers hold; choose a smaller batch"
        )
    largest = kernels.SIGNAL_LIMIT * settings.batch * entries * kernels.RATE_ONE  # that a step multiplies out
    if max(1, settings.rate) * largest >= 1 << 63:
        raise TrainError(
            f"fit: rate {settings.rate} times a batch of {settings.batch} times a layer of {entries} entries is more "
            "than 64-bit numbers hold; choose a smaller batch or rate"
        )


def class_scores(network: LutNetwork, codes: Codes, team: Team = ALONE) -> NDArray[np.int64]:
    """Return the scores of samples: uint8 (samples, rows) to int64 (samples, classes).

    Args:
        network: any.
        codes: uint8 (samples, rows).
        team: threads that share the work.

    Raises:
        TrainError: codes of another shape or type.
    """
    _check_codes("class_scores", network, codes)
    scores = np.zeros((len(codes), network.classes), np.int64)
    batch = min(EVALUATED, -(-len(codes) // kernels.STEP) * kernels.STEP)
    runs = _runs_of(network, batch)
    rows = np.zeros((network.rows, batch), np.uint8)
    for start in range(0, len(codes), EVALUATED):
        index = np.arange(start, min(start + EVALUATED, len(codes)))
        lay = partial(kernels.gather, codes, index, rows)
        scores[index] = _evaluate(runs, network.head, rows, len(index), team, lay).T
    return scores


def bank_of(encoder: Encoder, probes: Codes, key: Key, *, count: int = COMPARISONS, rare: float = RARE) -> Bank:
    """Return what pins may compare, without what hardly ever changes.

    Args:
        encoder: makes comparisons.
        probes: uint8 (rows, samples), a multiple of 64 samples.
        key: decides which, where there are more.
        count: of comparisons, at most.
        rare: the least share of samples on which a comparison is 1, or 0; the most even ones are kept in any case.

    Raises:
        DataError: features that leave nothing to compare.
    """
    bank = encoder.comparisons(key.fold("comparisons"), 2 * count)
    ones = np.zeros(bank.size, np.int64)
    kernels.count_ones(probes, *bank.pins, ones)
    even = np.minimum(ones, probes.shape[1] - ones)
    least = np.sort(even)[-max(1, int(KEPT * bank.size))]
    drawn = bank.chosen(even >= min(least, rare * probes.shape[1])).some(key.fold("some"), count)
    source, against, margin = drawn.pins
    return drawn._replace(pins=Pins(narrow(source, len(probes)), narrow(against, len(probes)), margin))


def probes_of(codes: Codes, key: Key, shifts: NDArray[np.int32] | None = None) -> Codes:
    """Return up to PROBES samples as rows: uint8 (rows, samples), a multiple of 64 samples.

    Args:
        codes: uint8 (samples, rows).
        key: decides which, and the shifts.
        shifts: int32, by how many rows copies of a pin are moved; each sample is moved back by one of them, so that
            the pin sees what a copy of it sees.
    """
    count = min(PROBES, -(-len(codes) // kernels.STEP) * kernels.STEP)
    index = key.integers(len(codes), count) if len(codes) != count else np.arange(count)
    rows = np.zeros((codes.shape[1], count), np.uint8)
    if shifts is None:
        kernels.gather(codes, index, rows, 0, count // kernels.STEP)
        return rows
    drawn = shifts[key.fold("shifts").integers(len(shifts), count)]
    for b, (sample, shift) in enumerate(zip(index, drawn, strict=True)):
        rows[1 : len(rows) - shift, b] = codes[sample, 1 + shift :]
    return rows


def fit(
    network: LutNetwork,
    codes: Codes,
    labels: ArrayLike,
    *,
    bank: Bank,
    key: Key,
    settings: Settings = Settings(),
    warps: NDArray[np.int32] | None = None,
    weights: ArrayLike | None = None,
    loss: Loss | None = None,
    validation: tuple[Codes, NDArray[np.int64]] | None = None,
    threads: int = 1,
    pulse: float | None = None,
    resume: State | None = None,
    share: Share = ALL,
) -> Iterator[Event]:
    """Train a network; it is not changed, events carry what it has become.

    Processes that share a training are given the same otherwise, and get the same network, bit for bit that of one
    process; ``learn.nets.shared_by`` makes their shares.

    Args:
        network: where to start.
        codes: uint8 (samples, rows), as the encoder gives them.
        labels: integers (samples,), below the number of classes.
        bank: what pins of the first layer are swapped for, of :func:`bank_of`.
        key: decides the order of samples, the steps and the candidates.
        settings: how.
        warps: int32 (warps, rows), maps of rows, one of which is drawn for every sample of a step.
        weights: integers 0..127 (samples,) that multiply the error signals, which stay within -127..127; None for 1.
        loss: of scores and labels, which then are any integers, and the share of samples that are right means nothing;
            None for that of the network's readout.
        validation: codes and labels that are only looked at.
        threads: how many; they change no result.
        pulse: seconds after which there is an event in the middle of a pass too.
        resume: the state of the same training, to go on from exactly as if it had never been left.
        share: of this process.

    Yields:
        an event after each pass, and at every pulse.

    Raises:
        TrainError: data or weights that do not fit the network, a setting out of range, or a state of another training.
    """
    _check_codes("fit", network, codes, labels, classes=loss is None)
    if validation is not None:
        _check_codes("fit: validation", network, *validation)
    check_compared("fit: got a bank", bank.pins, network.rows, int(network.layers[0].shift.max(initial=0)), TrainError)
    if warps is not None and (
        warps.ndim != 2
        or warps.shape[1] != network.rows
        or warps.dtype != np.int32
        or not warps.size
        or not 0 <= warps.min() <= warps.max() < network.rows
    ):
        raise TrainError(
            f"fit: got warps {warps.dtype} {warps.shape}, expected int32 (warps, {network.rows}) of rows below "
            f"{network.rows}"
        )
    _check_settings(
        settings,
        max(layer.num_tables << layer.codes.shape[1] for layer in network.layers),
        max(layer.most_copies for layer in network.layers),
    )
    wanted = np.asarray(labels, np.int64)
    weighing = None if weights is None else _weights(weights, len(codes))
    team = Team(threads)
    try:
        training = _Training(network, codes, wanted, weighing, bank, key, settings, team, warps, loss, share)
        if resume is not None:
            training.resume(resume)
        yield from training.run(validation, pulse)
    finally:
        team.close()


def _weights(weights: ArrayLike, samples: int) -> NDArray[np.int64]:
    given = np.asarray(weights)
    if given.dtype.kind not in "biu" or given.shape != (samples,):
        raise TrainError(f"fit: got weights {given.dtype} {given.shape}, expected integers ({samples},)")
    if given.min() < 0 or given.max() > kernels.SIGNAL_LIMIT:
        raise TrainError(f"fit: got weights {given.min()}..{given.max()}, expected 0..{kernels.SIGNAL_LIMIT}")
    return given.astype(np.int64)


class _Training:
    """The state of one training."""

    def __init__(
        self,
        network: LutNetwork,
        codes: Codes,
        labels: NDArray[np.int64],
        weights: NDArray[np.int64] | None,
        bank: Bank,
        key: Key,
        settings: Settings,
        team: Team,
        warps: NDArray[np.int32] | None = None,
        loss: Loss | None = None,
        share: Share = ALL,
    ) -> None:
        self.warps, self.share = warps, share
        first, *further = network.layers
        self.bank, first = _in_bank(bank, first, network.rows)
        self.start = replace(network, layers=(first, *further))
        self.codes, self.labels, self.key = codes, labels, key
        self.settings, self.team, self.weights = settings, team, weights
        self.criterion = loss or network.head.readout.loss
        tables = network.layers[-1].num_tables
        tau = default_tau(tables / network.classes) if settings.tau is None else settings.tau
        self.tau = network.head.readout.tau * tau
        # rows of even steps and of odd ones: threads lay out the next samples early
        self.rows = np.zeros((2 if team.size > 1 else 1, network.rows, settings.batch), np.uint8)
        self.ready = -1  # the step whose samples are being laid out
        self.batches = -(-len(codes) // settings.batch)
        self.steps = self.batches * settings.epochs
        least, most = SWAPPED
        self.every = settings.every or min(most, max(least, self.steps // 20))
        self._set(self.start)
        self.step, self.seconds, self.loss, self.right, self.seen, self.swaps = 0, 0.0, 0.0, 0, 0, 0
        self.history: list[Pass] = []
        self.best, self.most = self.start, -1.0

    def run(self, validation: tuple[Codes, NDArray[np.int64]] | None, pulse: float | None = None) -> Iterator[Event]:
        """Train; an event a pass, and one after a step where ``pulse`` seconds have gone by since the last."""
        began, told = time.monotonic() - self.seconds, time.monotonic()
        if self.step == self.steps:
            yield self._event(0.0, self.network())
        for epoch in range(self.step // self.batches, self.settings.epochs):
            order = np.argsort(self.key.fold("order", epoch).words(len(self.codes)), kind="stable")
            entered, seen = time.monotonic(), self.seen
            for b in range(self.step % self.batches, self.batches):
                index, after = (
                    order[len(order) * k // self.batches : len(order) * (k + 1) // self.batches] for k in (b, b + 1)
                )
                loss, right = self._step(index, self.step, after)
                self.loss, self.right, self.seen = self.loss + loss, self.right + right, self.seen + len(index)
                self.step += 1
                now = time.monotonic()
                self.seconds, speed = now - began, (self.seen - seen) / max(now - entered, 1e-9)
                if pulse is not None and now - told >= pulse and b + 1 < self.batches:
                    yield self._event(speed, self.network())
                    told = time.monotonic()
            network = self._end_pass(validation)
            self.seconds = time.monotonic() - began
            yield self._event(speed, network)
            del network  # whoever wants it holds it
            told = time.monotonic()

    def _pass(self, validation: float) -> Pass:
        return Pass(
            self.loss / max(1, self.seen),
            self.right / max(1, self.seen),
            validation,
            tuple(run.flips for run in self.runs),
            self.swaps,
        )

    def _end_pass(self, validation: tuple[Codes, NDArray[np.int64]] | None) -> LutNetwork:
        """End a pass; return the network as it is now."""
        found, network = math.nan, self.network()
        if validation is not None:
            found = float((class_scores(network, validation[0], self.team).argmax(axis=1) == validation[1]).mean())
            if found >= self.most:  # the later of equals has learned longer
                self.best, self.most = network, found
        self.history.append(self._pass(found))
        self.loss, self.right, self.seen, self.swaps = 0.0, 0, 0, 0
        for run in self.runs:
            run.flips = 0
        return network

    def _event(self, speed: float, network: LutNetwork) -> Event:
        ended = self.step % self.batches == 0
        last = self.history[-1].validation if self.history else math.nan
        now, step = self.history[-1] if ended else self._pass(last), self.step

        def state() -> State:
            if self.step != step:
                raise TrainError("state: training has gone on, expected to be asked for before the next event")
            return state_arrays(self._held(), "training")

        return Event(
            step,
            self.steps,
            len(self.history) + (not ended),
            ended,
            self.seconds,
            speed,
            *now,
            tuple(self.history),
            network,
            self.best if self.most >= 0 else network,
            self.start,
            state,
        )

    def _held(self) -> _Held:
        epochs, layers = self.settings.epochs, len(self.runs)
        history, moves = np.full((epochs, 3), math.nan), np.zeros((epochs, 1 + layers), np.int64)
        for row, each in enumerate(self.history):
            history[row], moves[row] = each[:3], (each.swaps, *each.flips)
        return _Held(
            np.array(self.step, np.int64),
            np.array([self.seconds, self.loss, self.most]),
            np.array([self.seen, self.right, self.swaps, *(run.flips for run in self.runs)], np.int64),
            history,
            moves,
            _parts(self.network()),
            _parts(self.best),
            tuple(part.state for part in self.stepped.values()),
            tuple(() if run.changes is None else run.changes.astype(np.int64) for run in self.runs),
            self._fingerprint,
        )

    @cached_property
    def _fingerprint(self) -> NDArray[np.uint8]:
        """A digest of what a training is given, uint8 (16,): a state is of the training with the same one."""
        name = self.settings.rule if isinstance(self.settings.rule, str) else "of the caller"
        digest = hashlib.blake2b(repr((self.key, replace(self.settings, rule=name))).encode(), digest_size=16)
        given = (self.codes, self.labels, self.weights, self.bank, self.warps, self.start)
        for part, array in state_arrays(given).items():
            digest.update(f"{part} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return np.frombuffer(digest.digest(), np.uint8)

    def resume(self, state: State) -> None:
        """Stand where the training of a state stood.

        Raises:
            TrainError: the state does not fit this training.
        """
        try:
            held = with_arrays(self._held(), state, "training")
            network, best = self._whole(held.network), self._whole(held.best)
        except (RuleError, ModelError) as error:
            raise TrainError(f"fit: the state to go on from is of another training: {error}") from None
        if not np.array_equal(held.fingerprint, self._fingerprint):
            raise TrainError("fit: the state to go on from is of another training: of other data, key or settings")
        step, layers = int(held.step), (*network.layers, *best.layers)
        if not 0 <= step <= self.steps or not all(self.start.space.contains(layer.counters) for layer in layers):
            raise TrainError(f"fit: the state to go on from has step {step} or counters out of range")
        self.step, (self.seconds, self.loss, self.most) = step, held.sums.tolist()
        self.seen, self.right, self.swaps, *flipped = held.counts.tolist()
        rows = zip(held.history.tolist(), held.moves.tolist(), strict=True)
        done = islice(rows, step // self.batches)
        self.history = [Pass(a, b, c, tuple(flips), swaps) for (a, b, c), (swaps, *flips) in done]
        self._set(network)
        self.best = best.copy()
        for part, state_of_rule in zip(self.stepped.values(), held.rules, strict=True):
            part.state = state_of_rule
        for run, flips, changes in zip(self.runs, flipped, held.changes, strict=True):
            run.flips = flips
            if run.changes is not None:
                run.changes[:] = changes

    def _set(self, network: LutNetwork) -> None:
        """Make the arrays of a training that goes on from a network."""
        network = network.copy()
        self.head, self.runs = network.head, _runs_of(network, self.settings.batch)
        most = kernels.SIGNAL_LIMIT * self.settings.batch * self.every  # that a change sums up
        for run, layer in zip(self.runs, network.layers, strict=True):
            if layer.swaps:
                run.changes = np.zeros(run.wiring.codes.shape, np.int32 if most < 1 << 31 else np.int64)
        space, weights = self.start.space, Int(*self.head.readout.bounds)
        self.stepped: dict[int | str, _Stepped] = {
            depth: self._stepped(layer.counters, space)
            for depth, layer in enumerate(network.layers)
            if not layer.frozen
        }
        if len(self.head.readout.weights) > 1:
            self.stepped[WEIGHTS] = self._stepped(self.head.counters, weights)
        if self.head.readout.biased:
            self.stepped[BIAS] = self._stepped(self.head.bias, Int(*BIASES))

    def _stepped(self, counters: NDArray[Any], space: Int) -> _Stepped:
        """Return parameters with a fresh state of the rule; the built-in votes have none."""
        s, rule = self.settings, None
        if isinstance(s.rule, Rule):
            rule = s.rule
        elif s.rule != "vote":
            rule = annealed(s.rule, space, rate=s.rate, end=s.end, steps=self.steps)
        return _Stepped(counters, space, rule, rule.init(counters) if rule else ())

    def network(self) -> LutNetwork:
        """Return the network as it is now."""
        return replace(self.start, layers=tuple(run.layer.copy() for run in self.runs), head=self.head.copy())

    def _whole(self, parts: _Parts) -> LutNetwork:
        """Return the network of what changes of it."""
        layers = (replace(layer, **own._asdict()) for layer, own in zip(self.start.layers, parts.layers, strict=True))
        return replace(self.start, layers=tuple(layers), head=parts.head)

    def _layout(self, index: NDArray[np.int64], step: int) -> tuple[Codes, Callable[[int, int], None]]:
        """Return the rows of a step, and what lays blocks of its samples out there."""
        rows, own = self.rows[step % len(self.rows)], self.share.of(index)
        if self.warps is None:
            return rows, partial(kernels.gather, self.codes, own, rows)
        chosen = self.share.of(self.key.fold("warps", step).integers(len(self.warps), len(index)))
        return rows, partial(kernels.gather_warped, self.codes, own, self.warps, chosen, rows)

    def _step(self, index: NDArray[np.int64], step: int, after: NDArray[np.int64] | None = None) -> tuple[float, int]:
        """Learn from some samples; while the error is made, other threads lay out those that come ``after``."""
        settings, own = self.settings, self.share.of(index)
        labels = self.labels[own]
        rows, lay = self._layout(index, step)
        scores = _evaluate(self.runs, self.head, rows, len(own), self.team, None if self.ready == step else lay).T
        if after is not None and len(after) and self.team.size > 1:
            self.team.post(self._layout(after, step + 1)[1], -(-len(self.share.of(after)) // kernels.STEP))
            self.ready = step + 1
        loss, error = self.criterion(scores, labels, scale=settings.scale, tau=self.tau)
        if self.weights is not None:
            error = np.clip(error * self.weights[own, None], -kernels.SIGNAL_LIMIT, kernels.SIGNAL_LIMIT)
        signal = np.zeros((self.start.classes, settings.batch), np.int8)  # samples that are not there have none
        signal[:, : len(own)] = error.T
        swapping = step < settings.swapping * self.steps and settings.swap > 0
        sizes = self._count_votes(rows, self._signals(signal), step if swapping and step % LOOKED == 0 else None)
        right, summed = int((scores.argmax(axis=1) == labels).sum()), error.sum(axis=0)
        if self.share.size > 1:
            for place, run in enumerate(self.runs):
                votes = run.votes.astype(np.int32)
                self.share.add(votes)
                run.votes[:] = votes
                sizes[place] = int(np.abs(votes).sum())
            told = np.array([loss, right])
            self.share.add(summed)
            self.share.add(told)
            loss, right = float(told[0]), int(told[1])
        self._step_parameters(self._votes(summed), sizes, step)
        if swapping and (step + 1) % self.every == 0:
            self._swap(step + 1)
        return loss, right

    def _signals(self, last: NDArray[np.int8]) -> list[NDArray[np.int8]]:
        """Return the signals that each layer has, those of the last given."""
        runs, team = self.runs, self.team
        signals = [np.empty((len(run.tables), self.settings.batch), np.int8) for run in runs[:-1]] + [last]

        def work(member: int) -> None:
            share = team.share(member, self.settings.batch // kernels.STEP)
            samples = slice(*(edge * kernels.STEP for edge in share))
            for run, signal, below in zip(runs[:0:-1], signals[:0:-1], signals[-2::-1], strict=True):
                run.to_rows[:, samples] = 0
                kernels.add_input_signals(
                    run.tables, run.addresses, signal, run.signal_row, *run.wiring[:2], run.to_rows, *share
                )
                np.clip(
                    run.to_rows[1:, samples],
                    -kernels.SIGNAL_LIMIT,
                    kernels.SIGNAL_LIMIT,
                    out=below[:, samples],
                    casting="unsafe",
                )

        if len(runs) > 1:
            team.run(work)
        return signals

    def _candidates(self, depth: int, step: int) -> tuple[int, int, np.uint64, np.uint64]:
        """Return what says which candidates a layer's pins have at a step: choices, reach and a key's halves."""
        key0, key1 = self.key.fold("candidates", depth, step - step % self.every).philox_key()
        reach = 0 if depth else self.bank.reach
        return self.runs[depth].choices, reach, np.uint64(key0), np.uint64(key1)

    def _count_votes(self, read: Codes, signals: list[NDArray[np.int8]], looking: int | None) -> list[int]:
        """Count votes, and look at candidates of the step ``looking``; return the sum of each layer's votes' sizes."""
        reads = [read, *(run.outputs for run in self.runs)]
        offered = [() if looking is None else self._candidates(depth, looking) for depth in range(len(self.runs))]

        def work(member: int) -> list[int]:
            sizes = []
            for run, rows, signal, others in zip(self.runs, reads, signals, offered, strict=False):
                share = self.team.share(member, len(run.tables))
                now, votes, heard = (run.tables, run.addresses), run.votes, (signal, run.signal_row)
                sizes.append(kernels.count_votes(run.addresses, *heard, votes, *share))
                if others and run.changes is not None:
                    read = (rows, *run.wiring, run.share)
                    kernels.add_changes(*read, *others, *now, votes, *heard, run.changes, *share)
            return sizes

        return [sum(parts) for parts in zip(*self.team.run(work), strict=True)]

    def _votes(self, error: NDArray[np.int64]) -> dict[int | str, NDArray[np.signedinteger[Any]]]:
        """Return the votes of all parameters, given the sums of the signals of the scores, (classes,)."""
        found: dict[int | str, NDArray[np.signedinteger[Any]]] = {}
        for depth, run in enumerate(self.runs):
            if depth not in self.stepped:
                continue
            found[depth] = run.votes
            if run.layer.copies is not None:
                found[depth] = np.zeros(run.layer.counters.shape, np.int32)
                kernels.add_copies(run.votes, run.share, found[depth])
        readout, last = self.head.readout, self.runs[-1]
        if len(readout.weights) > 1:
            # A table counts in the score where it says 1: its weight's vote is that of its entries that are 1.
            found[WEIGHTS] = np.where(last.tables >= 0, last.votes, 0).sum(axis=1, keepdims=True, dtype=np.int32)
        if readout.biased:
            found[BIAS] = error[:, None].astype(np.int32)
        return found

    def _step_parameters(
        self, votes: dict[int | str, NDArray[np.signedinteger[Any]]], sizes: list[int], step: int
    ) -> None:
        """Step all parameters by their votes; ``sizes`` are the sums of the sizes of the tables' votes, a layer."""
        settings, progress, stepped = self.settings, step / self.steps, self.stepped
        share = settings.end + (1 - settings.end) * (1 + math.cos(math.pi * progress)) / 2
        rate = round(settings.rate * share * kernels.RATE_ONE)
        flips: list[int] = []
        works: list[Callable[[int, int], int]] = []
        for name, of_all in votes.items():
            part, key = stepped[name], self._key_of(name, step)
            if part.rule:
                steps, part.state = part.rule.update(of_all.astype(np.int32), part.state, part.counters, key=key)
                after = part.space.add(part.counters, steps)
                flips.append(int(((after >= 0) != (part.counters >= 0)).sum()))
                part.counters[:] = after
            else:
                known = isinstance(name, int) and of_all is self.runs[name].votes
                size = sizes[int(name)] if known else int(np.abs(of_all).sum())
                key0, key1 = map(np.uint64, key.philox_key())
                how = partial(kernels.step_by_votes, of_all, max(1, size), of_all.size, rate)
                works.append(partial(how, part.space.lo, part.space.hi, key0, key1, part.counters))

        def work(member: int) -> list[int]:
            return [
                each(*self.team.share(member, len(of_all))) for each, of_all in zip(works, votes.values(), strict=True)
            ]

        if works:
            flips = [sum(parts) for parts in zip(*self.team.run(work), strict=True)]
        for name, flipped in zip(votes, flips, strict=True):
            if isinstance(name, int):
                self.runs[name].flips += flipped
                self.runs[name].spread_counters()

    def _key_of(self, name: int | str, step: int) -> Key:
        """Return what decides a step of parameters."""
        return self.key.fold("step", name, step) if isinstance(name, int) else self.key.fold("readout", step, name)

    def _swap(self, step: int) -> None:
        """Put the candidates that promise most in place of the pins that are there, in each layer."""
        settings = self.settings
        left = 1 - step / (settings.swapping * self.steps)
        for depth, run in enumerate(self.runs):
            if run.changes is None:
                continue
            changes = run.changes
            self.share.add(changes)
            if run.layer.copies is not None:
                changes = np.zeros(run.layer.codes.shape, np.int64)
                kernels.add_copies(run.changes, run.share, changes)
            best = least(changes.reshape(-1), round(max(0.0, settings.swap * left) * changes.size))
            best = best[changes.reshape(-1)[best] < 0]
            kernels.put_candidates(run.layer.codes, best, *self._candidates(depth, step - 1))
            run.spread_codes()
            if depth:
                run.to_rows = kernels.signal_sums(*run.wiring[:2], *run.to_rows.shape)
            run.changes[:] = 0
            self.swaps += len(best)


__all__ = [
    "Event",
    "Pass",
    "Settings",
    "Share",
    "State",
    "bank_of",
    "class_scores",
    "default_tau",
    "fit",
    "passes",
    "probes_of",
]
