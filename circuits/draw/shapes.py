"""Gate symbols: the distinctive shapes of IEEE Std 91-1984, and a labelled box where it has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from circuits.draw.scene import FAINT, INK, PAPER, Path, Point, circle, curve
from circuits.gates import GATES

Outline = Callable[[float, float, float, float], list[tuple[tuple[Point, ...], bool]]]
"""(left, middle, width, height) -> filled outlines: (Bezier control points, closed)."""


def _segment(a: Point, b: Point) -> list[Point]:
    """Return the control points after ``a`` of a straight Bezier segment to ``b``."""
    (ax, ay), (bx, by) = a, b
    return [(ax + (bx - ax) / 3, ay + (by - ay) / 3), (bx - (bx - ax) / 3, by - (by - ay) / 3), b]


def _polygon(*corners: Point) -> tuple[tuple[Point, ...], bool]:
    points = [corners[0]]
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        points += _segment(a, b)
    return tuple(points), True


def _box(x: float, y: float, w: float, h: float) -> list[tuple[tuple[Point, ...], bool]]:
    return [_polygon((x, y - h / 2), (x + w, y - h / 2), (x + w, y + h / 2), (x, y + h / 2))]


def _and(x: float, y: float, w: float, h: float) -> list[tuple[tuple[Point, ...], bool]]:
    r, k, m = h / 2, 0.5523 * h / 2, x + w * 0.5
    rx, kx = x + w - m, 0.5523 * (x + w - m)
    top, bottom, nose = (m, y - r), (m, y + r), (x + w, y)
    points = [
        (x, y - r), *_segment((x, y - r), top), (m + kx, y - r), (m + rx, y - k), nose,
        (m + rx, y + k), (m + kx, y + r), bottom, *_segment(bottom, (x, y + r)), *_segment((x, y + r), (x, y - r)),
    ]  # fmt: skip
    return [(tuple(points), True)]


def _or(x: float, y: float, w: float, h: float) -> list[tuple[tuple[Point, ...], bool]]:
    r, back = h / 2, BACK * w
    top, bottom, nose = (x, y - r), (x, y + r), (x + w, y)
    points = [
        top, (x + w * 0.45, y - r), (x + w * 0.75, y - r * 0.75), nose,
        (x + w * 0.75, y + r * 0.75), (x + w * 0.45, y + r), bottom,
        (x + back, y + r * 0.35), (x + back, y - r * 0.35), top,
    ]  # fmt: skip
    return [(tuple(points), True)]


def _xor(x: float, y: float, w: float, h: float) -> list[tuple[tuple[Point, ...], bool]]:
    r, back, gap = h / 2, BACK * w, 0.12 * w
    rear = ((x, y - r), (x + back, y - r * 0.35), (x + back, y + r * 0.35), (x, y + r))
    (body, closed), *_ = _or(x + gap, y, w - gap, h)
    return [(body, closed), (rear, False)]


def _triangle(x: float, y: float, w: float, h: float) -> list[tuple[tuple[Point, ...], bool]]:
    return [_polygon((x, y - h / 2), (x + w, y), (x, y + h / 2))]


def _trapezium(x: float, y: float, w: float, h: float) -> list[tuple[tuple[Point, ...], bool]]:
    return [_polygon((x, y - h / 2), (x + w, y - h * 0.27), (x + w, y + h * 0.27), (x, y + h / 2))]


BACK = 0.26
"""How far the rear of an OR symbol bulges: control points at this share of its width."""


class Look(NamedTuple):
    """How a row of the gate table is drawn.

    Attributes:
        outline: the body.
        fill: its colour.
        label: what is written in the body.
        inverted: whether the output carries a bubble.
        bubbles: pins that carry a bubble.
        pins: a label per pin where pins differ; empty where they may be drawn in any order.
        hollow: share of the width by which the rear bulges inwards.
        wide: width relative to a two-input gate.
    """

    outline: Outline
    fill: str
    label: str = ""
    inverted: bool = False
    bubbles: tuple[int, ...] = ()
    pins: tuple[str, ...] = ()
    hollow: float = 0.0
    wide: float = 1.0


_AND, _OR, _XOR, _LUT, _MUX = "#dcebf7", "#fdeccf", "#dff2ea", "#efe6f2", "#f3f4f6"

LOOKS: dict[str, Look] = {
    "const": Look(_box, PAPER, wide=0.45),
    "buf": Look(_triangle, PAPER, wide=0.65),
    "not": Look(_triangle, PAPER, inverted=True, wide=0.65),
    "and": Look(_and, _AND),
    "or": Look(_or, _OR, hollow=BACK),
    "xor": Look(_xor, _XOR, hollow=BACK),
    "nand": Look(_and, _AND, inverted=True),
    "nor": Look(_or, _OR, inverted=True, hollow=BACK),
    "xnor": Look(_xor, _XOR, inverted=True, hollow=BACK),
    "andnot": Look(_and, _AND, bubbles=(1,)),
    "ornot": Look(_or, _OR, bubbles=(1,), hollow=BACK),
    "mux": Look(_trapezium, _MUX, pins=("s", "0", "1"), wide=0.7),
    "maj": Look(_box, _MUX, label="MAJ"),
    **{
        gate.name: Look(_box, _LUT, label=gate.name.upper(), pins=tuple(map(str, range(gate.arity))), wide=1.35)
        for gate in GATES
        if gate.name.startswith("lut")
    },
}
"""Row of the gate table -> its look; a new row without a look is drawn as a box with its name."""


def look(kind: str) -> Look:
    """Return how a row is drawn."""
    return LOOKS.get(kind) or Look(_box, PAPER, label=kind.upper())


def body(kind: str, x: float, y: float, w: float, h: float, *, dead: bool = False, width: float = 1.1) -> list[Path]:
    """Return the filled outline of a row's symbol; (x, y) is the middle of its left side."""
    stroke = FAINT if dead else INK
    fill = "#f7f8f9" if dead else look(kind).fill
    return [curve(points, stroke, width, fill if closed else None) for points, closed in look(kind).outline(x, y, w, h)]


