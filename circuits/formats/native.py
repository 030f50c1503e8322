"""The package's own format: every array of a circuit as JSON, versioned, one field a line.

Version 2 adds the type of every wire as text (``bit``, ``s8``, ``u4sat``); a circuit of bits is written as version 1,
which knows the rows with a bit face only.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from circuits.check import check
from circuits.circuit import Circuit
from circuits.errors import CircuitError, FormatError
from circuits.formats.text import decode, shown
from circuits.gates import BIT_GATES, GATES, OP
from circuits.wires import parsed

FORMAT, VERSIONS = "gatewright-circuit", (1, 2)
_NAMES = ("input_names", "output_names", "op")
_WIRES = ("fanin_start", "fanin", "param_start", "outputs")
_FIELDS = ("format", "version", "name", "input_names", "output_names", "op", *_WIRES[:3], "params", "outputs")
_TYPED_FIELDS = (*_FIELDS, "types")
_ROWS = {1: [gate.name for gate in BIT_GATES], 2: list(OP)}


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
    if type(version) is not int or version not in VERSIONS:
        known = " or ".join(map(str, VERSIONS))
        raise FormatError(f"got version {shown(str(version))}, expected {known}; a newer release may read it")
    fields = _FIELDS if version == 1 else _TYPED_FIELDS
    if set(found) != set(fields):
        odd = sorted(set(found) ^ set(fields))[0]
        raise FormatError(f"field {shown(odd)} is {'missing' if odd in fields else 'unknown'}")
    if not isinstance(found["name"], str) or not found["name"].isprintable():
        raise FormatError('field "name": expected printable text')
    for field in _NAMES:
        _listed(found, field, str)
    for field in (*_WIRES, "params"):
        lo, hi = (-(1 << 63), 1 << 63) if field == "params" else (0, 1 << 31)
        values = _listed(found, field, int)
        if values and not (lo <= min(values) and max(values) < hi):
            raise FormatError(f'field "{field}": expected integers from {lo} below {hi}')
    rows = _ROWS[version]
    unknown = next((op for op in dict.fromkeys(found["op"]) if op not in rows), None)
    if unknown is not None:
        raise FormatError(f'field "op": got {shown(unknown)}, expected one of {" ".join(rows)}')
    for field in ("fanin_start", "param_start"):
        if len(found[field]) != len(found["op"]) + 1:
            raise FormatError(f'field "{field}": got {len(found[field])} numbers, expected {len(found["op"]) + 1}')
    types = _types(found)
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
            types,
        )
    )


def _types(found: dict[str, Any]) -> NDArray[np.uint8]:
    """Return the code of every wire's type: a bit where none are given."""
    wires = len(found["input_names"]) + len(found["op"])
    given = _listed(found, "types", str) if "types" in found else ["bit"] * wires
    if len(given) != wires:
        raise FormatError(f'field "types": got {len(given)} types, expected one a wire, {wires}')
    try:
        return np.array([parsed(text).code for text in given], np.uint8)
    except CircuitError as error:
        raise FormatError(f'field "types": {error}') from None


def _listed(found: dict[str, Any], field: str, kind: type) -> list[Any]:
    values = found[field]
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise FormatError(f'field "{field}": expected a list of {"strings" if kind is str else "integers"}')
    return values


def write(circuit: Circuit) -> bytes:
    """Write every array; the same circuit always gives the same bytes."""
    typed = circuit.has_words
    values: dict[str, Any] = {"format": FORMAT, "version": VERSIONS[typed], "name": circuit.name}
    values |= {field: list(getattr(circuit, field)) for field in _NAMES[:2]}
    values["op"] = [GATES[op].name for op in circuit.op.tolist()]
    values |= {field: getattr(circuit, field).tolist() for field in (*_WIRES, "params")}
    values["types"] = [str(circuit.type_of(w)) for w in range(circuit.num_wires)] if typed else []
    fields = (f"  {json.dumps(f)}: {json.dumps(values[f])}" for f in (_TYPED_FIELDS if typed else _FIELDS))
    return ("{\n" + ",\n".join(fields) + "\n}\n").encode()
