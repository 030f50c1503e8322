"""Circuit to and-inverter graph and back: literals as AIGER has them, aigverse networks, optimisation, SAT.

A literal is 2 * variable + complement; variable 0 is the constant 0, then the inputs, then the ANDs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.check import check
from circuits.circuit import Builder, Circuit
from circuits.covers import table_structure
from circuits.gates import BIT_GATES, GATE, GATES, MAX_LUT, OP, TWO_INPUT, gate_table
from circuits.order import fanin_cone
from circuits.rewrite import bit_blasted, bit_names, to_and_not, without_dead_gates
from circuits.wires import Word

if TYPE_CHECKING:
    from aigverse.networks import Aig


MANY_TABLES = 32
"""As many look-up tables are covered by the kernel; it takes a while to load."""

MANY_ANDS = 1 << 16
"""As many ANDs are put in place by the kernel."""

_Template = tuple[list[tuple[int, int]], list[int]]


class Literals(NamedTuple):
    """An and-inverter graph as arrays.

    Attributes:
        num_inputs: variables 1..num_inputs are the inputs.
        ands: int64 (ands, 2); row i defines variable num_inputs + 1 + i, both literals are of smaller variables.
        outputs: int64 (outputs,) literals.
    """

    num_inputs: int
    ands: NDArray[np.int64]
    outputs: NDArray[np.int64]


def _single_and_rows() -> NDArray[np.int64]:
    """Per op: (is one AND, complement of fan-in 0, of fan-in 1, of the output), read off the rows' truth tables."""
    rows = np.zeros((len(GATES), 4), np.int64)
    for op, gate in enumerate(BIT_GATES):
        if gate.arity == 2 and not gate.param_count and gate_table(op).bit_count() in (1, 3):
            table = gate_table(op)
            out = int(table.bit_count() == 3)
            address = (table ^ 15 * out).bit_length() - 1
            rows[op] = 1, ~address & 1, ~address >> 1 & 1, out
    return rows


_AND_ROWS = _single_and_rows()
_ROW_OF_COMPLEMENTS = ("and", "andnot", "andnot", "nor")  # by complement bits of (fan-in 0, fan-in 1)


def to_literals(circuit: Circuit) -> Literals:
    """Return the circuit as an and-inverter graph.

    Gates that are one AND up to complements stay one AND each; a circuit with others is lowered (and shared) first.
    Words are the bits that store them.
    """
    one_and = _AND_ROWS[circuit.op]
    simple = one_and[:, 0].astype(bool)
    wires_only = np.isin(circuit.op, [OP["const"], OP["buf"], OP["not"]])
    if circuit.has_words or not np.all(simple | wires_only):
        return _lowered(circuit)
    n = circuit.num_inputs
    literal = np.empty(circuit.num_wires, np.int64)
    literal[:n] = 2 * (1 + np.arange(n))
    literal[n:][simple] = 2 * (n + 1 + np.arange(int(simple.sum()))) + one_and[simple, 3]
    for g in np.flatnonzero(wires_only).tolist():  # in topological order: inverters may follow inverters
        name = GATES[circuit.op[g]].name
        if name == "const":
            literal[n + g] = circuit.gate_params(g)[0]
        else:
            literal[n + g] = literal[circuit.fanin[circuit.fanin_start[g]]] ^ (name == "not")
    first = circuit.fanin_start[:-1][simple]
    ands = np.stack([literal[circuit.fanin[first + pin]] ^ one_and[simple, 1 + pin] for pin in (0, 1)], axis=1)
    return Literals(n, ands, literal[circuit.outputs])


@lru_cache(maxsize=1 << 16)
def _template(op: int, params: tuple[int, ...], types: tuple[Word, ...], word: Word) -> _Template:
    """Return one gate as ANDs over the bits it reads, variables 1, 2, ..., and the literals of its own bits."""
    gate = GATES[op]
    if gate.name.startswith("lut") and gate.arity:
        ands, out = table_structure(params)
        return ands, [out]
    builder = Builder([f"x{i}" for i in range(len(types))], types=types)
    wire = builder.add(gate.name, *builder.inputs, params=params, type=word)
    _, pairs, outputs = to_literals(to_and_not(bit_blasted(builder.circuit({"y": wire}))))
    return pairs.tolist(), outputs.tolist()


