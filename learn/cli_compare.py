"""The verb ``compare``: update rules side by side on one task, with a page that shows how they did."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from learn.console import DataDir, Json, Label, complain, cores, noun, progress, report, stop_signals

if TYPE_CHECKING:
    from learn.compare import Event, Standing, Task

SECONDS = 300.0
TABLES = 1000


def _task(
    names: list[str],
    data_dir: Path | None,
    label: str | None,
    tables: int | None,
    net: str | None,
    samples: int | None,
    seed: int,
    threads: int,
) -> Task:
    """Return what rules are compared on."""
    import numpy as np

    from learn.classify import plan_for
    from learn.compare import Net, Samples, Table
    from learn.data import DATASETS, is_labelled, load, load_dataset
    from learn.errors import CompareError
    from learn.keys import Key

    if not any(map(is_labelled, names)):
        if any(option is not None for option in (tables, net, samples)):
            raise CompareError("--tables, --net, --samples: got a truth table, expected labelled samples")
        return Table(load(names), threads)
    if len(names) != 1:
        raise CompareError(f"labelled data: got {len(names)} names, expected one data set or file")
    known = names[0] in DATASETS
    dataset = load_dataset(names[0], split="train" if known else "all", data_dir=data_dir, label=label)
    test = load_dataset(names[0], split="test", data_dir=data_dir) if known else None
    if samples is not None:
        if samples < 1:
            raise CompareError(f"--samples: got {samples}, expected at least 1")
        dataset = dataset.subset(np.argsort(Key(seed).fold("samples").words(dataset.num_samples))[:samples])
    if net is not None:
        if tables is not None:
            raise CompareError("--tables and --net: got both, expected one of them")
        return Net(dataset, test, _widths(net), threads)
    # Deformed images cost time on every run and change no rule's place; the plain ones learn sooner.
    return Samples(dataset, test, plan_for(dataset, tables=tables or TABLES)._replace(warps="none"), threads)


def _widths(text: str) -> tuple[int, ...]:
    """Return the widths of a net's hidden layers, and see that there is torch."""
    from importlib.util import find_spec

    from learn.errors import CompareError

    widths = _listed(text)
    if not widths or not all(width.isascii() and width.isdigit() and int(width) for width in widths):
        raise CompareError(f"--net: got {text!r}, expected widths of hidden layers such as 512,512")
    if find_spec("torch") is None:
        raise CompareError('--net: torch is missing, which trains nets; pip install "gatewright[torch]"')
    return tuple(map(int, widths))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in _listed(text)]
    except ValueError:
        raise typer.BadParameter(f"got {text!r}, expected numbers such as 0.05,0.15,0.5") from None


def _say(event: Event) -> str:
    what = "trial of its rate" if event.seed < 0 else f"seed {event.seed}"
    return f"run {event.done + 1}/{event.runs}  {event.rule} at rate {event.rate:g}, {what}"


def _row(each: Standing, unit_of_score: str) -> dict[str, str]:
    """Return how a rule stands, as a row of a table for a person."""

    def share(value: float | None) -> str:
        return "" if value is None else f"{value:.2%}"

    chance = "best" if each.p is None else "< 0.001" if each.p < 0.001 else f"{each.p:.3f}"
    energy = f"{each.millijoules:,.3g}" if each.millijoules is not None else ""
    circuits = each.changed is None
    return {
        "rule": each.rule,
        "rate": f"{each.rate:g}",
        unit_of_score: f"{each.compared:.2%} ± {100 * each.spread:.2f}",
        "apart, points": f"{100 * each.behind:+.2f}" if each.p is not None else "",
        "p": chance,
        "at the end": share(each.held_out) if circuits else "",
        "held out": share(each.held_out) if each.test is not None else "",
        "steps": f"{each.updates:,.4g}" if circuits else "",
        "AND nodes": f"{each.parameters:,.4g}" if circuits else "",
        "flips a step": f"{each.flips:,.4g}",
        "changed": share(each.changed),
        "bytes a parameter": f"{each.cost.bytes:.3g}",
        "ms a step": f"{each.milliseconds:.3g}",
        "s a run": f"{each.wall:.3g}",
        "pJ a parameter": f"{each.cost.picojoules:.3g}",
        "mJ a run": energy,
    }


