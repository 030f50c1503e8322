"""Train a net of Boolean weights to classify: what comparisons of rules, and experiments, share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from learn.keys import Key
from learn.nets.layers import BooleanLinear, Threshold, integer_cross_entropy
from learn.nets.optimizer import DiscreteOptimizer, Factory
from learn.spaces import Int, Sign

AT_ONCE = 1000
"""Samples classified at a time."""
BATCH = 100
HEARD = 20
"""Steps after which a training is heard of again."""


class Samples(NamedTuple):
    """Integers to classify.

    Attributes:
        features: of any integer type (samples, features).
        labels: int64 (samples,).
    """

    features: NDArray[np.integer]
    labels: NDArray[np.int64]


class Progress(NamedTuple):
    """Where a training stands.

    Attributes:
        epoch: passes that have ended.
        updates: steps done.
        validation: share of the samples held out that are right, after each pass.
        flips: weights that changed sides, in all.
        changed: share of the weights that are on another side than they began.
        weights: how many there are.
        seconds: on the clock.
        net: as it is.
    """

    epoch: int
    updates: int
    validation: tuple[float, ...]
    flips: int
    changed: float
    weights: int
    seconds: float
    net: nn.Sequential


def boolean_net(
    features: int,
    widths: Sequence[int],
    classes: int,
    *,
    mean_square: float,
    key: Key,
    space: Sign | Int = Sign(),  # noqa: B008 -- a value
) -> nn.Sequential:
    """Return a net of ``BooleanLinear`` layers of these widths, ``Threshold`` between them.

    Args:
        features: integers that come in.
        widths: of the hidden layers.
        classes: scores that go out.
        mean_square: of the features.
        key: draws the weights.
        space: of the weights.
    """
    layers: list[nn.Module] = []
    for i, (n, m) in enumerate(pairwise([features, *widths, classes])):
        layers.append(BooleanLinear(n, m, key=key.fold(i), inputs="signs" if i else "integers", space=space))
        if i < len(widths):
            layers.append(Threshold(n if i else n * max(mean_square, 1e-9)))
    return nn.Sequential(*layers)


def batches_of(samples: int, batch: int = BATCH) -> int:
    """Return how many batches of so many samples a pass has; at least eight where there are so many."""
    return samples // min(batch, max(1, samples // 8))


def predicted(net: nn.Module, features: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the class of each sample, int64 (samples,)."""
    net.eval()
    with torch.no_grad():
        parts = [net(_floats(features[i : i + AT_ONCE])).argmax(1) for i in range(0, len(features), AT_ONCE)]
    net.train()
    return torch.cat(parts).numpy()


def trained(
    samples: Samples,
    held: Samples,
    widths: Sequence[int],
    *,
    classes: int,
    rule: str | Factory,
    rate: float,
    epochs: int,
    key: Key,
    batch: int = BATCH,
    tau: float | None = None,
    space: Sign | Int = Sign(),  # noqa: B008 -- a value
    threads: int = 1,
) -> Iterator[Progress]:
    """Train a net, the rate falling to 0 in a line; heard of every few steps and after each pass.

    Args:
        samples: to learn from.
        held: which judge.
        widths: of the hidden layers.
        classes: how many there are.
        rule: see ``DiscreteOptimizer``.
        rate: at first.
        epochs: passes over the samples.
        key: draws weights, orders and steps.
        batch: samples of a step; fewer where there would be less than eight batches.
        tau: the scores' unit; by default half the square root of the last layer's inputs.
        space: of the weights.
        threads: of torch; they change no result.
    """
    torch.set_num_threads(threads)
    began = time.monotonic()
    features, labels = samples.features, torch.from_numpy(samples.labels)
    mean_square = float((features.astype(np.float64) ** 2).mean())
    net = boolean_net(features.shape[1], widths, classes, mean_square=mean_square, key=key.fold("net"), space=space)
    optimizer = DiscreteOptimizer(net.parameters(), rule, lr=rate, key=key.fold("steps"))
    batches = batches_of(len(labels), batch)
    batch = len(labels) // batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(1 - step / (epochs * batches), 1e-3))
    unit = 0.5 * ([features.shape[1], *widths][-1]) ** 0.5 if tau is None else tau
    begun = now = _sides(net)
    flips = 0
    validation: tuple[float, ...] = ()
    for epoch in range(epochs):
        order = np.argsort(key.fold("order", epoch).words(len(labels)), kind="stable")
        for step in range(batches):
            index = order[step * batch : (step + 1) * batch]
            optimizer.zero_grad()
            loss = integer_cross_entropy(net(_floats(features[index])), labels[index], tau=unit)
            loss.backward()
            optimizer.step()
            schedule.step()
            before, now = now, _sides(net)
            flips += int((before != now).sum())
            ended = step == batches - 1
            if ended:
                validation += (float((predicted(net, held.features) == held.labels).mean()),)
            if ended or step % HEARD == 0:
                changed, updates = float((now != begun).mean()), epoch * batches + step + 1
                spent = time.monotonic() - began
                yield Progress(epoch + ended, updates, validation, flips, changed, len(now), spent, net)


def _floats(features: NDArray[np.integer]) -> Tensor:
    return torch.from_numpy(features.astype(np.float32))


def _sides(net: nn.Module) -> NDArray[np.bool_]:
    sides: list[Any] = [p.detach().numpy().reshape(-1) >= 0 for p in net.parameters()]
    return np.concatenate(sides)
