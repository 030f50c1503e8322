"""Run torchlogix on a network and patterns that bench_throughput.py hands over; torchlogix's own interpreter runs this.

``python peer_torchlogix.py FOLDER``: reads ``network.json``, torchlogix' own format of circuits, and ``inputs*.npy``,
uint64 (words, inputs); compiles for 64 patterns a word as the package does by itself; writes ``outputs*.npy``, uint64
(words, outputs), and ``seconds.json``: compiling, then by number of words the best call on packed words and the best
call on an array of booleans, which the package packs and unpacks.
"""

import ctypes
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from torchlogix import Circuit

BUDGET = 0.4


def best_seconds(call) -> float:
    """Return the shortest of the runs within about ``BUDGET`` seconds."""
    best, stop = float("inf"), time.perf_counter() + BUDGET
    while best == float("inf") or time.perf_counter() < stop:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Compile, evaluate, time."""
    folder = Path(sys.argv[1])
    tempfile.tempdir = str(folder)  # the package leaves its library in there
    circuit = Circuit.from_json_file(str(folder / "network.json"))
    start = time.perf_counter()
    circuit.compile(pack_bits=64)
    seconds = {"compile": time.perf_counter() - start}
    evaluate = ctypes.CDLL(str(next(folder.glob("*.so")))).circuit_bench
    for file in folder.glob("inputs*.npy"):
        inputs = np.load(file)
        outputs = np.zeros((len(inputs), len(circuit.outputs)), np.uint64)
        places = ctypes.c_void_p(inputs.ctypes.data), ctypes.c_void_p(outputs.ctypes.data)
        packed = best_seconds(lambda: evaluate(*places, len(inputs)))  # noqa: B023
        np.save(file.with_name(file.name.replace("inputs", "outputs")), outputs)
        octets = inputs[:, None, :] >> np.arange(64, dtype=np.uint64)[None, :, None]
        bits = np.ascontiguousarray((octets & np.uint64(1)).astype(bool).reshape(-1, circuit.n_inputs))
        seconds[str(len(inputs))] = packed, best_seconds(lambda: circuit(bits, use_compiled=True))  # noqa: B023
    (folder / "seconds.json").write_text(json.dumps(seconds))


if __name__ == "__main__":
    main()
