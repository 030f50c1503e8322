"""Binary weights under five rules: test error, and the share of weights that differ from where they began.

A multilayer perceptron on images, its weights -1 or +1, all else plain arithmetic: R-ADAM, SR-ADAM, Big SR-ADAM and
BC-ADAM step the weights, and ADAM trains real ones. Li et al. 2017, arXiv 1706.02379, table 1: error grows from ADAM
over BC-ADAM, Big SR-ADAM and SR-ADAM to R-ADAM; its figure: SR-ADAM changes up to 40 % of the weights, BC-ADAM less
than 20 %. Rates are chosen on held-out images, the same number of trials each, on the first seed; errors are means over
seeds, which draw the samples too, with their standard deviation.
"""

from itertools import pairwise

import numpy as np
from experiment import options, report

from learn import load_dataset
from learn.keys import Key
from learn.rules import cosine, make_rule, scheduled
from learn.rules.base import ONE
from learn.rules.binary_connect import Latent
from learn.spaces import Real, Sign

RULES = {
    "adam": (Real(), (0.03, 0.1, 0.3)),
    "adam_binary_connect": (Sign(), (0.001, 0.003, 0.01)),
    "adam_big_rounding": (Sign(), (0.03, 0.1, 0.3)),
    "adam_rounding": (Sign(), (0.01, 0.03, 0.1)),
    "adam_nearest": (Sign(), (0.501, 0.51, 0.6)),
}
"""Spaces and rates; a rate of less than one half freezes rounding to nearest."""
SMALL = {"samples": 16_000, "hidden": (128, 128), "passes": 8, "seeds": 3}
PAPER = {"samples": 50_000, "hidden": (512, 512), "passes": 40, "seeds": 5}
BATCH = 100
HELD = 5000


def forward(weights, x):
    """Return the activations of every layer: ReLU of scaled sums, normalised over each sample."""
    outputs = [x]
    for i, w in enumerate(weights):
        z = outputs[-1] @ w / np.sqrt(len(w))
        outputs.append(z if i == len(weights) - 1 else np.maximum(z, 0))
    return outputs


