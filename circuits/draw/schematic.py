"""Draw a circuit gate by gate: Graphviz orders the gates level by level, then wires are routed in channels between."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from circuits.draw.engine import run
from circuits.draw.frame import Entry, framed, hexadecimal, ranged, samples, tips, typed
from circuits.draw.marks import Marks, entries, painted
from circuits.draw.scene import (
    FAINT,
    INK,
    PAPER,
    QUIET,
    WIRE,
    Group,
    Path,
    Scene,
    Text,
    circle,
    elided,
    line,
    text_width,
    visible,
)
from circuits.draw.shapes import body, bubble, inset, letter_size, lettering, lettering_width, look
from circuits.errors import ToolError
from circuits.gates import GATE, OP, symmetric
from circuits.order import fanin_cone
from circuits.wires import BIT, Word

if TYPE_CHECKING:
    from circuits.circuit import Circuit


@dataclass
class Pin:
    """Where a node reads a wire: the node it hangs on, whether a bubble inverts it, what is written beside it."""

    source: int
    inverted: bool = False
    label: str = ""
    offset: float = 0.0


@dataclass
class Node:
    """Something with a place in a column: an input, a gate, an output, or a trunk (a wire passing through)."""

    kind: str
    wire: int
    rank: int
    pins: list[Pin] = field(default_factory=list)
    name: str = ""
    tip: str = ""
    dead: bool = False
    params: tuple[int, ...] = ()
    word: Word = BIT
    width: float = 0.0
    height: float = 0.0
    x: float = 0.0
    y: float = 0.0


@dataclass
class Plan:
    """What is drawn and how large, before anything has a place."""

    nodes: list[Node]
    columns: list[list[int]]
    scale: float
    rows: bool


PORTS = ("input", "output", "trunk")
SMALL = 30
"""Up to this many gates parameters are written out: the rows of look-up tables of at most 16, numbers of word gates."""


def folded(circuit: Circuit) -> dict[int, tuple[int, bool]]:
    """Return wire -> (wire it copies, inverted) for every inverter that something reads."""
    read = set(circuit.fanin.tolist()) | set(circuit.outputs.tolist())
    literal: dict[int, tuple[int, bool]] = {}
    for wire, (op, fanin, _) in enumerate(circuit.gates(), circuit.num_inputs):
        if op == "not" and wire in read:
            root, inverted = literal.get(fanin[0], (fanin[0], False))
            literal[wire] = (root, not inverted)
    return literal


def plan(circuit: Circuit, fold: bool, trunks: bool = True) -> Plan:
    """Return the nodes of a circuit in columns: inputs, one column a level, outputs; a trunk where a wire passes by.

    Args:
        circuit: what to draw.
        fold: draw inverters as bubbles on the pins that read them.
        trunks: break wires at every column they pass, so that they can be routed.
    """
    literal = folded(circuit) if fold else {}
    alive = fanin_cone(circuit, circuit.outputs)
    names, told = circuit.wire_names(), tips(circuit)
    nodes = [
        Node("input", w, 0, name=name, tip=told[w], dead=not alive[w], word=word)
        for w, (name, word) in enumerate(zip(circuit.input_names, circuit.input_types, strict=True))
    ]
    place = {w: w for w in range(circuit.num_inputs)}
    small = circuit.num_gates - len(literal) <= SMALL

    def pin(wire: int, inverted: bool = False, label: str = "") -> Pin:
        root, complemented = literal.get(wire, (wire, False))
        return Pin(place[root], inverted ^ complemented, label)

    for wire, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        if wire in literal:
            continue
        shape = look(op)
        numbers = params if small else ()
        labels = [shape.pin(i, numbers) if shape.pin else "" for i in range(len(fanin))]
        pins = [pin(f, i in shape.bubbles, labels[i]) for i, f in enumerate(fanin)]
        word = circuit.type_of(wire)
        rank = 1 + max((nodes[p.source].rank for p in pins), default=-1)
        place[wire] = len(nodes)
        nodes.append(Node(op, wire, rank, pins, names[wire], told[wire], not alive[wire], params, word))
    last = 1 + max((node.rank for node in nodes), default=0)
    for name, wire in zip(circuit.output_names, circuit.outputs.tolist(), strict=True):
        word = circuit.type_of(wire)
        tip = ranged(f"output {name} = {names[wire]}", word)
        nodes.append(Node("output", wire, last, [pin(wire)], name, tip, word=word))
    _settle_constants(nodes)
    gates = circuit.num_gates - len(literal)
    scale = 1.0 if gates <= 60 else 0.85 if gates <= 150 else 0.75
    result = Plan(nodes, [], scale, small)
    if trunks:
        _lay_trunks(nodes)
    for node in nodes:
        node.width, node.height = _size(node, result)
    result.columns = [[] for _ in range(last + 1)]
    for i, node in enumerate(nodes):
        result.columns[node.rank].append(i)
    return result


def _settle_constants(nodes: list[Node]) -> None:
    """Move each constant next to its first reader."""
    first: dict[int, int] = {}
    for node in nodes:
        for p in node.pins:
            first[p.source] = min(first.get(p.source, node.rank), node.rank)
    for i, rank in first.items():
        if nodes[i].kind == "const":
            nodes[i].rank = rank - 1


def _lay_trunks(nodes: list[Node]) -> None:
    """Give every wire that passes columns one node in each, so that all its readers share one trunk."""
    trunks: dict[tuple[int, int], int] = {}
    readers = [(node, p) for node in nodes for p in node.pins]
    for node, p in sorted(readers, key=lambda pair: pair[0].rank):
        source = p.source
        for rank in range(nodes[source].rank + 1, node.rank):
            key = (p.source, rank)
            if key not in trunks:
                trunks[key] = len(nodes)
                from_ = nodes[source]
                pins = [Pin(source)]
                nodes.append(Node("trunk", from_.wire, rank, pins, tip=from_.tip, dead=from_.dead, word=from_.word))
            source = trunks[key]
        p.source = source
    alive = {p.source for node in nodes if not node.dead and node.kind != "trunk" for p in node.pins}
    for i in reversed(range(len(nodes))):  # a trunk comes before the trunks it feeds
        if nodes[i].kind == "trunk":
            nodes[i].dead = i not in alive
            if i in alive:
                alive.add(nodes[i].pins[0].source)


PORT_SIZE, PIN_SIZE, TYPE_SIZE = 11.0, 8.0, 8.0


def _port_text(node: Node) -> str:
    return typed(elided(node.name), node.word)


def _written(node: Node, p: Plan) -> str:
    """Return what is written in the middle of a gate's symbol."""
    shape = look(node.kind)
    if node.kind == "const":
        return str(node.params[0])
    return shape.note(node.params, node.word) if p.rows and shape.note else shape.label


