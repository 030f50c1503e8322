"""The verb ``theory``: what is proved of a rule, in numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from learn.console import Json, report

if TYPE_CHECKING:
    from learn.theory import Quantity

theories = typer.Typer(
    help="What is proved of a rule: bounds with every constant, floors, contraction factors, Markov chains.",
    rich_markup_mode=None,
)
HIDDEN_UNITS = 784 * 100 + 100 + 100 * 10 + 10  # one hidden layer of 100 units on MNIST, as the source compares

Parameters = Annotated[int, typer.Option("--d", min=1, help="Parameters.")]
Grid = Annotated[float, typer.Option("--grid", help="Delta, the distance of neighbouring values.")]


def _tell(quantities: list[Quantity], as_json: bool) -> None:
    lines = (f"{q.name:<18}{q.value:<14.6g}{q.meaning}" for q in quantities)
    report({q.name: q.value for q in quantities}, as_json, *lines)


@theories.command("zim")
def theory_zim(
    d: Parameters = HIDDEN_UNITS,
    smoothness: Annotated[float, typer.Option("--smoothness", "-L", help="Lipschitz constant of the gradient.")] = 10.0,
    diameter: Annotated[
        float, typer.Option(help="Of the region of the path; the gradient is at most L times it.")
    ] = 1.0,
    n: Annotated[int | None, typer.Option("--n", min=1, help="Trials; default round(sqrt(d)).")] = None,
    laplace: Annotated[float | None, typer.Option(help="The constant c; default the best for the floor.")] = None,
    zero_inflation: Annotated[float, typer.Option(help="1 - lambda.")] = 0.0,
    gap: Annotated[float, typer.Option(help="Loss at the start less its infimum.")] = 1.0,
    steps: Annotated[int, typer.Option(min=1, help="Updates.")] = 1000,
    kappa: Annotated[float, typer.Option(help="Of BOLD's floor.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Bound ZIM's mean squared gradient, and compare its floor with BOLD's."""
    from learn.theory import zim_report

    settings = {"n": n, "laplace": laplace, "zero_inflation": zero_inflation, "gap": gap, "steps": steps}
    _tell(zim_report(d=d, smoothness=smoothness, diameter=diameter, kappa=kappa, **settings), as_json)  # type: ignore[arg-type]


@theories.command("rounding")
def theory_rounding(
    d: Parameters = 1000,
    grid: Grid = 0.1,
    gradient: Annotated[float, typer.Option(help="G: E||g||^2 is at most its square.")] = 1.0,
    convexity: Annotated[float, typer.Option(help="mu of strong convexity.")] = 1.0,
    diameter: Annotated[float, typer.Option(help="Of the domain.")] = 1.0,
    hessian: Annotated[float, typer.Option(help="Lipschitz constant of the Hessian; 0: a quadratic.")] = 0.0,
    steps: Annotated[int, typer.Option(min=1, help="Updates.")] = 1000,
    as_json: Json = False,
) -> None:
    """Bound the excess loss of stochastic rounding and of BinaryConnect, transient and floor."""
    from learn.theory import Quantity, binary_connect_bound, rounding_bound

    settings = {"d": d, "grid": grid, "gradient": gradient, "convexity": convexity, "steps": steps}
    transient, floor = rounding_bound(**settings)  # type: ignore[arg-type]
    _, other = binary_connect_bound(**settings, diameter=diameter, hessian=hessian)  # type: ignore[arg-type]
    found = [
        Quantity("transient", transient, "(1 + log(T + 1)) G^2 / (2 mu T), of both"),
        Quantity("rounding", floor, "sqrt(d) Delta G / 2: floor of stochastic rounding"),
        Quantity("binary_connect", other, "D L2 sqrt(d Delta) / 2: floor of BinaryConnect, 0 on a quadratic"),
    ]
    _tell(found, as_json)


@theories.command("dq")
def theory_dq(
    smoothness: Annotated[float, typer.Option("--smoothness", "-L", help="Largest curvature.")] = 1.0,
    convexity: Annotated[float, typer.Option(help="Smallest curvature.")] = 0.1,
    bits: Annotated[float, typer.Option(help="Bits a number.")] = 4.0,
    rho: Annotated[float, typer.Option(help="Covering efficiency of the quantiser.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Say how fast differentially quantised methods contract, beside unquantised and naive ones."""
    from learn.theory import METHODS, Quantity, dq_factor, gradient_descent, naive_factor

    found = []
    for name, make in METHODS.items():
        method = make(smoothness, convexity)
        found.append(Quantity(name, method.factor, "contraction an update, unquantised"))
        found.append(Quantity(f"dq_{name}", dq_factor(method, bits=bits, rho=rho), "differentially quantised"))
    naive = naive_factor(gradient_descent(smoothness, convexity), bits=bits, rho=rho)
    found.append(Quantity("naive_gd", naive, "quantised without memory: sigma + (1 + sigma) rho 2^-R"))
    _tell(found, as_json)


@theories.command("chain")
def theory_chain(
    rate: Annotated[float, typer.Option(help="alpha.")] = 0.01,
    noise: Annotated[float, typer.Option(help="Standard deviation of the gradient.")] = 4.0,
    grid: Grid = 0.5,
    as_json: Json = False,
) -> None:
    """Show where stochastic rounding stays on the toy loss of three minima, at a rate and as it goes to 0."""
    import numpy as np

    from learn.theory import rounding_chain, rounding_limit, stationary, toy_loss, toy_slope

    if not 0.01 <= grid <= 2:
        raise typer.BadParameter(f"grid: got {grid}, expected 0.01 to 2")
    values = np.arange(math.ceil(-1 / grid), math.floor(6.5 / grid) + 1) * grid
    kept = stationary(rounding_chain(toy_slope(values), noise=noise, rate=rate, grid=grid))
    limit = stationary(rounding_limit(toy_slope(values), noise=noise))
    facts = {"values": values.tolist(), "stationary": kept.tolist(), "limit": limit.tolist()}
    rows = (
        f"{v:>7.3g}{f:>9.3f}{p:>13.4f}{q:>13.4f}"
        for v, f, p, q in zip(values, toy_loss(values), kept, limit, strict=True)
    )
    report(facts, as_json, "  value     loss   stationary    rate -> 0", *rows)
