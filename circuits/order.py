"""Topological facts about a circuit: levels, fan-out, cones, statistics."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from circuits.circuit import Circuit

_FREE = frozenset({"const", "buf", "not"})  # rows that add no level


def levels(circuit: Circuit) -> NDArray[np.int32]:
    """Return the level of every wire: inputs and constants 0, inverters and buffers free, others 1 + deepest fan-in."""
    level = [0] * circuit.num_wires
    for wire, (op, fanin, _) in enumerate(circuit.gates(), circuit.num_inputs):
        if fanin:
            level[wire] = max([level[f] for f in fanin]) + (op not in _FREE)
    return np.array(level, np.int32)


def depth(circuit: Circuit) -> int:
    """Return the level of the deepest output."""
    return int(levels(circuit)[circuit.outputs].max(initial=0))


def fanout_counts(circuit: Circuit) -> NDArray[np.int64]:
    """Return how many gate pins and outputs read each wire."""
    return np.bincount(circuit.fanin, minlength=circuit.num_wires) + np.bincount(
        circuit.outputs, minlength=circuit.num_wires
    )


def fanin_cone(circuit: Circuit, wires: list[int] | NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask of the wires that ``wires`` depend on, themselves included."""
    mask = np.zeros(circuit.num_wires, bool)
    mask[np.asarray(wires, int)] = True
    fanin, start, n = circuit.fanin.tolist(), circuit.fanin_start.tolist(), circuit.num_inputs
    for g in reversed(range(circuit.num_gates)):
        if mask[n + g]:
            mask[fanin[start[g] : start[g + 1]]] = True
    return mask


def fanout_cone(circuit: Circuit, wire: int) -> NDArray[np.bool_]:
    """Return a mask of the wires that depend on ``wire``, itself included."""
    mask = np.zeros(circuit.num_wires, bool)
    mask[wire] = True
    fanin, start, n = circuit.fanin.tolist(), circuit.fanin_start.tolist(), circuit.num_inputs
    for g in range(circuit.num_gates):
        if any(mask[f] for f in fanin[start[g] : start[g + 1]]):
            mask[n + g] = True
    return mask


def statistics(circuit: Circuit) -> dict[str, Any]:
    """Return the counts people report: inputs, outputs, gates, kinds (gates by row), levels, params."""
    return {
        "inputs": circuit.num_inputs,
        "outputs": circuit.num_outputs,
        "gates": circuit.num_gates,
        "kinds": dict(sorted(Counter(name for name, _, _ in circuit.gates()).items())),
        "levels": depth(circuit),
        "params": len(circuit.params),
    }
