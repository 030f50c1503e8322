"""Measure the evaluation of words on one core: ``python tests/benchmarks/bench_values.py [patterns ...]``.

Prints gate-patterns a second on random circuits of words of 8 to 16 bits, in which every gate is needed, and on a
network 784-128-10 of dot products and rectifiers, whose products count as the gates: the numpy oracle, gate by gate;
the kernel for words; the kernel for bits on the circuit of bits; the compiled circuit. Then how far the kernel and the
compiled circuit are from two limits of the machine:

arithmetic
    one 512-bit operation a cycle, 8 patterns of an instruction, at the clock rate a chain of dependent multiplications
    shows;
memory
    what instructions (kernel) or functions (compiled) load and store, at the bandwidth of copying within an array as
    large as the scratch array, again and again. The kernel can exceed it: what it has just written is still nearer.

Last, the seconds that compiling and writing the kernel's program take as circuits grow. Other work on the machine slows
a run, never speeds it up, so every figure is the best of many.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from bench_compiled import VECTOR_BYTES, copy_bandwidth, moved_vectors, print_row
from bench_simulate import best_seconds, clock_rate
from numpy.typing import NDArray

from circuits import compiled, value_kernels, values
from circuits.circuit import Builder, Circuit
from circuits.compiled import LANES, compile_circuit
from circuits.gates import GATE, misfit, param_space
from circuits.instructions import INSTRUCTIONS
from circuits.rewrite import bit_blasted
from circuits.simulate import simulate
from circuits.wires import BIT, Word

INPUTS = 100
ROWS = ["add", "sub", "mul", "neg", "scale", "shift", "min", "max", "relu", "clip", "eq", "lt", "threshold", "mux"]
Values = NDArray[np.int64]


def needed_circuit(gates: int, seed: int = 0) -> Circuit:
    """Return a random circuit of words of 8 to 16 bits, wrapping and saturating, whose gates are all needed."""
    random = np.random.Generator(np.random.Philox(seed))

    def drawn() -> Word:
        return Word(int(random.integers(8, 17)), bool(random.integers(2)), random.random() < 0.3)

    types = [drawn() for _ in range(INPUTS)] + [BIT]
    builder = Builder([f"x{i}" for i in range(len(types))], fold=False, types=types)
    unread, bits = builder.inputs[:-1], [INPUTS]
    while len(types) <= INPUTS + gates:
        row = GATE[ROWS[random.integers(len(ROWS))]]
        face = row.word
        assert face
        pick = int(random.integers(len(unread)))
        unread[pick], unread[-1] = unread[-1], unread[pick]
        pins = [unread[-1], *random.integers(0, len(types), row.arity - 1).tolist()]
        if row.name == "mux":
            pins = [bits[random.integers(len(bits))], *pins[:2]]
        word, read = BIT if face.predicate else drawn(), [types[w] for w in pins]
        lo, hi = {"shift": (-8, 2), "scale": (-128, 127)}.get(row.name, param_space(row, read, word))
        params = random.integers(lo, hi, face.count(read), endpoint=True).tolist()
        if misfit(row, read, word, params):
            continue
        unread.pop()
        wire = builder.add(row.name, *pins, params=params, type=word)
        unread.append(wire)
        bits += [wire] * face.predicate
        types.append(word)
    return builder.circuit({f"y{i}": wire for i, wire in enumerate(unread)})


def network(*sizes: int, seed: int = 0) -> Circuit:
    """Return layers of dot products with weights of 8 bits, rectified to words of 8 bits, the last ones as they are."""
    random = np.random.Generator(np.random.Philox(seed))
    builder = Builder([f"x{i}" for i in range(sizes[0])], types=[Word(8, signed=False)] * sizes[0])
    wires = builder.inputs
    for layer, size in enumerate(sizes[1:], 1):
        weights = random.integers(-127, 128, (size, len(wires) + 1)).tolist()
        wires = [builder.add("dot", *wires, params=row) for row in weights]
        if layer < len(sizes) - 1:
            wires = [builder.add("shift", builder.add("relu", w), params=[-12]) for w in wires]
            wires = [builder.add("slice", w, params=[0], type=Word(8, signed=False)) for w in wires]
    return builder.circuit({f"y{i}": wire for i, wire in enumerate(wires)})


def random_values(circuit: Circuit, patterns: int) -> Values:
    """Return random integers in the range of the inputs."""
    random = np.random.Generator(np.random.Philox(patterns))
    rows = [random.integers(word.lo, word.hi, patterns, endpoint=True) for word in circuit.input_types]
    return np.array(rows, np.int64)


def by_numpy(circuit: Circuit) -> Callable[[Values], Values]:
    """Return the oracle, gate by gate; what it prepares is not measured."""
    steps = values._steps(circuit)

    def run(inputs: Values) -> Values:
        wires = np.empty((circuit.num_wires, inputs.shape[1]), np.int64)
        wires[: circuit.num_inputs] = inputs
        values._fill(steps, wires)
        return wires[circuit.outputs]

    return run


def by_kernel(circuit: Circuit) -> Callable[[Values], Values]:
    """Return the kernel's evaluation."""
    program = value_kernels.outputs_program(circuit)

    def run(inputs: Values) -> Values:
        answers = np.empty((circuit.num_outputs, inputs.shape[1]), np.int64)
        value_kernels.run(program, inputs, answers)
        return answers

    return run


