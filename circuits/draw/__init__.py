"""Pictures of circuits: SVG, PNG, PDF and DOT, laid out by Graphviz."""

from __future__ import annotations

import os
import tempfile
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from circuits.draw import overview, schematic
from circuits.draw.engine import ENGINES, TIMEOUT
from circuits.draw.paint import WRITERS
from circuits.errors import FormatError
from circuits.gates import MAX_LUT

if TYPE_CHECKING:
    from circuits.circuit import Circuit
    from circuits.draw.scene import Scene

__all__ = ["ENGINES", "FORMATS", "OVERVIEW", "draw", "render", "source"]

FORMATS = (*WRITERS, "dot")
"""What pictures can be written as."""

OVERVIEW = 320
"""Circuits with more gates than this are drawn level by level instead of gate by gate."""

CROWD = 12_000
"""So are circuits with more gates, ports and crossings of a wire with a level together, such as long chains."""

PINS = MAX_LUT * OVERVIEW
"""So are circuits whose gates read more wires than this: sums of words with more terms than a column has room for."""

QUIET = 5
"""Circuits with more gates than this have their inverters drawn as bubbles unless asked otherwise."""


def _fold(circuit: Circuit, fold: bool | None) -> bool:
    return circuit.num_gates > QUIET if fold is None else fold


def _plan(circuit: Circuit, fold: bool) -> schematic.Plan | None:
    """Return the plan of a gate-by-gate picture, or None where only an overview is readable."""
    if circuit.num_gates > OVERVIEW or len(circuit.fanin) > PINS or circuit.num_inputs + circuit.num_outputs > CROWD:
        return None
    plan = schematic.plan(circuit, fold)
    return plan if len(plan.nodes) <= CROWD else None


def source(circuit: Circuit, *, fold: bool | None = None) -> str:
    """Return the circuit as DOT text, one column a level, ready for any Graphviz.

    Args:
        circuit: what to draw.
        fold: draw inverters as circles on the edges that read them; default for more than five gates.
    """
    fold = _fold(circuit, fold)
    return schematic.dot_text(circuit, _plan(circuit, fold) or schematic.plan(circuit, fold, trunks=False))


def scene(circuit: Circuit, *, fold: bool | None = None, engine: str | None = None, timeout: float = TIMEOUT) -> Scene:
    """Return the picture before it is written: gate by gate, or level by level beyond OVERVIEW gates.

    Raises:
        ToolError: no Graphviz engine, or none that manages the layout.
    """
    plan = _plan(circuit, _fold(circuit, fold))
    return overview.compose(circuit) if plan is None else schematic.compose(circuit, plan, engine, timeout)


def render(
    circuit: Circuit,
    format: str,
    *,
    fold: bool | None = None,
    engine: str | None = None,
    timeout: float = TIMEOUT,
) -> bytes:
    """Return the picture of a circuit in one of FORMATS.

    Args:
        circuit: what to draw; inputs on the left, one column a level, outputs on the right.
        format: svg, pdf, png or dot.
        fold: draw inverters as bubbles on the pins that read them; default for more than five gates.
        engine: one of ENGINES, default the first that works: ``dot`` on PATH, then ``graphviz-pure``.
        timeout: seconds an engine may take.

    Raises:
        FormatError: an unknown format.
        ToolError: no Graphviz engine, or none that manages the layout.
    """
    if format == "dot":
        return source(circuit, fold=fold).encode()
    if format not in WRITERS:
        raise FormatError(f"cannot draw as {format!r}, expected one of {', '.join(FORMATS)}")
    return WRITERS[format](scene(circuit, fold=fold, engine=engine, timeout=timeout), engine)


def draw(
    circuit: Circuit,
    path: str | PathLike[str],
    *,
    fold: bool | None = None,
    engine: str | None = None,
    timeout: float = TIMEOUT,
) -> None:
    """Write the picture of a circuit to a file; its suffix picks the format (.svg, .pdf, .png, .dot).

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
    data = render(circuit, suffix, fold=fold, engine=engine, timeout=timeout)
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
