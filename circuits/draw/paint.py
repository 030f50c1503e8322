"""Write a scene as SVG, as PDF, or as the DOT text that a Graphviz engine turns into PNG."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from colorsys import hls_to_rgb, rgb_to_hls
from dataclasses import replace
from functools import lru_cache
from html import escape

from circuits.draw.engine import run
from circuits.draw.scene import ANCHOR, PAPER, Group, Path, Scene, Text, text_width

MAX_PIXELS = 6000
"""The longer side of a PNG; larger pictures are drawn at a lower resolution."""

_STYLE = (
    ".net{pointer-events:stroke}.net:hover path{stroke:#d55e00;stroke-width:2}"
    ".net:hover .dot{fill:#d55e00}.gate:hover path{stroke:#d55e00}"
)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def _svg_item(item: Path | Text) -> str:
    if isinstance(item, Text):
        weight = ' font-weight="bold"' if item.bold else ""
        return (
            f'<text x="{_n(item.x)}" y="{_n(item.y)}" font-size="{_n(item.size)}" text-anchor="{item.anchor}" '
            f'fill="{item.color}"{weight}>{escape(item.text)}</text>'
        )
    pairs = [f"{_n(x)} {_n(y)}" for x, y in item.points]
    data = f"M{pairs[0]}" + (("C" if item.curved else "L") + " ".join(pairs[1:]) if len(pairs) > 1 else "")
    if item.points[0] == item.points[-1]:
        data += "Z"
    mark = ' class="dot"' if item.stroke is None and item.curved else ""
    return (
        f'<path{mark} d="{data}" fill="{item.fill or "none"}" stroke="{item.stroke or "none"}" '
        f'stroke-width="{_n(item.width)}"/>'
    )


def _svg_reach(group: Group) -> str:
    """Return an unseen wide copy of a wire, so that a pointer finds it easily."""
    data = "".join(
        "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in item.points)
        for item in group.items
        if isinstance(item, Path) and not item.curved
    )
    return (
        f'<path d="{data}" class="reach" fill="none" stroke="{PAPER}" stroke-opacity="0" stroke-width="6"/>'
        if data
        else ""
    )


@lru_cache
def _dark(color: str) -> str:
    """Return a colour of the same hue, light where it was dark."""
    hue, light, full = rgb_to_hls(*(int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)))
    return "#" + "".join(f"{round(255 * part):02x}" for part in hls_to_rgb(hue, 0.11 + 0.82 * (1 - light), full))


def darkened(scene: Scene) -> Scene:
    """Return the scene in light colours on a dark ground."""

    def dark(item: Path | Text) -> Path | Text:
        if isinstance(item, Text):
            return replace(item, color=_dark(item.color))
        return replace(item, stroke=item.stroke and _dark(item.stroke), fill=item.fill and _dark(item.fill))

    groups = [replace(group, items=tuple(map(dark, group.items))) for group in scene.groups]
    return replace(scene, groups=groups, paper=_dark(scene.paper))


def svg(scene: Scene) -> bytes:
    """Return the scene as one SVG 1.1 document; tips become ``<title>``, shown on hover."""
    w, h = _n(scene.width), _n(scene.height)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}pt" height="{h}pt" viewBox="0 0 {w} {h}" '
        "font-family=\"Helvetica, Arial, 'Liberation Sans', Arimo, sans-serif\" "
        'stroke-linejoin="round" stroke-linecap="round">',
        f"<title>{escape(scene.title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{w}" height="{h}" fill="{scene.paper}"/>',
    ]
    for group in scene.groups:
        title = f"<title>{escape(group.tip)}</title>" if group.tip else ""
        reach = _svg_reach(group) if group.kind == "net" else ""
        wire = f' data-wire="{group.wire}"' if group.wire >= 0 else ""
        lines.append(f'<g class="{group.kind}"{wire}>{title}{reach}' + "".join(map(_svg_item, group.items)) + "</g>")
    return "\n".join([*lines, "</svg>", ""]).encode()


def _rgb(color: str) -> str:
    return " ".join(_n(int(color[i : i + 2], 16) / 255) for i in (1, 3, 5))


def _pdf_item(item: Path | Text, height: float) -> bytes:
    if isinstance(item, Text):
        # The standard PDF fonts hold the Windows Latin characters; others are spelled out.
        text = item.text.encode("cp1252", "backslashreplace")
        x = item.x - ANCHOR[item.anchor] * text_width(text.decode("cp1252"), item.size, item.bold, 1.0)
        font = "F2" if item.bold else "F1"
        for char in (b"\\", b"(", b")"):
            text = text.replace(char, b"\\" + char)
        head = f"BT {_rgb(item.color)} rg /{font} {_n(item.size)} Tf {_n(x)} {_n(height - item.y)} Td ("
        return head.encode() + text + b") Tj ET"
    pairs = [f"{_n(x)} {_n(height - y)}" for x, y in item.points]
    steps = (
        [" ".join(pairs[i : i + 3]) + " c" for i in range(1, len(pairs), 3)]
        if item.curved
        else [f"{pair} l" for pair in pairs[1:]]
    )
    if item.points[0] == item.points[-1]:
        steps.append("h")
    paint = {(True, True): "B", (True, False): "f", (False, True): "S", (False, False): "n"}
    state = [f"{_n(item.width)} w"]
    if item.fill:
        state.append(f"{_rgb(item.fill)} rg")
    if item.stroke:
        state.append(f"{_rgb(item.stroke)} RG")
    return " ".join([*state, f"{pairs[0]} m", *steps, paint[bool(item.fill), bool(item.stroke)]]).encode()


def pdf(scene: Scene) -> bytes:
    """Return the scene as a one-page vector PDF 1.4 in the standard Helvetica fonts (ISO 32000-1, 7.5 and 9.6.2)."""
    # Viewers refuse pages beyond 14400 units (ISO 32000-1, annex C).
    scale = min(1.0, 14000 / max(scene.width, scene.height))
    content = f"{_n(scale) if scale == 1 else f'{scale:.6f}'} 0 0 {scale:.6f} 0 0 cm 1 j 1 J\n".encode()
    content += f"{_rgb(scene.paper)} rg 0 0 {_n(scene.width)} {_n(scene.height)} re f\n".encode() * (
        scene.paper != PAPER
    )
    content += b"\n".join(_pdf_item(item, scene.height) for group in scene.groups for item in group.items)
    packed = zlib.compress(content, 9)
    box = f"[0 0 {_n(scene.width * scale)} {_n(scene.height * scale)}]"
    title = b"\xfe\xff" + scene.title.encode("utf-16-be")
    fonts = [
        f"<</Type/Font/Subtype/Type1/BaseFont/{name}/Encoding/WinAnsiEncoding>>".encode()
        for name in ("Helvetica", "Helvetica-Bold")
    ]
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox{box}/Contents 4 0 R/Resources<</Font<</F1 5 0 R/F2 6 0 R>>>>>>".encode(),
        f"<</Length {len(packed)}/Filter/FlateDecode>>stream\n".encode() + packed + b"\nendstream",
        *fonts,
        b"<</Title<" + title.hex().encode() + b">>>",
    ]
    out, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    count = len(objects) + 1
    return (
        out
        + f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<</Size {count}/Root 1 0 R/Info {count - 1} 0 R>>\n"
        f"startxref\n{len(out)}\n%%EOF\n".encode()
    )


_FONT = "Arial"
_LIFT = 0.14
"""Engines raise text by 0.1 to 0.2 of its size above the baseline asked for."""


def _counted(operator: str, text: str) -> str:
    """Return an xdot string operand: its length in bytes, then the text."""
    return f"{operator} {len(text.encode())} -{text}"


def _xdot_item(item: Path | Text, height: float) -> str:
    if isinstance(item, Text):
        text = item.text.replace('"', "\u201d")  # DOT cannot spell a backslash before a quote
        wide = text_width(text, item.size, item.bold, 1.0)
        x, align = item.x, {"start": -1, "middle": 0, "end": 1}[item.anchor]
        # Later Graphviz does not count a backslash that escapes, earlier does: blanks after the text make both read
        # all of it and no more, and a text that may end in blanks is placed by its left end.
        blanks = len(re.findall(r"\\.?", text))
        if blanks:
            x, align = x - ANCHOR[item.anchor] * wide, -1
        where = f"{_n(x)} {_n(height - item.y - _LIFT * item.size)} {align} {_n(wide)}"
        return " ".join(
            [
                _counted("c", item.color),
                _counted(f"F {_n(item.size)}", _FONT) + f" t {int(item.bold)}",
                _counted(f"T {where}", text) + " " * blanks,
            ]
        )
    points = f"{len(item.points)} " + " ".join(f"{_n(x)} {_n(height - y)}" for x, y in item.points)
    operator = {(False, False): "L", (False, True): "P", (True, False): "B", (True, True): "b"}
    fill = [_counted("C", item.fill)] if item.fill else []
    return " ".join(
        [
            _counted("S", f"setlinewidth({_n(item.width if item.stroke else 0.1)})"),
            _counted("c", item.stroke or item.fill or PAPER),
            *fill,
            f"{operator[item.curved, bool(item.fill)]} {points}",
        ]
    )


def xdot(scene: Scene) -> str:
    """Return DOT text whose background is the scene, as xdot drawing operations (Graphviz, output format xdot)."""
    # Graphviz before 3.0 reads at most 16 KiB in one quoted string, so a few items make a string of their own. The
    # blank at its end keeps a backslash from meeting the closing quote; without quotes inside, nothing is escaped.
    items = [_xdot_item(item, scene.height) for group in scene.groups for item in group.items]
    background = "\n+ ".join(f'"{" ".join(items[i : i + 16])} "' for i in range(0, len(items), 16))
    corners = f'a [pos="0,0!"] b [pos="{_n(scene.width)},{_n(scene.height)}!"]'
    return (
        f'graph {{ graph [bgcolor="{scene.paper}" pad=0 margin=0 charset="UTF-8" _background={background}]\n'
        f'node [shape=point width=0.01 height=0.01 style=invis label=""] {corners} }}\n'
    )


def png(scene: Scene, engine: str | None = None) -> bytes:
    """Return the scene as PNG, painted by a Graphviz engine.

    Raises:
        ToolError: no engine, or none that manages it.
    """
    dpi = min(144.0, MAX_PIXELS * 72 / max(scene.width, scene.height))
    return run(xdot(scene), "-Kneato", "-n2", "-Tpng", f"-Gdpi={dpi:.2f}", engine=engine)


WRITERS: dict[str, Callable[[Scene, str | None], bytes]] = {
    "svg": lambda scene, engine: svg(scene),
    "pdf": lambda scene, engine: pdf(scene),
    "png": png,
}
"""Picture format -> writer of a scene; the second argument names the engine, for those that need one."""
