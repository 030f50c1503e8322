"""The verb ``learn``: a circuit from a truth table, from labelled samples, or of words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from learn.cli_classifier import CLASSIFIER_SECONDS, learn_samples
from learn.console import (
    AUTO,
    EXACT,
    FAILED,
    DataDir,
    Json,
    Label,
    check_kept,
    complain,
    conclude,
    cores,
    keep,
    learn_command,
    noun,
    rate,
    stop_signals,
    told_files,
    told_trends,
    wants_log,
)
from learn.console import progress as _progress

if TYPE_CHECKING:
    from circuits.circuit import Circuit
    from circuits.table import TruthTable
    from learn.portfolio import Event as PortfolioEvent
    from learn.search import Event

WORDS = ARITHMETIC, PERCEPTRON, FIR, APPROXIMATE = "arithmetic", "perceptron", "fir", "approximate"
"""Models of circuits of words."""


def circuit_facts(circuit: Circuit) -> dict[str, Any]:
    """Return what is counted of a circuit, by name."""
    from circuits.aig import and_count, and_levels, hashed
    from circuits.order import statistics

    facts, graph = statistics(circuit), hashed(circuit)
    kinds = facts.pop("kinds")
    return facts | {"ands": and_count(graph), "levels": and_levels(graph), "kinds": kinds}


def anything(name: str) -> Circuit | TruthTable:
    """Read a circuit or a table: a file, a generator or an example."""
    from circuits.formats import read
    from learn.data import is_built_in, load

    return load([name]) if is_built_in(name) else read(name)


def circuit_named(name: str) -> Circuit:
    """Read a circuit; a complete table becomes one."""
    from circuits.formats import read_circuit
    from circuits.rewrite import from_table
    from learn.data import is_built_in, load

    return from_table(load([name])) if is_built_in(name) else read_circuit(name)


def _right_outputs(circuit: Circuit, table: TruthTable) -> int:
    from circuits.simulate import simulate
    from circuits.words import popcount

    wrong = (simulate(circuit, table.inputs, patterns=table.patterns) ^ table.outputs) & table.care
    return int((popcount(wrong) == 0).sum())


def _say(event: Event, table: TruthTable) -> str:
    """Return the state of a search in one line."""
    return (
        f"{event.phase:<6} errors {event.errors}  exact outputs {_right_outputs(event.circuit, table)}"
        f"/{table.num_outputs}  AND nodes {event.ands}  moves {rate(event.moves, event.seconds)}"
        f"  flips {rate(event.changes, event.seconds)}"
    )


def _say_portfolio(event: PortfolioEvent) -> str:
    """Return the state of a portfolio in one line."""
    return (
        f"trial {event.step}  best {event.name}  held out {event.held_out:.2%}  all samples {event.train:.2%}"
        f"  AND nodes {event.ands}" + f"  trying {event.trying}" * bool(event.trying)
    )


def learn_table(
    names: list[str],
    outputs: list[Path],
    *,
    model: str = EXACT,
    rule: str = "heat_bath",
    exact: bool = False,
    seconds: float | None = None,
    steps: int | None = None,
    max_ands: int | None = None,
    start: Path | None = None,
    cost: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    as_json: bool = False,
    quiet: bool = False,
    log: Path | None = None,
    report: Path | None = None,
) -> int:
    """Learn a circuit, prove what it does, write it and report; return the exit status."""
    from circuits.aig import hashed_literals
    from circuits.table import merged
    from circuits.verify import Proof, satisfies, simplified
    from learn.costs import ANDS, make_cost
    from learn.data import load
    from learn.errors import SearchError
    from learn.evaluate import score
    from learn.keys import Key
    from learn.outputs import check_outputs, write_all
    from learn.report import Log, frames

    if seconds is not None and steps is not None:
        raise SearchError("--seconds and --steps: got both, expected one of them")
    check_outputs(outputs)
    check_kept(log, report, outputs)
    priced = ANDS if cost is None else make_cost(cost)
    given = load(names)
    table, repeats = merged(given)
    if repeats.repeated_patterns:
        complain(
            f"{given.name}: {noun(repeats.repeated_patterns, 'repeated pattern')}, "
            f"{noun(repeats.contradictory_patterns, 'pattern')} with contradictory values "
            f"({noun(repeats.contradictory_values, 'value')}); the majority counts, a tie is left free"
        )
    workers = threads if threads is not None else cores()

    from learn import portfolio, search

    begun = None if start is None else circuit_named(str(start))
    if begun is not None:
        wrong = noun(score(begun, table).errors, "output value")
        complain(f"{start}: begins with {noun(circuit_facts(begun)['ands'], 'AND node')}, {wrong} wrong")
    sampled = model == AUTO and not exact and begun is None and cost is None and portfolio.suits(table)
    limits: dict[str, Any] = {"seconds": seconds, "steps": steps, "max_ands": max_ands}

    def part(event: Event | PortfolioEvent) -> tuple[float, float | None]:
        finite = seconds if seconds is not None and math.isfinite(seconds) else None
        return (event.step, steps) if steps is not None else (event.seconds, finite)

    def say(event: Any) -> str:
        return _say_portfolio(event) if sampled else _say(event, table)

    events: Iterator[Any] = (
        portfolio.learn(table, key=Key(seed), **limits)
        if sampled
        else search.learn(table, key=Key(seed), rule=rule, threads=workers, start=begun, cost=priced, **limits)
    )
    event: Any = None
    moments = Log(circuits=wants_log(log, report, outputs))
    with stop_signals() as stops, _progress(say, part, quiet) as show:
        for event in events:
            show(event)
            moments.note(event)
            if stops:
                break
    if event is None:
        raise SearchError(f"{given.name}: the search ended before its first step; give it more time")
    interrupted = bool(stops)
    if interrupted:
        complain("interrupted: going on with the best circuit so far")

    # fewer ANDs may cost more: the scripts know no other cost
    circuit = min(simplified(event.circuit)[0], event.circuit, key=lambda c: priced.of(hashed_literals(c)))
    proof = satisfies(circuit, table)
    found = score(circuit, table)
    rows = score(circuit, given)
    is_exact = isinstance(proof, Proof)
    # A complete table is promised exactly, unless the user asked for a size or stopped the search.
    strict = exact or (given.complete and max_ands is None and not interrupted)
    written = write_all(circuit, outputs, frames=frames(moments)) if is_exact or not strict else []
    measured, price = circuit_facts(circuit), priced.of(hashed_literals(circuit))
    facts = {
        "data": names,
        "function": given.name,
        "inputs": given.num_inputs,
        "outputs": given.num_outputs,
        "patterns": given.patterns,
        "exact": is_exact,
        "errors": found.errors,
        "accuracy": rows.accuracy,
        "bit_accuracy": rows.bit_accuracy,
        "ands": measured["ands"],
        "levels": measured["levels"],
        "gates": measured["gates"],
        "steps": event.step,
        "seconds": round(event.seconds, 3),
        **(
            {"model": event.name, "held_out_accuracy": event.held_out, "refitted": event.refitted}
            if sampled
            else {"moves": event.moves, "changes": event.changes, "rule": rule}
        ),
        "seed": seed,
        "max_ands": max_ands,
        **({"cost": str(priced), "cost_value": price} if cost else {}),
        "threads": workers,
        "proof": str(proof),
        "interrupted": interrupted,
        "repeated_patterns": repeats.repeated_patterns,
        "contradictory_patterns": repeats.contradictory_patterns,
        "contradictory_values": repeats.contradictory_values,
    }
    replay = f"--steps {event.step} --seed {seed}"
    options: dict[str, Any] = {"rule": rule} if rule != "heat_bath" else {}
    options |= {"model": EXACT} if model == EXACT and rule == "heat_bath" else {}
    options |= {} if max_ands is None else {"max-ands": max_ands}
    options |= {"cost": priced} if cost else {}
    repeat = learn_command(names, {**options, "steps": event.step, "seed": seed})
    written += keep(log, report, moments, given.name, facts, circuit, repeat)
    facts["written"] = [str(path) for path in written]
    wrong = f"{noun(found.errors, 'output value')} wrong on {noun(table.patterns, 'pattern')}"
    told = [
        (
            "function",
            f"{given.name}: {noun(given.num_inputs, 'input')}, {noun(given.num_outputs, 'output')}, "
            f"{noun(given.patterns, 'pattern')}",
        ),
        (
            "proof",
            f"exact: {proof}" if is_exact else f"not exact: {wrong}; {rows.accuracy:.2%} of the patterns all right",
        ),
    ]
    if sampled:
        when = "it learned from all" if event.refitted else "the end; all samples gave nothing better"
        told.append(("model", f"{event.name}: {event.held_out:.2%} of the held-out samples before {when}"))
    sizes = {"AND node": measured["ands"], "level": measured["levels"], "gate": measured["gates"]}
    told.append(("size", ", ".join(noun(count, name) for name, count in sizes.items())))
    if cost:
        told.append(("cost", f"cost {priced}: {price:,}"))
    told.append(("time", f"{noun(event.step, 'step')} in {event.seconds:.1f} s; replay with {replay}"))
    conclude(facts, as_json, quiet, told + told_trends(moments) + told_files(written))
    if not is_exact and strict:
        complain(f"not exact, nothing written: {wrong}; give it more time or steps")
    oversized = max_ands is not None and measured["ands"] > max_ands
    if oversized:
        complain(f"{noun(measured['ands'], 'AND node')}, more than --max-ands {max_ands}; give it more time or steps")
    return FAILED if oversized or (not is_exact and (strict or interrupted)) else 0


def is_labelled(names: list[str], model: str) -> bool:
    """Tell whether data means labelled samples rather than a truth table."""
    from learn.data import is_labelled

    return model not in (AUTO, EXACT) or (model == AUTO and any(map(is_labelled, names)))


def learn_words(
    model: str,
    data: list[str],
    outputs: list[Path],
    *,
    label: str | None,
    rule: str,
    exact: bool,
    seconds: float | None,
    seed: int,
    taps: int | None,
    coefficient_bits: int | None,
    source: Path | None,
    function: str | None,
    in_bits: int,
    out_bits: int,
    max_ands: int | None,
    hidden: int,
    passes: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Learn a circuit of words, write it and report; return the exit status."""
    from learn import arithmetic
    from learn.errors import ModelError
    from learn.keys import Key
    from learn.outputs import check_outputs, write_all

    def only(given: Any, what: str) -> Any:
        if given is None:
            raise ModelError(f"--model {model}: {what}")
        return given

    check_outputs(outputs)
    if model == APPROXIMATE:
        name = only(function, "got no --function, expected a name such as sqrt")
        found = arithmetic.approximated(name, in_bits, out_bits, max_ands=max_ands, seconds=seconds, key=Key(seed))
    elif model == FIR:
        path = only(source, "got no --from, expected a file of samples x,y or of bands lo,hi,gain,tolerance")
        count = only(taps, "got no --taps, expected how many coefficients")
        found = arithmetic.from_response(path, taps=count, bits=coefficient_bits, key=Key(seed), rule=rule)
    else:
        if len(data) != 1:
            raise ModelError(f"--model {model}: got {len(data)} files, expected one CSV file of integers")
        path, key, budget = Path(data[0]), Key(seed), CLASSIFIER_SECONDS if seconds is None else seconds
        if model == PERCEPTRON:
            found = arithmetic.classified(path, key=key, label=label, rule=rule, hidden=hidden, passes=passes)
        else:
            found = arithmetic.from_table(path, key=key, label=label, rule=rule, seconds=budget)
    written = write_all(found.circuit, outputs) if found.exact or not exact else []
    facts = found.facts | {"seed": seed, "written": [str(path) for path in written]}
    told = [("" if place else "result", line) for place, line in enumerate(found.lines)]
    conclude(facts, as_json, quiet, told + told_files(written))
    if exact and not found.exact:
        complain("not exact, nothing written; give it more rows or time")
    return FAILED if exact and not found.exact else 0


