"""DOT: the plain graph of gates for graphviz; write only."""

from __future__ import annotations

from circuits.circuit import Circuit


def quoted(text: str) -> str:
    """Return text as a DOT string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write(circuit: Circuit) -> bytes:
    """Write a digraph from left to right: inputs, gates labelled by row (look-up tables by their table), outputs.

    The table stands most significant entry first. Edges into gates of several fan-ins carry the pin.
    """
    parts = [
        f"digraph {quoted(circuit.name)} {{",
        "  rankdir=LR;",
        '  node [fontname="Helvetica", fontsize=11];',
        '  edge [fontname="Helvetica", fontsize=8, arrowsize=0.6];',
        "  { rank=source; node [shape=cds]; "
        + " ".join(f"w{k} [label={quoted(name)}];" for k, name in enumerate(circuit.input_names))
        + " }",
        "  { rank=sink; node [shape=cds, style=bold]; "
        + " ".join(f"o{k} [label={quoted(name)}];" for k, name in enumerate(circuit.output_names))
        + " }",
        "  node [shape=box, style=rounded];",
    ]
    for wire, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        table = "".join(map(str, reversed(params)))
        parts.append(f"  w{wire} [label={quoted(f'{op} {table}'.strip())}];")
        for pin, source in enumerate(fanin):
            label = f" [headlabel={quoted(str(pin))}]" if len(fanin) > 1 else ""
            parts.append(f"  w{source} -> w{wire}{label};")
    parts += [f"  w{wire} -> o{k};" for k, wire in enumerate(circuit.outputs.tolist())]
    return ("\n".join(parts) + "\n}\n").encode()
