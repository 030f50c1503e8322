"""Print how well circuits of arithmetic are learned: ``python tests/benchmarks/bench_arithmetic.py WHAT [...]``.

WHAT is ``recovery`` (functions learned from samples, ten seeds, judged on fresh ones), ``exports`` (their Verilog under
Icarus Verilog), ``filters`` (adders of designs against rounded coefficients, at the same specification), ``functions
[BITS [FIGURE]]`` (AND nodes and errors of approximations, beside the plain table and least-squares lines with rounded
coefficients, all simplified by the same tools), ``tabular [SEEDS]`` (integer perceptrons beside scikit-learn's of the
same shape, five folds; needs scikit-learn) or ``mnist DATA_DIR`` (784-128-10, rules side by side). Seconds are those of
the processor.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from circuits.library import signed_digits
from circuits.wires import BIT
from learn.keys import Key
from learn.models.arithmetic import answers, learn_function
from learn.models.arithmetic.approximate import Candidate, contenders, front, learned, plain, rounded, shrunk, wanted
from learn.models.arithmetic.filters import Band, designed, from_samples, multiplier_adders
from learn.models.arithmetic.filters import rounded as rounded_filter

sys.path.insert(0, "tests/learn")
SEEDS = 10

TRIED = [(steps, rate) for steps in (4000, 1000) for rate in (0.7, 1.0)]
"""Steps and rates of the small perceptrons; of those that do equally well the first is taken."""

FILTERS = {
    "G1: low pass, 16 taps, 0.2 to 0.5, 40 dB": (16, [Band(0, 0.2, 1, 0.01), Band(0.5, 1, 0, 0.01)]),
    "Y1: low pass, 30 taps, 0.3 to 0.5, 50 dB": (30, [Band(0, 0.3, 1, 0.00316), Band(0.5, 1, 0, 0.00316)]),
    "L2: low pass, 63 taps, 0.2 to 0.28, 60 dB": (63, [Band(0, 0.2, 1, 0.028), Band(0.28, 1, 0, 0.001)]),
}
"""Taps, and of each band where it begins and ends (1 is half the sampling rate), the gain, and how far it may be off.

