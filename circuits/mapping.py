"""Cover an and-inverter graph by look-up tables of at most k inputs: priority cuts, least depth first, then area.

Every node keeps its few best cuts (sets of at most k nodes that decide it), made from those of its two fan-ins. A first
pass finds the least depth; a second one prefers, where there is slack, cuts of little area flow, the area of what they
need shared among its readers; the last ones choose by the exact number of tables a cut adds to the cover (Mishchenko,
Cho, Chatterjee and Brayton, Combinational and sequential mapping with priority cuts, 2007).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from circuits.aig import Literals, hashed_literals
from circuits.circuit import Builder, Circuit
from circuits.errors import CircuitError
from circuits.gates import MAX_LUT, table_bits
from circuits.order import fanin_cone
from circuits.rewrite import bit_blasted
from circuits.wires import BIT

CUTS = 8
"""Cuts a node keeps."""

_EXACT_PASSES = 2


class _Cut(NamedTuple):
    """Leaves, what their numbers hash to (for a quick no), and the cost: the level it gives, the area flow."""

    leaves: frozenset[int]
    signature: int
    level: int
    flow: float


def _by_depth(cut: _Cut) -> tuple[float, ...]:
    return cut.level, len(cut.leaves), cut.flow


def _by_flow(cut: _Cut) -> tuple[float, ...]:
    return cut.flow, cut.level, len(cut.leaves)


def _undominated(cuts: list[_Cut]) -> list[_Cut]:
    """Return the first few cuts, leaving out those that contain one before them."""
    kept: list[_Cut] = []
    for cut in cuts:
        if not any(better.leaves <= cut.leaves for better in kept):
            kept.append(cut)
            if len(kept) == CUTS:
                break
    return kept


class _Mapper:
    """The state of one mapping: per variable its cuts, best first, and the number of readers in the cover."""

    def __init__(self, lits: Literals, k: int) -> None:
        self.first, self.k = lits.num_inputs + 1, k
        self.ands: list[tuple[int, int]] = [(p >> 1, q >> 1) for p, q in lits.ands.tolist()]
        self.roots = [o >> 1 for o in lits.outputs.tolist() if o >> 1 >= self.first]
        size = self.first + len(self.ands)
        self.readers = [0] * size
        for v in [v for pair in self.ands for v in pair] + self.roots:
            self.readers[v] += 1
        self.cuts: list[list[_Cut]] = [[] for _ in range(size)]
        self.level, self.flow = [0] * size, [0.0] * size
        self.enumerate_cuts(_by_depth, None)
        self.required = self.cover()
        self.enumerate_cuts(_by_flow, self.required)
        self.required = self.cover()
        for _ in range(_EXACT_PASSES):
            self.choose_exactly()
            self.required = self.cover()

    def enumerate_cuts(self, order: Callable[[_Cut], tuple[float, ...]], required: list[int] | None) -> None:
        """Find every node's cuts and put the best first; those later than required come last."""
        k, level, flow = self.k, self.level, self.flow
        share = [1 / max(1, n) for n in self.readers]
        alone = [_Cut(frozenset((v,)), 1 << v % 64, 0, 0.0) for v in range(len(self.cuts))]

        def made(leaves: frozenset[int], signature: int) -> _Cut:
            latest, area = 0, 1.0
            for leaf in leaves:
                area += flow[leaf]
                if level[leaf] > latest:
                    latest = level[leaf]
            return _Cut(leaves, signature, latest + 1, area)

        for v, (x, y) in enumerate(self.ands, self.first):
            # The best cut so far stays in the race: it comes in time, others need not.
            found = {cut.leaves: made(cut.leaves, cut.signature) for cut in self.cuts[v][:1]}
            for c in (*self.cuts[x], alone[x]):
                for d in (*self.cuts[y], alone[y]):
                    signature = c.signature | d.signature
                    if signature.bit_count() <= k:
                        leaves = c.leaves | d.leaves
                        if len(leaves) <= k and leaves not in found:
                            found[leaves] = made(leaves, signature)
            if required is None:
                kept = sorted(found.values(), key=order)
            else:
                limit = required[v]
                kept = sorted(found.values(), key=lambda cut: (cut.level > limit, *order(cut)))
            self.cuts[v] = _undominated(kept)
            level[v], flow[v] = kept[0].level, kept[0].flow * share[v]

    def cover(self) -> list[int]:
        """Count the readers that each node has in the cover by best cuts; return the latest level each may have."""
        latest = max((self.level[v] for v in self.roots), default=0)
        required = [latest] * len(self.cuts)
        self.readers = [0] * len(self.cuts)
        for v in self.roots:
            self.readers[v] += 1
        for v in reversed(range(self.first, len(self.cuts))):
            if self.readers[v]:
                for leaf in self.cuts[v][0].leaves:
                    self.readers[leaf] += 1
                    required[leaf] = min(required[leaf], required[v] - 1)
        return required

    def add(self, v: int, by: int) -> int:
        """Add (1) or remove (-1) a node's best cut to or from the cover; return how many tables that changes."""
        tables, todo = 0, [v]
        while todo:
            tables += 1
            for leaf in self.cuts[todo.pop()][0].leaves:
                before = self.readers[leaf]
                self.readers[leaf] = before + by
                if leaf >= self.first and min(before, before + by) == 0:
                    todo.append(leaf)
        return tables

    def choose_exactly(self) -> None:
        """Give every node, from the inputs up, the cut that adds the fewest tables and comes in time."""
        for v in range(self.first, len(self.cuts)):
            if not self.readers[v]:
                self.level[v] = self.arrival(self.cuts[v][0])
                continue
            self.add(v, -1)
            best, cost = 0, (len(self.cuts) + 1, 0)
            cuts = self.cuts[v]
            for i, cut in enumerate(list(cuts)):
                level = self.arrival(cut)
                if level <= self.required[v]:
                    self.cuts[v] = [cut]
                    tables = self.add(v, 1)
                    self.add(v, -1)
                    if (tables, level) < cost:
                        best, cost = i, (tables, level)
            self.cuts[v] = [cuts[best], *cuts[:best], *cuts[best + 1 :]]
            self.level[v] = self.arrival(cuts[best])
            self.add(v, 1)

    def arrival(self, cut: _Cut) -> int:
        return 1 + max(self.level[leaf] for leaf in cut.leaves)