def _margin(node: Node) -> float:
    """Return the width of the pin labels on a symbol's left side, at scale 1."""
    wide = max((text_width(q.label, PIN_SIZE) for q in node.pins), default=0.0)
    return wide + 3 if wide else 0.0


def _table_rows(node: Node, p: Plan) -> list[tuple[str, str]]:
    """Return (address, value) rows to write inside a look-up table, or none."""
    k = len(node.pins)
    if not p.rows or len(node.params) != 1 << k or not 1 <= k <= 4:
        return []
    return [("".join(str(v >> i & 1) for i in range(k)), str(bit)) for v, bit in enumerate(node.params)]


def _size(node: Node, p: Plan) -> tuple[float, float]:
    """Return a node's width and height."""
    s = p.scale
    if node.kind == "trunk":
        return 0.0, 0.0
    if node.kind in PORTS:
        return text_width(_port_text(node), PORT_SIZE) + 4, 15.0
    shape = look(node.kind)
    if node.kind.startswith("lut"):
        rows = _table_rows(node, p)
        columns = 2 if len(rows) > 8 else 1
        inner = max(
            text_width(hexadecimal(node.params), 9), text_width(node.kind.upper(), 10), 44.0 * columns if rows else 0
        )
        tall = 30 + 9.5 * len(rows) / columns if rows else 30
        return inner + 28, max(tall, 12 * len(node.pins) + 6)
    if node.kind == "mux":
        return 26 * s, 38 * s
    text = _written(node, p)
    inner = _margin(node) + lettering_width(text, letter_size(text)) + 10 if len(text) > 1 else 0.0
    tall = (12 if shape.pin else 8) * len(node.pins) + 8
    return max(36 * shape.wide, inner) * s, max(26 * shape.wide**0.5, tall) * s


