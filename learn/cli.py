"""The command line. Results go to stdout, progress and complaints to stderr.

Everything heavy is imported by the verb that needs it, so that ``--help`` and ``stats`` answer at once.
"""

from __future__ import annotations

import math
import os
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from circuits.errors import GatewrightError
from learn.cli_compare import compare
from learn.cli_theory import theories
from learn.console import DataDir, Json, Label
from learn.console import complain as _complain
from learn.console import cores as _cores
from learn.console import noun as _noun
from learn.console import one_line as _one_line
from learn.console import progress as _progress
from learn.console import report as _report
from learn.console import stop_signals as _stop_signals

if TYPE_CHECKING:
    from circuits.circuit import Circuit
    from circuits.table import TruthTable
    from circuits.verify import Verdict
    from learn.choose import Trial
    from learn.contest import Row
    from learn.portfolio import Event as PortfolioEvent
    from learn.report import Chart, Moment
    from learn.search import Event
    from learn.shipping import Size
    from learn.train import Event as TrainEvent

FAILED, BAD = 1, 2  # exit statuses: the answer is no; there is no answer
AUTO, EXACT = "auto", "exact"  # choices of --model beside the models of classifiers
WORDS = ARITHMETIC, PERCEPTRON, FIR, APPROXIMATE = (
    "arithmetic",
    "perceptron",
    "fir",
    "approximate",
)  # further ones, of circuits of words
CLASSIFIER_SECONDS = 60.0
RANDOM_INPUTS = 100_000
CHOICE = "chosen"  # the word in a checkpoint before what trials have chosen
DEMO = ("aig", "aag", "blif", "v", "json", "truth", "dot", "svg")
DEMO_SECONDS = 5.0
STATS_LUT_ANDS = 1500  # larger graphs take longer to map than stats may
PULSE, SAVING = 0.5, 30.0  # seconds between two looks at a training, and between two checkpoints of it


class _Verbs(TyperGroup):
    """Turn what a verb raises, and a wrong call, into one line on stderr and exit status 2."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except Exception as error:
            if not hasattr(error, "format_message"):  # how typer's own errors say what is wrong
                raise
            where = getattr(getattr(error, "ctx", None), "command_path", "gatewright")
            _complain(f"error: {' '.join(error.format_message().split())} (see {where} --help)")
            status = BAD
        sys.exit(status or 0)

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            # The reader left; what is still buffered must not fail again when Python shuts down.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            _complain("interrupted, nothing written")
            raise typer.Exit(130) from None
        except (GatewrightError, OSError) as error:
            _traceback_if_asked(ctx)
            _complain(f"error: {_one_line(error)}")
        except MemoryError:
            _complain("error: not enough memory for this")
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("typer", "click"):  # usage errors and exits, said by typer
                raise
            _traceback_if_asked(ctx)
            _complain(
                f"internal error: {type(error).__name__}: {_one_line(error)} "
                "(a bug; gatewright --debug VERB ... shows where)"
            )
        raise typer.Exit(BAD)


def _traceback_if_asked(ctx: Any) -> None:
    if ctx.params.get("debug"):
        traceback.print_exc()


app = typer.Typer(
    name="gatewright",
    cls=_Verbs,
    add_completion=False,
    rich_markup_mode=None,  # plain help: rich takes longer to load than everything else --help needs
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA...", help="Truth tables or circuits (files), generators such as adder:4, or examples; see data."
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"gatewright {version('gatewright')}")
        raise typer.Exit


@app.callback()
def _global(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Learn circuits from truth tables; prove, measure, convert and draw them."""


def _conclude(facts: dict[str, Any], as_json: bool, quiet: bool, told: list[tuple[str, str]]) -> None:
    """Print facts as JSON, or what is told of a run: a table on a terminal, lines in a pipe, a file or if quiet.

    Args:
        facts: for programs.
        as_json: print them.
        quiet: print no table.
        told: what a line is about, and the line; nothing where it goes on with what the line before is about.
    """
    if as_json or quiet or not sys.stdout.isatty():
        _report(facts, as_json, *(line for _, line in told))
        return
    from rich.box import ROUNDED
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=ROUNDED, show_header=False, border_style="dim")
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for about, line in told:
        table.add_row(about, Text(line))
    Console(highlight=False).print(table)


def _circuit_facts(circuit: Circuit) -> dict[str, Any]:
    from circuits.aig import and_count, and_levels, hashed
    from circuits.order import statistics

    facts, graph = statistics(circuit), hashed(circuit)
    kinds = facts.pop("kinds")
    return facts | {"ands": and_count(graph), "levels": and_levels(graph), "kinds": kinds}


def _mapped_facts(circuit: Circuit, ands: int, luts: bool) -> dict[str, Any]:
    """Return the counts that take longer; 6-LUTs of large circuits only if asked for, else None."""
    from circuits.aig import xor_and_count
    from circuits.mapping import lut_mapping

    mapped = lut_mapping(circuit) if luts or ands <= STATS_LUT_ANDS else None
    return {
        "xor_ands": xor_and_count(circuit),
        "luts6": mapped and sum(op != "const" for op, _, _ in mapped.gates()),
    }