def _table(ands: list[list[int]], first: int, root: int, leaves: list[int]) -> int:
    """Return the truth table of a variable over leaves that cut it off, as an integer; ANDs begin at ``first``."""
    size = 1 << len(leaves)
    value = {v: sum(1 << a for a in range(size) if a >> i & 1) for i, v in enumerate(leaves)}
    cone, todo = set[int](), [root]
    while todo:
        v = todo.pop()
        if v not in value and v not in cone:
            cone.add(v)
            todo += (p >> 1 for p in ands[v - first])
    flip = (0, (1 << size) - 1)
    for v in sorted(cone):
        p, q = ands[v - first]
        value[v] = (value[p >> 1] ^ flip[p & 1]) & (value[q >> 1] ^ flip[q & 1])
    return value[root]


def lut_mapping(circuit: Circuit, k: int = MAX_LUT) -> Circuit:
    """Return the circuit as look-up tables of at most ``k`` inputs: of the least depth its graph allows, then few.

    Every gate is a ``lut`` row or ``const``; an inverted input that an output shows is a table too.

    Raises:
        CircuitError: k below 2 or above 6.
    """
    if not 2 <= k <= MAX_LUT:
        raise CircuitError(f"mapping: got tables of {k} inputs, expected 2..{MAX_LUT}")
    circuit = bit_blasted(circuit)
    lits = hashed_literals(circuit)
    mapper = _Mapper(lits, k)
    ands: list[list[int]] = lits.ands.tolist()
    builder = Builder(circuit.input_names, name=circuit.name, fold=False)
    wanted: dict[int, set[int]] = {}  # the polarities in which outputs show a node
    for o in lits.outputs.tolist():
        wanted.setdefault(o >> 1, set()).add(o & 1)
    wire = {v: v - 1 for v in range(1, mapper.first)}
    inverted: set[int] = set()  # nodes that only outputs read inverted are made so; tables that read them follow
    for v in range(mapper.first, len(mapper.cuts)):
        if mapper.readers[v]:
            leaves = sorted(mapper.cuts[v][0].leaves)
            table = _table(ands, mapper.first, v, leaves)
            flip = sum(1 << i for i, leaf in enumerate(leaves) if leaf in inverted)
            if wanted.get(v) == {1}:
                inverted.add(v)
            bits = table_bits(table, len(leaves))
            params = [bits[a ^ flip] ^ (v in inverted) for a in range(len(bits))]
            wire[v] = builder.add(f"lut{len(leaves)}", *(wire[leaf] for leaf in leaves), params=params)
    driven: dict[int, int] = {}
    for o in lits.outputs.tolist():
        if o not in driven:
            as_it_is = bool(o & 1) == (o >> 1 in inverted)
            if o < 2:
                driven[o] = builder.const(o)
            else:
                driven[o] = wire[o >> 1] if as_it_is else builder.add("lut1", wire[o >> 1], params=(1, 0))
    return builder.circuit(zip(circuit.output_names, (driven[o] for o in lits.outputs.tolist()), strict=True))