def _tail(node: Node, s: float) -> float:
    """Return the room to the right of a gate for the type of the word it drives."""
    return 0.0 if node.word == BIT or node.kind in PORTS else text_width(str(node.word), TYPE_SIZE * s) + 2 * s


def dot_text(circuit: Circuit, p: Plan) -> str:
    """Return the plan as DOT text: what an engine lays out, and a plain drawing in its own right."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") + '"'

    def label(node: Node) -> str:
        if node.kind in PORTS:
            return _port_text(node)
        if node.kind == "const" or not GATE[node.kind].has_bits:
            return typed(_written(node, p), node.word)
        table = f"{node.kind.upper()}\n{hexadecimal(node.params)}" if node.params else node.kind
        return typed(_DOT_LABEL.get(node.kind) or table, node.word)

    name = visible(circuit.name)
    lines = [
        f"digraph {quoted(name)} {{",
        f"  graph [rankdir=LR nodesep={0.11 * p.scale:.3f} ranksep=0.5 tooltip={quoted(name)}];",
        '  node [shape=box style=filled fillcolor=white fontname="Helvetica" fontsize=10 margin="0.05,0.02"];',
        "  edge [arrowhead=none arrowsize=0.6 headport=w tailport=e];",
    ]
    for i, node in enumerate(p.nodes):
        if node.kind == "trunk":
            lines.append(f'  n{i} [shape=point width=0.01 height=0.01 label=""];')
            continue
        text = quoted(label(node)).replace("\n", "\\n")
        grey = f' color="{FAINT}" fontcolor="{FAINT}"' if node.dead else ""
        fill = f' fillcolor="{look(node.kind).fill}"' if node.kind not in PORTS else " shape=plain"
        size = f"width={node.width / 72:.3f} height={(node.height + 3) / 72:.3f}"
        lines.append(f"  n{i} [label={text} tooltip={quoted(node.tip)} {size}{fill}{grey}];")
    for column in p.columns:
        lines.append("  { rank=same; " + " ".join(f"n{i};" for i in column) + " }")
    for kind in ("input", "output"):
        ports = [f"n{i}" for i, node in enumerate(p.nodes) if node.kind == kind]
        if len(ports) > 1:
            lines.append("  " + " -> ".join(ports) + " [style=invis headport=_ tailport=_];")
    for i, node in enumerate(p.nodes):
        for q in node.pins:
            both = node.kind == "trunk" and p.nodes[q.source].kind == "trunk"
            style = " arrowhead=odot" if q.inverted else ""
            style += "" if p.nodes[q.source].word == BIT else " penwidth=2"
            lines.append(f"  n{q.source} -> n{i} [weight={8 if both else 2}{style}];")
    return "\n".join([*lines, "}", ""])


_DOT_LABEL = {
    "and": "&", "or": "≥1", "xor": "=1", "nand": "& ¬", "nor": "≥1 ¬", "xnor": "=", "not": "1 ¬", "buf": "1",
    "andnot": "&", "ornot": "≥1", "mux": "MUX", "maj": "MAJ",
}  # fmt: skip


def place(p: Plan, text: str, engine: str | None, timeout: float) -> None:
    """Order every column by an engine's layout of ``text`` and give each node its first ``y``."""
    # Heights are found again by straighten: past this size the engine's own search for them only costs time.
    effort = [] if len(p.nodes) < 1000 else ["-Gnslimit=0.05"]
    out = run(text, "-Tjson0", "-Gsplines=none", *effort, engine=engine, timeout=timeout)
    try:
        found = {o["name"]: o["pos"].split(",") for o in json.loads(out)["objects"] if "pos" in o}
        for i, node in enumerate(p.nodes):
            node.y = -float(found[f"n{i}"][1])
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise ToolError("drawing: the Graphviz engine wrote a layout that cannot be read") from error
    for column in p.columns:
        # Ports keep the circuit's order whatever the engine thinks of it.
        ports = [i for i in column if p.nodes[i].kind in ("input", "output")]
        heights = sorted(p.nodes[i].y for i in ports)
        for i, y in zip(ports, heights, strict=True):
            p.nodes[i].y = y
        column.sort(key=lambda i: (p.nodes[i].y, i))


