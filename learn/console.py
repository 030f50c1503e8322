"""What all verbs share: options, and how results go to stdout, progress and complaints to stderr."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from circuits.circuit import Circuit
    from learn.report import Chart, Moment

FAILED = 1
"""Exit status: the answer is no."""
AUTO, EXACT = "auto", "exact"
"""Choices of ``--model`` beside the models of classifiers and of words."""
REFRESH, PLAIN_REFRESH = 0.1, 5.0  # seconds between two reports of progress, on a terminal and in a log

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="Where the files of a data set such as mnist are.")
]
Label = Annotated[
    str | None, typer.Option(metavar="NAME", help="The column of the labels, by name or number; default the last.")
]


def one_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())


def complain(message: str) -> None:
    """Say something on stderr."""
    print(f"gatewright: {message}", file=sys.stderr, flush=True)


def note(seconds: float, text: str) -> None:
    """Say on stderr how something stands after so many seconds."""
    print(f"{seconds:7.1f} s  {text}", file=sys.stderr, flush=True)


def report(facts: dict[str, Any], as_json: bool, *lines: str) -> None:
    """Print facts as JSON, or lines for a person; without lines the facts themselves."""
    if as_json:
        print(json.dumps(facts))
    else:
        print("\n".join(lines or [f"{name:<13} {value}" for name, value in facts.items()]))


def noun(count: int, name: str) -> str:
    """Return how many there are of what: ``1 gate``, ``2,000 gates``."""
    return f"{count:,} {name}{'' if count == 1 else 's'}"


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collect the first Ctrl-C or SIGTERM instead of dying of it; a second one is Ctrl-C as ever, a third one kills."""
    caught: list[int] = []
    watched = (signal.SIGINT, signal.SIGTERM)

    def note(number: int, frame: object) -> None:
        caught.append(number)
        if len(caught) == 1:
            os.write(2, b"gatewright: stopping after this step; once more to give up\n")  # print is not for handlers
            return
        for each in watched:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, note) for number in watched}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def cores() -> int:
    """Return how many cores this process may use; where the system does not say, how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def progress(
    say: Callable[[Any], str], part: Callable[[Any], tuple[float, float | None]], quiet: bool
) -> Iterator[Callable[[Any], None]]:
    """Yield a function that shows an event: a bar on a terminal, a line now and then in a log, nothing if quiet.

    Args:
        say: returns the line of an event.
        part: returns what is done by an event, and of how much, if that is known.
        quiet: show nothing.
    """
    if quiet:
        yield lambda event: None
    elif not sys.stderr.isatty():
        last = [-PLAIN_REFRESH]

        def line(event: Any) -> None:
            if event.seconds - last[0] >= PLAIN_REFRESH:
                last[0] = event.seconds
                note(event.seconds, say(event))

        yield line
    else:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            SpinnerColumn(),
            BarColumn(20),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[state]}"),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None, state="compiling, a while the first time")
            shown = [0.0]

            def show(event: Any) -> None:
                if time.monotonic() - shown[0] >= REFRESH:
                    shown[0] = time.monotonic()
                    done, total = part(event)
                    bar.update(task, completed=done, total=total, state=say(event))

            yield show


# --- What a run of learning leaves ---


def rate(count: int, seconds: float) -> str:
    """Say how many there are a second: ``1.5M/s``."""
    per_second = count / max(seconds, 1e-9)
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if per_second >= size:
            return f"{per_second / size:.1f}{unit}/s"
    return f"{per_second:.0f}/s"


def conclude(facts: dict[str, Any], as_json: bool, quiet: bool, told: list[tuple[str, str]]) -> None:
    """Print facts as JSON, or what is told of a run: a table on a terminal, lines in a pipe, a file or if quiet.

    Args:
        facts: for programs.
        as_json: print them.
        quiet: print no table.
        told: what a line is about, and the line; nothing where it goes on with what the line before is about.
    """
    if as_json or quiet or not sys.stdout.isatty():
        report(facts, as_json, *(line for _, line in told))
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


def learn_command(names: list[str], options: dict[str, Any]) -> str:
    """Return the command that learns the same again."""
    return shlex.join(["gatewright", "learn", *names, *(str(p) for n, v in options.items() for p in (f"--{n}", v))])


def check_kept(log: Path | None, report: Path | None, outputs: list[Path]) -> None:
    """Refuse a log or a report that could not be written, before any work is done for it."""
    from learn.errors import ReportError
    from learn.outputs import check_places

    for name, path, suffix in (("--log", log, ".jsonl"), ("--report", report, ".html")):
        if path is not None and path.suffix.lower() != suffix:
            raise ReportError(f"{name}: got {path}, expected a name that ends in {suffix}")
    check_places([*outputs, *filter(None, (log, report))])


def wants_log(log: Path | None, report: Path | None, outputs: list[Path]) -> bool:
    """Tell whether a file is asked for that says how a run went."""
    return bool(log or report or any(path.suffix.lower() == ".html" for path in outputs))


def keep(
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


def told_files(written: list[Path]) -> list[tuple[str, str]]:
    """Tell which files were written."""
    return [("" if place else "files", f"wrote {path}") for place, path in enumerate(written)]


def told_trends(moments: list[Moment]) -> list[tuple[str, str]]:
    """Tell how the numbers of a run went, for a terminal that can show it; nothing for a pipe or a file."""
    from learn.report import BARS, trends

    try:
        BARS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return []
    lines = trends(moments) if sys.stdout.isatty() else []
    return [("" if place else "progress", line) for place, line in enumerate(lines)]
