"""Contests: rows that are proved, files that survive interrupts, an honest validation split, sums that add up."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from circuits.aig import and_count
from circuits.errors import FormatError
from circuits.formats import read_circuit, read_table, write
from circuits.table import complete_table, sampled_table
from circuits.verify import Proof, satisfies
from learn import contest
from learn.contest import Failure, Row, make_run
from learn.data import generate
from learn.errors import ContestError

TABLES = {"ex00": ("majority", 3), "ex01": ("parity", 4), "ex12": ("adder", 2), "ex30": ("comparator", 2)}
BEST = {"ex00": (4, 4), "ex01": (9, 8), "ex12": (100, 50)}
STEPS = 1


def make_tables(folder):
    folder.mkdir(parents=True)
    for function, spelled in TABLES.items():
        write(generate(*spelled), folder / f"{function}.truth")
    lines = ["function\tbest_2022\tbest_2025", *("\t".join(map(str, (name, *best))) for name, best in BEST.items())]
    (folder / "best-and-nodes.tsv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def tables(tmp_path):
    """Make a folder with a small contest of whole tables."""
    return make_tables(tmp_path / "data" / "iwls2022")


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """Solve the small contest by one process: the folder of its tables, the results and the circuits."""
    place = tmp_path_factory.mktemp("solved")
    tables = make_tables(place / "data")
    rows = bench(tables, place / "results.csv", circuits=place / "deep" / "circuits")
    return tables, rows, place / "results.csv", place / "deep" / "circuits"


@pytest.fixture
def samples(tmp_path):
    """Make a folder with a small contest of two splits; the second pattern set of ex01 says the opposite of ex00's."""
    folder = tmp_path / "data" / "iwls2020"
    x = (np.arange(16)[:, None] >> np.arange(4) & 1).astype(bool)
    y = (x[:, :1] & x[:, 1:2]) ^ x[:, 2:3]
    for split, kind, rows in (("train", "train", x[:, 3] == 0), ("validation", "valid", x[:, 3] == 1)):
        (folder / split).mkdir(parents=True)
        for function, flip in (("ex00", False), ("ex01", split == "validation")):
            write(sampled_table(x[rows], y[rows] ^ flip), folder / split / f"{function}.{kind}.pla")
    return folder


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results.csv"


RUN = make_run("iwls2022", steps=STEPS)


def bench(tables, results, **settings):
    return list(contest.bench(RUN, tables, list(TABLES), results, **settings))


def untimed(results, run=RUN):
    return [row._replace(seconds=0) for row in contest.read_rows(results, run).values()]


def row(function, **values):
    made = Row(*RUN, function, STEPS, 0.5, True, 1.0, None, 10, 3, None, None, None)
    return made._replace(**values)


def test_every_row_is_of_a_proved_circuit(solved):
    tables, rows, results, circuits = solved
    assert [r.function for r in rows] == list(TABLES)
    for r in rows:
        circuit = read_circuit(circuits / f"{r.function}.aig")
        assert isinstance(satisfies(circuit, read_table(tables / f"{r.function}.truth")), Proof)
        assert (r.exact, r.train, r.validation, r.ands, r.steps) == (True, 1.0, None, and_count(circuit), STEPS)
        assert (r.best_2022, r.best_2025) == BEST.get(r.function, (None, None))
        assert r.ratio == (round(r.ands / BEST[r.function][1], 6) if r.function in BEST else None)
    assert list(contest.read_rows(results, RUN).values()) == rows


def test_processes_change_nothing(solved, tmp_path):
    tables, _, results, circuits = solved
    bench(tables, tmp_path / "two.csv", jobs=2, circuits=tmp_path)
    assert untimed(results) == untimed(tmp_path / "two.csv")
    for function in TABLES:
        assert (circuits / f"{function}.aig").read_bytes() == (tmp_path / f"{function}.aig").read_bytes()