def _unordered(kind: str) -> bool:
    """Tell whether a row's pins may be drawn in any order: all alike, or told apart by what is drawn at them."""
    shape = look(kind)
    return symmetric(OP[kind]) or shape.commutes or bool(shape.pin or shape.bubbles)


def _spread(p: Plan, i: int) -> None:
    """Order a node's pins by where their wires come from, where its row allows, and space them."""
    node = p.nodes[i]
    if not node.pins:
        return
    s = p.scale
    if node.kind == "mux":
        select, low, high = node.pins
        data = sorted((low, high), key=lambda q: p.nodes[q.source].y)
        data[0].offset, data[1].offset, select.offset = -8 * s, 8 * s, 27 * s
        return
    free = node.kind in GATE and _unordered(node.kind)
    order = sorted(node.pins, key=lambda q: p.nodes[q.source].y) if free else node.pins
    lut = node.kind.startswith("lut")
    step = 12.0 if lut else min(12.0 * s, (node.height - 8 * s) / max(1, len(order) - 1))
    for k, q in enumerate(order):
        q.offset = (k - (len(order) - 1) / 2) * step


def settle(desired: Sequence[float], apart: Sequence[float], weight: Sequence[float]) -> list[float]:
    """Return places nearest to the desired ones in the weighted L1 sense that keep order and distance.

    Pool adjacent violators with block medians (Robertson and Waltman 1968), so that most items land exactly where
    they want to be.

    Args:
        desired: wanted places, (n,).
        apart: least distance between item k and k + 1, (n - 1,).
        weight: how much an item minds, (n,).
    """
    shift = list(accumulate(apart, initial=0.0))[: len(desired)]
    blocks: list[tuple[float, list[tuple[float, float]]]] = []
    for d, o, w in zip(desired, shift, weight, strict=True):
        members = [(d - o, w)]
        middle = d - o
        while blocks and blocks[-1][0] > middle:
            members = sorted(blocks.pop()[1] + members)
            half, middle = sum(w for _, w in members) / 2, members[-1][0]
            for value, w_ in members:
                half -= w_
                if half <= 0:
                    middle = value
                    break
        blocks.append((middle, members))
    flat = [middle for middle, members in blocks for _ in members]
    return [z + o for z, o in zip(flat, shift, strict=True)]


def _apart(p: Plan, a: int, b: int) -> float:
    """Return the least distance between neighbours in a column."""
    nodes, s = p.nodes, p.scale

    def below(node: Node) -> float:
        return node.height / 2 + (14 * s if node.kind == "mux" else 0)

    thin = sum(nodes[i].kind == "trunk" for i in (a, b))
    gap = {2: 7.0, 1: 6.0, 0: 9.0}[thin] * s
    if nodes[a].kind == nodes[b].kind and nodes[a].kind in PORTS and not thin:
        gap = 4.0
    return below(nodes[a]) + nodes[b].height / 2 + gap


def straighten(p: Plan, rounds: int = 12) -> None:
    """Shift nodes, order kept: first towards the middle of what they are wired to, then until wires run straight."""
    nodes = p.nodes
    readers: dict[int, list[tuple[int, Pin]]] = defaultdict(list)
    for i, node in enumerate(nodes):
        for q in node.pins:
            readers[q.source].append((i, q))

    def sweep(columns: Iterable[list[int]], forward: bool, exact: bool) -> None:
        for column in columns:
            desired, weight = [], []
            for i in column:
                node = nodes[i]
                if forward:
                    _spread(p, i)
                    wants = [nodes[q.source].y - q.offset for q in node.pins]
                    firm = any(nodes[q.source].kind == "trunk" for q in node.pins)
                else:
                    wants = [nodes[r].y + q.offset for r, q in readers[i] if node.dead or not nodes[r].dead]
                    firm = any(nodes[r].kind == "trunk" for r, _ in readers[i])
                trunk = node.kind == "trunk"
                near = node.y + min((y - node.y for y in wants), key=abs, default=0.0)
                desired.append(near if exact or not wants else sum(wants) / len(wants))
                weight.append((8.0 if firm else 3.0) if trunk else 1.0 if wants else 0.2)
            apart = [_apart(p, a, b) for a, b in pairwise(column)]
            for i, y in zip(column, settle(desired, apart, weight), strict=True):
                nodes[i].y = y

    for i in range(len(nodes)):
        _spread(p, i)
    for turn in range(rounds):
        exact = turn >= rounds - 4
        sweep(reversed(p.columns[:-1]), forward=False, exact=exact)
        sweep(p.columns[1:], forward=True, exact=exact)
    sweep(p.columns[:1], forward=False, exact=True)
    for i in range(len(nodes)):
        _spread(p, i)
    _close_gaps(nodes)


