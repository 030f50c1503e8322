"""What a picture shows beside the circuit: values, derivatives and cones, as colours and labels on its wires."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.draw.scene import ACCENT, FAINT, GHOST, HALO, PAPER, QUIET, VALUE, Group, Path, Text, line
from circuits.errors import CircuitError
from circuits.order import fanin_cone, fanout_cone
from circuits.rewrite import cone_of
from circuits.simulate import trace

if TYPE_CHECKING:
    from circuits.circuit import Circuit
    from circuits.draw.frame import Entry


class View(NamedTuple):
    """What is asked of a picture beside the circuit itself.

    Attributes:
        cone: draw only what this output depends on.
        highlight: wires and outputs by name; what feeds them and what they feed stays, all else turns faint.
        pattern: values of the circuit's inputs, shown on all wires: digits, input 0 first, or integers apart by commas.
        derivative: show which wires change an output where they alone are inverted; needs a pattern of bits.
        dark: paint light on dark.
    """

    cone: str = ""
    highlight: tuple[str, ...] = ()
    pattern: str = ""
    derivative: bool = False
    dark: bool = False


class Marks(NamedTuple):
    """What is marked on each wire; None for nothing.

    Attributes:
        values: the value of each wire.
        slopes: what each wire does to the outputs: 0 nothing, 1 the one output rises with it, -1 falls, 2 changes one
            of several.
        strong: bool (wires), those that stay.
    """

    values: Sequence[int] | None = None
    slopes: Sequence[int] | None = None
    strong: NDArray[np.bool_] | None = None


def parsed_pattern(circuit: Circuit, text: str) -> list[int]:
    """Return the values of the inputs that a text spells: ``1011``, input 0 first, or ``3,-1,7``.

    Raises:
        CircuitError: no such text, or not one value an input.
    """
    spelled = text.split(",") if "," in text or circuit.num_inputs == 1 else list(text)
    if not all(re.fullmatch(r"\s*-?\d{1,20}\s*", part) for part in spelled) or len(spelled) != circuit.num_inputs:
        raise CircuitError(
            f"pattern: got {text[:40]!r}, expected {circuit.num_inputs} digits, input 0 first, or integers, "
            "one an input, with commas between"
        )
    return list(map(int, spelled))


def marked(circuit: Circuit, view: View) -> tuple[Circuit, Marks]:
    """Return the part of a circuit that a view shows, and what is marked on its wires.

    Raises:
        CircuitError: an output or a wire that is not there, or a derivative without a pattern or of words.
        TableError: a pattern that does not fit the inputs.
    """
    shown = cone_of(circuit, view.cone) if view.cone else circuit
    values: list[int] | None = None
    if view.pattern:
        given = dict(zip(circuit.input_names, parsed_pattern(circuit, view.pattern), strict=True))
        values = [step.value for step in trace(shown, [given[name] for name in shown.input_names])]
    slopes = None
    if view.derivative:
        if values is None or shown.has_words:
            raise CircuitError("derivative: expected a pattern to take it at, and a circuit of bits")
        slopes = _slopes(shown, values)
    strong = np.logical_or.reduce([_related(shown, name) for name in view.highlight]) if view.highlight else None
    return shown, Marks(values, slopes, strong)


def _slopes(circuit: Circuit, values: Sequence[int]) -> list[int]:
    from circuits.reverse import observability

    seen = observability(circuit, np.array([[np.uint64(v)] for v in values[: circuit.num_inputs]]).reshape(-1, 1))
    changes = (seen[:, :, 0] & np.uint64(1)).astype(bool)
    if circuit.num_outputs != 1:
        return [2 * bool(row.any()) for row in changes]
    out = values[circuit.outputs[0]]
    return [(1 if value == out else -1) * int(row[0]) for value, row in zip(values, changes, strict=True)]


def _related(circuit: Circuit, name: str) -> NDArray[np.bool_]:
    """Return a mask of the wires that feed a wire or an output, that it feeds, and itself."""
    named = dict(
        zip([*circuit.wire_names(), *circuit.output_names], [*range(circuit.num_wires), *circuit.outputs], strict=True)
    )
    if name not in named:
        raise CircuitError(f"highlight: {circuit.name!r} has no wire or output {name!r}")
    after = fanout_cone(circuit, named[name]) if name not in circuit.output_names else False
    return fanin_cone(circuit, [named[name]]) | after


def _faded(item: Path | Text) -> Path | Text:
    if isinstance(item, Text):
        return replace(item, color=FAINT)
    fill = item.fill and (PAPER if item.fill == PAPER else FAINT if item.stroke is None else GHOST)
    return replace(item, stroke=item.stroke and FAINT, fill=fill)


def _equal(item: Path | Text, value: int) -> Path | Text:
    return replace(item, text=f"{item.text} = {value}") if isinstance(item, Text) else item


def _coloured(item: Path, color: str, wider: float) -> Path:
    return replace(item, stroke=item.stroke and color, fill=item.fill and color, width=item.width * wider)


def painted(groups: Sequence[Group], marks: Marks, size: float, unlabelled: int = 0) -> list[Group]:
    """Return the groups of a picture with the marks on them.

    Args:
        groups: what is painted, each with the wire it shows.
        marks: what to mark.
        size: of the values written at the wires' beginnings, in points.
        unlabelled: wires below this have no room for them.
    """
    result: list[Group] = []
    halos: list[Group] = []  # under all wires, so that none hides another
    for group in groups:
        wire, items = group.wire, group.items
        if wire >= 0 and marks.strong is not None and not marks.strong[wire]:
            group = replace(group, items=tuple(map(_faded, items)))
        elif wire >= 0 and group.kind == "net":
            lines = [item for item in items if isinstance(item, Path)]
            if marks.values is not None:
                one = bool(marks.values[wire])
                lines = [_coloured(item, VALUE[one], 1.5 if one else 1.0) for item in lines]
            elif marks.strong is not None:
                lines = [_coloured(item, ACCENT, 1.3) for item in lines]
            if marks.slopes is not None and marks.slopes[wire]:
                halo = [replace(p, stroke=HALO, fill=None, width=p.width + 5) for p in lines if p.stroke]
                halos.append(Group(tuple(halo), kind="halo"))
            group = replace(group, items=tuple(lines))
        if group.kind == "output" and marks.values is not None:
            items = tuple(_equal(item, marks.values[group.wire]) for item in group.items)
            group = replace(group, items=items)
        result.append(group)
    if marks.values is not None:
        result += _labels(groups, marks, size, unlabelled)
    return halos + result


def _labels(groups: Iterable[Group], marks: Marks, size: float, unlabelled: int) -> Iterable[Group]:
    """Yield the values, each at the beginning of its wire, with a sign behind it where the output rises or falls."""
    assert marks.values is not None
    for group in groups:
        starts = [item.points[0] for item in group.items if isinstance(item, Path)]
        if (
            group.kind != "net"
            or not starts
            or group.wire < unlabelled
            or (marks.strong is not None and not marks.strong[group.wire])
        ):
            continue
        x, y = min(starts)
        value = marks.values[group.wire]
        slope = marks.slopes[group.wire] if marks.slopes is not None else 0
        text = str(value).replace("-", "\N{MINUS SIGN}") + {1: " +", -1: " \N{MINUS SIGN}"}.get(slope, "")
        below = size + 0.5 if group.word else -2.0  # above a bus stands its type
        yield Group(
            (Text(x + 1.5, y + below, text, size, color=VALUE[bool(value)], bold=bool(value)),),
            kind="value",
            wire=group.wire,
        )


def entries(marks: Marks) -> list[Entry]:
    """Return what a legend says of the marks."""
    result: list[Entry] = []
    if marks.values is not None:
        result.append(([line((0, 0), (14, 0), stroke=VALUE[False])], 14, "0"))
        result.append(([line((0, 0), (14, 0), stroke=VALUE[True], width=1.8)], 14, "1"))
    if marks.slopes is not None:
        words = "changes the output (+ rises with it)" if set(marks.slopes) - {0, 2} else "changes an output"
        result.append(([line((0, 0), (14, 0), stroke=HALO, width=6), line((0, 0), (14, 0), stroke=QUIET)], 14, words))
    if marks.strong is not None:
        result.append(([line((0, 0), (14, 0), stroke=ACCENT, width=1.6)], 14, "highlighted"))
    return result
