"""BENCH: one named gate a line (Brglez and Fujiwara 1985, the ISCAS'85 netlists; LUT, vdd and gnd as ABC has them).

Only combinational files. Gates of more than two inputs are read as trees. A multiplexer is ``MUX(select, one, zero)``:
its second operand is chosen where the select is 1.
"""

from __future__ import annotations

import re

from circuits.circuit import Circuit
from circuits.errors import FormatError
from circuits.formats.netlist import MAX_PORTS, Netlist, net_names
from circuits.formats.text import lines, shown
from circuits.gates import MAX_LUT, OP, gate_table

MAX_LUT_INPUTS = 12
"""Wider look-up tables are refused."""

_PORT = re.compile(r"(INPUT|OUTPUT)\s*\(\s*([^\s(),=]+)\s*\)", re.IGNORECASE)
_GATE = re.compile(r"([^\s(),=]+)\s*=\s*(\w+)(?:\s+(0x[0-9a-f]+))?\s*(?:\(([^()=]*)\))?", re.IGNORECASE)

_AND, _OR, _XOR = (gate_table(OP[op]) for op in ("and", "or", "xor"))
_MUX = gate_table(OP["mux"])
_TREES = {
    "AND": (_AND, False), "NAND": (_AND, True),
    "OR": (_OR, False), "NOR": (_OR, True),
    "XOR": (_XOR, False), "XNOR": (_XOR, True),
}  # fmt: skip
_ONE = {"NOT": 0b01, "INV": 0b01, "BUFF": 0b10, "BUF": 0b10}
_CONSTANTS = {"GND": 0, "VDD": 1}
_WORDS = {"buf": "BUFF", "not": "NOT", **{word.lower(): word for word in _TREES}}  # row -> how it is written


def parse(data: bytes, name: str) -> Circuit:
    """Read a netlist; definitions may come in any order.

    Raises:
        FormatError: flip-flops, unknown gates, malformed lines, nets without or with two drivers, cycles.
        CircuitError: a port listed twice.
    """
    netlist = Netlist()
    ports: dict[str, list[str]] = {"INPUT": [], "OUTPUT": []}
    for line, text in lines(data):
        statement = text.partition("#")[0].strip()
        if not statement:
            continue
        if gate := _GATE.fullmatch(statement):
            target, word, table, operands = gate.groups()
            reads = [] if operands is None or not operands.strip() else [n.strip() for n in operands.split(",")]
            if any(not net or " " in net or "\t" in net for net in reads):
                raise FormatError(f"got {shown(statement)}, expected names with commas between", line=line)
            nets = tuple([netlist.net(net) for net in reads])
            _define(netlist, netlist.net(target), word.upper(), table, nets, line)
        elif port := _PORT.fullmatch(statement):
            kind, net = port[1].upper(), port[2]
            if len(ports["INPUT"]) + len(ports["OUTPUT"]) == MAX_PORTS:
                raise FormatError(f"got more than {MAX_PORTS} inputs and outputs", line=line)
            ports[kind].append(net)
            if kind == "INPUT":
                netlist.drive_from_outside(net, line)
        else:
            raise FormatError(f"got {shown(statement)}, expected INPUT(x), OUTPUT(y) or y = AND(a, b)", line=line)
    if not any(ports.values()):
        raise FormatError("got no INPUT and no OUTPUT, expected a BENCH netlist")
    return netlist.circuit(ports["INPUT"], ports["OUTPUT"], name)


def _define(netlist: Netlist, target: int, word: str, table: str | None, nets: tuple[int, ...], line: int) -> None:
    """Add one gate."""
    if (word == "LUT") != (table is not None):
        raise FormatError(f"{word}: expected a table such as 0x8 behind LUT, and only there", line=line)
    if table is not None:
        _lut(netlist, target, table, nets, line)
    elif word in _TREES and nets:
        op, invert = _TREES[word]
        if len(nets) == 1:
            netlist.define(target, 0b01 if invert else 0b10, nets, line)
            return
        half = (len(nets) + 1) // 2
        pair = netlist.tree(op, nets[:half], line), netlist.tree(op, nets[half:], line)
        netlist.define(target, op ^ 0b1111 if invert else op, pair, line)
    elif word in _ONE and len(nets) == 1:
        netlist.define(target, _ONE[word], nets, line)
    elif word == "MUX" and len(nets) == 3:
        select, one, zero = nets
        netlist.define(target, _MUX, (select, zero, one), line)
    elif word in _CONSTANTS and not nets:
        netlist.define(target, _CONSTANTS[word], (), line)
    elif word.startswith("DFF"):
        raise FormatError(f"got {word}, a flip-flop; only combinational circuits are read", line=line)
    elif word in {*_TREES, *_ONE, *_CONSTANTS, "MUX"}:
        raise FormatError(f"{word}: got {len(nets)} inputs", line=line)
    else:
        known = " ".join([*_TREES, *_ONE, "MUX", "LUT", *_CONSTANTS])
        raise FormatError(f"got {shown(word)}, expected one of {known}", line=line)


def _lut(netlist: Netlist, target: int, text: str, nets: tuple[int, ...], line: int) -> None:
    """Add a look-up table: bit v of the number is the output at address v, the first input the lowest bit."""
    if len(nets) > MAX_LUT_INPUTS:
        raise FormatError(f"LUT: got {len(nets)} inputs, expected at most {MAX_LUT_INPUTS}", line=line)
    digits = text[2:].lstrip("0") or "0"
    size = 1 << len(nets)
    if 4 * (len(digits) - 1) >= size or int(digits, 16) >> size:
        raise FormatError(f"LUT: got {shown(text)}, expected {size} bits for {len(nets)} inputs", line=line)

    def expanded(table: int, reads: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        """Return a gate of at most 6 inputs for the table: wide ones choose between their halves."""
        if len(reads) <= MAX_LUT:
            return table, reads
        half = 1 << len(reads) - 1
        halves = [netlist.add(*expanded(t, reads[:-1]), line) for t in (table & (1 << half) - 1, table >> half)]
        return _MUX, (reads[-1], *halves)

    netlist.define(target, *expanded(int(digits, 16), nets), line)


def _gate_text(op: str, params: tuple[int, ...], reads: list[str]) -> str:
    table = gate_table(OP[op], params)
    if op == "const":
        return "vdd" if table else "gnd"
    word = _WORDS.get(op) or f"LUT 0x{table:x} "
    return f"{word}({', '.join(reads)})"


def write(circuit: Circuit) -> bytes:
    """Write a gate a line: the word of the row where the format has one, else its table.

    Raises:
        FormatError: neither inputs nor outputs; such a file would be empty.
    """
    if not (circuit.num_inputs or circuit.num_outputs):
        raise FormatError("a BENCH file lists ports, got a circuit without inputs and outputs")
    names, copies = net_names(circuit)
    parts = [
        f"# {circuit.name}\n",
        *(f"INPUT({name})\n" for name in circuit.input_names),
        *(f"OUTPUT({name})\n" for name in circuit.output_names),
    ]
    for wire, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        parts.append(f"{names[wire]} = {_gate_text(op, params, [names[f] for f in fanin])}\n")
    parts += [f"{output} = BUFF({net})\n" for output, net in copies]
    return "".join(parts).encode()
