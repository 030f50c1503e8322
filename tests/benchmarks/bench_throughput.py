"""Measure throughput beside other simulators, memory and files: ``python tests/benchmarks/bench_throughput.py``.

Throughput
    One table of gate-patterns a second on one core, every row of a block on the same network in the same run. Every
    answer but ABC's, which draws its own patterns, is compared with the oracle's. The network is layered, as trained
    logic-gate networks are: every gate reads two wires of the layer before, every wire is read twice, the last layer is
    the output, so every gate counts.

    First the two-input gates themselves: the generic simulator (its kernel alone, and ``simulate``, which prepares the
    circuit anew at every call), the compiled circuit, numpy gate by gate and by levels, torchlogix. Then the network
    as an and-inverter graph, which ABC takes; the unit is one AND node. Last, complete truth tables beside aigverse.

    *arithmetic* is the share of one 512-bit operation a gate and a cycle; *memory* the share of what the bandwidth of
    a copy allows, three words a gate or, in compiled circuits, the vectors moved outside registers
    (``bench_simulate.py`` and ``bench_compiled.py`` say how they are measured). The aims: compiled at least 2.5 times
    the generic kernel at 8 words, and 100,000 gates compiled within 15 seconds. Machine code loads more than it stores,
    which is quicker than a copy: its share can exceed the whole.

    ABC's ``&sim`` counts words of 32 bits, so it gets twice as many; it needs a flip-flop, so ``comb -L 2`` makes two
    of two inputs and outputs; the time of the same run on bare wires, most of it for drawing patterns, is taken off.
    torchlogix runs in the interpreter of ``--torchlogix-python`` or ``$TORCHLOGIX_PYTHON``; its circuit is compiled by
    the gcc call it makes itself (-O1), and is called on packed words and, as its own call is, on arrays of booleans.

Memory
    Seconds to build a circuit gate by gate, and its bytes. The aims: 100,000 gates within 2 seconds and 50 MB.

Files
    Seconds to write and to read an and-inverter graph in each format, and how they grow with it.

Other work on the machine slows a run, never speeds it up, so rates are the best of many runs.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import bench_compiled
import bench_simulate
import numpy as np
from bench_simulate import TWO_INPUT_ROWS, best_seconds, level_groups, simulate_by_levels

from circuits import compiled, kernels
from circuits.aig import from_literals, hashed_literals, to_aig
from circuits.check import check
from circuits.circuit import Builder, Circuit
from circuits.compiled import LANES, compile_circuit
from circuits.errors import GatewrightError
from circuits.formats import FORMATS, encode, write
from circuits.gates import OP
from circuits.simulate import simulate, simulate_oracle
from circuits.tools import abc_program
from circuits.words import Words, enumerate_inputs, mixed_words

SIZES = (10_000, 100_000, 1_000_000)
WORDS = (1, 8, 32)
NARROW = 2  # lanes of code for calls of one word
COMPILED_GATES = 100_000  # larger networks are not compiled, by us or by peers: minutes
ONE_AND_ROWS = [row for row in TWO_INPUT_ROWS if row not in ("xor", "xnor")]
ABC_WORK = 3e10  # node-patterns of a run: about a second, which ABC prints with two decimals
ABC_RUNS = 3
SUFFIXES = (".aig", ".aag", ".blif", ".bench", ".v")
PEER = Path(__file__).with_name("peer_torchlogix.py")
PEER_ROWS = {
    "and": "AND",
    "or": "OR",
    "xor": "XOR",
    "nand": "NAND",
    "nor": "NOR",
    "xnor": "XNOR",
    "andnot": "AND_NOT_B",
    "ornot": "OR_NOT_B",
}


class Row(NamedTuple):
    """One simulator's line: gate-patterns a second, shares of the two limits where they are ours, a remark."""

    name: str
    rate: float
    arithmetic: float | None = None
    memory: float | None = None
    remark: str = ""


class Made(NamedTuple):
    """A compiled circuit, how long compiling took, and seconds that its loads and stores take a vector of patterns."""

    function: Callable[[Words], Words]
    remark: str
    moving: float


