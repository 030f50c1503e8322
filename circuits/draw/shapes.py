"""Gate symbols: the distinctive shapes of IEEE Std 91-1984 for bits, circles and labelled boxes for words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

from circuits.draw.scene import FAINT, GHOST, INK, PAPER, Path, Point, Text, circle, curve, line, text_width
from circuits.gates import GATE, GATES
from circuits.wires import Word

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


def _disc(x: float, y: float, w: float, h: float) -> list[tuple[tuple[Point, ...], bool]]:
    return [(circle(x + w / 2, y, min(w, h) / 2, fill=PAPER).points, True)]


BACK = 0.26
"""How far the rear of an OR symbol bulges: control points at this share of its width."""


class Look(NamedTuple):
    """How a row of the gate table is drawn.

    Attributes:
        outline: the body.
        fill: its colour.
        label: what is written in the body; see :func:`lettering`.
        inverted: whether the output carries a bubble.
        bubbles: pins that carry a bubble.
        pin: ``pin(i, params)``: the label of pin i where pins differ, so that they may be drawn in any order; no
            parameters where they are not to be shown.
        hollow: share of the width by which the rear bulges inwards.
        wide: width relative to a two-input gate.
        commutes: whether unlabelled pins of a word row may be drawn in any order.
        note: ``note(params, word)``: what takes the place of the label where parameters are to be shown.
    """

    outline: Outline
    fill: str
    label: str = ""
    inverted: bool = False
    bubbles: tuple[int, ...] = ()
    pin: Callable[[int, Sequence[int]], str] | None = None
    hollow: float = 0.0
    wide: float = 1.0
    commutes: bool = False
    note: Callable[[Sequence[int], Word], str] | None = None


FEW = 4
"""Up to this many numbers are written inside a symbol."""


def _index(i: int, p: Sequence[int]) -> str:
    return str(i)


def _weight(i: int, p: Sequence[int]) -> str:
    return f"{_TIMES}{p[i]}" if 0 < len(p) <= FEW + 1 else str(i)


def _dot_note(p: Sequence[int], word: Word) -> str:
    weights = "" if len(p) <= FEW + 1 else f" {len(p) - 1} weights"
    return f"Σ{weights} {p[-1]:+}"


def _table_note(p: Sequence[int], word: Word) -> str:
    return "table " + (" ".join(map(str, p)) if len(p) <= FEW else f"of {len(p):,}")


def _slice_note(p: Sequence[int], word: Word) -> str:
    return f"{{{p[0]}}}" if word.bits == 1 else f"{{{p[0] + word.bits - 1}:{p[0]}}}"


_AND, _OR, _XOR, _LUT, _MUX = "#dcebf7", "#fdeccf", "#dff2ea", "#efe6f2", "#f3f4f6"
_SUM, _ORDER = "#fbe6dc", "#f8f3cf"
_ROUND = 2 / 3  # of the width of a two-input gate: as wide as high
_MINUS, _TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"

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
    "mux": Look(_trapezium, _MUX, pin=lambda i, p: "s01"[i], wide=0.7),
    "maj": Look(_box, _MUX, label="MAJ"),
    **{
        gate.name: Look(_box, _LUT, label=gate.name.upper(), pin=_index, wide=1.35)
        for gate in GATES
        if gate.name.startswith("lut")
    },
    "add": Look(_disc, _SUM, "+", wide=_ROUND, commutes=True),
    "sub": Look(_disc, _SUM, _MINUS, wide=_ROUND),
    "neg": Look(_box, _SUM, _MINUS + "x", wide=0.8),
    "mul": Look(_disc, _SUM, _TIMES, wide=_ROUND, commutes=True),
    "scale": Look(_box, _SUM, _TIMES + "k", wide=0.8, note=lambda p, word: f"{_TIMES}{p[0]}"),
    "dot": Look(_box, _SUM, "Σ", pin=_weight, note=_dot_note),
    "shift": Look(_box, _SUM, "«»", wide=0.8, note=lambda p, word: f"{'«' if p[0] >= 0 else '»'} {abs(p[0])}"),
    "min": Look(_box, _ORDER, "min", commutes=True),
    "max": Look(_box, _ORDER, "max", commutes=True),
    "relu": Look(_box, _ORDER, "relu"),
    "clip": Look(_box, _ORDER, "clip", note=lambda p, word: f"clip {p[0]}…{p[1]}"),
    "eq": Look(_box, _ORDER, "=", wide=0.8, commutes=True),
    "lt": Look(_box, _ORDER, "<", wide=0.8),
    "threshold": Look(_box, _ORDER, "≥t", wide=0.8, note=lambda p, word: f"≥ {p[0]}"),
    "table": Look(_box, _LUT, "table", note=_table_note),
    "popcount": Look(_box, _SUM, "Σ1", wide=0.8, commutes=True),
    "pack": Look(_box, _MUX, "{ }", pin=_index, wide=0.8),
    "slice": Look(_box, _MUX, "{i:j}", wide=0.8, note=_slice_note),
    "argmax": Look(_box, _ORDER, "argmax", pin=_index),
}
"""Row of the gate table -> its look; a new row without a look is drawn as a box with its name."""


def look(kind: str) -> Look:
    """Return how a row is drawn."""
    return LOOKS.get(kind) or Look(_box, PAPER, label=kind.upper())


def body(kind: str, x: float, y: float, w: float, h: float, *, dead: bool = False, width: float = 1.1) -> list[Path]:
    """Return the filled outline of a row's symbol; (x, y) is the middle of its left side."""
    stroke = FAINT if dead else INK
    fill = GHOST if dead else look(kind).fill
    return [curve(points, stroke, width, fill if closed else None) for points, closed in look(kind).outline(x, y, w, h)]


