"""A perceptron of integers: weights of one byte, activations of seven bits, and shifts.

After the encoder every array is of integers: inputs, sums, activations, scores, signals, steps, weights. Floats are a
few scalars of training: the rate and the mean signals that it is measured by, which say how far steps go on average,
and the loss that is reported. The encoder's factors and the shifts at the start are found with floats, from
statistics of the samples. The circuit has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.circuit import Builder, Circuit
from circuits.rewrite import without_dead_gates
from circuits.wires import Word
from learn.errors import ModelError
from learn.keys import Key
from learn.losses import softmax
from learn.rules import bold, rounding, vote, zim
from learn.rules.base import Rule
from learn.spaces import Int

Array = NDArray[Any]
WEIGHTS = Int(-127, 127)
TOP = 127
"""The greatest activation, and input of the first layer."""
SCALE, TAU = 255, 16
BIAS = 16
"""A bias steps as the weight of an input of this size would."""
SPREAD, SCORE_SPREAD = 20, 5
"""Standard deviations that shifts aim at, before training, of activations and of scores."""
FRACTION = 12

RULES_OF_LAYERS = {
    "rounding": lambda rate, scale, size: rounding(WEIGHTS, rate=rate, scale=scale),
    "vote": lambda rate, scale, size: vote(WEIGHTS, rate=rate, scale=scale),
    "bold": lambda rate, scale, size: bold(WEIGHTS, eta=rate, scale=scale),
    "zim": lambda rate, scale, size: zim(WEIGHTS, n=max(1, round(rate * size / scale)), laplace=0),
}
"""Rule -> how it is made for a rate, the signal that means one step at a rate of 1, and the signals' sum."""


class Encoder(NamedTuple):
    """Features as inputs of seven bits and a sign: clip((x * factor + offset) >> shift, -127, 127).

    Attributes:
        factors: int64 (features,).
        offsets: int64 (features,).
        shift: one for all.
        types: of the features.
    """

    factors: Array
    offsets: Array
    shift: int
    types: tuple[Word, ...]

    def codes(self, features: Array) -> Array:
        """Return int8 (samples, features)."""
        given = np.clip(features.astype(np.int64), [t.lo for t in self.types], [t.hi for t in self.types])
        return np.clip((given * self.factors + self.offsets) >> self.shift, -TOP, TOP).astype(np.int8)


def encoder(features: Array, types: Sequence[Word], *, spread: int = 40) -> Encoder:
    """Fit an encoder that gives every feature the mean 0 and a standard deviation of ``spread``."""
    mean, deviation = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    shift = int(np.clip(np.ceil(np.log2(deviation.max() / spread)) + 8, 0, 24))
    factors = np.clip(np.rint(spread / deviation * (1 << shift)), 1, 1 << 30).astype(np.int64)
    return Encoder(factors, np.rint(-mean * factors).astype(np.int64), shift, tuple(types))


def bytes_encoder(inputs: int) -> Encoder:
    """Return the encoder of bytes that halves them."""
    return Encoder(np.ones(inputs, np.int64), np.zeros(inputs, np.int64), 1, (Word(8, False),) * inputs)


class Perceptron(NamedTuple):
    """Two layers: scores = clip((x W1 + b1) >> shift, 0, 127) W2 + b2.

    Attributes:
        first: int8 (inputs, hidden), W1.
        first_bias: int32 (hidden,).
        second: int8 (hidden, classes), W2.
        second_bias: int32 (classes,).
        shift: of the hidden sums.
        score_shift: of the scores, in training alone.
    """

    first: Array
    first_bias: Array
    second: Array
    second_bias: Array
    shift: int
    score_shift: int

    def hidden(self, x: Array, rows: Array) -> tuple[Array, Array]:
        """Return sums and activations of some samples: int32 (batch, hidden) each."""
        from learn.models.arithmetic import mlp_kernels

        sums = np.empty((len(rows), self.first.shape[1]), np.int32)
        mlp_kernels.forward(x, rows, self.first, self.first_bias, sums)
        return sums, np.clip(sums >> self.shift, 0, TOP)

    def scores(self, x: Array, rows: Array | None = None) -> Array:
        """Return the scores of some samples, or all: int8 (samples, inputs) to int32 (samples, classes)."""
        rows = np.arange(len(x)) if rows is None else rows
        return self.hidden(x, rows)[1] @ self.second.astype(np.int32) + self.second_bias

    def predict(self, x: Array) -> Array:
        """Return the class of each sample, the first of equals."""
        return self.scores(x).argmax(axis=1)


class Event(NamedTuple):
    """Training after a pass.

    Attributes:
        epoch: passes so far.
        loss: mean cross-entropy in training.
        perceptron: as it is.
    """

    epoch: int
    loss: float
    perceptron: Perceptron


def drawn(inputs: int, hidden: int, classes: int, x: Array, *, key: Key) -> Perceptron:
    """Draw weights, and choose shifts by what they give for some samples."""
    first = (key.fold("first").integers(61, (inputs, hidden)) - 30).astype(np.int8)
    second = (key.fold("second").integers(81, (hidden, classes)) - 40).astype(np.int8)
    start = Perceptron(first, np.zeros(hidden, np.int32), second, np.zeros(classes, np.int32), 0, 0)

    def bits(values: Array, spread: int) -> int:
        return max(0, round(float(np.log2(max(1.0, float(values.std())) / spread))))

    rows = np.arange(min(len(x), 512))
    start = start._replace(shift=bits(start.hidden(x, rows)[0], SPREAD))
    return start._replace(score_shift=bits(start.scores(x, rows), SCORE_SPREAD))


