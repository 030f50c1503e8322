"""Other programs read what is written: ABC proves the files equal, Icarus Verilog simulates them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from circuits import formats
from circuits.circuit import Builder, Circuit
from circuits.errors import FormatError
from circuits.formats import encode, read, read_circuit, write, write_testbench
from circuits.gates import BIT_GATES
from circuits.simulate import truth_table
from circuits.words import unpack

ABC = shutil.which("berkeley-abc") or shutil.which("abc")
IVERILOG, VVP = shutil.which("iverilog"), shutil.which("vvp")
ABC_WRITES = {
    ".aig": "strash; write_aiger -s",
    ".blif": "write_blif",
    ".bench": "write_bench",
    ".v": "write_verilog",
    ".pla": "collapse; write_pla",
}
needs_abc = pytest.mark.skipif(ABC is None, reason="no berkeley-abc or abc on PATH")
needs_iverilog = pytest.mark.skipif(IVERILOG is None or VVP is None, reason="no iverilog and vvp on PATH")


def every_gate(names: list[str] | None = None) -> Circuit:
    rng = np.random.default_rng(2)
    builder = Builder(names or [f"in{k}" for k in range(6)], name="dut", fold=False)
    outputs = []
    for gate in BIT_GATES:
        fanin = rng.permutation(6)[: gate.arity].tolist()
        params = rng.integers(0, 2, gate.param_count).tolist()
        outputs.append((f"{gate.name}_out", builder.add(gate.name, *fanin, params=params)))
    return builder.circuit([*outputs, ("copy_of_input", 3), ("again", outputs[3][1])])


def abc(command: str) -> str:
    assert ABC
    done = subprocess.run([ABC, "-q", command], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@needs_abc
@pytest.mark.parametrize("suffix", [".aig", ".blif", ".bench", ".v", ".pla"])
def test_abc_proves_the_files_equal(suffix: str, tmp_path: Path) -> None:
    circuit = every_gate()
    first, second = tmp_path / f"a{suffix}", tmp_path / "b.aig"
    write(circuit, first)
    write(circuit, second)
    assert "are equivalent" in abc(f"cec -n {first} {second}")
    inverted = Builder(circuit.input_names)
    wires = [*inverted.inputs]
    for op, fanin, params in circuit.gates():
        wires.append(inverted.add(op, *(wires[f] for f in fanin), params=params))
    outputs = [(n, wires[w]) for n, w in zip(circuit.output_names, circuit.outputs.tolist(), strict=True)]
    outputs[4] = (outputs[4][0], inverted.add("not", outputs[4][1]))
    write(inverted.circuit(outputs), second)
    assert "NOT EQUIVALENT" in abc(f"cec -n {first} {second}")


@needs_abc
@pytest.mark.parametrize("suffix", ABC_WRITES)
def test_what_abc_writes_is_read(suffix: str, tmp_path: Path) -> None:
    circuit = every_gate()
    source, target = tmp_path / "a.blif", tmp_path / f"abc{suffix}"
    write(circuit, source)
    abc(f"read {source}; {ABC_WRITES[suffix]} {target}")
    found = read(target)
    again = read_circuit(target)
    assert found.input_names == circuit.input_names
    assert found.output_names == circuit.output_names
    assert np.array_equal(truth_table(again).outputs, truth_table(circuit).outputs)


@needs_abc
@pytest.mark.parametrize("suffix", [".v", ".blif", ".bench", ".pla"])
def test_abc_reads_the_golden_files(suffix: str) -> None:
    golden = Path(__file__).parents[1] / "golden"
    assert "are equivalent" in abc(f"cec -n {golden / f'golden{suffix}'} {golden / 'golden.aig'}")


@needs_abc
def test_abc_reads_truth_files(tmp_path: Path) -> None:
    builder = Builder(["a", "b", "c"])
    circuit = builder.circuit({"y": builder.add("mux", 0, 1, 2), "z": builder.add("and", 0, 1)})
    table, aig = tmp_path / "t.truth", tmp_path / "t.aig"
    write(circuit, table)
    write(circuit, aig)
    assert "are equivalent" in abc(f"read_truth -xf {table}; strash; write_aiger {tmp_path / 'u.aig'}; cec -n {aig}")


@needs_iverilog
@pytest.mark.parametrize("names", [None, ["a[0]", "wire", "1st", "a.b", 'q"q', "$dollar"]], ids=["plain", "escaped"])
def test_iverilog_simulates_the_same(names: list[str] | None, tmp_path: Path) -> None:
    assert IVERILOG and VVP
    circuit = every_gate(names)
    module, bench, program = tmp_path / "dut.v", tmp_path / "bench.v", tmp_path / "bench.vvp"
    write(circuit, module)
    n, m = circuit.num_inputs, circuit.num_outputs
    pins = ", ".join([*(f"x[{k}]" for k in range(n)), *(f"y[{k}]" for k in range(m))])
    bench.write_text(
        f"module bench; reg [{n - 1}:0] x; wire [{m - 1}:0] y; integer k; dut d({pins});\n"
        f'initial for (k = 0; k < {1 << n}; k = k + 1) begin x = k; #1 $display("%b", y); end endmodule\n'
    )
    subprocess.run([IVERILOG, "-g2005", "-Wall", "-o", program, module, bench], check=True, timeout=60)
    done = subprocess.run([VVP, "-n", program], capture_output=True, text=True, check=True, timeout=60)
    table = truth_table(circuit)
    bits = unpack(table.outputs, table.patterns).T[:, ::-1].astype(int)
    assert done.stdout.split() == ["".join(map(str, row)) for row in bits.tolist()]


@needs_abc
def test_abc_agrees_on_what_a_bench_gate_is(tmp_path: Path) -> None:
    names = "abcdefgh"
    lines = [f"INPUT({name})" for name in names]
    gates = {
        f"n{k}_{word}": f"{word}({', '.join(names[:k])})" for word in ("AND", "NAND", "OR", "NOR") for k in (2, 3, 5)
    }
    gates |= {"x": "XOR(a, b)", "xn": "XNOR(c, b)", "inv": "NOT(a)", "same": "BUFF(b)", "mux": "MUX(a, b, c)"}
    gates |= {
        f"lut{k}": f"LUT 0x{(0x9E3779B97F4A7C15 << 64 | 7) & (1 << (1 << k)) - 1:x} ({','.join(names[:k])})"
        for k in (2, 5, 6, 7)
    }
    lines += [f"OUTPUT({name})" for name in gates] + [f"{name} = {gate}" for name, gate in gates.items()]
    source, again = tmp_path / "a.bench", tmp_path / "b.aig"
    source.write_text("\n".join(lines) + "\n")
    write(read_circuit(source), again)
    assert "are equivalent" in abc(f"cec -n {source} {again}")


def run_verilog(*texts: bytes, folder: Path) -> str:
    assert IVERILOG and VVP
    files = [folder / f"{k}.v" for k in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_bytes(text)
    program = folder / "program.vvp"
    subprocess.run([IVERILOG, "-g2005", "-Wall", "-o", program, *files], check=True, timeout=60)
    return subprocess.run([VVP, "-n", program], capture_output=True, text=True, check=True, timeout=60).stdout


def wide(inputs: int, outputs: int) -> Circuit:
    builder = Builder([f"x[{k}]" for k in range(inputs)], name="wide one", fold=False)
    pairs = [(f"y[{k}]", builder.add(("and", "xor", "ornot")[k % 3], k, inputs - 1 - k)) for k in range(outputs)]
    return builder.circuit(pairs)


BENCHED = {
    "all rows": (every_gate(), 64),
    "escaped": (every_gate(["a[0]", "wire", "1st", "a.b", 'q"q', "$dollar"]), 64),
    "no inputs": (Builder([]).circuit([]), 1),
    "no outputs": (Builder(["a", "b"]).circuit([]), 4),
    "sampled": (wide(30, 11), 500),
}


@needs_iverilog
@pytest.mark.parametrize("case", BENCHED)
def test_the_test_bench_passes_what_is_right(case: str, tmp_path: Path) -> None:
    circuit, patterns = BENCHED[case]
    assert (
        run_verilog(encode(circuit, ".v"), formats.testbench(circuit, 500), folder=tmp_path)
        == f"PASS {patterns} patterns\n"
    )


@needs_iverilog
@pytest.mark.parametrize("last", [False, True])
def test_the_test_bench_names_the_first_mismatch(last: bool, tmp_path: Path) -> None:
    builder = Builder(["a", "b", "c"], name="dut")
    right = builder.circuit({"y": builder.add("maj", 0, 1, 2), "z": builder.add("or", 0, 1)})
    other = Builder(["a", "b", "c"], name="dut")
    wrong = {True: ("lut3", (0, 0, 0, 1, 0, 1, 1, 0)), False: ("lut3", (0, 1, 1, 1, 0, 1, 1, 1))}[last]
    broken = other.circuit({"y": other.add(wrong[0], 0, 1, 2, params=wrong[1]), "z": other.add("or", 0, 1)})
    found = run_verilog(encode(broken, ".v"), formats.testbench(right), folder=tmp_path)
    message = "inputs 111: got 10, expected 11" if last else "inputs 001: got 11, expected 10"
    assert found == f"FAIL {message}\n"


def test_the_test_bench_is_verilog(tmp_path: Path) -> None:
    write_testbench(every_gate(), tmp_path / "tb.v")
    assert (tmp_path / "tb.v").read_bytes() == formats.testbench(every_gate())
    with pytest.raises(FormatError, match=r"expected the suffix \.v"):
        write_testbench(every_gate(), tmp_path / "tb.blif")


def test_convert_writes_a_test_bench(tmp_path: Path) -> None:
    write(every_gate(), tmp_path / "dut.json")

    def convert(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "learn", "convert", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    assert convert("dut.json", "dut.v", "--testbench", "tb.v").returncode == 0
    assert (tmp_path / "dut.v").read_bytes() == encode(every_gate(), ".v")
    assert (tmp_path / "tb.v").read_bytes() == formats.testbench(every_gate())
    refused = convert("dut.json", "other.v", "--testbench", "tb.blif")
    assert refused.returncode == 2 and "tb.blif: a test bench is Verilog" in refused.stderr
    assert not (tmp_path / "other.v").exists() and not (tmp_path / "tb.blif").exists()