def gradients(weights, x, labels):
    """Return the gradient of the mean cross-entropy for every layer."""
    outputs = forward(weights, x)
    scores = 3 * outputs[-1]
    chances = np.exp(scores - scores.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    chances[np.arange(len(labels)), labels] -= 1
    error, found = 3 * chances / len(labels), []
    for i in reversed(range(len(weights))):
        error = error / np.sqrt(len(weights[i]))
        found.append(outputs[i].T @ error)
        error = (error @ weights[i].T) * (outputs[i] > 0)
    return found[::-1]


def wrong(weights, part):
    """Return the share of samples classified wrong."""
    return float((forward(weights, part[0])[-1].argmax(1) != part[1]).mean())


def train(name, space, rate, scale, part, key):
    """Train one network; yield its weights, and the share of binary weights changed, after every pass."""
    x, labels = part
    sizes = [x.shape[1], *scale["hidden"], 10]
    weights = [space.init(pair, key=key.fold("weights", i)) for i, pair in enumerate(pairwise(sizes))]
    begun, batches = [np.sign(w) for w in weights], len(x) // BATCH
    total = batches * scale["passes"]
    rule = scheduled(lambda rate: make_rule(name, space, rate=rate), rate=end_of(name, rate, total))
    states = [rule.init(w) for w in weights]
    if name == "adam_binary_connect":
        states = [
            near_zero(state, w, key.fold("latent", i)) for i, (state, w) in enumerate(zip(states, weights, strict=True))
        ]
    for epoch in range(scale["passes"]):
        order = np.argsort(key.fold("order", epoch).words(len(x)))
        for b in range(batches):
            index = order[b * BATCH : (b + 1) * BATCH]
            found = gradients([w.astype(np.float64) for w in weights], x[index], labels[index])
            for i, gradient in enumerate(found):
                steps, states[i] = rule.update(gradient, states[i], weights[i], key=key.fold("step", epoch, b, i))
                weights[i] = space.add(weights[i], steps)
        changed = sum(int((np.sign(w) != a).sum()) for w, a in zip(weights, begun, strict=True))
        yield [w.astype(np.float64) for w in weights], changed / sum(w.size for w in weights)


def near_zero(state, weights, key):
    """Return BinaryConnect's state with latents as small as real weights begin, as in the source, not on the weights.

    Places 0 and 1 are -1 and +1, so a latent number of v is at (1 + v) / 2.
    """
    size = np.sqrt(6 / sum(weights.shape)) * key.uniform(weights.shape)
    latent = ((1 + size * weights) / 2 * ONE).astype(np.int64)
    first, _ = state.inner
    return state._replace(inner=(first, Latent(latent)))


def end_of(name, rate, steps):
    """Return the schedule of a rate: to a tenth, but for rounding to nearest, which would freeze."""
    return cosine(rate, rate if name == "adam_nearest" else rate / 10, steps=steps)


def parts_of(name, data_dir, samples, key):
    """Return what is learned from, a number of samples; what is held out; and what is tested on."""
    parts = []
    for split in ("train", "test"):
        data = load_dataset(name, split=split, data_dir=data_dir)
        features = data.features / 255
        parts.append(((features - features.mean(1, keepdims=True)) / features.std(1, keepdims=True), data.labels))
    order = np.argsort(key.fold("samples").words(len(parts[0][1])))
    learned, held = ((parts[0][0][index], parts[0][1][index]) for index in (order[:samples], order[-HELD:]))
    return learned, held, parts[1]


def measured(name, rate, scale, parts, key):
    """Train once; return the errors held out, on test samples and on those learned from, and the shares changed."""
    passes = list(train(name, RULES[name][0], rate, scale, parts[0], key))
    weights, _ = passes[-1]
    return [wrong(weights, part) for part in (parts[1], parts[2], parts[0])], [changed for _, changed in passes]


def main():
    """Choose every rule's rate, and report the best."""
    parser = options(__doc__, data=True)
    parser.add_argument("--data", default="fashion_mnist", help="mnist or fashion_mnist (the default)")
    args = parser.parse_args()
    scale = SMALL if args.scale == "small" else PAPER
    keys = [Key(args.seed + k).fold("exploration") for k in range(scale["seeds"])]
    found, rows, curves = {name: [] for name in RULES}, [], {}
    for k, key in enumerate(keys):
        parts = parts_of(args.data, args.data_dir, scale["samples"], key)
        for name, (_, rates) in RULES.items():
            tried = rates if not k else (found[name][0][0],)
            best = min(
                ((rate, *measured(name, rate, scale, parts, key)) for rate in tried), key=lambda each: each[1][0]
            )
            found[name].append(best)
            print(f"seed {args.seed + k}, {name}, rate {best[0]:g}: test error {best[1][1]:.4f}", flush=True)
    for name, runs in found.items():
        curves[name] = np.mean([changes for *_, changes in runs], axis=0).tolist()
        held, test, learned = np.mean([errors for _, errors, _ in runs], axis=0).tolist()
        spread = float(np.std([errors[1] for _, errors, _ in runs], ddof=1)) if len(runs) > 1 else None
        rows.append(
            {
                "rule": name,
                "rate": runs[0][0],
                "held-out error": held,
                "test error": test,
                "spread": spread,
                "train error": learned,
                "changed": curves[name][-1],
            }
        )

    def draw(figure):
        left, right = figure.subplots(1, 2)
        colors = [f"C{k}" for k in range(len(rows))]  # tell which curve is whose
        spreads = [row["spread"] or 0 for row in rows]
        left.barh([row["rule"] for row in rows], [row["test error"] for row in rows], xerr=spreads, color=colors)
        left.set(xlabel="test error")
        left.invert_yaxis()
        for changes, color in zip(curves.values(), colors, strict=True):
            right.plot(np.arange(1, len(changes) + 1), changes, "o-", color=color)
        right.set(xlabel="passes", ylabel="share of signs that differ from the start")

    report("exploration", args, rows, draw, batch=BATCH, data=args.data, **scale)


if __name__ == "__main__":
    main()