def compare(
    data: Annotated[
        list[str],
        typer.Argument(metavar="DATA...", help="Labelled samples (mnist, a .csv, ...) or a truth table; see data."),
    ],
    rules: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Such as zim,bold,vote,sr,bc; default six, four of truth tables."),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Runs of each rule that are compared.")] = 5,
    rates: Annotated[
        str | None, typer.Option(metavar="LIST", help="Tried of every rule; default 0.05,0.15,0.5,1.5.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Take about S seconds in all; default 300. Steps are equal.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Of each run: passes over samples, steps of the search.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", "--report", metavar="FILE", help="The page, .html; data of figures beside it."),
    ] = None,
    tables: Annotated[int | None, typer.Option(metavar="N", help="Look-up tables; default 1,000.")] = None,
    net: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Not tables but a torch net of Boolean weights, hidden layers so wide."),
    ] = None,
    samples: Annotated[int | None, typer.Option(metavar="N", help="Learn from N of the samples; default all.")] = None,
    data_dir: DataDir = None,
    label: Label = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed and steps, same results.")] = 0,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="Default: the cores there are; changes no result.")
    ] = None,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Compare update rules on one task: equal steps, equal trials of the rate, the same seeds.

    Labelled samples are learned by a network of look-up tables or, with --net, by a torch net of Boolean weights, truth
    tables by growing circuits gate by gate. Each rule's rate is chosen by samples held out, never by test samples.
    Ctrl-C reports what is done.
    """
    from learn import compare as comparing
    from learn.errors import CompareError, ReportError
    from learn.keys import Key
    from learn.outputs import check_places
    from learn.rules import rule_name

    if seconds is not None and steps is not None:
        raise CompareError("--seconds and --steps: got both, expected one of them")
    if output is not None and output.suffix.lower() != ".html":
        raise ReportError(f"--output: got {output}, expected a name that ends in .html")
    check_places([output] if output else [])
    tried = list(comparing.RATES) if rates is None else _numbers(rates)
    workers = threads if threads is not None else cores()
    task = _task(data, data_dir, label, tables, net, samples, seed, workers)
    kind = type(task.space)
    names = comparing.usual_rules(task) if rules is None else [rule_name(name, kind) for name in _listed(rules)]
    comparing.check(task, names, seeds, tried, steps)
    began, key = time.monotonic(), Key(seed)
    if steps is None:
        if not quiet:
            complain(f"measuring how long a {task.unit} of each rule takes")
        budget = seconds if seconds is not None else SECONDS
        steps = comparing.steps_for(task, names, seeds, tried, key=key.fold("pace"), seconds=budget)
    found, event = [], None
    with stop_signals() as stops, progress(_say, lambda event: (event.done, event.runs), quiet) as show:
        for event in comparing.compare(task, names, seeds=seeds, rates=tried, steps=steps, key=key):
            show(event)
            if event.run is not None:
                found.append(event.run)
            if stops:
                break
    interrupted = event is not None and event.done < event.runs
    if interrupted:
        complain(f"interrupted after {noun(len(found), 'run')}; reporting those")
    ranking = comparing.standings(task, found)
    options: dict[str, Any] = {"rules": ",".join(names), "seeds": seeds, "rates": ",".join(f"{r:g}" for r in tried)}
    options |= {"steps": steps, "seed": seed}
    given = {"tables": tables, "net": net, "samples": samples, "data-dir": data_dir, "label": label, "output": output}
    options |= {name: value for name, value in given.items() if value is not None}
    repeat = shlex.join(["gatewright", "compare", *data, *(str(p) for n, v in options.items() for p in (f"--{n}", v))])
    facts = {
        "data": data,
        "compared": task.compared,
        "steps": steps,
        "unit": task.unit,
        "seeds": ranking[0].seeds,
        "trials": len(tried),
        "seconds": round(time.monotonic() - began, 1),
        "threads": workers,
        "interrupted": interrupted,
        "repeat": repeat,
        "energy": comparing.ENERGY,
        "rules": [{**each._asdict(), "cost": each.cost._asdict()} for each in ranking],
        "runs": [run._asdict() for run in found],
    }
    rows = [_row(each, task.compared) for each in ranking]
    written = _write(output, task, ranking, rows, facts, found) if output else []
    facts["written"] = [str(path) for path in written]
    head = f"{task.compared}, mean and standard deviation over {noun(ranking[0].seeds, 'seed')}; p: chance that the"
    lines = [f"{_steps(steps, task.unit)} a run; {head} difference to the best is luck"]
    report(facts, as_json, *lines, *_aligned(rows), *(f"wrote {path}" for path in written))


def _steps(count: int, unit: str) -> str:
    return noun(count, unit) if unit != "pass" or count == 1 else f"{count:,} passes"


def _aligned(rows: list[dict[str, str]]) -> list[str]:
    """Return rows as lines of equal columns, those that hold nothing left out."""
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    wide = {name: max(len(name), *(len(row[name]) for row in rows)) for name in columns}
    lines = [{name: name for name in columns}, *rows]
    return ["  ".join(f"{line[name]:>{wide[name]}}" for name in columns) for line in lines]


def _write(
    output: Path,
    task: Task,
    ranking: list[Standing],
    rows: list[dict[str, str]],
    facts: dict[str, Any],
    found: list[Any],
) -> list[Path]:
    """Write the page; return its files."""
    from learn.report import Chart, write_page

    best, *others = ranking
    curves = {
        name: [value[place] for value in each.curve]
        for each in ranking
        for place, name in enumerate((each.rule, f"{each.rule}, least", f"{each.rule}, most"))
    }
    seeds = list(range(best.seeds))
    of = {(run.rule, run.seed): run.compared for run in found}
    ends = {each.rule: [of[each.rule, seed] for seed in seeds] for each in ranking}
    x = list(range(1, len(best.curve) + 1))
    charts = [
        Chart("seeds", f"{task.compared}: a dot a seed", ("seed", seeds), ends, "dots"),
        Chart("curves", f"{task.score}: mean of the seeds, least to most", (task.unit, x), curves, "bands"),
    ]
    trials = [{"rule": each.rule, **{k: f"{v:.2%}" for k, v in each.tried.items()}} for each in ranking]
    ends_of = [(each, sorted(map(float, each.tried))) for each in ranking]
    edges = [each.rule for each, tried in ends_of if float(f"{each.rate:g}") in (tried[0], tried[-1])]
    level = [each.rule for each in others if each.p is not None and each.p >= 0.05]
    headline = [
        (best.rule, "best rule"),
        (f"{best.compared:.2%}", task.compared),
        (_steps(facts["steps"], task.unit), "a run, the same for all rules"),
        (noun(best.seeds, "seed"), f"a rule, and {noun(facts['trials'], 'trial')} of its rate"),
        (f"{facts['seconds']:,.0f} s", "in all"),
    ]
    notes = [
        f"Not told apart from {best.rule} by these seeds (p at least 0.05): {', '.join(level)}."
        if level
        else f"Every other rule is behind {best.rule} by more than chance (p below 0.05).",
        "p is of Student's paired t-test of the differences to the best rule on the same seeds, adjusted by Holm's "
        "method for being several; it takes differences to be normal, and few seeds tell only large ones apart. Which "
        "rule is best was picked by the same numbers.",
        *[f"The best rate of {', '.join(edges)} is at an end of those tried; --rates beyond may be better."]
        * bool(edges),
        "Seconds are of the clock, milliseconds of the processor and of everything a step takes. " + facts["energy"],
    ]
    return write_page(
        output,
        f"{' '.join(facts['data'])}: {len(ranking)} update rules",
        headline,
        notes,
        {"How the rules stand": rows, f"Trials of the rate: {task.score}": trials},
        charts,
        facts["repeat"],
    )
