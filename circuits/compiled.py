"""Circuits as machine code of the host, made without a C compiler.

Every wire is a vector of 8 times 64 bits: 512 patterns of a bit or, if the circuit has words, 8 integers. The gates
that outputs depend on run in depth-first order, so that most values are read right after they are made, and are cut
into functions of about two hundred instructions: LLVM's time grows faster than a function's length, so one function for
all gates would not scale. Inside a function values stay in registers; a value that a later function reads goes to a
slot of a scratch array, and a slot is free again after its last reading, so the array is as small as the circuit is
narrow. Words run through a function several vectors at a time, lest fetching its code take longer than running it.

The rows' own ``forward`` writes the code (:mod:`circuits.instructions`). Importing this module is light; llvmlite loads
when a circuit is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from ctypes import CFUNCTYPE, c_size_t, c_void_p
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.circuit import Circuit
from circuits.errors import CircuitError
from circuits.instructions import Code, Int64Error, codes, depth_first
from circuits.simulate import fitting, masked, simulate
from circuits.values import fitting_values, simulate_values
from circuits.words import Words

LANES = 8
"""Words of a vector: the 512 bits of the widest registers; narrower machines take several for one."""

CHUNK = 200
"""Operations of a function. In longer ones LLVM's quick register allocation spills more than functions hand over."""

PART = 100
"""Functions LLVM gets at once: enough to hide a module's own cost, few enough to bound memory."""

VECTORS = 1, 4
"""Vectors a function runs on before the next one does: packed bits, words. Words fill fewer patterns into a vector."""

_OLDEST = (17,)  # the first LLVM whose only pointer type is ``ptr``
_WIDE = 'attributes #0 = { nounwind noinline "prefer-vector-width"="512" "min-legal-vector-width"="512" }'


class _Form:
    """How code for vectors of so many words is spelled.

    Attributes:
        lanes: words of a vector.
        bytes: bytes of a vector.
        vector: its type; ``truths``: that of a comparison's result.
        text: instruction -> its text; ``{0}`` is what it gives, ``{1}``, ``{2}``, ``{3}`` are its operands.
        declared: the functions that the text calls.
    """

    def __init__(self, lanes: int) -> None:
        self.lanes, self.bytes = lanes, 8 * lanes
        self.vector, self.truths = f"<{lanes} x i64>", f"<{lanes} x i1>"
        vector = self.vector
        minmax = {name: f"@llvm.s{name}.v{lanes}i64" for name in ("min", "max")}
        self.declared = [f"declare {vector} {name}({vector}, {vector})" for name in minmax.values()]
        self.text = {
            **{
                name: f"{{0}} = {name} {vector} {{1}}, {{2}}"
                for name in ("and", "or", "xor", "add", "sub", "mul", "shl")
            },
            "shr": f"{{0}} = ashr {vector} {{1}}, {{2}}",
            "extend": f"{{0}}.up = shl {vector} {{1}}, {{2}}\n{{0}} = ashr {vector} {{0}}.up, {{2}}",
            "madd": f"{{0}}.by = mul {vector} {{2}}, {{3}}\n{{0}} = add {vector} {{1}}, {{0}}.by",
            "less": self._truth("slt"),
            "equal": self._truth("eq"),
            "where": f"{{0}}.is = icmp ne {vector} {{1}}, zeroinitializer\n"
            f"{{0}} = select {self.truths} {{0}}.is, {vector} {{2}}, {vector} {{3}}",
            **{op: f"{{0}} = call {vector} {name}({vector} {{1}}, {vector} {{2}})" for op, name in minmax.items()},
            "take": self._taken(),
        }

    def _truth(self, comparison: str) -> str:
        vector = self.vector
        return f"{{0}}.is = icmp {comparison} {vector} {{1}}, {{2}}\n{{0}} = zext {self.truths} {{0}}.is to {vector}"

    def _taken(self) -> str:
        """Return the text that reads an entry of a table for every lane."""
        lines, before = [], "undef"
        for k in range(self.lanes):
            after = "{0}" if k == self.lanes - 1 else f"{{0}}.{k}"
            lines += [
                f"{{0}}.at{k} = extractelement {self.vector} {{1}}, i32 {k}",
                f"{{0}}.to{k} = getelementptr i64, ptr {{2}}, i64 {{0}}.at{k}",
                f"{{0}}.of{k} = load i64, ptr {{0}}.to{k}",
                f"{after} = insertelement {self.vector} {before}, i64 {{0}}.of{k}, i32 {k}",
            ]
            before = after
        return "\n".join(lines)

    def splat(self, value: int) -> str:
        """Return the text of a vector that holds one number."""
        return "<" + ", ".join([f"i64 {value}"] * self.lanes) + ">"


