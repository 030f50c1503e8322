"""Measure proofs on one core: ``python tests/benchmarks/bench_verify.py [MUTANTS]``.

Prints seconds for pairs of equal circuits, beside aigverse's equivalence check (given up after ``PATIENCE`` seconds),
then decides random mutants, one gate changed, of a circuit of 2,000 gates and 16 inputs by sweeping alone; exhaustive
simulation is the judge of every verdict, and every counterexample is replayed.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "circuits")]

from test_verify import ROWS, adder, multiplier, mutant, random_circuit  # noqa: E402

from circuits.aig import optimised, to_aig  # noqa: E402
from circuits.circuit import Circuit  # noqa: E402
from circuits.gates import BIT_GATES, GATE  # noqa: E402
from circuits.simulate import evaluate, simulate  # noqa: E402
from circuits.sweep import decide, joined, minimised  # noqa: E402
from circuits.verify import equivalent  # noqa: E402
from circuits.words import enumerate_inputs  # noqa: E402

PATIENCE = 60.0


def pairs() -> dict[str, tuple[Circuit, Circuit]]:
    """Return the pairs of equal circuits."""
    small, large = multiplier(12, last=True), multiplier(16, last=True)
    return {
        "32-bit adder: ripple, select": (adder(32, ripple=True), adder(32, ripple=False)),
        "12x12 multiplier, optimised": (small, optimised(small)),
        "16x16 multiplier, optimised": (large, optimised(large)),
        "8x8 multipliers, other order": (multiplier(8, last=True), multiplier(8, last=False)),
        "12x12 multipliers, other order": (small, multiplier(12, last=False)),
    }


def foreign(a: Circuit, b: Circuit) -> None:
    """Check with aigverse."""
    from aigverse.algorithms import equivalence_checking

    assert equivalence_checking(to_aig(a), to_aig(b), conflict_limit=0)


def foreign_seconds(a: Circuit, b: Circuit) -> str:
    """Return aigverse's time; it has no limit of its own, so a process is ended."""
    process = multiprocessing.Process(target=foreign, args=(a, b))
    start = time.perf_counter()
    process.start()
    process.join(PATIENCE)
    late = process.is_alive()
    process.kill()
    return f"more than {PATIENCE:.0f}" if late else f"{time.perf_counter() - start:.2f}"


def decide_mutants(count: int) -> None:
    """Decide mutants and compare with exhaustive simulation."""
    circuit, r = random_circuit(16, 2000, seed=1), random.Random(3)
    inputs = enumerate_inputs(16)
    right = simulate(circuit, inputs)
    seconds, equal, done = [], 0, 0
    while done < count:
        gate, row = r.randrange(circuit.num_gates), r.choice(ROWS)
        op = BIT_GATES[circuit.op[gate]].name
        if row == op or GATE[row].arity != GATE[op].arity:
            continue
        done += 1
        other = mutant(circuit, gate, row)
        start = time.perf_counter()
        joint = joined(circuit, other)
        found = decide(joint)
        pattern = [] if found is True else minimised(joint, found)[0]
        seconds.append(time.perf_counter() - start)
        same = np.array_equal(simulate(other, inputs), right)
        equal += same
        assert same == (found is True), (gate, row)
        assert same or evaluate(circuit, pattern) != evaluate(other, pattern), (gate, row)
    print(
        f"{count} mutants: {equal} equal, {count - equal} different, all as exhaustive simulation says; "
        f"mean {np.mean(seconds):.3f} s, worst {max(seconds):.3f} s"
    )


def main() -> None:
    """Print the tables."""
    print(f"{'pair':<34}{'verdict':<34}{'s':>8}  aigverse s")
    for name, (a, b) in pairs().items():
        start = time.perf_counter()
        verdict = equivalent(a, b, seconds=PATIENCE)
        ours = time.perf_counter() - start
        print(f"{name:<34}{verdict!s:<34}{ours:>8.2f}  {foreign_seconds(a, b)}", flush=True)
    decide_mutants(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)


if __name__ == "__main__":
    main()
