"""Train a net of Boolean weights on images by BOLD and ship it as a circuit: ``python bold_mnist.py --out DIR``.

784 pixels of one byte, hidden layers, 10 classes; every weight is -1 or +1, every activation behind the first layer a
sign, every signal an integer of one byte. BOLD flips weights (arXiv 2405.16339), at most a share of each layer a step.
No float weight exists at any time. ``net`` is "mlp", of layers as wide as ``widths`` says, or "vgg": VGG-small, three
pairs of 3 x 3 convolutions of so many channels, a pool behind each pair (Courbariaux et al. 2015, arXiv 1511.00363,
without its two wide layers at the end, as BOLD has it). The net of the last step is written as a circuit, whose class
is compared with the net's on test images (``compared`` of them; 0 makes no circuit) and on random ones.

A tenth of the training images is held out; settings were chosen there, and test images are looked at once, at the end.
Writes ``bold_mnist.csv`` (a row an epoch), ``.json`` (settings, results) and ``.png`` (the curves).
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from experiment import report
from images import accuracy, arguments, curves, orders, split
from torch import nn

from circuits.wires import Word
from learn.keys import Key
from learn.nets import (
    BooleanConv2d,
    BooleanLinear,
    DiscreteOptimizer,
    Threshold,
    agreeing,
    integer_cross_entropy,
    to_circuit,
)
from learn.nets.classify import boolean_net
from learn.rules import bold

COMMON = {"epochs": 8, "batch": 100, "eta": 0.1, "cap": 0.002, "tau": 16.0, "samples": None, "compared": 10_000}
SCALES: dict[str, dict[str, Any]] = {
    "small": {"net": "mlp", "widths": [1024, 1024], **COMMON},
    "paper": {"net": "mlp", "widths": [4096, 4096, 4096], **COMMON, "epochs": 100, "tau": 32.0},
}


def mlp(widths: list[int], mean_square: float, key: Key) -> nn.Sequential:
    """Return the net: sums of pixels or signs, thresholds between them."""
    return boolean_net(784, widths, 10, mean_square=mean_square, key=key)


def vgg(widths: list[int], mean_square: float, key: Key) -> nn.Sequential:
    """Return VGG-small: of each pair's sums the greatest of four are passed on, then their signs."""
    layers: list[nn.Module] = [nn.Unflatten(1, (1, 28, 28))]
    sizes = [1, *(width for width in widths for _ in range(2))]
    for i, (n, m) in enumerate(pairwise(sizes)):
        layers.append(BooleanConv2d(n, m, 3, padding=1, key=key.fold(i), inputs="signs" if i else "integers"))
        layers += [nn.MaxPool2d(2)] * (i % 2)
        layers.append(Threshold(9 * n if i else 9 * mean_square))
    side = 28 >> len(widths)
    return nn.Sequential(*layers, nn.Flatten(), BooleanLinear(side * side * widths[-1], 10, key=key.fold("last")))


NETS = {"mlp": mlp, "vgg": vgg}


def main() -> None:
    """Run the experiment."""
    args = arguments(__doc__, SCALES)
    key, settings, rows = Key(args.seed), args.settings, []
    train, held, test = split(args, key)
    train = tuple(part[: settings["samples"]] for part in train)
    mean_square = float((train[0].double() ** 2).mean())
    net = NETS[settings["net"]](settings["widths"], mean_square, key.fold("net")).to(args.device)
    optimizer = DiscreteOptimizer(
        net.parameters(),
        lambda space, lr: bold(space, eta=lr, scale=None, cap=settings["cap"]),
        lr=settings["eta"],
        key=key.fold("steps"),
    )
    batch, steps = settings["batch"], settings["epochs"] * (len(train[1]) // settings["batch"])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(1 - step / steps, 1e-3))
    for epoch, order in enumerate(orders(key, settings["epochs"], len(train[1]), batch)):
        for index in order:
            optimizer.zero_grad()
            loss = integer_cross_entropy(net(train[0][index].float()), train[1][index], tau=settings["tau"])
            loss.backward()
            optimizer.step()
            schedule.step()
        flips = [int(state.flipped) / p.numel() for p, state in optimizer.states.items()]
        rows.append(
            {
                "epoch": epoch + 1,
                "loss": loss.item(),
                "held_out": accuracy(net, *held),
                "share_flipped_last": float(np.mean(flips)),
                "seconds": time.process_time() - args.started,
            }
        )
        print(rows[-1], flush=True)
    results: dict[str, Any] = {"test": accuracy(net, *test)}
    if compared := settings["compared"]:
        circuit = to_circuit(net, (784,), word=Word(8, signed=False))
        drawn = key.fold("random").integers(256, (compared // 5, 784))
        results |= {
            "gates": circuit.num_gates,
            "circuit_agrees_on_test": f"{agreeing(net, circuit, test[0][:compared].cpu().numpy())} of {compared}",
            "circuit_agrees_on_random": f"{agreeing(net, circuit, drawn)} of {len(drawn)}",
        }
    print(results)
    report("bold_mnist", args, rows, curves(rows, []), results=results)


if __name__ == "__main__":
    main()
