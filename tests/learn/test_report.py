"""Logs of runs and reports: what is kept comes back, figures and data say the same, the command repeats the run."""

import csv
import json
import re
import shlex
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from circuits.circuit import Builder
from circuits.formats import read_circuit
from learn import report
from learn.data import generate
from learn.errors import ReportError
from learn.keys import Key
from learn.report import (
    Chart,
    Log,
    Moment,
    charts,
    confusion,
    figure_of,
    frames,
    read_log,
    sparkline,
    table_of,
    trends,
    write_log,
    write_report,
)
from learn.search import learn


@pytest.fixture(scope="module")
def log():
    found = Log()
    for event in learn(generate("multiplier", 2), key=Key(0), steps=6):
        found.note(event)
    return found


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Run every test in an empty folder."""
    monkeypatch.chdir(tmp_path)


class Outline(HTMLParser):
    """Collect the words of a document, and complain of tags that do not fit together."""

    def __init__(self, text):
        super().__init__()
        self.words, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_data(self, data):
        self.words.append(data)


def test_a_log_comes_back(log, tmp_path):
    (tmp_path / "run.jsonl").write_bytes(write_log(log))
    assert read_log(tmp_path / "run.jsonl") == log


def test_only_changes_are_noted(log):
    assert len(log) >= 2
    assert all(a.circuit != b.circuit for a, b in pairwise(log))
    steps = [moment.facts["step"] for moment in log]
    assert steps == sorted(steps)


def test_passes_come_back_and_are_replayed(tmp_path):
    passes = [Moment({"pass": n, "loss": 1 / n, "flips": 5}) for n in range(1, 301)]
    passes[-1] = passes[-1]._replace(confusion={"no": [7, 2], "yes": [1, 0]})
    (tmp_path / "run.jsonl").write_bytes(write_log(passes))
    assert read_log(tmp_path / "run.jsonl") == passes
    found = frames(passes)
    assert len(found) == 100 and all(frame.circuit is None for frame in found)
    assert (found[0].facts["pass"], found[-1].facts["pass"]) == (1, 300)
    assert found[-1].confusion == {"no": [7, 2], "yes": [1, 0]} and found[-1].facts["loss"] == 0.0033


@pytest.mark.parametrize(
    "line",
    ["hello", "[1]", '{"step": "one"}', '{"step": 1, "circuit": {"format": "other"}}', '{"step": 1, "confusion": [1]}'],
)
def test_other_files_are_no_logs(line, tmp_path):
    (tmp_path / "run.jsonl").write_text('{"step": 1}\n' + line + "\n")
    with pytest.raises(ReportError, match=r"run\.jsonl:2: is no moment"):
        read_log(tmp_path / "run.jsonl")
    with pytest.raises(ReportError, match="cannot be read"):
        read_log(tmp_path / "nothing.jsonl")


def chain(gates):
    b, last = Builder(["a", "b"], fold=False), 0
    for _ in range(gates):
        last = b.add("nand", last, 1)
    return b.circuit({"y": last})


@pytest.mark.parametrize(("moments", "gates", "expected"), [(3, 5, 3), (100, 5, 16), (100, 300, 5), (3, 2000, 0)])
def test_frames_keep_first_and_last_and_stay_few(moments, gates, expected):
    long = [Moment({"step": k, "errors": 0, "moves": 7}, chain(gates)) for k in range(moments)]
    found = frames(long)
    assert len(found) == expected
    if found:
        steps = [frame.facts["step"] for frame in found]
        assert (steps[0], steps[-1]) == (0, moments - 1) and steps == sorted(set(steps))
        assert all(set(frame.facts) == {"step", "errors"} for frame in found)


def test_charts_tell_what_the_log_and_the_circuit_hold(log):
    progress, functions, wiring = charts(log, log[-1].circuit)
    assert list(progress.series["AND nodes"]) == [moment.facts["ands"] for moment in log]
    assert sum(functions.series["first"]) == log[0].circuit.num_gates
    assert sum(functions.series["learned"]) == log[-1].circuit.num_gates
    reads = sum(n * wires for n, wires in zip(wiring.x[1], wiring.series["learned"], strict=True))
    assert reads == len(log[-1].circuit.fanin) + log[-1].circuit.num_outputs
    rows = list(csv.reader(table_of(progress).decode().splitlines()))
    assert rows[0] == ["seconds", *progress.series] and len(rows) == 1 + len(log)


def test_figures_are_drawn_the_same_each_time():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
    chart = Chart("c", "Title & more", ("pass", [1, 2, 3]), {"loss": [3.0, 2.0, 1.0], "flips": [5, 4, 0]})
    first, second = figure_of(chart), figure_of(chart)
    assert first == second and set(first) == {"svg", "png"}
    for kind in ("bars", "matrix"):
        assert set(figure_of(chart._replace(kind=kind))) == {"svg", "png"}
    three = {"zim": [1.0, 2, 3], "zim, least": [0.0, 1, 2], "zim, most": [2.0, 3, 4]}
    for kind in ("bands", "dots"):
        drawn = figure_of(chart._replace(kind=kind, series=three))
        assert b">zim<" in drawn["svg"] and (b">zim, least<" in drawn["svg"]) == (kind == "dots")
    assert first["png"].startswith(b"\x89PNG") and b"Title &amp; more" in first["svg"] and b"loss" in first["svg"]


def test_confusion_counts_answers():
    labels, answers = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 3, 2])
    chart = confusion(labels, answers, ["a", "b", "c"])
    assert chart.series == {"a": [1, 0, 0], "b": [1, 1, 0], "c": [0, 0, 2], "(3)": [0, 0, 1]}
    assert table_of(chart).decode().splitlines() == ["class,a,b,c,(3)", "a,1,1,0,0", "b,0,1,0,0", "c,0,0,2,1"]


def test_a_report_is_whole_without_matplotlib(log, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "figure_of", lambda chart: {})
    facts = {"exact": True, "ands": 7, "accuracy": 0.5, "proof": "equal <b>", "max_ands": None, "history": [1]}
    command = "gatewright learn 'a b.pla' --seed 3"
    written = write_report(tmp_path / "r.html", "<i>name", facts, log, log[-1].circuit, command)
    assert [path.name for path in written] == ["r.html", "r_progress.csv", "r_functions.csv", "r_wiring.csv"]
    words = Outline(written[0].read_text()).words
    assert {"<i>name", "equal <b>", "50.00%", "yes", "7", command} <= {word.removeprefix(": ") for word in words}
    assert "None" not in "".join(words) and all(path.exists() for path in written)


def test_the_command_reports_logs_and_repeats(run, tmp_path):
    code, out, _ = run(
        "learn", "multiplier:2", "--steps", 3, "-q", "-o", "m.json", "--log", "m.jsonl", "--report", "m.html"
    )
    assert code == 0 and "wrote m.html" in out and "wrote m.jsonl" in out
    page = (tmp_path / "m.html").read_text()
    links = re.findall(r'<a href="([^"]+)"', page)
    assert links and all((tmp_path / link).exists() for link in links)
    command = shlex.split(re.search(r"<pre>(.*?)</pre>", page)[1])
    assert command[:3] == ["gatewright", "learn", "multiplier:2"]
    first = read_circuit("m.json")
    assert run(*command[1:], "-q", "-o", "again.json")[0] == 0 and read_circuit("again.json") == first
    moments = read_log(tmp_path / "m.jsonl")
    assert run("draw", "m.json", "--log", "m.jsonl", "-o", "m2.html")[0] == 0
    text = (tmp_path / "m2.html").read_text().split('id="data">')[1].split("</script>")[0]
    assert [frame["facts"].get("step") for frame in json.loads(text)] == [m.facts["step"] for m in moments] + [None]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--report", "r.txt"), "expected a name that ends in .html"),
        (("--log", "r.html"), "expected a name that ends in .jsonl"),
        (("--report", "no/r.html"), "cannot be written"),
        (("--report", "r.html", "-o", "r.html"), "given twice"),
    ],
)
def test_reports_that_could_not_be_written_are_refused_before_the_work(run, arguments, said):
    code, out, err = run("learn", "adder:2", "--seconds", 600, *arguments)
    assert code == 2 and said in err and out == ""


def test_a_training_is_reported(run, tmp_path):
    rows = [f"{a},{b},{a * b % 7},{'yes' if a > b else 'no'}" for a in range(12) for b in range(12)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,class", *rows]) + "\n")
    code, out, err = run(
        "learn",
        "t.csv",
        "--steps",
        2,
        "--tables",
        30,
        "-q",
        "--json",
        "--report",
        "r.html",
        "-o",
        "t.json",
        "-o",
        "t.html",
    )
    assert code == 0, err
    counts = list(csv.reader((tmp_path / "r_confusion.csv").read_text().splitlines()))
    assert counts[0] == ["class", "no", "yes"] and [row[0] for row in counts[1:]] == ["no", "yes"]
    page = (tmp_path / "t.html").read_text().split('id="data">')[1].split("</script>")[0]
    first, last, end = json.loads(page)
    assert first["facts"]["pass"] == 1 and "circuit" not in last and "circuit" in end
    assert list(last["confusion"].values()) == [[int(row[k]) for row in counts[1:]] for k in (1, 2)]
    held_out = json.loads(out)["accuracy"]
    right = sum(int(row[k]) for k, row in enumerate(counts[1:], 1))
    assert right / sum(int(n) for row in counts[1:] for n in row[1:]) == pytest.approx(held_out)
    rows = list(csv.reader((tmp_path / "r_progress.csv").read_text().splitlines()))
    assert rows[0][0] == "pass" and "loss, nats" in rows[0] and [row[0] for row in rows[1:]] == ["1", "2"]
    command = shlex.split(re.search(r"<pre>(.*?)</pre>", (tmp_path / "r.html").read_text())[1])
    assert run(*command[1:], "-q", "-o", "again.json")[0] == 0
    assert read_circuit("again.json") == read_circuit("t.json")


def test_sparklines_are_as_high_as_their_values():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇██"
    assert sparkline([]) == "" and sparkline([0.0, 0.0]) == "▁▁" and sparkline([-1, 5]) == "▁█"
    long = sparkline(range(1000))
    assert len(long) == 24 and list(long) == sorted(long) and (long[0], long[-1]) == ("▁", "█")


def test_trends_are_for_terminals(run, log, monkeypatch):
    (line,) = [line for line in trends(log) if line.startswith("AND nodes")]
    assert line.endswith(f"{log[0].facts['ands']} -> {log[-1].facts['ands']}")
    arguments = ("learn", "multiplier:2", "--steps", 4, "-q")
    assert not any(bar in run(*arguments)[1] for bar in "▁█")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert "█" in run(*arguments)[1]


def test_pictures_of_the_command_line_take_views(run, tmp_path):
    run("learn", "adder:2", "--steps", 1, "-q", "-o", "a.json")
    name = read_circuit("a.json").output_names[0]
    options = ("--cone", name, "--pattern", "1010", "--derivative", "--dark", "--highlight", name)
    assert run("draw", "a.json", "-o", "a.svg", *options)[0] == 0
    assert f"{name} = 0" in (tmp_path / "a.svg").read_text()
    code, _, err = run("draw", "a.json", "-o", "a.svg", "--cone", "nothing")
    assert code == 2 and "has no output 'nothing'" in err and len(err.splitlines()) == 1
