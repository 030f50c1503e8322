"""Circuits as machine code of the host, made without a C compiler.

Every wire is a vector of 8 words, 512 patterns. The gates that outputs depend on run in depth-first order, so that most
values are read right after they are made, and are cut into functions of about a hundred two-input gates: LLVM's time
grows faster than a function's length, so one function for all gates would not scale. Inside a function values stay in
registers; a value
that a later function reads goes to a slot of a scratch array, and a slot is free again after its last reading, so the
array is as small as the circuit is narrow.

The rows' own ``forward`` writes the code, on values that record instructions. Importing this module is light; llvmlite
loads when a circuit is compiled.
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
from circuits.gates import GATES
from circuits.simulate import fitting, masked, simulate
from circuits.words import Words

LANES = 8
"""Words of a vector: the 512 bits of the widest registers; narrower machines take several for one."""

CHUNK = 200
"""Operations of a function. In longer ones LLVM's quick register allocation spills more than functions hand over."""

PART = 100
"""Functions LLVM gets at once: enough to hide a module's own cost, few enough to bound memory."""

_OLDEST = (17,)  # the first LLVM whose only pointer type is ``ptr``
_BYTES = 8 * LANES
_VECTOR = f"<{LANES} x i64>"
_ONES = "<" + ", ".join(["i64 -1"] * LANES) + ">"
_WIDE = 'attributes #0 = { nounwind noinline "prefer-vector-width"="512" "min-legal-vector-width"="512" }'

# Runs all parts on each block of 8 words: copies the block's inputs into the first slots, and outputs out of theirs.
_DRIVER = f"""
define void @run(ptr %layout, ptr %in, ptr %out, i64 %row, i64 %blocks, ptr %scratch) #0 {{
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
  %b = phi i64 [ 0, %entry ], [ %b.next, %after ]
  %at = mul i64 %b, {_BYTES}
  %b.next = add i64 %b, 1
  %b.more = icmp ult i64 %b, %blocks
  br i1 %b.more, label %reading, label %end
reading:
  %i = phi i64 [ 0, %block ], [ %i.next, %read ]
  %i.more = icmp ult i64 %i, %ins
  br i1 %i.more, label %read, label %working
read:
  %i.row = mul i64 %i, %row
  %i.at = add i64 %i.row, %at
  %i.from = getelementptr i8, ptr %in, i64 %i.at
  %i.value = load {_VECTOR}, ptr %i.from, align 8
  %i.to = getelementptr {_VECTOR}, ptr %scratch, i64 %i
  store {_VECTOR} %i.value, ptr %i.to, align {_BYTES}
  %i.next = add i64 %i, 1
  br label %reading
working:
  %p = phi i64 [ 0, %reading ], [ %p.next, %work ]
  %p.more = icmp ult i64 %p, %count
  br i1 %p.more, label %work, label %writing
work:
  %p.at = getelementptr ptr, ptr %parts, i64 %p
  %part = load ptr, ptr %p.at
  call void %part(ptr %scratch)
  %p.next = add i64 %p, 1
  br label %working
writing:
  %o = phi i64 [ 0, %working ], [ %o.next, %write ]
  %o.more = icmp ult i64 %o, %outs
  br i1 %o.more, label %write, label %after
write:
  %o.slot = getelementptr i64, ptr %places, i64 %o
  %slot = load i64, ptr %o.slot
  %o.from = getelementptr {_VECTOR}, ptr %scratch, i64 %slot
  %o.value = load {_VECTOR}, ptr %o.from, align {_BYTES}
  %o.row = mul i64 %o, %row
  %o.at = add i64 %o.row, %at
  %o.to = getelementptr i8, ptr %out, i64 %o.at
  store {_VECTOR} %o.value, ptr %o.to, align 8
  %o.next = add i64 %o, 1
  br label %writing
after:
  br label %block
end:
  ret void
}}
{_WIDE}
"""


class _Value:
    """A vector in a function being written: ``& | ^ ~`` add an instruction to its lines."""

    __slots__ = ("lines", "name")

    def __init__(self, lines: list[str], name: str) -> None:
        self.lines, self.name = lines, name

    def _new(self, op: str, other: str) -> _Value:
        name = f"%v{len(self.lines)}"
        self.lines.append(f"{name} = {op} {_VECTOR} {self.name}, {other}")
        return _Value(self.lines, name)

    def __and__(self, other: _Value) -> _Value:
        return self._new("and", other.name)

    def __or__(self, other: _Value) -> _Value:
        return self._new("or", other.name)

    def __xor__(self, other: _Value) -> _Value:
        return self._new("xor", other.name)

    def __invert__(self) -> _Value:
        return self._new("xor", _ONES)


