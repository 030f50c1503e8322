"""Comparisons of rules: equal steps, trials and seeds, significance against tables, the verb and its page."""

import csv
import json
import math
import re
import shlex
from contextlib import contextmanager

import numpy as np
import pytest

from circuits.table import sampled_table
from learn import cli_compare
from learn.compare import USUAL, Net, Samples, Table, compare, cost, holm, paired_t, standings, steps_for
from learn.data import load, load_dataset
from learn.errors import CompareError
from learn.keys import Key
from learn.rules import RULES, rules_in
from learn.spaces import Choice, Int

KEY = Key(120, ("compare",))
QUANTILES = {1: 12.7062, 2: 4.30265, 3: 3.18245, 4: 2.77645, 5: 2.57058, 9: 2.26216, 10: 2.22814, 30: 2.04227}
"""Degrees of freedom -> the two-sided 5 % point of Student's distribution, as tables print it."""


@pytest.fixture(scope="module")
def samples():
    from learn.classify import plan_for

    dataset, test = (load_dataset("monk1", split=split) for split in ("train", "test"))
    return Samples(dataset, test, plan_for(dataset, tables=40))


@pytest.fixture(scope="module")
def found(samples):
    return [e.run for e in compare(samples, ["zim", "bold"], seeds=3, rates=(0.1, 0.4), steps=3, key=KEY) if e.run]


