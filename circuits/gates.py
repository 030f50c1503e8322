"""THE gate table: one row a gate, all its faces.

A row has a bit face, a word face, or both (``const``, ``mux``). The ``forward`` of a bit face uses only ``& | ^ ~``, so
one lambda runs on Python ints, numpy words, torch tensors and on any recording term with those operators; the truth
table, the derivatives, the lowering to AND/NOT and the text of every format are made from it. Input 0 is the least
significant bit of a table address, everywhere. Word faces are in :mod:`circuits.arithmetic`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from circuits.arithmetic import ANY, WORD_FACES, WordFace
from circuits.wires import BIT, Word

V = Any  # a value with & | ^ ~ : int, numpy words, tensor, term
MAX_LUT = 6  # a table fits one 64-bit word


class Gate(NamedTuple):
    """One row of the gate table.

    Attributes:
        name: the gate's name in every text form.
        arity: number of fan-ins; ``arithmetic.ANY`` if any number from one on will do.
        param_count: number of integer parameters of the bit face.
        param_range: inclusive range (lo, hi) of every parameter of the bit face; (0, 1) is the bit space.
        forward: ``forward(x, p, zero)``: the output from fan-in values ``x``, parameters ``p`` and the all-zero value.
        reverse: ``reverse(x, p, d, zero)``: the ring reverse derivative over Z_2, (per fan-in, per parameter).
        variation: ``variation(x, p, zero)``: the Boolean variation as masks; per fan-in a pair (where the output rises
            with it, where it falls), per parameter the same.
        source: where the definition is stated.
        word: what the row is on words, if it is anything.
    """

    name: str
    arity: int
    param_count: int
    param_range: tuple[int, int]
    forward: Callable[[Sequence[V], Sequence[int], V], V]
    reverse: Callable[[Sequence[V], Sequence[int], V, V], tuple[list[V], list[V]]]
    variation: Callable[[Sequence[V], Sequence[int], V], tuple[list[tuple[V, V]], list[tuple[V, V]]]]
    source: str
    word: WordFace | None = None

    @property
    def has_bits(self) -> bool:
        """Whether the row has a bit face."""
        return self.forward is not _no_bits


def _no_bits(*anything: V) -> Any:
    raise TypeError("this row of the gate table has no bit face")


def _row(
    name: str,
    arity: int,
    forward: Callable[[Sequence[V], Sequence[int], V], V],
    *,
    params: int = 0,
    addressed: Callable[[Sequence[V], V], list[V]] = lambda x, zero: [],
    source: str,
) -> Gate:
    """Make the row of a bit gate; its derivatives follow from ``forward`` by cofactors.

    ``addressed(x, zero)`` gives, per parameter, where the output equals that parameter.
    A single gate is multilinear in each fan-in over Z_2, so the polynomial chain rule and the Boolean difference
    f(x_i=1) xor f(x_i=0) agree on it (Cockett et al., reverse derivative categories, arXiv 1910.07065;
    Wilson and Zanasi, arXiv 2101.10488). The variation f(x_i=1) - f(x_i=0) is that of BOLD (arXiv 2405.16339).
    """

    def cofactors(x: Sequence[V], p: Sequence[int], zero: V, i: int) -> tuple[V, V]:
        return (
            forward([*x[:i], zero, *x[i + 1 :]], p, zero),
            forward([*x[:i], ~zero, *x[i + 1 :]], p, zero),
        )

    def reverse(x: Sequence[V], p: Sequence[int], d: V, zero: V) -> tuple[list[V], list[V]]:
        inputs = []
        for i in range(arity):
            lo, hi = cofactors(x, p, zero, i)
            inputs.append(d & (lo ^ hi))
        return inputs, [d & mask for mask in addressed(x, zero)]

    def variation(x: Sequence[V], p: Sequence[int], zero: V) -> tuple[list[tuple[V, V]], list[tuple[V, V]]]:
        inputs = []
        for i in range(arity):
            lo, hi = cofactors(x, p, zero, i)
            inputs.append((hi & ~lo, lo & ~hi))
        return inputs, [(mask, zero) for mask in addressed(x, zero)]

    return Gate(name, arity, params, (0, 1), forward, reverse, variation, source, WORD_FACES.get(name))


def _bit(name: str, arity: int, function: Callable[..., V], source: str = "Boolean algebra") -> Gate:
    """Make the row of a parameter-free bit gate from a plain function of its fan-ins."""
    return _row(name, arity, lambda x, p, zero: function(*x), source=source)


def _constant(x: Sequence[V], p: Sequence[int], zero: V) -> V:
    """Return all ones or all zeros."""
    return ~zero if p[0] else zero


def _minterms(x: Sequence[V], zero: V) -> list[V]:
    """Return, per table address, where the fan-ins spell that address."""
    terms = [~zero]
    for value in reversed(x):
        terms = [t for term in terms for t in (term & ~value, term & value)]
    return terms


def _lookup(x: Sequence[V], p: Sequence[int], zero: V) -> V:
    """Evaluate a look-up table by Shannon expansion on its last input, skipping what the table makes trivial."""
    if not any(p):
        return zero
    if all(p):
        return ~zero
    top, half = x[-1], len(p) // 2
    lo, hi = p[:half], p[half:]
    if lo == hi:
        return _lookup(x[:-1], lo, zero)
    if all(a != b for a, b in zip(lo, hi, strict=True)):
        return top if not any(lo) else ~top if all(lo) else top ^ _lookup(x[:-1], lo, zero)
    if not any(lo):
        return top & _lookup(x[:-1], hi, zero)
    if not any(hi):
        return ~top & _lookup(x[:-1], lo, zero)
    if all(lo):
        return ~top | _lookup(x[:-1], hi, zero)
    if all(hi):
        return top | _lookup(x[:-1], lo, zero)
    return (top & _lookup(x[:-1], hi, zero)) | (~top & _lookup(x[:-1], lo, zero))


BIT_GATES: tuple[Gate, ...] = (
    _row("const", 0, _constant, params=1, addressed=lambda x, zero: [~zero], source="Boolean algebra"),
    _bit("buf", 1, lambda a: a),
    _bit("not", 1, lambda a: ~a),
    _bit("and", 2, lambda a, b: a & b),
    _bit("or", 2, lambda a, b: a | b),
    _bit("xor", 2, lambda a, b: a ^ b),
    _bit("nand", 2, lambda a, b: ~(a & b)),
    _bit("nor", 2, lambda a, b: ~(a | b)),
    _bit("xnor", 2, lambda a, b: ~(a ^ b)),
    _bit("andnot", 2, lambda a, b: a & ~b),
    _bit("ornot", 2, lambda a, b: a | ~b),
    _bit("mux", 3, lambda s, a, b: (s & b) | (~s & a), "select: input 0 chooses input 1 (when 0) or input 2 (when 1)"),
    _bit("maj", 3, lambda a, b, c: (a & b) | (c & (a | b)), "majority of three"),
    *(
        _row(f"lut{k}", k, _lookup, params=1 << k, addressed=_minterms, source="look-up table; Shannon expansion")
        for k in range(1, MAX_LUT + 1)
    ),
)  # fmt: skip
"""The rows with a bit face: their numbers are below those of all others."""

_NAMES = {gate.name for gate in BIT_GATES}
GATES: tuple[Gate, ...] = (
    *BIT_GATES,
    *(
        Gate(name, face.arity, 0, (0, 0), _no_bits, _no_bits, _no_bits, face.source, face)
        for name, face in WORD_FACES.items()
        if name not in _NAMES
    ),
)
GATE = {gate.name: gate for gate in GATES}
OP = {gate.name: index for index, gate in enumerate(GATES)}


def evaluate(gate: Gate, x: Sequence[int], p: Sequence[int] = ()) -> int:
    """Return the gate's output bit for 0/1 fan-ins ``x`` and parameters ``p``."""
    return gate.forward(x, list(p), 0) & 1