def inset(kind: str, w: float, h: float, offset: float) -> float:
    """Return how far right of the symbol's left side its rear lies, ``offset`` from the middle."""
    t = 0.5 + offset / h
    return 3 * look(kind).hollow * w * t * (1 - t) if 0 < t < 1 else 0.0


def bubble(x: float, y: float, r: float, *, dead: bool = False) -> Path:
    """Return an inversion bubble around (x, y)."""
    return circle(x, y, r, fill=PAPER, stroke=FAINT if dead else INK, width=1.1)


LEGEND = {
    "const": "constant", "buf": "buffer", "not": "not", "and": "and", "or": "or", "xor": "xor", "nand": "nand",
    "nor": "nor", "xnor": "xnor", "andnot": "and, one input inverted", "ornot": "or, one input inverted",
    "mux": "multiplexer (selected from below)", "maj": "majority of three",
}  # fmt: skip


def meaning(kind: str) -> str:
    """Return the words of a row in a legend."""
    return LEGEND.get(kind) or ("look-up table (input 0 first)" if kind.startswith("lut") else kind)


def sample(kind: str, x: float, y: float, size: float) -> list[Path]:
    """Return a small symbol for a legend: its body and bubbles, ``size`` high."""
    shape, r = look(kind), size * 0.1
    w = size * 1.3 * min(shape.wide, 1)
    paths = body(kind, x, y, w, size, width=0.9)
    if shape.inverted:
        paths.append(circle(x + w + r, y, r, fill=PAPER, width=0.9))
    paths += [circle(x - r, y + size * 0.2, r, fill=PAPER, width=0.9) for _ in shape.bubbles]
    return paths
