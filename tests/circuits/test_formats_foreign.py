"""Other programs read what is written: ABC proves the files equal, Icarus Verilog simulates them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from circuits.circuit import Builder, Circuit
from circuits.formats import read, read_circuit, write
from circuits.gates import GATES
from circuits.simulate import truth_table
from circuits.words import unpack

ABC = shutil.which("berkeley-abc") or shutil.which("abc")
IVERILOG, VVP = shutil.which("iverilog"), shutil.which("vvp")
ABC_WRITES = {
    ".aig": "strash; write_aiger -s",
    ".blif": "write_blif",
    ".v": "write_verilog",
    ".pla": "collapse; write_pla",
}
needs_abc = pytest.mark.skipif(ABC is None, reason="no berkeley-abc or abc on PATH")
needs_iverilog = pytest.mark.skipif(IVERILOG is None or VVP is None, reason="no iverilog and vvp on PATH")


def every_gate(names: list[str] | None = None) -> Circuit:
    rng = np.random.default_rng(2)
    builder = Builder(names or [f"in{k}" for k in range(6)], name="dut", fold=False)
    outputs = []
    for gate in GATES:
        fanin = rng.permutation(6)[: gate.arity].tolist()
        params = rng.integers(0, 2, gate.param_count).tolist()
        outputs.append((f"{gate.name}_out", builder.add(gate.name, *fanin, params=params)))
    return builder.circuit([*outputs, ("copy_of_input", 3), ("again", outputs[3][1])])


def abc(command: str) -> str:
    assert ABC
    done = subprocess.run([ABC, "-q", command], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@needs_abc
@pytest.mark.parametrize("suffix", [".aig", ".blif", ".v", ".pla"])
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
@pytest.mark.parametrize("suffix", [".v", ".blif", ".pla"])
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
