"""Measure simulation on one core: ``python tests/benchmarks/bench_simulate.py``.

Prints gate-patterns a second on random two-input circuits: the kernel for outputs alone, which the ratios are about,
and for all wires; the numpy oracle, gate by gate; a stronger
numpy opponent that evaluates all gates of one kind on one level by a single operation; and how far the kernel is from
two limits of the machine:

arithmetic
    one 512-bit operation a cycle and a gate, at the clock rate a chain of dependent multiplications shows;
memory
    a gate moves three words for every 64 patterns, at the bandwidth of a copy as large as the wires.

Other work on the machine slows a run, never speeds it up, so every figure is the best of many. The last line runs
aigverse's simulation of complete truth tables beside the kernel on the same and-inverter graph.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from circuits import kernels
from circuits.aig import from_aig, to_aig
from circuits.circuit import Builder, Circuit
from circuits.gates import BIT_GATES, Gate
from circuits.order import levels
from circuits.simulate import simulate_oracle
from circuits.words import Words, enumerate_inputs

INPUTS = 100
TWO_INPUT_ROWS = [row.name for row in BIT_GATES if row.arity == 2 and not row.param_count]
CHAIN_CYCLES = 4  # a 64-bit multiplication, then an exclusive or


def random_circuit(inputs: int, gates: int, seed: int = 0) -> Circuit:
    """Return a random circuit of two-input gates, reading any earlier wires."""
    random = np.random.Generator(np.random.Philox(seed))
    builder = Builder([f"x{i}" for i in range(inputs)], fold=False)
    for wires in range(inputs, inputs + gates):
        builder.add(TWO_INPUT_ROWS[random.integers(len(TWO_INPUT_ROWS))], *random.integers(0, wires, 2).tolist())
    return builder.circuit({f"y{i}": inputs + gates - 1 - i for i in range(16)})


def best_seconds(call: Callable[[], object], *, budget: float = 0.4, least: int = 3) -> float:
    """Return the shortest of at least ``least`` runs within about ``budget`` seconds."""
    best, stop, runs = float("inf"), time.perf_counter() + budget, 0
    while runs < least or time.perf_counter() < stop:
        start = time.perf_counter()
        call()
        best, runs = min(best, time.perf_counter() - start), runs + 1
    return best


def level_groups(circuit: Circuit) -> list[tuple[Gate, NDArray, NDArray, NDArray]]:
    """Group two-input gates that one numpy operation can evaluate: (row, wires, first fan-ins, second fan-ins)."""
    level = levels(circuit)[circuit.num_inputs :]
    pins = circuit.fanin.reshape(-1, 2)
    groups = []
    for at, op in sorted(set(zip(level.tolist(), circuit.op.tolist(), strict=True))):
        gates = np.flatnonzero((level == at) & (circuit.op == op))
        groups.append((BIT_GATES[op], gates + circuit.num_inputs, pins[gates, 0], pins[gates, 1]))
    return groups


def simulate_by_levels(groups: list[tuple[Gate, NDArray, NDArray, NDArray]], wires: Words) -> None:
    """Evaluate all gates in place, a group at a time."""
    zero = np.zeros(wires.shape[1], np.uint64)
    for row, gates, first, second in groups:
        wires[gates] = row.forward((wires[first], wires[second]), (), zero)


@njit
def multiplication_chain(steps: int, x: int) -> int:
    """Run dependent multiplications, which nothing can overlap."""
    for _ in range(steps):
        x = (x * np.uint64(6364136223846793005)) ^ np.uint64(0x5DEECE66D)
    return x


def clock_rate() -> float:
    """Estimate the clock rate in hertz."""
    steps = 1_000_000
    multiplication_chain(1, np.uint64(1))
    return CHAIN_CYCLES * steps / best_seconds(lambda: multiplication_chain(steps, np.uint64(1)))


def copy_bandwidth(size: int) -> float:
    """Return the bytes a second a copy between two halves of ``size`` bytes reads and writes."""
    source = np.ones(max(1, size // 16), np.uint64)
    target = np.zeros_like(source)
    return 2 * source.nbytes / best_seconds(lambda: np.copyto(target, source), budget=0.2)


def main() -> None:
    """Print the table."""
    hertz = clock_rate()
    print(f"clock about {hertz / 1e9:.2f} GHz; gate-patterns a second, one core, best of many runs")
    columns = ["gates", "words", "outputs", "all wires", "oracle", "ratio", "by levels", "ratio"]
    columns += ["arithmetic", "memory", "compile ms"]
    print("  ".join(f"{c:>10}" for c in columns))
    for gates in (1_000, 10_000, 100_000):
        circuit = random_circuit(INPUTS, gates)
        compile_seconds = best_seconds(lambda: kernels._compiled(circuit))  # noqa: B023
        program, groups = kernels.compiled(circuit), level_groups(circuit)
        for words in (1, 8, 32):
            random = np.random.Generator(np.random.Philox(words))
            inputs = random.integers(0, 2**64, (INPUTS, words), np.uint64)
            wires = np.zeros((circuit.num_wires, words), np.uint64)
            wires[:INPUTS] = inputs
            expected = simulate_oracle(circuit, inputs)
            for evaluate in (lambda: kernels.fill(program, wires), lambda: simulate_by_levels(groups, wires)):  # noqa: B023
                wires[INPUTS:] = 0
                evaluate()
                assert np.array_equal(wires, expected), "the kernel, the levels and the oracle disagree"
            sharing, outputs = kernels.for_outputs(circuit, words), np.zeros((circuit.num_outputs, words), np.uint64)
            kernels.outputs_of(sharing, inputs, outputs)
            assert np.array_equal(outputs, expected[circuit.outputs]), "the kernel and its oracle disagree"
            kernel = gates * words * 64 / best_seconds(lambda: kernels.outputs_of(sharing, inputs, outputs))  # noqa: B023
            whole = gates * words * 64 / best_seconds(lambda: kernels.fill(program, wires))  # noqa: B023
            oracle = gates * words * 64 / best_seconds(lambda: simulate_oracle(circuit, inputs))  # noqa: B023
            by_levels = gates * words * 64 / best_seconds(lambda: simulate_by_levels(groups, wires))  # noqa: B023
            memory = copy_bandwidth(wires.nbytes) / 24 * 64
            print(
                f"{gates:10,}  {words:10}  {kernel:10.2e}  {whole:10.2e}  {oracle:10.2e}  {kernel / oracle:9.1f}x  "
                f"{by_levels:10.2e}  {kernel / by_levels:9.1f}x  "
                f"{kernel / (512 * hertz):10.1%}  {kernel / memory:10.1%}  {1e3 * compile_seconds:10.2f}"
            )
    beside_aigverse()


def beside_aigverse() -> None:
    """Print the kernel and aigverse on the complete truth tables of one and-inverter graph."""
    from aigverse.algorithms import simulate

    inputs = 12
    aig = to_aig(random_circuit(inputs, 10_000))
    circuit = from_aig(aig, tuple(f"x{i}" for i in range(inputs)), tuple(f"y{i}" for i in range(16)))
    patterns = enumerate_inputs(inputs)
    program = kernels.for_outputs(circuit, patterns.shape[1])
    outputs = np.zeros((circuit.num_outputs, patterns.shape[1]), np.uint64)
    kernels.outputs_of(program, patterns, outputs)
    work = aig.num_gates * 2**inputs
    ours = work / best_seconds(lambda: kernels.outputs_of(program, patterns, outputs))
    theirs = work / best_seconds(lambda: simulate(aig))
    print(
        f"truth tables of {inputs} inputs, {aig.num_gates:,} AND nodes: kernel {ours:.2e}, aigverse {theirs:.2e} "
        f"node-patterns a second, ratio {ours / theirs:.1f}x"
    )


if __name__ == "__main__":
    main()
