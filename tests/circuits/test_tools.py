"""Foreign programs: what they answer is used only if proved, and what goes wrong is said and survived."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from circuits import tools
from circuits.aig import and_count, optimised
from circuits.circuit import Builder, Circuit
from circuits.errors import ToolError
from circuits.simulate import truth_table
from circuits.verify import Proof, simplified

REAL = any(shutil.which(name) for name in tools.ABC_NAMES)
ANSWERS = {
    "exit 3": "ended with status 3",
    "kill -SEGV $$": "was ended by signal 11",
    "true": "wrote no answer",
    "head -c 3000 /dev/urandom > out.aig": "its answer cannot be read: ",
    "echo aig 9 > out.aig": "its answer cannot be read: ",
    "printf 'aig 2 2 0 1 0\\n0\\n' > out.aig": "answered with 2 inputs and 1 outputs, expected 3 and 1",
    "mkdir out.aig": "wrote no answer",
}
WRONG = "printf 'aig 3 3 0 1 0\\n0\\n' > out.aig"


def redundant() -> Circuit:
    """Return a circuit that both tools shrink: a AND (b OR c), written at length."""
    b = Builder(["a", "b", "c"], name="redundant")
    return b.circuit({"y": b.add("or", b.add("and", 0, 1), b.add("and", 0, 2))})


@pytest.fixture
def fake(tmp_path: Path, monkeypatch):
    """Install a shell script as ABC."""

    def install(script: str) -> str:
        program = tmp_path / tools.ABC_NAMES[0]
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return str(program)

    return install


@pytest.mark.parametrize("script", ANSWERS)
def test_a_broken_program_is_reported_and_survived(fake, script):
    program = fake(script)
    with pytest.raises(ToolError) as error:
        tools.abc(redundant())
    assert str(error.value).startswith(f"{program}: {ANSWERS[script]}")
    assert "\n" not in str(error.value)
    errors: list[ToolError] = []
    result, proof = simplified(redundant(), tools=(tools.abc, optimised), report=errors.append)
    assert [str(e).partition("cannot be read")[0] for e in errors] == [str(error.value).partition("cannot be read")[0]]
    assert (and_count(result), proof) == (2, Proof("exhaustive", 8))


def test_a_wrong_answer_is_reported_and_survived(fake):
    fake(WRONG)
    errors: list[ToolError] = []
    result, proof = simplified(redundant(), tools=(tools.abc, optimised), report=errors.append)
    assert [str(e) for e in errors] == [
        "abc: its answer is not proved equal to redundant: "
        "different at a=1 b=1, whatever the other input is: y is 1 in the first and 0 in the second"
    ]
    assert (and_count(result), proof) == (2, Proof("exhaustive", 8))


def test_a_program_that_hangs_is_ended_with_what_it_started(fake, tmp_path):
    fake(f"sleep 1000 & echo $! > {tmp_path}/child; wait")
    start = time.monotonic()
    with pytest.raises(ToolError, match=r"no answer within 0\.5 seconds"):
        tools.abc(redundant(), seconds=0.5)
    assert time.monotonic() - start < 10
    child = Path("/proc", (tmp_path / "child").read_text().strip(), "stat")
    for _ in range(50):
        if not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.1)
    else:
        pytest.fail("the program's child lives on")


def test_a_missing_program_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="abc: not found, expected one of berkeley-abc, abc, yosys-abc on the PATH"):
        tools.abc(redundant())
    (tmp_path / "abc").write_text("no program")
    (tmp_path / "abc").chmod(0o755)
    with pytest.raises(ToolError, match="cannot be started"):
        tools.abc(redundant())


def test_the_program_gets_the_circuit_and_its_answer_the_names(fake):
    fake("cp in.aig out.aig")
    odd = redundant().renamed(inputs=["a b", "ü", "i0"], outputs=["o\n0"], name="odd")
    answer = tools.abc(odd)
    assert (answer.input_names, answer.output_names, answer.name) == (odd.input_names, odd.output_names, "odd")
    assert truth_table(answer) == truth_table(odd)


@pytest.mark.skipif(not REAL, reason="ABC is not installed")
@pytest.mark.parametrize("seed", range(3))
def test_abc_shrinks_circuits(seed):
    from test_verify import random_circuit

    circuit = random_circuit(8, 40, seed)
    errors: list[ToolError] = []
    result, proof = simplified(circuit, tools=[tools.abc], report=errors.append)
    assert errors == []
    assert and_count(result) < and_count(circuit)
    assert truth_table(result) == truth_table(circuit)
    assert proof == Proof("exhaustive", 256)
