"""Measure compiled circuits on one core: ``python tests/benchmarks/bench_compiled.py``.

Prints, for random two-input circuits, the seconds of compiling (wall and processor time) and gate-patterns a second of
the compiled circuit, called from Python, beside the generic simulator's kernel in the same run; and how far the
compiled circuit is from two limits of the machine:

arithmetic
    one 512-bit operation a cycle and a gate, at the clock rate a chain of dependent multiplications shows;
memory
    the vectors that the machine code loads and stores outside registers, at the bandwidth of copying within an array
    as large as the scratch array, again and again.

Every gate counts in the rates, so every gate must be needed: a gate reads one value that nothing has read yet and one
any earlier value, or one of the last 1,000 ("near"), and whatever is unread at the end is an output. Other work on the
machine slows a run, never speeds it up, so every rate is the best of many.

Last, the C export compiled by gcc -O1: as it is, 64 patterns a call, and with its words widened to vectors of 512 bits.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from bench_simulate import INPUTS, TWO_INPUT_ROWS, best_seconds, clock_rate
from numba import njit

from circuits import compiled, kernels
from circuits.circuit import Builder, Circuit
from circuits.compiled import LANES, compile_circuit
from circuits.formats import FORMATS, write
from circuits.simulate import simulate_oracle

VECTOR_BYTES, VECTOR_BITS = 8 * LANES, 64 * LANES
GCC_SECONDS = 300
WIDE_WORD = f"typedef unsigned long long uint64_t __attribute__((vector_size({VECTOR_BYTES})));"


def needed_circuit(gates: int, *, reach: int | None = None, seed: int = 0) -> Circuit:
    """Return a random circuit of two-input gates that are all needed; the second fan-in is within ``reach`` wires."""
    random = np.random.Generator(np.random.Philox(seed))
    builder = Builder([f"x{i}" for i in range(INPUTS)], fold=False)
    unread = builder.inputs
    for wire in range(INPUTS, INPUTS + gates):
        pick = int(random.integers(len(unread)))
        unread[pick], unread[-1] = unread[-1], unread[pick]
        other = int(random.integers(0 if reach is None else max(0, wire - reach), wire))
        builder.add(TWO_INPUT_ROWS[random.integers(len(TWO_INPUT_ROWS))], unread.pop(), other)
        unread.append(wire)
    return builder.circuit({f"y{i}": wire for i, wire in enumerate(unread)})


def moved_vectors(circuit: Circuit) -> int:
    """Count the loads and stores of one run of the machine code."""
    return sum(text.count(" load <") + text.count("store <") for _, text in compiled._parts(compiled._plan(circuit)))


@njit
def copy_often(source: np.ndarray, target: np.ndarray, times: int) -> None:
    """Copy an array many times, a different value each time, lest the compiler leave copies out."""
    for step in range(times):
        for i in range(len(source)):
            target[i] = source[i] ^ np.uint64(step)


def copy_bandwidth(size: int) -> float:
    """Return the bytes a second that a copy between two halves of ``size`` bytes reads and writes, caches warm."""
    half = max(LANES, size // 2 // VECTOR_BYTES * LANES)
    source, target = compiled._aligned(half), compiled._aligned(half)
    source[:], target[:] = 1, 0
    times = max(1, (1 << 24) // size)
    copy_often(source, target, 1)
    return times * 2 * source.nbytes / best_seconds(lambda: copy_often(source, target, times))


def random_words(rows: int, words: int) -> np.ndarray:
    """Return random packed patterns."""
    return np.random.Generator(np.random.Philox(words)).integers(0, 2**64, (rows, words), np.uint64)


def print_row(cells: list[str]) -> None:
    """Print the cells in columns."""
    print("  ".join(f"{cell:>10}" for cell in cells), flush=True)


def main() -> None:
    """Print the tables."""
    hertz = clock_rate()
    print(f"clock about {hertz / 1e9:.2f} GHz; gate-patterns a second, one core, best of many runs")
    columns = ["gates", "reach", "compile s", "cpu s", "us a gate", "slots", "words", "generic", "compiled", "ratio"]
    print_row([*columns, "arithmetic", "memory"])
    compile_circuit(needed_circuit(10))  # load llvmlite
    for gates in (1_000, 10_000, 100_000):
        for reach in (None, 1_000):
            circuit = needed_circuit(gates, reach=reach)
            start, cpu = time.perf_counter(), time.process_time()
            function = compile_circuit(circuit)
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            assert function.native, function.reason
            program, slots = kernels.for_outputs(circuit, 8), compiled._plan(circuit).slots
            moved = VECTOR_BYTES * moved_vectors(circuit) / copy_bandwidth(slots * VECTOR_BYTES)
            for words in (8, 32, 256):
                inputs = random_words(INPUTS, words)
                outputs = np.zeros((circuit.num_outputs, words), np.uint64)
                kernels.outputs_of(program, inputs, outputs)
                expected = simulate_oracle(circuit, inputs)[circuit.outputs]
                assert np.array_equal(outputs, expected), "the kernel and the oracle disagree"
                assert np.array_equal(function(inputs), expected), "the compiled circuit and the oracle disagree"
                work = gates * words * 64
                generic = work / best_seconds(lambda: kernels.outputs_of(program, inputs, outputs))  # noqa: B023
                ours = work / best_seconds(lambda: function(inputs))  # noqa: B023
                print_row(
                    [
                        *(f"{gates:,}", "near" if reach else "any", f"{seconds:.2f}", f"{cpu:.2f}"),
                        *(f"{1e6 * cpu / gates:.0f}", f"{slots:,}", f"{words}", f"{generic:.2e}", f"{ours:.2e}"),
                        *(f"{ours / generic:.1f}x", f"{ours / (VECTOR_BITS * hertz):.1%}"),
                        f"{ours * moved / (gates * VECTOR_BITS):.1%}",
                    ]
                )
    beside_c()


def built_by_gcc(circuit: Circuit, *, wide: bool) -> tuple[float, ctypes.CDLL | None]:
    """Return the seconds gcc takes on the C export, and the library unless it takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "circuit.c"), Path(folder, "circuit.so")
        write(circuit, source)
        if wide:
            source.write_text(source.read_text().replace("#include <stdint.h>", WIDE_WORD))
        command = ["gcc", "-O1", "-march=native", "-shared", "-fPIC", "-o", str(library), str(source)]
        start = time.perf_counter()
        try:
            subprocess.run(command, check=True, timeout=GCC_SECONDS)
        except subprocess.TimeoutExpired:
            return float(GCC_SECONDS), None
        return time.perf_counter() - start, ctypes.CDLL(str(library))