_form = lru_cache(_Form)


def _driver(vectors: int, form: _Form) -> str:
    """Write what runs all parts on each block of so many vectors.

    It copies the block's inputs into the first slots, and outputs out of theirs.
    """
    more = "%{}.more" if vectors > 1 else "false"
    return f"""
define void @run(ptr %layout, ptr %in, ptr %out, i64 %row, i64 %size, ptr %scratch) #0 {{
entry:
  %f = load [5 x i64], ptr %layout
  %ins = extractvalue [5 x i64] %f, 0
  %count = extractvalue [5 x i64] %f, 1
  %parts.at = extractvalue [5 x i64] %f, 2
  %outs = extractvalue [5 x i64] %f, 3
  %places.at = extractvalue [5 x i64] %f, 4
  %parts = inttoptr i64 %parts.at to ptr
  %places = inttoptr i64 %places.at to ptr
  br label %block
block:
  %at = phi i64 [ 0, %entry ], [ %at.next, %after ]
  %at.next = add i64 %at, {vectors * form.bytes}
  %left = sub i64 %size, %at
  %full = icmp ugt i64 %left, {vectors * form.bytes}
  %bytes = select i1 %full, i64 {vectors * form.bytes}, i64 %left
  %b.more = icmp ult i64 %at, %size
  br i1 %b.more, label %reading, label %end
reading:
  %i = phi i64 [ 0, %block ], [ %i.next, %read.end ]
  %i.more = icmp ult i64 %i, %ins
  br i1 %i.more, label %read.start, label %working
read.start:
  %i.row = mul i64 %i, %row
  %i.at = add i64 %i.row, %at
  %i.from = getelementptr i8, ptr %in, i64 %i.at
  %i.slot = mul i64 %i, {vectors * form.bytes}
  %i.to = getelementptr i8, ptr %scratch, i64 %i.slot
  br label %read
read:
  %j = phi i64 [ 0, %read.start ], [ %j.next, %read ]
  %j.from = getelementptr i8, ptr %i.from, i64 %j
  %j.value = load {form.vector}, ptr %j.from, align 8
  %j.to = getelementptr i8, ptr %i.to, i64 %j
  store {form.vector} %j.value, ptr %j.to, align {form.bytes}
  %j.next = add i64 %j, {form.bytes}
  %j.more = icmp ult i64 %j.next, %bytes
  br i1 {more.format("j")}, label %read, label %read.end
read.end:
  %i.next = add i64 %i, 1
  br label %reading
working:
  %p = phi i64 [ 0, %reading ], [ %p.next, %work ]
  %p.more = icmp ult i64 %p, %count
  br i1 %p.more, label %work, label %writing
work:
  %p.at = getelementptr ptr, ptr %parts, i64 %p
  %part = load ptr, ptr %p.at
  call void %part(ptr %scratch, i64 %bytes)
  %p.next = add i64 %p, 1
  br label %working
writing:
  %o = phi i64 [ 0, %working ], [ %o.next, %write.end ]
  %o.more = icmp ult i64 %o, %outs
  br i1 %o.more, label %write.start, label %after
write.start:
  %o.slot = getelementptr i64, ptr %places, i64 %o
  %slot = load i64, ptr %o.slot
  %slot.at = mul i64 %slot, {vectors * form.bytes}
  %o.from = getelementptr i8, ptr %scratch, i64 %slot.at
  %o.row = mul i64 %o, %row
  %o.at = add i64 %o.row, %at
  %o.to = getelementptr i8, ptr %out, i64 %o.at
  br label %write
write:
  %k = phi i64 [ 0, %write.start ], [ %k.next, %write ]
  %k.from = getelementptr i8, ptr %o.from, i64 %k
  %k.value = load {form.vector}, ptr %k.from, align {form.bytes}
  %k.to = getelementptr i8, ptr %o.to, i64 %k
  store {form.vector} %k.value, ptr %k.to, align 8
  %k.next = add i64 %k, {form.bytes}
  %k.more = icmp ult i64 %k.next, %bytes
  br i1 {more.format("k")}, label %write, label %write.end
write.end:
  %o.next = add i64 %o, 1
  br label %writing
after:
  br label %block
end:
  ret void
}}
{_WIDE}
"""


_Gate = tuple[int, tuple[int, ...], Code]


