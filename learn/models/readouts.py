"""How the tables of the last layer become scores of classes, with integer parameters of its own. READOUTS is the table.

A class's score is the weighted sum of its tables' bits plus its bias; the answer is the class of the greatest score,
the first among equals. Weights and biases are counters that votes step, as table entries are. Tables take the signal
of their class whatever they weigh: on MNIST and Fashion-MNIST that was 0.1 to 0.2 points better than signals in
proportion to weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learn.errors import ModelError
from learn.losses import logistic, softmax

Integers = NDArray[np.int64]
SHIFT = 3
"""A weight is its counter without so many of its low bits."""


class Readout(NamedTuple):
    """One row of the table of readouts.

    Attributes:
        loss: ``loss(scores, labels, scale=, tau=)``: the loss and its integer signal.
        weights: what a table may weigh, consecutive integers from 1 on.
        unit: the weight that tables start with.
        tau: the unit of scores in the loss, measured in that of counts.
        biased: whether each class has a bias that is learned.
        source: where it is stated.
    """

    loss: Callable[..., tuple[float, Any]]
    weights: tuple[int, ...]
    unit: int
    tau: float
    biased: bool
    source: str

    @property
    def plain(self) -> bool:
        """Whether scores are counts of ones."""
        return len(self.weights) == 1 and not self.biased

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the greatest value of a weight's counter."""
        return (1 - self.unit) << SHIFT, ((self.weights[-1] - self.unit + 1) << SHIFT) - 1


_GROUPS = "groups of outputs counted: Petersen et al. 2022, arXiv 2210.08277"
READOUTS: dict[str, Readout] = {
    "group_sum": Readout(softmax, (1,), 1, 1.0, biased=False, source=_GROUPS),
    "weighted_sum": Readout(softmax, (1, 2, 3, 4, 5, 6, 7), 4, 5.6, biased=False, source="integer weights; ours"),
    "one_vs_rest": Readout(logistic, (1,), 1, 0.7, biased=True, source="one threshold a class; ours"),
}


class Head(NamedTuple):
    """A readout and its parameters.

    Attributes:
        name: of the readout.
        counters: int8 (tables, 1); a weight is ``unit + (counter >> 3)``.
        bias: int32 (classes, 1), added to the scores.
    """

    name: str
    counters: NDArray[np.int8]
    bias: NDArray[np.int32]

    @property
    def readout(self) -> Readout:
        """The row of READOUTS."""
        return READOUTS[self.name]

    @property
    def weights(self) -> NDArray[np.int32]:
        """What each table weighs: int32 (tables,)."""
        return self.readout.unit + (self.counters[:, 0].astype(np.int32) >> SHIFT)

    def parts(self, groups: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return which part, a class and a weight of it, each table is counted in: int32 (tables,)."""
        count = len(self.readout.weights)
        return groups if count == 1 else groups * np.int32(count) + self.weights - np.int32(1)

    def scores(self, counts: NDArray[np.int32]) -> Integers:
        """Return scores: counts of each part, int32 (classes * weights, samples), to int64 (classes, samples)."""
        weights = np.array(self.readout.weights, np.int64)
        return (counts.reshape(len(self.bias), len(weights), -1) * weights[:, None]).sum(axis=1) + self.bias

    def copy(self) -> Head:
        """Return the head with arrays of its own."""
        return Head(self.name, self.counters.copy(), self.bias.copy())


def make_head(name: str, tables: int, classes: int) -> Head:
    """Make a readout before training: all weights alike; a bias as if half of a class's tables were 1.

    Raises:
        ModelError: an unknown name.
    """
    row = READOUTS.get(name)
    if row is None:
        raise ModelError(f"readout: got {name!r}, expected one of {', '.join(READOUTS)}")
    bias = -(tables // (2 * classes)) if row.biased else 0
    return Head(name, np.zeros((tables, 1), np.int8), np.full((classes, 1), bias, np.int32))