@pytest.mark.parametrize("done", range(len(TABLES) + 1))
def test_a_run_that_is_left_goes_on(tables, results, monkeypatch, done):
    seconds = count(1)  # no two rows are the same
    monkeypatch.setattr(contest, "solve", lambda run, folder, name, best: (row(name, seconds=next(seconds)), b""))
    going = contest.bench(RUN, tables, list(TABLES), results)
    left = [next(going) for _ in range(done)]
    going.close()
    if left:
        assert list(contest.read_rows(results, RUN).values()) == left
    went_on = bench(tables, results)
    assert [r.function for r in went_on] == list(TABLES)[done:]
    assert list(contest.read_rows(results, RUN).values()) == left + went_on
    assert bench(tables, results) == []


def test_a_file_cut_anywhere_keeps_its_whole_lines(results):
    rows = {name: row(name, validation=0.25, ratio=1.5, max_ands=None) for name in TABLES}
    contest.write_rows(results, rows)
    text = results.read_text()
    for length in range(len(text) + 1):
        results.write_text(text[:length])
        whole = max(text[:length].count("\n") - 1, 0)
        assert contest.read_rows(results, RUN) == {name: rows[name] for name in list(TABLES)[:whole]}


def test_an_interrupt_while_writing_leaves_the_file_before(results, monkeypatch):
    contest.write_rows(results, {"ex00": row("ex00")})

    def interrupted(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        contest.write_rows(results, {"ex00": row("ex00"), "ex01": row("ex01")})
    assert list(contest.read_rows(results, RUN)) == ["ex00"]
    assert list(results.parent.iterdir()) == [results]


def test_the_validation_split_is_only_measured(samples, results):
    straight, flipped = contest.bench(make_run("iwls2020", steps=STEPS), samples, ["ex00", "ex01"], results)
    assert straight.exact and straight.train == 1.0 and straight.max_ands == 5000
    same = dict(function="", seconds=0, validation=0)
    assert straight._replace(**same) == flipped._replace(**same)
    assert straight.validation == 1 - flipped.validation


def test_a_final_run_learns_from_both_splits(samples, results):
    run = make_run("iwls2020", steps=STEPS, final=True)
    for found in contest.bench(run, samples, ["ex00", "ex01"], results):
        assert (found.exact, found.train, found.validation) == (True, 1.0, 1.0)


def test_a_function_that_fails_does_not_stop_the_others(tables, results):
    (tables / "ex01.truth").write_text("01x\n")
    found = bench(tables, results, jobs=2)
    assert [f.function for f in found if isinstance(f, Failure)] == ["ex01"]
    assert list(contest.read_rows(results, RUN)) == [name for name in TABLES if name != "ex01"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (dict(contest="iwls2019"), "iwls2019"),
        (dict(seconds=1.0, steps=1), "both"),
        (dict(seconds=0.0), "seconds: got 0.0"),
        (dict(seconds=float("inf")), "seconds: got inf"),
        (dict(steps=-1), "steps: got -1"),
        (dict(max_ands=0), "max_ands: got 0"),
        (dict(final=True), "no validation split"),
    ],
)
def test_bad_runs_are_refused(settings, said):
    with pytest.raises(ContestError, match=said):
        make_run(**{"contest": "iwls2022", **settings})


@pytest.mark.parametrize(
    "other", [dict(seed=1), dict(budget="3 s"), dict(max_ands=9), dict(final=True), dict(contest="iwls2020")]
)
def test_results_of_another_run_are_refused(tables, results, other):
    contest.write_rows(results, {"ex00": row("ex00", **other)})
    before = results.read_bytes()
    with pytest.raises(ContestError, match=f"another run: {next(iter(other))}"):
        bench(tables, results)
    assert results.read_bytes() == before


@pytest.mark.parametrize("text", ["hello", "a,b\n1,2\n", ",".join(Row._fields) + "\niwls2022,0,nonsense\n"])
def test_files_that_hold_something_else_are_left_alone(tables, results, text):
    results.write_text(text)
    with pytest.raises(ContestError, match=r"results\.csv"):
        bench(tables, results)
    assert results.read_text() == text


