"""Train and run torchlogix on random bits; torchlogix's own interpreter runs this, on one core or a device of torch's.

``python peer_torchlogix_training.py FEATURES GATES RANK PARAMETRIZATION BATCH LAYERS IMAGES DEVICE`` prints a JSON
object: ``step``, the seconds of the best training step (forward, backward, Adam) of a network of LAYERS layers of GATES
gates each of RANK inputs, of the processor, or on DEVICE cuda by the clock; ``bytes``, what parameters, gradients and
Adam hold; ``peak``, by how much the largest memory of the process, or the device's, grew in training; with IMAGES above
0 and RANK 2 also ``compile``, the seconds that compiling the network for 64 samples a word takes, and ``predict``, the
seconds of the best call on so many samples of booleans.
"""

import json
import resource
import sys
import tempfile
import time

import torch
from torchlogix import Circuit
from torchlogix.layers import GroupSum, LogicDense

BUDGET = 3.0
CLASSES = 10


def best_seconds(call, device="cpu") -> float:
    """Return the least seconds of the runs within about ``BUDGET`` seconds, two at least."""
    best, stop, runs = float("inf"), time.perf_counter() + BUDGET, 0
    clock, wait = (time.perf_counter, torch.cuda.synchronize) if device == "cuda" else (time.process_time, lambda: None)
    while runs < 2 or time.perf_counter() < stop:
        start = clock()
        call()
        wait()
        best, runs = min(best, clock() - start), runs + 1
    return best


def main() -> None:
    """Train, compile, time."""
    features, gates, rank = map(int, sys.argv[1:4])
    kind, (batch, layers, images), device = sys.argv[4], map(int, sys.argv[5:8]), sys.argv[8]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    dense = [
        LogicDense(gates if depth else features, gates, lut_rank=rank, parametrization=kind, device=device)
        for depth in range(layers)
    ]
    model = torch.nn.Sequential(*dense, GroupSum(CLASSES, tau=10.0))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    inputs = (torch.rand(batch, features) > 0.5).float().to(device)
    labels = torch.randint(CLASSES, (batch,)).to(device)
    loss = torch.nn.CrossEntropyLoss()

    def step() -> None:
        optimiser.zero_grad()
        loss(model(inputs), labels).backward()
        optimiser.step()

    found = {"step": best_seconds(step, device)}
    held = [p for p in model.parameters() for p in (p, p.grad)]
    held += [t for state in optimiser.state.values() for t in state.values() if torch.is_tensor(t) and t.ndim]
    found["bytes"] = sum(t.numel() * t.element_size() for t in held)
    found["peak"] = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    if device == "cuda":
        found["peak"] = torch.cuda.max_memory_allocated()
    if images and rank == 2:
        with tempfile.TemporaryDirectory() as folder:
            tempfile.tempdir = folder  # the package leaves its library in there
            circuit = Circuit.from_model(model, [features])
            start = time.perf_counter()
            circuit.compile(pack_bits=64)
            found["compile"] = time.perf_counter() - start
            bits = (torch.rand(images, features) > 0.5).numpy()
            found["predict"] = best_seconds(lambda: circuit(bits, use_compiled=True))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