@pytest.mark.parametrize("freedom", QUANTILES)
def test_paired_t_against_tables(freedom):
    n = freedom + 1
    noise = np.resize([1.0, -1.0], n) * (1 + np.arange(n) // 2)
    noise -= noise.mean()
    noise /= noise.std(ddof=1) / math.sqrt(n)  # of the mean, the standard error is 1
    assert paired_t(noise + QUANTILES[freedom]) == pytest.approx(0.05, abs=2e-6)
    assert paired_t(noise - QUANTILES[freedom]) == pytest.approx(0.05, abs=2e-6)
    assert paired_t(noise) == pytest.approx(1.0)


def test_paired_t_without_spread():
    assert paired_t([0.0, 0.0]) == 1.0 and paired_t([0.25, 0.25]) == 0.0


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([]) == []


@pytest.mark.parametrize(("kind", "space"), [(Int, Int(-32, 31)), (Choice, Choice(64))])
def test_costs(kind, space):
    for rule in rules_in(kind):
        found = cost(rule, space, 0.15)
        assert (found.random_bits > 0) == (RULES[rule].needs_key or rule in ("heat_bath", "bop")), rule
        assert found.picojoules > 100 / 64 * 48  # the parameter and its vote at least
    adam, votes = (cost(rule, Int(-32, 31), 0.15) for rule in ("adam_binary_connect", "rounding"))
    assert (adam.bytes, votes.bytes, votes.random_bits) == (25, 1, 64)


def test_every_rule_gets_the_same(found):
    trials = [(run.rule, run.rate) for run in found if run.seed < 0]
    assert trials == [(rule, rate) for rule in ("zim", "bold") for rate in (0.1, 0.4)]
    assert [(run.rule, run.seed) for run in found[4:]] == [(r, s) for s in range(3) for r in ("zim", "bold")]
    assert len({run.updates for run in found}) == 1 and all(len(run.curve) == 3 for run in found)
    for run in found[4:]:
        best = max((t for t in found[:4] if t.rule == run.rule), key=lambda t: (t.held_out, np.mean(t.curve)))
        assert run.rate == best.rate
        assert run.compared == run.test and run.held_out == max(run.curve)
        assert 0 < run.changed < 1 and run.flips > 0 and run.parameters == 40 * 64


def test_the_same_key_the_same_results(samples, found):
    again = [e.run for e in compare(samples, ["zim", "bold"], seeds=2, rates=(0.1, 0.4), steps=3, key=KEY) if e.run]
    assert [run[:11] for run in again] == [run[:11] for run in found[:8]]


def test_standings(samples, found):
    first, second = standings(samples, found)
    assert first.compared >= second.compared and first.p is None and first.behind == 0
    ends = {rule: [run.test for run in found if run.rule == rule and run.seed >= 0] for rule in ("zim", "bold")}
    apart = np.subtract(ends[second.rule], ends[first.rule])
    assert second.behind == pytest.approx(apart.mean()) and second.p == pytest.approx(paired_t(apart))
    for each in (first, second):
        assert each.compared == pytest.approx(np.mean(ends[each.rule]))
        assert each.spread == pytest.approx(np.std(ends[each.rule], ddof=1))
        assert all(low <= mean <= high for mean, low, high in each.curve)
        assert each.millijoules == pytest.approx(each.cost.picojoules * 2560 * found[0].updates * 1e-9)
        assert set(each.tried) == {"0.1", "0.4"}


def test_what_stops_early_still_pairs(samples, found):
    assert {each.seeds for each in standings(samples, found[:9])} == {2}  # bold's third is missing
    with pytest.raises(CompareError, match="1 of the seeds"):
        standings(samples, found[:7])


def test_truth_tables_are_grown_by_the_rule():
    task = Table(load(["adder:2"]))
    runs = [e.run for e in compare(task, ["vote", "bold"], seeds=2, rates=(1.0,), steps=6, key=KEY) if e.run]
    assert all(len(run.curve) == 6 and run.compared == pytest.approx(np.mean(run.curve)) for run in runs)
    assert all((run.held_out == 1) == (run.updates < 6 or run.curve[-1] == 1) for run in runs)
    assert all(each.changed is None and each.millijoules is None for each in standings(task, runs))
    assert task.table.complete  # what is given is left alone


def test_steps_fit_the_time(samples):
    few, many = (steps_for(samples, ["vote", "bold"], 2, (0.1,), key=KEY, seconds=s) for s in (1e-3, 1000))
    assert few == 2 < many
    x = Key(1).integers(2, (40, 5))
    table = Table(sampled_table(x, x[:, :1] ^ x[:, 1:2]))
    assert steps_for(table, ["vote", "bold"], 2, (0.1,), key=KEY, seconds=1000) > 2


def test_nets_of_boolean_weights():
    pytest.importorskip("torch")
    dataset, test = (load_dataset("monk1", split=split) for split in ("train", "test"))
    task = Net(dataset, test, (32,))
    runs = [e.run for e in compare(task, ["vote", "bold"], seeds=2, rates=(0.1, 0.5), steps=30, key=KEY) if e.run]
    again = [e.run for e in compare(task, ["vote", "bold"], seeds=2, rates=(0.1, 0.5), steps=30, key=KEY) if e.run]
    assert [run[:11] for run in again] == [run[:11] for run in runs]
    assert all(len(run.curve) == 30 and run.parameters == 6 * 32 + 32 * 2 and run.flips > 0 for run in runs)
    assert all(0 < run.changed < 1 and run.compared == run.test for run in runs)
    assert np.mean([run.test for run in runs if run.rule == "bold"]) > 0.55
    assert {each.seeds for each in standings(task, runs)} == {2}
    assert steps_for(task, ["vote", "bold"], 2, (0.1,), key=KEY, seconds=100) > 2


# --- the verb ---------------------------------------------------------------------------------------------------------

CALL = ["compare", "monk1", "--rules", "vote,bold", "--rates", "0.1,0.4", "--tables", 40, "--seeds", 2, "--steps", 2]


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Run every test in an empty folder."""
    monkeypatch.chdir(tmp_path)


def timeless(facts):
    return [{k: v for k, v in run.items() if k not in ("seconds", "wall")} for run in facts["runs"]]


def test_the_verb_writes_a_page_and_repeats(run, tmp_path):
    code, out, err = run(*CALL, "--json", "-q", "-o", "r.html")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["steps"] == 2 and len(facts["runs"]) == 2 * (2 + 2) and not facts["interrupted"]
    page = (tmp_path / "r.html").read_text()
    assert "Horowitz 2014" in page and page.count("<tr>") == 3 + 3
    rows = list(csv.reader((tmp_path / "r_seeds.csv").read_text().splitlines()))
    best = facts["rules"][0]
    assert np.mean([float(row[1]) for row in rows[1:]]) == pytest.approx(best["compared"])
    rows = list(csv.reader((tmp_path / "r_curves.csv").read_text().splitlines()))
    assert rows[0][:4] == ["pass", best["rule"], f"{best['rule']}, least", f"{best['rule']}, most"] and len(rows) == 3
    command = shlex.split(re.search(r"<pre>(.*?)</pre>", page)[1])
    again = json.loads(run(*command[1:], "--json", "-q")[1])
    assert timeless(again) == timeless(facts)


def test_the_verb_on_a_truth_table(run):
    code, out, err = run("compare", "adder:2", "--rates", "1", "--seeds", 2, "--steps", 4)
    assert code == 0 and "run 1/" in err
    head, columns, *rows = out.splitlines()
    assert head.startswith("4 steps a run; output values right") and "AND nodes" in columns
    assert {row.split()[0] for row in rows} == set(USUAL[Choice])


@pytest.mark.parametrize(("looks", "seeds"), [(7, 0), (25, 2)])
def test_control_c_keeps_what_is_done(run, monkeypatch, looks, seeds):
    class Stops:
        left = looks

        def __bool__(self):
            self.left -= 1
            return self.left <= 0

    @contextmanager
    def stop_signals():
        yield Stops()

    monkeypatch.setattr(cli_compare, "stop_signals", stop_signals)
    monkeypatch.setattr("learn.compare.PULSE", 1e9)  # two looks a pass and one a run
    code, out, err = run(*CALL, "--seeds", 5, "--json", "-q")
    assert "interrupted after" in err
    assert code == (0 if seeds else 2)
    if seeds:
        facts = json.loads(out)
        assert facts["interrupted"] and facts["seeds"] == seeds
    else:
        assert "expected at least 2" in err and out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("monk1", "--rules", "zim,votes"), "rules: got 'votes', expected some of zim, "),
        (("monk1", "--rules", "zim"), "rules: got zim, expected at least two, each once"),
        (("adder:2", "--rules", "vote,sr"), "got 'rounding', expected some of zim, zim_global, bold, vote, heat"),
        (("monk1", "--seeds", "1"), "seeds: got 1, expected at least 2"),
        (("monk1", "--rates", "0"), "rates: got 0.0, expected numbers above 0"),
        (("monk1", "--rates", "a"), "expected numbers such as"),
        (("monk1", "--steps", "0"), "steps: got 0, expected at least 1"),
        (("monk1", "--steps", "1", "--seconds", "1"), "got both"),
        (("monk1", "-o", "r.txt"), "expected a name that ends in .html"),
        (("monk1", "--report", "r.txt"), "expected a name that ends in .html"),
        (("monk1", "--samples", "0"), "--samples: got 0, expected at least 1"),
        (("adder:2", "--tables", "9"), "got a truth table, expected labelled samples"),
        (("adder:2", "--net", "9"), "got a truth table, expected labelled samples"),
        (("monk1", "--net", "9", "--tables", "9"), "--tables and --net: got both"),
        (("monk1", "--net", "a"), "--net: got 'a', expected widths"),
        (("monk1", "monk2"), "got 2 names, expected one"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_line(run, arguments, said):
    code, out, err = run("compare", *arguments)
    assert code == 2 and out == "" and said in err and err.count("\n") == 1
