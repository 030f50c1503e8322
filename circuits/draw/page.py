"""One self-contained HTML page of a circuit: toggle inputs, watch values and derivatives, replay how it was learned."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from circuits.draw.frame import counts
from circuits.draw.marks import View, marked
from circuits.draw.scene import visible
from circuits.formats import native

if TYPE_CHECKING:
    from circuits.circuit import Circuit


class Frame(NamedTuple):
    """A circuit on the way to the one that was learned.

    Attributes:
        circuit: as it was; None where only the facts are known, and the last circuit is shown.
        facts: what is said of it, such as step, errors and ands.
        confusion: of a classifier: answer -> how often it was given, one number a class; classes are the first answers.
    """

    circuit: Circuit | None
    facts: Mapping[str, float | str]
    confusion: Mapping[str, Sequence[float]] = MappingProxyType({})


def page(circuit: Circuit, frames: Sequence[Frame], view: View, picture: Callable[[Circuit, View], bytes]) -> bytes:
    """Return the page.

    Args:
        circuit: what was learned, shown first.
        frames: what came before it.
        view: the cone, and the pattern to begin with; all else is the reader's choice.
        picture: ``picture(circuit, view)``: an SVG.

    Raises:
        CircuitError: a view of what is not there.
        ToolError: no Graphviz engine, or none that manages the layout.
    """
    shown, marks = marked(circuit, view._replace(highlight=(), derivative=False))
    values = [0] * shown.num_inputs if marks.values is None else marks.values
    given = dict(zip(shown.input_names, values, strict=False))
    made: list[dict[str, Any]] = []
    for frame in (*frames, Frame(circuit, {})):
        told: dict[str, Any] = {"facts": dict(frame.facts)}
        if frame.confusion:
            told["confusion"] = {answer: list(counts) for answer, counts in frame.confusion.items()}
        if frame.circuit is not None:
            part, _ = marked(frame.circuit, View(cone=view.cone))
            first = [str(given.get(name, 0)) for name in part.input_names]
            # The page paints the values; the picture has places for them.
            svg = picture(part, View(pattern=",".join(first))).decode()
            svg = re.sub(r"<\?xml.*?\?>\s*|<style>.*?</style>\s*", "", svg, flags=re.DOTALL)
            told |= {"circuit": native.write(part).decode(), "svg": svg, "given": first}
        made.append(told)
    parts = {
        "title": escape(visible(shown.name)),
        "counts": counts(shown),
        "svg": made[-1].pop("svg"),
        "data": json.dumps(made).replace("<", "\\u003c"),
        "script": (files("circuits.draw") / "page.js").read_text(encoding="utf-8"),
    }
    template = (files("circuits.draw") / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{(\w+)\}", lambda found: parts.get(found[1], found[0]), template).encode()
