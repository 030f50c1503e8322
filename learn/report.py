"""What is kept of a run: a log of the circuits on the way, and a report of what it came to, with figures and data.

A log is lines of JSON, one a moment: its numbers, and the circuit in the native format where there is one.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.draw import OVERVIEW, Frame, render
from circuits.errors import GatewrightError
from circuits.formats import native
from circuits.order import fanout_counts
from learn.errors import ReportError
from learn.outputs import put

if TYPE_CHECKING:
    from circuits.circuit import Circuit

FRAMES, FRAME_GATES = 16, 1500
"""A page replays at most so many circuits, of at most so many gates together, which keeps it below three megabytes."""
PASSES = 100
"""A page replays the numbers of at most so many passes."""
REPLAYED = ("step", "errors", "ands", "held_out", "pass", "loss", "accuracy", "validation", "flips", "swaps")
"""The numbers that a page replays."""
SEARCH = ("step", "seconds", "errors", "ands", "gates", "moves", "changes", "held_out", "train")
"""The numbers of an event that are kept, where it has them."""


class Moment(NamedTuple):
    """Where a run stood.

    Attributes:
        facts: numbers by name.
        circuit: the best circuit then, if there was one.
        confusion: of a classifier: answer -> how often it was given, one number a class.
    """

    facts: dict[str, float]
    circuit: Circuit | None = None
    confusion: Mapping[str, Sequence[float]] | None = None


class Log(list[Moment]):
    """The moments of a run at which its best circuit changed.

    Args:
        circuits: whether to keep the circuits too.
    """

    def __init__(self, circuits: bool = True) -> None:
        super().__init__()
        self._circuits = circuits
        self._last: Circuit | None = None

    def note(self, event: Any) -> None:
        """Keep an event of a search or a portfolio, if its circuit is another than the last one's."""
        if event.circuit != self._last:
            self._last = event.circuit
            facts = {name: getattr(event, name) for name in SEARCH if hasattr(event, name)}
            self.append(Moment(facts, event.circuit if self._circuits else None))

    def note_passes(self, history: Sequence[Any]) -> None:
        """Keep the passes of a training."""
        for number, done in enumerate(history, 1):
            found = done._asdict()
            facts = {name: v for name, v in found.items() if isinstance(v, int | float) and math.isfinite(v)}
            self.append(Moment({"pass": number, **facts, "flips": sum(done.flips)}))


def write_log(log: Sequence[Moment]) -> bytes:
    """Return a log as lines of JSON."""

    def line(moment: Moment) -> str:
        circuit = {} if moment.circuit is None else {"circuit": json.loads(native.write(moment.circuit))}
        confusion = {} if moment.confusion is None else {"confusion": dict(moment.confusion)}
        return json.dumps(moment.facts | confusion | circuit) + "\n"

    return "".join(map(line, log)).encode()


