"""Reverse derivative ascent on Iris and on MNIST's zeros and ones, beside the accuracies of its source.

Wilson and Zanasi 2021, arXiv 2101.10488. Iris: a bit a feature (above the middle of its range in the
classes at hand), a look-up table of four inputs for each bit of the label, one pass over the first 25 flowers of each
species, in that order; the other 25 test.
MNIST: pixels above 32, the label is [popcount(theta and x) <= popcount(theta) div 4], 1,000 samples one by one, and of
the parameters on the way those that do best on a validation part. Parameters start at 0; a step is theta XOR change.
Shuffled runs beside them show how much of that is luck.
"""

import numpy as np
from experiment import options, report

from circuits import Builder, evaluate, reverse_derivative
from learn import load_dataset
from learn.keys import Key
from learn.rules import reverse_ascent
from learn.spaces import Bit

SOURCE = {"iris, two classes": 0.98, "iris": 0.733, "mnist, 0 and 1": 0.992}
RULE, KEY = reverse_ascent(Bit()), Key(0)  # the rule draws nothing


def tables(bits):
    """Return the model of Iris, f(theta, x): for each bit of the label the entry of theta that the features address."""
    names = [f"t{k}_{v}" for k in range(bits) for v in range(16)]
    build = Builder([*names, "x0", "x1", "x2", "x3"])
    *theta, x0, x1, x2, x3 = map(build.term, build.inputs)

    def looked_up(entries, x):
        if not x:
            return entries[0]
        *rest, top = x
        half = len(entries) // 2
        return top & looked_up(entries[half:], rest) ^ ~top & looked_up(entries[:half], rest)

    return build.circuit({f"y{k}": looked_up(theta[16 * k : 16 * k + 16], [x0, x1, x2, x3]).wire for k in range(bits)})


def learn_tables(x, y, bits):
    """Return the tables after one pass: y (samples,) as ``bits`` bits, the first the least significant."""
    model, theta = tables(bits), np.zeros(16 * bits, np.int8)
    backwards = reverse_derivative(model)
    for features, label in zip(x.tolist(), y.tolist(), strict=True):
        at = [*theta.tolist(), *features]
        asked = [label >> k & 1 ^ said for k, said in enumerate(evaluate(model, at))]
        change = np.array(evaluate(backwards, [*at, *asked])[: len(theta)])
        theta = Bit().add(theta, RULE.update(change, (), theta, key=KEY)[0])
    return lambda features: sum(b << k for k, b in enumerate(evaluate(model, [*theta.tolist(), *features.tolist()])))


def iris(classes, orders):
    """Yield accuracies on Iris: in the order of the source, then over shuffled splits and orders."""
    data = load_dataset("iris", split="all")
    order = np.argsort(data.labels, kind="stable")
    x, y = data.features[order], data.labels[order]
    x, y = x[y < classes], y[y < classes]
    x = ((x - x.min(0)) / np.ptp(x, axis=0) > 0.5).astype(int)
    for run in range(orders + 1):
        mixed = [np.flatnonzero(y == c) for c in range(classes)]
        if run:
            key = Key(run).fold("iris")
            mixed = [part[np.argsort(key.fold(c).words(50))] for c, part in enumerate(mixed)]
        train, test = (np.concatenate([part[cut] for part in mixed]) for cut in (slice(25), slice(25, None)))
        if run:
            train = train[np.argsort(key.fold("order").words(len(train)))]
        bits = 1 if classes == 2 else 2
        classify = learn_tables(x[train], y[train], bits)
        yield float(np.mean([classify(features) == label for features, label in zip(x[test], y[test], strict=True)]))


def mask_says(both, ones):
    """Return the model of MNIST: [popcount(theta and x) <= popcount(theta) div 4]."""
    return both <= ones // 4


def learn_mask(x, y, steps, validation):
    """Return the best parameters on the way, and the share right of ``validation`` after each step."""
    theta = np.zeros(x.shape[1], np.int8)
    best, shares = theta, []
    for features, label in zip(x[:steps], y[:steps], strict=True):
        both, ones = int((theta & features).sum()), int(theta.sum())
        now = mask_says(both, ones)
        if now != label:  # the change asked of the output is 1: flip what alone would flip it
            turn = 1 - 2 * theta.astype(int)
            change = mask_says(both + turn * features, ones + turn) != now
            steps_, _ = RULE.update(change.astype(int), (), theta, key=KEY)
            theta = Bit().add(theta, steps_)
        right = mask_says(validation[0] @ theta.astype(int), int(theta.sum())) == validation[1]
        if not shares or right.mean() > max(shares):
            best = theta
        shares.append(float(right.mean()))
    return best, shares


def mnist(orders, steps, data_dir):
    """Yield accuracies on MNIST's 0 and 1: in the order of the files, then shuffled; and the first run's shares."""
    parts = []
    for split in ("train", "test"):
        data = load_dataset("mnist", split=split, data_dir=data_dir)
        kept = data.labels < 2
        parts.append(((data.features[kept] > 32).astype(np.int8), data.labels[kept].astype(bool)))
    (x, y), (x_test, y_test) = parts
    for run in range(orders + 1):
        order = np.argsort(Key(run).fold("mnist").words(len(y))) if run else np.arange(len(y))
        train, held = order[:11_400], order[11_400:]
        theta, shares = learn_mask(x[train], y[train], steps, (x[held].astype(int), y[held]))
        accuracy = float((mask_says(x_test @ theta.astype(int), int(theta.sum())) == y_test).mean())
        yield accuracy, shares


def main():
    """Run the three problems."""
    args = options(__doc__, data=True).parse_args()
    orders, steps = (20, 1000) if args.scale == "small" else (200, 11_400)
    found = {"iris, two classes": list(iris(2, orders)), "iris": list(iris(3, orders))}
    runs = list(mnist(orders // 4, steps, args.data_dir))
    found["mnist, 0 and 1"] = [accuracy for accuracy, _ in runs]
    rows = [
        {
            "problem": name,
            "source": SOURCE[name],
            "in its order": shares[0],
            "shuffled, mean": float(np.mean(shares[1:])),
            "lowest": min(shares[1:]),
            "highest": max(shares[1:]),
            "runs": len(shares) - 1,
        }
        for name, shares in found.items()
    ]

    def draw(figure):
        left, right = figure.subplots(1, 2)
        left.boxplot([shares[1:] for shares in found.values()], tick_labels=list(found))
        left.plot(range(1, 4), [SOURCE[name] for name in found], "r*", ms=12, label="source")
        left.plot(range(1, 4), [shares[0] for shares in found.values()], "bo", label="here, in its order")
        left.set(ylabel="test accuracy", title="shuffled runs (boxes)")
        left.legend()
        for k, (_, shares) in enumerate(runs):
            right.plot(np.arange(1, steps + 1), shares, lw=0.7, label="in its order" if k == 0 else None)
        right.set(xscale="log", xlabel="samples seen", ylabel="right on validation", title="MNIST, 0 and 1")
        right.legend()

    report("rda", args, rows, draw, orders=orders, steps=steps)


if __name__ == "__main__":
    main()