@lru_cache(maxsize=1 << 12)
def _operations(op: int, params: tuple[int, ...]) -> int:
    """Count the operations of a gate."""
    lines: list[str] = []
    GATES[op].forward([_Value(lines, "")] * GATES[op].arity, params, _Value(lines, ""))
    return len(lines)


_Gate = tuple[int, int, list[int], tuple[int, ...]]


def _chunks(gates: Iterable[_Gate]) -> Iterator[list[_Gate]]:
    """Cut gates into runs of about ``CHUNK`` operations, at least one gate each; a gate weighs at least one."""
    chunk: list[_Gate] = []
    weight = 0
    for gate in gates:
        chunk.append(gate)
        weight += max(1, _operations(gate[1], gate[3]))
        if weight >= CHUNK:
            yield chunk
            chunk, weight = [], 0
    if chunk:
        yield chunk


class _Plan(NamedTuple):
    """What runs when, and where values wait.

    Attributes:
        chunks: per function, its gates as (wire, op, fan-in wires, parameters).
        slot: per wire, its slot in the scratch array, -1 if it never leaves its function; input i has slot i.
        slots: number of slots.
    """

    chunks: list[list[_Gate]]
    slot: list[int]
    slots: int


def _depth_first(circuit: Circuit) -> list[int]:
    """Return the gates' wires that outputs depend on, each after its fan-ins and as near to them as it can be."""
    inputs, fanin, start = circuit.num_inputs, circuit.fanin.tolist(), circuit.fanin_start.tolist()
    opened, done = bytearray(circuit.num_wires), bytearray(circuit.num_wires)
    order = []
    for root in circuit.outputs.tolist():
        stack = [root]
        while stack:
            wire = stack[-1]
            if wire < inputs or done[wire]:
                stack.pop()
            elif opened[wire]:
                done[wire] = True
                order.append(stack.pop())
            else:
                opened[wire] = True
                stack += [f for f in fanin[start[wire - inputs] : start[wire - inputs + 1]] if not done[f]]
    return order


def _plan(circuit: Circuit) -> _Plan:
    """Cut the circuit into functions and give slots to the values they hand to later ones."""
    inputs, op = circuit.num_inputs, circuit.op.tolist()
    fanin, start = circuit.fanin.tolist(), circuit.fanin_start.tolist()
    params, param_start = circuit.params.tolist(), circuit.param_start.tolist()
    gates = (
        (w, op[g], fanin[start[g] : start[g + 1]], tuple(params[param_start[g] : param_start[g + 1]]))
        for w in _depth_first(circuit)
        for g in [w - inputs]
    )
    chunks = list(_chunks(gates))
    last = [-1] * circuit.num_wires  # the last function that reads a wire
    for k, chunk in enumerate(chunks):
        for _, _, pins, _ in chunk:
            for pin in pins:
                last[pin] = k
    for wire in circuit.outputs.tolist():
        last[wire] = len(chunks)
    slot = [*range(inputs), *repeat(-1, circuit.num_gates)]
    slots, free = inputs, []
    for k, chunk in enumerate(chunks):
        released = set()
        for wire, _, pins, _ in chunk:
            for pin in pins:  # a value with a slot is loaded at its first reading here; that frees the slot
                if last[pin] == k and slot[pin] >= 0 and pin not in released:
                    released.add(pin)
                    free.append(slot[pin])
            if last[wire] > k:
                slot[wire] = free.pop() if free else slots
                slots += slot[wire] == slots
    return _Plan(chunks, slot, slots)


def _function(name: str, chunk: Sequence[_Gate], slot: Sequence[int]) -> str:
    """Write the function that evaluates a chunk of gates."""
    lines: list[str] = []
    values: dict[int, _Value] = {}
    zero = _Value(lines, "zeroinitializer")

    def place(wire: int) -> str:
        name = f"%p{len(lines)}"
        lines.append(f"{name} = getelementptr i8, ptr %s, i64 {slot[wire] * _BYTES}")
        return name

    for wire, op, pins, params in chunk:
        for pin in pins:
            if pin not in values:
                pointer = place(pin)
                values[pin] = _Value(lines, f"%v{len(lines)}")
                lines.append(f"{values[pin].name} = load {_VECTOR}, ptr {pointer}, align {_BYTES}")
        value = values[wire] = GATES[op].forward([values[pin] for pin in pins], params, zero)
        if slot[wire] >= 0:
            pointer = place(wire)
            lines.append(f"store {_VECTOR} {value.name}, ptr {pointer}, align {_BYTES}")
    return "\n".join([f"define internal void @{name}(ptr %s) #0 {{", *lines, "ret void", "}"])


