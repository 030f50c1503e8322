"""Circuit: frozen integer arrays, topologically ordered; Builder: the one way to make one gate by gate.

Wires are integers: the inputs first, then one wire per gate in topological order, so gate ``g`` drives wire
``len(inputs) + g``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuits.algebra import INTERVALS, Algebra, Interval, interval
from circuits.check import check, word_gates
from circuits.covers import halves
from circuits.errors import CircuitError
from circuits.gates import (
    GATE,
    GATES,
    MAX_LUT,
    OP,
    TWO_INPUT,
    Gate,
    gate_table,
    misfit,
    on_words,
    param_space,
    symmetric,
    table_bits,
)
from circuits.order import levels
from circuits.wires import BIT, TYPES, Word, checked, holding, parsed

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
    given = np.asarray(values)
    given = given if given.dtype.kind in "ib" else np.asarray(given, np.int64)
    lo, hi = (int(given.min()), int(given.max())) if given.size else (0, 0)
    dtype = next(t for t in (np.int8, np.int16, np.int32, np.int64) if np.iinfo(t).min <= lo and hi <= np.iinfo(t).max)
    return _frozen(given, dtype)


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
        types: uint8 (wires), the code of every wire's type (``circuits.wires.TYPES``); 0, a bit, unless given.
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
    types: NDArray[np.uint8] = None  # type: ignore[assignment]  # bits

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "input_names", tuple(self.input_names))
        set_(self, "output_names", tuple(self.output_names))
        set_(self, "op", _frozen(self.op, np.uint8))
        for field in ("fanin_start", "fanin", "param_start", "outputs"):
            set_(self, field, _frozen(getattr(self, field), np.int32))
        set_(self, "params", _frozen_params(self.params))
        set_(self, "types", _frozen(np.zeros(self.num_wires) if self.types is None else self.types, np.uint8))

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

    @cached_property
    def has_words(self) -> bool:
        """Whether any wire is a word or any gate one of words."""
        return bool(np.any(self.types)) or bool(np.any(word_gates(self)))

    def type_of(self, wire: int) -> Word:
        """Return the type of a wire."""
        word = TYPES[self.types[wire]]
        if word is None:
            raise CircuitError(f"circuit {self.name!r}: wire {wire} has the code {self.types[wire]}, which is no type")
        return word

    @property
    def input_types(self) -> tuple[Word, ...]:
        """The types of the inputs."""
        return tuple(self.type_of(w) for w in range(self.num_inputs))

    @property
    def output_types(self) -> tuple[Word, ...]:
        """The types of the outputs."""
        return tuple(self.type_of(w) for w in self.outputs.tolist())

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
        start, words = self.param_start.tolist(), self.has_words

        def space(g: int, row: Gate) -> tuple[int, int]:
            if not words:
                return row.param_range
            return param_space(row, [self.type_of(f) for f in self.fanins(g)], self.type_of(self.num_inputs + g))

        return [
            ParamSlice(g, start[g], start[g + 1], *space(g, GATES[op]))
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
        arrays = ("op", "fanin_start", "fanin", "param_start", "params", "outputs", "types")
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
        """Print the circuit as an S-expression, one gate a line; words carry their type behind a colon."""
        names = self.wire_names()
        typed = [f"{name}:{word}" if (word := self.type_of(w)) != BIT else name for w, name in enumerate(names)]
        lines = [f"(circuit {self.name}", "  (" + " ".join(["inputs", *typed[: self.num_inputs]]) + ")"]
        on_word = word_gates(self).tolist()
        for g, (op, fanin, params) in enumerate(self.gates()):
            wire = self.num_inputs + g
            if on_word[g]:
                table = [f"[{' '.join(map(str, params))}]"] if params else []
            else:
                table = ["".join(map(str, reversed(params)))] if params else []  # most significant entry first
            lines.append("  (" + " ".join([typed[wire], op, *table, *(names[f] for f in fanin)]) + ")")
        ports = (f"({n} {names[w]})" for n, w in zip(self.output_names, self.outputs.tolist(), strict=True))
        return "\n".join([*lines, "  (" + " ".join(["outputs", *ports]) + "))"])

    def to_networkx(self) -> nx.DiGraph:
        """Return a DiGraph: a node per wire and per output, with op, params, level, name; edges carry the pin.

        Wires carry ``type`` as text: bit, s8, u4, ...
        """
        import networkx as nx

        graph = nx.DiGraph(name=self.name)
        names, level = self.wire_names(), levels(self).tolist()
        for w in range(self.num_inputs):
            graph.add_node(w, op="input", params=(), level=0, name=names[w], position=w, type=str(self.type_of(w)))
        for wire, (op, fanin, params) in enumerate(self.gates(), self.num_inputs):
            kind = str(self.type_of(wire))
            graph.add_node(wire, op=op, params=params, level=level[wire], name=names[wire], type=kind)
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
        type_of = {n: parsed(str(data.get("type", "bit"))) for n, data in graph.nodes(data=True)}
        builder = Builder(
            [name_of[n] for n in ports["input"]],
            name=str(graph.name or "circuit"),
            fold=False,
            types=[type_of[n] for n in ports["input"]],
        )
        wire: dict[Any, int] = dict(zip(ports["input"], range(len(ports["input"])), strict=True))

        def pins(node: Any) -> tuple[int, ...]:
            read = {pin: wire[f] for f, _, data in graph.in_edges(node, data=True) for pin in data.get("pins", (0,))}
            if sorted(read) != list(range(len(read))):
                raise CircuitError(f"graph: node {node!r} has pins {sorted(read)}, expected 0..{len(read) - 1}")
            return tuple(read[pin] for pin in range(len(read)))

        for node in nx.lexicographical_topological_sort(graph, key=place.__getitem__):
            data = graph.nodes[node]
            if data["op"] not in ports:
                wire[node] = builder.add(data["op"], *pins(node), params=data.get("params", ()), type=type_of[node])
        outputs = []
        for n in ports["output"]:
            read = pins(n)
            if len(read) != 1:
                raise CircuitError(f"graph: output {name_of[n]} is driven by {len(read)} wires, expected 1")
            outputs.append((name_of[n], read[0]))
        return builder.circuit(outputs)


class Term:
    """A wire under construction: operators add gates to its builder, so any row's definition records itself.

    ``& | ^ ~`` are for bits; ``+ - * << >>`` for words, with Python integers as constants.

    Args:
        builder: where the gates go.
        wire: the wire.
        ring: the type of what arithmetic makes of it; None for the narrowest that holds every result.
    """

    __slots__ = ("builder", "ring", "wire")

    def __init__(self, builder: Builder, wire: int, ring: Word | None = None) -> None:
        self.builder, self.wire, self.ring = builder, wire, ring

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

    def _word(self, op: str, *others: Term | int, params: Sequence[int] = ()) -> Term:
        terms = [Terms.of(self.builder, other) for other in others]
        ring = next((t.ring for t in (self, *terms) if t.ring), None)
        wire = self.builder.add(op, self.wire, *(t.wire for t in terms), params=params, type=ring)
        return type(self)(self.builder, wire, ring)

    def __add__(self, other: Term | int) -> Term:
        return self._word("add", other)

    def __sub__(self, other: Term | int) -> Term:
        return self._word("sub", other)

    def __rsub__(self, other: int) -> Term:
        return -self + other

    def __neg__(self) -> Term:
        return self._word("neg")

    def __mul__(self, other: Term | int) -> Term:
        if isinstance(other, int):
            return self if other == 1 else self._word("scale", params=(other,))
        return self._word("mul", other)

    def __lshift__(self, amount: int) -> Term:
        return self._word("shift", params=(amount,)) if amount else self

    def __rshift__(self, amount: int) -> Term:
        return self._word("shift", params=(-amount,)) if amount else self

    __radd__, __rmul__ = __add__, __mul__


class Terms(Algebra):
    """The algebra of gates: what is computed becomes word gates of a builder."""

    def __init__(self, builder: Builder, ring: Word | None = None) -> None:
        self.builder, self.ring = builder, ring

    @staticmethod
    def of(builder: Builder, value: Term | int) -> Term:
        """Return a number as a constant wire, a term as it is."""
        if isinstance(value, Term):
            return value
        return Term(builder, builder.add("const", params=(value,), type=holding(value, value)))

    def _gate(self, op: str, *values: Term | int, params: Sequence[int] = (), ring: bool = True) -> Term:
        terms = [self.of(self.builder, value) for value in values]
        word = self.ring if ring else None
        return Term(self.builder, self.builder.add(op, *(t.wire for t in terms), params=params, type=word), word)

    def less(self, x: Term | int, y: Term | int) -> Term:
        """Return the bit [x < y]."""
        return self._gate("lt", x, y, ring=False)

    def equal(self, x: Term | int, y: Term | int) -> Term:
        """Return the bit [x = y]."""
        return self._gate("eq", x, y, ring=False)

    def where(self, condition: Term | int, x: Term | int, y: Term | int) -> Any:
        """Return x where the condition is 1 and y where it is 0."""
        return self._gate("mux", condition, y, x)

    def take(self, entries: Sequence[int], x: Term | int) -> Term:
        """Return ``entries[x]``."""
        return self._gate("table", x, params=entries)

    def minimum(self, x: Term | int, y: Term | int) -> Term:
        """Return the lesser word."""
        return self._gate("min", x, y)

    def maximum(self, x: Term | int, y: Term | int) -> Term:
        """Return the greater word."""
        return self._gate("max", x, y)

    def wrapped(self, x: Term | int, word: Word) -> Term:
        """Return the word of the type that is congruent to x modulo 2**bits."""
        term = self.of(self.builder, x)
        return Term(self.builder, self.builder.add("slice", term.wire, params=(0,), type=word), self.ring)


def _presumed(row: Gate) -> Word:
    """Return a type that stands for one still to be found, so that parameters of any value fit."""
    return BIT if row.word and row.word.predicate else Word(64)


# A circuit asks for the same few kinds of gates very often.
@lru_cache(maxsize=1 << 12)
def _misfit(name: str, types: tuple[Word, ...], wanted: Word | None, params: tuple[int, ...]) -> str | None:
    return misfit(GATE[name], types, wanted or _presumed(GATE[name]), params)


@lru_cache(maxsize=1 << 12)
def _outcome(
    name: str, ranges: tuple[tuple[int, int], ...], params: tuple[int, ...], wanted: Word | None
) -> tuple[int, int, Word]:
    """Return the range of a word gate's exact result and the type of its wire."""
    face = GATE[name].word
    assert face  # or it were a misfit
    result = interval(face.forward([Interval(*ends) for ends in ranges], params, INTERVALS))
    return result.lo, result.hi, wanted or (BIT if face.predicate else holding(result.lo, result.hi))