def learn(
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA...",
            help="Truth tables or circuits (files), generators such as adder:4, or examples; see data.",
        ),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write the circuit; the suffix picks the format. Repeatable."
        ),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The update rule; default heat_bath of a search, vote of a classifier."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="exact, or of classifiers lut, deep, convolution, pool or tree; auto chooses by the data. Of words: "
            "arithmetic (a .csv of integers), perceptron (the same, of classes), fir (--taps, --from) or approximate "
            "(--function).",
        ),
    ] = AUTO,
    data_dir: DataDir = None,
    label: Label = None,
    tables: Annotated[int | None, typer.Option(metavar="N", help="Look-up tables of a classifier, a layer.")] = None,
    readout: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How tables become scores: group_sum, weighted_sum or one_vs_rest."),
    ] = None,
    slack: Annotated[
        float,
        typer.Option(metavar="POINTS", help="Held-out accuracy that a smaller classifier may cost, in points."),
    ] = 0.0,
    pins: Annotated[int | None, typer.Option(metavar="K", help="Inputs of a table, 2 to 6.")] = None,
    comparisons: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Comparisons of pixels that tables share; fewer make a smaller circuit; 0: any."
        ),
    ] = None,
    warps: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What training does to images: shift, small deformations, mirror or none."),
    ] = None,
    softness: Annotated[
        float | None,
        typer.Option(metavar="X", help="Unit of the scores in training, times the usual; more suits harder data."),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How a classifier reads features: quantile, uniform, one_hot, bits or gray."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep a classifier's training here; go on from it if it is there."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep every better circuit on the way, as .jsonl; see draw --log."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what it came to, .html; figures (extra plot), their data beside it."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Fail, and write nothing, unless every value is right.")
    ] = False,
    seconds: Annotated[float | None, typer.Option(metavar="S", help="Stop after S seconds.")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Stop after N steps.")] = None,
    max_ands: Annotated[
        int | None, typer.Option(metavar="N", help="Aim at N AND nodes; exit status 1 for more.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Begin with this circuit: repair its errors, make it smaller.")
    ] = None,
    cost: Annotated[
        str | None,
        typer.Option(
            metavar="COST",
            help="What an exact circuit is made small in: ands (default), xor_ands, luts:K, levels, or a sum such as "
            "ands+10*levels.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed and steps, same circuit.")] = 0,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="Default: the cores there are; changes no result.")
    ] = None,
    taps: Annotated[int | None, typer.Option(metavar="N", help="Coefficients of a filter.")] = None,
    coefficient_bits: Annotated[int | None, typer.Option(metavar="B", help="Bits of each, its sign included.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="What a filter did (x,y) or should do (lo,hi,gain,tolerance)."),
    ] = None,
    function: Annotated[
        str | None, typer.Option(metavar="NAME", help="To approximate: sqrt, log2, sin, sigmoid, ...")
    ] = None,
    in_bits: Annotated[int, typer.Option(metavar="N", help="Of its argument.")] = 8,
    out_bits: Annotated[int, typer.Option(metavar="N", help="Of its value.")] = 8,
    hidden: Annotated[int, typer.Option(metavar="N", help="Hidden units of a perceptron.")] = 32,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no table.")] = False,
) -> None:
    """Learn a circuit from a truth table, prove it and write it; or a classifier from labelled samples.

    Labelled samples are a data set (mnist, iris, ...; see data), a .csv or an .npz file. A part is held out; training
    takes --seconds (default 60), or --steps passes over the rest.

    A large sample of a function of one output is learned to generalise by a portfolio of models (--model exact: by the
    search alone), --steps of them or what fits --seconds (default 60), in at most --max-ands (default 5,000) AND nodes.

    With --cost the search takes any truth table: XORs and levels steer its moves, look-up tables only choose among the
    circuits it meets on the way to fewer ANDs; levels are for circuits of hundreds of nodes, not thousands.

    With any other truth table, without --seconds or --steps, the search ends when it stops getting better. A circuit
    given as data is its own table: learn X.aig --start X.aig makes it smaller.

    Ctrl-C writes the best circuit so far (exit status 1 if it is not exact); a second Ctrl-C gives up. With
    --checkpoint FILE the same command goes on where a training was left, bit by bit.
    """
    from learn.errors import SearchError
    from learn.models.kinds import MODELS
    from learn.rules import rule_name
    from learn.spaces import Int

    if model not in (names := (AUTO, EXACT, *MODELS, *WORDS)):
        raise SearchError(f"--model: got {model!r}, expected {', '.join(names)}")
    stepping = rule_name(rule or ("rounding" if model in WORDS else "vote"), Int)
    if model in WORDS:
        status = learn_words(
            model, data or [], output or [], label=label, rule=stepping, exact=exact, seconds=seconds,
            seed=seed, taps=taps, coefficient_bits=coefficient_bits, source=source, function=function,
            in_bits=in_bits, out_bits=out_bits, max_ands=max_ands, hidden=hidden, passes=steps, as_json=as_json,
            quiet=quiet,
        )  # fmt: skip
        raise typer.Exit(status)
    if not data:
        raise typer.BadParameter("got none", param_hint="DATA")
    if is_labelled(data, model):
        if start is not None:
            raise SearchError("--start: got labelled samples, expected a truth table")
        if cost is not None:
            raise SearchError("--cost: got labelled samples, expected a truth table")
        status = learn_samples(
            data, output or [], model=model, readout=readout, data_dir=data_dir, label=label, tables=tables,
            pins=pins, comparisons=comparisons, warps=warps, softness=softness, encoding=encoding, rule=stepping,
            checkpoint=checkpoint, slack=slack, seconds=seconds, steps=steps, seed=seed, threads=threads,
            as_json=as_json, quiet=quiet, log=log, report=report,
        )  # fmt: skip
        raise typer.Exit(status)
    if checkpoint is not None:
        raise SearchError("--checkpoint: got a truth table, expected labelled samples; a search cannot be resumed")
    status = learn_table(
        data,
        output or [],
        model=model if rule is None else EXACT,  # rules are of the search
        rule=rule or "heat_bath",
        exact=exact,
        seconds=seconds,
        steps=steps,
        max_ands=max_ands,
        start=start,
        cost=cost,
        seed=seed,
        threads=threads,
        as_json=as_json,
        quiet=quiet,
        log=log,
        report=report,
    )
    raise typer.Exit(status)
