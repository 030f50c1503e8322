"""Draw learned circuits of growing size: one that reads 84 bits, one of 300 gates, one of 2,000.

A drawing changes its kind with the size: symbols of gates, then blocks by levels with bundled wires, then an overview.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from circuits import and_count, sampled_table, simplified
from circuits.aig import natural_gates, to_literals
from circuits.circuit import Circuit
from circuits.draw import draw
from learn import Key, learn, load
from learn.arithmetic import from_table
from learn.portfolio import learn as learn_samples


def compared(key: Key) -> Circuit:
    """Learn from 6,400 rows whether one number of 42 bits is less than another."""
    words = key.integers(2, (6400, 2, 42)).astype(np.uint8)
    words[::2, 1, 20:] = words[::2, 0, 20:]  # half of the rows agree in their high bits
    value = (words.astype(object) << np.arange(42).astype(object)).sum(2)
    less = (value[:, 0] < value[:, 1]).astype(np.uint8)[:, None]
    names = tuple(f"{word}{bit}" for word in "xy" for bit in range(42))
    table = sampled_table(words.reshape(-1, 84), less, input_names=names, output_names=("less",), name="less")
    *_, last = learn_samples(table, key=key, steps=12)
    print(f"{table.num_inputs} inputs: {and_count(last.circuit)} AND nodes, {last.held_out:.1%} of held-out rows right")
    return last.circuit


def multiplied(key: Key) -> Circuit:
    """Learn a product of two numbers of 8 bits."""
    *_, last = learn(load(["multiplier:8"]), key=key, steps=8)
    print(f"multiplier: {last.errors} errors, {last.ands} AND nodes, {last.circuit.num_gates} gates")
    return last.circuit


def summed(key: Key) -> Circuit:
    """Learn fourteen weights from 400 rows of bytes and their weighted sum, and put it down as gates of two inputs."""
    names = [f"x{tap}" for tap in range(14)]
    rows, weights = key.fold("rows").integers(256, (400, 14)), key.fold("weights").integers(255, 14) - 127
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "filter.csv"
        header = ",".join([*(f"{name}:u8" for name in names), "y"])
        lines = [",".join(map(str, [*row, total])) for row, total in zip(rows.tolist(), rows @ weights, strict=True)]
        file.write_text("\n".join([header, *lines]) + "\n")
        found = from_table(file, key=key, label="y", seconds=10)
    bits, _ = simplified(found.circuit)
    print(*found.lines, sep="\n")
    return natural_gates(to_literals(bits), bits.input_names, bits.output_names, "filter14")


folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
for name, made in (("84_inputs", compared), ("300_gates", multiplied), ("2000_gates", summed)):
    draw(made(Key(0).fold(name)), folder / f"gallery_{name}.png")