class _Lowering(NamedTuple):
    """A circuit as instances of templates; the bits of wire w are those from ``place[w]`` on."""

    place: NDArray[np.int64]
    gates: list[tuple[int, int, list[int]]]  # (template, place of the first bit it gives, places of the bits it reads)
    templates: list[_Template]


def _lowering(circuit: Circuit) -> _Lowering:
    n, types = circuit.num_inputs, [circuit.type_of(w) for w in range(circuit.num_wires)]
    place = np.concatenate([[0], np.cumsum([word.bits for word in types])])
    starts = place.tolist()
    live = fanin_cone(circuit, circuit.outputs).tolist()
    numbers: dict[tuple[int, tuple[int, ...], tuple[Word, ...], Word], int] = {}
    gates = []
    for wire, (op, fanin, params) in enumerate(circuit.gates(), n):
        if live[wire]:
            key = (OP[op], params, tuple(types[f] for f in fanin), types[wire])
            reads = [bit for f in fanin for bit in range(starts[f], starts[f + 1])]
            gates.append((numbers.setdefault(key, len(numbers)), starts[wire], reads))
    return _Lowering(place, gates, _templates(list(numbers)))


def _templates(keys: list[tuple[int, tuple[int, ...], tuple[Word, ...], Word]]) -> list[_Template]:
    """Return the templates of gates; many tables are covered at once."""
    found: dict[int, _Template] = {}
    for inputs in range(2, MAX_LUT + 1):
        tables = [k for k, (op, *_) in enumerate(keys) if op == OP[f"lut{inputs}"]]
        if len(tables) >= MANY_TABLES:
            from circuits.cover_kernels import structures

            found |= dict(zip(tables, structures([keys[k][1] for k in tables], inputs), strict=True))
    return [found.get(k) or _template(*key) for k, key in enumerate(keys)]


def lowered_oracle(lowering: _Lowering, literal: list[int], first: int) -> list[tuple[int, int]]:
    """Put templates in place of gates, sharing equal ANDs; set the literals of all bits and return the ANDs."""
    ands: list[tuple[int, int]] = []
    seen: dict[tuple[int, int], int] = {}
    for template, to, reads in lowering.gates:
        local = [0, *(literal[bit] for bit in reads)]
        pairs, outputs = lowering.templates[template]
        for p, q in pairs:
            key = ordered(local[p >> 1] ^ p & 1, local[q >> 1] ^ q & 1)
            found = trivial(key)
            if found is None and (found := seen.get(key)) is None:
                found = seen[key] = 2 * (first + len(ands))
                ands.append(key)
            local.append(found)
        for k, out in enumerate(outputs):
            literal[to + k] = local[out >> 1] ^ out & 1
    return ands


def _lowered(circuit: Circuit) -> Literals:
    """Return any circuit as an and-inverter graph: live gates replaced by their templates, equal ANDs shared."""
    lowering = _lowering(circuit)
    inputs, bits = (int(lowering.place[w]) for w in (circuit.num_inputs, circuit.num_wires))
    first, literal = inputs + 1, [*range(2, 2 * inputs + 2, 2), *[0] * (bits - inputs)]
    if sum(len(lowering.templates[template][0]) for template, _, _ in lowering.gates) < MANY_ANDS:
        pairs = np.array(lowered_oracle(lowering, literal, first), np.int64).reshape(-1, 2)
        known = np.array(literal, np.int64)
    else:
        from circuits.cover_kernels import lowered

        pairs, known = lowered(lowering.gates, lowering.templates, literal, first)
    starts = lowering.place.tolist()
    shown = known[[bit for w in circuit.outputs.tolist() for bit in range(starts[w], starts[w + 1])]]
    return _without_dead(Literals(inputs, pairs, shown))