EMPTY = 26.0
"""No band across the picture stays empty for more than this, in points."""


def _close_gaps(nodes: list[Node]) -> None:
    """Move everything below an empty band up; what was straight stays straight."""
    taken: list[tuple[float, float]] = []
    for node in nodes:
        ends = [node.y - node.height / 2, node.y + node.height / 2, *(node.y + q.offset for q in node.pins)]
        taken.append((min(ends), max(ends)))
    steps: list[tuple[float, float]] = []  # (from here on, move up by this)
    floor, total = -math.inf, 0.0
    for low, high in sorted(taken):
        if steps and low - floor > EMPTY:
            total += low - floor - EMPTY
            steps.append((low, total))
        elif not steps:
            steps.append((low, 0.0))
        floor = max(floor, high)
    starts = [low for low, _ in steps]
    for node, (low, _) in zip(nodes, taken, strict=True):
        node.y -= steps[bisect_right(starts, low) - 1][1]


@dataclass
class Net:
    """The part of a wire inside one channel: it comes in at ``y`` and leaves at each of ``ends``."""

    source: int
    y: float
    ends: list[float]
    dead: bool = False
    track: int = -1
    jogs: list[tuple[float, int]] = field(default_factory=list)
    """(height, track) of every earlier turn; ``y`` is where the net runs after the last of them."""

    @property
    def low(self) -> float:
        """Upper end of the vertical part."""
        return min(self.y, *self.ends)

    @property
    def high(self) -> float:
        """Lower end of the vertical part."""
        return max(self.y, *self.ends)

    @property
    def straight(self) -> bool:
        """Whether no vertical part is needed."""
        return self.high - self.low < 0.05


NEAR = 3.0
"""Wires closer than this, in points, look like one."""


def _free_height(net: Net, nets: list[Net]) -> float:
    """Return a height nearest to the middle of a net where no net of its channel comes in or leaves."""
    used = sorted({y for other in nets for y in (other.y, *other.ends)})
    middle = (net.y + sum(net.ends) / len(net.ends)) / 2
    edges = [used[0] - 4 * NEAR, *used, used[-1] + 4 * NEAR]
    between = [(a + b) / 2 for a, b in pairwise(edges) if b - a > 2 * NEAR]
    return min(between, key=lambda y: abs(y - middle))


def assign_tracks(nets: list[Net]) -> int:
    """Give every bent net of a channel a vertical track; return how many tracks there are.

    Greedy channel routing with vertical constraints (Hashimoto and Stevens 1971, left-edge; Deutsch 1976): a net that
    enters where another leaves must turn first. A net in a circle of such constraints turns twice.
    """
    bent = [net for net in nets if not net.straight]
    # Nets that go down turn from the lowest up, nets that go up from the highest down: fewest crossings.
    bent.sort(key=lambda n: (-n.y if sum(n.ends) / len(n.ends) > n.y else n.y, n.source))
    before = {id(a): {id(b) for b in bent if b is not a and any(abs(b.y - end) < NEAR for end in a.ends)} for a in bent}
    track, todo = 0, bent
    while todo:
        waiting = {id(net) for net in todo}
        ready = [net for net in todo if not before[id(net)] & waiting]
        if not ready:
            first = todo[0]
            first.jogs.append((first.y, track))
            first.y = _free_height(first, nets)
            for others in before.values():
                others.discard(id(first))
        taken: list[Net] = []
        for net in ready:
            if all(net.high + NEAR < other.low or other.high + NEAR < net.low for other in taken):
                net.track = track
                taken.append(net)
        todo = [net for net in todo if net.track < 0]
        track += 1
    return track