def read_log(path: Path) -> list[Moment]:
    """Read what :func:`write_log` wrote.

    Raises:
        ReportError: a file that cannot be read, or a line that is no moment of a run.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not text'}") from None
    log = []
    for number, line in enumerate(lines, 1):
        try:
            facts = json.loads(line)
            circuit, confusion = facts.pop("circuit", None), facts.pop("confusion", None)
            if confusion is not None:
                confusion = {answer: [int(count) for count in counts] for answer, counts in confusion.items()}
            parsed = None if circuit is None else native.parse(json.dumps(circuit).encode(), "circuit")
            log.append(Moment({name: float(v) if v % 1 else int(v) for name, v in facts.items()}, parsed, confusion))
        except (ValueError, TypeError, AttributeError, GatewrightError) as error:
            said = error if isinstance(error, GatewrightError) else "expected numbers by name, and a circuit"
            raise ReportError(f"{path}:{number}: is no moment of a run: {said}; learn --log writes them") from None
    return log


def frames(log: Sequence[Moment]) -> list[Frame]:
    """Return the moments of a log that a page replays, evenly chosen, the first and the last among them.

    Where none has a circuit, as the passes of a training, their numbers are replayed.
    """
    found = [moment for moment in log if moment.circuit is not None] or list(log)
    gates = [moment.circuit.num_gates for moment in found if moment.circuit is not None]
    count = min(len(found), FRAMES, FRAME_GATES // max(*gates, 1)) if gates else min(len(found), PASSES)
    chosen = (found[round(k * (len(found) - 1) / max(count - 1, 1))] for k in range(count))
    return [
        Frame(
            moment.circuit,
            {name: round(moment.facts[name], 4) for name in REPLAYED if name in moment.facts},
            moment.confusion or {},
        )
        for moment in chosen
    ]


BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 24) -> str:
    """Return a line of bars as high as the values, thinned out evenly to ``width``; zero is the lowest bar."""
    most, top = max(values, default=0), len(BARS) - 1
    count = min(len(values), width)
    chosen = (values[round(k * (len(values) - 1) / max(count - 1, 1))] for k in range(count))
    return "".join(BARS[min(max(int(len(BARS) * value / most), 0), top)] if most > 0 else BARS[0] for value in chosen)


def trends(log: Sequence[Moment]) -> list[str]:
    """Return a line a number of a log: its name, how it went, its first and last value."""
    told = []
    for name, label in CURVES.items():
        values = [moment.facts[name] for moment in log if name in moment.facts]
        if len(values) > 1 and len(set(values)) > 1:
            told.append(f"{label:<20} {sparkline(values)}  {values[0]:,.5g} -> {values[-1]:,.5g}")
    return told


# --- The report -------------------------------------------------------------------------------------------------------


class Chart(NamedTuple):
    """A figure, before it is drawn.

    Attributes:
        name: the ending of its files' names.
        title: what it shows.
        x: label and values of the horizontal axis.
        series: label -> values, as many as x.
        kind: curves, each in a panel of its own; bars; a matrix, a column a series; dots, a row a series; or bands, of
            three series each: a curve, its lower and its upper edge.
    """

    name: str
    title: str
    x: tuple[str, Sequence[Any]]
    series: Mapping[str, Sequence[float]]
    kind: str = "curves"


CURVES = {
    "errors": "wrong output values", "ands": "AND nodes", "held_out": "accuracy, held out", "train": "accuracy, all",
    "loss": "loss, nats", "accuracy": "accuracy, training", "validation": "accuracy, held out", "flips": "flipped bits",
    "swaps": "swapped pins",
}  # fmt: skip
"""Number of a moment -> what its curve is called."""
LABELS = {
    "errors": "wrong output values", "ands": "AND nodes", "levels": "levels of AND nodes", "luts6": "6-LUTs",
    "bit_accuracy": "output values right", "held_out_accuracy": "held out right", "accuracy": "accuracy",
    "compared": "inputs on which circuit and model were compared",
}  # fmt: skip
"""Fact -> what it is called, where that is not its name."""
HEADLINE = ("exact", "accuracy", "held_out_accuracy", "ands", "levels", "gates", "luts6", "seconds")
PROOF = ("proof", "compared")


def charts(log: Sequence[Moment], circuit: Circuit) -> list[Chart]:
    """Return the figures of a run: how it went, its gates and how often wires are read, before and after."""
    found: list[Chart] = []
    axis = "pass" if log and "pass" in log[0].facts else "seconds"
    curves = {label: [m.facts.get(name, math.nan) for m in log] for name, label in CURVES.items()}
    curves = {label: values for label, values in curves.items() if any(values) and all(map(math.isfinite, values))}
    if len(log) > 1 and curves:
        found.append(Chart("progress", "How the run went", (axis, [m.facts[axis] for m in log]), curves))
    first = [moment.circuit for moment in log if moment.circuit is not None][:1]
    stages = dict(zip(("first", "learned")[-1 - len(first) :], [*first, circuit], strict=True))
    kinds = {stage: Counter(op for op, _, _ in each.gates()) for stage, each in stages.items()}
    reads = {stage: Counter(fanout_counts(each).tolist()) for stage, each in stages.items()}
    for name, title, label, counters in (
        ("functions", "Gates by function", "function", kinds),
        ("wiring", "How many wires are read how often", "readers", reads),
    ):
        places: list[Any] = sorted({place for counter in counters.values() for place in counter})
        series = {stage: [counter[place] for place in places] for stage, counter in counters.items()}
        if places:
            found.append(Chart(name, title, (label, places), series, "bars"))
    return found


def table_of(chart: Chart) -> bytes:
    """Return the data of a figure as CSV: a column for x, one a series."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([chart.x[0], *chart.series])
    writer.writerows(zip(chart.x[1], *chart.series.values(), strict=True))
    return text.getvalue().encode()