def test_places_that_cannot_be_written_are_refused_before_the_work(tables, results, tmp_path, monkeypatch):
    monkeypatch.setattr(contest, "solve", None)
    (tmp_path / "file").touch()
    for place, circuits in (
        (tmp_path / "no" / "r.csv", None),
        (tmp_path / "r.png", None),
        (results, tmp_path / "file"),
    ):
        with pytest.raises((ContestError, FormatError)):
            bench(tables, place, circuits=circuits)
    with pytest.raises(ContestError, match="jobs: got 0"):
        bench(tables, results, jobs=0)


def test_functions_are_chosen_by_names_and_ranges(tables):
    assert contest.functions_of("iwls2022", tables) == list(TABLES)
    assert contest.functions_of("iwls2022", tables, "ex12, ex00-ex11,ex00") == ["ex00", "ex01", "ex12"]
    for wrong in ("", "ex02", "ex05-ex09", "ex00-", "adder", "ex30-ex12"):
        with pytest.raises(ContestError, match="ex00-ex30"):
            contest.functions_of("iwls2022", tables, wrong)


def test_the_folder_is_the_one_given_or_its_subfolder(tables, tmp_path):
    assert contest.folder_of("iwls2022", tables) == contest.folder_of("iwls2022", tables.parent) == tables
    for where in (tables, tmp_path / "nowhere"):
        with pytest.raises(ContestError, match="subfolder iwls2020"):
            contest.folder_of("iwls2020", where)


def test_a_damaged_file_of_best_counts_is_refused_before_the_work(tables, results, monkeypatch):
    monkeypatch.setattr(contest, "solve", None)
    for text in ("function\tbest_2022\nex00\t5\n", "function\tbest_2022\tbest_2025\nex00\t5\tfew\n"):
        (tables / "best-and-nodes.tsv").write_text(text)
        with pytest.raises(ContestError, match=r"best-and-nodes\.tsv"):
            bench(tables, results)


def test_the_summary_adds_up():
    rows = [
        row("ex00", ands=8, best_2022=10, best_2025=8),
        row("ex01", ands=11, best_2022=10, best_2025=9),
        row("ex02", ands=5, best_2022=5),
        row("ex03", ands=1, best_2022=7, best_2025=7, exact=False),
        row("ex04", ands=100, max_ands=50),
    ]
    facts = contest.summary(rows)
    assert (facts["functions"], facts["exact"], facts["ands"], facts["mean_ands"]) == (5, 4, 125, 25)
    assert facts["over_limit"] == ["ex04"] and facts["not_exact"] == ["ex03"] and facts["categories"] == {}
    first, second = facts["best"].values()
    assert (first["functions"], first["ands"], first["best"]) == (3, 24, 25)
    assert (first["beaten"], first["equalled"], first["trailed"]) == (["ex00"], ["ex02"], ["ex01"])
    assert (second["functions"], second["ands"], second["best"]) == (2, 19, 17)
    assert (second["beaten"], second["equalled"], second["trailed"]) == ([], ["ex00"], ["ex01"])


def test_means_are_by_category():
    settings = dict(contest="iwls2020", exact=False)
    rows = [
        row("ex80", train=1.0, validation=0.9, ands=7, **settings),
        row("ex00", train=1.0, validation=0.5, ands=10, **settings),
        row("ex09", train=0.5, validation=0.7, ands=20, **settings),
        row("ex10", train=0.75, validation=0.75, ands=30, **settings),
    ]
    facts = contest.summary(rows)
    assert list(facts["categories"]) == ["adders", "dividers", "MNIST"]
    adders = facts["categories"]["adders"]
    assert (adders["mean_train"], adders["mean_validation"], adders["mean_ands"]) == (0.75, 0.6, 15)
    assert facts["mean_validation"] == 0.7125 and facts["best"] == {}