def rounded(values: Array, bits: int) -> Array:
    """Return values / 2**bits, halves up: a shift that rounds down would pull everything one way."""
    return values + (1 << bits >> 1) >> bits


def train(
    x: Array,
    y: Array,
    classes: int,
    *,
    hidden: int,
    key: Key,
    rule: str = "rounding",
    epochs: int = 20,
    batch: int = 128,
    rate: float = 0.7,
) -> Iterator[Event]:
    """Train a perceptron by backpropagation in integers.

    The signal at the scores is the rounded softmax error; through the clip it passes where sums lie within, and its
    shift rounds to nearest. A rule steps the weights; its rate falls linearly to 0.

    Args:
        x: int8 (samples, inputs), at most 127 in size.
        y: labels, int64 (samples,).
        classes: how many.
        hidden: units.
        key: decides every draw.
        rule: a name of ``RULES_OF_LAYERS``.
        epochs: passes over the samples.
        batch: samples a step.
        rate: mean size of a weight's step in the first batch.

    Yields:
        after each pass where training stands.

    Raises:
        ModelError: data or settings that do not fit.
    """
    from learn.models.arithmetic import mlp_kernels

    if x.dtype != np.int8 or x.ndim != 2 or len(x) != len(y) or not len(x) or rule not in RULES_OF_LAYERS:
        raise ModelError(
            f"perceptron: got {x.dtype} inputs {x.shape}, {len(y)} labels and rule {rule}, expected int8, as many "
            f"labels and one of {', '.join(RULES_OF_LAYERS)}"
        )
    net = drawn(x.shape[1], hidden, classes, x, key=key.fold("weights"))
    batch = min(batch, len(x))
    scales: list[float] = []
    states: list[Any] = [None, None]
    to_first = np.empty(net.first.shape, np.int32)
    back = max(0, int(net.second.astype(np.int64).std()).bit_length() + 1)
    steps = len(x) // batch
    for epoch in range(epochs):
        order = np.argsort(key.fold("order", epoch).words(len(x)), kind="stable")
        losses = 0.0
        for step in range(steps):
            now = rate * (1 - (epoch + step / steps) / epochs)
            rows = order[step * batch : (step + 1) * batch]
            sums, active = net.hidden(x, rows)
            scores = active @ net.second.astype(np.int32) + net.second_bias
            loss, error = softmax(scores >> net.score_shift, y[rows], scale=SCALE, tau=TAU)
            losses += loss
            passed = (sums > 0) & (active < TOP)
            inner = (rounded(error @ net.second.T.astype(np.int64), back) * passed).astype(np.int32)
            mlp_kernels.outer(x, rows, inner, to_first)
            signals = [to_first.astype(np.int64), active.T.astype(np.int64) @ error]
            scales = scales or [float(max(1, int(np.abs(signal).sum()) // signal.size)) for signal in signals]
            moved = []
            for k, (weights, signal) in enumerate(zip((net.first, net.second), signals, strict=True)):
                made: Rule = RULES_OF_LAYERS[rule](max(now, 2e-6), scales[k], int(np.abs(signal).sum()))
                states[k] = made.init(weights) if states[k] is None else states[k]
                taken, states[k] = made.update(signal, states[k], weights, key=key.fold("step", epoch, step, k))
                moved.append(WEIGHTS.add(weights, taken))
            biases = [
                bias - rounded(part.sum(axis=0) * round(now * BIAS * (1 << FRACTION) * BIAS / scales[k]), FRACTION)
                for k, (bias, part) in enumerate(((net.first_bias, inner.astype(np.int64)), (net.second_bias, error)))
            ]
            net = net._replace(
                first=moved[0],
                second=moved[1],
                first_bias=biases[0].astype(np.int32),
                second_bias=biases[1].astype(np.int32),
            )
        yield Event(epoch + 1, losses / (steps * batch), net)


def perceptron_circuit(
    net: Perceptron,
    encoding: Encoder,
    names: Sequence[str],
    name: str = "perceptron",
    output: str = "class",
    labels: Sequence[int] = (),
) -> Circuit:
    """Build the circuit from features to a class: encoder, layers and argmax, and its label if there are labels."""
    b = Builder(names, name=name, types=encoding.types)
    inputs = []
    for wire, factor, offset in zip(b.inputs, encoding.factors.tolist(), encoding.offsets.tolist(), strict=True):
        scaled = b.add("dot", wire, params=(factor, offset)) if (factor, offset) != (1, 0) else wire
        inputs.append(b.add("clip", b.add("shift", scaled, params=(-encoding.shift,)), params=(-TOP, TOP)))

    def layer(wires: Sequence[int], weights: Array, bias: Array) -> list[int]:
        found = []
        for column, offset in zip(weights.T, bias.tolist(), strict=True):
            used = np.flatnonzero(column)
            params = (*column[used].tolist(), offset)
            found.append(b.add("dot", *(wires[i] for i in used.tolist()), params=params))
        return found

    sums = layer(inputs, net.first, net.first_bias)
    active = [b.add("clip", b.add("shift", wire, params=(-net.shift,)), params=(0, TOP)) for wire in sums]
    scores = layer(active, net.second, net.second_bias)
    found = b.add("argmax", *scores)
    if labels:
        spare = (1 << b.type_of(found).bits) - len(labels)
        found = b.add("table", found, params=[*labels, *[labels[-1]] * spare])
    return without_dead_gates(b.circuit({output: found}))
