"""Measure nets of integer weights: ``python tests/benchmarks/bench_nets.py [--device cuda] [--seconds 150]``.

Needs torch, numpy and numba alone. Prints, until the time is over, one line each of

- the packed product of signs against torch's float32 product, on one core of the CPU;
- on CUDA, the int8 product that takes its place there against float32 and float16;
- the time of a step of ``BooleanLinear`` and what it keeps a weight, against a float layer under Adam;
- whether every integer rule leaves the same parameters on CPU and CUDA after 50 steps of a net on the same samples.

With ``--device cpu`` the last one compares one thread with two. Exit code 1 where parameters differ.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from learn.keys import Key
from learn.nets import (
    BooleanLinear,
    DiscreteOptimizer,
    GroupSum,
    LUTLayer,
    Threshold,
    integer_cross_entropy,
    narrowed,
    parameter_groups,
)
from learn.nets.products import integers_by_signs, signs_by_signs
from learn.rules import RULES, bold
from learn.spaces import Int, Sign

KEY = Key(0, ("bench nets",))
RULES_OF_NETS = {
    **{name: name for name, row in RULES.items() if row.rests and {Sign, Int} <= set(row.spaces)},
    "bold, capped": lambda space, lr: bold(space, eta=lr, scale=None, cap=0.002),
    "bold, a byte": lambda space, lr: narrowed(bold(space, eta=lr, scale=None, cap=0.002)),
}


def seconds(run: Callable[[], object], device: torch.device, repeats: int = 5) -> float:
    """Return the least time of a few runs: of the processor, or of the clock once CUDA has finished."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    times = []
    for _ in range(repeats + 1):
        wait(device)
        start = clock()
        run()
        wait(device)
        times.append(clock() - start)
    return min(times[1:])


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def packed_product(n: int) -> None:
    """Compare products of n x n signs on the CPU, packing left out and in."""
    from circuits.words import pack
    from learn.xnor_kernels import pack_columns, sign_product

    cpu = torch.device("cpu")
    x, y = (torch.from_numpy(KEY.fold(name).words(n * n // 64).view(np.uint8)) for name in "xy")
    bits = [torch.from_numpy(np.unpackbits(part.numpy()).reshape(n, n).astype(bool)) for part in (x, y)]
    floats = [2 * part.float() - 1 for part in bits]
    left, right = pack(bits[0].numpy()), pack_columns(bits[1].numpy())
    packed = seconds(lambda: sign_product(left, right, n), cpu, 3)
    whole = seconds(lambda: signs_by_signs(*bits), cpu, 3)
    real = seconds(lambda: floats[0] @ floats[1], cpu, 2)
    print(
        f"signs {n}^3, one core: packed {packed * 1e3:.1f} ms, with packing {whole * 1e3:.1f} ms, "
        f"float32 {real * 1e3:.0f} ms: {real / packed:.1f} and {real / whole:.1f} times"
    )


def cuda_product(n: int, device: torch.device) -> None:
    """Compare the int8 product of signs with float ones on CUDA."""
    bits = [torch.from_numpy(KEY.fold(name).integers(2, (n, n)) > 0).to(device) for name in "xy"]
    times = {"int8": seconds(lambda: signs_by_signs(*bits), device)}
    values = integers_by_signs(bits[0].to(torch.int8), bits[1])
    for dtype in (torch.float32, torch.float16):
        left, right = bits[0].to(dtype), 2 * bits[1].to(dtype) - 1
        times[str(dtype).removeprefix("torch.")] = seconds(lambda a=left, b=right: a @ b, device)
    right = torch.equal(values.double(), bits[0].double() @ (2 * bits[1].double() - 1))
    print(
        f"signs {n}^3, {device}: " + ", ".join(f"{k} {v * 1e3:.2f} ms" for k, v in times.items()) + f"; exact {right}"
    )


def layer_step(n: int, batch: int, device: torch.device) -> None:
    """Print time and memory of a training step of one layer of n x n weights."""
    x = (2.0 * torch.from_numpy(KEY.fold("x").integers(2, (batch, n))) - 1).to(device)
    z = torch.from_numpy(KEY.fold("z").integers(255, (batch, n)) - 127).float().to(device)

    def measured(name: str, layer: nn.Module, optimizer: torch.optim.Optimizer, states: Callable[[], int]) -> None:
        def forward_and_back() -> None:
            optimizer.zero_grad()
            layer(x).backward(z)

        parts = seconds(forward_and_back, device, 3), seconds(optimizer.step, device, 3)
        line = f"{name}, {n} x {n}, batch {batch}: layer {parts[0] * 1e3:.1f} ms, rule {parts[1] * 1e3:.1f} ms"
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            before = torch.cuda.memory_allocated(device)
            forward_and_back()
            optimizer.step()
            line += f", peak {(torch.cuda.max_memory_allocated(device) - before) / n**2:.1f} bytes a weight on top"
        optimizer.zero_grad()
        kept = sum(p.nbytes for p in layer.parameters()) + states()
        print(f"{line}; keeps {kept / n**2:.2f} bytes a weight from step to step")

    for name in ("bold, a byte", "bold, capped", "vote"):
        layer = BooleanLinear(n, n, key=KEY).to(device)
        own = DiscreteOptimizer([layer.weight], RULES_OF_NETS[name], lr=0.1, key=KEY, space=Sign())
        measured(
            name,
            layer,
            own,
            lambda own=own: sum(t.nbytes for s in own.state_dict()["state"].values() for t in s.values()),
        )
    real = nn.Linear(n, n, bias=False).to(device)
    adam = torch.optim.Adam(real.parameters())
    measured("float32, Adam", real, adam, lambda: sum(t.nbytes for s in adam.state.values() for t in s.values()))


def trained(rule: object, device: torch.device, steps: int = 50) -> np.ndarray:
    """Return the parameters of a net after some steps."""
    key = KEY.fold("net")
    net = nn.Sequential(
        BooleanLinear(64, 128, key=key.fold(0), inputs="integers"),
        Threshold(64 * 80.0**2),
        BooleanLinear(128, 256, key=key.fold(1), space=Int(-8, 7)),
        Threshold(128),
        LUTLayer(256, 200, key=key.fold(2)),
        GroupSum(10),
    ).to(device)
    x = torch.from_numpy(KEY.fold("samples").integers(160, (500, 64)) - 80).float().to(device)
    y = torch.from_numpy(KEY.fold("labels").integers(10, (500,))).to(device)
    optimizer = DiscreteOptimizer(parameter_groups(net)[0], rule, lr=0.1, key=KEY.fold("steps"))
    for step in range(steps):
        part = slice(step % 5 * 100, step % 5 * 100 + 100)
        optimizer.zero_grad()
        integer_cross_entropy(net(x[part]), y[part], tau=4.0).backward()
        optimizer.step()
    return torch.cat([p.flatten() for p in net.parameters()]).cpu().numpy()


def same_parameters(device: torch.device, over: float) -> bool:
    """Compare every rule's parameters on the CPU with those on the device, or on one thread with those on two."""
    same = True
    for name, rule in RULES_OF_NETS.items():
        if time.perf_counter() > over:
            print(f"{name}: not compared, the time is over")
            continue
        found = trained(rule, torch.device("cpu"))
        if device.type == "cpu":
            torch.set_num_threads(2)
        other = trained(rule, device)
        torch.set_num_threads(1)
        differ = int((found != other).sum())
        same &= not differ
        what = "CPU and CUDA" if device.type == "cuda" else "one thread and two"
        print(f"{name}: {differ} of {found.size} parameters differ between {what} after 50 steps")
    return same


def main() -> int:
    """Run the measurements that time allows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--size", type=int, default=4096, help="of the matrices")
    args = parser.parse_args()
    device, over = torch.device(args.device), time.perf_counter() + args.seconds
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"torch {torch.__version__}, {name}, {torch.backends.cpu.get_cpu_capability()}")
    same = same_parameters(device, over)
    layer_step(args.size // 2, 256, device)
    packed_product(args.size)
    if device.type == "cuda":
        cuda_product(args.size, device)
    return not same


if __name__ == "__main__":
    sys.exit(main())