def _parts(plan: _Plan) -> Iterator[tuple[str, str]]:
    """Yield the modules: the name of the function that runs one, and its text."""
    for first in range(0, len(plan.chunks), PART):
        numbers = range(first, min(first + PART, len(plan.chunks)))
        functions = [_function(f"chunk{k}", plan.chunks[k], plan.slot) for k in numbers]
        calls = [f"call void @chunk{k}(ptr %s)" for k in numbers]
        name = f"part{first}"
        yield name, "\n".join([*functions, f"define void @{name}(ptr %s) {{", *calls, "ret void", "}", _WIDE])


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
    engine = llvm.create_mcjit_compiler(module(_DRIVER, layout), careful)
    names = []
    for name, text in _parts(plan):
        names.append(name)
        engine.add_object_file(llvm.ObjectFileRef.from_data(fast.emit_object(module(text, layout))))
    engine.finalize_object()
    addresses = np.array([engine.get_function_address(name) for name in names], np.uint64)
    driver = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p, c_size_t, c_size_t, c_void_p)
    return engine, driver(engine.get_function_address("run")), addresses


class CompiledCircuit:
    """A circuit to call on packed patterns; make it with :func:`compile_circuit`.

    Calls may run in many threads at once and release the interpreter's lock. The machine code lives as long as this
    object.

    Attributes:
        circuit: what was compiled.
        native: whether it runs as machine code; else the generic simulator answers, more slowly.
        reason: why it is not native, one line; empty if it is.
    """

    def __init__(self, circuit: Circuit) -> None:
        self.circuit, self.native, self.reason = circuit, True, ""
        plan = _plan(circuit)
        self._slots = plan.slots
        self._free: list[tuple[int, Words]] = []  # scratch arrays no call uses; list operations are atomic
        try:
            self._engine, self._driver, parts = _machine_code(plan)
        except (ImportError, OSError, RuntimeError) as error:
            self.native, self.reason = False, " ".join(f"no machine code for this host: {error}".split())
            return
        places = np.array([plan.slot[w] for w in circuit.outputs.tolist()], np.uint64)
        sizes = (circuit.num_inputs, len(parts), parts.ctypes.data, len(places), places.ctypes.data)
        layout = np.array(sizes, np.uint64)
        self._layout = layout.ctypes.data
        self._kept = parts, places, layout  # the driver reads them by address

    def __repr__(self) -> str:
        return f"<CompiledCircuit {self.circuit.name}: {self.reason or 'native'}>"

    def __call__(self, inputs: Words, *, patterns: int | None = None) -> Words:
        """Evaluate the outputs on packed patterns, as :func:`circuits.simulate.simulate` does.

        Args:
            inputs: uint64 (inputs, words).
            patterns: how many patterns the words hold; clears the bits past the last one.

        Returns:
            uint64 (outputs, words); bits past the last pattern are arbitrary unless ``patterns`` is given.

        Raises:
            TableError: inputs that do not fit the circuit, or an answer beyond 1 GiB.
        """
        if not self.native:
            return simulate(self.circuit, inputs, patterns=patterns)
        given = np.ascontiguousarray(fitting(self.circuit, inputs, rows=self.circuit.num_outputs))
        outputs = np.empty((self.circuit.num_outputs, given.shape[1]), np.uint64)
        blocks, rest = divmod(given.shape[1], LANES)
        if blocks:
            self._run(given, outputs, blocks)
        if rest:
            padded = np.zeros((len(given), LANES), np.uint64)
            padded[:, :rest] = given[:, -rest:]
            last = np.empty((len(outputs), LANES), np.uint64)
            self._run(padded, last, 1)
            outputs[:, -rest:] = last[:, :rest]
        return masked(self.circuit, outputs, patterns)

    def _run(self, inputs: Words, outputs: Words, blocks: int) -> None:
        """Run the machine code on the first ``blocks`` blocks of 8 words of C-contiguous rows."""
        try:
            lent = self._free.pop()
        except IndexError:
            scratch = _aligned(self._slots * LANES)
            lent = scratch.ctypes.data, scratch
        row = inputs.shape[1] * inputs.itemsize
        self._driver(self._layout, inputs.ctypes.data, outputs.ctypes.data, row, blocks, lent[0])
        self._free.append(lent)


def _aligned(words: int) -> Words:
    """Return words that start at a multiple of a vector's size: a vector across two cache lines costs twice."""
    raw = np.empty(words + LANES, np.uint64)
    return raw[-raw.ctypes.data % _BYTES // 8 :][:words]


def compile_circuit(circuit: Circuit) -> CompiledCircuit:
    """Compile a circuit into a function of packed patterns.

    Compiling takes about 60 microseconds a two-input gate, so it pays when a circuit meets some ten million patterns or
    more. A call takes some microseconds of its own: give small circuits many words at a time.

    Args:
        circuit: any circuit of bit gates.

    Returns:
        a callable: uint64 (inputs, words) to uint64 (outputs, words); ``native`` tells whether it is machine code.
    """
    return CompiledCircuit(circuit)
