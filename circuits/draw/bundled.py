"""Draw a circuit of many gates: a block of small symbols a level, the wires between two blocks in bundles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from circuits.draw.frame import Entry, framed, ranged, samples, tips, typed
from circuits.draw.heat import heat_map, image_sides
from circuits.draw.marks import Marks, entries, painted
from circuits.draw.scene import (
    FAINT,
    INK,
    QUIET,
    THREAD,
    Group,
    Path,
    Point,
    Scene,
    Text,
    box,
    curve,
    elided,
)
from circuits.draw.schematic import settle
from circuits.draw.shapes import body
from circuits.order import fanin_cone, fanout_counts
from circuits.wires import BIT

if TYPE_CHECKING:
    from circuits.circuit import Circuit

PITCH, CELL = 14.0, 11.0
"""From one gate to the next, and how large its symbol is, in points."""
GAP = 38.0
"""Between two blocks."""
HEIGHTS = (12, 16, 24, 32, 48, 64, 96, 128)
"""Gates above each other in a block: the number is taken that gives the picture the shape of a page."""
SHAPE = 1.6
BUNDLES = 6
"""Wires between two blocks are bundled by where they begin and end: so many parts of a block's height."""
LINE = 9.0
"""Names are written where so many points are between one and the next."""


def compose(circuit: Circuit, marks: Marks) -> Scene:
    """Return the picture, with marks on its wires."""
    level = _levels(circuit)
    blocks = [np.flatnonzero(level == k) for k in range(int(level.max(initial=0)) + 1)]
    height = _height(blocks)
    image = image_sides(circuit)
    told = tips(circuit)
    places, bounds = _placed(circuit, blocks, height, image)
    outputs = _outputs(circuit, places, bounds[-1][1] + GAP, height)
    threads = _threads(circuit, level, places, bounds, height, outputs)
    groups = [
        Group(tuple(threads[w]), told[w], "net", w, circuit.type_of(w) != BIT) for w in sorted(threads) if threads[w]
    ]
    groups += _symbols(circuit, places, told, image)
    top = min([0.0, *places[:, 1].tolist(), *(y for _, y in outputs)]) - 12
    for k, (left, right) in enumerate(bounds):
        groups.append(Group((Text((left + right) / 2, top, str(k) if k else "in", 8, "middle", QUIET),)))
    named = _have_room([y for _, y in outputs])
    for name, wire, (x, y) in zip(circuit.output_names, circuit.outputs.tolist(), outputs, strict=True):
        tip = f"output {ranged(name, circuit.type_of(wire))}"
        text = typed(elided(name), circuit.type_of(wire)) if named else ""
        items = (Text(x + 7, y + 3, text, 8.5),) if text else (box(x + 1, y - 2, 4, 4, fill=INK, stroke=None),)
        groups.append(Group(items, tip, "output", wire))
    legend: list[Entry] = [
        ([curve(((0, 0), (5, 0), (9, -4), (14, -4)), THREAD, 1.0)], 14, "wires, bundled"),
        *samples({op for op, _, _ in circuit.gates()}),
        *entries(marks),
    ]
    return framed(circuit, painted(groups, marks, 5.5, circuit.num_inputs if image else 0), legend)


def _levels(circuit: Circuit) -> NDArray[np.int64]:
    """Return the block of every wire: a gate stands right of all it reads, inverters too."""
    level = [0] * circuit.num_wires
    for wire, (_, fanin, _) in enumerate(circuit.gates(), circuit.num_inputs):
        level[wire] = 1 + max((level[f] for f in fanin), default=0)
    return np.array(level, np.int64)


