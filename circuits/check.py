"""The law of the representation: a list of (name, predicate).

Everything that makes a circuit from outside calls :func:`check`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from circuits.errors import CircuitError
from circuits.gates import GATES

if TYPE_CHECKING:
    from circuits.circuit import Circuit

_ARITY = np.array([gate.arity for gate in GATES])
_PARAMS = np.array([gate.param_count for gate in GATES])
_LO = np.array([gate.param_range[0] for gate in GATES])
_HI = np.array([gate.param_range[1] for gate in GATES])


def _starts(start: np.ndarray, flat: np.ndarray, counts: np.ndarray) -> bool:
    return bool(start[0] == 0 and start[-1] == len(flat) and np.array_equal(np.diff(start), counts))


def _topological(c: Circuit) -> bool:
    reader = np.repeat(np.arange(c.num_gates), np.diff(c.fanin_start)) + c.num_inputs
    return bool(np.all((c.fanin >= 0) & (c.fanin < reader)))


def _in_range(c: Circuit) -> bool:
    owner = np.repeat(c.op, np.diff(c.param_start))
    return bool(np.all((c.params >= _LO[owner]) & (c.params <= _HI[owner])))


def _usable(names: tuple[str, ...]) -> bool:
    """Tell whether every name can be a token of a netlist: something, and no space or control character in it."""
    return all(name and name.isprintable() and " " not in name for name in names)


LAWS: list[tuple[str, Callable[[Circuit], bool]]] = [
    ("every op is a row of the gate table", lambda c: bool(np.all(c.op < len(GATES)))),
    ("fan-in slices match the rows' arity", lambda c: _starts(c.fanin_start, c.fanin, _ARITY[c.op])),
    ("parameter slices match the rows", lambda c: _starts(c.param_start, c.params, _PARAMS[c.op])),
    ("gates read only earlier wires", _topological),
    ("parameters are in their gate's range", _in_range),
    ("outputs are wires", lambda c: bool(np.all((c.outputs >= 0) & (c.outputs < c.num_wires)))),
    ("one name per output", lambda c: len(c.output_names) == len(c.outputs)),
    ("input names are distinct", lambda c: len(set(c.input_names)) == len(c.input_names)),
    ("output names are distinct", lambda c: len(set(c.output_names)) == len(c.output_names)),
    ("names are printable, without spaces, not empty", lambda c: _usable(c.input_names) and _usable(c.output_names)),
]


def check(circuit: Circuit) -> Circuit:
    """Return the circuit if it obeys every law.

    Raises:
        CircuitError: naming the first law it breaks.
    """
    for law, holds in LAWS:
        if not holds(circuit):
            raise CircuitError(f"circuit {circuit.name!r}: breaks the law '{law}'")
    return circuit
