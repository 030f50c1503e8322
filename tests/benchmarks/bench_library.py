"""Print the size of every operator of the library: ``python tests/benchmarks/bench_library.py``.

AND nodes and levels after structural hashing, before any optimisation, and gates as built, at 8, 16 and 32 bits on
unsigned words; then the seconds it takes to build a 32x32 multiplier.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from circuits import library as lib
from circuits.aig import and_count, and_levels
from circuits.circuit import Builder, Circuit
from circuits.rewrite import without_dead_gates

WIDTHS = (8, 16, 32)


def flat(result: object) -> list[int]:
    """Return every wire of a result: a wire, or sequences of them."""
    return [result] if isinstance(result, int) else [wire for part in result for wire in flat(part)]  # type: ignore[attr-defined]


def built(operator: Callable[..., object], widths: list[int], *, words: bool) -> Circuit:
    """Build an operator on inputs that are naturals, or words made of them."""
    b = Builder([f"x{k}_{i}" for k, width in enumerate(widths) for i in range(width)])
    wires = iter(b.inputs)
    naturals = [[next(wires) for _ in range(width)] for width in widths]
    result = operator(b, *([lib.unsigned(b, x) for x in naturals] if words else naturals))
    return without_dead_gates(b.circuit({f"y{i}": wire for i, wire in enumerate(flat(result))}))


# name: (operator, widths of its inputs by n, whether they are words)
ROWS: dict[str, tuple[Callable[..., object], Callable[[int], list[int]], bool]] = {
    **{f"adder, {name}": (adder, lambda n: [n, n], False) for name, adder in lib.ADDERS.items()},
    "subtract": (lib.subtract, lambda n: [n, n], True),
    "negate": (lib.negate, lambda n: [n], True),
    "absolute, signed": (lib.absolute, lambda n: [n], False),
    **{
        f"multiply, {c}, {a}": (
            partial(lib.multiply, compressor=lib.COMPRESSORS[c], adder=lib.ADDERS[a]), lambda n: [n, n], True,
        )
        for c, a in (("tree", "ripple"), ("queue", "ripple"), ("chain", "ripple"), ("tree", "sklansky"))
    },
    "square": (lambda b, x: lib.multiply(b, x, x), lambda n: [n], True),
    "scale by 231": (lambda b, x: lib.scale(b, x, 231), lambda n: [n], True),
    **{
        f"dot of 8, {name}": (
            lambda b, *x, c=c: lib.dot(b, x, [3, -1, 7, -4, 2, 5, -6, 1], 9, compressor=c), lambda n: [n] * 8, True,
        )
        for name, c in lib.COMPRESSORS.items()
    },
    **{
        f"popcount, {name}": (lambda b, x, c=c: lib.popcount(b, x, compressor=c), lambda n: [n], False)
        for name, c in lib.COMPRESSORS.items()
    },
    "saturate to half, signed": (lambda b, x: lib.saturated(b, x, len(x) // 2, signed=True), lambda n: [n], False),
    "equal": (lib.equal, lambda n: [n, n], True),
    "less_than": (lib.less_than, lambda n: [n, n], True),
    "minimum": (lib.minimum, lambda n: [n, n], True),
    "threshold 100": (lambda b, x: lib.threshold(b, x, 100), lambda n: [n], True),
    "relu, signed": (lib.relu, lambda n: [n], False),
    "clip to -9..99, signed": (lambda b, x: lib.clip(b, x, -9, 99), lambda n: [n], False),
    "mux of 8": (lambda b, s, *x: lib.mux_tree(b, s, x), lambda n: [3] + [n] * 8, False),
    "shift_by 3 bits": (lambda b, x, a: lib.shift_by(b, x, a, left=True), lambda n: [n, 3], False),
    "argmax of 8": (lambda b, *x: lib.argmax(b, x), lambda n: [n] * 8, True),
    "divide": (lib.divide, lambda n: [n, n], False),
    "square_root": (lib.square_root, lambda n: [n], False),
}  # fmt: skip


def main() -> None:
    """Print the table."""
    print(f"{'':26}" + "".join(f"{f'{n} bits: gates':>16} {'ANDs':>7} {'levels':>7}" for n in WIDTHS))
    for name, (operator, widths, words) in ROWS.items():
        line = f"{name:26}"
        for n in WIDTHS:
            circuit = built(operator, widths(n), words=words)
            line += f"{circuit.num_gates:16,} {and_count(circuit):7,} {and_levels(circuit):7,}"
        print(line)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        built(lib.multiply, [32, 32], words=True)
        best = min(best, time.perf_counter() - start)
    print(f"a 32x32 multiplier is built in {best:.3f} s, dead gates dropped")


if __name__ == "__main__":
    main()
