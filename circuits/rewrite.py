"""Circuit to circuit, same function: fold constants, share, drop dead gates, lower to fewer kinds of gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from circuits import library
from circuits.check import word_gates
from circuits.circuit import Builder, Circuit, Term
from circuits.errors import CircuitError, TableError
from circuits.gates import GATE
from circuits.names import distinct
from circuits.order import fanin_cone
from circuits.table import TruthTable
from circuits.wires import BIT, Word
from circuits.words import unpack

MAX_BLASTED = 1 << 22
"""Gates of bits that words may become: a small file can ask for very many of them."""

Emit = Callable[[Builder, str, tuple[int, ...], tuple[int, ...], Word], int]


def rebuild(circuit: Circuit, emit: Emit, *, fold: bool = True) -> Circuit:
    """Rebuild the live part of a circuit gate by gate.

    Args:
        circuit: the circuit.
        emit: ``emit(builder, op, fanin, params, word) -> wire`` adds what replaces one gate, of type ``word``.
        fold: whether the new builder folds constants and shares gates.
    """
    builder = Builder(circuit.input_names, name=circuit.name, fold=fold, types=circuit.input_types)
    live = fanin_cone(circuit, circuit.outputs).tolist()
    wire = builder.inputs
    for old, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        pins = tuple(wire[f] for f in fanin)
        wire.append(emit(builder, op, pins, params, circuit.type_of(old)) if live[old] else -1)
    outputs = zip(circuit.output_names, (wire[w] for w in circuit.outputs.tolist()), strict=True)
    return builder.circuit(outputs)


def _same(builder: Builder, op: str, fanin: tuple[int, ...], params: tuple[int, ...], word: Word) -> int:
    return builder.add(op, *fanin, params=params, type=word)


def without_dead_gates(circuit: Circuit) -> Circuit:
    """Drop the gates no output depends on; keep all others as they are."""
    return rebuild(circuit, _same, fold=False)


def cone_of(circuit: Circuit, output: str) -> Circuit:
    """Return what one output depends on: its gates as they are, and the inputs they read, in order.

    Raises:
        CircuitError: no such output.
    """
    if output not in circuit.output_names:
        some = " ".join(circuit.output_names[:10])
        raise CircuitError(f"cone: {circuit.name!r} has no output {output[:40]!r}, expected one of {some[:200]}")
    root = int(circuit.outputs[circuit.output_names.index(output)])
    live = fanin_cone(circuit, [root]).tolist()
    kept = [w for w in range(circuit.num_inputs) if live[w]]
    builder = Builder(
        [circuit.input_names[w] for w in kept],
        name=f"{output} of {circuit.name}",
        fold=False,
        types=[circuit.input_types[w] for w in kept],
    )
    place = dict(zip(kept, builder.inputs, strict=True))
    for old, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        if live[old]:
            place[old] = builder.add(op, *(place[f] for f in fanin), params=params, type=circuit.type_of(old))
    return builder.circuit({output: place[root]})


def folded(circuit: Circuit) -> Circuit:
    """Fold constants, repeated and complemented fan-ins, share equal gates, drop dead gates; never more gates."""
    return without_dead_gates(rebuild(circuit, _same))  # the builder adds at most one gate for each


# --- From words to bits ----------------------------------------------------------------------------------------------


def bit_names(names: Sequence[str], types: Sequence[Word]) -> tuple[str, ...]:
    """Return a name per bit: a bit's own, for a word ``a[0]``, ``a[1]``, ..., least significant first."""
    pairs = zip(names, types, strict=True)
    spelled = [[name] if word == BIT else [f"{name}[{k}]" for k in range(word.bits)] for name, word in pairs]
    return distinct(name for part in spelled for name in part)


def from_bits(bits: Sequence[int], types: Sequence[Word]) -> list[int]:
    """Return the values that bits store, a word's bits least significant first."""
    rest = iter(bits)
    stored = [sum(next(rest) << k for k in range(word.bits)) for word in types]
    return [value + 2 * word.lo * (value > word.hi) for value, word in zip(stored, types, strict=True)]