def _chunks(gates: Iterable[_Gate]) -> Iterator[list[_Gate]]:
    """Cut gates into runs of about ``CHUNK`` operations, at least one gate each; a gate weighs at least one."""
    chunk: list[_Gate] = []
    weight = 0
    for gate in gates:
        chunk.append(gate)
        weight += max(1, len(gate[2].instructions))
        if weight >= CHUNK:
            yield chunk
            chunk, weight = [], 0
    if chunk:
        yield chunk


def _short(gates: Iterable[_Gate], fresh: int) -> Iterator[_Gate]:
    """Cut gates of more than ``CHUNK`` instructions into gates of one each, which drive wires from ``fresh`` on."""
    for wire, pins, code in gates:
        if len(code.instructions) <= CHUNK or code.result < 0:
            yield wire, pins, code
            continue
        wires = list(pins)
        for op, operands in code.instructions:
            read = tuple(wires[v] for v in operands if v >= 0)
            literals = [code.literals[~v] for v in operands if v < 0]
            ahead, behind = iter(range(len(read))), iter(range(-1, -len(literals) - 1, -1))
            own = tuple(next(ahead) if v >= 0 else next(behind) for v in operands)
            wires.append(fresh)
            yield fresh, read, Code([(op, own)], len(read), literals)
            fresh += 1
        yield wire, (wires[code.result],), Code([], 0, [])


class _Plan(NamedTuple):
    """What runs when, and where values wait.

    Attributes:
        chunks: per function, its gates as (wire, fan-in wires, code).
        slot: per wire, its slot in the scratch array, -1 if it never leaves its function; input i has slot i.
        slots: number of slots.
        vectors: vectors of a slot.
        form: how vectors are spelled.
    """

    chunks: list[list[_Gate]]
    slot: list[int]
    slots: int
    vectors: int
    form: _Form


def _plan(circuit: Circuit, lanes: int = LANES) -> _Plan:
    """Cut the circuit into functions and give slots to the values they hand to later ones.

    Raises:
        Int64Error: a gate of words that has no exact code.
    """
    inputs, words = circuit.num_inputs, circuit.has_words
    gates = codes(circuit, depth_first(circuit, circuit.outputs.tolist()), packed=not words)
    chunks = list(_chunks(_short(gates, circuit.num_wires)))
    wires = max([circuit.num_wires - 1, *(wire for chunk in chunks for wire, _, _ in chunk)]) + 1
    last = [-1] * wires  # the last function that reads a wire
    for k, chunk in enumerate(chunks):
        for _, pins, _ in chunk:
            for pin in pins:
                last[pin] = k
    for wire in circuit.outputs.tolist():
        last[wire] = len(chunks)
    slot = [*range(inputs), *repeat(-1, wires - inputs)]
    slots, free = inputs, []
    for k, chunk in enumerate(chunks):
        released = set()
        for wire, pins, _ in chunk:
            for pin in pins:  # a value with a slot is loaded at its first reading here; that frees the slot
                if last[pin] == k and slot[pin] >= 0 and pin not in released:
                    released.add(pin)
                    free.append(slot[pin])
            if last[wire] > k:
                slot[wire] = free.pop() if free else slots
                slots += slot[wire] == slots
    return _Plan(chunks, slot, slots, VECTORS[words], _form(lanes))


_LOOP_HEAD = """define internal void @{}(ptr %from, i64 %bytes) #0 {{
entry:
  br label %next
next:
  %at = phi i64 [ 0, %entry ], [ %at.next, %next ]
  %s = getelementptr i8, ptr %from, i64 %at"""
_LOOP_TAIL = """
  %at.next = add i64 %at, {}
  %more = icmp ult i64 %at.next, %bytes
  br i1 %more, label %next, label %end
end:
  ret void
}}"""