Names and specifications are those of examples that papers on filters without multipliers share: L2 is of Lim and Parker
1983, Y1 of Yao and Chien 2002, and all three are among those of Aktan, Yurdakul and Dundar 2008 ("An algorithm for the
design of low-power hardware-efficient FIR filters", IEEE Transactions on Circuits and Systems I 55(6)).
"""


def number(x: Any, places: Any) -> Any:
    """Return the naturals that some bits make, the least significant first."""
    return sum(x[:, i].astype(object) << k for k, i in enumerate(places))


def bit_functions(n: int) -> dict[str, Callable[[Key], Callable[[Any], Any]]]:
    """Return functions of n bits, each drawn by a key."""
    h = n // 2

    def level(key: Key) -> Callable[[Any], Any]:
        at = int(key.integers(1 << n - 2, 1)[0]) + (1 << n - 2)
        return lambda x: number(x, range(n)) >= at

    def weighted(key: Key) -> Callable[[Any], Any]:
        weights = key.integers(7, n) - 3
        return lambda x: x @ weights >= 2

    return {
        f"a < b, {n} bits": lambda key: lambda x: number(x, range(h)) < number(x, range(h, n)),
        f"a >= b, alternating bits, {n}": lambda key: (
            lambda x: number(x, range(n - 2, -1, -2)) >= number(x, range(n - 1, 0, -2))
        ),
        f"x >= constant, {n} bits": level,
        f"count >= {h + 2}, {n} bits": lambda key: lambda x: x.sum(axis=1) >= h + 2,
        f"weights -3..3, {n} bits": weighted,
        f"carry of a + b, {n} bits": lambda key: lambda x: (number(x, range(h)) + number(x, range(h, n))) >> h,
        f"middle bit of a + b, {n} bits": lambda key: (
            lambda x: (number(x, range(h)) + number(x, range(h, n))) >> (h // 2) & 1
        ),
    }


def recovered(name: str, types: Any, make: Any, word: Any, count: int, fresh: int, samples_of: Any) -> None:
    """Print a row of the table of recovery."""
    kept, exact, shares, seconds, form = 0, 0, [], 0.0, ""
    for seed in range(SEEDS):
        key = Key(seed, (name,))
        function = make(key)
        given = samples_of(function, types, count, key.fold("train"), word)
        start = time.process_time()
        *_, found = learn_function(given, key=key)
        seconds += (time.process_time() - start) / SEEDS
        test = samples_of(function, types, fresh, key.fold("test"), word)
        kept += found.exact
        share = float((answers(found.learned, test) == test.y).mean())
        shares.append(share)
        exact += share == 1
        form = found.learned.form
    print(
        f"| {name} | {count} | {kept}/{SEEDS} | {exact}/{SEEDS} | {min(shares):.5f} | {seconds:.2f} | {form} |",
        flush=True,
    )


def recovery() -> None:
    """Print the table of functions that are found again from samples."""
    import test_graph
    from test_arithmetic import RECOVERED, samples_of

    print("| function | samples | all samples right | all fresh right | least share right | seconds | form |")
    print("|---|---|---|---|---|---|---|")
    for name, (types, make, word) in RECOVERED.items():
        recovered(name, types, make, word, 400, 2000, samples_of)
    for n in (16, 32, 64):  # the constant of a level is known only up to the samples next to it
        for name, make in bit_functions(n).items():
            recovered(name, [BIT] * n, make, BIT, 6400, 20_000, samples_of)
    for name, function in test_graph.FOUND.items():
        recovered(
            name, None, lambda key, f=function: f, None, 400, 2000, lambda f, t, *rest: test_graph.samples_of(f, *rest)
        )
    right, began = 0, time.process_time()
    for seed in range(SEEDS):
        taps = Key(seed).fold("taps").integers(256, 16) - 128
        x = Key(seed).fold("x").integers(256, 200) - 128
        found, bias = from_samples(x, np.convolve(x, taps)[: len(x)], 16, key=Key(seed))
        right += (found, bias) == (taps.tolist(), 0)
    print(f"| 16 taps | 200 | {right}/{SEEDS} | | | {(time.process_time() - began) / SEEDS:.3f} | fir |")


def exports() -> None:
    """Simulate the Verilog of the tests' circuits against them on 100,000 patterns, or on all up to 12 bits."""
    import subprocess
    import tempfile
    from pathlib import Path

    from test_arithmetic import EXPORTED

    from circuits import formats

    for name, make in EXPORTED.items():
        circuit = make()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "c.v").write_bytes(formats.encode(circuit, ".v"))
            Path(folder, "tb.v").write_bytes(formats.testbench(circuit, 100_000))
            subprocess.run(["iverilog", "-g2001", "-o", "sim", "c.v", "tb.v"], cwd=folder, check=True)
            said = subprocess.run(["./sim"], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
        print(f"{name}: {said}", flush=True)


def filters() -> None:
    """Print adders of filters that keep the specifications of FILTERS."""
    print("| filter | taps | rounded: bits, adders of digits, shared | learned: bits, adders | of which products | s |")
    print("|---|---|---|---|---|---|")
    for name, (taps, bands) in FILTERS.items():
        bits = next(b for b in range(4, 20) if rounded_filter(taps, bands, b).excess <= 1)
        usual = rounded_filter(taps, bands, bits)
        digits = sum(len(signed_digits(c)) - 1 for c in set(map(abs, usual.half)) if c)
        structure = usual.adders - multiplier_adders(usual.half)
        began = time.process_time()
        best = min(
            (d for b in (bits - 1, bits, bits + 1) for d in designed(taps, bands, b, key=Key(0), steps=400)),
            key=lambda d: (d.excess > 1, d.adders),
        )
        width = max(map(abs, best.half)).bit_length() + 1
        print(
            f"| {name} | {taps} | {bits}, {digits + structure}, {usual.adders} | {width}, {best.adders} | "
            f"{multiplier_adders(usual.half)} and {multiplier_adders(best.half)} | {time.process_time() - began:.1f} |",
            flush=True,
        )


ERRORS: dict[str, Callable[[Candidate], float]] = {"largest": lambda c: c.largest, "mean": lambda c: c.mean}


def functions(bits: str = "8", figure: str | None = None) -> None:
    """Print fronts of AND nodes against errors, and how often the learned one is above the table or rounded lines."""
    width = int(bits)
    found: dict[str, dict[str, list[Candidate]]] = {}

    def kept(candidates: Iterator[Candidate]) -> list[Candidate]:
        every = list(candidates)
        return list({id(c): c for error in ERRORS.values() for c in contenders(every, error)}.values())

    for name in ("sqrt", "log2", "sin", "sigmoid", "reciprocal"):
        values, began = wanted(name, width, width), time.process_time()
        groups = [kept(learned(values, width, width)), kept(rounded(values, width, width)), [plain(values, width)]]
        different = {c.circuit: c for group in groups for c in group}  # equal circuits are simplified once
        small = dict(zip(different, shrunk(list(different.values())), strict=True))
        ours, usual, (whole,) = [[small[c.circuit] for c in group] for group in groups]
        found[name] = {"learned": ours, "rounded lines": usual, "table": [whole]}
        print(f"{name}, {width} bits; {time.process_time() - began:.0f} s; the table takes {whole.ands}")
        for what, error in ERRORS.items():
            above = [c for c in [*usual, whole] if not any(o.ands <= c.ands and error(o) <= error(c) for o in ours)]
            for who in ("learned", "rounded lines"):
                points = "; ".join(f"{c.ands} {error(c):.3g}" for c in front(found[name][who], error))
                print(f"  {what} error, {who}: {points}")
            print(f"  {what} error: {len(above)} of {len(usual) + 1} others are below the learned front", flush=True)
    if figure:
        draw(found, figure)


def draw(found: dict[str, dict[str, list[Candidate]]], path: str) -> None:
    """Draw fronts, a row for each function; needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.6 * len(found)), layout="constrained")
    for pair, (name, fronts) in zip(figure.subplots(len(found), 2, squeeze=False), found.items(), strict=True):
        for axis, (what, error) in zip(pair, ERRORS.items(), strict=True):
            for who, candidates in fronts.items():
                kept = front(candidates, error)
                axis.step([c.ands for c in kept], [error(c) for c in kept], ".-", where="post", label=who)
            axis.set(xscale="log", yscale="symlog", xlabel="AND nodes", ylabel=f"{what} error", title=name)
            axis.set_ylim(bottom=0)
    figure.axes[0].legend()
    figure.savefig(path)


def tabular(seeds: str = "5") -> None:
    """Print the accuracy of perceptrons, integer and float, by cross-validation.

    Steps and rate are those of TRIED that do best on a fifth of the training fold; then all of the fold is trained on.
    """
    from sklearn.datasets import load_breast_cancer, load_digits, load_iris
    from sklearn.model_selection import StratifiedKFold, train_test_split
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from circuits.wires import Word
    from learn.models.arithmetic.mlp import Perceptron, encoder, train

    def trained(x: Any, y: Any, classes: int, hidden: int, steps: int, rate: float, key: Key) -> Perceptron:
        epochs = -(-steps * 16 // len(x))
        *_, event = train(x, y, classes, hidden=hidden, key=key, epochs=epochs, batch=16, rate=rate)
        return event.perceptron

    print("| data | hidden | integers | float | seconds a fold |\n|---|---|---|---|---|")
    for name, loader, scale, hidden in (
        ("iris", load_iris, 10, 16),
        ("breast cancer", load_breast_cancer, 10_000, 32),
        ("digits", load_digits, 1, 64),
    ):
        x, y = loader(return_X_y=True)
        whole, classes = np.rint(x * scale).astype(np.int64), int(y.max()) + 1
        ours, theirs, seconds = [], [], 0.0
        for seed in range(int(seeds)):
            for fold, (a, b) in enumerate(StratifiedKFold(5, shuffle=True, random_state=seed).split(x, y)):
                start, key = time.process_time(), Key(seed, ("fold", fold))
                codes = encoder(whole[a], [Word(32)] * x.shape[1]).codes(whole)
                c, d = train_test_split(a, test_size=0.2, stratify=y[a], random_state=seed)
                shares = [
                    (trained(codes[c], y[c], classes, hidden, *each, key).predict(codes[d]) == y[d]).mean()
                    for each in TRIED
                ]
                net = trained(codes[a], y[a], classes, hidden, *TRIED[int(np.argmax(shares))], key)
                seconds += time.process_time() - start
                ours.append(float((net.predict(codes[b]) == y[b]).mean()))
                peer = make_pipeline(StandardScaler(), MLPClassifier((hidden,), max_iter=1000, random_state=seed))
                theirs.append(peer.fit(x[a], y[a]).score(x[b], y[b]))
        print(
            f"| {name} | {hidden} | {np.mean(ours):.4f} | {np.mean(theirs):.4f} | {seconds / len(ours):.2f} |",
            flush=True,
        )


def mnist(data_dir: str) -> None:
    """Print the accuracy of rules on 784-128-10; samples to validate with are drawn from the training ones."""
    from learn.data import load_dataset
    from learn.models.arithmetic.mlp import bytes_encoder, train

    data, test = (load_dataset("mnist", split=split, data_dir=data_dir) for split in ("train", "test"))
    encoding = bytes_encoder(784)
    x, fresh = encoding.codes(data.features), encoding.codes(test.features)
    print("| rule | epochs | validation | test | seconds |\n|---|---|---|---|---|")
    for rule in ("rounding", "vote", "zim", "bold"):
        order = np.argsort(Key(0).fold("split").words(len(x)))
        out, kept = order[:5000], order[5000:]
        began = time.process_time()
        for event in train(x[kept], data.labels[kept], 10, hidden=128, key=Key(0), rule=rule, epochs=15, rate=0.6):
            net = event.perceptron
        seconds = time.process_time() - began
        shares = [(net.predict(a) == b).mean() for a, b in ((x[out], data.labels[out]), (fresh, test.labels))]
        print(f"| {rule} | 15 | {shares[0]:.4f} | {shares[1]:.4f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    {
        "recovery": recovery,
        "exports": exports,
        "filters": filters,
        "functions": functions,
        "tabular": tabular,
        "mnist": mnist,
    }[what](*rest)
