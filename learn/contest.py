"""Contests of logic synthesis: every function learned in a process of its own, results kept row by row.

The file of results is one run: one contest, seed, budget and limit; the same command goes on where it was left. It is
replaced whole after every function, so it can be interrupted at any time.
"""

from __future__ import annotations

import csv
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from io import BytesIO, StringIO
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from circuits.aig import and_count, and_levels, hashed
from circuits.errors import GatewrightError
from circuits.formats import encode, read_table
from circuits.table import TruthTable, joined, merged
from circuits.verify import Proof, satisfies, simplified
from learn.errors import ContestError
from learn.evaluate import score
from learn.keys import Key
from learn.outputs import put

BESTS = ("best_2022", "best_2025")
"""Columns of best known AND counts: of the teams of 2022, and of those of 2022 and 2025."""
SECONDS = 120.0
"""What the search of a function may take where nothing is said."""
DIGITS = 6
"""Decimals of the shares in the file of results."""


class Problem(NamedTuple):
    """A function of a contest.

    Attributes:
        given: what is learned from; a learner that validates holds out a part of this.
        train: what the training accuracy is measured on.
        validation: what the validation accuracy is measured on; None where the whole function is given.
    """

    given: TruthTable
    train: TruthTable
    validation: TruthTable | None


class Contest(NamedTuple):
    """A row of :data:`CONTESTS`.

    Attributes:
        pattern: the files of the functions in the contest's folder, one a function, named by what stands before the
            first dot.
        load: folder, function, whether the validation split is learned from too -> the problem.
        splits: whether there is a validation split.
        best: file of best known AND counts in the folder: tab-separated, columns function and ``BESTS``; it may lack.
        max_ands: the contest's limit of AND nodes, if any.
        categories: what a function is about, by the tens of its number; none where that is not told.
        draw: matplotlib axes, rows: draws the rows.
    """

    pattern: str
    load: Callable[[Path, str, bool], Problem]
    splits: bool
    best: str | None
    max_ands: int | None
    categories: tuple[str, ...]
    draw: Callable[[Any, Sequence[Row]], None]


class Run(NamedTuple):
    """What all rows of a file of results have in common.

    Attributes:
        contest: name of a row of :data:`CONTESTS`.
        seed: of every function's key.
        budget: what a function may take, as "120 s" or "40 steps"; see :func:`make_run`.
        max_ands: AND nodes a circuit should keep within, if any.
        final: whether the validation split is learned from too.
    """

    contest: str
    seed: int
    budget: str
    max_ands: int | None
    final: bool


class Row(NamedTuple):
    """The result of a function, a line of the file of results. The first columns are those of :class:`Run`.

    Attributes:
        function: its name.
        steps: steps of the search; as ``learn --steps`` they replay it.
        seconds: time of search, simplification and proof.
        exact: whether the circuit is proved to do all that was learned from.
        train: accuracy on the training split or the whole table: share of patterns with all outputs right.
        validation: accuracy on the validation split, if there is one.
        ands: AND nodes.
        levels: AND nodes on the longest way.
        best_2022: see ``BESTS``; None if not known.
        best_2025: the same.
        ratio: AND nodes over the fewest known, of an exact circuit.
    """

    contest: str
    seed: int
    budget: str
    max_ands: int | None
    final: bool
    function: str
    steps: int
    seconds: float
    exact: bool
    train: float
    validation: float | None
    ands: int
    levels: int
    best_2022: int | None
    best_2025: int | None
    ratio: float | None

    @property
    def run(self) -> Run:
        """The run the row is of."""
        return Run(*(getattr(self, name) for name in Run._fields))


class Failure(NamedTuple):
    """A function that gave no row, and why."""

    function: str
    reason: str


# ---------------------------------------------------------------- contests


def _complete(folder: Path, function: str, final: bool) -> Problem:
    table = read_table(folder / f"{function}.truth")
    return Problem(table, table, None)


def _split(folder: Path, function: str, final: bool) -> Problem:
    train = read_table(folder / "train" / f"{function}.train.pla")
    validation = read_table(folder / "validation" / f"{function}.valid.pla")
    return Problem(joined([train, validation]) if final else train, train, validation)


def _draw_ratios(axes: Any, rows: Sequence[Row]) -> None:
    for best in BESTS:
        ratios = sorted(
            (row.ands / getattr(row, best), row.function) for row in rows if row.exact and getattr(row, best)
        )
        axes.plot(range(len(ratios)), [ratio for ratio, _ in ratios], ".-", label=best.replace("_", " of "))
    axes.axhline(1, color="black", linewidth=0.5)
    axes.set(xlabel="functions, from best to worst", ylabel="AND nodes / best known", yscale="log")