def _without_dead(lits: Literals) -> Literals:
    """Drop the ANDs that nothing reads; constants leave some."""
    n, ands, outputs = lits
    first, fanins = n + 1, (ands >> 1).tolist()
    used = [False] * (first + len(ands))
    for o in outputs.tolist():
        used[o >> 1] = True
    for i in reversed(range(len(fanins))):
        if used[first + i]:
            p, q = fanins[i]
            used[p] = used[q] = True
    kept = np.array(used[first:], bool)
    number = np.concatenate([np.arange(first), n + np.cumsum(kept)])
    pairs = ands[kept]
    return Literals(n, 2 * number[pairs >> 1] + (pairs & 1), 2 * number[outputs >> 1] + (outputs & 1))


def ordered(x: int, y: int) -> tuple[int, int]:
    """Return two literals, the smaller first: the key of their AND."""
    return (x, y) if x <= y else (y, x)


def trivial(key: tuple[int, int]) -> int | None:
    """Return the literal that the AND of two ordered literals is without a node, if it is."""
    x, y = key
    return 0 if x == 0 or x == y ^ 1 else y if x in (1, y) else None


def from_literals(
    lits: Literals, input_names: tuple[str, ...], output_names: tuple[str, ...], name: str = "circuit"
) -> Circuit:
    """Return the graph as a circuit: each AND one gate of ``and``, ``andnot``, ``nor``; output complements are ``not``.

    Raises:
        CircuitError: names that do not fit.
    """
    n, ands, outputs = lits
    constant = bool(np.any(ands < 2)) or bool(np.any(outputs < 2))
    inverted = np.unique(outputs[outputs & 1 == 1])
    wire = np.concatenate([[n], np.arange(n), n + constant + np.arange(len(ands))]).astype(np.int64)  # of a variable
    complement = ands & 1
    pins = wire[ands >> 1]
    pins = np.where((complement[:, :1] == 1) & (complement[:, 1:] == 0), pins[:, ::-1], pins)  # andnot inverts pin 1
    codes = np.array([OP[row] for row in _ROW_OF_COMPLEMENTS], np.uint8)[complement @ [1, 2]]
    op = np.concatenate([[OP["const"]] * constant, codes, np.full(len(inverted), OP["not"])]).astype(np.uint8)
    arity = np.array([gate.arity for gate in BIT_GATES])[op]
    params = np.array([gate.param_count for gate in BIT_GATES])[op]
    first_not = n + constant + len(ands)
    out = np.where(outputs & 1, first_not + np.searchsorted(inverted, outputs), wire[outputs >> 1])
    return check(
        Circuit(
            input_names,
            output_names,
            op,
            np.concatenate([[0], np.cumsum(arity)]),
            np.concatenate([pins.ravel(), wire[inverted >> 1]]),
            np.concatenate([[0], np.cumsum(params)]),
            np.zeros(int(constant), np.int64),
            out,
            name,
        )
    )


def natural_gates(
    lits: Literals, input_names: tuple[str, ...], output_names: tuple[str, ...], name: str = "circuit"
) -> Circuit:
    """Return the graph as a circuit of the gates a person would draw, without costing AND nodes.

    Three ANDs that make an XOR become one, unless another gate shares its inner ANDs in the other polarity; an AND that
    is read only complemented becomes the complemented gate.
    """
    n, ands, outputs = lits
    first = n + 1
    fanins: list[list[int]] = ands.tolist()
    readers = np.bincount(np.concatenate([ands.ravel(), outputs]) >> 1, minlength=first + len(ands))

    def exclusive_or(i: int) -> tuple[int, int, bool] | None:
        """Return the literals whose XOR AND number i is, NOT (a AND b) AND NOT (NOT a AND NOT b), and if they share."""
        p, q = fanins[i]
        if not (p & q & 1) or min(p, q) >> 1 < first or p == q:
            return None
        (a, b), other = fanins[(p >> 1) - first], fanins[(q >> 1) - first]
        if sorted(other) != sorted((a ^ 1, b ^ 1)) or min(a, b) < 2:
            return None
        shared = not readers[p >> 1] == readers[q >> 1] == 1
        return None if shared and (a ^ b) & 1 else (a, b, shared)

    # table, fan-ins, whether their polarity matters
    kinds = [
        (0b0110, found[:2], found[2]) if (found := exclusive_or(i)) else (0b1000, (f[0], f[1]), True)
        for i, f in enumerate(fanins)
    ]
    live = [False] * (first + len(ands))
    read = [set[int]() for _ in live]  # the polarities in which ANDs and outputs read a variable

    for o in outputs.tolist():
        live[o >> 1] = True
        read[o >> 1].add(o & 1)
    for i in reversed(range(len(ands))):
        if live[first + i]:
            table, pair, particular = kinds[i]
            for f in pair:
                live[f >> 1] = True
                if particular:
                    read[f >> 1].add(f & 1 if table == 0b1000 else 0)
    builder = Builder(input_names, name=name, fold=False)
    wire, inverted = [-1, *builder.inputs], [False] * first
    for i, (table, pair, _) in enumerate(kinds):
        flip = read[first + i] == {1}
        inverted.append(flip)
        if not live[first + i]:
            wire.append(-1)
            continue
        complement = sum(((f & 1) ^ inverted[f >> 1]) << pin for pin, f in enumerate(pair))
        seen = sum((table >> (v ^ complement) & 1 ^ flip) << v for v in range(4))
        row, swap = TWO_INPUT[seen]
        fanin = [wire[f >> 1] if f > 1 else builder.const(0) for f in pair]
        wire.append(builder.add(row, *(reversed(fanin) if swap else fanin)))
    driven: dict[int, int] = {}
    for o in outputs.tolist():
        if o not in driven:
            same = bool(o & 1) == inverted[o >> 1]
            driven[o] = builder.const(o) if o < 2 else wire[o >> 1] if same else builder.add("not", wire[o >> 1])
    return builder.circuit(zip(output_names, (driven[o] for o in outputs.tolist()), strict=True))


