"""The command line. Results go to stdout, progress and complaints to stderr.

Everything heavy is imported by the verb that needs it, so that ``--help`` and ``stats`` answer at once.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from circuits.errors import GatewrightError
from learn.cli_compare import compare
from learn.cli_learn import anything, circuit_facts, circuit_named, is_labelled, learn, learn_table
from learn.cli_theory import theories
from learn.console import (
    AUTO,
    FAILED,
    DataDir,
    Json,
    Label,
    complain,
    cores,
    noun,
    one_line,
)
from learn.console import report as _report

if TYPE_CHECKING:
    from circuits.circuit import Circuit
    from circuits.table import TruthTable
    from circuits.verify import Verdict
    from learn.contest import Row

BAD = 2  # exit status: there is no answer
DEMO = ("aig", "aag", "blif", "v", "json", "truth", "dot", "svg")
DEMO_SECONDS = 5.0
STATS_LUT_ANDS = 1500  # larger graphs take longer to map than stats may


class _Verbs(TyperGroup):
    """Turn what a verb raises, and a wrong call, into one line on stderr and exit status 2."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except Exception as error:
            if not hasattr(error, "format_message"):  # how typer's own errors say what is wrong
                raise
            where = getattr(getattr(error, "ctx", None), "command_path", "gatewright")
            complain(f"error: {' '.join(error.format_message().split())} (see {where} --help)")
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
            complain("interrupted, nothing written")
            raise typer.Exit(130) from None
        except (GatewrightError, OSError) as error:
            _traceback_if_asked(ctx)
            complain(f"error: {one_line(error)}")
        except MemoryError:
            complain("error: not enough memory for this")
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("typer", "click"):  # usage errors and exits, said by typer
                raise
            _traceback_if_asked(ctx)
            complain(
                f"internal error: {type(error).__name__}: {one_line(error)} "
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


app.command()(learn)


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
    raise typer.Exit(
        learn_table(["seven_segment"], paths, exact=True, seconds=DEMO_SECONDS, as_json=as_json, quiet=quiet)
    )


# --- bench ------------------------------------------------------------------------------------------------------------


def _say_row(row: Row) -> str:
    """Return the result of a function in one line."""
    held_out = "" if row.validation is None else f"  validation {row.validation:.2%}"
    best = "" if row.ratio is None else f"  best {row.best_2022} of 2022, {row.best_2025} of 2025"
    exact = "exact" if row.exact else f"training {row.train:.2%}"
    sizes = f"{noun(row.ands, 'AND node')}  {noun(row.levels, 'level')}"
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
        complain(f"{output} has {done} of {noun(len(chosen), 'function')}")
    failures: dict[str, str] = {}
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        workers = cores() if jobs is None else jobs
        for found in contests.bench(run, folder, chosen, output, jobs=workers, circuits=circuits):
            if isinstance(found, contests.Failure):
                failures[found.function] = found.reason
                complain(f"error: {found.function}: {found.reason}; going on without it")
                continue
            done += 1
            if not quiet:
                print(f"{done:>3}/{len(chosen)}  {_say_row(found)}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        complain(f"interrupted, {output} has {done} of {noun(len(chosen), 'function')}; the same command goes on")
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
    rows = list(contests.read_rows(output, run).values())
    picture = output.with_suffix(".png")
    drawn = bool(rows) and contests.plot(rows, picture)
    if rows and not drawn:
        complain("no picture: matplotlib is not installed (extra plot)")
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

    if is_labelled(data, AUTO):
        from learn.classify import classes_of

        split = split or ("test" if data[0] in DATASETS else "all")
        dataset = load_dataset(data[0], split=split, data_dir=data_dir, label=label)
        right = classes_of(circuit_named(circuit), dataset.features) == dataset.labels
        _report(
            {"accuracy": float(right.mean()), "patterns": len(right), "errors": int((~right).sum()), "split": split},
            as_json,
        )
        return
    _report(score(circuit_named(circuit), load(data))._asdict(), as_json)


@app.command()
def stats(
    circuit: str,
    luts: Annotated[bool, typer.Option("--luts", help="Count 6-LUTs of large circuits too; takes a while.")] = False,
    as_json: Json = False,
) -> None:
    """Count a circuit's gates by kind, AND and XOR-AND nodes, 6-LUTs (our mapper), levels; or a table's patterns."""
    from circuits.circuit import Circuit

    found = anything(circuit)
    if isinstance(found, Circuit):
        facts = circuit_facts(found)
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

    first, second = anything(a), anything(b)
    for what, names_a, names_b in (
        ("inputs", first.input_names, second.input_names),
        ("outputs", first.output_names, second.output_names),
    ):
        if names_a != names_b and set(names_a) == set(names_b):
            complain(f"warning: the {what} of {a} and {b} have the same names in another order; matched by position")
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
    circuit = circuit_named(source)
    failures: list[str] = []

    def report(error: Exception) -> None:
        failures.append(one_line(error))
        complain(f"warning: {failures[-1]}; going on without it")

    smaller, verdict = simplified(circuit, tools=(optimised, tools.abc) if abc else (optimised,), report=report)
    before, after = and_count(circuit), and_count(smaller)
    write_all(smaller, [target])
    facts = {"ands_before": before, "ands": after, "gates": smaller.num_gates, "proof": str(verdict)}
    _report(
        facts | {"failures": failures},
        as_json,
        f"{before:,} -> {noun(after, 'AND node')}, proved: {verdict}",
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
        found = anything(source)
    else:
        check_outputs([target, testbench])
        found = circuit = circuit_named(source)
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
    for path in write_all(circuit_named(circuit), output, view=view, frames=replayed):
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
        complain(f"the files of {name} are in {place}")
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
    elif is_labelled([name], AUTO):
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