@pytest.mark.parametrize("name", contest.CONTESTS)
def test_pictures_are_drawn(name, tmp_path):
    pytest.importorskip("matplotlib")
    settings = dict(contest=name, validation=0.9, best_2022=9, best_2025=8)
    assert contest.plot([row(function, **settings) for function in TABLES], tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


# --- the verb ---------------------------------------------------------------------------------------------------------


def test_the_verb_reports_and_goes_on(run, tables, results, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(contest, "solve", lambda run, folder, name, best: (row(name, **best), b""))
    call = ["bench", "iwls2022", "--data-dir", tables.parent, "-o", results, "--steps", STEPS, "--jobs", 1]
    code, out, err = run(*call, "--functions", "ex00-ex01", "--json")
    assert code == 0
    facts = json.loads(out)
    assert (facts["functions"], facts["budget"], facts["written"]) == (2, "1 steps", [str(results)])
    assert err.splitlines()[0].startswith("  1/2  ex00  exact") and "matplotlib is not installed" in err
    code, out, err = run(*call)
    assert code == 0
    assert f"{results} has 2 of 4 functions" in err and "  4/4  ex30" in err and "ex00" not in err
    assert "best_2022" in out and "functions, means     4  exact   4" in out


def test_the_verb_says_what_failed(run, tables, results):
    (tables / "ex01.truth").write_text("01x\n")
    call = ["bench", "iwls2022", "--data-dir", tables, "-o", results]
    code, out, err = run(*call, "--steps", 1, "--jobs", 1, "--functions", "ex00,ex01", "--json")
    assert code == 1
    assert list(json.loads(out)["failures"]) == ["ex01"] and "error: ex01: " in err
    code, _, err = run(*call, "--steps", 2)
    assert code == 2 and err.startswith("gatewright: error: ") and err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interrupted_run_keeps_what_it_has(run, tables, results, monkeypatch):
    # a constant is finished at once, the others take all their time: the signal comes between
    write(complete_table(np.zeros((1, 8), bool), inputs=3), tables / "ex00.truth")
    call = ["bench", "iwls2022", "--data-dir", str(tables), "-o", str(results), "--seconds", "90"]
    command = [sys.executable, "-W", "error", "-m", "learn", *call, "--jobs", "2"]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # which what runs in the background ignores
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heard
    ) as process:
        assert process.stderr.readline().startswith("  1/4  ")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said = process.stderr.read()
    kept = contest.read_rows(results, make_run("iwls2022", seconds=90))
    assert (process.returncode, list(kept)) == (130, ["ex00"])
    assert said.splitlines()[-1] == f"gatewright: interrupted, {results} has 1 of 4 functions; the same command goes on"
    assert {path.name for path in results.parent.iterdir()} == {results.name, "data"}
    monkeypatch.setattr(contest, "solve", lambda run, folder, name, best: (row(name)._replace(**run._asdict()), b""))
    assert run(*call, "--jobs", 1, "-q")[0] == 0
    rows = contest.read_rows(results, make_run("iwls2022", seconds=90))
    assert list(rows) == list(TABLES) and rows["ex00"] == kept["ex00"]


def test_a_run_told_to_end_keeps_what_it_has(run, tables, results, monkeypatch):
    def solve(run, folder, function, best):
        if function == "ex12":
            os.kill(os.getpid(), signal.SIGTERM)
        return row(function), b""

    monkeypatch.setattr(contest, "solve", solve)
    call = ["bench", "iwls2022", "--data-dir", tables, "-o", results, "--steps", STEPS, "--jobs", 1, "-q"]
    code, out, err = run(*call)
    assert (code, out) == (130, "")
    assert err == f"gatewright: interrupted, {results} has 2 of 4 functions; the same command goes on\n"
    assert list(contest.read_rows(results, RUN)) == ["ex00", "ex01"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