def to_aig(circuit: Circuit) -> Aig:
    """Return the circuit as an aigverse network (structurally hashed)."""
    from aigverse.networks import AigIndexList

    lits = to_literals(circuit)
    ands = np.sort(lits.ands, axis=1)  # an index list reads a falling pair as XOR
    raw = [lits.num_inputs, len(lits.outputs), len(ands), *ands.ravel().tolist(), *lits.outputs.tolist()]
    return AigIndexList(raw).to_aig()


def from_aig(aig: Aig, input_names: tuple[str, ...], output_names: tuple[str, ...], name: str = "circuit") -> Circuit:
    """Return an aigverse network as a circuit."""
    return from_literals(_literals_of(aig), input_names, output_names, name)


def _literals_of(aig: Aig) -> Literals:
    raw = np.array(aig.to_index_list().raw(), np.int64)
    n, _, count = raw[:3].tolist()
    body = raw[3:]
    return Literals(n, body[: 2 * count].reshape(-1, 2), body[2 * count :])


def hashed_literals(circuit: Circuit) -> Literals:
    """Return the circuit as an and-inverter graph after structural hashing, without dead nodes."""
    from aigverse.algorithms import cleanup_dangling

    return _literals_of(cleanup_dangling(to_aig(circuit)))


def hashed(circuit: Circuit) -> Circuit:
    """Return the circuit as gates that are one AND each, up to complements, none equal; counting on it is quick."""
    inputs, outputs = port_bits(circuit)
    return from_aig(to_aig(circuit), inputs, outputs, circuit.name)


def port_bits(circuit: Circuit) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of a circuit's input and output bits."""
    return bit_names(circuit.input_names, circuit.input_types), bit_names(circuit.output_names, circuit.output_types)


def lowered(circuit: Circuit) -> Circuit:
    """Return any circuit as gates of bits that are one AND each, up to complements: quick for large circuits of words.

    Ports are the bits that store the words, as :func:`circuits.rewrite.bit_blasted` names them.
    """
    return from_literals(to_literals(circuit), *port_bits(circuit), circuit.name)


def and_count(circuit: Circuit) -> int:
    """Return the number of AND nodes after structural hashing, before any optimisation."""
    return to_aig(circuit).num_gates


def and_levels(circuit: Circuit) -> int:
    """Return the levels of the and-inverter graph after structural hashing (inverters are free)."""
    from aigverse.networks import DepthAig

    return DepthAig(to_aig(circuit)).num_levels


