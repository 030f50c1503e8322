"""What all verbs share: options, and how results go to stdout, progress and complaints to stderr."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

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
                print(f"{event.seconds:7.1f} s  {say(event)}", file=sys.stderr, flush=True)

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