def inset(kind: str, w: float, h: float, offset: float) -> float:
    """Return how far right of the symbol's left side its rear lies, ``offset`` from the middle."""
    if look(kind).outline is _disc:
        r = min(w, h) / 2
        return w / 2 - math.sqrt(max(0.0, r * r - offset * offset))
    t = 0.5 + offset / h
    return 3 * look(kind).hollow * w * t * (1 - t) if 0 < t < 1 else 0.0


def bubble(x: float, y: float, r: float, *, dead: bool = False) -> Path:
    """Return an inversion bubble around (x, y)."""
    return circle(x, y, r, fill=PAPER, stroke=FAINT if dead else INK, width=1.1)


_STROKES: dict[str, tuple[tuple[Point, ...], ...]] = {
    "+": (((0.02, 0), (0.62, 0)), ((0.32, -0.3), (0.32, 0.3))),
    _MINUS: (((0.02, 0), (0.62, 0)),),
    _TIMES: (((0.08, -0.24), (0.56, 0.24)), ((0.08, 0.24), (0.56, -0.24))),
    "Σ": (((0.56, -0.24), (0.56, -0.36), (0.06, -0.36), (0.36, 0), (0.06, 0.36), (0.56, 0.36), (0.56, 0.24)),),
    "≥": (((0.06, -0.36), (0.58, -0.12), (0.06, 0.12)), ((0.06, 0.34), (0.58, 0.34))),
    "<": (((0.58, -0.27), (0.06, 0), (0.58, 0.27)),),
    "=": (((0.04, -0.12), (0.6, -0.12)), ((0.04, 0.12), (0.6, 0.12))),
}
"""Sign -> polylines about its middle line, in units of the letters' size. Drawn, not written: the fonts of a PDF lack
some of them, and they sit in the middle whatever the font."""

_ADVANCE = 0.64


def _runs(text: str) -> list[tuple[bool, str]]:
    return [(drawn, "".join(run)) for drawn, run in groupby(text, _STROKES.__contains__)]


def lettering_width(text: str, size: float) -> float:
    """Return the width of :func:`lettering`."""
    return sum(_ADVANCE * size * len(run) if drawn else text_width(run, size, True) for drawn, run in _runs(text))


def lettering(text: str, x: float, y: float, size: float, color: str = INK) -> list[Path | Text]:
    """Return bold text whose middle is (x, y), its mathematical signs as lines."""
    items: list[Path | Text] = []
    at = x - lettering_width(text, size) / 2
    for drawn, run in _runs(text):
        if not drawn:
            wide = text_width(run, size, True)
            # Readers drop blanks at the ends of a text, so its middle is found without them.
            bare = run.strip()
            ahead = text_width(run[: len(run) - len(run.lstrip())], size, True)
            middle = at + ahead + text_width(bare, size, True) / 2
            if bare:
                items.append(Text(middle, y + size * 3.2 / 9, bare, size, "middle", color, True))
            at += wide
            continue
        for sign in run:
            for stroke in _STROKES[sign]:
                points = [(at + px * size, y + py * size) for px, py in stroke]
                items.append(line(*points, stroke=color, width=0.13 * size))
            at += _ADVANCE * size
    return items


def letter_size(text: str) -> float:
    """Return how large a symbol's text is: a sign alone larger than words."""
    return 15.0 if text in _STROKES else 9.0


LEGEND = {
    "const": "constant", "buf": "buffer", "not": "not", "and": "and", "or": "or", "xor": "xor", "nand": "nand",
    "nor": "nor", "xnor": "xnor", "andnot": "and, one input inverted", "ornot": "or, one input inverted",
    "mux": "multiplexer (selected from below)", "maj": "majority of three",
    "add": "sum", "sub": "difference (upper less lower)", "neg": "negated", "mul": "product",
    "scale": "times a constant", "dot": "weighted sum of all, and a bias", "shift": "times a power of two",
    "min": "lesser", "max": "greater", "relu": "0 where negative", "clip": "held between two limits", "eq": "equal",
    "lt": "upper less than lower", "threshold": "at least a level", "table": "look-up table of words",
    "popcount": "number of ones", "pack": "bits to a word (bit 0 first)", "slice": "bits of a word",
    "argmax": "place of the greatest",
}  # fmt: skip


def meaning(kind: str) -> str:
    """Return the words of a row in a legend."""
    return LEGEND.get(kind) or ("look-up table (input 0 first)" if kind.startswith("lut") else kind)


def _sample_label(kind: str, size: float) -> tuple[str, float]:
    """Return what a symbol of a legend shows inside and how large: bit rows are known by their shape."""
    label = "" if kind in GATE and GATE[kind].has_bits else look(kind).label
    return label, letter_size(label) * size / 18


def sample_width(kind: str, size: float) -> float:
    """Return the width of a symbol of a legend, without bubbles."""
    label, letters = _sample_label(kind, size)
    inner = lettering_width(label, letters) + 5 if len(label) > 1 else 0.0
    return max(size * 1.3 * min(look(kind).wide, 1), inner)


def sample(kind: str, x: float, y: float, size: float) -> list[Path | Text]:
    """Return a small symbol for a legend: its body, label and bubbles, ``size`` high."""
    shape, r = look(kind), size * 0.1
    w = sample_width(kind, size)
    paths: list[Path | Text] = [*body(kind, x, y, w, size, width=0.9)]
    label, letters = _sample_label(kind, size)
    paths += lettering(label, x + w / 2, y, letters)
    if shape.inverted:
        paths.append(circle(x + w + r, y, r, fill=PAPER, width=0.9))
    paths += [circle(x - r, y + size * 0.2, r, fill=PAPER, width=0.9) for _ in shape.bubbles]
    return paths