def figure_of(chart: Chart) -> dict[str, bytes]:
    """Return a figure as SVG and PNG, drawn by matplotlib; nothing where that is not installed."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        return {}
    settings = {"svg.fonttype": "none", "svg.hashsalt": chart.name, "font.size": 9, "axes.spines.top": False}
    with matplotlib.rc_context({**settings, "axes.spines.right": False}):
        figure = PLOTS[chart.kind](chart, Figure)
        figure.suptitle(chart.title, x=0.01, ha="left")
        made = {}
        for kind, extra in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": 144})):
            drawn = io.BytesIO()
            figure.savefig(drawn, format=kind, **extra)
            made[kind] = drawn.getvalue()
    return made


def _curves(chart: Chart, figure_type: Any) -> Any:
    label, places = chart.x
    figure = figure_type(figsize=(7, 1.2 + 1.3 * len(chart.series)), layout="constrained")
    axes = figure.subplots(len(chart.series), sharex=True, squeeze=False)[:, 0]
    for each, (name, values) in zip(axes, chart.series.items(), strict=True):
        # A search holds its best until it finds a better one; a pass has one value.
        each.plot(places, values, color="#0072b2", drawstyle="steps-post" if label == "seconds" else None)
        each.set_ylabel(name.replace(", ", ",\n"))
        each.grid(alpha=0.25)
    axes[-1].set_xlabel(label)
    return figure


def _bars(chart: Chart, figure_type: Any) -> Any:
    label, categories = chart.x
    figure = figure_type(figsize=(7, 2.4), layout="constrained")
    axes = figure.subplots()
    wide = 0.8 / len(chart.series)
    for k, (name, heights) in enumerate(chart.series.items()):
        places = [place + (k - (len(chart.series) - 1) / 2) * wide for place in range(len(categories))]
        axes.bar(places, heights, wide, label=name, color=("#56b4e9", "#0072b2")[k - len(chart.series)])
    axes.set_xticks(range(len(categories)), list(map(str, categories)), rotation=90 if len(categories) > 16 else 0)
    axes.set_xlabel(label)
    axes.grid(alpha=0.25)
    if len(chart.series) > 1:
        axes.legend(frameon=False)
    return figure


def _matrix(chart: Chart, figure_type: Any) -> Any:
    label, rows = chart.x
    counts = list(zip(*chart.series.values(), strict=True))
    side = min(1.6 + 0.42 * len(rows), 12)
    figure = figure_type(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    # Each row by its own sum, so that a rare class is seen as well as a frequent one.
    axes.imshow([[count / max(sum(row), 1) for count in row] for row in counts], cmap="Blues", vmin=0, vmax=1)
    for r, row in enumerate(counts):
        for c, count in enumerate(row):
            if count and len(rows) <= 26:
                color = "white" if 2 * count > sum(row) else "black"
                axes.text(c, r, f"{count}", ha="center", va="center", fontsize=8, color=color)
    axes.set_xticks(range(len(chart.series)), list(chart.series), rotation=90)
    axes.set_yticks(range(len(rows)), list(map(str, rows)))
    axes.set_xlabel("answer")
    axes.set_ylabel(label)
    return figure


COLORS = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"
"""Told apart by those who see few colours too (Okabe and Ito 2008)."""


def _bands(chart: Chart, figure_type: Any) -> Any:
    label, places = chart.x
    figure = figure_type(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    names = list(chart.series)
    for k, (name, low, high) in enumerate(zip(names[::3], names[1::3], names[2::3], strict=True)):
        color, line = COLORS[k % len(COLORS)], ("-", "--", ":")[k // len(COLORS) % 3]
        marker = "o" if len(places) <= 20 else None
        axes.plot(places, chart.series[name], line, color=color, label=name, marker=marker, markersize=3)
        axes.fill_between(places, chart.series[low], chart.series[high], color=color, alpha=0.15, linewidth=0)
    axes.set_xlabel(label)
    axes.xaxis.get_major_locator().set_params(integer=True)  # of steps there are no halves
    axes.grid(alpha=0.25)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def _dots(chart: Chart, figure_type: Any) -> Any:
    figure = figure_type(figsize=(7, 1 + 0.32 * len(chart.series)), layout="constrained")
    axes = figure.subplots()
    for k, values in enumerate(chart.series.values()):
        color = COLORS[k % len(COLORS)]
        axes.plot(values, [k] * len(values), "o", color=color, alpha=0.6)
        axes.plot([float(np.mean(values))], [k], "|", color=color, markersize=18, markeredgewidth=2)
    axes.set_yticks(range(len(chart.series)), list(chart.series))
    axes.invert_yaxis()
    axes.grid(alpha=0.25)
    return figure


PLOTS = {"curves": _curves, "bars": _bars, "matrix": _matrix, "bands": _bands, "dots": _dots}


def confusion(labels: NDArray[np.int64], answers: NDArray[np.int64], names: Sequence[str]) -> Chart:
    """Return the figure of what a classifier answers: a row a true class, a column an answer.

    Args:
        labels: true classes, (samples,).
        answers: what the circuit answers, (samples,); what is no class counts as another column.
        names: of the classes.
    """
    columns = max(len(names), int(answers.max(initial=0)) + 1)
    counts = np.zeros((len(names), columns), np.int64)
    np.add.at(counts, (labels, answers), 1)
    called = [*map(str, names), *(f"({k})" for k in range(len(names), columns))]
    series = {name: counts[:, k].tolist() for k, name in enumerate(called)}
    return Chart("confusion", "Answers to the held-out samples", ("class", called[: len(names)]), series, "matrix")


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2%}" if "accuracy" in name else f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)


_STYLE = """
body { font: 15px/1.5 Helvetica, Arial, "Liberation Sans", sans-serif; color: #22303c; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } .quiet, dt { color: #5b6773; }
.headline { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0; padding: 0; list-style: none; }
.headline li { border: 1px solid #d5dbe0; border-radius: 6px; padding: .5rem .9rem; }
.headline b { display: block; font-size: 1.3rem; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; } pre { background: #f6f8f9; padding: .7rem 1rem;
  overflow-x: auto; white-space: pre-wrap; }
table { border-collapse: collapse; font-size: .82rem; } th { color: #5b6773; font-weight: normal;
  vertical-align: bottom; }
td { white-space: nowrap; } th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid #d5dbe0; }
th:first-child, td:first-child { text-align: left; } .ranked tbody tr:first-child { font-weight: bold; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
dd { margin: 0; overflow-wrap: anywhere; } @media print { figure, li { break-inside: avoid; } }
"""


def _inline(data: bytes) -> str:
    """Return an SVG without what stands before its root."""
    return re.sub(r"^.*?(?=<svg)", "", data.decode(), flags=re.DOTALL)


def write_report(
    path: Path,
    title: str,
    facts: Mapping[str, Any],
    log: Sequence[Moment],
    circuit: Circuit,
    repeat: str,
    more: Sequence[Chart] = (),
) -> list[Path]:
    """Write a report, and beside it the data of every figure, and the figures where matplotlib is installed.

    Args:
        path: the .html.
        title: what was learned.
        facts: what is known of the run and its circuit.
        log: how it went.
        circuit: what was learned.
        repeat: the command that repeats it.
        more: figures beside those of every run.

    Returns:
        the files written, the report first.

    Raises:
        FormatError: a file that cannot be written.
    """
    sections, beside = _figures(path, [*more, *charts(log, circuit)])
    if circuit.num_gates <= OVERVIEW:
        sections.append(f"<h2>The circuit</h2><figure>{_inline(render(circuit, 'svg'))}</figure>")
    put(path, _html(title, facts, repeat, sections).encode())
    return [path, *beside]


def write_page(
    path: Path,
    title: str,
    headline: Sequence[tuple[str, str]],
    notes: Sequence[str],
    tables: Mapping[str, Sequence[Mapping[str, str]]],
    charts: Sequence[Chart],
    repeat: str,
    pictures: Sequence[bytes] = (),
) -> list[Path]:
    """Write a page of tables and figures, and beside it the figures' files and data, as :func:`write_report` does.

    Args:
        path: the .html.
        title: of the page.
        headline: what stands large, and what it is.
        notes: paragraphs.
        tables: heading -> rows of the same columns; columns that hold nothing are left out.
        charts: the figures; they stand behind the first table.
        repeat: the command that makes the page again.
        pictures: SVG, shown as they are before everything.

    Returns:
        the files written, the page first.

    Raises:
        FormatError: a file that cannot be written.
    """
    figures, beside = _figures(path, charts)
    ranked = not pictures  # then the first row is the best
    first, *others = (f"<h2>{escape(heading)}</h2>\n{_table(rows, ranked)}" for heading, rows in tables.items())
    told = [f"<p>{escape(note)}</p>" for note in notes]
    shown = [f"<figure>{_inline(picture)}</figure>" for picture in pictures]
    sections = [*shown, first, *told[:1], *figures, *others, *told[1:], _repeated(repeat)]
    put(path, _frame(title, headline, sections).encode())
    return [path, *beside]


def _table(rows: Sequence[Mapping[str, str]], ranked: bool) -> str:
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(row[name])}</td>" for name in columns) + "</tr>" for row in rows)
    kind = ' class="ranked"' if ranked else ""
    return f"<table{kind}><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def _figures(path: Path, charts: Sequence[Chart]) -> tuple[list[str], list[Path]]:
    """Write the files of figures beside a page; return its sections that show them, and the files."""
    sections: list[str] = []
    beside: list[Path] = []
    for chart in charts:
        files = {"csv": table_of(chart), **figure_of(chart)}
        named = {kind: path.with_name(f"{path.stem}_{chart.name}.{kind}") for kind in files}
        for kind, data in files.items():
            put(named[kind], data)
        beside += named.values()
        links = ", ".join(f'<a href="{escape(place.name)}">{kind}</a>' for kind, place in sorted(named.items()))
        drawn = _inline(files["svg"]) if "svg" in files else "no figure: matplotlib is not installed (extra plot)"
        sections.append(
            f'<figure>{drawn}<figcaption class="quiet">{escape(chart.title)}: {links}</figcaption></figure>'
        )
    return sections, beside


def _frame(title: str, headline: Sequence[tuple[str, str]], sections: Sequence[str]) -> str:
    """Return a page: its head, what stands large with what it is, and sections of HTML."""
    tiles = [f"<li><b>{escape(value)}</b>{escape(what)}</li>" for value, what in headline]
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>",
            '<ul class="headline">',
            *tiles,
            "</ul>",
            *sections,
            "</body>\n</html>\n",
        ]
    )


def _repeated(repeat: str) -> str:
    return f"<h2>How to repeat it</h2>\n<pre>{escape(repeat)}</pre>"


def _label(name: str) -> str:
    return LABELS.get(name, name.replace("_", " "))


def _html(title: str, facts: Mapping[str, Any], repeat: str, sections: Sequence[str]) -> str:
    headline = [(_shown(name, facts[name]), _label(name)) for name in HEADLINE if facts.get(name) is not None]
    proof = [
        f"<p><b>{escape(_label(name))}</b>: {escape(_shown(name, facts[name]))}</p>" for name in PROOF if name in facts
    ]
    known = [
        f"<dt>{escape(_label(name))}</dt><dd>{escape(_shown(name, value))}</dd>"
        for name, value in facts.items()
        if value is not None and not isinstance(value, list | dict)
    ]
    last = ["<h2>All that is known</h2>\n<dl>", *known, "</dl>"]
    return _frame(title, headline, [*proof, _repeated(repeat), *sections, *last])