def _draw_accuracies(axes: Any, rows: Sequence[Row]) -> None:
    for category, members in _by_category(rows).items():
        axes.plot([row.ands for row in members], [row.validation for row in members], "o", label=category)
    axes.set(xlabel="AND nodes", ylabel="validation accuracy")
    axes.set_xlim(left=0)


CONTESTS = {
    "iwls2020": Contest(
        "train/ex[0-9][0-9].train.pla",
        _split,
        splits=True,
        best=None,
        max_ands=5000,
        categories=(
            *("adders", "dividers", "multipliers", "comparators", "square roots", "PicoJava", "i10"),
            *("MCNC and symmetric", "MNIST"),
        ),
        draw=_draw_accuracies,
    ),
    "iwls2022": Contest(
        "ex[0-9][0-9].truth",
        _complete,
        splits=False,
        best="best-and-nodes.tsv",
        max_ands=None,
        categories=(),
        draw=_draw_ratios,
    ),
}
"""The contests: IWLS 2020, *Logic synthesis meets machine learning* (arXiv 2012.02530): samples of single outputs; IWLS
2022: complete tables of many outputs."""


def _row(contest: str) -> Contest:
    if contest not in CONTESTS:
        raise ContestError(f"contest: got {contest!r}, expected one of {', '.join(CONTESTS)}")
    return CONTESTS[contest]


def folder_of(contest: str, data_dir: Path) -> Path:
    """Return the folder of a contest's files: ``data_dir`` or its subfolder of the contest's name.

    Raises:
        ContestError: an unknown contest, or no files of it there.
    """
    pattern = _row(contest).pattern
    for folder in (data_dir / contest, data_dir):
        if any(folder.glob(pattern)):
            return folder
    raise ContestError(f"{data_dir}: expected files {pattern} in this folder or its subfolder {contest}, found none")


def functions_of(contest: str, folder: Path, chosen: str | None = None) -> list[str]:
    """List the functions of a contest in a folder, in order.

    Args:
        contest: name of a row of :data:`CONTESTS`.
        folder: of its files.
        chosen: names and ranges of names by commas, as "ex00,ex10-ex19"; of a range those count that are there.

    Raises:
        ContestError: a name that is not there, or a range without any.
    """
    listed = sorted(path.name.partition(".")[0] for path in folder.glob(CONTESTS[contest].pattern))
    if chosen is None:
        return listed
    found: set[str] = set()
    for part in chosen.split(","):
        match = re.fullmatch(r"(ex\d\d)(?:-(ex\d\d))?", part.strip(), re.ASCII)
        first, last = (match[1], match[2] or match[1]) if match else ("", "")
        members = {name for name in listed if first <= name <= last}
        if not members:
            raise ContestError(
                f"functions: got {part.strip()!r}, expected names and ranges such as {listed[0]} or "
                f"{listed[0]}-{listed[-1]}; {folder} has {len(listed)} functions, {listed[0]} to {listed[-1]}"
            )
        found |= members
    return sorted(found)


def make_run(
    contest: str,
    *,
    seed: int = 0,
    seconds: float | None = None,
    steps: int | None = None,
    max_ands: int | None = None,
    final: bool = False,
) -> Run:
    """Say what all functions of a run have in common.

    Args:
        contest: name of a row of :data:`CONTESTS`.
        seed: of every function's key.
        seconds: what the search of a function may take; ``SECONDS`` if steps are not given either.
        steps: the same in steps of the search: the rows can then be repeated.
        max_ands: AND nodes a circuit should keep within; the contest's limit if not given.
        final: learn from the validation split too; its accuracy then tells nothing about other samples.

    Raises:
        ContestError: an unknown contest, a number out of range, both seconds and steps, or no split to add.
        DrawError: a bad seed.
    """
    row = _row(contest)
    if seconds is not None and steps is not None:
        raise ContestError("seconds and steps: got both, expected one of them")
    for name, value in (("seconds", seconds), ("steps", steps), ("max_ands", max_ands)):
        if value is not None and not 0 < value < math.inf:
            raise ContestError(f"{name}: got {value}, expected a number above 0")
    if final and not row.splits:
        raise ContestError(f"final: {contest} has whole tables, no validation split to learn from")
    Key(seed)
    budget = f"{SECONDS if seconds is None else seconds:.15g} s" if steps is None else f"{steps} steps"
    return Run(contest, seed, budget, row.max_ands if max_ands is None else max_ands, final)


def _bests(contest: Contest, folder: Path) -> dict[str, dict[str, int]]:
    """Return the best known AND counts: function -> column -> count; empty where there is no file of them."""
    if contest.best is None or not (path := folder / contest.best).exists():
        return {}
    try:
        with path.open(newline="") as file:
            return {
                line["function"]: {best: int(line[best]) for best in BESTS}
                for line in csv.DictReader(file, delimiter="\t")
            }
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ContestError(f"{path}: expected columns function, {', '.join(BESTS)}: {error}") from None


