"""What the experiments on images share: their options, data, batches, accuracy and picture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from experiment import options

from learn.classify import held_out
from learn.data import load_dataset
from learn.keys import Key

Part = tuple[torch.Tensor, torch.Tensor]


def arguments(description: str, scales: Mapping[str, dict[str, Any]]) -> argparse.Namespace:
    """Read the options; ``settings`` holds those of the scale, with what ``--set name=value`` changes."""
    parser = options(description, data=True)
    parser.add_argument("--data", default="mnist", help="mnist or fashion_mnist")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting")
    args = parser.parse_args()
    changes = dict(change.split("=", 1) for change in args.set)
    if unknown := sorted(changes.keys() - scales[args.scale].keys()):
        parser.error(f"--set: got {', '.join(unknown)}, expected some of {', '.join(scales[args.scale])}")
    args.settings = scales[args.scale] | {name: json.loads(value) for name, value in changes.items()}
    torch.set_num_threads(1)
    return args


def split(args: argparse.Namespace, key: Key) -> tuple[Part, Part, Part]:
    """Return images, uint8 (n, 784), and labels: to train on, held out (a tenth of each class), and to test on."""
    train, test = (load_dataset(args.data, split=name, data_dir=args.data_dir) for name in ("train", "test"))
    apart = held_out(train.labels, 0.1, key.fold("held out"))
    images, labels = np.asarray(train.features, np.uint8), np.asarray(train.labels, np.int64)
    parts = [(images[~apart], labels[~apart]), (images[apart], labels[apart])]
    parts.append((np.asarray(test.features, np.uint8), np.asarray(test.labels, np.int64)))
    return tuple(tuple(torch.from_numpy(array).to(args.device) for array in part) for part in parts)


def orders(key: Key, epochs: int, samples: int, batch: int) -> Iterator[list[torch.Tensor]]:
    """Yield the whole batches of each epoch, as indices, in an order drawn anew."""
    for epoch in range(epochs):
        order = torch.from_numpy(np.argsort(key.fold("order", epoch).uniform(samples)))
        yield list(order[: samples // batch * batch].split(batch))


def accuracy(net: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the share of images classified right."""
    net.eval()
    with torch.no_grad():
        right = sum(
            int((net(a.float()).argmax(1) == b).sum()) for a, b in zip(x.split(1000), y.split(1000), strict=True)
        )
    net.train()
    return right / len(y)


def curves(rows: Sequence[Mapping[str, Any]], of: Sequence[str]) -> Callable[[Any], None]:
    """Return what draws held-out accuracy by epoch: a mean for each kind of row that the columns ``of`` tell apart.

    Where a kind has several rows an epoch, of several seeds, a band reaches from the least to the greatest.
    """

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for kind in dict.fromkeys(tuple(row[name] for name in of) for row in rows):
            own = [row for row in rows if tuple(row[name] for name in of) == kind]
            epochs = sorted({row["epoch"] for row in own})
            found = [[row["held_out"] for row in own if row["epoch"] == epoch] for epoch in epochs]
            (line,) = axes.plot(epochs, [float(np.mean(each)) for each in found], "o-", label=" ".join(map(str, kind)))
            least, most = ([end(each) for each in found] for end in (min, max))
            axes.fill_between(epochs, least, most, color=line.get_color(), alpha=0.2)
        axes.set(xlabel="epoch", ylabel="held-out accuracy", xticks=sorted({row["epoch"] for row in rows}))
        if of:
            axes.legend()

    return draw
