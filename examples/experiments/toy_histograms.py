"""Where stochastic rounding and BinaryConnect stay on a loss of three minima, as their rate shrinks.

Li et al. 2017, arXiv 1706.02379: a million iterations each from 0, on the grid of one half, with Gaussian gradient
noise. BinaryConnect concentrates on the best minimum as the rate shrinks; stochastic rounding stays where its
Markov chain says, at any rate. Rounding to nearest is shown beside them.
"""

import numpy as np
from experiment import options, report

from learn import theory
from learn.keys import Key
from learn.rules import binary_connect, nearest, rounding
from learn.spaces import Int

GRID, NOISE = 0.5, 4.0
VALUES = np.arange(-2, 14) * GRID  # -1 to 6.5
BEST = (VALUES > 4) & (VALUES < 5.5)  # the two grid points around 4.75
RULES = {"rounding": rounding, "binary_connect": binary_connect, "nearest": nearest}
SMALL = {0.3: 20_000, 0.1: 50_000, 0.03: 100_000, 0.01: 400_000}
"""Rates, and iterations at each: the smaller the rate, the longer the way from 0."""


def visits(make, rate, walkers, steps, key):
    """Return the share of time that walkers of a rule, all from 0, spend at each value."""
    space = Int(0, len(VALUES) - 1)
    rule, at = make(space, rate=rate / GRID, scale=1.0), np.full(walkers, 2)
    state, counts = rule.init(at), np.zeros(len(VALUES), np.int64)
    slopes = theory.toy_slope(VALUES)
    for block in range(0, steps, 1000):
        uniform = key.fold("noise", block).uniform((2, min(1000, steps - block), walkers))
        noise = NOISE * np.sqrt(-2 * np.log1p(-uniform[0])) * np.cos(2 * np.pi * uniform[1])
        for i, z in enumerate(noise):
            step, state = rule.update(slopes[at] + z, state, at, key=key.fold("round", block + i))
            at = at + step
            counts += np.bincount(at, minlength=len(counts))
    return counts / counts.sum()


def entropy(shares):
    """Return the entropy of a distribution, in bits."""
    return float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum())


def main():
    """Run every rule at every rate."""
    args = options(__doc__).parse_args()
    walkers, iterations = (20, SMALL) if args.scale == "small" else (20, dict.fromkeys(SMALL, 1_000_000))
    key, rows, found = Key(args.seed).fold("toy"), [], {}
    slopes = theory.toy_slope(VALUES)
    for rate, steps in iterations.items():
        predicted = theory.stationary(theory.rounding_chain(slopes, noise=NOISE, rate=rate, grid=GRID))
        for name, make in RULES.items():
            shares = found[name, rate] = visits(make, rate, walkers, steps, key.fold(name))
            expected = {"rounding": float(predicted[BEST].sum())}.get(name, "")
            rows.append(
                {
                    "rule": name,
                    "rate": rate,
                    "best": float(shares[BEST].sum()),
                    "best, theory": expected,
                    "entropy": entropy(shares),
                    **{f"at {value:g}": float(share) for value, share in zip(VALUES, shares, strict=True)},
                }
            )
    limit = theory.stationary(theory.rounding_limit(slopes, noise=NOISE))

    def draw(figure):
        for axes, rate in zip(figure.subplots(1, len(iterations), sharey=True), iterations, strict=True):
            for k, name in enumerate(RULES):
                axes.bar(VALUES + (k - 1) * 0.14, found[name, rate], 0.14, label=name)
            axes.plot(VALUES - 0.14, limit, "k_", ms=8, label="rounding, limit")
            axes.set(title=f"rate {rate:g}", xlabel="w")
        figure.axes[0].set_ylabel("share of iterations")
        figure.axes[0].legend(fontsize=8)

    report("toy_histograms", args, rows, draw, walkers=walkers, iterations=iterations, noise=NOISE, grid=GRID)


if __name__ == "__main__":
    main()
