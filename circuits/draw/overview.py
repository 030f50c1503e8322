"""Draw a large circuit level by level: how many gates of which kind, and how many wires run between levels."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from circuits.draw.frame import Entry, framed, samples, typed
from circuits.draw.heat import classes, image_sides, small_map
from circuits.draw.scene import (
    ACCENT,
    FAINT,
    INK,
    QUIET,
    RULE,
    Group,
    Path,
    Scene,
    Text,
    box,
    curve,
    elided,
    line,
    text_width,
)
from circuits.draw.shapes import look
from circuits.gates import GATE, GATES
from circuits.order import fanout_counts, levels

if TYPE_CHECKING:
    from circuits.circuit import Circuit
    from circuits.wires import Word

MAX_COLUMNS = 32
"""Deeper circuits have neighbouring levels put together."""

CELL, ROW, HEAD, SQUARE = 42.0, 46.0, 30.0, 28.0
MAX_BUNDLES = 80


def compose(circuit: Circuit) -> Scene:
    """Return a table of levels (columns) by kinds (rows), area telling the count, with bundles of wires above."""
    level = levels(circuit).astype(np.int64)
    deepest = int(level.max(initial=0))
    per = -(-deepest // MAX_COLUMNS) if deepest else 1
    column = -(-level // per)  # column 0 holds inputs and constants
    columns = int(column.max(initial=0)) + 1
    kinds = [gate.name for i, gate in enumerate(GATES) if np.any(circuit.op == i)]
    counts = np.zeros((len(kinds), columns), np.int64)
    of_gate = column[circuit.num_inputs :]
    for row, kind in enumerate(kinds):
        counts[row] = np.bincount(of_gate[[GATES[o].name == kind for o in circuit.op]], minlength=columns)
    outputs = np.bincount(column[circuit.outputs], minlength=columns)

    labels = ["inputs", *kinds, "outputs"]
    left = max(text_width(t, 10) for t in labels) + 30
    right = left + columns * CELL
    bundles = _bundles(circuit, column)
    reach = max((b - a for a, b in bundles), default=1)
    sky = 24 + 90 * (reach / max(columns - 1, 1)) ** 0.5
    head = sky
    groups = _bundle_groups(bundles, left, head, sky, reach, per)
    groups.append(_header(left, head, columns, per, deepest))
    y = head + HEAD
    inputs = np.zeros(columns, np.int64)
    inputs[0] = circuit.num_inputs
    largest = max(int(counts.max(initial=0)), int(outputs.max(initial=0)), circuit.num_inputs, 1)
    rows = [
        ("inputs", inputs, "#c9d1d9", _listed("inputs", circuit.input_names, circuit.input_types)),
        *((kind, counts[r], look(kind).fill, "") for r, kind in enumerate(kinds)),
        ("outputs", outputs, "#c9d1d9", _listed("outputs", circuit.output_names, circuit.output_types)),
    ]
    for name, values, fill, tip in rows:
        groups.append(_row(name, values, fill, tip, left, y, largest))
        y += ROW
    sides = [line((end, head + HEAD), (end, y), stroke=RULE) for end in (left, right)]
    groups.append(Group((*sides, line((left, y), (right, y), stroke=RULE))))
    groups += _fanout(circuit, left, y + 26)
    if image := image_sides(circuit):
        per_line = max(1, int((max(right, 480.0) + 12) / 108))
        for k, (name, read) in enumerate(classes(circuit)):
            place = (k % per_line * 108.0, y + 112 + k // per_line * 122.0)
            groups.append(small_map(read, image, *place, 96.0, f"{elided(name, 14)} looks at"))
    square = [box(0, -6, 12, 12, fill="#e7ebee", stroke=QUIET, width=0.8)]
    arc = [curve(((0, 5), (4, -8), (18, -8), (22, 5)), ACCENT, 2.0)]
    entries: list[Entry] = [(square, 12, "area: how many")]
    if bundles:
        entries.append((arc, 22, f"width: wires between levels (widest {max(bundles.values()):,})"))
    entries += samples(kinds)
    return framed(circuit, groups, entries)


def _fanout(circuit: Circuit, left: float, y: float) -> list[Group]:
    """Return bars of how many wires are read how often."""
    read = fanout_counts(circuit)
    groups = [Group((Text(left - 14, y + 24, "read so often", 10, "end", INK),))]
    exponent = np.where(read > 0, np.log2(np.maximum(read, 1)).astype(int) + 1, 0)
    counts = np.bincount(exponent).tolist()
    for k, count in enumerate(counts):
        low, high = (1 << k) >> 1, max((1 << k) - 1, 0)
        span = str(low) if low == high else f"{low:,}-{high:,}"
        tall = 28 * count / max(counts)
        middle = left + (k + 0.5) * CELL
        items: list[Path | Text] = [
            Text(middle, y + 42, span, min(9.0, 9 * CELL / text_width(span, 9)), "middle", QUIET)
        ]
        if count:
            items.append(box(middle - 12, y + 30 - tall, 24, tall, fill=_mixed(ACCENT, 0.45), stroke=None))
            items.append(Text(middle, y + 27 - tall, f"{count:,}", 8, "middle", INK))
        groups.append(Group(tuple(items), f"{count:,} wires are read {span} times"))
    return groups


def _listed(what: str, names: tuple[str, ...], types: tuple[Word, ...], limit: int = 300) -> str:
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return f"{len(names):,} {what}: " + ", ".join(map(typed, names[:limit], types)) + more


def _bundles(circuit: Circuit, column: np.ndarray) -> dict[tuple[int, int], int]:
    """Return (from column, to column) -> number of gate pins, the largest bundles only."""
    reader = np.repeat(np.arange(circuit.num_gates), np.diff(circuit.fanin_start)) + circuit.num_inputs
    pairs = Counter(zip(column[circuit.fanin].tolist(), column[reader].tolist(), strict=True))
    between = [(pair, count) for pair, count in pairs.items() if pair[0] != pair[1]]
    return dict(sorted(between, key=lambda item: (-item[1], item[0]))[:MAX_BUNDLES])


def _span(c: int, per: int, deepest: int) -> str:
    """Return the levels of a column in words."""
    low, high = (c - 1) * per + 1, min(c * per, deepest)
    return "in" if c == 0 else str(low) if low == high else f"{low}-{high}"


def _mixed(color: str, share: float) -> str:
    """Return ``color`` mixed with white; share 1 is the colour itself."""
    parts = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in parts)


def _bundle_groups(
    bundles: dict[tuple[int, int], int],
    left: float,
    head: float,
    sky: float,
    reach: int,
    per: int,
) -> list[Group]:
    """Return bundles as arcs over the columns, the narrow ones first, so that the wide ones lie on top."""
    groups = []
    most = max(bundles.values(), default=1)
    for (a, b), count in sorted(bundles.items(), key=lambda item: (item[1], item[0])):
        x0, x1 = left + (a + 0.62) * CELL, left + (b + 0.38) * CELL
        rise = (sky - 12) * ((b - a) / reach) ** 0.6 * 4 / 3
        share = count / most
        path = curve(
            ((x0, head), (x0, head - rise), (x1, head - rise), (x1, head)),
            _mixed(ACCENT, 0.18 + 0.62 * share**0.5),
            max(0.6, 8 * share),
        )
        tip = f"{count:,} wires from {_name(a, per)} to {_name(b, per)}"
        groups.append(Group((path,), tip, "bundle"))
    return groups


def _name(c: int, per: int) -> str:
    return "inputs" if c == 0 else f"level {c}" if per == 1 else f"levels {(c - 1) * per + 1}-{c * per}"


def _header(left: float, head: float, columns: int, per: int, deepest: int) -> Group:
    """Return the line that says which levels each column holds."""
    items: list[Path | Text] = [
        Text(left - 14, head + 19, "level", 10, "end", QUIET),
        line((left, head + 4), (left + columns * CELL, head + 4), stroke=FAINT),
    ]
    for c in range(columns):
        text = _span(c, per, deepest)
        size = min(10.0, 10.0 * (CELL - 6) / text_width(text, 10))
        items.append(Text(left + (c + 0.5) * CELL, head + 19, text, size, "middle", INK))
    return Group(tuple(items))


def _row(name: str, values: np.ndarray, fill: str, tip: str, left: float, y: float, largest: int) -> Group:
    """Return one row: its name, its total, and per column a square with the count below it."""
    middle, right = y + ROW / 2, left + len(values) * CELL
    items: list[Path | Text] = [
        line((left, y), (right, y), stroke=RULE),
        Text(left - 14, middle - 1, name, 10, "end", INK, name not in GATE),
        Text(left - 14, middle + 10, f"{int(values.sum()):,}", 8, "end", QUIET),
    ]
    for c, count in enumerate(values.tolist()):
        if not count:
            continue
        side = max(2.5, SQUARE * (count / largest) ** 0.5)
        x, floor = left + (c + 0.5) * CELL, y + SQUARE + 4
        items.append(box(x - side / 2, floor - side, side, side, fill=fill, stroke=QUIET, width=0.6))
        text = f"{count:,}"
        size = min(9.0, 9.0 * (CELL - 4) / text_width(text, 9))
        items.append(Text(x, floor + 10, text, size, "middle", INK))
    return Group(tuple(items), tip)
