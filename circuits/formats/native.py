"""The package's own format: every array of a circuit as JSON, versioned, one field a line."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import numpy as np

from circuits.check import check
from circuits.circuit import Circuit
from circuits.errors import FormatError
from circuits.formats.text import decode, shown
from circuits.gates import GATES, OP

FORMAT, VERSION = "gatewright-circuit", 1
_NAMES = ("input_names", "output_names", "op")
_WIRES = ("fanin_start", "fanin", "param_start", "outputs")
_FIELDS = ("format", "version", "name", "input_names", "output_names", "op", *_WIRES[:3], "params", "outputs")


def _refuse_constant(value: str) -> NoReturn:
    raise FormatError(f"got {value}, expected integers and strings only")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FormatError("got a field twice, expected each once")
    return found


def parse(data: bytes, name: str) -> Circuit:
    """Read a circuit; every field must be there, with its type, and no other.

    Raises:
        FormatError: no JSON, another format or version, fields or values that do not fit.
        CircuitError: arrays that break a law of the circuit.
    """
    try:
        found = json.loads(decode(data), parse_constant=_refuse_constant, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error.msg}", line=error.lineno) from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, FormatError):
            raise
        what = "nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
        raise FormatError(f"not a circuit: {what}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise FormatError(f'expected an object with "format": "{FORMAT}"')
    version = found.get("version")
    if type(version) is not int or version != VERSION:
        raise FormatError(f"got version {shown(str(version))}, expected {VERSION}; a newer release may read it")
    if set(found) != set(_FIELDS):
        odd = sorted(set(found) ^ set(_FIELDS))[0]
        raise FormatError(f"field {shown(odd)} is {'missing' if odd in _FIELDS else 'unknown'}")
    if not isinstance(found["name"], str) or not found["name"].isprintable():
        raise FormatError('field "name": expected printable text')
    for field in _NAMES:
        _listed(found, field, str)
    for field in (*_WIRES, "params"):
        lo, hi = (-(1 << 63), 1 << 63) if field == "params" else (0, 1 << 31)
        values = _listed(found, field, int)
        if values and not (lo <= min(values) and max(values) < hi):
            raise FormatError(f'field "{field}": expected integers from {lo} below {hi}')
    unknown = next((op for op in found["op"] if op not in OP), None)
    if unknown is not None:
        raise FormatError(f'field "op": got {shown(unknown)}, expected one of {" ".join(OP)}')
    for field in ("fanin_start", "param_start"):
        if len(found[field]) != len(found["op"]) + 1:
            raise FormatError(f'field "{field}": got {len(found[field])} numbers, expected {len(found["op"]) + 1}')
    starts, fanin, param_starts, outputs = (np.array(found[field], np.int32) for field in _WIRES)
    return check(
        Circuit(
            tuple(found["input_names"]),
            tuple(found["output_names"]),
            np.array([OP[op] for op in found["op"]], np.uint8),
            starts,
            fanin,
            param_starts,
            np.array(found["params"], np.int64),
            outputs,
            found["name"],
        )
    )


def _listed(found: dict[str, Any], field: str, kind: type) -> list[Any]:
    values = found[field]
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise FormatError(f'field "{field}": expected a list of {"strings" if kind is str else "integers"}')
    return values


def write(circuit: Circuit) -> bytes:
    """Write every array; the same circuit always gives the same bytes."""
    values: dict[str, Any] = {"format": FORMAT, "version": VERSION, "name": circuit.name}
    values |= {field: list(getattr(circuit, field)) for field in _NAMES[:2]}
    values["op"] = [GATES[op].name for op in circuit.op.tolist()]
    values |= {field: getattr(circuit, field).tolist() for field in (*_WIRES, "params")}
    fields = (f"  {json.dumps(field)}: {json.dumps(values[field])}" for field in _FIELDS)
    return ("{\n" + ",\n".join(fields) + "\n}\n").encode()