LUTS = frozenset(f"lut{k}" for k in range(1, MAX_LUT + 1))


class Builder:
    """Build a circuit gate by gate; equal gates are shared and constants folded.

    Args:
        input_names: names of the inputs; they become wires 0, 1, ...
        name: the circuit's name.
        fold: with False every gate is kept as given (readers use it to keep a file's structure).
        types: the types of the inputs; all bits unless given.

    Raises:
        CircuitError: not one type an input, or a width that no wire has.
    """

    def __init__(
        self,
        input_names: Sequence[str],
        *,
        name: str = "circuit",
        fold: bool = True,
        types: Sequence[Word] | None = None,
    ) -> None:
        self.input_names, self.name, self.fold = tuple(input_names), name, fold
        given = [BIT] * len(self.input_names) if types is None else [checked(word) for word in types]
        if len(given) != len(self.input_names):
            raise CircuitError(f"inputs: got {len(given)} types for {len(self.input_names)} names, expected one each")
        self._types = [word.code for word in given]
        self._bits_only = not any(self._types)
        self._value: dict[int, int] = {}  # constant words
        self._op: list[int] = []
        self._fanin: list[tuple[int, ...]] = []
        self._params: list[tuple[int, ...]] = []
        self._seen: dict[tuple[Any, ...], int] = {}
        self._literal: dict[int, tuple[int | None, bool]] = {}  # const and not wires -> (root or None, complemented)

    @property
    def inputs(self) -> list[int]:
        """The input wires."""
        return list(range(len(self.input_names)))

    @property
    def num_gates(self) -> int:
        """Number of gates so far."""
        return len(self._op)

    def term(self, wire: int, ring: Word | None = None) -> Term:
        """Wrap a wire for ``& | ^ ~``, or ``+ - * << >>`` with results of type ``ring``, by default exact ones."""
        return Term(self, wire, ring)

    def const(self, value: int | bool) -> int:
        """Return the wire of a constant bit."""
        return self.add("const", params=(int(value),))

    def type_of(self, wire: int) -> Word:
        """Return the type of a wire."""
        return TYPES[self._types[wire]] or BIT  # every code here is one of a type

    def add(self, op: str, *fanin: int, params: Sequence[int] = (), type: Word | None = None) -> int:
        """Add a gate and return its wire, or the wire of an equal gate that is already there.

        Args:
            op: a row of the gate table.
            fanin: the wires it reads.
            params: its parameters.
            type: the type of its wire. By default a bit, if the row has a bit face and reads bits only, or is a
                comparison; else the narrowest type that holds every result, which depends on the parameters too.

        Raises:
            CircuitError: unknown op, wrong number of fan-ins or parameters, a wire that does not exist yet, a
                parameter out of range, or types that the row does not take.
        """
        row = GATE.get(op)
        if row is None:
            raise CircuitError(f"gate {len(self._op)}: unknown op {op!r}, expected one of {', '.join(GATE)}")
        bits = self._bits_only or all(0 <= f < len(self._types) and not self._types[f] for f in fanin)
        if not (bits and row.has_bits and (type is None or type == BIT)):
            return self._add_word(row, fanin, tuple(params), type and checked(type))
        if len(fanin) != row.arity or len(params) != row.param_count:
            raise CircuitError(
                f"gate {len(self._op)} ({op}): got {len(fanin)} fan-ins and {len(params)} parameters, "
                f"expected {row.arity} and {row.param_count}"
            )
        self._known(op, fanin)
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

    def _known(self, op: str, fanin: tuple[int, ...]) -> None:
        limit = len(self._types)
        for f in fanin:
            if not 0 <= f < limit:
                raise CircuitError(
                    f"gate {len(self._op)} ({op}): fan-in {f} is not a wire yet, expected 0..{limit - 1}"
                )

    def _append(self, code: int, fanin: tuple[int, ...], params: tuple[int, ...], type_code: int = 0) -> int:
        self._op.append(code)
        self._fanin.append(fanin)
        self._params.append(params)
        self._types.append(type_code)
        return len(self._types) - 1

    def _range(self, wire: int) -> tuple[int, int]:
        """Return the least and the greatest that a wire can carry: its constant, or all its type holds."""
        if wire in self._value:
            return self._value[wire], self._value[wire]
        if self.fold and wire in self._literal and self._literal[wire][0] is None:
            return int(self._literal[wire][1]), int(self._literal[wire][1])
        word = self.type_of(wire)
        return word.lo, word.hi

    def _add_word(self, row: Gate, fanin: tuple[int, ...], params: tuple[int, ...], wanted: Word | None) -> int:
        """Add a gate by its word face; a result that never changes becomes a constant."""
        self._known(row.name, fanin)
        types = tuple(self.type_of(f) for f in fanin)
        if wrong := _misfit(row.name, types, wanted, params):
            raise CircuitError(f"gate {len(self._op)} ({row.name}): {wrong}")
        lo, hi, word = _outcome(row.name, tuple(self._range(f) for f in fanin), params, wanted)
        if not on_words(row, types, word):  # narrowed to bits, which the bit face is for
            return self.add(row.name, *fanin, params=params)
        self._bits_only = False
        if not self.fold:
            return self._append(OP[row.name], fanin, params, word.code)
        if lo == hi:
            return self._constant(word.fit(lo), word)
        key = (OP[row.name], fanin, params, word.code)
        wire = self._seen.get(key)
        if wire is None:
            wire = self._seen[key] = self._append(*key)
        return wire

    def _constant(self, value: int, word: Word) -> int:
        """Return the wire of a constant of a type."""
        if word == BIT:
            return self.const(value)
        key = (OP["const"], (), (value,), word.code)
        wire = self._seen.get(key)
        if wire is None:
            wire = self._seen[key] = self._append(*key)
            self._value[wire] = value
        return wire

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
        source = sum(bit << v for v, bit in enumerate(params)) if row.name in LUTS else gate_table(code, params)
        table = 0
        if [(root, False) for root in roots] == literals:
            return self._from_table(source, roots, keep=row.name)
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
            low, high = halves(table, i)
            if not (low ^ high) & ((1 << (1 << len(roots))) - 1):
                bits = table_bits(table, len(roots))
                table = sum(b << k for k, b in enumerate(b for v, b in enumerate(bits) if not v >> i & 1))
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
                np.array(self._types, np.uint8),
            )
        )