def layered(gates: int, width: int, rows: list[str], seed: int = 0) -> Circuit:
    """Return a random network of layers: each gate reads two wires of the layer before, no two gates the same two."""
    random = np.random.Generator(np.random.Philox(seed))
    pins = np.empty((gates, 2), np.int32)
    for start in range(0, gates, width):
        wires = start + random.permutation(width)
        pins[start : start + width] = np.stack([wires, np.roll(wires, random.integers(1, (width - 1) // 2))], axis=1)
    return check(
        Circuit(
            input_names=tuple(f"x{i}" for i in range(width)),
            output_names=tuple(f"y{i}" for i in range(width)),
            op=np.array([OP[row] for row in rows], np.uint8)[random.integers(len(rows), size=gates)],
            fanin_start=np.arange(0, 2 * gates + 1, 2),
            fanin=pins.ravel(),
            param_start=np.zeros(gates + 1, np.int32),
            params=[],
            outputs=np.arange(gates, gates + width),
        )
    )


def and_network(circuit: Circuit) -> Circuit:
    """Return the and-inverter graph of a network, every gate an AND node: outputs lose their inverters."""
    graph = hashed_literals(circuit)
    return from_literals(graph._replace(outputs=graph.outputs & ~1), circuit.input_names, circuit.output_names)


def print_cells(*cells: str) -> None:
    """Print the cells of a row of the table of throughput."""
    widths = (9, 5, -30, 9, 8, 10, 7)
    padded = (f"{c:{'<' if w < 0 else '>'}{abs(w)}}" for c, w in zip(cells, widths, strict=False))
    print("  ".join([*padded, *cells[len(widths) :]]).rstrip(), flush=True)


def print_row(gates: int, words: int, row: Row, generic: float) -> None:
    """Print one simulator's line; its rate is also given as a multiple of the generic kernel's."""
    shares = ("" if share is None else f"{share:.1%}" for share in (row.arithmetic, row.memory))
    ratio = row.rate / generic
    rate = f"{row.rate:.2e}", f"{ratio:.{2 if ratio >= 0.1 else 4}f}x"
    print_cells(f"{gates:,}", f"{words}", row.name, *rate, *shares, row.remark)


def print_head(title: str) -> None:
    """Print a block's title and columns."""
    print(f"\n{title}")
    print_cells("gates", "words", "simulator", "rate", "generic", "arithmetic", "memory")


def generic_row(circuit: Circuit, inputs: Words, expected: Words, hertz: float) -> Row:
    """Measure the generic simulator's kernel."""
    words = inputs.shape[1]
    program, outputs = kernels.for_outputs(circuit, words), np.zeros_like(expected)
    kernels.outputs_of(program, inputs, outputs)
    assert np.array_equal(outputs, expected), "the kernel and the oracle disagree"
    rate = circuit.num_gates * words * 64 / best_seconds(lambda: kernels.outputs_of(program, inputs, outputs))
    block = min(words, kernels._block(program.rows))
    memory = bench_simulate.copy_bandwidth(8 * program.rows * block) / 24 * 64
    return Row("gatewright, generic kernel", rate, rate / (512 * hertz), rate / memory)


def made_of(circuit: Circuit) -> Made:
    """Compile a circuit."""
    start, cpu = time.perf_counter(), time.process_time()
    function = compile_circuit(circuit)
    remark = f"compiled in {time.perf_counter() - start:.1f} s, {time.process_time() - cpu:.1f} s of processor"
    assert function.native, function.reason
    bandwidth = bench_compiled.copy_bandwidth(compiled._plan(circuit).slots * bench_compiled.VECTOR_BYTES)
    moved = bench_compiled.VECTOR_BYTES * bench_compiled.moved_vectors(circuit)
    return Made(function, remark, moved / bandwidth)


def compiled_row(circuit: Circuit, made: Made, inputs: Words, expected: Words, hertz: float) -> Row:
    """Measure the compiled circuit."""
    assert np.array_equal(made.function(inputs), expected), "the compiled circuit and the oracle disagree"
    rate = circuit.num_gates * inputs.shape[1] * 64 / best_seconds(lambda: made.function(inputs))
    vectors = rate / (circuit.num_gates * 64 * LANES)
    return Row("gatewright, compiled", rate, rate / (512 * hertz), vectors * made.moving, made.remark)


def numpy_rows(circuit: Circuit, inputs: Words, expected: Words, groups: list) -> Iterator[Row]:
    """Measure numpy, gate by gate and by levels."""
    work = circuit.num_gates * inputs.shape[1] * 64
    yield Row("numpy, gate by gate", work / best_seconds(lambda: simulate_oracle(circuit, inputs), least=1))
    wires = np.zeros((circuit.num_wires, inputs.shape[1]), np.uint64)
    wires[: circuit.num_inputs] = inputs
    yield Row("numpy, by levels", work / best_seconds(lambda: simulate_by_levels(groups, wires), least=1))
    assert np.array_equal(wires[circuit.outputs], expected), "the levels and the oracle disagree"


def run_peer(command: list[str], seconds: float) -> str:
    """Run a program and return what it prints; whatever it started ends with it.

    Raises:
        RuntimeError: it cannot be started, fails, or takes too long.
    """
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
    except OSError as error:
        raise RuntimeError(f"cannot be started: {error.strerror}") from error
    try:
        printed, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"no answer within {seconds:.0f} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode:
        raise RuntimeError(f"ended with status {process.returncode}: {(printed.strip().splitlines() or [''])[-1]}")
    return printed


def torchlogix_rows(
    circuit: Circuit, answers: dict[int, tuple[Words, Words]], python: str, seconds: float
) -> dict[int, list[Row]]:
    """Measure torchlogix on all numbers of words: words -> rows.

    Raises:
        RuntimeError: it cannot be run.
    """
    if not python:
        raise RuntimeError("give --torchlogix-python")
    if circuit.num_gates > COMPILED_GATES:
        raise RuntimeError(f"more than {COMPILED_GATES:,} gates are not compiled")
    n = circuit.num_inputs
    gates = [
        {"gate_id": wire, "op": PEER_ROWS[op], "in0": pins[0], "in1": pins[1]}
        for wire, (op, pins, _) in enumerate(circuit.gates(), n)
    ]
    ports = {"n_inputs": n, "input_shape": [n], "outputs": circuit.outputs.tolist()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "network.json").write_text(
            json.dumps({**ports, "output_shape": [len(ports["outputs"])], "gates": gates})
        )
        for words, (inputs, _) in answers.items():
            np.save(folder / f"inputs{words}.npy", np.ascontiguousarray(inputs.T))
        run_peer([python, str(PEER), name], seconds)
        taken = json.loads((folder / "seconds.json").read_text())
        for words, (_, expected) in answers.items():
            theirs = np.load(folder / f"outputs{words}.npy").T
            assert np.array_equal(theirs, expected), "torchlogix and the oracle disagree"
    remark = f"compiled in {taken['compile']:.1f} s"
    return {
        words: [
            Row(f"torchlogix, {kind}", circuit.num_gates * words * 64 / taken[str(words)][place], remark=remark)
            for place, kind in enumerate(("packed words", "its own call"))
        ]
        for words in answers
    }


def measure_gates(gates: int, options: argparse.Namespace, hertz: float) -> None:
    """Print the block of one network of two-input gates."""
    circuit = layered(gates, options.width, TWO_INPUT_ROWS)
    answers = {}
    for words in WORDS:
        inputs = mixed_words(circuit.num_inputs, words)
        answers[words] = inputs, simulate_oracle(circuit, inputs)[circuit.outputs]
    made, groups = made_of(circuit) if gates <= COMPILED_GATES else None, level_groups(circuit)
    peer, why = {}, ""
    try:
        peer = torchlogix_rows(circuit, answers, options.torchlogix_python, options.patience)
    except RuntimeError as error:
        why = str(error)
    for words, (inputs, expected) in answers.items():
        first = generic_row(circuit, inputs, expected, hertz)
        rows = [first]
        assert np.array_equal(simulate(circuit, inputs), expected), "simulate and the oracle disagree"
        whole = gates * words * 64 / best_seconds(lambda: simulate(circuit, inputs))  # noqa: B023
        rows.append(Row("gatewright, simulate()", whole))
        if made:
            rows.append(compiled_row(circuit, made, inputs, expected, hertz))
        if made and words < NARROW:
            narrow = compile_circuit(circuit, lanes=NARROW)
            assert np.array_equal(narrow(inputs), expected), "the compiled circuit and the oracle disagree"
            rate = gates * words * 64 / best_seconds(lambda: narrow(inputs))  # noqa: B023
            rows.append(Row(f"gatewright, compiled, {NARROW} lanes", rate, rate / (512 * hertz)))
        rows += [*numpy_rows(circuit, inputs, expected, groups), *peer.get(words, [])]
        for row in rows:
            print_row(gates, words, row, first.rate)
    if why:
        print(f"{gates:>9,}  torchlogix skipped: {why}")


def abc_seconds(program: str, file: Path, words: int, frames: int) -> tuple[int, float]:
    """Return the AND nodes that ABC sees in a file and the best time of its simulation.

    Raises:
        RuntimeError: it cannot be run.
    """
    commands = f"read_aiger {file}; comb -L 2; &get -n; &ps; &sim -F {frames} -W {2 * words}"
    best, nodes = float("inf"), 0
    for _ in range(ABC_RUNS):
        printed = run_peer([program, "-q", commands], 120)
        ands, seconds = re.search(r"and =\s*(\d+)", printed), re.search(r"Time =\s*([\d.]+) sec", printed)
        if not ands or not seconds or f"simulating {frames} frames" not in printed:
            raise RuntimeError(f"answered {printed.strip()[-100:]!r}")
        best, nodes = min(best, float(seconds[1])), int(ands[1])
    return nodes, best


def abc_row(circuit: Circuit, words: int) -> Row:
    """Measure ABC on an and-inverter graph.

    Raises:
        GatewrightError, RuntimeError: it is not installed, or cannot be run.
    """
    program = abc_program()
    n = circuit.num_inputs
    wires = Builder(circuit.input_names)
    frames = max(2, round(ABC_WORK / (circuit.num_gates * words * 64)))
    with tempfile.TemporaryDirectory() as name:
        write(circuit, Path(name, "network.aig"))
        write(wires.circuit((y, i % n) for i, y in enumerate(circuit.output_names)), Path(name, "wires.aig"))
        nodes, seconds = abc_seconds(program, Path(name, "network.aig"), words, frames)
        _, bare = abc_seconds(program, Path(name, "wires.aig"), words, frames)
    remark = f"{nodes:,} nodes, {frames} frames in {seconds:.2f} s, {bare:.2f} s of it for patterns"
    return Row(f"ABC, &sim -W {2 * words}", nodes * frames * words * 64 / (seconds - bare), remark=remark)


def measure_ands(gates: int, options: argparse.Namespace, hertz: float) -> None:
    """Print the block of one network as an and-inverter graph."""
    circuit = and_network(layered(gates, options.width, TWO_INPUT_ROWS))
    made, why = made_of(circuit) if gates <= COMPILED_GATES else None, ""
    for words in WORDS:
        inputs = mixed_words(circuit.num_inputs, words)
        expected = simulate_oracle(circuit, inputs)[circuit.outputs]
        rows = [first := generic_row(circuit, inputs, expected, hertz)]
        if made:
            rows.append(compiled_row(circuit, made, inputs, expected, hertz))
        try:
            rows.append(abc_row(circuit, words))
        except (GatewrightError, RuntimeError) as error:
            why = str(error)
        for row in rows:
            print_row(circuit.num_gates, words, row, first.rate)
    if why:
        print(f"{circuit.num_gates:>9,}  ABC skipped: {why}")


def measure_tables(hertz: float) -> None:
    """Print the block of complete truth tables, of 12 and of 14 inputs."""
    from aigverse.algorithms import simulate as tabulate

    for inputs in (12, 14):
        circuit = and_network(bench_simulate.random_circuit(inputs, 10_000))
        aig = to_aig(circuit)
        patterns = enumerate_inputs(inputs)
        expected = simulate_oracle(circuit, patterns)[circuit.outputs]
        for output, table in enumerate(tabulate(aig)):
            assert int(table.to_binary(), 2) == int.from_bytes(expected[output].tobytes(), "little"), (
                "aigverse disagrees"
            )
        first = generic_row(circuit, patterns, expected, hertz)
        theirs = circuit.num_gates * 2**inputs / best_seconds(lambda: tabulate(aig))  # noqa: B023
        for row in (first, Row("aigverse, simulate", theirs)):
            print_row(circuit.num_gates, patterns.shape[1], row, first.rate)


def measure_throughput(options: argparse.Namespace) -> None:
    """Print the table of throughput."""
    hertz = bench_simulate.clock_rate()
    print(
        f"throughput: gate-patterns a second, one core at about {hertz / 1e9:.2f} GHz, layers of {options.width} gates"
    )
    compile_circuit(bench_compiled.needed_circuit(10))  # load llvmlite
    print_head("two-input gates")
    for gates in options.gates:
        measure_gates(gates, options, hertz)
    print_head("and-inverter graphs of the same networks; a gate is an AND node")
    for gates in options.gates:
        measure_ands(gates, options, hertz)
    print_head("complete truth tables; a gate is an AND node")
    measure_tables(hertz)


def built(circuit: Circuit, *, fold: bool) -> Circuit:
    """Build a circuit again, gate by gate."""
    builder = Builder(circuit.input_names, fold=fold)
    wires, add = builder.inputs, builder.add
    for op, (a, b), _ in circuit.gates():
        wires.append(add(op, wires[a], wires[b]))
    return builder.circuit(zip(circuit.output_names, (wires[w] for w in circuit.outputs.tolist()), strict=True))


def array_bytes(circuit: Circuit) -> int:
    """Count the bytes of a circuit's arrays."""
    fields = ("op", "fanin_start", "fanin", "param_start", "params", "outputs")
    return sum(getattr(circuit, field).nbytes for field in fields)


def measure_memory(options: argparse.Namespace) -> None:
    """Print seconds to build and bytes held."""
    print("\nmemory: building gate by gate, equal gates shared and constants folded, or every gate as given")
    print(f"{'gates':>9}  {'shared s':>8}  {'given s':>8}  {'arrays MB':>9}  {'circuit MB':>10}  {'peak MB':>8}")
    for gates in options.gates:
        circuit = layered(gates, options.width, TWO_INPUT_ROWS)
        seconds = [best_seconds(lambda: built(circuit, fold=fold), least=2) for fold in (True, False)]  # noqa: B023
        gc.collect()
        tracemalloc.start()
        again = built(circuit, fold=True)
        gc.collect()
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert again.num_gates <= gates
        megabytes = f"{array_bytes(again) / 1e6:>9.2f}  {held / 1e6:>10.2f}  {peak / 1e6:>8.1f}"
        print(f"{gates:>9,}  {seconds[0]:>8.2f}  {seconds[1]:>8.2f}  {megabytes}", flush=True)


def file_seconds(circuit: Circuit, suffix: str) -> tuple[float, float, int]:
    """Return seconds to write and to read, and the bytes of the file; what is read must do the same."""
    data = encode(circuit, suffix)
    parse = FORMATS[suffix].parse
    inputs = mixed_words(circuit.num_inputs, 8)
    assert np.array_equal(simulate(parse(data, f"x{suffix}"), inputs), simulate(circuit, inputs)), suffix
    writing = best_seconds(lambda: encode(circuit, suffix), least=2)
    return writing, best_seconds(lambda: parse(data, f"x{suffix}"), least=2), len(data)


def measure_files(options: argparse.Namespace) -> None:
    """Print seconds to write and read every format."""
    print("\nfiles: and-inverter graphs; growth is the factor from the size before")
    columns = f"{'write s':>8}  {'growth':>7}  {'read s':>8}  {'growth':>7}"
    print(f"{'ANDs':>9}  {'format':<6}  {'MB':>7}  {columns}  {'us an AND':>9}")
    before: dict[str, tuple[float, float]] = {}
    for gates in options.gates:
        circuit = layered(gates, options.width, ONE_AND_ROWS)
        for suffix in SUFFIXES:
            writing, reading, size = file_seconds(circuit, suffix)
            was = before.get(suffix)
            growth = (
                [f"{now / then:.1f}x" for now, then in zip((writing, reading), was, strict=True)] if was else ["", ""]
            )
            before[suffix] = writing, reading
            cells = f"{writing:>8.3f}  {growth[0]:>7}  {reading:>8.3f}  {growth[1]:>7}"
            each = 1e6 * (writing + reading) / gates
            print(f"{gates:>9,}  {suffix:<6}  {size / 1e6:>7.2f}  {cells}  {each:>9.2f}", flush=True)


PARTS = {"throughput": measure_throughput, "memory": measure_memory, "files": measure_files}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--gates", nargs="+", type=int, default=list(SIZES), help="multiples of the width")
    parser.add_argument("--width", type=int, default=1000, help="gates of a layer, and inputs (default 1000)")
    parser.add_argument("--torchlogix-python", default=os.environ.get("TORCHLOGIX_PYTHON", ""))
    parser.add_argument("--patience", type=float, default=150.0, help="seconds torchlogix may take (default 150)")
    options = parser.parse_args()
    if any(gates % options.width for gates in options.gates):
        sys.exit(f"--gates: got {options.gates}, expected multiples of {options.width}")
    for part in options.parts:
        PARTS[part](options)


if __name__ == "__main__":
    main()
