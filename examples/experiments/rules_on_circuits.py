"""Every integer rule on circuits: a network of look-up tables on MNIST, and the exact learner on truth tables.

The network's counters have K values each side of 0; every rule gets the same passes, batches, wires and number of
trials of its rate, chosen on held-out samples; test accuracy is looked at once. The exact learner asks a rule for
proposals until a circuit is exact, then shrinks it without the rule (ands_shrunk); tables lack one pattern, since from
a complete one it may start exact.
"""

import time
from dataclasses import replace

import numpy as np
from experiment import options, report

from circuits.table import sampled_table
from circuits.words import unpack
from learn import Key, learn, learn_classifier, load, load_dataset, plan_for
from learn.classify import in_integers
from learn.rules import rules_in
from learn.spaces import Choice, Int
from learn.train import class_scores

SMALL = {
    "samples": 10_000, "tables": 1000, "passes": 3, "rates": (0.15, 0.75), "bounds": (1, 32), "seeds": 3, "steps": 12,
}  # fmt: skip
PAPER = {
    "samples": 60_000, "tables": 4000, "passes": 10, "rates": (0.05, 0.15, 0.5, 1.5), "bounds": (1, 8, 32),
    "seeds": 10, "steps": 40,
}  # fmt: skip
FUNCTIONS = ("parity:6", "adder:3", "majority:7", "multiplier:3", "random:6")


def networks(scale, seed, data_dir):
    """Yield a row for every rule and K."""
    train, test = (load_dataset("mnist", split=split, data_dir=data_dir) for split in ("train", "test"))
    chosen = np.argsort(Key(seed).fold("samples").words(train.num_samples))[: scale["samples"]]
    train = replace(train, features=train.features[chosen], labels=train.labels[chosen])
    plan = plan_for(train, tables=scale["tables"])._replace(warps="none")
    for rule in rules_in(Int):
        for bound in scale["bounds"]:
            best, start = None, time.process_time()
            for rate in scale["rates"]:
                settings = replace(plan.settings, rule=rule, rate=rate, epochs=scale["passes"])
                trial = plan._replace(bound=bound, settings=settings)
                *_, progress = learn_classifier(train, key=Key(seed).fold("fit"), plan=trial)
                if best is None or progress.event.validation > best[0]:
                    best = progress.event.validation, rate, progress
            validation, rate, progress = best
            classifier, event = progress.classifier, progress.event
            seconds = (time.process_time() - start) / len(scale["rates"])
            codes = classifier.encoder.codes(in_integers(test)[0])
            accuracy = float((class_scores(classifier.network, codes).argmax(1) == test.labels).mean())
            yield {
                "circuit": "look-up tables",
                "rule": rule,
                "K": bound,
                "rate": rate,
                "validation": float(validation),
                "test": accuracy,
                "flips": sum(sum(one.flips) for one in event.history) / classifier.network.layers[0].counters.size,
                "seconds": seconds,
            }


def without_first(name):
    """Return a table less its first pattern: from an incomplete one every circuit grows gate by gate under the rule."""
    table = load([name])
    inputs, outputs = (unpack(words, table.patterns).T[1:] for words in (table.inputs, table.outputs))
    return sampled_table(inputs, outputs, name=name)


def exact(scale, seed):
    """Yield a row for every rule that proposes choices and every function."""
    for rule in rules_in(Choice):
        for name in FUNCTIONS:
            table, ends, lasts = without_first(name), [], []
            for run in range(scale["seeds"]):
                events = list(learn(table, key=Key(seed).fold("exact", run), rule=rule, steps=scale["steps"]))
                ends.append(next((event for event in events if event.errors == 0), events[-1]))
                lasts.append(events[-1])
            yield {
                "circuit": name,
                "rule": rule,
                "exact": f"{sum(end.errors == 0 for end in ends)}/{len(ends)}",
                **{
                    part: float(np.median([getattr(end, part) for end in ends])) for part in ("errors", "step", "moves")
                },
                "ands": float(np.median([end.ands for end in ends])),
                "seconds": float(np.median([end.seconds for end in ends])),
                "ands_shrunk": float(np.median([last.ands for last in lasts])),
            }


def report_tables(args, scale):
    """Run every rule on the network, and report."""
    rows = list(networks(scale, args.seed, args.data_dir))

    def draw(figure):
        axes = figure.subplots()
        names = list(dict.fromkeys(row["rule"] for row in rows))
        for bound in scale["bounds"]:
            axes.plot([row["test"] for row in rows if row["K"] == bound], names, "o", label=f"K = {bound}")
        axes.set(xlabel="test accuracy", title=f"{scale['tables']} tables, {scale['passes']} passes")
        axes.grid(alpha=0.3)
        axes.invert_yaxis()
        axes.legend()

    report("rules_on_tables", args, rows, draw, **scale)


def report_truth_tables(args, scale):
    """Run every rule in the exact learner, and report."""
    found = list(exact(scale, args.seed))

    def draw_exact(figure):
        left, right = figure.subplots(1, 2)
        for rule in rules_in(Choice):
            mine = [row for row in found if row["rule"] == rule]
            left.plot([row["circuit"] for row in mine], [row["moves"] for row in mine], "o-", label=rule)
            right.plot([row["circuit"] for row in mine], [row["ands"] for row in mine], "o-", label=rule)
        left.set(ylabel="moves until exact or the end, median", yscale="log")
        right.set(ylabel="AND nodes then, median")
        left.legend()

    report("rules_on_truth_tables", args, found, draw_exact, **scale)


def main():
    """Run both and write two tables."""
    parser = options(__doc__, data=True)
    parser.add_argument("--part", choices=("tables", "truth_tables", "both"), default="both")
    args = parser.parse_args()
    scale = SMALL if args.scale == "small" else PAPER
    if args.part != "truth_tables":
        report_tables(args, scale)
    if args.part != "tables":
        report_truth_tables(args, scale)


if __name__ == "__main__":
    main()
