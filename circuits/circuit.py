"""Circuit: frozen integer arrays, topologically ordered; Builder: the one way to make one gate by gate.

Wires are integers: the inputs first, then one wire per gate in topological order, so gate ``g`` drives wire
``len(inputs) + g``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuits.check import check
from circuits.errors import CircuitError
from circuits.gates import GATE, GATES, OP, TWO_INPUT, gate_table, symmetric, table_bits
from circuits.order import levels

if TYPE_CHECKING:
    import networkx as nx


class ParamSlice(NamedTuple):
    """The parameters of one gate inside ``Circuit.params``, with the inclusive range (lo, hi) each must stay in."""

    gate: int
    start: int
    stop: int
    lo: int
    hi: int


def _frozen(values: ArrayLike, dtype: Any) -> NDArray[Any]:
    array = np.array(values, dtype)  # always a copy: the circuit owns its arrays
    array.flags.writeable = False
    return array


def _frozen_params(values: ArrayLike) -> NDArray[Any]:
    """Store parameters in the smallest signed integer type that holds them."""
    wide = np.asarray(values, np.int64)
    lo, hi = (int(wide.min()), int(wide.max())) if wide.size else (0, 0)
    dtype = next(t for t in (np.int8, np.int16, np.int32, np.int64) if np.iinfo(t).min <= lo and hi <= np.iinfo(t).max)
    return _frozen(wide, dtype)


@dataclass(frozen=True, eq=False, repr=False)
class Circuit:
    """A combinational circuit as flat arrays.

    Attributes:
        input_names: one name per input.
        output_names: one name per output.
        op: uint8 (gates), row of the gate table.
        fanin_start: int32 (gates + 1), gate g reads ``fanin[fanin_start[g]:fanin_start[g + 1]]``.
        fanin: int32, wires.
        param_start: int32 (gates + 1), as ``fanin_start`` for ``params``.
        params: integer array of every gate's parameters, in the smallest of int8..int64 that holds them.
        outputs: int32 (outputs), wires.
        name: a name for formats that carry one.
    """

    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    op: NDArray[np.uint8]
    fanin_start: NDArray[np.int32]
    fanin: NDArray[np.int32]
    param_start: NDArray[np.int32]
    params: NDArray[Any]
    outputs: NDArray[np.int32]
    name: str = "circuit"

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "input_names", tuple(self.input_names))
        set_(self, "output_names", tuple(self.output_names))
        set_(self, "op", _frozen(self.op, np.uint8))
        for field in ("fanin_start", "fanin", "param_start", "outputs"):
            set_(self, field, _frozen(getattr(self, field), np.int32))
        set_(self, "params", _frozen_params(self.params))

    @property
    def num_inputs(self) -> int:
        """Number of inputs."""
        return len(self.input_names)

    @property
    def num_outputs(self) -> int:
        """Number of outputs."""
        return len(self.output_names)

    @property
    def num_gates(self) -> int:
        """Number of gates."""
        return len(self.op)

    @property
    def num_wires(self) -> int:
        """Number of wires: inputs and gates."""
        return self.num_inputs + self.num_gates

    def fanins(self, gate: int) -> tuple[int, ...]:
        """Return the wires gate ``gate`` reads."""
        return tuple(self.fanin[self.fanin_start[gate] : self.fanin_start[gate + 1]].tolist())

    def gate_params(self, gate: int) -> tuple[int, ...]:
        """Return the parameters of gate ``gate``."""
        return tuple(self.params[self.param_start[gate] : self.param_start[gate + 1]].tolist())

    def gates(self) -> Iterable[tuple[str, tuple[int, ...], tuple[int, ...]]]:
        """Yield (row name, fan-in wires, parameters) of each gate in topological order."""
        fanin, start = self.fanin.tolist(), self.fanin_start.tolist()
        params, pstart = self.params.tolist(), self.param_start.tolist()
        for g, op in enumerate(self.op.tolist()):
            yield GATES[op].name, tuple(fanin[start[g] : start[g + 1]]), tuple(params[pstart[g] : pstart[g + 1]])

    @property
    def param_slices(self) -> list[ParamSlice]:
        """The parameters gate by gate with their ranges: what an update rule's spaces are made from."""
        start = self.param_start.tolist()
        return [
            ParamSlice(g, start[g], start[g + 1], *GATES[op].param_range)
            for g, op in enumerate(self.op.tolist())
            if start[g] < start[g + 1]
        ]

    def with_params(self, params: ArrayLike) -> Circuit:
        """Return the circuit with other parameters.

        Args:
            params: integers, shape of ``self.params``.

        Raises:
            CircuitError: wrong shape, not integers, or a value outside its gate's range.
        """
        given = np.asarray(params)
        if given.shape != self.params.shape or given.dtype.kind not in "iub":
            raise CircuitError(
                f"params: got {given.dtype} of shape {given.shape}, expected integers of shape {self.params.shape}"
            )
        for s in self.param_slices:
            part = given[s.start : s.stop]
            if part.min() < s.lo or part.max() > s.hi:
                raise CircuitError(
                    f"params: gate {s.gate} ({GATES[self.op[s.gate]].name}) got {part.min()}..{part.max()}, "
                    f"expected {s.lo}..{s.hi}"
                )
        return replace(self, params=given)

    def renamed(
        self,
        *,
        inputs: Sequence[str] | None = None,
        outputs: Sequence[str] | None = None,
        name: str | None = None,
    ) -> Circuit:
        """Return the circuit with other input names, output names or name."""
        return replace(
            self,
            input_names=self.input_names if inputs is None else tuple(inputs),
            output_names=self.output_names if outputs is None else tuple(outputs),
            name=self.name if name is None else name,
        )

    def wire_names(self) -> list[str]:
        """Return a name per wire: the inputs' own, then ``g0, g1, ...``, made unique against the inputs."""
        taken = set(self.input_names)
        prefix = "g"
        while any(f"{prefix}{g}" in taken for g in range(self.num_gates)):
            prefix += "_"
        return [*self.input_names, *(f"{prefix}{g}" for g in range(self.num_gates))]

    def __eq__(self, other: object) -> bool:
        """Compare structure, parameters and port names (not function: see ``verify``)."""
        if not isinstance(other, Circuit):
            return NotImplemented
        arrays = ("op", "fanin_start", "fanin", "param_start", "params", "outputs")
        return (
            self.input_names == other.input_names
            and self.output_names == other.output_names
            and all(np.array_equal(getattr(self, a), getattr(other, a)) for a in arrays)
        )

    def __hash__(self) -> int:
        return hash(
            (self.input_names, self.output_names, self.op.tobytes(), self.fanin.tobytes(), self.params.tobytes())
        )

    def __repr__(self) -> str:
        """Print the circuit as an S-expression, one gate a line."""
        names = self.wire_names()
        lines = [f"(circuit {self.name}", "  (" + " ".join(["inputs", *self.input_names]) + ")"]
        for wire, (op, fanin, params) in enumerate(self.gates(), self.num_inputs):
            table = ["".join(map(str, reversed(params)))] if params else []  # most significant entry first
            lines.append("  (" + " ".join([names[wire], op, *table, *(names[f] for f in fanin)]) + ")")
        ports = (f"({n} {names[w]})" for n, w in zip(self.output_names, self.outputs.tolist(), strict=True))
        return "\n".join([*lines, "  (" + " ".join(["outputs", *ports]) + "))"])

    def to_networkx(self) -> nx.DiGraph:
        """Return a DiGraph: a node per wire and per output, with op, params, level, name; edges carry the pin."""
        import networkx as nx

        graph = nx.DiGraph(name=self.name)
        names, level = self.wire_names(), levels(self).tolist()
        for w in range(self.num_inputs):
            graph.add_node(w, op="input", params=(), level=0, name=names[w], position=w)
        for wire, (op, fanin, params) in enumerate(self.gates(), self.num_inputs):
            graph.add_node(wire, op=op, params=params, level=level[wire], name=names[wire])
            for pin, f in enumerate(fanin):
                # a gate may read one wire on two pins: the edge lists them
                if graph.has_edge(f, wire):
                    graph.edges[f, wire]["pins"] += (pin,)
                else:
                    graph.add_edge(f, wire, pins=(pin,))
        for o, (name, w) in enumerate(zip(self.output_names, self.outputs.tolist(), strict=True)):
            node = self.num_wires + o
            graph.add_node(node, op="output", params=(), level=level[w], name=name, position=o)
            graph.add_edge(w, node, pins=(0,))
        return graph

    @staticmethod
    def from_networkx(graph: nx.DiGraph) -> Circuit:
        """Read a graph shaped as :meth:`to_networkx` makes it; node keys may be anything.

        Raises:
            CircuitError: a cycle, an unknown op, a missing attribute or pin.
        """
        import networkx as nx

        if not nx.is_directed_acyclic_graph(graph):
            raise CircuitError("graph: has a cycle, expected a directed acyclic graph")
        place = {node: i for i, node in enumerate(graph.nodes)}
        ports: dict[str, list[Any]] = {"input": [], "output": []}
        for node, data in graph.nodes(data=True):
            if "op" not in data:
                raise CircuitError(f"graph: node {node!r} has no 'op'; expected input, output or one of {list(GATE)}")
            if data["op"] in ports:
                ports[data["op"]].append(node)
        for group in ports.values():
            group.sort(key=lambda n: (graph.nodes[n].get("position", place[n]), place[n]))
        name_of = {n: str(graph.nodes[n].get("name", n)) for group in ports.values() for n in group}
        builder = Builder([name_of[n] for n in ports["input"]], name=str(graph.name or "circuit"), fold=False)
        wire: dict[Any, int] = dict(zip(ports["input"], range(len(ports["input"])), strict=True))

        def pins(node: Any) -> tuple[int, ...]:
            read = {pin: wire[f] for f, _, data in graph.in_edges(node, data=True) for pin in data.get("pins", (0,))}
            if sorted(read) != list(range(len(read))):
                raise CircuitError(f"graph: node {node!r} has pins {sorted(read)}, expected 0..{len(read) - 1}")
            return tuple(read[pin] for pin in range(len(read)))

        for node in nx.lexicographical_topological_sort(graph, key=place.__getitem__):
            data = graph.nodes[node]
            if data["op"] not in ports:
                wire[node] = builder.add(data["op"], *pins(node), params=data.get("params", ()))
        outputs = []
        for n in ports["output"]:
            read = pins(n)
            if len(read) != 1:
                raise CircuitError(f"graph: output {name_of[n]} is driven by {len(read)} wires, expected 1")
            outputs.append((name_of[n], read[0]))
        return builder.circuit(outputs)