def _table_facts(table: TruthTable) -> dict[str, Any]:
    from circuits.table import merged
    from circuits.words import popcount

    repeats = merged(table)[1]
    return {
        "inputs": table.num_inputs,
        "outputs": table.num_outputs,
        "patterns": table.patterns,
        "complete": table.complete,
        "values": int(popcount(table.care).sum()),
        "dont_cares": table.num_outputs * table.patterns - int(popcount(table.care).sum()),
        "repeated_patterns": repeats.repeated_patterns,
        "contradictory_patterns": repeats.contradictory_patterns,
        "contradictory_values": repeats.contradictory_values,
    }


def _anything(name: str) -> Circuit | TruthTable:
    """Read a circuit or a table: a file, a generator or an example."""
    from circuits.formats import read
    from learn.data import is_built_in, load

    return load([name]) if is_built_in(name) else read(name)


def _circuit(name: str) -> Circuit:
    """Read a circuit; a complete table becomes one."""
    from circuits.formats import read_circuit
    from circuits.rewrite import from_table
    from learn.data import is_built_in, load

    return from_table(load([name])) if is_built_in(name) else read_circuit(name)


# --- learn ------------------------------------------------------------------------------------------------------------


def _rate(count: int, seconds: float) -> str:
    per_second = count / max(seconds, 1e-9)
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if per_second >= size:
            return f"{per_second / size:.1f}{unit}/s"
    return f"{per_second:.0f}/s"


def _right_outputs(circuit: Circuit, table: TruthTable) -> int:
    from circuits.simulate import simulate
    from circuits.words import popcount

    wrong = (simulate(circuit, table.inputs, patterns=table.patterns) ^ table.outputs) & table.care
    return int((popcount(wrong) == 0).sum())


def _say(event: Event, table: TruthTable) -> str:
    """Return the state of a search in one line."""
    return (
        f"{event.phase:<6} errors {event.errors}  exact outputs {_right_outputs(event.circuit, table)}"
        f"/{table.num_outputs}  AND nodes {event.ands}  moves {_rate(event.moves, event.seconds)}"
        f"  flips {_rate(event.changes, event.seconds)}"
    )


def _say_portfolio(event: PortfolioEvent) -> str:
    """Return the state of a portfolio in one line."""
    return (
        f"trial {event.step}  best {event.name}  held out {event.held_out:.2%}  all samples {event.train:.2%}"
        f"  AND nodes {event.ands}" + f"  trying {event.trying}" * bool(event.trying)
    )


def _say_training(event: TrainEvent) -> str:
    """Return the state of a training in one line."""
    held_out = f"{event.validation:.2%}" if event.history else "-"
    return (
        f"pass {event.epoch}  loss {event.loss:.4f}  training {event.accuracy:.2%}  held out {held_out}"
        f"  flips {'/'.join(f'{count:,}' for count in event.flips)}  swapped pins {event.swaps:,}"
        f"  samples {_rate(round(event.samples_per_second), 1.0)}"
    )


