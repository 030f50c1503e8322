"""Heat maps of inputs that are the pixels of an image: how many gates look at each."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from circuits.draw.scene import FAINT, QUIET, Group, Path, Text, box
from circuits.gates import OP
from circuits.order import fanin_cone

if TYPE_CHECKING:
    from circuits.circuit import Circuit

LEAST = 64
"""Fewer inputs are not taken for an image."""
COLD, HOT = (238, 242, 246), (0, 69, 120)
MAX_CLASSES = 12


def image_sides(circuit: Circuit) -> tuple[int, int] | None:
    """Return rows and columns where the inputs are a square image: a square number of one type, else None."""
    side = isqrt(circuit.num_inputs)
    whole = circuit.num_inputs >= LEAST and side * side == circuit.num_inputs
    return (side, side) if whole and len(set(circuit.input_types)) == 1 else None


def shade(share: float) -> str:
    """Return the colour of a share 0..1 of the largest count."""
    return "#" + "".join(f"{round(c + (h - c) * share):02x}" for c, h in zip(COLD, HOT, strict=True))


def heat_map(counts: NDArray[Any], places: NDArray[np.float64], size: float, tips: Sequence[str]) -> list[Group]:
    """Return a square an input around its place, the darker the more it is read.

    Args:
        counts: integer (inputs).
        places: middle of each square, (inputs, 2), in points.
        size: side of a square.
        tips: one an input.
    """
    most = max(int(counts.max(initial=0)), 1)
    groups = []
    for w, (count, (x, y)) in enumerate(zip(counts.tolist(), places.tolist(), strict=True)):
        fill = shade((count / most) ** 0.5) if count else "#ffffff"
        square = box(x - size / 2, y - size / 2, size, size, fill=fill, stroke=FAINT, width=0.3)
        groups.append(Group((square,), f"{tips[w]}, read {count:,} times", "input", w))
    return groups


STEPS = 8
"""Shades of a small map: runs of one shade are one box."""


def small_map(counts: NDArray[Any], side: tuple[int, int], x: float, y: float, size: float, title: str) -> Group:
    """Return a map from (x, y) on, ``size`` wide, its title above."""
    rows, columns = side
    cell = size / columns
    shares = (counts / max(int(counts.max(initial=0)), 1)).reshape(rows, columns)
    steps = np.ceil(shares * STEPS).astype(int)
    items: list[Path | Text] = [Text(x, y - 5, title, 9, color=QUIET)]
    for r, row in enumerate(steps.tolist()):
        start = 0
        for c in range(1, columns + 1):
            if c == columns or row[c] != row[start]:
                if row[start]:
                    fill = shade(row[start] / STEPS)
                    items.append(box(x + start * cell, y + r * cell, (c - start) * cell, cell, fill=fill, stroke=None))
                start = c
    tip = f"{title}: read {int(counts.sum()):,} times, {int((counts > 0).sum()):,} of {counts.size:,} inputs"
    return Group((*items, box(x, y, size, rows * cell, fill=None, stroke=FAINT, width=0.6)), tip)


def classes(circuit: Circuit) -> list[tuple[str, NDArray[np.int64]]]:
    """Return (what, how often each input is read by the gates behind it): each class of an argmax, or each output.

    Where one output is an argmax, the classes are what it compares; only the first MAX_CLASSES are returned.
    """
    wires = list(zip(circuit.output_names, circuit.outputs.tolist(), strict=True))
    gate = int(circuit.outputs[0]) - circuit.num_inputs if circuit.num_outputs else -1
    if circuit.num_outputs == 1 and gate >= 0 and circuit.op[gate] == OP["argmax"]:
        wires = [(f"class {k}", wire) for k, wire in enumerate(circuit.fanins(gate))]
    reader = np.repeat(np.arange(circuit.num_gates), np.diff(circuit.fanin_start)) + circuit.num_inputs
    first = circuit.fanin < circuit.num_inputs
    found = []
    for name, wire in wires[:MAX_CLASSES]:
        live = fanin_cone(circuit, [wire])[reader] & first
        found.append((name, np.bincount(circuit.fanin[live], minlength=circuit.num_inputs)))
    return found
