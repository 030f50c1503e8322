"""Scene: what a picture is made of, before it is written as SVG, PDF or PNG. Units are points, y grows downwards."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

Point = tuple[float, float]

# Palette: Okabe and Ito's colour-blind-safe hues (2008), lightened for fills; differences in lightness carry meaning.
INK = "#22303c"
WIRE = "#4b6075"
QUIET = "#6b7785"
FAINT = "#b4bcc4"
THREAD = "#93a9bd"
RULE = "#e3e7eb"
PAPER = "#ffffff"
ACCENT = "#0072b2"
GHOST = "#f7f8f9"
HALO = "#f6c9a6"
VALUE = {False: "#8fa0ae", True: "#00664b"}
"""Bit -> colour of a wire that carries it; other words than 0 are painted as 1."""


@dataclass(frozen=True)
class Path:
    """A polyline or a chain of cubic Bezier segments.

    Attributes:
        points: the corners, or for ``curved`` 1 + 3 n control points.
        stroke: colour of the line, None for no line.
        fill: colour inside, None for an open line.
        width: line width in points.
        curved: whether ``points`` are Bezier control points.
    """

    points: tuple[Point, ...]
    stroke: str | None = INK
    fill: str | None = None
    width: float = 1.0
    curved: bool = False


@dataclass(frozen=True)
class Text:
    """A line of text; ``anchor`` (start, middle, end) says which point of its baseline lies at (x, y)."""

    x: float
    y: float
    text: str
    size: float = 10.0
    anchor: str = "start"
    color: str = INK
    bold: bool = False


@dataclass(frozen=True)
class Group:
    """Items that belong together.

    Attributes:
        items: what is painted, in order.
        tip: shown when the pointer rests on them.
        kind: styles them.
        wire: the wire they show, or -1.
        word: whether that wire carries a word.
    """

    items: tuple[Path | Text, ...]
    tip: str = ""
    kind: str = "part"
    wire: int = -1
    word: bool = False


@dataclass
class Scene:
    """A picture: size, a title for readers that show no picture, groups painted in order, the colour of the ground."""

    width: float
    height: float
    title: str
    groups: list[Group] = field(default_factory=list)
    paper: str = PAPER


# Advance widths of Helvetica (and of Arial, Liberation Sans and Arimo, which share them) for U+0020..U+007E, 1/1000 em.
_WIDTHS = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip


ANCHOR = {"start": 0.0, "middle": 0.5, "end": 1.0}
"""Anchor -> share of a text's width to the left of its (x, y)."""


def text_width(text: str, size: float, bold: bool = False, slack: float = 1.03) -> float:
    """Return the width of ``text`` in points, times ``slack`` for the sake of other fonts."""
    total = 0
    for char in text:
        code = ord(char) - 32
        wide = unicodedata.east_asian_width(char) in "WF"
        total += _WIDTHS[code] if 0 <= code < len(_WIDTHS) else 1000 if wide else 700
    return total * size / 1000 * (1.07 if bold else 1.0) * slack


def visible(text: str) -> str:
    """Return ``text`` with every character that cannot be shown (line breaks, controls) replaced by a dot."""
    return "".join(char if char.isprintable() else "·" for char in text)


def elided(text: str, limit: int = 24) -> str:
    """Return ``text``, its middle replaced by an ellipsis when it is longer than ``limit`` characters."""
    tail = limit // 3
    return text if len(text) <= limit else text[: limit - tail - 1] + "…" + text[-tail:]


def line(*points: Point, stroke: str | None = INK, width: float = 1.0, fill: str | None = None) -> Path:
    """Return a polyline."""
    return Path(points, stroke, fill, width)


def box(
    x: float, y: float, w: float, h: float, *, fill: str | None, stroke: str | None = INK, width: float = 1.0
) -> Path:
    """Return a rectangle with its upper left corner at (x, y)."""
    return Path(((x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)), stroke, fill, width)


def curve(points: Sequence[Point], stroke: str | None = INK, width: float = 1.0, fill: str | None = None) -> Path:
    """Return a Bezier chain."""
    return Path(tuple(points), stroke, fill, width, curved=True)


def circle(x: float, y: float, r: float, *, fill: str, stroke: str | None = INK, width: float = 1.0) -> Path:
    """Return a circle as four Bezier segments (control length 0.5523 r, the usual quarter-circle fit)."""
    k = 0.5523 * r
    points = [
        (x + r, y), (x + r, y + k), (x + k, y + r), (x, y + r), (x - k, y + r), (x - r, y + k), (x - r, y),
        (x - r, y - k), (x - k, y - r), (x, y - r), (x + k, y - r), (x + r, y - k), (x + r, y),
    ]  # fmt: skip
    return curve(points, stroke, width, fill)


def placed(group: Group, x: float, y: float, zoom: float = 1.0) -> Group:
    """Return the group ``zoom`` times as large, its origin moved to (x, y)."""
    items = tuple(
        replace(item, points=tuple((x + px * zoom, y + py * zoom) for px, py in item.points), width=item.width * zoom)
        if isinstance(item, Path)
        else replace(item, x=x + item.x * zoom, y=y + item.y * zoom, size=item.size * zoom)
        for item in group.items
    )
    return replace(group, items=items)


def _flattened(path: Path) -> list[Point]:
    """Return points on a curve: the ends of its segments and three between each."""
    ends = path.points
    points = [ends[0]]
    for i in range(0, len(ends) - 1, 3):
        for t in (0.25, 0.5, 0.75, 1.0):
            shares = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            x, y = (sum(w * p[axis] for w, p in zip(shares, ends[i : i + 4], strict=True)) for axis in (0, 1))
            points.append((x, y))
    return points


def bounds(groups: Iterable[Group]) -> tuple[float, float, float, float]:
    """Return the left, upper, right and lower end of what the groups paint, (0, 0, 0, 0) for nothing."""
    points: list[Point] = []
    for item in (item for group in groups for item in group.items):
        if isinstance(item, Path):
            points += _flattened(item) if item.curved else item.points
        else:
            wide = text_width(item.text, item.size, item.bold)
            left = item.x - wide * ANCHOR[item.anchor]
            points += [(left, item.y - item.size * 0.8), (left + wide, item.y + item.size * 0.2)]
    xs, ys = [x for x, _ in points] or [0.0], [y for _, y in points] or [0.0]
    return min(xs), min(ys), max(xs), max(ys)
