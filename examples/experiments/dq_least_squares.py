"""Differential quantisation on least squares: measured contraction against the theory and naive quantisation.

Every message has R bits a number and the range that the theory asks for. Contraction is the worst over starts, from
half of the path to its end. The source (Lin, Kostina and Hassibi 2020, arXiv 2002.02508) claims max(sigma, rho 2^-R)
for gradient descent: no loss from R >= log2(rho / sigma) on.
"""

from functools import partial

import numpy as np
from experiment import options, report

from learn import theory
from learn.keys import Key
from learn.rules import dq
from learn.rules.quantisers import D4_EFFICIENCY, lattice, uniform
from learn.spaces import Real

SMALL, PAPER = {"n": 4, "starts": 10, "steps": 150}, {"n": 100, "starts": 100, "steps": 400}
L, MU = 1.0, 0.1


def contraction(step, curvature, starts, steps, key):
    """Return the worst contraction an update of ``step(x0)``'s path to the least squares solution at 0."""
    worst = 0.0
    for start in range(starts):
        x = key.fold("start", start).gumbel(len(curvature))
        path = [float(np.linalg.norm(at)) for at in step(x, steps)]
        late, middle = max(path[-8:]), max(path[steps // 2 - 8 : steps // 2])
        worst = max(worst, (late / middle) ** (2 / steps))
    return worst


def dq_path(method, bits, rho, quantiser, curvature, x, steps):
    """Yield the server's iterates."""
    message = quantiser(bits, theory.dq_ranges(method, bits=bits, rho=rho, first=L * float(np.linalg.norm(x))))
    rule = dq(Real(), rate=method.rate, momentum=method.momentum, lookahead=method.lookahead, quantiser=message)
    state = rule.init(x)
    for _ in range(steps):
        u, state = rule.update(curvature * (x + state.shift), state, x, key=Key(0))
        x = x + u
        yield x


def naive_path(method, bits, rho, curvature, x, steps):
    """Yield the iterates of gradient descent with quantised gradients, errors forgotten."""
    message = uniform(bits, theory.naive_ranges(method, bits=bits, rho=rho, first=L * float(np.linalg.norm(x))))
    for i in range(steps):
        x = x - method.rate * message(curvature * x, i)
        yield x


def main():
    """Measure every method and quantiser at every rate."""
    args = options(__doc__).parse_args()
    scale = SMALL if args.scale == "small" else PAPER
    key, n = Key(args.seed).fold("dq"), scale["n"]
    # In the eigenbasis of A^T A, its origin at the solution, least squares is diagonal: curvatures from mu to L.
    curvature = np.geomspace(MU, L, n)
    measure = partial(contraction, curvature=curvature, starts=scale["starts"], steps=scale["steps"], key=key)
    quantisers = {"uniform": (uniform, n**0.5)} | ({"lattice": (lattice, D4_EFFICIENCY)} if n == 4 else {})
    rows = []
    for bits in range(1, 9):
        for name, make in theory.METHODS.items():
            method = make(L, MU)
            for kind, (quantiser, rho) in quantisers.items():
                measured = measure(partial(dq_path, method, bits, rho, quantiser, curvature))
                predicted = theory.dq_factor(method, bits=bits, rho=rho)
                rows.append(row(f"dq_{name}", kind, bits, method.factor, predicted, measured))
        method = theory.gradient_descent(L, MU)
        measured = measure(partial(naive_path, method, bits, n**0.5, curvature))
        predicted = theory.naive_factor(method, bits=bits, rho=n**0.5)
        rows.append(row("naive_gd", "uniform", bits, method.factor, predicted, measured))

    def draw(figure):
        panels = figure.subplots(1, len(quantisers), sharey=True, squeeze=False)[0]
        for axes, kind in zip(panels, quantisers, strict=True):
            for color, name in enumerate(("dq_gd", "dq_nag", "dq_hb", "naive_gd")):
                found = [r for r in rows if r["method"] == name and r["quantiser"] == kind]
                if found:
                    r, line = [f["bits"] for f in found], [f["predicted"] for f in found]
                    axes.plot(r, line, color=f"C{color}", label=f"{name}, theory")
                    axes.plot(r, [f["measured"] for f in found], "o", color=f"C{color}", label=f"{name}, measured")
            axes.plot(range(1, 9), [2.0**-b for b in range(1, 9)], "k:", label="2^-R, no scheme below")
            axes.set(xlabel="bits a number R", title=f"{kind}, rho = {quantisers[kind][1]:.3g}", ylim=(0, 1.5))
            axes.axhline(1, color="gray", lw=0.5)
        figure.axes[0].set_ylabel("contraction an update")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8)

    report("dq_least_squares", args, rows, draw, **scale, smoothness=L, convexity=MU)


def row(method, quantiser, bits, unquantised, predicted, measured):
    """Return one line of the table."""
    return {
        "method": method,
        "quantiser": quantiser,
        "bits": bits,
        "unquantised": unquantised,
        "predicted": predicted,
        "measured": measured,
        "ratio": measured / predicted,
    }


if __name__ == "__main__":
    main()