class Term:
    """A wire under construction: ``& | ^ ~`` add gates to its builder, so any row's ``forward`` records itself."""

    __slots__ = ("builder", "wire")

    def __init__(self, builder: Builder, wire: int) -> None:
        self.builder, self.wire = builder, wire

    def _two(self, op: str, other: Term) -> Term:
        return type(self)(self.builder, self.builder.add(op, self.wire, other.wire))

    def __and__(self, other: Term) -> Term:
        return self._two("and", other)

    def __or__(self, other: Term) -> Term:
        return self._two("or", other)

    def __xor__(self, other: Term) -> Term:
        return self._two("xor", other)

    def __invert__(self) -> Term:
        return type(self)(self.builder, self.builder.add("not", self.wire))


class Builder:
    """Build a circuit gate by gate; equal gates are shared and constants folded.

    Args:
        input_names: names of the inputs; they become wires 0, 1, ...
        name: the circuit's name.
        fold: with False every gate is kept as given (readers use it to keep a file's structure).
    """

    def __init__(self, input_names: Sequence[str], *, name: str = "circuit", fold: bool = True) -> None:
        self.input_names, self.name, self.fold = tuple(input_names), name, fold
        self._op: list[int] = []
        self._fanin: list[tuple[int, ...]] = []
        self._params: list[tuple[int, ...]] = []
        self._seen: dict[tuple[int, tuple[int, ...], tuple[int, ...]], int] = {}
        self._literal: dict[int, tuple[int | None, bool]] = {}  # const and not wires -> (root or None, complemented)

    @property
    def inputs(self) -> list[int]:
        """The input wires."""
        return list(range(len(self.input_names)))

    def term(self, wire: int) -> Term:
        """Wrap a wire for ``& | ^ ~``."""
        return Term(self, wire)

    def const(self, value: int | bool) -> int:
        """Return the wire of a constant bit."""
        return self.add("const", params=(int(value),))

    def add(self, op: str, *fanin: int, params: Sequence[int] = ()) -> int:
        """Add a gate and return its wire, or the wire of an equal gate that is already there.

        Raises:
            CircuitError: unknown op, wrong number of fan-ins or parameters, a wire that does not exist yet, or a
                parameter out of range.
        """
        row = GATE.get(op)
        if row is None:
            raise CircuitError(f"gate {len(self._op)}: unknown op {op!r}, expected one of {', '.join(GATE)}")
        if len(fanin) != row.arity or len(params) != row.param_count:
            raise CircuitError(
                f"gate {len(self._op)} ({op}): got {len(fanin)} fan-ins and {len(params)} parameters, "
                f"expected {row.arity} and {row.param_count}"
            )
        limit = len(self.input_names) + len(self._op)
        for f in fanin:
            if not 0 <= f < limit:
                raise CircuitError(
                    f"gate {len(self._op)} ({op}): fan-in {f} is not a wire yet, expected 0..{limit - 1}"
                )
        lo, hi = row.param_range
        for p in params:
            if not lo <= p <= hi:
                raise CircuitError(f"gate {len(self._op)} ({op}): parameter {p} is out of range, expected {lo}..{hi}")
        code = OP[op]
        if not self.fold:
            return self._append(code, fanin, tuple(params))
        if symmetric(code):
            fanin = tuple(sorted(fanin))
        key = (code, fanin, tuple(params))
        wire = self._seen.get(key)
        if wire is None:
            wire = self._folded(key)
            self._seen[key] = wire
        return wire

    def _append(self, code: int, fanin: tuple[int, ...], params: tuple[int, ...]) -> int:
        self._op.append(code)
        self._fanin.append(fanin)
        self._params.append(params)
        return len(self.input_names) + len(self._op) - 1

    def _folded(self, key: tuple[int, tuple[int, ...], tuple[int, ...]]) -> int:
        """Add the gate in its simplest form: constants, repeated and complemented fan-ins and dead pins removed."""
        code, fanin, params = key
        row = GATES[code]
        if row.name == "const":
            wire = self._append(*key)
            self._literal[wire] = (None, bool(params[0]))
            return wire
        plain = not row.param_count and row.arity > 1
        if plain and len(set(fanin)) == len(fanin) and not any(f in self._literal for f in fanin):
            return self._append(*key)
        literals = [self._literal.get(f, (f, False)) for f in fanin]
        roots = list(dict.fromkeys(root for root, _ in literals if root is not None))
        if plain and len(roots) == row.arity:
            return self._append(*key)  # inverters on distinct fan-ins stay where they are
        source = gate_table(code, params)
        table = 0
        for v in range(1 << len(roots)):
            address = 0
            for pin, (root, complemented) in enumerate(literals):
                value = complemented if root is None else bool(v >> roots.index(root) & 1) ^ complemented
                address |= value << pin
            table |= (source >> address & 1) << v
        return self._from_table(table, roots, keep=row.name)

    def _from_table(self, table: int, roots: list[int], keep: str) -> int:
        """Return a wire computing ``table`` over the distinct wires ``roots``."""
        for i in reversed(range(len(roots))):
            bits = table_bits(table, len(roots))
            lo = [b for v, b in enumerate(bits) if not v >> i & 1]
            if lo == [b for v, b in enumerate(bits) if v >> i & 1]:
                table = sum(b << v for v, b in enumerate(lo))
                roots = roots[:i] + roots[i + 1 :]
        if not roots:
            return self.const(table)
        if len(roots) == 1:
            if table == 2:
                return roots[0]
            wire = self._seen.get((OP["not"], (roots[0],), ()))
            if wire is None:
                wire = self._append(OP["not"], (roots[0],), ())
                self._seen[OP["not"], (roots[0],), ()] = wire
                self._literal[wire] = (roots[0], True)
            return wire
        if len(roots) == 2 and not keep.startswith("lut"):
            name, swap = TWO_INPUT[table]
            return self.add(name, *(roots[::-1] if swap else roots))
        key = (OP[f"lut{len(roots)}"], tuple(roots), table_bits(table, len(roots)))
        wire = self._seen.get(key)
        if wire is None:
            wire = self._seen[key] = self._append(*key)
        return wire

    def circuit(self, outputs: Mapping[str, int] | Iterable[tuple[str, int]]) -> Circuit:
        """Freeze what was built.

        Args:
            outputs: output name -> wire, in order.

        Raises:
            CircuitError: an output that is not a wire, or repeated or empty names.
        """
        pairs = list(outputs.items() if isinstance(outputs, Mapping) else outputs)
        starts = np.cumsum([0, *map(len, self._fanin)])
        pstarts = np.cumsum([0, *map(len, self._params)])
        return check(
            Circuit(
                self.input_names,
                tuple(name for name, _ in pairs),
                np.array(self._op, np.uint8),
                starts,
                np.array([f for fs in self._fanin for f in fs], np.int32),
                pstarts,
                np.array([p for ps in self._params for p in ps], np.int64),
                np.array([wire for _, wire in pairs], np.int32),
                self.name,
            )
        )