def _columns(p: Plan, channels: list[list[Net]]) -> tuple[list[float], list[float], list[list[float]]]:
    """Return per column its left side and width, and per channel the place of each track."""
    lane = max(5.0, 6.5 * p.scale)
    lefts, widths, tracks = [], [], []
    x = 0.0
    for r, column in enumerate(p.columns):
        ports = all(p.nodes[i].kind in PORTS for i in column)
        wide = max((p.nodes[i].width + _tail(p.nodes[i], p.scale) for i in column), default=0.0)
        widths.append(wide + (6 if ports else 20 * p.scale))
        lefts.append(x)
        x += widths[-1]
        if r < len(channels):
            count = assign_tracks(channels[r])
            tracks.append([x + 7 + lane * k for k in range(count)])
            x += 14 + lane * max(0, count - 1)
    return lefts, widths, tracks


def _channels(p: Plan) -> list[list[Net]]:
    """Return the nets of the channel after each column but the last."""
    ends: dict[int, list[float]] = defaultdict(list)
    alive = set()
    for node in p.nodes:
        for q in node.pins:
            ends[q.source].append(node.y + q.offset)
            if not node.dead:
                alive.add(q.source)
    return [[Net(i, p.nodes[i].y, ends[i], i not in alive) for i in column if i in ends] for column in p.columns[:-1]]


def _net_paths(
    net: Net, start: float, stop: float, tracks: list[float], color: str, s: float, word: Word
) -> list[Path]:
    """Return the lines of a net in its channel and a dot wherever three of them meet."""
    width, bus = _thickness(s, word), word != BIT
    if bus:  # the ends of wide lines overlap, so that no seam shows between the parts of a wire
        start, stop = start - 0.6, stop + 0.6
    if net.straight:
        return [line((start, net.y), (stop, net.y), stroke=color, width=width)]
    x, paths, corner = tracks[net.track], [], start
    turns = [*net.jogs, (net.y, net.track)]
    for (y, track), (after, _) in pairwise(turns):
        bend = tracks[track]
        paths.append(line((corner, y), (bend, y), (bend, after), stroke=color, width=width))
        corner = bend
    paths.append(line((corner, net.y), (x, net.y), stroke=color, width=width))
    paths.append(line((x, net.low), (x, net.high), stroke=color, width=width))
    places = sorted(set(net.ends))
    paths += [line((x, y), (stop, y), stroke=color, width=width) for y in places]
    for y in sorted({net.y, *places}):
        arms = (y > net.low) + (y < net.high) + (y == net.y) + (y in places)
        if arms > 2 or bus:  # the corners of wide lines are rounded
            r = (2.8 if bus else 2.0) * max(s, 0.85) if arms > 2 else width / 2
            paths.append(circle(x, y, r, fill=color, stroke=None))
    return paths


def _radius(s: float) -> float:
    """Return the radius of a bubble."""
    return max(2.3, 2.8 * s)


def _gate_stubs(node: Node, p: Plan, right: float) -> Iterable[tuple[int, Path]]:
    """Yield (wire, line) of the ends of wires between a gate's symbol and its column's sides."""
    r, color = _radius(p.scale), FAINT if node.dead else WIRE
    x, y, w, h = node.x + 2 * r + 1, node.y, node.width, node.height
    out = x + w + (2 * r if look(node.kind).inverted else 0)
    yield node.wire, line((out, y), (right, y), stroke=color, width=_thickness(1.0, node.word))
    for q in node.pins:
        source, py = p.nodes[q.source], y + q.offset
        if node.kind == "mux" and q.label == "s":
            cx, tip = x + w / 2, y + h * 0.385 + (2 * r if q.inverted else 0)
            yield source.wire, line((node.x, py), (cx, py), (cx, tip), stroke=color)
            continue
        end = x + inset(node.kind, w, h, q.offset)
        yield source.wire, line((node.x, py), (end, py), stroke=color, width=_thickness(1.0, source.word))