def param_space(gate: Gate, types: Sequence[Word], word: Word) -> tuple[int, int]:
    """Return the inclusive range of every parameter of a gate of type ``word`` that reads wires of these types."""
    return gate.word.space(types, word) if gate.word and on_words(gate, types, word) else gate.param_range


def on_words(gate: Gate, types: Sequence[Word], word: Word) -> bool:
    """Tell which face a gate shows: bits make bits by the bit face where there is one, all else is the word face's."""
    return not gate.has_bits or word != BIT or any(t != BIT for t in types)


def misfit(gate: Gate, types: Sequence[Word], word: Word, params: Sequence[int]) -> str:
    """Return what is wrong with a gate of type ``word`` that reads wires of these types: "got ..., expected ..."."""
    words = on_words(gate, types, word)
    if words and gate.word is None:
        return f"got wires of types {', '.join(map(str, [*types, word]))}, expected bits"
    arity, face = gate.arity, gate.word
    count = face.count(types) if words and face and types else gate.param_count if not words else 1
    if (not types if arity == ANY else len(types) != arity) or len(params) != count:
        wanted = "one or more" if arity == ANY else arity
        return f"got {len(types)} fan-ins and {len(params)} parameters, expected {wanted} and {count}"
    if words and face and (expected := face.accepts(types, word)):
        return f"got wires of types {', '.join(map(str, [*types, word]))}, expected {expected}"
    lo, hi = param_space(gate, types, word)
    wrong = next((p for p in params if not lo <= p <= hi), None)
    return "" if wrong is None else f"parameter {wrong} is out of range, expected {lo}..{hi}"


