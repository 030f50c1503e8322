"""The law of the representation: a list of (name, predicate).

Everything that makes a circuit from outside calls :func:`check`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from circuits.arithmetic import ANY
from circuits.errors import CircuitError
from circuits.gates import GATES, misfit
from circuits.wires import TYPES

if TYPE_CHECKING:
    from circuits.circuit import Circuit

_ARITY = np.array([gate.arity for gate in GATES])
_PARAMS = np.array([gate.param_count for gate in GATES])
_LO = np.array([gate.param_range[0] for gate in GATES], np.int8)  # of bit faces; small, as tables have many parameters
_HI = np.array([gate.param_range[1] for gate in GATES], np.int8)
_ON_BITS = np.array([gate.has_bits for gate in GATES])
_TYPED = np.array([word is not None for word in TYPES])


def word_gates(c: Circuit) -> np.ndarray:
    """Return a mask of the gates that show their word face: those that read or drive a word, or have no other face."""
    mask = ~_ON_BITS[c.op] | (c.types[c.num_inputs :] != 0)
    if c.types.any():
        reads = c.types[c.fanin] != 0
        mask |= np.add.reduceat(np.append(reads, False), c.fanin_start[:-1]) * (np.diff(c.fanin_start) > 0) > 0
    return mask


def _slices(start: np.ndarray, flat: np.ndarray) -> bool:
    return bool(start[0] == 0 and start[-1] == len(flat) and np.all(np.diff(start) >= 0))


def _arity(c: Circuit) -> bool:
    counts, wanted = np.diff(c.fanin_start), _ARITY[c.op]
    return _slices(c.fanin_start, c.fanin) and bool(np.all((counts == wanted) | ((wanted == ANY) & (counts > 0))))


def _param_counts(c: Circuit) -> bool:
    right = np.diff(c.param_start) == _PARAMS[c.op]
    return _slices(c.param_start, c.params) and bool(np.all(right | word_gates(c)))


def _words_fit(c: Circuit) -> bool:
    return not any(
        misfit(GATES[c.op[g]], [c.type_of(f) for f in c.fanins(g)], c.type_of(c.num_inputs + g), c.gate_params(g))
        for g in np.flatnonzero(word_gates(c)).tolist()
    )


def _topological(c: Circuit) -> bool:
    reader = np.repeat(np.arange(c.num_gates), np.diff(c.fanin_start)) + c.num_inputs
    return bool(np.all((c.fanin >= 0) & (c.fanin < reader)))


def _in_range(c: Circuit) -> bool:
    counts = np.diff(c.param_start)
    owner, words = np.repeat(c.op, counts), np.repeat(word_gates(c), counts)
    return bool(np.all(((c.params >= _LO[owner]) & (c.params <= _HI[owner])) | words))


def _usable(names: tuple[str, ...]) -> bool:
    """Tell whether every name can be a token of a netlist: something, and no space or control character in it."""
    return all(name and name.isprintable() and " " not in name for name in names)


LAWS: list[tuple[str, Callable[[Circuit], bool]]] = [
    ("every op is a row of the gate table", lambda c: bool(np.all(c.op < len(GATES)))),
    ("one type per wire", lambda c: len(c.types) == c.num_wires and bool(np.all(_TYPED[c.types]))),
    ("fan-in slices match the rows' arity", _arity),
    ("gates read only earlier wires", _topological),
    ("parameter slices match the rows", _param_counts),
    ("parameters are in their gate's range", _in_range),
    ("word gates fit the types and parameters they have", _words_fit),
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