# ---------------------------------------------------------------- the file of results

_HEADER = ",".join(Row._fields) + "\n"


def _maybe(reader: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: reader(text) if text else None


_READERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("contest", "function", "budget"), str),
    **dict.fromkeys(("seed", "steps", "ands", "levels"), int),
    **dict.fromkeys(("seconds", "train"), float),
    **dict.fromkeys(("final", "exact"), {"True": True, "False": False}.__getitem__),
    **dict.fromkeys(("max_ands", *BESTS), _maybe(int)),
    **dict.fromkeys(("validation", "ratio"), _maybe(float)),
}
"""How a column is read back from ``str`` of its value; None is written as nothing."""


def read_rows(path: Path, run: Run) -> dict[str, Row]:
    """Read a file of results; what stands behind the last whole line is left out, a missing file is empty.

    Args:
        path: the file.
        run: what its rows have to be of.

    Returns:
        function -> row, in the order of the file.

    Raises:
        ContestError: a file that cannot be read, that is no file of results, or of another run.
    """
    try:
        text = path.read_text() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ContestError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if path.suffix != ".csv":
        raise ContestError(f"{path}: got suffix {path.suffix!r}, expected .csv for a file of results")
    if (path.exists() and not path.is_file()) or not (text.startswith(_HEADER) or _HEADER.startswith(text)):
        raise ContestError(f"{path}: is no file of results, expected the columns {_HEADER.strip()}; give another file")
    rows = {}
    readers = [_READERS[name] for name in Row._fields]
    for number, line in enumerate(csv.reader(text[: text.rfind("\n") + 1].splitlines()[1:]), 2):
        try:
            row = Row(*(reader(value) for reader, value in zip(readers, line, strict=True)))
        except (KeyError, ValueError):
            raise ContestError(f"{path}:{number}: is not a row of results; delete it to have it made anew") from None
        if row.run != run:
            what = next(name for name in Run._fields if getattr(row, name) != getattr(run, name))
            raise ContestError(
                f"{path}:{number}: is of another run: {what} {getattr(row, what)}, expected {getattr(run, what)}; "
                "give another file"
            )
        rows[row.function] = row
    return rows


def write_rows(path: Path, rows: dict[str, Row]) -> None:
    """Write a file of results, sorted by function; one that is there already stays until the new one is whole.

    Raises:
        FormatError: the file cannot be written.
    """
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([Row._fields, *(rows[function] for function in sorted(rows))])
    put(path, text.getvalue().encode())


# ---------------------------------------------------------------- the run


def solve(run: Run, folder: Path, function: str, best: dict[str, int]) -> tuple[Row, bytes]:
    """Learn a function of a contest, and prove and measure its circuit.

    Args:
        run: what to do.
        folder: of the contest's files.
        function: its name.
        best: the best known AND counts, by column of ``BESTS``; empty if not known.

    Returns:
        its row, and the circuit as a binary AIGER file.

    Raises:
        GatewrightError: a file that cannot be read, or a search that cannot be made.
    """
    from learn import portfolio, search

    problem = CONTESTS[run.contest].load(folder, function, run.final)
    table, _ = merged(problem.given)
    learn: Callable[..., Iterator[Any]] = portfolio.learn if portfolio.suits(table) else search.learn
    amount, unit = run.budget.split()
    budget: dict[str, Any] = {"seconds": float(amount)} if unit == "s" else {"steps": int(amount)}
    for event in learn(table, key=Key(run.seed), max_ands=run.max_ands, **budget):
        last = event
    begin = time.monotonic()
    circuit, _ = simplified(last.circuit)
    exact = isinstance(satisfies(circuit, table), Proof)
    graph = hashed(circuit)
    ands = and_count(graph)
    row = Row(
        *run,
        function=function,
        steps=last.step,
        seconds=round(last.seconds + time.monotonic() - begin, 3),
        exact=exact,
        train=round(score(circuit, problem.train).accuracy, DIGITS),
        validation=None if problem.validation is None else round(score(circuit, problem.validation).accuracy, DIGITS),
        ands=ands,
        levels=and_levels(graph),
        best_2022=best.get("best_2022"),
        best_2025=best.get("best_2025"),
        ratio=round(ands / min(best.values()), DIGITS) if exact and best and min(best.values()) else None,
    )
    return row, encode(circuit, ".aig")