def by_bits(circuit: Circuit) -> Callable[[Values], Values]:
    """Return the evaluation of the circuit of bits, packing and unpacking included."""
    bits = bit_blasted(circuit)

    def run(inputs: Values) -> Values:
        found = simulate(bits, values.to_bits(inputs, circuit.input_types))
        return values.from_bits(found, circuit.output_types, inputs.shape[1])

    return run


def measure(name: str, circuit: Circuit, gates: int, patterns: int, hertz: float, *, bits: bool) -> None:
    """Print a row of the table."""
    inputs = random_values(circuit, patterns)
    function = compile_circuit(circuit)
    assert function.native, function.reason
    program = value_kernels.outputs_program(circuit)
    kernel, oracle = by_kernel(circuit), by_numpy(circuit)
    expected = oracle(inputs)
    assert np.array_equal(kernel(inputs), expected), "the kernel and the oracle disagree"
    assert np.array_equal(function(inputs), expected), "the compiled circuit and the oracle disagree"
    work = gates * patterns
    slow = work / best_seconds(lambda: oracle(inputs))
    ours = work / best_seconds(lambda: kernel(inputs))
    native = work / best_seconds(lambda: function(inputs))
    blasted = "-"
    if bits:
        run = by_bits(circuit)
        assert np.array_equal(run(inputs), expected), "the circuit of bits and the oracle disagree"
        blasted = f"{work / best_seconds(lambda: run(inputs)):.2e}"
    count, three = len(program.code), [name in ("madd", "where") for name in INSTRUCTIONS]
    touched = 8 * (3 * count + int(np.array(three)[program.code].sum())) / gates  # bytes a gate and pattern
    moved = 8 * moved_vectors(circuit) / gates
    plan = compiled._plan(circuit)
    kernel_bandwidth = copy_bandwidth(program.rows * min(patterns, value_kernels.MAX_BLOCK) * 8)
    native_bandwidth = copy_bandwidth(plan.slots * plan.vectors * VECTOR_BYTES)
    limit = LANES * hertz * gates / count
    print_row(
        [
            *(name, f"{count / gates:.1f}", f"{patterns:,}", f"{slow:.2e}", f"{blasted}", f"{ours:.2e}"),
            *(f"{native:.2e}", f"{ours / slow:.1f}x", f"{native / ours:.1f}x", f"{ours / limit:.1%}"),
            *(f"{native / limit:.1%}", f"{ours * touched / kernel_bandwidth:.1%}"),
            f"{native * moved / native_bandwidth:.1%}",
        ]
    )


def main() -> None:
    """Print the tables."""
    hertz = clock_rate()
    print(f"clock about {hertz / 1e9:.2f} GHz; gate-patterns a second, one core, best of many runs")
    columns = ["circuit", "instr/gate", "patterns", "numpy", "by bits", "kernel", "compiled", "ker/numpy", "comp/ker"]
    print_row([*columns, "ker arith", "comp arith", "ker memory", "comp mem"])
    counts = [int(text) for text in sys.argv[1:]] or [64, 4096]
    net = network(784, 128, 10)
    products = 784 * 128 + 128 * 10
    for patterns in counts:
        for gates in (1_000, 10_000):
            measure(f"{gates:,}", needed_circuit(gates), gates, patterns, hertz, bits=gates == 1_000)
        measure("784-128-10", net, products, patterns, hertz, bits=False)
    print("seconds of processor time: to compile, to write the kernel's program")
    print_row(["gates", "compile", "us a gate", "program", "us a gate"])
    growing = [(gates, needed_circuit(gates)) for gates in (1_000, 10_000, 100_000)]
    for gates, circuit in [*growing, (products, net)]:
        start = time.process_time()
        compile_circuit(circuit)
        compiling, start = time.process_time() - start, time.process_time()
        value_kernels._program(circuit, circuit.outputs.tolist())
        writing = time.process_time() - start
        cells = [f"{compiling:.2f}", f"{1e6 * compiling / gates:.0f}"]
        print_row([f"{gates:,}", *cells, f"{writing:.2f}", f"{1e6 * writing / gates:.0f}"])


if __name__ == "__main__":
    main()