def bit_blasted(circuit: Circuit) -> Circuit:
    """Return the circuit with words as the bits that store them and word gates as gates of :mod:`circuits.library`.

    Ports keep their order, a word's bits least significant first, named by :func:`bit_names`. A circuit of bits comes
    back as it is.

    Raises:
        CircuitError: more than ``MAX_BLASTED`` gates.
    """
    if not circuit.has_words:
        return circuit
    types = [circuit.type_of(w) for w in range(circuit.num_wires)]
    builder = Builder(bit_names(circuit.input_names, circuit.input_types), name=circuit.name)
    free = iter(builder.inputs)
    wires = [[next(free) for _ in range(word.bits)] for word in circuit.input_types]
    live = fanin_cone(circuit, circuit.outputs).tolist()
    for w, ((op, fanin, params), on_words) in enumerate(
        zip(circuit.gates(), word_gates(circuit).tolist(), strict=True), circuit.num_inputs
    ):
        face = GATE[op].word
        if not live[w]:
            wires.append([])
        elif face is None or not on_words:
            wires.append([builder.add(op, *(wires[f][0] for f in fanin), params=params)])
        else:
            read = [wires[f] if types[f].signed else library.unsigned(builder, wires[f]) for f in fanin]
            exact = face.blast(builder, read, params)
            word = types[w]
            wires.append(library.fitted(builder, exact, word.bits, signed=word.signed, saturate=word.saturate))
            if builder.num_gates > MAX_BLASTED:
                raise CircuitError(
                    f"{circuit.name}: its words take more than {MAX_BLASTED} gates of bits, the most made"
                )
    driven = [wire for w in circuit.outputs.tolist() for wire in wires[w]]
    outputs = zip(bit_names(circuit.output_names, circuit.output_types), driven, strict=True)
    return without_dead_gates(builder.circuit(outputs))


# --- To fewer kinds of gates -----------------------------------------------------------------------------------------


def _record(term: type[Term]) -> Emit:
    def emit(builder: Builder, op: str, fanin: tuple[int, ...], params: tuple[int, ...], word: Word) -> int:
        zero = term(builder, builder.const(0))
        return GATE[op].forward([term(builder, f) for f in fanin], params, zero).wire

    return emit


class _AndNotTerm(Term):
    """A term that knows only AND and NOT; XOR is written so that it shares the AND of its two operands."""

    __slots__ = ()

    def __or__(self, other: Term) -> Term:
        return ~(~self & ~other)

    def __xor__(self, other: Term) -> Term:
        return ~(self & other) & ~(~self & ~other)


def to_two_input(circuit: Circuit) -> Circuit:
    """Lower every gate of three and more fan-ins (mux, maj, look-up tables) to 2-input gates and inverters.

    Look-up tables are expanded by Shannon's expansion, skipping what their table makes trivial, and shared.
    """
    record = _record(Term)

    def emit(builder: Builder, op: str, fanin: tuple[int, ...], params: tuple[int, ...], word: Word) -> int:
        keep = len(fanin) <= 2 and not op.startswith("lut")
        return (_same if keep else record)(builder, op, fanin, params, word)

    return without_dead_gates(rebuild(bit_blasted(circuit), emit))


def to_and_not(circuit: Circuit) -> Circuit:
    """Lower every gate to ``and``, ``not`` and ``const``."""
    return without_dead_gates(rebuild(bit_blasted(circuit), _record(_AndNotTerm)))


def from_table(table: TruthTable) -> Circuit:
    """Build a circuit of shared multiplexers (a reduced decision diagram) that computes a complete table.

    Don't-cares are taken as 0. Exact, not small: the seed of what simplifies or learns it.

    Raises:
        TableError: a sampled table, which defines no circuit.
    """
    if not table.complete:
        raise TableError(
            f"{table.name}: got {table.patterns} sampled patterns, expected a complete table; learn a circuit from them"
        )
    builder = Builder(table.input_names, name=table.name)
    seen: dict[tuple[int, int], int] = {}

    def select(value: int, level: int) -> int:
        """Return a wire for the function of the first ``level`` inputs whose table is ``value``."""
        if level == 0:
            return builder.const(value)
        half = 1 << (level - 1)
        lo, hi = value & ((1 << half) - 1), value >> half
        if lo == hi:
            return select(lo, level - 1)
        wire = seen.get((value, level))
        if wire is None:
            top, full = level - 1, (1 << half) - 1
            if lo == hi ^ full:
                wire = builder.add("xor", top, select(lo, top))
            else:
                wire = builder.add("mux", top, select(lo, top), select(hi, top))
            seen[value, level] = wire
        return wire

    bits = unpack(table.outputs, table.patterns)
    values = [int("".join("1" if b else "0" for b in reversed(row)) or "0", 2) for row in bits.tolist()]
    outputs = [(name, select(v, table.num_inputs)) for name, v in zip(table.output_names, values, strict=True)]
    return without_dead_gates(builder.circuit(outputs))
