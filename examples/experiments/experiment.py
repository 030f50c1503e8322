"""What every experiment shares: its options, and the table, configuration and picture it writes."""

from __future__ import annotations

import argparse
import csv
import json
import platform
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from learn.outputs import check_places
from learn.report import write_page

SCALES = ("small", "paper")


def options(description: str, *, data: bool = False) -> argparse.ArgumentParser:
    """Return a parser of the options all experiments have, --data-dir where one reads data."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--scale", choices=SCALES, default="small", help="minutes on two cores, or as in the source")
    parser.add_argument("--out", type=Path, default=Path("experiments"), metavar="DIR", help="where results go")
    parser.add_argument("--report", type=page, default=None, metavar="FILE", help="write a page too, .html")
    parser.add_argument("--seed", type=int, default=0)
    if data:
        parser.add_argument("--data-dir", type=Path, default=None, metavar="DIR", help="the folder of idx files")
    parser.set_defaults(started=time.process_time())
    return parser


def page(name: str) -> Path:
    """Return where a page is to be written, before any work is done for it."""
    path = Path(name)
    if path.suffix.lower() != ".html":
        raise argparse.ArgumentTypeError(f"got {name}, expected a name that ends in .html")
    check_places([path])
    return path


def report(
    name: str,
    args: argparse.Namespace,
    rows: Sequence[Mapping[str, Any]],
    draw: Callable[[Any], None],
    **config: Any,
) -> None:
    """Print rows as a table and write ``name.csv``, ``name.json`` and, where matplotlib is installed, ``name.png``.

    With ``--report`` a page shows all of it.

    Args:
        name: of the files.
        args: of the command line; recorded with ``config``.
        rows: mappings of the same keys.
        draw: given a matplotlib figure, draws it.
        config: what else the run depended on.
    """
    args.out.mkdir(parents=True, exist_ok=True)
    shown = [{key: _short(value) for key, value in row.items()} for row in rows]
    widths = {key: max(len(key), *(len(row[key]) for row in shown)) for key in rows[0]}
    print("  ".join(f"{key:>{width}}" for key, width in widths.items()))
    for row in shown:
        print("  ".join(f"{row[key]:>{width}}" for key, width in widths.items()))
    with (args.out / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    given = {key: str(value) for key, value in vars(args).items() if key != "started"}
    facts = {
        "experiment": name,
        "options": given,
        "configuration": config,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "processor_seconds": round(time.process_time() - args.started, 1),
        "rows": rows,
    }
    (args.out / f"{name}.json").write_text(json.dumps(facts, indent=1, default=float) + "\n")
    pictures = []
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed (extra plot)")
    else:
        matplotlib.use("Agg")
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 5), layout="constrained")
        draw(figure)
        figure.savefig(args.out / f"{name}.png", dpi=110)
        figure.savefig(drawn := BytesIO(), format="svg")
        pictures.append(drawn.getvalue())
    if args.report:
        about = sys.modules["__main__"].__doc__ or name
        headline = [(args.scale, "scale"), (f"{facts['processor_seconds']:,.0f} s", "of the processor")]
        notes = [about.strip(), f"Configuration: {json.dumps(config, default=str)}"]
        command = shlex.join(["python", *sys.argv])
        write_page(
            args.report, name.replace("_", " "), headline, notes, {"What it came to": shown}, [], command, pictures
        )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