def _function(name: str, chunk: Sequence[_Gate], plan: _Plan, tables: dict[tuple[int, ...], str]) -> str:
    """Write the function that evaluates a chunk of gates; tables it reads get names."""
    lines: list[str] = []
    names: dict[int, str] = {}
    slot, form, stride = plan.slot, plan.form, plan.vectors * plan.form.bytes

    def place(wire: int) -> str:
        name = f"%p{len(lines)}"
        lines.append(f"{name} = getelementptr i8, ptr %s, i64 {slot[wire] * stride}")
        return name

    def literal(value: int | tuple[int, ...]) -> str:
        return tables.setdefault(value, f"@table{len(tables)}") if isinstance(value, tuple) else form.splat(value)

    def load(wire: int) -> str:
        if wire not in names:
            pointer = place(wire)
            names[wire] = f"%v{len(lines)}"
            lines.append(f"{names[wire]} = load {form.vector}, ptr {pointer}, align {form.bytes}")
        return names[wire]

    for wire, pins, (instructions, result, literals) in chunk:
        # what an operand is called: ~k counts from the end, where the literals stand in reverse
        count = len(pins)
        called = [*[""] * (count + len(instructions)), *map(literal, reversed(literals))]
        for k, (op, operands) in enumerate(instructions, count):  # loads come late, lest registers run out
            read = [load(pins[v]) if 0 <= v < count else called[v] for v in operands]
            called[k] = f"%v{len(lines)}"
            lines.append(form.text[op].format(called[k], *read))
        for pin in pins:  # also what the code does not need: a later gate may, and the slot is free from here on
            load(pin)
        names[wire] = load(pins[result]) if 0 <= result < count else called[result]
        if slot[wire] >= 0:
            pointer = place(wire)
            lines.append(f"store {form.vector} {names[wire]}, ptr {pointer}, align {form.bytes}")
    if plan.vectors == 1:
        return "\n".join([f"define internal void @{name}(ptr %s, i64 %bytes) #0 {{", *lines, "ret void", "}"])
    return "\n".join([_LOOP_HEAD.format(name), *lines, _LOOP_TAIL.format(form.bytes)])


def _parts(plan: _Plan) -> Iterator[tuple[str, str]]:
    """Yield the modules: the name of the function that runs one, and its text."""
    for first in range(0, len(plan.chunks), PART):
        numbers = range(first, min(first + PART, len(plan.chunks)))
        tables: dict[tuple[int, ...], str] = {}
        functions = [_function(f"chunk{k}", plan.chunks[k], plan, tables) for k in numbers]
        calls = [f"call void @chunk{k}(ptr %s, i64 %bytes)" for k in numbers]
        name = f"part{first}"
        whole = [
            *functions,
            f"define void @{name}(ptr %s, i64 %bytes) {{",
            *calls,
            "ret void",
            "}",
            *plan.form.declared,
            _WIDE,
        ]
        for entries, table in tables.items():
            held = ", ".join([f"i64 {value}" for value in entries])
            whole.append(f"{table} = internal constant [{len(entries)} x i64] [{held}]")
        yield name, "\n".join(whole)


def _machine_code(plan: _Plan) -> tuple[Any, Callable[..., None], NDArray[np.uint64]]:
    """Return the engine that owns the code, the driver, and the address of every part.

    Raises:
        ImportError, OSError, RuntimeError: llvmlite is missing, cannot load, or knows no code for this host.
    """
    import llvmlite.binding as llvm

    if llvm.llvm_version_info < _OLDEST:
        raise RuntimeError(f"LLVM {llvm.llvm_version_info[0]} is older than {_OLDEST[0]}; update llvmlite")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()

    def machine(effort: int) -> Any:
        return target.create_target_machine(cpu=cpu, features=features, opt=effort, jit=True)

    def module(text: str, layout: str) -> Any:
        parsed = llvm.parse_assembly(text, llvm.create_context())
        parsed.triple, parsed.data_layout = target.triple, layout
        return parsed

    # The long straight code is as fast without LLVM's efforts as with them, and compiled in half the time.
    careful, fast = machine(2), machine(0)
    layout = str(fast.target_data)
    engine = llvm.create_mcjit_compiler(module(_driver(plan.vectors, plan.form), layout), careful)
    names = []
    for name, text in _parts(plan):
        names.append(name)
        engine.add_object_file(llvm.ObjectFileRef.from_data(fast.emit_object(module(text, layout))))
    engine.finalize_object()
    addresses = np.array([engine.get_function_address(name) for name in names], np.uint64)
    driver = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p, c_size_t, c_size_t, c_void_p)
    return engine, driver(engine.get_function_address("run")), addresses