@lru_cache(maxsize=1 << 16)
def gate_table(op: int, p: tuple[int, ...] = ()) -> int:
    """Return a row's truth table as an integer: bit ``v`` is the output at address ``v``."""
    gate = GATES[op]
    size = 1 << gate.arity
    mask = (1 << size) - 1
    variables = [sum(1 << v for v in range(size) if v >> k & 1) for k in range(gate.arity)]
    return int(gate.forward(variables, list(p), 0) & mask)


def table_bits(table: int, inputs: int) -> tuple[int, ...]:
    """Return a table integer as the parameter tuple of ``lut(inputs)``."""
    return tuple(table >> v & 1 for v in range(1 << inputs))


@cache
def symmetric(op: int) -> bool:
    """Tell whether permuting the row's fan-ins never changes its output (parameter-free rows only)."""
    gate = GATES[op]
    if gate.param_count or not gate.has_bits:
        return False
    by_weight: dict[int, int] = {}
    table = gate_table(op)
    return all(by_weight.setdefault(v.bit_count(), table >> v & 1) == table >> v & 1 for v in range(1 << gate.arity))


def _two_input_rows() -> dict[int, tuple[str, bool]]:
    rows: dict[int, tuple[str, bool]] = {}
    for gate in BIT_GATES:
        if gate.arity == 2 and not gate.param_count:
            for swap in (False, True):
                table = gate_table(OP[gate.name])
                if swap:
                    table = (table & 0b1001) | (table & 2) << 1 | (table & 4) >> 1
                rows.setdefault(table, (gate.name, swap))
    return rows


TWO_INPUT = _two_input_rows()
"""4-bit table of every 2-input function that depends on both inputs -> (row name, whether the fan-ins are swapped)."""


_NAMED = {(row.arity, gate_table(OP[row.name])): OP[row.name] for row in reversed(BIT_GATES) if not row.param_count}


@lru_cache(maxsize=1 << 16)
def row_of(table: int, inputs: int) -> tuple[int, bool, tuple[int, ...]]:
    """Return the row that computes a table of up to 6 inputs: its op, whether two fan-ins swap, its parameters.

    A named row where there is one, else a look-up table.
    """
    if (inputs, table) in _NAMED:
        return _NAMED[inputs, table], False, ()
    if inputs == 2 and table in TWO_INPUT:
        name, swap = TWO_INPUT[table]
        return OP[name], swap, ()
    return OP[f"lut{inputs}" if inputs else "const"], False, table_bits(table, inputs)