def xor_and_count(circuit: Circuit) -> int:
    """Return the number of gates when three AND nodes that make an XOR count as one (:func:`natural_gates`).

    Inverters are free and dead nodes do not count.
    """
    circuit = bit_blasted(circuit)
    natural = natural_gates(hashed_literals(circuit), circuit.input_names, circuit.output_names)
    return sum(len(fanin) == 2 for _, fanin, _ in natural.gates())


def _scripts() -> tuple[Callable[[Aig], Aig | None], ...]:
    from aigverse import algorithms as a

    return (
        lambda g: a.aig_cut_rewriting(g),
        lambda g: a.aig_resubstitution(g, max_inserts=2),
        lambda g: a.sop_refactoring(g),
        lambda g: a.aig_cut_rewriting(g, allow_zero_gain=True),
        lambda g: a.aig_resubstitution(g, max_inserts=2, use_dont_cares=True),
        lambda g: a.sop_refactoring(g, allow_zero_gain=True),
    )


def optimised(circuit: Circuit, *, rounds: int = 10) -> Circuit:
    """Run aigverse's rewriting, resubstitution and refactoring until a round gains nothing.

    Returns:
        a circuit of ANDs with complements, never more AND nodes than the input; the function is the scripts' promise:
        callers prove it.
    """
    from aigverse.algorithms import cleanup_dangling

    circuit = bit_blasted(circuit)
    best = cleanup_dangling(to_aig(circuit))
    for _ in range(rounds):
        before, current = best.num_gates, best
        for script in _scripts():
            current = cleanup_dangling(script(current) or current)
            if current.num_gates < best.num_gates:
                best = current
        if best.num_gates >= before:
            break
    return without_dead_gates(from_aig(best, circuit.input_names, circuit.output_names, circuit.name))


def optimised_together(circuits: Sequence[Circuit], *, rounds: int = 10) -> list[Circuit]:
    """Run :func:`optimised` on circuits side by side: its scripts take a while to start, however small the circuit.

    Args:
        circuits: at least one.
        rounds: at most, of all scripts.

    Returns:
        for each what :func:`optimised` promises, as a circuit of bits.
    """
    given = [hashed_literals(circuit) for circuit in circuits]
    inputs = [0, *accumulate(lits.num_inputs for lits in given)]
    outputs = [0, *accumulate(len(lits.outputs) for lits in given)]
    ends = [0, *accumulate(len(lits.ands) for lits in given)]
    ands, shown = [], []
    for first, end, (n, pairs, out) in zip(inputs, ends, given, strict=False):
        place = np.concatenate([[0], first + 1 + np.arange(n), inputs[-1] + 1 + end + np.arange(len(pairs))])
        ands.append(2 * place[pairs >> 1] + (pairs & 1))
        shown.append(2 * place[out >> 1] + (out & 1))
    joint = Literals(inputs[-1], np.concatenate(ands), np.concatenate(shown))
    ports = tuple(f"x{k}" for k in range(inputs[-1])), tuple(f"y{k}" for k in range(outputs[-1]))
    smaller = hashed_literals(optimised(from_literals(joint, *ports), rounds=rounds))
    found = []
    for k, (circuit, before) in enumerate(zip(circuits, given, strict=True)):
        own = _part(smaller, range(inputs[k], inputs[k + 1]), slice(outputs[k], outputs[k + 1]))
        best = min(before, own, key=lambda lits: len(lits.ands))
        found.append(from_literals(best, *port_bits(circuit), circuit.name))
    return found


def _part(lits: Literals, inputs: range, outputs: slice) -> Literals:
    """Return the graph of some outputs that read no inputs but some, which are next to each other."""
    number = {0: 0} | {1 + k: 1 + place for place, k in enumerate(inputs)}
    pairs = []
    for variable, (p, q) in enumerate(lits.ands.tolist(), lits.num_inputs + 1):
        if p >> 1 in number and q >> 1 in number:
            pairs.append((2 * number[p >> 1] + (p & 1), 2 * number[q >> 1] + (q & 1)))
            number[variable] = len(inputs) + len(pairs)
    shown = [2 * number[o >> 1] + (o & 1) for o in lits.outputs[outputs].tolist()]
    return Literals(len(inputs), np.array(pairs, np.int64).reshape(-1, 2), np.array(shown, np.int64))


assert all(row in GATE for row in _ROW_OF_COMPLEMENTS)
