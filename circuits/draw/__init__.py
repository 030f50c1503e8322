"""Pictures of circuits: SVG, PNG, PDF and DOT, laid out by Graphviz, and an interactive HTML page."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from circuits.draw import bundled, overview, schematic
from circuits.draw.engine import ENGINES, TIMEOUT
from circuits.draw.marks import View, marked
from circuits.draw.page import Frame, page
from circuits.draw.paint import WRITERS, darkened, svg
from circuits.errors import CircuitError, FormatError
from circuits.gates import MAX_LUT
from circuits.order import depth

if TYPE_CHECKING:
    from circuits.circuit import Circuit
    from circuits.draw.scene import Scene

__all__ = ["ENGINES", "FORMATS", "OVERVIEW", "SYMBOLS", "Frame", "View", "draw", "render", "source"]

FORMATS = (*WRITERS, "dot", "html")
"""What pictures can be written as."""

SYMBOLS = 320
"""Circuits with more gates than this are drawn by small symbols in blocks, their wires in bundles."""

OVERVIEW = 2000
"""Circuits with more gates than this are drawn as a table of levels and kinds of gates."""

CROWD = 12_000
"""Nor circuits with more gates, ports and crossings of a wire with a level together, such as long chains."""

PINS = MAX_LUT * SYMBOLS
"""Nor those whose gates read more wires than this: sums of words with more terms than a column has room for."""

BUNDLED = MAX_LUT * OVERVIEW
"""Circuits with more ends of wires than this are drawn as a table too."""

DEEP = 160
"""So are deeper circuits than this, if they have too many gates for symbols and single wires."""

QUIET = 5
"""Circuits with more gates than this have their inverters drawn as bubbles unless asked otherwise."""


NOTHING = View()


def _fold(circuit: Circuit, fold: bool | None) -> bool:
    return circuit.num_gates > QUIET if fold is None else fold


def _plan(circuit: Circuit, fold: bool) -> schematic.Plan | None:
    """Return the plan of a gate-by-gate picture, or None where symbols and single wires are not readable."""
    if circuit.num_gates > SYMBOLS or len(circuit.fanin) > PINS or circuit.num_inputs + circuit.num_outputs > CROWD:
        return None
    plan = schematic.plan(circuit, fold)
    return plan if len(plan.nodes) <= CROWD else None


def _bundles(circuit: Circuit) -> bool:
    """Tell whether blocks of symbols and bundles of wires are readable."""
    ends = len(circuit.fanin) + circuit.num_wires + circuit.num_outputs
    return circuit.num_gates <= OVERVIEW and ends <= BUNDLED and depth(circuit) <= DEEP


def source(circuit: Circuit, *, fold: bool | None = None) -> str:
    """Return the circuit as DOT text, one column a level, ready for any Graphviz.

    Args:
        circuit: what to draw.
        fold: draw inverters as circles on the edges that read them; default for more than five gates.
    """
    fold = _fold(circuit, fold)
    return schematic.dot_text(circuit, _plan(circuit, fold) or schematic.plan(circuit, fold, trunks=False))


def scene(
    circuit: Circuit,
    *,
    view: View = NOTHING,
    fold: bool | None = None,
    engine: str | None = None,
    timeout: float = TIMEOUT,
) -> Scene:
    """Return the picture before it is written: gate by gate, in blocks beyond SYMBOLS, counted beyond OVERVIEW gates.

    Raises:
        CircuitError: a view of what is not there.
        ToolError: no Graphviz engine, or none that manages the layout.
    """
    shown, marks = marked(circuit, view)
    plan = _plan(shown, _fold(shown, fold))
    if plan is not None:
        picture = schematic.compose(shown, plan, marks, engine, timeout)
    elif _bundles(shown):
        picture = bundled.compose(shown, marks)
    elif view.pattern or view.highlight:
        raise CircuitError(
            f"{shown.name!r} is too large for values and highlights: {shown.num_gates:,} gates, {depth(shown):,} "
            f"levels; expected at most {OVERVIEW:,} of {DEEP}, such as the cone of one output"
        )
    else:
        picture = overview.compose(shown)
    return darkened(picture) if view.dark else picture


def render(
    circuit: Circuit,
    format: str,
    *,
    view: View = NOTHING,
    frames: Sequence[Frame] = (),
    fold: bool | None = None,
    engine: str | None = None,
    timeout: float = TIMEOUT,
) -> bytes:
    """Return the picture of a circuit in one of FORMATS.

    Args:
        circuit: what to draw; inputs on the left, one column a level, outputs on the right.
        format: svg, pdf, png, dot or html.
        view: what to show beside the circuit; a .dot file shows the circuit alone.
        frames: what came before the circuit, for a page to replay.
        fold: draw inverters as bubbles on the pins that read them; default for more than five gates.
        engine: one of ENGINES, default the first that works: ``dot`` on PATH, then ``graphviz-pure``.
        timeout: seconds an engine may take.

    Raises:
        FormatError: an unknown format.
        CircuitError: a view of what is not there.
        ToolError: no Graphviz engine, or none that manages the layout.
    """
    if format == "dot":
        return source(marked(circuit, view)[0], fold=fold).encode()
    if format == "html":

        def picture(part: Circuit, look: View) -> bytes:
            if _plan(part, _fold(part, fold)) is None and not _bundles(part):
                look = NOTHING
            return svg(scene(part, view=look, fold=fold, engine=engine, timeout=timeout))

        return page(circuit, frames, view, picture)
    if format not in WRITERS:
        raise FormatError(f"cannot draw as {format!r}, expected one of {', '.join(FORMATS)}")
    return WRITERS[format](scene(circuit, view=view, fold=fold, engine=engine, timeout=timeout), engine)


def draw(
    circuit: Circuit,
    path: str | PathLike[str],
    *,
    view: View = NOTHING,
    frames: Sequence[Frame] = (),
    fold: bool | None = None,
    engine: str | None = None,
    timeout: float = TIMEOUT,
) -> None:
    """Write the picture of a circuit to a file; its suffix picks the format (.svg, .pdf, .png, .dot, .html).

    The file appears whole or not at all. Arguments and errors as :func:`render`.

    Raises:
        FormatError: an unknown suffix, or a place that cannot be written.
        ToolError: no Graphviz engine, or none that manages the layout.
    """
    target = Path(path)
    suffix = target.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        known = ", ".join(f".{f}" for f in FORMATS)
        raise FormatError(f"cannot draw to suffix {target.suffix!r}, expected one of {known}", path=target)
    data = render(circuit, suffix, view=view, frames=frames, fold=fold, engine=engine, timeout=timeout)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name[:40]}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(target)
    except OSError as error:
        raise FormatError(f"cannot be written ({error.strerror})", path=target) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