PART_BITS = 40
"""Bits a part may read for what it reads to be made a part of it."""


def lut_count(circuit: Circuit, k: int = MAX_LUT) -> int:
    """Return how many look-up tables of at most ``k`` inputs cover a circuit part by part: quick for large circuits.

    A part is a gate with those gates of words that only it reads; look-up tables are parts of their own. Equal parts
    are mapped once, by :func:`lut_mapping`. What a mapping across parts would save is not saved.

    Raises:
        CircuitError: k below 2 or above 6.
    """
    n = circuit.num_inputs
    gates = list(circuit.gates())
    live = fanin_cone(circuit, circuit.outputs).tolist()
    types = [circuit.type_of(w) for w in range(circuit.num_wires)]
    readers = np.bincount(circuit.outputs, minlength=circuit.num_wires)
    for wire, (_, fanin, _) in enumerate(gates, n):
        if live[wire]:
            np.add.at(readers, list(set(fanin)), 1)
    inner: set[int] = set()  # gates that are part of their only reader
    parts: dict[int, list[int]] = {}  # the gates of each part, in order

    def bits_of(part: list[int]) -> int:
        own = set(part)
        return sum(types[f].bits for f in {f for w in part for f in gates[w - n][1]} - own)

    for wire, (op, fanin, _) in enumerate(gates, n):
        if live[wire]:
            part = [wire]
            for f in dict.fromkeys(fanin):
                joins = f >= n and types[f] != BIT and readers[f] == 1 and not op.startswith("lut")
                if joins and bits_of(parts[f]) + sum(types[g].bits for g in set(fanin) - {f}) <= PART_BITS:
                    part = parts[f] + part
                    inner.add(f)
            parts[wire] = sorted(part)
    found: dict[object, int] = {}
    total = 0
    for root, part in parts.items():
        if root in inner:
            continue
        place: dict[int, int] = {}  # leaves, then the part's gates
        own = set(part)
        leaves = list(dict.fromkeys(f for w in part for f in gates[w - n][1] if f not in own))
        for w in [*leaves, *part]:
            place[w] = len(place)
        key = (
            tuple(types[f] for f in leaves),
            tuple((gates[w - n][0], tuple(place[f] for f in gates[w - n][1]), gates[w - n][2], types[w]) for w in part),
        )
        op = gates[root - n][0]
        if op.startswith("lut") and len(leaves) <= k:
            total += 1
            continue
        if key not in found:
            builder = Builder([f"x{i}" for i in range(len(leaves))], types=key[0])
            wires = builder.inputs
            for name, fanin, params, word in key[1]:
                wires.append(builder.add(name, *(wires[f] for f in fanin), params=params, type=word))
            mapped = lut_mapping(builder.circuit({"y": wires[-1]}), k)
            found[key] = sum(name != "const" for name, _, _ in mapped.gates())
        total += found[key]
    return total
