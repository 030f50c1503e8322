"""Programs beside this package that make circuits smaller: their answers are read, never believed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from circuits.circuit import Circuit
from circuits.errors import GatewrightError, ToolError
from circuits.formats import read_circuit, write
from circuits.rewrite import bit_blasted

ABC_NAMES = ("berkeley-abc", "abc", "yosys-abc")
ABC_SECONDS = 60.0
_ROUND = "balance; rewrite -l; resub -K 6 -l; refactor -l; resub -K 8 -N 2 -l; rewrite -z -l; resub -K 10 -N 2 -l"
ABC_FLOW = "; ".join(("strash; ifraig; dch; balance -l", *[_ROUND] * 3, "refactor -z -l", *[_ROUND] * 2))
"""Choices, then rounds of rewriting, resubstitution and refactoring, free to add levels."""


def abc_program() -> str:
    """Return the path of ABC.

    Raises:
        ToolError: it is not installed.
    """
    for name in ABC_NAMES:
        if path := shutil.which(name):
            return path
    raise ToolError(f"abc: not found, expected one of {', '.join(ABC_NAMES)} on the PATH; install berkeley-abc")


def abc(circuit: Circuit, *, seconds: float = ABC_SECONDS) -> Circuit:
    """Let ABC optimise a circuit; the function is ABC's promise: callers prove it.

    Raises:
        ToolError: ABC is not installed, fails, takes longer than ``seconds`` or answers with no circuit of these ports.
    """
    program, circuit = abc_program(), bit_blasted(circuit)
    with tempfile.TemporaryDirectory(prefix="gatewright-") as folder:
        source, target = Path(folder, "in.aig"), Path(folder, "out.aig")
        plain = circuit.renamed(
            inputs=[f"i{k}" for k in range(circuit.num_inputs)], outputs=[f"o{k}" for k in range(circuit.num_outputs)]
        )
        write(plain, source)
        commands = f"read_aiger {source.name}; {ABC_FLOW}; write_aiger {target.name}"
        _run([program, "-q", commands], folder, seconds)
        if not target.is_file():
            raise ToolError(f"{program}: wrote no answer")
        try:
            answer = read_circuit(target)
        except (GatewrightError, OSError) as error:
            raise ToolError(
                f"{program}: its answer cannot be read: {str(error).partition(': ')[2] or error}"
            ) from error
    if (answer.num_inputs, answer.num_outputs) != (circuit.num_inputs, circuit.num_outputs):
        raise ToolError(
            f"{program}: answered with {answer.num_inputs} inputs and {answer.num_outputs} outputs, "
            f"expected {circuit.num_inputs} and {circuit.num_outputs}"
        )
    return answer.renamed(inputs=circuit.input_names, outputs=circuit.output_names, name=circuit.name)


def _run(command: list[str], folder: str, seconds: float) -> None:
    """Run a program in a folder, silently, for at most some seconds; nothing it started outlives it."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(f"{command[0]}: cannot be started: {error.strerror}") from error
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{command[0]}: no answer within {seconds:g} seconds") from error
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if status:
        ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        raise ToolError(f"{command[0]}: {ended}")
