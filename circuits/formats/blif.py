"""BLIF: one ``.names`` cover per gate (Berkeley Logic Interchange Format, University of California, 1992).

Only flat combinational models. Covers of at most 6 inputs are one gate each, wider ones sums of products.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from circuits.circuit import Circuit
from circuits.errors import FormatError
from circuits.formats.netlist import MAX_PORTS, Netlist, net_names
from circuits.formats.text import lines, shown
from circuits.gates import MAX_LUT, OP, gate_table
from circuits.names import completed

_FOREIGN = {
    ".latch": "a latch; only combinational circuits are read",
    ".subckt": "a subcircuit; flatten the design first",
    ".gate": "a library cell; write the design as .names first",
    ".mlatch": "a library latch; only combinational circuits are read",
    ".exdc": "external don't-cares; drop them first",
}
_KNOWN = (".model", ".inputs", ".outputs", ".names", ".end")
_AND, _OR = gate_table(OP["and"]), gate_table(OP["or"])
_LINE = 100  # characters, then a list of ports goes on in the next line


def _logical_lines(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line number, words) with comments gone and continued lines joined."""
    words: list[str] = []
    start = 0
    for line, text in lines(data):
        text = text.partition("#")[0].rstrip()
        start = start or line
        words += text.removesuffix("\\").split()
        if text.endswith("\\"):
            continue
        if words:
            yield start, words
        words, start = [], 0
    if words:
        yield start, words


def parse(data: bytes, name: str) -> Circuit:
    """Read one model; definitions may come in any order.

    Raises:
        FormatError: other directives, malformed covers, nets without or with two drivers, cycles.
    """
    netlist = Netlist()
    model: str | None = None
    inputs: list[tuple[str, int]] = []
    outputs: list[str] = []
    gate: list[str] | None = None
    gate_line, rows, ended = 0, list[str](), False

    def finish() -> None:
        if gate is not None:
            _define(netlist, gate, rows, gate_line)

    for line, words in _logical_lines(data):
        word, *rest = words
        if not word.startswith("."):
            if gate is None:
                raise FormatError(f"got {shown(word)}, expected one of {' '.join(_KNOWN)}", line=line)
            if len(words) != 1 + (len(gate) > 1):
                raise FormatError(f"got {len(words)} words, expected a row of the cover and its output", line=line)
            rows.append(" ".join(words))
            continue
        if ended or (word == ".model" and model is not None):
            raise FormatError(f"got {word} behind the first model, expected one flat model", line=line)
        finish()
        gate, rows = None, []
        if word in _FOREIGN:
            raise FormatError(f"got {word}, {_FOREIGN[word]}", line=line)
        if word == ".model":
            model = " ".join(rest)
        elif word in (".inputs", ".outputs") and len(inputs) + len(outputs) + len(rest) > MAX_PORTS:
            raise FormatError(f"got more than {MAX_PORTS} inputs and outputs", line=line)
        elif word == ".inputs":
            inputs += [(net, line) for net in rest]
        elif word == ".outputs":
            outputs += rest
        elif word == ".names":
            if not rest:
                raise FormatError("got .names without a net, expected its inputs and its output", line=line)
            gate, gate_line = rest, line
        elif word == ".end":
            ended = True
        else:
            raise FormatError(f"got {shown(word)}, expected one of {' '.join(_KNOWN)}", line=line)
    finish()
    if model is None and not (inputs or outputs):
        raise FormatError("got no .model, .inputs or .outputs; expected a BLIF model")
    for net, line in inputs:
        netlist.drive_from_outside(net, line)
    circuit = netlist.circuit([net for net, _ in inputs], outputs, model or name)
    return circuit.renamed(
        inputs=completed(list(circuit.input_names), "i"), outputs=completed(list(circuit.output_names), "o")
    )


def _define(netlist: Netlist, nets: list[str], rows: list[str], line: int) -> None:
    """Add the gate of one cover."""
    *reads, target = (netlist.net(net) for net in nets)
    try:
        cover = _cover(tuple(rows), len(reads))
    except FormatError as error:
        raise FormatError(f".names {shown(nets[-1])}: {error.message}", line=line) from None
    if isinstance(cover, int):
        netlist.define(target, cover, tuple(reads), line)
        return
    products, value = cover
    wires = []
    for product in products:
        literals = [netlist.literal(net, int(c), line) for net, c in zip(reads, product, strict=True) if c != "-"]
        wires.append(netlist.tree(_AND, literals, line))
    joined = netlist.tree(_OR, wires, line)
    netlist.define(target, 0b10 if value else 0b01, (joined,), line)


@lru_cache(maxsize=1 << 12)
def _cover(rows: tuple[str, ...], inputs: int) -> int | tuple[tuple[str, ...], int]:
    """Return a cover's truth table, or its products and the value they give when it is too wide for one."""
    pairs = [row.split() if inputs else ["", row] for row in rows]
    for product, on in pairs:
        if len(product) != inputs or product.strip("01-") or on not in ("0", "1"):
            raise FormatError(f"got the row {shown(f'{product} {on}')}, expected {inputs} of 0 1 - and a 0 or 1")
    values = {on for _, on in pairs}
    if len(values) > 1:
        raise FormatError("got rows for 0 and rows for 1, expected a cover of one of them")
    value = int(values.pop()) if values else 1
    if not pairs:
        return 0 if inputs <= MAX_LUT else ((), 1)
    if inputs > MAX_LUT:
        return tuple(product for product, _ in pairs), value
    size = 1 << inputs
    full = (1 << size) - 1
    covered = 0
    for product, _ in pairs:
        table = full
        for k, c in enumerate(product):
            if c != "-":
                variable = sum(1 << v for v in range(size) if v >> k & 1)
                table &= variable if c == "1" else full ^ variable
        covered |= table
    return covered if value else full ^ covered


@lru_cache(maxsize=1 << 12)
def _rows(table: int, inputs: int) -> str:
    """Return a table's cover, the smaller of its on-set and its off-set, a row a pattern."""
    size = 1 << inputs
    value = int(2 * table.bit_count() <= size)
    patterns = (v for v in range(size) if table >> v & 1 == value)
    return "".join("".join(str(v >> k & 1) for k in range(inputs)) + f" {value}\n" for v in patterns)


def _cover_text(op: int, reads: list[str], target: str, params: tuple[int, ...]) -> str:
    """Return the ``.names`` of one gate; a constant reads nothing, as an empty cover over inputs is not read by all."""
    table = gate_table(op, params)
    if table in (0, (1 << (1 << len(reads))) - 1):
        return f".names {target}\n" + "1\n" * (table & 1)
    return f".names {' '.join([*reads, target])}\n{_rows(table, len(reads))}"


def _listed(word: str, names: tuple[str, ...]) -> str:
    """Return a directive and its names, continued over lines of a readable length."""
    text, width = [word], len(word)
    for name in names:
        if width + len(name) > _LINE:
            text.append("\\\n")
            width = 0
        text.append(name)
        width += len(name) + 1
    return " ".join(text) + "\n"


def write(circuit: Circuit) -> bytes:
    """Write a model with a ``.names`` per gate."""
    names, copies = net_names(circuit)
    parts = [
        f".model {circuit.name}\n",
        _listed(".inputs", circuit.input_names),
        _listed(".outputs", circuit.output_names),
    ]
    for wire, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        parts.append(_cover_text(OP[op], [names[f] for f in fanin], names[wire], params))
    parts += [_cover_text(OP["buf"], [net], output, ()) for output, net in copies]
    return "".join([*parts, ".end\n"]).encode()