def _attempt(run: Run, folder: Path, function: str, best: dict[str, int]) -> tuple[Row | Failure, bytes]:
    """Solve a function in a worker: one that fails must not end the run of the others."""
    try:
        return solve(run, folder, function, best)
    except (GatewrightError, OSError, MemoryError) as error:
        return Failure(function, " ".join(str(error).split()) or type(error).__name__), b""


def bench(
    run: Run, folder: Path, functions: Sequence[str], results: Path, *, jobs: int = 1, circuits: Path | None = None
) -> Iterator[Row | Failure]:
    """Solve functions of a contest that a file of results does not have, each in one process, and add their rows.

    Args:
        run: what to do with each; with a budget of steps the rows do not depend on ``jobs``, but for ``seconds``.
        folder: of the contest's files.
        functions: their names.
        results: the file of results; made if missing.
        jobs: processes at once.
        circuits: folder that gets each circuit as FUNCTION.aig before its row is written; made if missing.

    Yields:
        each row as it has been written, and each failure, as they come.

    Raises:
        ContestError: a file of another run, a damaged one of best counts, a bad number, a process that was killed.
        FormatError: a file that cannot be written.
    """
    from joblib import Parallel, delayed

    if jobs < 1:
        raise ContestError(f"jobs: got {jobs}, expected at least 1")
    rows = read_rows(results, run)
    write_rows(results, rows)  # a file that cannot be written is refused before the work
    if circuits is not None:
        try:
            circuits.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ContestError(f"{circuits}: cannot be made: {error.strerror or error}") from None
    bests = _bests(CONTESTS[run.contest], folder)
    tasks = [delayed(_attempt)(run, folder, name, bests.get(name, {})) for name in functions if name not in rows]
    try:
        # Nothing waits in the processes: should this one be killed, each ends after the function it is at.
        for found, circuit in Parallel(jobs, return_as="generator_unordered", pre_dispatch=jobs)(tasks):
            if isinstance(found, Row):
                if circuits is not None:
                    put(circuits / f"{found.function}.aig", circuit)
                rows[found.function] = found
                write_rows(results, rows)
            yield found
    except BrokenProcessPool:
        raise ContestError(
            f"a process was killed, perhaps for its memory; {results} has {len(rows)} rows, go on with fewer than "
            f"{jobs} jobs"
        ) from None


# ---------------------------------------------------------------- what it comes to


def _by_category(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Group rows by their contest's categories, in its order; functions beyond the last one have none."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.function):
        tens = int(row.function[2:]) // 10
        if tens < len(categories := CONTESTS[row.contest].categories):
            found.setdefault(categories[tens], []).append(row)
    return found


def _means(rows: Sequence[Row]) -> dict[str, Any]:
    """Return how many rows there are, and their mean accuracies, AND nodes and levels."""
    facts: dict[str, Any] = {"functions": len(rows), "exact": sum(row.exact for row in rows)}
    for name in ("train", "validation", "ands", "levels") if rows else ():
        values = [value for row in rows if (value := getattr(row, name)) is not None]
        facts[f"mean_{name}"] = round(fmean(values), DIGITS) if values else None
    return facts


def _against(rows: Sequence[Row], column: str) -> dict[str, Any]:
    """Compare exact rows with a column of best known AND counts: sums, and who beats, equals and trails it."""
    known = [(row, best) for row in rows if row.exact and (best := getattr(row, column)) is not None]
    return {
        "functions": len(known),
        "ands": sum(row.ands for row, _ in known),
        "best": sum(best for _, best in known),
        "beaten": [row.function for row, best in known if row.ands < best],
        "equalled": [row.function for row, best in known if row.ands == best],
        "trailed": [row.function for row, best in known if row.ands > best],
    }


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Sum the rows of a run up: means, also by category; the sums of ANDs against the best known, if they are."""
    facts = _means(rows) | {
        "ands": sum(row.ands for row in rows),
        "seconds": round(sum(row.seconds for row in rows), 3),
    }
    facts["over_limit"] = [row.function for row in rows if row.max_ands is not None and row.ands > row.max_ands]
    facts["not_exact"] = [row.function for row in rows if not row.exact]
    facts["best"] = {column: against for column in BESTS if (against := _against(rows, column))["functions"] > 0}
    facts["categories"] = {category: _means(members) for category, members in _by_category(rows).items()}
    return facts


def plot(rows: Sequence[Row], path: Path) -> bool:
    """Draw the rows of a run as a picture; return whether matplotlib is there to do so.

    Raises:
        FormatError: the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    CONTESTS[rows[0].contest].draw(axes, rows)
    axes.set_title(f"{rows[0].contest}, {rows[0].budget} a function, seed {rows[0].seed}")
    axes.grid(alpha=0.3)
    axes.legend()
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    put(path, picture.getvalue())
    return True