def beside_c() -> None:
    """Print the compiled circuit beside the C export compiled by gcc."""
    if shutil.which("gcc") is None or ".c" not in FORMATS:
        print("C export by gcc: skipped, gcc or the format .c is missing")
        return
    print("C export by gcc -O1")
    print_row(["gates", "patterns", "gcc s", "C", "compiled", "ratio"])
    for gates in (1_000, 10_000, 100_000):
        circuit = needed_circuit(gates)
        function, given = compile_circuit(circuit), random_words(INPUTS, LANES)
        ours = gates * VECTOR_BITS / best_seconds(lambda: function(given))  # noqa: B023
        for lanes in (1, LANES):
            seconds, library = built_by_gcc(circuit, wide=lanes > 1)
            if library is None:
                print_row([f"{gates:,}", f"{64 * lanes}", f"> {seconds:.0f}"])
                continue
            simulate = library[f"simulate_{circuit.name}"]
            inputs = compiled._aligned(INPUTS * lanes).reshape(INPUTS, lanes)
            outputs = compiled._aligned(circuit.num_outputs * lanes).reshape(-1, lanes)
            inputs[:] = given[:, :lanes]
            places = ctypes.c_void_p(inputs.ctypes.data), ctypes.c_void_p(outputs.ctypes.data)
            simulate(*places)
            expected = simulate_oracle(circuit, inputs)[circuit.outputs]
            assert np.array_equal(outputs, expected), "C and the oracle disagree"
            theirs = gates * 64 * lanes / best_seconds(lambda: simulate(*places))  # noqa: B023
            cells = [f"{64 * lanes}", f"{seconds:.2f}", f"{theirs:.2e}", f"{ours:.2e}", f"{ours / theirs:.1f}x"]
            print_row([f"{gates:,}", *cells])


if __name__ == "__main__":
    main()
