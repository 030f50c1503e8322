"""DOT: the plain graph of gates for graphviz; write only."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.check import word_gates
from circuits.circuit import Circuit
from circuits.wires import BIT, Word

SHOWN_PARAMS = 8
"""Parameters of a word gate that are shown; of more, the first ones and how many there are."""


def quoted(text: str) -> str:
    """Return text as a DOT string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _typed(label: str, word: Word) -> str:
    """Return a label with the type of a word behind it."""
    return label if word == BIT else f"{label} : {word}"


def _word_label(op: str, params: Sequence[int]) -> str:
    """Return the label of a word gate: ``dot [3 -2 7]``."""
    listed = [*map(str, params[:SHOWN_PARAMS])]
    if len(params) > SHOWN_PARAMS:
        listed.append(f"... {len(params)}")
    return f"{op} [{' '.join(listed)}]" if listed else op


def write(circuit: Circuit) -> bytes:
    """Write a digraph from left to right: inputs, gates labelled by row (look-up tables by their table), outputs.

    The table stands most significant entry first; word gates show their parameters in order and their type, as do word
    inputs. Edges into gates of several fan-ins carry the pin.
    """
    on_words = word_gates(circuit).tolist()
    inputs = [_typed(name, word) for name, word in zip(circuit.input_names, circuit.input_types, strict=True)]
    parts = [
        f"digraph {quoted(circuit.name)} {{",
        "  rankdir=LR;",
        '  node [fontname="Helvetica", fontsize=11];',
        '  edge [fontname="Helvetica", fontsize=8, arrowsize=0.6];',
        "  { rank=source; node [shape=cds]; "
        + " ".join(f"w{k} [label={quoted(name)}];" for k, name in enumerate(inputs))
        + " }",
        "  { rank=sink; node [shape=cds, style=bold]; "
        + " ".join(f"o{k} [label={quoted(name)}];" for k, name in enumerate(circuit.output_names))
        + " }",
        "  node [shape=box, style=rounded];",
    ]
    for wire, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        if on_words[wire - circuit.num_inputs]:
            label = _typed(_word_label(op, params), circuit.type_of(wire))
        else:
            label = f"{op} {''.join(map(str, reversed(params)))}".strip()
        parts.append(f"  w{wire} [label={quoted(label)}];")
        for pin, source in enumerate(fanin):
            label = f" [headlabel={quoted(str(pin))}]" if len(fanin) > 1 else ""
            parts.append(f"  w{source} -> w{wire}{label};")
    parts += [f"  w{wire} -> o{k};" for k, wire in enumerate(circuit.outputs.tolist())]
    return ("\n".join(parts) + "\n}\n").encode()