class CompiledCircuit:
    """A circuit to call on packed patterns, or on integers if it has words; make it with :func:`compile_circuit`.

    Calls may run in many threads at once and release the interpreter's lock. The machine code lives as long as this
    object.

    Attributes:
        circuit: what was compiled.
        native: whether it runs as machine code; else the generic simulator answers, more slowly.
        reason: why it is not native, one line; empty if it is.
    """

    def __init__(self, circuit: Circuit, lanes: int = LANES) -> None:
        self.circuit, self.native, self.reason, self._lanes = circuit, True, "", lanes
        self._words = circuit.has_words
        self._free: list[tuple[int, Words]] = []  # scratch arrays no call uses; list operations are atomic
        try:
            plan = _plan(circuit, lanes)
            self._engine, self._driver, parts = _machine_code(plan)
        except Int64Error as error:
            self.native, self.reason = False, f"no exact machine code: {error}"
            return
        except (ImportError, OSError, RuntimeError) as error:
            self.native, self.reason = False, " ".join(f"no machine code for this host: {error}".split())
            return
        self._scratch = plan.slots * plan.vectors * lanes
        places = np.array([plan.slot[w] for w in circuit.outputs.tolist()], np.uint64)
        sizes = (circuit.num_inputs, len(parts), parts.ctypes.data, len(places), places.ctypes.data)
        layout = np.array(sizes, np.uint64)
        self._layout = layout.ctypes.data
        self._kept = parts, places, layout  # the driver reads them by address

    def __repr__(self) -> str:
        return f"<CompiledCircuit {self.circuit.name}: {self.reason or 'native'}>"

    def __call__(self, inputs: NDArray[Any], *, patterns: int | None = None) -> NDArray[Any]:
        """Evaluate the outputs on packed patterns, as :func:`circuits.simulate.simulate` does, or on integers.

        Args:
            inputs: uint64 (inputs, words); for a circuit of words, integers (inputs, patterns) in range.
            patterns: how many patterns packed words hold; clears the bits past the last one. Without meaning for a
                circuit of words.

        Returns:
            uint64 (outputs, words); bits past the last pattern are arbitrary unless ``patterns`` is given. For a
            circuit of words int64 (outputs, patterns), as :func:`circuits.values.simulate_values` returns.

        Raises:
            TableError: inputs that do not fit the circuit, or an answer beyond 1 GiB.
        """
        if self._words:
            return (
                self._run(fitting_values(self.circuit, inputs))
                if self.native
                else simulate_values(self.circuit, inputs)
            )
        if not self.native:
            return simulate(self.circuit, inputs, patterns=patterns)
        return masked(self.circuit, self._run(fitting(self.circuit, inputs, rows=self.circuit.num_outputs)), patterns)

    def _run(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs for rows of 64-bit numbers, whatever they mean."""
        given = np.ascontiguousarray(inputs)
        outputs = np.empty((self.circuit.num_outputs, given.shape[1]), given.dtype)
        vectors, rest = divmod(given.shape[1], self._lanes)
        if vectors:
            self._run_vectors(given, outputs, vectors)
        if rest:
            padded = np.zeros((len(given), self._lanes), given.dtype)
            padded[:, :rest] = given[:, -rest:]
            last = np.empty((len(outputs), self._lanes), given.dtype)
            self._run_vectors(padded, last, 1)
            outputs[:, -rest:] = last[:, :rest]
        return outputs

    def _run_vectors(self, inputs: NDArray[Any], outputs: NDArray[Any], vectors: int) -> None:
        """Run the machine code on the first ``vectors`` vectors of C-contiguous rows."""
        try:
            lent = self._free.pop()
        except IndexError:
            scratch = _aligned(self._scratch)
            lent = scratch.ctypes.data, scratch
        row = inputs.shape[1] * inputs.itemsize
        self._driver(self._layout, inputs.ctypes.data, outputs.ctypes.data, row, vectors * 8 * self._lanes, lent[0])
        self._free.append(lent)


def _aligned(words: int) -> Words:
    """Return words that start at a multiple of a vector's size: a vector across two cache lines costs twice."""
    raw = np.empty(words + LANES, np.uint64)
    return raw[-raw.ctypes.data % (8 * LANES) // 8 :][:words]


def compile_circuit(circuit: Circuit, *, lanes: int = LANES) -> CompiledCircuit:
    """Compile a circuit into a function of packed patterns, or of integers if it has words.

    Compiling takes about 60 microseconds a two-input gate and 80 a gate of words or a product of a ``dot``, so it pays
    when a circuit meets some ten million patterns or more. A call takes some microseconds of its own: give small
    circuits many words or patterns at a time.

    Args:
        circuit: any circuit. Gates whose exact result needs more than 64 bits have no machine code.
        lanes: words (or patterns of a circuit of words) computed at a time: 1, 2, 4 or 8. A call computes whole
            vectors, so fewer are quicker where calls are that small: 2 for calls of one word.

    Returns:
        a callable: uint64 (inputs, words) to uint64 (outputs, words), or with words int64 (inputs, patterns) to int64
        (outputs, patterns); ``native`` tells whether it is machine code, ``reason`` why not.

    Raises:
        CircuitError: another number of lanes.
    """
    if lanes not in (1, 2, 4, 8):
        raise CircuitError(f"compile {circuit.name!r}: got {lanes} lanes, expected 1, 2, 4 or 8")
    return CompiledCircuit(circuit, lanes)
