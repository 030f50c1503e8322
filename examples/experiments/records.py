"""What the experiments on images share: arguments, data, and the files that a run leaves."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from learn.classify import held_out
from learn.data import load_dataset
from learn.keys import Key

Part = tuple[torch.Tensor, torch.Tensor]


def arguments(parser: argparse.ArgumentParser, scales: Mapping[str, dict[str, Any]]) -> argparse.Namespace:
    """Read the arguments; ``settings`` holds those of the scale, with what ``--set name=value`` changes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--scale", choices=sorted(scales), default="small")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--data", default="mnist", help="mnist or fashion-mnist")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting")
    args = parser.parse_args()
    changes = dict(change.split("=", 1) for change in args.set)
    if unknown := sorted(changes.keys() - scales[args.scale].keys()):
        parser.error(f"--set: got {', '.join(unknown)}, expected some of {', '.join(scales[args.scale])}")
    args.settings = scales[args.scale] | {name: json.loads(value) for name, value in changes.items()}
    args.out.mkdir(parents=True, exist_ok=True)
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


class Record:
    """Rows as they come, then three files: NAME.csv, NAME.json and NAME.png."""

    def __init__(self, name: str, args: argparse.Namespace) -> None:
        self.path, self.rows = args.out / name, []
        self.about = {"experiment": name, "scale": args.scale, "data": args.data, "seed": args.seed, **args.settings}

    def row(self, **values: float) -> None:
        """Keep a row and print it."""
        self.rows.append(values)
        print("  ".join(f"{k} {v:.5g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items()), flush=True)

    def finish(self, *curves: str, by: str = "epoch", of: str | None = None, **results: Any) -> None:
        """Write the files.

        Args:
            curves: columns to draw.
            by: the column of the horizontal axis.
            of: the column that tells one curve from another.
            results: what else came out.
        """
        print(json.dumps(results), flush=True)
        with self.path.with_suffix(".csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)
        self.path.with_suffix(".json").write_text(json.dumps({**self.about, "results": results}, indent=2) + "\n")
        try:
            from matplotlib.figure import Figure
        except ModuleNotFoundError:
            print("no picture: matplotlib is not installed")
            return
        axes = Figure(figsize=(6, 4)).add_subplot()
        for name in dict.fromkeys(row.get(of) for row in self.rows):
            rows = [row for row in self.rows if row.get(of) == name]
            for curve in curves:
                axes.plot(
                    [row[by] for row in rows], [row[curve] for row in rows], label=f"{name or ''} {curve}".strip()
                )
        axes.set_xlabel(by)
        axes.legend()
        axes.figure.savefig(self.path.with_suffix(".png"), dpi=120, bbox_inches="tight")