def _gate_items(node: Node, p: Plan) -> list[Path | Text]:
    """Return a gate's symbol, bubbles and labels."""
    s, shape = p.scale, look(node.kind)
    color, wire = (FAINT, FAINT) if node.dead else (INK, WIRE)
    r = _radius(s)
    x, y, w, h = node.x + 2 * r + 1, node.y, node.width, node.height
    items: list[Path | Text] = []
    if node.word != BIT:
        out = x + w + (2 * r if shape.inverted else 0)
        items.append(_slash(out + 5 * s, y, s, wire))
        label = Text(out + 8.5 * s, y - 2.8 * s, str(node.word), TYPE_SIZE * s, color=FAINT if node.dead else QUIET)
        items.append(label)
    for q in (q for q in node.pins if q.inverted):
        if node.kind == "mux" and q.label == "s":
            items.append(bubble(x + w / 2, y + h * 0.385 + r, r, dead=node.dead))
        else:
            # On a hollow rear the bubble stands between the horns, where it touches neither.
            items.append(bubble(x - r + (r if shape.hollow else 0), y + q.offset, r, dead=node.dead))
    items += body(node.kind, x, y, w, h, dead=node.dead)
    if shape.inverted:
        items.append(bubble(x + w + r, y, r, dead=node.dead))
    return items + list(_gate_texts(node, p, x, color))


def _slash(x: float, y: float, s: float, color: str) -> Path:
    """Return the stroke through a wire that says it is a bus."""
    return line((x - 2.2 * s, y + 4 * s), (x + 2.2 * s, y - 4 * s), stroke=color, width=0.9)


