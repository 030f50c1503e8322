"""BLIF: one ``.names`` cover per gate (Berkeley Logic Interchange Format, University of California, 1992).

Only combinational models. Covers of at most 6 inputs are one gate each, wider ones sums of products. The first model of
a file is the circuit; the models it contains (``.subckt``) are copied into it, and theirs into them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from circuits.circuit import Circuit
from circuits.errors import FormatError
from circuits.formats.netlist import MAX_NETS, MAX_PORTS, Netlist, evaluation_order, net_names
from circuits.formats.text import lines, shown
from circuits.gates import MAX_LUT, OP, gate_table
from circuits.names import completed

MAX_MODELS = 1 << 16  # a file of nothing but .model lines takes a kilobyte a line
_FOREIGN = {
    ".latch": "a latch; only combinational circuits are read",
    ".gate": "a library cell; write the design as .names first",
    ".mlatch": "a library latch; only combinational circuits are read",
    ".exdc": "external don't-cares; drop them first",
    ".search": "another file; put its models into this one",
}
_KNOWN = (".model", ".inputs", ".outputs", ".names", ".subckt", ".end")
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


class _Instance(NamedTuple):
    """A ``.subckt`` line.

    Attributes:
        line: where it stands.
        model: the name of the model it copies.
        formals: names of ports of that model.
        actuals: the nets these are in the model around.
    """

    line: int
    model: str
    formals: tuple[str, ...]
    actuals: tuple[int, ...]


class _Part(NamedTuple):
    """An instance whose model is found: nets of that model -> nets of the model around."""

    model: _Model
    given: dict[int, int]


class _Model:
    """One model: its netlist, its ports, and what it contains."""

    def __init__(self, name: str | None, line: int) -> None:
        self.name, self.line = name, line
        self.netlist = Netlist()
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.instances: list[_Instance] = []
        self.formals: dict[str, bool] = {}  # is a port an input? known when the file is read, as are
        self.parts: list[_Part] = []  # the instances in order, each with its model

    def add_inputs(self, names: list[str], line: int) -> None:
        """Add inputs, which drive nets."""
        for name in names:
            self.netlist.drive_from_outside(name, line)
        self.inputs += names

    def add_outputs(self, names: list[str], line: int) -> None:
        """Add outputs; what drives them may follow."""
        self.outputs += names

    def add_instance(self, words: list[str], line: int) -> None:
        """Add the instance of a ``.subckt`` line."""
        if not words:
            raise FormatError("got .subckt without a model, expected its name and formal=actual pairs", line=line)
        model, *pairs = words
        split = [pair.partition("=") for pair in pairs]
        for pair, (formal, _, actual) in zip(pairs, split, strict=True):
            if not (formal and actual):
                raise FormatError(f".subckt {shown(model)}: got {shown(pair)}, expected formal=actual", line=line)
        actuals = tuple([self.netlist.net(actual) for _, _, actual in split])
        self.instances.append(_Instance(line, model, tuple([formal for formal, _, _ in split]), actuals))


def parse(data: bytes, name: str) -> Circuit:
    """Read the first model and the ones it contains; definitions may come in any order.

    Raises:
        FormatError: other directives, malformed covers and instances, nets without or with two drivers, cycles, designs
            that are too large once they are flat.
    """
    models = _models(data)
    top = next(iter(models.values()), None)
    if top is None or (top.name is None and not (top.inputs or top.outputs)):
        raise FormatError("got no .model, .inputs or .outputs; expected a BLIF model")
    if len(models) > 1 or top.instances:
        _link(models)
        _check_hierarchy(list(models.values()))
        _flatten(top)
    circuit = top.netlist.circuit(top.inputs, top.outputs, top.name or name)
    return circuit.renamed(
        inputs=completed(list(circuit.input_names), "i"), outputs=completed(list(circuit.output_names), "o")
    )


def _models(data: bytes) -> dict[str | None, _Model]:
    """Return the models of a file by name, in order; lines before any ``.model`` make one without a name."""
    reader = _Reader()
    for line, words in _logical_lines(data):
        if words[0].startswith("."):
            reader.finish()
            reader.directive(words[0], words[1:], line)
        else:
            reader.row(words, line)
    reader.finish()
    return reader.models


class _Reader:
    """Reads a file line by line; ``models`` are the models so far."""

    def __init__(self) -> None:
        self.models: dict[str | None, _Model] = {}
        self._open: _Model | None = None
        self._netlist = Netlist()  # of the open model
        self._gate: list[str] | None = None  # the nets of the cover whose rows come now
        self._gate_line, self._rows = 0, list[str]()
        self._ports = self._pins = 0  # in all models: what bounds the memory

    def row(self, words: list[str], line: int) -> None:
        """Read a row of a cover."""
        if self._gate is None:
            raise FormatError(f"got {shown(words[0])}, expected one of {' '.join(_KNOWN)}", line=line)
        if len(words) != 1 + (len(self._gate) > 1):
            raise FormatError(f"got {len(words)} words, expected a row of the cover and its output", line=line)
        self._rows.append(" ".join(words))

    def finish(self) -> None:
        """Add the gate of the cover that is complete, if there is one."""
        if self._gate is not None:
            _define(self._netlist, self._gate, self._rows, self._gate_line)
            self._gate, self._rows = None, []

    def directive(self, word: str, names: list[str], line: int) -> None:
        """Read a line that starts with a dot."""
        if word in _FOREIGN:
            raise FormatError(f"got {word}, {_FOREIGN[word]}", line=line)
        if word not in _KNOWN:
            raise FormatError(f"got {shown(word)}, expected one of {' '.join(_KNOWN)}", line=line)
        if word == ".model":
            self._begin(" ".join(names), line)
            return
        if self._open is None and self.models:
            raise FormatError(f"got {word} behind .end, expected .model", line=line)
        model = self._open or self._begin(None, line)
        if word == ".names":
            if not names:
                raise FormatError("got .names without a net, expected its inputs and its output", line=line)
            self._gate, self._gate_line = names, line
        elif word == ".subckt":
            self._pins += 1 + len(names)
            if self._pins > MAX_NETS:
                raise FormatError(f"got more than {MAX_NETS} words in all .subckt lines", line=line)
            model.add_instance(names, line)
        elif word == ".end":
            self._open = None
        else:
            self._ports += len(names)
            if self._ports > MAX_PORTS:
                raise FormatError(f"got more than {MAX_PORTS} inputs and outputs", line=line)
            (model.add_inputs if word == ".inputs" else model.add_outputs)(names, line)

    def _begin(self, name: str | None, line: int) -> _Model:
        """Begin a model, and end the open one."""
        if self._open is not None and self._open.name is None:
            raise FormatError("got .model behind lines of a model without a name, expected .end between", line=line)
        if name in self.models:
            raise FormatError(
                f"got a second model {shown(name or '')}, expected another name; the first is on line "
                f"{self.models[name].line}",
                line=line,
            )
        if len(self.models) == MAX_MODELS:
            raise FormatError(f"got more than {MAX_MODELS} models", line=line)
        self._open = self.models[name] = _Model(name, line)
        self._netlist = self._open.netlist
        return self._open


def _link(models: dict[str | None, _Model]) -> None:
    """Find the model of every instance, and check each model by itself: every net has one driver."""
    _, *others = models.values()
    for model in models.values():
        model.formals = {**dict.fromkeys(model.outputs, False), **dict.fromkeys(model.inputs, True)}
    for model in others:
        for name in model.outputs:
            if model.formals[name]:
                raise FormatError(
                    f"{shown(name)} is an input and an output of model {shown(model.name or '')}, expected one of them",
                    line=model.line,
                )
    for model in models.values():
        for instance in model.instances:
            _connect(model, instance, models)
        _check_drivers(model)


def _connect(around: _Model, instance: _Instance, models: dict[str | None, _Model]) -> None:
    """Make an instance a part of the model it stands in, where it drives nets."""
    line, what = instance.line, f".subckt {shown(instance.model)}"
    model = models.get(instance.model)
    if model is None:
        raise FormatError(f"{what}: got no model of this name, expected one in this file; add it", line=line)
    given: dict[int, int] = {}
    for formal, net in zip(instance.formals, instance.actuals, strict=True):
        if formal not in model.formals:
            raise FormatError(f"{what}: got {shown(formal)}, expected an input or output of the model", line=line)
        inside = model.netlist.net(formal)
        if inside in given:
            raise FormatError(f"{what}: got {shown(formal)} twice, expected each input and output once", line=line)
        given[inside] = net
        if not model.formals[formal]:
            around.netlist.drive_from_part(net, line)
    for name in model.inputs:
        if model.netlist.net(name) not in given:
            raise FormatError(
                f"{what}: input {shown(name)} is not connected, expected {shown(f'{name}=net')}", line=line
            )
    around.parts.append(_Part(model, given))


def _check_drivers(model: _Model) -> None:
    """Check that whatever a model reads is driven, now that its parts drive nets too."""
    for instance, part in zip(model.instances, model.parts, strict=True):
        for formal, net in zip(instance.formals, instance.actuals, strict=True):
            if part.model.formals[formal] and not model.netlist.driven(net):
                raise FormatError(
                    f".subckt {shown(instance.model)}: nothing drives the net at input {shown(formal)}",
                    line=instance.line,
                )
    model.netlist.check_reads()
    for output in model.outputs:
        if not model.netlist.driven(model.netlist.net(output)):
            raise FormatError(f"output {shown(output)} is not driven", line=model.line)


def _check_hierarchy(models: list[_Model]) -> None:
    """Check that no model contains itself or the first one, and that the flat design is small enough.

    The size is computed, not tried: a few lines describe more copies than there are atoms.
    """
    place = {model.name: k for k, model in enumerate(models)}
    contained = [[place[instance.model] for instance in model.instances] for model in models]
    start = np.cumsum([0, *map(len, contained)])
    order, cyclic = evaluation_order(start, np.array([k for row in contained for k in row], np.int64))
    if cyclic is not None:
        model = models[cyclic]
        raise FormatError(
            f"model {shown(model.name or '')} contains itself, expected models without cycles", line=model.line
        )
    for model in models:
        for instance in model.instances:
            if place[instance.model] == 0:  # the BLIF paper returns the first model, ABC the outermost one
                raise FormatError(
                    f".subckt {shown(instance.model)}: got the first model, which is the whole circuit; put the model "
                    "that contains all others first",
                    line=instance.line,
                )
    sizes = [0] * len(models)
    for k in order:
        size = 1 + models[k].netlist.size + sum(sizes[inner] for inner in contained[k])
        sizes[k] = min(size, MAX_NETS + 1)
    if sizes[0] > MAX_NETS:
        raise FormatError(f"got a design of more than {MAX_NETS} nets in all its subcircuits", line=models[0].line)


def _flatten(top: _Model) -> None:
    """Copy every part of the first model into it, and their parts, and so on."""
    pending: list[tuple[_Model, Sequence[int]]] = [(top, range(MAX_NETS))]
    while pending:  # no recursion: models are nested deeper than any call stack
        around, nets = pending.pop()
        for model, given in around.parts:
            inner = top.netlist.embed(model.netlist, given, nets)
            if model.parts:
                pending.append((model, inner))


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
