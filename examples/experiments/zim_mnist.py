"""Train ZIM's nets of integer weights on images, SGD on the same nets beside it: ``python zim_mnist.py --out DIR``.

The nets of Wilson, Zanasi and Constantinides 2025 (arXiv 2512.04051): linear, one hidden layer, convolutional (421,642
parameters), and ResNet-18 (He et al. 2015, arXiv 1512.03385, its first convolution 3 x 3 and no pool before the blocks,
as images are small; ``width`` channels, 64 in the paper), each layer followed by a normalisation without parameters.
ZIM's weights and biases are integers, one draw of d trials over all d parameters a step; SGD's are floats with torch's
own initialisation. ``samples`` learns from so many images, all by default.

A tenth of the training images is held out; test images are looked at once a seed, at the end. Writes ``zim_mnist.csv``
(a row an epoch, net, method and seed), ``.json`` (settings, results as mean and spread over seeds) and ``.png``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import torch
from experiment import report
from images import accuracy, arguments, curves, orders, split
from torch import Tensor, nn
from torch.nn import functional

from learn.keys import Key
from learn.nets import DiscreteOptimizer, IntegerBias, IntegerConv2d, IntegerLinear
from learn.rules import zim

SCALES: dict[str, dict[str, Any]] = {
    "small": {
        "nets": ["convolution"],
        "methods": ["zim", "sgd"],
        "seeds": 1,
        "epochs": 3,
        "batch": 64,
        "lr": 0.01,
        "width": 16,
        "samples": None,
    },
    "paper": {
        "nets": ["linear", "hidden", "convolution", "resnet18"],
        "methods": ["zim", "sgd"],
        "seeds": 5,
        "epochs": 10,
        "batch": 64,
        "lr": 0.01,
        "width": 64,
        "samples": None,
    },
}


class Normal(nn.Module):
    """Each sample's numbers less their mean, over their spread."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the numbers."""
        return functional.layer_norm(x, x.shape[1:])


class Residual(nn.Module):
    """What a body makes of its input, added to that, or to what a shortcut makes of it."""

    def __init__(self, body: list[nn.Module], shortcut: list[nn.Module]) -> None:
        super().__init__()
        self.body, self.shortcut = nn.Sequential(*body), nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum's positive part."""
        return functional.relu(self.body(x) + self.shortcut(x))


def layers_of(
    name: str, width: int, linear: Callable[[int, int], list[nn.Module]], convolution: Callable[..., list[nn.Module]]
) -> nn.Sequential:
    """Return a net of the paper, its parts made by two functions of the numbers of inputs and outputs.

    A convolution also takes the side of its windows, 3 by default, and the stride, 1.
    """
    image = nn.Unflatten(1, (1, 28, 28))

    def block(n: int, m: int, stride: int) -> Residual:
        body = [*convolution(n, m, 3, stride), nn.ReLU(), *convolution(m, m)]
        return Residual(body, convolution(n, m, 1, stride) if stride > 1 else [])

    def blocks() -> list[nn.Module]:
        stages = [(width, width, 1), *((width << k, width << (k + 1), 2) for k in range(3))]
        return [block(*pair) for n, m, stride in stages for pair in ((n, m, stride), (m, m, 1))]

    half = [nn.ReLU(), nn.MaxPool2d(2)]
    nets = {
        "linear": lambda: [*linear(784, 10)],
        "hidden": lambda: [*linear(784, 128), nn.ReLU(), *linear(128, 10)],
        "convolution": lambda: [
            *(image, *convolution(1, 32), *half, *convolution(32, 64), *half, nn.Flatten()),
            *(*linear(3136, 128), nn.ReLU(), *linear(128, 10)),
        ],
        "resnet18": lambda: [
            *(image, *convolution(1, width), nn.ReLU(), *blocks()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *linear(8 * width, 10)),
        ],
    }
    return nn.Sequential(*nets[name]())


def integer_net(name: str, width: int, key: Key) -> nn.Sequential:
    """Return the net with integer parameters."""
    count = iter(range(100))

    def convolution(n: int, m: int, side: int = 3, stride: int = 1) -> list[nn.Module]:
        trials = n * m * side**2
        made = IntegerConv2d(n, m, side, stride=stride, padding=side // 2, key=key.fold(next(count)), trials=trials)
        return [made, IntegerBias(m), Normal()]

    return layers_of(
        name,
        width,
        lambda n, m: [IntegerLinear(n, m, key=key.fold(next(count)), trials=n * m), IntegerBias(m), Normal()],
        convolution,
    )


def float_net(name: str, width: int, key: Key) -> nn.Sequential:
    """Return the net with float parameters, drawn as torch draws them."""
    net = layers_of(
        name,
        width,
        lambda n, m: [nn.Linear(n, m), Normal()],
        lambda n, m, side=3, stride=1: [nn.Conv2d(n, m, side, stride, side // 2), Normal()],
    )
    fan_in = 1
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            fan_in = p[0].numel() if p.dim() > 1 else fan_in  # of a bias, that of the weights before it
            p.copy_(torch.from_numpy(2 * key.fold(i).uniform(tuple(p.shape)) - 1) / fan_in**0.5)
    return net


def zim_optimizer(net: nn.Module, lr: float, key: Key) -> torch.optim.Optimizer:
    """Return ZIM with one draw over the whole net."""
    return DiscreteOptimizer(net.parameters(), lambda space, lr: zim(space, scope="all"), lr=1, key=key, whole=True)


METHODS: dict[str, tuple[Callable[..., nn.Sequential], Callable[..., torch.optim.Optimizer]]] = {
    "zim": (integer_net, zim_optimizer),
    "sgd": (float_net, lambda net, lr, key: torch.optim.SGD(net.parameters(), lr=lr)),
}


def main() -> None:
    """Run the experiment."""
    args = arguments(__doc__, SCALES)
    settings, rows, results = args.settings, [], []
    train, held, test = ((x.float() / 255, y) for x, y in split(args, Key(args.seed)))
    train = tuple(part[: settings["samples"]] for part in train)
    for name, method in product(settings["nets"], settings["methods"]):
        build, make = METHODS[method]
        found = []
        for seed in range(args.seed, args.seed + settings["seeds"]):
            key, start = Key(seed), time.process_time()
            net = build(name, settings["width"], key.fold("net")).to(args.device)
            optimizer = make(net, settings["lr"], key.fold("steps"))
            for epoch, order in enumerate(orders(key, settings["epochs"], len(train[1]), settings["batch"])):
                for index in order:
                    optimizer.zero_grad()
                    loss = functional.cross_entropy(net(train[0][index]), train[1][index])
                    loss.backward()
                    optimizer.step()
                rows.append(
                    {
                        "net": name,
                        "method": method,
                        "seed": seed,
                        "epoch": epoch + 1,
                        "loss": loss.item(),
                        "held_out": accuracy(net, *held),
                        "seconds": time.process_time() - start,
                    }
                )
                print(rows[-1], flush=True)
            found.append(accuracy(net, *test))
        parameters, spread = (
            sum(p.numel() for p in net.parameters()),
            float(np.std(found, ddof=1)) if found[1:] else None,
        )
        results.append(
            {"net": name, "method": method, "parameters": parameters, "test": float(np.mean(found)), "spread": spread}
        )
        print(results[-1], flush=True)
    report("zim_mnist", args, rows, curves(rows, ["net", "method"]), results=results)


if __name__ == "__main__":
    main()