def _gate_texts(node: Node, p: Plan, x: float, color: str) -> Iterable[Path | Text]:
    """Yield what is written inside a gate's symbol."""
    s, y, w, shape = p.scale, node.y, node.width, look(node.kind)
    quiet = FAINT if node.dead else QUIET
    if shape.pin:
        for q in node.pins:
            if q.label == "s":
                continue
            size = 7.5 if node.kind.startswith("lut") else PIN_SIZE * s
            yield Text(x + 3, y + q.offset + size * 0.36, q.label, size, color=quiet)
    if node.kind == "const":
        yield Text(x + w / 2, y + 3.6 * s, str(node.params[0]), 10 * s, "middle", color)
    elif node.kind.startswith("lut"):
        rows = _table_rows(node, p)
        columns = 2 if len(rows) > 8 else 1
        per = -(-len(rows) // columns)
        top = y - (9.5 * per + 22) / 2
        middle = x + 5 + w / 2
        yield Text(middle, top + 9, node.kind.upper(), 9, "middle", color, True)
        yield Text(middle, top + 19, hexadecimal(node.params), 8.5, "middle", color)
        for k, (address, bit) in enumerate(rows):
            cx = middle + (k // per - (columns - 1) / 2) * 42
            cy = top + 30 + 9.5 * (k % per)
            yield Text(cx + 5, cy, address, 8, "end", quiet)
            yield Text(cx + 10, cy, bit, 8, "start", color, bit == "1")
    elif text := _written(node, p):
        yield from lettering(text, x + (w + _margin(node) * s) / 2, y, letter_size(text) * s, color)


def _entries(p: Plan) -> list[Entry]:
    """Return the legend of what occurs in a plan."""
    kinds = {node.kind for node in p.nodes} - set(PORTS)
    result: list[Entry] = []
    result += samples(kinds)
    if any(q.inverted for node in p.nodes for q in node.pins):
        result.append(([line((0, 0), (14, 0), stroke=WIRE), circle(16.5, 0, 2.5, fill=PAPER)], 19, "inverted"))
    if any(node.word != BIT for node in p.nodes):
        bus = [line((0, 0), (16, 0), stroke=WIRE, width=_thickness(1.0, Word(2))), _slash(8, 0, 1.0, WIRE)]
        result.append((bus, 16, "word of so many bits (s: signed, u: unsigned, sat: saturates)"))
    sources = [q.source for node in p.nodes for q in node.pins]
    if len(set(sources)) < len(sources):
        tee = [line((0, 0), (14, 0), stroke=WIRE), line((7, 0), (7, 6), stroke=WIRE)]
        result.append(([*tee, circle(7, 0, 2, fill=WIRE, stroke=None)], 14, "wires joined"))
    if any(node.dead and node.kind not in PORTS for node in p.nodes):
        result.append((body("and", 0, 0, 17, 13, dead=True), 17, "reaches no output"))
    return result


def compose(circuit: Circuit, p: Plan, marks: Marks, engine: str | None, timeout: float) -> Scene:
    """Place and route a plan and return the picture, with marks on its wires.

    Raises:
        ToolError: no Graphviz engine laid it out.
    """
    if p.nodes:
        place(p, dot_text(circuit, p), engine, timeout)
        straighten(p)
    channels = _channels(p)
    lefts, widths, tracks = _columns(p, channels)
    stubs: list[tuple[int, Path]] = []
    symbols: list[Group] = []
    for node in p.nodes:
        node.x = lefts[node.rank]
        side = node.x + widths[node.rank]
        if node.kind in ("input", "output"):
            stubs += _port_stubs(node, p, side)
            symbols.append(Group(tuple(_port_items(node, side)), node.tip, node.kind, node.wire))
        elif node.kind != "trunk":
            stubs += _gate_stubs(node, p, side)
            symbols.append(Group(tuple(_gate_items(node, p)), node.tip, "gate", node.wire))
    groups = [*_wire_groups(p, channels, lefts, widths, tracks, stubs), *symbols]
    return framed(circuit, painted(groups, marks, 9 * p.scale), [*_entries(p), *entries(marks)])


def _port_stubs(node: Node, p: Plan, side: float) -> Iterable[tuple[int, Path]]:
    """Yield (wire, line) of the end of an input's or output's wire at its column's side."""
    thick = _thickness(1.0, node.word)
    if node.kind == "input":
        yield node.wire, line((side - 4, node.y), (side, node.y), stroke=FAINT if node.dead else WIRE, width=thick)
    elif not node.pins[0].inverted:
        source = p.nodes[node.pins[0].source].wire
        yield source, line((node.x, node.y), (node.x + 5, node.y), stroke=WIRE, width=thick)


def _port_items(node: Node, side: float) -> list[Path | Text]:
    """Return an input's or output's name, and the bubble of an output that inverts."""
    color, name = FAINT if node.dead else INK, _port_text(node)
    if node.kind == "input":
        return [Text(side - 7, node.y + 3.8, name, PORT_SIZE, "end", color)]
    items: list[Path | Text] = [Text(node.x + 9, node.y + 3.8, name, PORT_SIZE, "start", color)]
    return [*items, bubble(node.x + 2.8, node.y, 2.8)] if node.pins[0].inverted else items


def _wire_groups(
    p: Plan,
    channels: list[list[Net]],
    lefts: list[float],
    widths: list[float],
    tracks: list[list[float]],
    stubs: Iterable[tuple[int, Path]],
) -> list[Group]:
    """Return every wire as one group, so that resting on any part of it shows the whole."""
    parts: dict[int, list[Path]] = defaultdict(list)
    sources: dict[int, Node] = {}
    for node in p.nodes:
        sources.setdefault(node.wire, node)
        if node.kind == "trunk":
            left = lefts[node.rank]
            color = FAINT if node.dead else WIRE
            ends = (left, node.y), (left + widths[node.rank], node.y)
            parts[node.wire].append(line(*ends, stroke=color, width=_thickness(p.scale, node.word)))
    for r, channel in enumerate(channels):
        for net in channel:
            color = FAINT if net.dead else WIRE
            source = p.nodes[net.source]
            start, stop = lefts[r] + widths[r], lefts[r + 1]
            parts[source.wire] += _net_paths(net, start, stop, tracks[r], color, p.scale, source.word)
    for wire, stub in stubs:
        parts[wire].append(stub)
    return [
        Group(tuple(parts[wire]), sources[wire].tip, "net", wire, sources[wire].word != BIT) for wire in sorted(parts)
    ]


def _thickness(scale: float, word: Word) -> float:
    """Return the width of a wire: a bus is twice as wide as a bit."""
    return (1.0 if scale > 0.8 else 0.8) * (1.0 if word == BIT else 2.2)