def _height(blocks: Sequence[NDArray[np.int64]]) -> int:
    """Return how many gates stand above each other in a block."""

    def shape(rows: int) -> float:
        wide = sum(-(-len(block) // rows) * PITCH + GAP for block in blocks)
        return abs(float(np.log(wide / (rows * PITCH * SHAPE))))

    return min(HEIGHTS, key=shape)


def _order(circuit: Circuit, blocks: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Order each block by the mean place of what its gates read, then of what reads them, to and fro (barycentres).

    Sugiyama, Tagawa and Toda 1981, Methods for visual understanding of hierarchical system structures, IEEE
    Transactions on Systems, Man, and Cybernetics 11(2). Inputs keep the circuit's order.
    """
    reader = np.repeat(np.arange(circuit.num_gates), np.diff(circuit.fanin_start)) + circuit.num_inputs
    at = np.full(circuit.num_wires, 0.5)
    ordered = [np.array(block) for block in blocks]
    for block in ordered:
        at[block] = (np.arange(len(block)) + 0.5) / max(len(block), 1)

    def mean(of: NDArray[Any], by: NDArray[Any]) -> NDArray[np.float64]:
        count = np.bincount(by, minlength=circuit.num_wires)
        total = np.bincount(by, at[of], circuit.num_wires)
        return np.where(count > 0, total / np.maximum(count, 1), at)

    for turn in range(8):
        down = turn % 2 == 0
        for k in range(1, len(ordered)) if down else reversed(range(1, len(ordered))):
            wanted = mean(circuit.fanin, reader) if down else mean(reader, circuit.fanin)
            ordered[k] = ordered[k][np.argsort(wanted[ordered[k]], kind="stable")]
            at[ordered[k]] = (np.arange(len(ordered[k])) + 0.5) / max(len(ordered[k]), 1)
    return ordered


def _placed(
    circuit: Circuit, blocks: Sequence[NDArray[np.int64]], height: int, image: tuple[int, int] | None
) -> tuple[NDArray[np.float64], list[tuple[float, float]]]:
    """Return each wire's place (wires, 2), and the left and right side of each block."""
    places = np.zeros((circuit.num_wires, 2))
    bounds, x = [], 0.0
    for k, block in enumerate(_order(circuit, blocks)):
        rank = np.arange(len(block))
        columns = max(1, -(-len(block) // height))
        step = PITCH
        if k == 0 and image:
            columns, step = image[1], PITCH * 0.62
            constants = block[block >= circuit.num_inputs]
            block = np.concatenate([block[block < circuit.num_inputs], constants])
        rows = -(-len(block) // columns)
        places[block, 0] = x + (rank % columns + 0.5) * step
        places[block, 1] = (height * PITCH - rows * step) / 2 + (rank // columns + 0.5) * step
        if k and columns == 1:
            wanted = [
                places[f, 1].mean() if len(f) else 0.0
                for f in (list(circuit.fanins(w - circuit.num_inputs)) for w in block.tolist())
            ]
            places[block, 1] = _spread(wanted, height)
        elif k == 0 and columns == 1:
            places[block, 1] = (rank + 0.5) * height * PITCH / max(rows, 1)
        bounds.append((x, x + columns * step))
        x += columns * step + GAP
    return places, bounds


def _have_room(heights: Sequence[float]) -> bool:
    """Say whether names fit beside places at these heights."""
    return all(y - above >= LINE for above, y in pairwise(sorted(heights)))


def _spread(wanted: Sequence[float], height: int) -> list[float]:
    """Return heights near the wanted ones, order kept, a pitch apart where that fits."""
    step = min(PITCH, height * PITCH / max(len(wanted), 1))
    return settle(wanted, [step] * (len(wanted) - 1), [1.0] * len(wanted))


def _outputs(circuit: Circuit, places: NDArray[np.float64], x: float, height: int) -> list[Point]:
    """Return where each output stands: in the circuit's order, near what drives it."""
    return [(x, y) for y in _spread(places[circuit.outputs, 1].tolist(), height)]


def _threads(
    circuit: Circuit,
    level: NDArray[np.int64],
    places: NDArray[np.float64],
    bounds: list[tuple[float, float]],
    height: int,
    outputs: list[Point],
) -> dict[int, list[Path]]:
    """Return wire -> its curves; those between the same parts of the same blocks meet half way."""
    reader = np.repeat(np.arange(circuit.num_gates), np.diff(circuit.fanin_start)) + circuit.num_inputs
    alive = fanin_cone(circuit, circuit.outputs)
    last = len(bounds)
    ends = [(int(f), (*places[r],), int(level[r]), bool(alive[r])) for f, r in zip(circuit.fanin, reader, strict=True)]
    ends += [(w, at, last, True) for w, at in zip(circuit.outputs.tolist(), outputs, strict=True)]
    bundles: dict[tuple[int, int, int, int], list[tuple[int, tuple[float, ...], bool]]] = defaultdict(list)
    part = height * PITCH / BUNDLES
    for wire, at, to, live in ends:
        key = (int(level[wire]), to, int(places[wire, 1] // part), int(at[1] // part))
        bundles[key].append((wire, at, live))
    threads: dict[int, list[Path]] = defaultdict(list)
    for (a, b, _, _), members in sorted(bundles.items()):
        y0 = float(np.mean([places[wire, 1] for wire, _, _ in members]))
        y1 = float(np.mean([at[1] for _, at, _ in members]))
        exit_, entry = bounds[a][1] + 0.35 * GAP, (bounds[b][0] if b < last else outputs[0][0]) - 0.35 * GAP
        seen: set[tuple[int, bool]] = set()
        for wire, (x, y), live in members:
            colour = THREAD if live else FAINT
            sx, sy = places[wire, 0] + CELL / 2, places[wire, 1]
            if (wire, live) not in seen:
                seen.add((wire, live))
                reach = (exit_ - sx) * 0.6
                trunk = ((sx, sy), (sx + reach, sy), (exit_ - reach * 0.5, y0), (exit_, y0))
                bend = (entry - exit_) * 0.45
                threads[wire].append(curve((*trunk, (exit_ + bend, y0), (entry - bend, y1), (entry, y1)), colour, 0.7))
            tx = x - CELL / 2
            reach = (tx - entry) * 0.6
            threads[wire].append(curve(((entry, y1), (entry + reach * 0.5, y1), (tx - reach, y), (tx, y)), colour, 0.7))
    return threads


def _symbols(
    circuit: Circuit, places: NDArray[np.float64], told: Sequence[str], image: tuple[int, int] | None
) -> list[Group]:
    """Return a small symbol a gate, and a square, a pixel or a name an input."""
    alive = fanin_cone(circuit, circuit.outputs).tolist()
    groups = []
    if image:
        groups += heat_map(
            fanout_counts(circuit)[: circuit.num_inputs], places[: circuit.num_inputs], PITCH * 0.62, told
        )
    else:
        named = _have_room(places[: circuit.num_inputs, 1].tolist())
        for w, (name, word) in enumerate(zip(circuit.input_names, circuit.input_types, strict=True)):
            x, y = places[w].tolist()
            text = typed(elided(name), word) if named else ""
            mark = box(x - 2, y - 2, 4, 4, fill=INK if alive[w] else FAINT, stroke=None)
            name_ = (Text(x - 6, y + 3, text, 8.5, "end", INK if alive[w] else FAINT),) if text else ()
            groups.append(Group((mark, *name_), told[w], "input", w))
    for wire, (op, _, _) in enumerate(circuit.gates(), circuit.num_inputs):
        x, y = places[wire].tolist()
        symbol = body(op, x - CELL / 2, y, CELL, CELL * 0.8, dead=not alive[wire], width=0.6)
        groups.append(Group(tuple(symbol), told[wire], "gate", wire))
    return groups