def _learn(
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
    _check_kept(log, report, outputs)
    priced = ANDS if cost is None else make_cost(cost)
    given = load(names)
    table, repeats = merged(given)
    if repeats.repeated_patterns:
        _complain(
            f"{given.name}: {_noun(repeats.repeated_patterns, 'repeated pattern')}, "
            f"{_noun(repeats.contradictory_patterns, 'pattern')} with contradictory values "
            f"({_noun(repeats.contradictory_values, 'value')}); the majority counts, a tie is left free"
        )
    workers = threads if threads is not None else _cores()

    from learn import portfolio, search

    begun = None if start is None else _circuit(str(start))
    if begun is not None:
        wrong = _noun(score(begun, table).errors, "output value")
        _complain(f"{start}: begins with {_noun(_circuit_facts(begun)['ands'], 'AND node')}, {wrong} wrong")
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
    moments = Log(circuits=_wants_log(log, report, outputs))
    with _stop_signals() as stops, _progress(say, part, quiet) as show:
        for event in events:
            show(event)
            moments.note(event)
            if stops:
                break
    if event is None:
        raise SearchError(f"{given.name}: the search ended before its first step; give it more time")
    interrupted = bool(stops)
    if interrupted:
        _complain("interrupted: going on with the best circuit so far")

    # fewer ANDs may cost more: the scripts know no other cost
    circuit = min(simplified(event.circuit)[0], event.circuit, key=lambda c: priced.of(hashed_literals(c)))
    proof = satisfies(circuit, table)
    found = score(circuit, table)
    rows = score(circuit, given)
    is_exact = isinstance(proof, Proof)
    # A complete table is promised exactly, unless the user asked for a size or stopped the search.
    strict = exact or (given.complete and max_ands is None and not interrupted)
    written = write_all(circuit, outputs, frames=frames(moments)) if is_exact or not strict else []
    measured, price = _circuit_facts(circuit), priced.of(hashed_literals(circuit))
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
    repeat = _command(names, {**options, "steps": event.step, "seed": seed})
    written += _keep(log, report, moments, given.name, facts, circuit, repeat)
    facts["written"] = [str(path) for path in written]
    wrong = f"{_noun(found.errors, 'output value')} wrong on {_noun(table.patterns, 'pattern')}"
    told = [
        (
            "function",
            f"{given.name}: {_noun(given.num_inputs, 'input')}, {_noun(given.num_outputs, 'output')}, "
            f"{_noun(given.patterns, 'pattern')}",
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
    told.append(("size", ", ".join(_noun(count, noun) for noun, count in sizes.items())))
    if cost:
        told.append(("cost", f"cost {priced}: {price:,}"))
    told.append(("time", f"{_noun(event.step, 'step')} in {event.seconds:.1f} s; replay with {replay}"))
    _conclude(facts, as_json, quiet, told + _trends(moments) + _files(written))
    if not is_exact and strict:
        _complain(f"not exact, nothing written: {wrong}; give it more time or steps")
    oversized = max_ands is not None and measured["ands"] > max_ands
    if oversized:
        _complain(f"{_noun(measured['ands'], 'AND node')}, more than --max-ands {max_ands}; give it more time or steps")
    return FAILED if oversized or (not is_exact and (strict or interrupted)) else 0


def _size(size: Size) -> str:
    """Say how large a circuit is."""
    return f"{_noun(size.luts6, '6-LUT')}, {_noun(size.ands, 'AND node')}, {_noun(size.levels, 'level')}"


def _is_labelled(names: list[str], model: str) -> bool:
    """Tell whether data means labelled samples rather than a truth table."""
    from learn.data import is_labelled

    return model not in (AUTO, EXACT) or (model == AUTO and any(map(is_labelled, names)))


def _learn_classifier(
    names: list[str],
    outputs: list[Path],
    *,
    model: str,
    readout: str | None,
    data_dir: Path | None,
    label: str | None,
    tables: int | None,
    pins: int | None,
    comparisons: int | None,
    warps: str | None,
    encoding: str | None,
    rule: str,
    checkpoint: Path | None,
    slack: float,
    seconds: float | None,
    steps: int | None,
    seed: int,
    threads: int | None,
    as_json: bool,
    quiet: bool,
    log: Path | None,
    report: Path | None,
) -> int:
    """Train a classifier, compare its circuit with the model, write it and report; return the exit status."""
    from contextlib import suppress
    from dataclasses import replace

    import numpy as np

    from circuits.order import statistics
    from learn import checkpoint as files
    from learn.choose import USUAL, alternatives, chosen, trials
    from learn.classify import classes_of, in_integers, learn_classifier, plan_for, samples_apart, words_of
    from learn.data import DATASETS, load_dataset
    from learn.errors import CheckpointError, DataError, TrainError
    from learn.keys import Key
    from learn.outputs import check_outputs, write_all
    from learn.report import Log, confusion, frames
    from learn.shipping import proved, reread, ship

    if len(names) != 1:
        raise TrainError(f"labelled data: got {len(names)} names, expected one data set or file")
    if seconds is not None and steps is not None:
        raise TrainError("--seconds and --steps: got both, expected one of them")
    check_outputs(outputs)
    _check_kept(log, report, outputs)
    split = "train" if names[0] in DATASETS else "all"  # the test split is for eval; a file is the user's to split
    dataset = load_dataset(names[0], split=split, data_dir=data_dir, label=label)
    given = seconds if seconds is not None else None if steps else CLASSIFIER_SECONDS
    asked: dict[str, Any] = {
        "model": None if model == AUTO else model,
        "readout": readout,
        "warps": warps,
        "encoding": encoding,
        "pins": pins,
        "comparisons": comparisons,
    }
    fixed = {name: value for name, value in asked.items() if value is not None}
    plan = plan_for(dataset, seconds=given or CLASSIFIER_SECONDS, tables=tables)._replace(**fixed)
    plan = plan._replace(settings=replace(plan.settings, rule=rule, epochs=steps or plan.settings.epochs))
    workers = threads if threads is not None else _cores()
    told = {"data": names[0], "seed": seed, "steps": steps, "rule": rule, **plan._asdict()}
    about = "\n".join(f"{name} {value}" for name, value in told.items() if name != "settings")
    plans = alternatives(dataset, plan, fixed)
    progress, saved, tried, choice = None, -math.inf, [], USUAL
    with _stop_signals() as stops, _progress(_say_training, lambda event: (event.step, event.steps), quiet) as show:
        resume = None
        if checkpoint is not None and checkpoint.exists():
            resume, choice = _resumed(checkpoint, about)
        elif given is not None and len(plans) > 1:
            for trial in trials(dataset, plans, key=Key(seed), seconds=given, threads=workers):
                tried.append(trial)
                if not quiet:
                    _say_trial(trial)
                if stops:
                    break
            choice = chosen(tried, plans)
        if choice not in plans:
            raise CheckpointError(f"{checkpoint}: is of a training that chose {choice!r}, which is unknown here")
        plan = plans[choice]
        left = None if given is None else given - (tried[-1].seconds if tried else 0)
        for progress in learn_classifier(
            dataset, key=Key(seed), plan=plan, seconds=left, threads=workers, pulse=PULSE, resume=resume
        ):
            event = progress.event
            show(event)
            over = bool(stops) or event.step == event.steps
            if checkpoint is not None and (over or time.monotonic() - saved >= SAVING):
                files.save(checkpoint, event.state(), about=f"{about}\n{CHOICE} {choice}")
                saved = time.monotonic()
            if stops:
                break
    if progress is None:
        raise TrainError(f"{dataset.name}: the training ended before its first pass; give it more time")
    event, classifier = progress
    interrupted = event.step < event.steps
    if interrupted:
        classifier = replace(classifier, network=event.best)
        _complain(f"interrupted in pass {event.epoch}: going on with the best network so far")
    key, (whole, _) = Key(seed), in_integers(dataset)
    took = [time.monotonic()]
    shipment = ship(classifier, whole, dataset.labels, samples_apart(dataset, key), slack / 100)
    took.append(time.monotonic())
    seen = whole
    if names[0] in DATASETS:
        with suppress(DataError):  # the files of the test split need not be there
            unseen = load_dataset(names[0], split="test", data_dir=data_dir).features
            seen = np.concatenate([whole, words_of(shipment.circuit, unseen)])
    compared = proved(shipment, seen, key.fold("proof"), RANDOM_INPUTS)
    took.append(time.monotonic())
    circuit, filling, size, alone = shipment.circuit, shipment.filling, shipment.size, shipment.size_without
    moments, more = Log(), []
    moments.note_passes(event.history)
    if _wants_log(log, report, outputs):
        apart = samples_apart(dataset, key)
        more.append(confusion(dataset.labels[apart], classes_of(circuit, dataset.features[apart]), dataset.class_names))
        moments[-1] = moments[-1]._replace(confusion=more[0].series)
    written = write_all(circuit, outputs, bits=shipment.bits, frames=frames(moments))
    again = [path for path in written if reread(shipment, path, seen, key.fold("proof"), RANDOM_INPUTS)]
    took.append(time.monotonic())
    phases = dict(zip(("shrinking", "comparing", "writing"), (b - a for a, b in pairwise(took)), strict=True))
    options: dict[str, Any] = {"tables": plan.tables, "steps": event.epoch, "seed": seed}
    options |= fixed | ({} if rule == "vote" else {"rule": rule})
    options |= dict(part.split("=") for part in choice.split() if part != USUAL)
    replay = " ".join(f"--{name} {value}" for name, value in options.items())
    facts = {
        "data": names,
        "model": plan.model,
        "readout": plan.readout,
        "chosen": choice,
        "tried": {name: [round(float(t.right.mean()), 6) for t in tried if t.name == name] for name in plans},
        "samples": dataset.num_samples,
        "features": dataset.num_features,
        "classes": dataset.num_classes,
        "tables": classifier.network.num_tables,
        "accuracy": filling.accuracy,
        "accuracy_trained": filling.accuracy_before,
        "training_accuracy": event.accuracy,
        "dont_cares": filling.unreached,
        "share": filling.share,
        "pins": filling.pins,
        "pins_trained": filling.pins_before,
        "steps": event.epoch,
        "seconds": round(event.seconds, 3),
        "gates": statistics(circuit)["gates"],
        **size._asdict(),
        "without_encoder": alone._asdict(),
        "seed": seed,
        "threads": workers,
        "rule": rule,
        "history": [each._asdict() for each in event.history],
        "compared": compared,
        "reread": [str(path) for path in again],
        "phases": {name: round(spent, 3) for name, spent in phases.items()},
        "interrupted": interrupted,
    }
    given_options = {"data-dir": data_dir, "label": label}
    repeat = _command(names, {**{name: v for name, v in given_options.items() if v is not None}, **options})
    written += _keep(log, report, moments, dataset.name, facts, circuit, repeat, more)
    facts["written"] = [str(path) for path in written]
    proof = f"the circuit equals the model on {compared:,} inputs"
    spent = ", ".join(f"{name} {s:.1f}" for name, s in {"training": event.seconds, **phases}.items())
    end = f"pass {event.epoch} ended after {event.seconds:.1f} s; replay with {replay}"
    if interrupted:
        end = f"interrupted in pass {event.epoch} after {event.seconds:.1f} s"
        end += f"; the same command goes on from {checkpoint}" if checkpoint else ""
    summary = [
        (
            "data",
            f"{dataset.name}: {_noun(dataset.num_samples, 'sample')}, {_noun(dataset.num_features, 'feature')}, "
            f"{dataset.num_classes} classes",
        ),
        (
            "accuracy",
            f"{filling.accuracy:.2%} of the held-out samples right ({filling.accuracy_before:.2%} before don't-cares "
            f"were filled); {_noun(facts['tables'], 'look-up table')}",
        ),
        (
            "size",
            f"with the encoder {_size(size)}; without it, from {_noun(alone.inputs, 'bit')}, {_size(alone)}",
        ),
        ("proof", proof + (f"; read back: {', '.join(map(str, again))}" if again else "")),
        ("time", f"seconds: {spent}"),
        ("", end),
    ]
    _conclude(facts, as_json, quiet, summary + _trends(moments) + _files(written))
    return 0


def _command(names: list[str], options: dict[str, Any]) -> str:
    """Return the command that learns the same again."""
    return shlex.join(["gatewright", "learn", *names, *(str(p) for n, v in options.items() for p in (f"--{n}", v))])


def _check_kept(log: Path | None, report: Path | None, outputs: list[Path]) -> None:
    """Refuse a log or a report that could not be written, before any work is done for it."""
    from learn.errors import ReportError
    from learn.outputs import check_places

    for name, path, suffix in (("--log", log, ".jsonl"), ("--report", report, ".html")):
        if path is not None and path.suffix.lower() != suffix:
            raise ReportError(f"{name}: got {path}, expected a name that ends in {suffix}")
    check_places([*outputs, *filter(None, (log, report))])


def _wants_log(log: Path | None, report: Path | None, outputs: list[Path]) -> bool:
    """Tell whether a file is asked for that says how a run went."""
    return bool(log or report or any(path.suffix.lower() == ".html" for path in outputs))


def _keep(
    log: Path | None,
    report: Path | None,
    moments: list[Moment],
    title: str,
    facts: dict[str, Any],
    circuit: Circuit,
    repeat: str,
    more: list[Chart] | None = None,
) -> list[Path]:
    """Write what is asked for of how a run went; return the files."""
    from learn.outputs import put
    from learn.report import write_log, write_report

    if log is not None:
        put(log, write_log(moments))
    return [path for path in (log,) if path] + (
        write_report(report, title, facts, moments, circuit, repeat, more or []) if report is not None else []
    )


def _files(written: list[Path]) -> list[tuple[str, str]]:
    """Tell which files were written."""
    return [("" if place else "files", f"wrote {path}") for place, path in enumerate(written)]


def _trends(moments: list[Moment]) -> list[tuple[str, str]]:
    """Tell how the numbers of a run went, for a terminal that can show it; nothing for a pipe or a file."""
    from learn.report import BARS, trends

    try:
        BARS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return []
    lines = trends(moments) if sys.stdout.isatty() else []
    return [("" if place else "progress", line) for place, line in enumerate(lines)]


def _resumed(checkpoint: Path, about: str) -> tuple[Any, str]:
    """Return the state in a checkpoint, which must be of the training that is asked for, and what that had chosen."""
    from learn import checkpoint as files
    from learn.errors import CheckpointError

    state, found = files.load(checkpoint)
    before, now = (set(words.splitlines()) for words in (found, about))
    choice = next((line.removeprefix(f"{CHOICE} ") for line in before if line.startswith(f"{CHOICE} ")), "")
    before -= {f"{CHOICE} {choice}"}
    if before != now:
        raise CheckpointError(
            f"{checkpoint}: is of another training: {', '.join(sorted(before - now))} there, "
            f"{', '.join(sorted(now - before))} here; delete it or give another file"
        )
    return state, choice


def _say_trial(trial: Trial) -> None:
    print(f"{trial.seconds:7.1f} s  tried {trial.name}: {trial.right.mean():.2%} right", file=sys.stderr, flush=True)


def _learn_words(
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
    _conclude(facts, as_json, quiet, told + _files(written))
    if exact and not found.exact:
        _complain("not exact, nothing written; give it more rows or time")
    return FAILED if exact and not found.exact else 0


@app.command()
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
        typer.Option(metavar="NAME", help="What training does to images: shift, small deformations or none."),
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

    if model not in (names := (AUTO, EXACT, *MODELS, *WORDS)):
        raise SearchError(f"--model: got {model!r}, expected {', '.join(names)}")
    if model in WORDS:
        status = _learn_words(
            model, data or [], output or [], label=label, rule=rule or "rounding", exact=exact, seconds=seconds,
            seed=seed, taps=taps, coefficient_bits=coefficient_bits, source=source, function=function,
            in_bits=in_bits, out_bits=out_bits, max_ands=max_ands, hidden=hidden, passes=steps, as_json=as_json,
            quiet=quiet,
        )  # fmt: skip
        raise typer.Exit(status)
    if not data:
        raise typer.BadParameter("got none", param_hint="DATA")
    if _is_labelled(data, model):
        if start is not None:
            raise SearchError("--start: got labelled samples, expected a truth table")
        if cost is not None:
            raise SearchError("--cost: got labelled samples, expected a truth table")
        status = _learn_classifier(
            data, output or [], model=model, readout=readout, data_dir=data_dir, label=label, tables=tables,
            pins=pins, comparisons=comparisons, warps=warps, encoding=encoding, rule=rule or "vote",
            checkpoint=checkpoint, slack=slack, seconds=seconds, steps=steps, seed=seed, threads=threads,
            as_json=as_json, quiet=quiet, log=log, report=report,
        )  # fmt: skip
        raise typer.Exit(status)
    if checkpoint is not None:
        raise SearchError("--checkpoint: got a truth table, expected labelled samples; a search cannot be resumed")
    status = _learn(
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


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write to; made if missing.")
    ] = Path("gatewright-demo"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: Json = False,
) -> None:
    """Learn the seven-segment decoder that ships with the package; prove it, draw it, write it in every format."""
    output.mkdir(parents=True, exist_ok=True)
    paths = [output / f"seven_segment.{suffix}" for suffix in DEMO]
    raise typer.Exit(_learn(["seven_segment"], paths, exact=True, seconds=DEMO_SECONDS, as_json=as_json, quiet=quiet))


# --- bench ------------------------------------------------------------------------------------------------------------


def _say_row(row: Row) -> str:
    """Return the result of a function in one line."""
    held_out = "" if row.validation is None else f"  validation {row.validation:.2%}"
    best = "" if row.ratio is None else f"  best {row.best_2022} of 2022, {row.best_2025} of 2025"
    exact = "exact" if row.exact else f"training {row.train:.2%}"
    sizes = f"{_noun(row.ands, 'AND node')}  {_noun(row.levels, 'level')}"
    return f"{row.function}  {exact}{held_out}  {sizes}{best}  {row.seconds:.1f} s"


def _summary_lines(facts: dict[str, Any]) -> Iterator[str]:
    """Yield the summary of a run as lines for a person."""

    def means(what: str, found: dict[str, Any]) -> str:
        held_out = found["mean_validation"]
        shown = "" if held_out is None else f"  validation {held_out:.2%}"
        return (
            f"{what:<18} {found['functions']:>3}  exact {found['exact']:>3}  training {found['mean_train']:.2%}{shown}"
            f"  AND nodes {found['mean_ands']:.1f}  levels {found['mean_levels']:.1f}"
        )

    if not facts["functions"]:
        return
    for category, found in facts["categories"].items():
        yield means(category, found)
    yield means("functions, means", facts)
    for column, found in facts["best"].items():
        parts = "  ".join(f"{what} {len(found[what])}" for what in ("beaten", "equalled", "trailed"))
        yield f"{column}: {found['ands']:,} AND nodes against {found['best']:,} of {found['functions']}: {parts}"
    for what in ("over_limit",) + ("not_exact",) * bool(facts["best"]):
        if facts[what]:
            yield f"{what.replace('_', ' ')}: {' '.join(facts[what])}"


@app.command()
def bench(
    contest: Annotated[str, typer.Argument(metavar="CONTEST", help="iwls2020 or iwls2022.")],
    data_dir: Annotated[Path, typer.Option("--data-dir", metavar="DIR", help="Where the contest's files are.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The .csv of results; what it has is not done again.")
    ],
    jobs: Annotated[
        int | None, typer.Option(metavar="N", help="Functions at once; default the cores there are.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Search each function so long; default 120.")
    ] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Search each function for N steps.")] = None,
    functions: Annotated[str | None, typer.Option(metavar="LIST", help="Such as ex00,ex10-ex19; default all.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed and steps, same results.")] = 0,
    max_ands: Annotated[
        int | None, typer.Option(metavar="N", help="Aim at N AND nodes; default the contest's.")
    ] = None,
    final: Annotated[bool, typer.Option("--final", help="Learn from the validation split too.")] = False,
    circuits: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep each circuit here, as .aig.")] = None,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Learn every function of a contest, several at once, and compare with the best known.

    Each row of the .csv is written as its function ends, its circuit proved before; the same command goes on where it
    was interrupted. A picture is put beside it where matplotlib is installed. Samples are learned from the training
    split, of which the search itself holds a part out; the validation split is only measured, unless --final is given.
    """
    from learn import contest as contests

    run = contests.make_run(contest, seed=seed, seconds=seconds, steps=steps, max_ands=max_ands, final=final)
    folder = contests.folder_of(contest, data_dir)
    chosen = contests.functions_of(contest, folder, functions)
    done = len(set(chosen) & set(contests.read_rows(output, run)))
    if done:
        _complain(f"{output} has {done} of {_noun(len(chosen), 'function')}")
    failures: dict[str, str] = {}
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        workers = _cores() if jobs is None else jobs
        for found in contests.bench(run, folder, chosen, output, jobs=workers, circuits=circuits):
            if isinstance(found, contests.Failure):
                failures[found.function] = found.reason
                _complain(f"error: {found.function}: {found.reason}; going on without it")
                continue
            done += 1
            if not quiet:
                print(f"{done:>3}/{len(chosen)}  {_say_row(found)}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        _complain(f"interrupted, {output} has {done} of {_noun(len(chosen), 'function')}; the same command goes on")
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
    rows = list(contests.read_rows(output, run).values())
    picture = output.with_suffix(".png")
    drawn = bool(rows) and contests.plot(rows, picture)
    if rows and not drawn:
        _complain("no picture: matplotlib is not installed (extra plot)")
    facts = {**run._asdict(), **contests.summary(rows), "failures": failures}
    written = [str(path) for path in (output, *[picture] * drawn)]
    _report(facts | {"written": written}, as_json, *_summary_lines(facts), *(f"wrote {path}" for path in written))
    raise typer.Exit(FAILED if failures else 0)


# --- the other verbs --------------------------------------------------------------------------------------------------


@app.command("eval")
def evaluate(
    circuit: str,
    data: Data,
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="train, test or all samples; default test of a data set, all of a file."),
    ] = None,
    data_dir: DataDir = None,
    label: Label = None,
    as_json: Json = False,
) -> None:
    """Measure how well a circuit does what data asks, row by row as given; or how many samples it classifies right."""
    from learn.data import DATASETS, load, load_dataset
    from learn.evaluate import score

    if _is_labelled(data, AUTO):
        from learn.classify import classes_of

        split = split or ("test" if data[0] in DATASETS else "all")
        dataset = load_dataset(data[0], split=split, data_dir=data_dir, label=label)
        right = classes_of(_circuit(circuit), dataset.features) == dataset.labels
        _report(
            {"accuracy": float(right.mean()), "patterns": len(right), "errors": int((~right).sum()), "split": split},
            as_json,
        )
        return
    _report(score(_circuit(circuit), load(data))._asdict(), as_json)


@app.command()
def stats(
    circuit: str,
    luts: Annotated[bool, typer.Option("--luts", help="Count 6-LUTs of large circuits too; takes a while.")] = False,
    as_json: Json = False,
) -> None:
    """Count a circuit's gates by kind, AND and XOR-AND nodes, 6-LUTs (our mapper), levels; or a table's patterns."""
    from circuits.circuit import Circuit

    found = _anything(circuit)
    if isinstance(found, Circuit):
        facts = _circuit_facts(found)
        _report(facts | _mapped_facts(found, facts["ands"], luts), as_json)
    else:
        _report(_table_facts(found), as_json)


def _verdict(a: Circuit | TruthTable, b: Circuit | TruthTable, seconds: float | None) -> Verdict:
    """Compare two circuits, two tables, or one with the other."""
    from circuits.circuit import Circuit
    from circuits.verify import Counterexample, equivalent, satisfies, tables_agree

    if isinstance(a, Circuit):
        return equivalent(a, b, seconds=seconds) if isinstance(b, Circuit) else satisfies(a, b)
    if not isinstance(b, Circuit):
        return tables_agree(a, b)
    verdict = satisfies(b, a)
    if isinstance(verdict, Counterexample):
        return verdict._replace(outputs={name: (second, first) for name, (first, second) in verdict.outputs.items()})
    return verdict


@app.command()
def verify(
    a: str,
    b: str,
    seconds: Annotated[float | None, typer.Option(metavar="S", help="Say unknown after S seconds.")] = None,
    as_json: Json = False,
) -> None:
    """Prove two circuits or tables equal (exit status 0) or show where they differ (1); 2 if neither is known."""
    from circuits.verify import Proof, Unknown

    first, second = _anything(a), _anything(b)
    for what, names_a, names_b in (
        ("inputs", first.input_names, second.input_names),
        ("outputs", first.output_names, second.output_names),
    ):
        if names_a != names_b and set(names_a) == set(names_b):
            _complain(f"warning: the {what} of {a} and {b} have the same names in another order; matched by position")
    verdict = _verdict(first, second, seconds)
    equal = True if isinstance(verdict, Proof) else None if isinstance(verdict, Unknown) else False
    _report({"equal": equal, **verdict._asdict()}, as_json, str(verdict))
    raise typer.Exit({True: 0, False: FAILED, None: BAD}[equal])


@app.command()
def simplify(
    source: Annotated[str, typer.Argument(metavar="IN")],
    target: Annotated[Path, typer.Argument(metavar="OUT")],
    abc: Annotated[bool, typer.Option("--abc", help="Ask ABC too; it must be installed.")] = False,
    as_json: Json = False,
) -> None:
    """Shrink a circuit and prove the result equal before it is written.

    When ABC fails, or answers with a circuit that is not equal, this is said and the result is our own.
    """
    from circuits import tools
    from circuits.aig import and_count, optimised
    from circuits.verify import simplified
    from learn.outputs import check_outputs, write_all

    check_outputs([target])
    if abc:
        tools.abc_program()
    circuit = _circuit(source)
    failures: list[str] = []

    def report(error: Exception) -> None:
        failures.append(_one_line(error))
        _complain(f"warning: {failures[-1]}; going on without it")

    smaller, verdict = simplified(circuit, tools=(optimised, tools.abc) if abc else (optimised,), report=report)
    before, after = and_count(circuit), and_count(smaller)
    write_all(smaller, [target])
    facts = {"ands_before": before, "ands": after, "gates": smaller.num_gates, "proof": str(verdict)}
    _report(
        facts | {"failures": failures},
        as_json,
        f"{before:,} -> {_noun(after, 'AND node')}, proved: {verdict}",
        f"wrote {target}",
    )


@app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="IN")],
    target: Annotated[Path, typer.Argument(metavar="OUT")],
    testbench: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a test bench that checks itself for the module in OUT, a .v too."),
    ] = None,
) -> None:
    """Write a circuit or table in another format; the suffix picks it."""
    from circuits.formats import write_testbench
    from learn.outputs import check_outputs, write_all

    if testbench is None:
        check_outputs([target])
        found = _anything(source)
    else:
        check_outputs([target, testbench])
        found = circuit = _circuit(source)
        write_testbench(circuit, testbench)  # first: it refuses what is no Verilog
    write_all(found, [target])
    print(f"wrote {target}" if testbench is None else f"wrote {target} and {testbench}")


@app.command()
def draw(
    circuit: str,
    output: Annotated[
        list[Path],
        typer.Option("-o", "--output", metavar="FILE", help="A .svg, .png, .pdf, .dot or .html file. Repeatable."),
    ],
    cone: Annotated[str, typer.Option(metavar="OUTPUT", help="Draw only what this output depends on.")] = "",
    highlight: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Fade all but the cones of this wire. Repeatable.")
    ] = None,
    pattern: Annotated[
        str, typer.Option(metavar="BITS", help="Show the values of all wires; 1011, input 0 first, or words: 3,-1,7.")
    ] = "",
    derivative: Annotated[
        bool, typer.Option("--derivative", help="Show which wires change an output at that pattern.")
    ] = False,
    dark: Annotated[bool, typer.Option("--dark", help="Paint light on dark.")] = False,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A log of learn --log, for a .html page to replay.")
    ] = None,
) -> None:
    """Draw a circuit: symbols up to some hundred gates, blocks of them up to 2,000, else counts by level and kind.

    A .html file is one page without a server: toggle inputs, watch values and derivatives, search, replay a --log. It
    starts with --cone and --pattern; what to highlight is chosen on it.
    """
    from circuits.draw import View
    from learn.outputs import check_outputs, write_all
    from learn.report import frames, read_log

    check_outputs(output, pictures_only=True)
    view = View(cone, tuple(highlight or ()), pattern, derivative, dark)
    replayed = frames(read_log(log)) if log is not None else []
    for path in write_all(_circuit(circuit), output, view=view, frames=replayed):
        print(f"wrote {path}")


PREVIEW = 8


def _preview(table: TruthTable) -> list[str]:
    """Return the first patterns of a table as text, don't-cares as -."""
    import numpy as np

    from circuits.words import unpack

    shown = min(PREVIEW, table.patterns)
    words = -(-shown // 64)
    x, y, c = (unpack(part[:, :words], shown) for part in (table.inputs, table.outputs, table.care))
    y_text = np.where(c, y.astype(int).astype(str), "-")
    rows = ["".join(map(str, x[:, i].astype(int))) + " " + "".join(y_text[:, i]) for i in range(shown)]
    return [f"  {row}" for row in rows] + ([f"  ... {table.patterns - shown:,} more"] if table.patterns > shown else [])


def _set_facts(name: str) -> dict[str, Any]:
    """Return a row of the table of data sets."""
    from learn.data import DATASETS, is_cached

    row = DATASETS[name]
    told = ("description", "samples", "train", "test", "features", "classes", "origin", "licence")
    where = "fetched" if is_cached(name) else "not fetched"
    return {fact: getattr(row, fact) for fact in told} | {"files": where if row.checksum else "none needed"}


@app.command()
def data(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of the list, or a file.")] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch the files of a data set into $XDG_CACHE_HOME/gatewright.")
    ] = False,
    label: Label = None,
    as_json: Json = False,
) -> None:
    """List the data there is: generators, examples and labelled data sets; or show one of them, or a file."""
    from learn.data import DATASETS, EXAMPLES, GENERATORS, fetch_dataset, load, load_dataset

    if fetch:
        place = fetch_dataset(name or "")
        _complain(f"the files of {name} are in {place}")
    rows: dict[str, Any] = {
        f"{g}:N": f"{row.description} (N = {row.smallest}..{row.largest})" for g, row in GENERATORS.items()
    }
    rows |= {example: description for example, (_, description) in EXAMPLES.items()}
    if name is None:
        sets = {known: _set_facts(known) for known in DATASETS}
        lines = [
            f"{known:<15} {row['description']}; {row['samples']:,} x {row['features']}, {row['classes']} classes; "
            f"{row['origin']}; {row['licence']}" + f"; {row['files']}" * (row["files"] != "none needed")
            for known, row in sets.items()
        ]
        _report(rows | sets, as_json, *(f"{spelled:<15} {text}" for spelled, text in rows.items()), *lines)
    elif f"{name}:N" in rows:
        _report({f"{name}:N": rows[f"{name}:N"]}, as_json)
    elif name in DATASETS:
        _report(_set_facts(name), as_json)
    elif _is_labelled([name], AUTO):
        found = load_dataset(name, split="all", label=label)
        counts = [int((found.labels == c).sum()) for c in range(found.num_classes)]
        _report(
            {
                "samples": found.num_samples,
                "features": found.num_features,
                "classes": found.num_classes,
                "samples_a_class": dict(zip(found.class_names, counts, strict=True)),
                "feature_names": list(found.feature_names),
            },
            as_json,
        )
    else:
        table = load([name])
        facts = {"name": table.name, **_table_facts(table)}
        names = {"input_names": list(table.input_names), "output_names": list(table.output_names)}
        lines = [f"{fact:<23} {value}" for fact, value in facts.items()]
        lines += [f"{what:<23} {' '.join(list(listed))}" for what, listed in names.items()]
        _report(facts | names, as_json, *lines, *_preview(table))


app.add_typer(theories, name="theory")
app.command()(compare)


def main() -> None:
    """Run the command line."""
    app(sys.argv[1:] or ["--help"])
