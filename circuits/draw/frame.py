"""What every picture has around it: a title above, one legend below, a margin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from circuits.draw.scene import QUIET, Group, Path, Scene, Text, bounds, elided, placed, text_width, visible
from circuits.draw.shapes import look, meaning, sample, sample_width
from circuits.gates import GATE
from circuits.order import statistics
from circuits.wires import BIT, Word

if TYPE_CHECKING:
    from circuits.circuit import Circuit

Entry = tuple[Sequence[Path | Text], float, str]
"""A line of a legend: a symbol painted around its left middle (0, 0), its width, its words."""

MARGIN = 22.0
NARROW = 300.0
"""No picture is narrower, so that its title and legend have room."""


def typed(name: str, word: Word) -> str:
    """Return the name of a wire, with the type behind it if it is a word."""
    return name if word == BIT else f"{name} : {word}"


def ranged(name: str, word: Word) -> str:
    """Return the name of a wire, with type and range behind it if it is a word."""
    return name if word == BIT else f"{typed(name, word)}, {word.lo}..{word.hi}"


LISTED = 64
"""Up to this many numbers are listed when a pointer rests on a gate, and as many fan-ins."""


def hexadecimal(params: Sequence[int]) -> str:
    """Return a table in hexadecimal, address 0 the least significant bit."""
    digits = max(1, len(params) // 4)
    return f"0x{sum(p << v for v, p in enumerate(params)):0{digits}X}"


def _listed(items: Sequence[object], apart: str) -> str:
    more = f"{apart}… of {len(items):,}" if len(items) > LISTED else ""
    return apart.join(map(str, items[:LISTED])) + more


def _parameters(op: str, params: Sequence[int]) -> str:
    """Return a gate's parameters in words, a table of bits in hexadecimal."""
    if len(params) > 1 and GATE[op].has_bits:
        return f" {hexadecimal(params)}"
    return f" [{_listed(params, ' ')}]" if len(params) > 1 else f" {params[0]}" if params else ""


def tips(circuit: Circuit) -> list[str]:
    """Return what is said of each wire when a pointer rests on it: its name and where it comes from."""
    names = circuit.wire_names()
    told = [f"input {name}" for name in circuit.input_names]
    for wire, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        told.append(f"{names[wire]} = {op}{_parameters(op, params)}({_listed([names[f] for f in fanin], ', ')})")
    return [ranged(text, circuit.type_of(wire)) for wire, text in enumerate(told)]


def counts(circuit: Circuit) -> str:
    """Return how many inputs, outputs, gates and levels a circuit has, in words."""
    facts = statistics(circuit)
    words = ("input", "output", "gate", "level")
    return ", ".join(f"{facts[word + 's']:,} {word}{'' if facts[word + 's'] == 1 else 's'}" for word in words)


def samples(kinds: Iterable[str]) -> list[Entry]:
    """Return the legend entries of rows of the gate table, in its order; all look-up tables share one."""
    occurring = set(kinds)
    result: dict[str, Entry] = {}
    for kind in [k for k in GATE if k in occurring]:
        shape = look(kind)
        pad = 3.0 if shape.bubbles else 0.0
        wide = max(17.0 * min(shape.wide, 1), sample_width(kind, 13)) + pad + (3 if shape.inverted else 0)
        result.setdefault(meaning(kind), (sample(kind, pad, 0, 13), wide, meaning(kind)))
    return list(result.values())


def legend(entries: list[Entry], right: float) -> list[Group]:
    """Return the legend from (0, 0) on, with a new line wherever it would pass ``right``."""
    groups: list[Group] = []
    x, y, size = 0.0, 9.0, 9.0
    for paths, wide, words in entries:
        need = wide + 6 + text_width(words, size)
        if x and x + need > right:
            x, y = 0.0, y + 20
        symbol = placed(Group(tuple(paths)), x, y).items
        groups.append(Group((*symbol, Text(x + wide + 6, y + 3.2, words, size, color=QUIET)), kind="legend"))
        x += need + 16
    return groups


def framed(circuit: Circuit, groups: list[Group], entries: list[Entry]) -> Scene:
    """Return the picture: the groups below the circuit's name and counts, the legend below them."""
    left, top, right, low = bounds(groups)
    name = visible(circuit.name)
    heading = Group(
        (Text(0, 12, elided(name, 60), 15, bold=True), Text(0, 28, counts(circuit), 10, color=QUIET)), kind="title"
    )
    # Title and legend grow with the picture, so that one glance reads both.
    wide = max(right - left, NARROW)
    zoom = min(2.4, max(1.0, wide / 1000))
    wide = max(wide, bounds([heading])[2] * zoom)
    above, below = 46 * zoom, 14 + 8 * zoom
    body = [placed(group, MARGIN - left, MARGIN + above - top) for group in groups]
    floor = MARGIN + above + (low - top) + below
    lines = [placed(group, MARGIN, floor, zoom) for group in legend(entries, wide / zoom)]
    end = bounds(lines)[3] if lines else floor - below
    title = placed(heading, MARGIN, MARGIN, zoom)
    return Scene(wide + 2 * MARGIN, end + MARGIN, f"{name}: {counts(circuit)}", [title, *body, *lines])
